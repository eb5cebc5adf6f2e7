// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The test frame: TEST(subject_condition_outcome) registers itself, assertions print what was found
 * and end the program. Skipping says why and makes the whole program exit with 77 if nothing ran. */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Test {
        const char *name;
        void (*run)(void);
        struct Test *next;
} Test;

void test_register(Test *test);
void test_skip(const char *reason);
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
                __attribute__((format(printf, 3, 4)));
/* A file of the corpora ($BLAST_CORPORA): absolute path in a static
 * buffer, or NULL if the folder is absent. */
const char *test_corpus(const char *relative);

#define TEST(title)                                                         \
        static void test_##title(void);                                     \
        __attribute__((constructor)) static void register_##title(void) {   \
                static Test test = { .name = #title, .run = test_##title }; \
                test_register(&test);                                       \
        }                                                                   \
        static void test_##title(void)

#define ASSERT_TRUE(expression)                                                     \
        ({                                                                          \
                if (!(expression))                                                  \
                        test_fail(__FILE__, __LINE__, "not true: %s", #expression); \
        })
#define ASSERT_FALSE(expression)                                                     \
        ({                                                                           \
                if (expression)                                                      \
                        test_fail(__FILE__, __LINE__, "not false: %s", #expression); \
        })
#define ASSERT_NULL(expression)     ASSERT_TRUE((expression) == NULL)
#define ASSERT_NOT_NULL(expression) ASSERT_TRUE((expression) != NULL)
#define ASSERT_INT(found, wanted)                                                       \
        ({                                                                              \
                long long _found = (long long) (found), _wanted = (long long) (wanted); \
                if (_found != _wanted)                                                  \
                        test_fail(__FILE__,                                             \
                                  __LINE__,                                             \
                                  "%s is %lld, wanted %lld",                            \
                                  #found,                                               \
                                  _found,                                               \
                                  _wanted);                                             \
        })
#define ASSERT_OK(expression)                            \
        ({                                               \
                long long _r = (long long) (expression); \
                if (_r < 0)                              \
                        test_fail(__FILE__,              \
                                  __LINE__,              \
                                  "%s failed: %s",       \
                                  #expression,           \
                                  strerror((int) -_r));  \
        })
#define ASSERT_ERROR(expression, wanted)                                     \
        ({                                                                   \
                long long _r = (long long) (expression);                     \
                if (_r != -(long long) (wanted))                             \
                        test_fail(__FILE__,                                  \
                                  __LINE__,                                  \
                                  "%s gave %lld (%s), wanted -%s",           \
                                  #expression,                               \
                                  _r,                                        \
                                  _r < 0 ? strerror((int) -_r) : "no error", \
                                  #wanted);                                  \
        })
#define ASSERT_STREQ(found, wanted)                                                         \
        ({                                                                                  \
                const char *_found = (found), *_wanted = (wanted);                          \
                if (!_found || !_wanted ? _found != _wanted : strcmp(_found, _wanted) != 0) \
                        test_fail(__FILE__,                                                 \
                                  __LINE__,                                                 \
                                  "%s is '%s', wanted '%s'",                                \
                                  #found,                                                   \
                                  _found ? _found : "(null)",                               \
                                  _wanted ? _wanted : "(null)");                            \
        })
