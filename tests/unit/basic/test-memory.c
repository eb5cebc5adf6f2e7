// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "test.h"

TEST(multiply_overflowing_product_gives_null) {
        ASSERT_NULL(memory_multiply(SIZE_MAX / 2, 3, false));
}

TEST(multiply_zero_items_is_not_out_of_memory) {
        _cleanup_(freep) void *nothing = memory_multiply(8, 0, true);

        ASSERT_NOT_NULL(nothing);
}

TEST(reserve_grows_and_zeroes_new_items) {
        _cleanup_(freep) uint32_t *array = NULL;
        size_t n_allocated = 0;

        for (uint32_t i = 0; i < 1000; i++) {
                ASSERT_OK(ARRAY_RESERVE(array, n_allocated, i + 1));
                ASSERT_INT(array[i], 0);
                array[i] = i + 1;
        }
        for (uint32_t i = 0; i < 1000; i++)
                ASSERT_INT(array[i], i + 1);
}

TEST(reserve_impossible_size_keeps_the_array) {
        _cleanup_(freep) uint32_t *array = NULL;
        size_t n_allocated = 0;

        ASSERT_OK(ARRAY_RESERVE(array, n_allocated, 1));
        array[0] = 7;
        ASSERT_ERROR(ARRAY_RESERVE(array, n_allocated, SIZE_MAX / 2), ENOMEM);
        ASSERT_INT(array[0], 7);
}

TEST(arena_values_are_aligned_zeroed_and_apart) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        unsigned char *before = NULL;

        ASSERT_NOT_NULL(arena);
        for (size_t size = 1; size < 40000; size += 977) {
                unsigned char *data = arena_allocate(arena, size);
                ASSERT_NOT_NULL(data);
                ASSERT_INT((uintptr_t) data % _Alignof(max_align_t), 0);
                for (size_t i = 0; i < size; i++)
                        ASSERT_INT(data[i], 0);
                memset(data, 0xff, size);
                ASSERT_TRUE(data != before);
                before = data;
        }
}

TEST(arena_text_copies_a_part) {
        _cleanup_(arena_freep) Arena *arena = arena_new();

        ASSERT_STREQ(arena_text_n(arena, "numpy-2.0", 5), "numpy");
}
