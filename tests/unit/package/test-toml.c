// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/fault.h"
#include "package/toml.h"
#include "test.h"

static TomlDocument *parse(const char *text) {
        TomlDocument *document = NULL;

        ASSERT_OK(toml_parse(text, strlen(text), "test.toml", &document, NULL));
        return document;
}

static void refuse(const char *text, const char *place, const char *sentence) {
        _cleanup_(toml_freep) TomlDocument *document = NULL;
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(toml_parse(text, strlen(text), "test.toml", &document, &fault), EINVAL);
        ASSERT_NULL(document);
        ASSERT_INT(fault.code, FAULT_PROJECT_SYNTAX);
        ASSERT_STREQ(fault.subject, place);
        ASSERT_STREQ(fault.message, sentence);
}

static void assert_span(const char *text, size_t start, size_t end, const char *wanted) {
        ASSERT_INT(end - start, strlen(wanted));
        ASSERT_INT(memcmp(text + start, wanted, end - start), 0);
}

TEST(value_knows_its_line_and_its_bytes) {
        static const char text[] = "# first\n[a]\nb = [\n  'x', # why\n  \"y\",\n]\nc.d = 12 \n\n";
        _cleanup_(toml_freep) TomlDocument *document = parse(text);
        const TomlValue *a, *b, *d;

        a = toml_find(toml_get_root(document), "a");
        ASSERT_INT(a->line, 2);
        assert_span(text, a->start, a->end, "[a]");
        ASSERT_STREQ(text + a->table.body_end, " \n\n");

        b = toml_find(a, "b");
        ASSERT_INT(b->line, 3);
        assert_span(text, b->start, b->end, "[\n  'x', # why\n  \"y\",\n]");
        ASSERT_INT(b->array.n_items, 2);
        ASSERT_INT(b->array.items[1]->line, 5);
        assert_span(text, b->array.items[1]->start, b->array.items[1]->end, "\"y\"");

        d = toml_find(toml_find(a, "c"), "d");
        ASSERT_INT(d->integer, 12);
        ASSERT_INT(d->line, 7);
        ASSERT_INT(toml_find_entry(a, "c")->line, 7);
}

TEST(error_names_line_column_and_reason) {
        refuse("a = 1\nb = 'x\n", "test.toml:2:7", "The string is not closed on its line.");
        refuse("a = 1\n\na = 2\n", "test.toml:3:1", "'a' is already defined in line 1.");
        refuse("\xc3\xa4 = 1\n", "test.toml:1:1", "A key with letters beyond ASCII needs quotes.");
        refuse("'\xc3\xa4' = =\n",
               "test.toml:1:7",
               "A value is missing here; strings need quotes.");
        refuse("a = [1\n", "test.toml:1:5", "The array is not closed.");
        refuse("a = nope\n", "test.toml:1:5", "'nope' is not a value; strings need quotes.");
        refuse("a = 1 b = 2\n", "test.toml:1:7", "Only a comment may follow on the same line.");
        refuse("a = 2021-02-29\n", "test.toml:1:5", "'2021-02-29' is not a date or time.");
        refuse("a = '\xff'\n", "test.toml:1:6", "The text is not UTF-8.");
        refuse("[a]\n[a]\n", "test.toml:2:2", "'a' is already defined in line 1.");
}

TEST(nesting_ends_at_the_limit) {
        _cleanup_(toml_freep) TomlDocument *document = NULL;
        _cleanup_builder_ Builder arrays = {}, keys = {};
        _cleanup_fault_ Fault fault = {};

        builder_add(&arrays, "a = ");
        for (size_t i = 0; i < 100000; i++)
                builder_add_char(&arrays, '[');
        ASSERT_ERROR(toml_parse(arrays.data, arrays.length, "test.toml", &document, &fault), E2BIG);
        ASSERT_STREQ(fault.message, "Values are nested more than 64 deep.");

        fault_done(&fault);
        fault = (Fault){};
        for (size_t i = 0; i < 1000; i++)
                builder_add(&keys, "a.");
        builder_add(&keys, "a=1");
        ASSERT_ERROR(toml_parse(keys.data, keys.length, "test.toml", &document, &fault), E2BIG);
        ASSERT_STREQ(fault.message, "A key has more than 64 parts.");
}

