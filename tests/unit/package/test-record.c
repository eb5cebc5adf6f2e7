// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/record.h"
#include "test.h"

#define DIGEST "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU" /* of nothing */

static int parse(const char *text, Record **ret, Fault *fault) {
        return record_parse(text_of(text), "x.whl", ret, fault);
}

static void refuse(const char *text, const char *needle) {
        _cleanup_fault_ Fault fault = {};
        Record *record = NULL;

        ASSERT_ERROR(parse(text, &record, &fault), EBADMSG);
        ASSERT_NULL(record);
        if (!strstr(fault.message, needle))
                test_fail(__FILE__, __LINE__, "'%s' is not in: %s", needle, fault.message);
}

TEST(record_with_all_kinds_of_lines_is_read) {
        _cleanup_(record_freep) Record *record = NULL;
        const RecordEntry *entry;

        ASSERT_OK(parse("a.py,sha256=" DIGEST ",0\r\n"
                        "\"b,\"\"c\"\".py\",sha256=" DIGEST "=,12\n"
                        "\n"
                        "x.dist-info/RECORD,,\n"
                        "short",
                        &record,
                        NULL));
        ASSERT_INT(record_count(record), 4);
        entry = record_find(record, "a.py");
        ASSERT_TRUE(entry->has_digest && entry->has_size);
        ASSERT_INT(entry->digest.bytes[0], 0xe3);
        entry = record_find(record, "b,\"c\".py");
        ASSERT_INT(entry->size_bytes, 12);
        entry = record_find(record, "x.dist-info/RECORD");
        ASSERT_FALSE(entry->has_digest || entry->has_size);
        ASSERT_NOT_NULL(record_find(record, "short"));
        ASSERT_NULL(record_find(record, "absent"));
        ASSERT_NULL(record_get(record, 4));
}

TEST(empty_record_has_no_entries) {
        _cleanup_(record_freep) Record *record = NULL;

        ASSERT_OK(parse("", &record, NULL));
        ASSERT_INT(record_count(record), 0);
}

TEST(broken_records_are_refused_with_their_line) {
        refuse("a,,\nb,,,\n", "line 2: it has more than three fields");
        refuse("\"a", "a quote is never closed");
        refuse("\"a\"b,,", "followed by text");
        refuse("a,,\na,,\n", "line 2: its path was there before");
        refuse(",,", "it has no path");
        refuse("a,md5=00,1", "not SHA-256");
        refuse("a,sha256=short,1", "malformed");
        refuse("a,sha256=" DIGEST ",-1", "its size is not a number");
        refuse("a,sha256=" DIGEST ",99999999999999999999", "its size is not a number");
}

TEST(written_lines_are_read_back) {
        static const char *const paths[] = { "plain.py", "with,comma", "with\"quote", "a\nb" };
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_builder_ Builder builder = {};
        _cleanup_(freep) char *text = NULL;
        Digest digest;

        ASSERT_OK(digest_of_bytes("x", 1, &digest));
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                record_add_line(&builder, paths[i], i == 0 ? NULL : &digest, i);
        ASSERT_OK(builder_finish(&builder, &text));
        ASSERT_OK(parse(text, &record, NULL));
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                const RecordEntry *entry = record_get(record, i);

                ASSERT_STREQ(entry->path, paths[i]);
                ASSERT_INT(entry->has_digest, i > 0);
                ASSERT_TRUE(i == 0 || digest_equals(&entry->digest, &digest));
        }
}
