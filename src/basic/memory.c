// SPDX-License-Identifier: LGPL-2.1-or-later

#include <stdalign.h>

#include "basic/memory.h"

enum {
        ARENA_BLOCK_SIZE = 64 * 1024
};

typedef struct ArenaBlock ArenaBlock;

struct ArenaBlock {
        ArenaBlock *next;
        size_t used;
        size_t size;
        alignas(max_align_t) char data[];
};

struct Arena {
        ArenaBlock *blocks; /* the first one is being filled */
};

void *memory_multiply(size_t size, size_t n, bool zeroed) {
        size_t total;

        if (__builtin_mul_overflow(size, n, &total))
                return NULL;
        if (total == 0)
                total = 1; /* NULL shall mean "no memory" and nothing else */
        return zeroed ? calloc(1, total) : malloc(total);
}

int memory_reserve(void **array, size_t *n_allocated, size_t n_wanted, size_t size) {
        assert(array);
        assert(n_allocated);

        if (*array && n_wanted <= *n_allocated)
                return 0;

        size_t n = MAX(n_wanted, *n_allocated * 2), total;
        if (n < 4)
                n = 4;
        if (__builtin_mul_overflow(n, size, &total))
                return -ENOMEM;

        char *larger = realloc(*array, total);
        if (!larger)
                return -ENOMEM;
        size_t old = *array ? *n_allocated * size : 0;
        memset(larger + old, 0, total - old);
        *array = larger;
        *n_allocated = n;
        return 0;
}

void *memory_copy(const void *data, size_t size_bytes) {
        void *copy = memory_multiply(1, size_bytes, false);

        if (copy && size_bytes > 0)
                memcpy(copy, data, size_bytes);
        return copy;
}

Arena *arena_new(void) {
        return new0(Arena, 1);
}

Arena *arena_free(Arena *arena) {
        if (!arena)
                return NULL;

        for (ArenaBlock *block = arena->blocks, *next; block; block = next) {
                next = block->next;
                free(block);
        }
        free(arena);
        return NULL;
}

static ArenaBlock *arena_add_block(Arena *arena, size_t size_bytes) {
        size_t size = MAX(size_bytes, (size_t) ARENA_BLOCK_SIZE - sizeof(ArenaBlock)), total;

        if (__builtin_add_overflow(size, sizeof(ArenaBlock), &total))
                return NULL;

        ArenaBlock *block = calloc(1, total);
        if (!block)
                return NULL;
        block->size = size;

        /* A large value gets a block of its own behind the current one, which is not full yet. */
        if (arena->blocks && size_bytes > ARENA_BLOCK_SIZE / 4) {
                block->next = arena->blocks->next;
                arena->blocks->next = block;
        } else {
                block->next = arena->blocks;
                arena->blocks = block;
        }
        return block;
}

void *arena_allocate(Arena *arena, size_t size_bytes) {
        assert(arena);

        if (size_bytes > SIZE_MAX / 2)
                return NULL;

        size_t size = (size_bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
        ArenaBlock *block = arena->blocks;
        if (!block || block->size - block->used < size) {
                block = arena_add_block(arena, size);
                if (!block)
                        return NULL;
        }

        void *data = block->data + block->used;
        block->used += size;
        return data;
}

char *arena_text_n(Arena *arena, const char *text, size_t length) {
        char *copy = arena_allocate(arena, length + 1);

        if (copy && length > 0)
                memcpy(copy, text, length);
        return copy;
}

char *arena_text(Arena *arena, const char *text) {
        return arena_text_n(arena, text, strlen(text));
}
