// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/table.h"
#include "test.h"

TEST(find_gives_what_was_added) {
        _cleanup_(table_freep) Table *table = table_new();
        int one = 1, two = 2;

        ASSERT_OK(table_add(table, "one", &one));
        ASSERT_OK(table_add(table, "two", &two));
        ASSERT_TRUE(table_find(table, "one") == &one);
        ASSERT_TRUE(table_find_text(table, (Text){ "two!", 3 }) == &two);
        ASSERT_NULL(table_find(table, "three"));
}

TEST(add_present_key_changes_nothing) {
        _cleanup_(table_freep) Table *table = table_new();
        int one = 1, two = 2;

        ASSERT_OK(table_add(table, "key", &one));
        ASSERT_ERROR(table_add(table, "key", &two), EEXIST);
        ASSERT_TRUE(table_find(table, "key") == &one);
        ASSERT_OK(table_put(table, "key", &two));
        ASSERT_TRUE(table_find(table, "key") == &two);
        ASSERT_INT(table_count(table), 1);
}

TEST(many_keys_survive_growth_and_removal) {
        enum {
                N = 5000
        };
        _cleanup_(table_freep) Table *table = table_new();
        static char keys[N][12];

        for (int i = 0; i < N; i++) {
                snprintf(keys[i], sizeof(keys[i]), "key-%d", i);
                ASSERT_OK(table_add(table, keys[i], keys[i]));
        }
        for (int i = 0; i < N; i += 2)
                ASSERT_TRUE(table_remove(table, keys[i]) == keys[i]);
        ASSERT_INT(table_count(table), N / 2);
        for (int i = 0; i < N; i++)
                ASSERT_TRUE(table_find(table, keys[i]) == (i % 2 ? keys[i] : NULL));

        for (int i = 0; i < N; i += 2)
                ASSERT_OK(table_add(table, keys[i], keys[i]));
        ASSERT_INT(table_count(table), N);
}

TEST(iteration_keeps_the_order_of_adding) {
        _cleanup_(table_freep) Table *table = table_new();
        static const char *const words[] = { "c", "a", "b" };
        const char *key;
        char *value;
        size_t n = 0;

        for (size_t i = 0; i < 3; i++)
                ASSERT_OK(table_add(table, words[i], (void *) words[i]));
        ASSERT_NOT_NULL(table_remove(table, "a"));
        TABLE_FOREACH(table, key, value) {
                ASSERT_STREQ(key, n == 0 ? "c" : "b");
                ASSERT_STREQ(value, key);
                n++;
        }
        ASSERT_INT(n, 2);
}

TEST(null_table_is_empty) {
        ASSERT_INT(table_count(NULL), 0);
        ASSERT_NULL(table_find(NULL, "a"));
        ASSERT_FALSE(table_has(NULL, "a"));
}
