// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/text.h"
#include "test.h"

TEST(cut_walks_through_all_parts) {
        Text rest = TEXT("a::b"), part;

        ASSERT_TRUE(text_cut(&rest, ':', &part));
        ASSERT_TRUE(text_equals_string(part, "a"));
        ASSERT_TRUE(text_cut(&rest, ':', &part));
        ASSERT_INT(part.length, 0);
        ASSERT_TRUE(text_cut(&rest, ':', &part));
        ASSERT_TRUE(text_equals_string(part, "b"));
        ASSERT_FALSE(text_cut(&rest, ':', &part));
}

TEST(strip_removes_white_space_at_both_ends_only) {
        ASSERT_TRUE(text_equals_string(text_strip(TEXT(" \t a b\r\n")), "a b"));
        ASSERT_INT(text_strip(TEXT("  ")).length, 0);
}

TEST(compare_puts_the_shorter_first) {
        ASSERT_INT(text_compare(TEXT("ab"), TEXT("abc")), -1);
        ASSERT_INT(text_compare(TEXT("b"), TEXT("abc")), 1);
        ASSERT_INT(text_compare(TEXT("abc"), TEXT("abc")), 0);
}

TEST(to_u64_takes_digits_only) {
        uint64_t value = 1;

        ASSERT_OK(text_to_u64(TEXT("18446744073709551615"), &value));
        ASSERT_TRUE(value == UINT64_MAX);
        ASSERT_ERROR(text_to_u64(TEXT("18446744073709551616"), &value), ERANGE);
        ASSERT_ERROR(text_to_u64(TEXT("-1"), &value), EINVAL);
        ASSERT_ERROR(text_to_u64(TEXT(" 1"), &value), EINVAL);
        ASSERT_ERROR(text_to_u64(TEXT(""), &value), EINVAL);
        ASSERT_TRUE(value == UINT64_MAX);
}

TEST(utf8_wrong_sequences_are_found_at_their_offset) {
        static const char *const wrong[] = {
                "ab\xff",             /* no first byte */
                "ab\xc0\x80",         /* overlong NUL */
                "ab\xe0\x80\x80",     /* overlong */
                "ab\xed\xa0\x80",     /* surrogate */
                "ab\xf4\x90\x80\x80", /* beyond U+10FFFF */
                "ab\xe2\x82",         /* cut */
        };
        size_t offset;

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                offset = 99;
                ASSERT_ERROR(utf8_check(wrong[i], strlen(wrong[i]), &offset), EILSEQ);
                ASSERT_INT(offset, 2);
        }
        ASSERT_OK(utf8_check("Grüße €\xf0\x9f\x98\x80", strlen("Grüße €\xf0\x9f\x98\x80"), NULL));
}

TEST(builder_joins_and_hands_over) {
        _cleanup_builder_ Builder builder = {};
        _cleanup_(freep) char *text = NULL;

        builder_add(&builder, "blast");
        builder_add_char(&builder, ' ');
        builder_add_format(&builder, "%d.%s", 1, "0");
        ASSERT_OK(builder_finish(&builder, &text));
        ASSERT_STREQ(text, "blast 1.0");
        ASSERT_NULL(builder.data);
}

TEST(builder_empty_gives_empty_text) {
        _cleanup_builder_ Builder builder = {};
        _cleanup_(freep) char *text = NULL;

        ASSERT_OK(builder_finish(&builder, &text));
        ASSERT_STREQ(text, "");
}

TEST(strings_are_added_sorted_and_copied) {
        _cleanup_(strings_freep) char **list = NULL, **copy = NULL;

        ASSERT_INT(strings_count(NULL), 0);
        ASSERT_OK(strings_add(&list, "b"));
        ASSERT_OK(strings_add(&list, "a"));
        strings_sort(list);
        ASSERT_OK(strings_copy(list, &copy));
        ASSERT_STREQ(copy[0], "a");
        ASSERT_STREQ(copy[1], "b");
        ASSERT_NULL(copy[2]);
        ASSERT_TRUE(strings_contain(copy, "b"));
        ASSERT_FALSE(strings_contain(copy, "c"));
}
