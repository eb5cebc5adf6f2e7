// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/text.h"
#include "bus/append.h"
#include "bus/fault-reply.h"
#include "test.h"

static void assert_text(const char *text, const char *wanted) {
        _cleanup_(freep) char *clean = text_for_bus(text);

        ASSERT_STREQ(clean, wanted);
}

TEST(utf8_passes_unchanged) {
        assert_text("naïve 包 \xf0\x9f\x98\x80", "naïve 包 \xf0\x9f\x98\x80");
        assert_text("", "");
        assert_text(NULL, "");
}

TEST(other_bytes_become_question_marks) {
        assert_text("a\xff"
                    "b",
                    "a?b");
        assert_text("\xc3(", "?(");
        assert_text("cut \xe5\x8c", "cut ??");
}

TEST(fault_names_its_subject_once_and_ends_with_the_hint) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_fault_ Fault fault = {};

        fault_set(&fault, -EINVAL, FAULT_PROJECT_SYNTAX, "pyproject.toml:3", "A quote is missing.");
        fault_hint(&fault, "Close it.");
        ASSERT_TRUE(fault_reply(&error, &fault, -EINVAL) < 0);
        ASSERT_STREQ(error.name, "org.blast.Blast1.Error.ProjectSyntax");
        ASSERT_STREQ(error.message, "pyproject.toml:3: A quote is missing.\nHint: Close it.");
}

TEST(fault_whose_sentence_names_the_subject_does_not_repeat_it) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_fault_ Fault fault = {};

        fault_set(&fault, -ENOENT, FAULT_NOT_INSTALLED, "rich", "'rich' is not installed.");
        ASSERT_TRUE(fault_reply(&error, &fault, -ENOENT) < 0);
        ASSERT_STREQ(error.message, "'rich' is not installed.");
}

TEST(unexplained_errno_still_has_a_name_and_a_sentence) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        ASSERT_TRUE(fault_reply(&error, NULL, -ENOSPC) < 0);
        ASSERT_STREQ(error.name, "org.blast.Blast1.Error.DiskFull");
        ASSERT_STREQ(error.message, "No space left on device.");
}