/* Each key is short enough, but header and dotted key would add up. */
TEST(nesting_by_header_and_key_ends_at_the_limit) {
        _cleanup_(toml_freep) TomlDocument *document = NULL;
        _cleanup_builder_ Builder builder = {};

        for (size_t i = 0; i < 40; i++)
                builder_add(&builder, i == 0 ? "[[a" : ".a");
        builder_add(&builder, "]]\n");
        for (size_t i = 0; i < 40; i++)
                builder_add(&builder, i == 0 ? "b" : ".b");
        builder_add(&builder, " = 1\n");
        ASSERT_ERROR(toml_parse(builder.data, builder.length, "test.toml", &document, NULL), E2BIG);
}

TEST(table_with_many_keys_is_found_and_refuses_a_second) {
        _cleanup_(toml_freep) TomlDocument *document = NULL;
        _cleanup_builder_ Builder builder = {};
        _cleanup_fault_ Fault fault = {};
        char name[32];

        for (int i = 0; i < 20000; i++)
                builder_add_format(&builder, "key%d = %d\n", i, i);
        ASSERT_OK(toml_parse(builder.data, builder.length, "test.toml", &document, NULL));
        for (int i = 0; i < 20000; i += 777) {
                (void) snprintf(name, sizeof(name), "key%d", i);
                ASSERT_INT(toml_find(toml_get_root(document), name)->integer, i);
        }
        ASSERT_NULL(toml_find(toml_get_root(document), "key20000"));

        document = toml_free(document);
        builder_add(&builder, "key19999 = 1\n");
        ASSERT_ERROR(toml_parse(builder.data, builder.length, "test.toml", &document, &fault),
                     EINVAL);
        ASSERT_STREQ(fault.subject, "test.toml:20001:1");
}

TEST(string_with_inner_nul_is_no_text) {
        _cleanup_(toml_freep) TomlDocument *document =
                        parse("a = \"x\\u0000y\"\nb = \"x\"\nc = 1\n");
        const TomlValue *root = toml_get_root(document);

        ASSERT_INT(toml_find(root, "a")->string.length, 3);
        ASSERT_NULL(toml_string(toml_find(root, "a")));
        ASSERT_STREQ(toml_string(toml_find(root, "b")), "x");
        ASSERT_NULL(toml_string(toml_find(root, "c")));
        ASSERT_NULL(toml_string(toml_find(root, "d")));
}

TEST(string_formatted_is_read_back) {
        static const char text[] = "a\t\"b\\\n\x01\x7f\xc3\xa4\x00z";
        _cleanup_(toml_freep) TomlDocument *document = NULL;
        _cleanup_builder_ Builder builder = {};
        const TomlValue *value;

        builder_add(&builder, "a = ");
        toml_format_string(&builder, (Text){ text, sizeof(text) - 1 });
        ASSERT_STREQ(builder.data, "a = \"a\\t\\\"b\\\\\\n\\u0001\\u007F\xc3\xa4\\u0000z\"");
        ASSERT_OK(toml_parse(builder.data, builder.length, "test.toml", &document, NULL));
        value = toml_find(toml_get_root(document), "a");
        ASSERT_INT(value->string.length, sizeof(text) - 1);
        ASSERT_INT(memcmp(value->string.data, text, sizeof(text) - 1), 0);
}

TEST(document_without_end_of_line_is_whole) {
        _cleanup_(toml_freep) TomlDocument *document = parse("a = 1 # end");

        ASSERT_INT(toml_find(toml_get_root(document), "a")->integer, 1);
}
