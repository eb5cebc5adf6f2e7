// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Checked allocation, growing arrays and an arena whose values all die together. */

#include <string.h>

#include "basic/macro.h"

typedef struct Arena Arena;

/* "new" is a word of C++ to clang-format. */
/* clang-format off */
#define new(type, n) ((type *) memory_multiply(sizeof(type), (n), false))
/* clang-format on */
#define new0(type, n) ((type *) memory_multiply(sizeof(type), (n), true))

/* Makes room for @n_wanted items in a heap array; @array and @n_allocated are updated together and
 * new items are zeroed. Evaluates to 0 or -ENOMEM. */
#define ARRAY_RESERVE(array, n_allocated, n_wanted) \
        memory_reserve((void **) &(array), &(n_allocated), (n_wanted), sizeof(*(array)))

/* Errors: NULL when the product overflows or memory is out. */
_must_use_ void *memory_multiply(size_t size, size_t n, bool zeroed);
_must_use_ int memory_reserve(void **array, size_t *n_allocated, size_t n_wanted, size_t size);

/* A new heap copy of @size_bytes at @data; NULL when memory is out. */
_must_use_ void *memory_copy(const void *data, size_t size_bytes);

/* Errors: NULL when memory is out. */
_must_use_ Arena *arena_new(void);
Arena *arena_free(Arena *arena);

/* Zeroed memory aligned for any type, valid until arena_free(). NULL when memory is out. */
_must_use_ void *arena_allocate(Arena *arena, size_t size_bytes);
_must_use_ char *arena_text(Arena *arena, const char *text);
_must_use_ char *arena_text_n(Arena *arena, const char *text, size_t length);

#define arena_new_array(arena, type, n) ((type *) arena_allocate((arena), sizeof(type) * (n)))

DEFINE_CLEANUP(Arena, arena_free)
