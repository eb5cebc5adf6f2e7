// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/text.h"
#include "client/pip-config.h"
#include "test.h"

static int
collect(const char *section,
        const char *key,
        const char *value,
        const char *path,
        uint32_t line,
        void *userdata) {
        builder_add_format(userdata, "%s.%s=%s@%u;", section, key, value, line);
        return 0;
}

static void assert_read(const char *text, const char *wanted) {
        _cleanup_builder_ Builder found = {};

        ASSERT_OK(pip_config_parse(text, "pip.conf", collect, &found, NULL));
        ASSERT_STREQ(found.data ?: "", wanted);
}

static void assert_refused(const char *text, const char *place) {
        _cleanup_builder_ Builder found = {};
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(pip_config_parse(text, "pip.conf", collect, &found, &fault), EINVAL);
        ASSERT_INT(fault.code, FAULT_USAGE);
        ASSERT_STREQ(fault.subject, place);
}

TEST(settings_are_read_with_their_lines) {
        assert_read("[global]\nindex-url = https://a/\n\n[install]\nPRE: yes\n",
                    "global.index-url=https://a/@2;install.pre=yes@5;");
}

TEST(keys_are_spelt_in_one_way) {
        assert_read("[global]\nIndex_URL=x\n", "global.index-url=x@2;");
}

TEST(values_go_on_in_indented_lines) {
        assert_read("[global]\nextra-index-url =\n    https://a/\n    # comment\n    https://b/\ncert = c\n",
                    "global.extra-index-url= https://a/ https://b/@2;global.cert=c@6;");
}

TEST(comments_blank_lines_and_carriage_returns_are_passed_over) {
        assert_read("# x\r\n; y\r\n[global]\r\n\r\na = b # c\r\n", "global.a=b # c@5;");
}

TEST(value_longer_than_two_hundred_bytes_is_whole) {
        _cleanup_builder_ Builder text = {}, wanted = {};

        builder_add(&text, "[global]\na = ");
        builder_add(&wanted, "global.a=");
        for (int i = 0; i < 5000; i++) {
                builder_add_char(&text, 'x');
                builder_add_char(&wanted, 'x');
        }
        builder_add(&wanted, "@2;");
        assert_read(text.data, wanted.data);
}

TEST(empty_values_and_files_are_allowed) {
        assert_read("", "");
        assert_read("[global]", "");
        assert_read("[global]\na =", "global.a=@2;");
}

TEST(lines_that_are_none_are_refused_with_their_place) {
        assert_refused("a = b\n", "pip.conf:1");
        assert_refused("[global\n", "pip.conf:1");
        assert_refused("[global]\n\nnothing\n", "pip.conf:3");
        assert_refused("[global]\n= b\n", "pip.conf:2");
}
