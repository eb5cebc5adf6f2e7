// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The few language helpers every file uses: cleanup, moving values, compile-time facts. */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define _cleanup_(f)      __attribute__((cleanup(f)))
#define _must_use_        __attribute__((warn_unused_result))
#define _printf_(a, b)    __attribute__((format(printf, a, b)))
#define _pure_            __attribute__((pure))
#define _unused_          __attribute__((unused))
#define _noreturn_        __attribute__((noreturn))
#define _returns_nonnull_ __attribute__((returns_nonnull))

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))
#define CONST_MAX(a, b)   ((a) > (b) ? (a) : (b))
#define MIN(a, b)                                  \
        ({                                         \
                __typeof__(a) _min_a = (a);        \
                __typeof__(b) _min_b = (b);        \
                _min_a < _min_b ? _min_a : _min_b; \
        })
#define MAX(a, b)                                  \
        ({                                         \
                __typeof__(a) _max_a = (a);        \
                __typeof__(b) _max_b = (b);        \
                _max_a > _max_b ? _max_a : _max_b; \
        })

/* Moves a value out of a variable and leaves the empty value behind, so that the cleanup of the
 * variable becomes a no-op. */
#define TAKE(var, empty)                         \
        ({                                       \
                __typeof__(var) *_slot = &(var); \
                __typeof__(var) _moved = *_slot; \
                *_slot = (empty);                \
                _moved;                          \
        })
#define TAKE_PTR(ptr) TAKE(ptr, NULL)
#define TAKE_FD(fd)   TAKE(fd, -EBADF)

/* Gives x_free() its cleanup companion x_freep(). x_free(NULL) must be harmless. */
#define DEFINE_CLEANUP(type, func)                         \
        static inline _unused_ void func##p(type **slot) { \
                if (*slot)                                 \
                        *slot = func(*slot);               \
        }

#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define NSEC_PER_SEC  UINT64_C(1000000000)
#define USEC_INFINITY UINT64_MAX
#define KIBIBYTE      UINT64_C(1024)
#define MEBIBYTE      (UINT64_C(1024) * 1024)
#define GIBIBYTE      (UINT64_C(1024) * 1024 * 1024)

static inline _unused_ void freep(void *slot) {
        free(*(void **) slot);
}
