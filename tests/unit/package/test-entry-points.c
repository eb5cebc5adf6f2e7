// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/entry-points.h"
#include "test.h"

static int parse(const char *text, UnpackAnswer *ret, Fault *fault) {
        return entry_points_parse(text_of(text), "x.whl", &ret->scripts, &ret->n_scripts, fault);
}

static void refuse(const char *text, const char *needle) {
        _cleanup_(unpack_answer_done) UnpackAnswer answer = {};
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(parse(text, &answer, &fault), EBADMSG);
        if (!strstr(fault.message, needle))
                test_fail(__FILE__, __LINE__, "'%s' is not in: %s", needle, fault.message);
}

TEST(console_and_gui_scripts_are_read_and_sorted) {
        _cleanup_(unpack_answer_done) UnpackAnswer answer = {};

        ASSERT_OK(parse("# comment\n[console_scripts]\r\nzed = a.b:c.d\r\n tool=m:f [extra]\n"
                        "; comment\n\n[other.group]\nthis is = anything at all\n"
                        "[gui_scripts]\nwindow = m : show\n",
                        &answer,
                        NULL));
        ASSERT_INT(answer.n_scripts, 3);
        ASSERT_STREQ(answer.scripts[0].name, "tool");
        ASSERT_STREQ(answer.scripts[0].function, "f");
        ASSERT_STREQ(answer.scripts[1].name, "window");
        ASSERT_STREQ(answer.scripts[1].function, "show");
        ASSERT_TRUE(answer.scripts[1].is_gui);
        ASSERT_STREQ(answer.scripts[2].module, "a.b");
        ASSERT_STREQ(answer.scripts[2].function, "c.d");
        ASSERT_FALSE(answer.scripts[2].is_gui);
}

TEST(file_without_programs_gives_an_empty_list) {
        _cleanup_(unpack_answer_done) UnpackAnswer answer = {};

        ASSERT_OK(parse("[pytest11]\nx = y\n", &answer, NULL));
        ASSERT_INT(answer.n_scripts, 0);
}

TEST(values_that_could_become_other_code_are_refused) {
        refuse("[console_scripts]\na = os; import x:f\n", "'module:function'");
        refuse("[console_scripts]\na = m:f()\n", "'module:function'");
        refuse("[console_scripts]\na = m\n", "'module:function'");
        refuse("[console_scripts]\na = m..n:f\n", "'module:function'");
        refuse("[console_scripts]\na = 1m:f\n", "'module:function'");
        refuse("[console_scripts]\na = m:\n", "'module:function'");
        refuse("[console_scripts]\njust text\n", "line 2: a line is not");
}

TEST(program_twice_is_refused) {
        refuse("[console_scripts]\na = m:f\n[gui_scripts]\na = m:g\n", "a program is there twice");
}

TEST(names_that_leave_bin_or_are_ours_are_unsafe) {
        static const char *const unsafe[] = {
                "",         ".hidden",       "-rf",     "a/b",        "..",
                "a\\b",     "python",        "python3", "Python3.11", "pythonw",
                "activate", "activate.fish", "a\nb",    "deactivate",
        };
        static const char *const safe[] = {
                "pytest", "python-config", "python3-tool", "activate-global", "a b", "f2py", "2to3",
        };

        for (size_t i = 0; i < ELEMENTSOF(unsafe); i++) {
                if (script_name_is_safe(text_of(unsafe[i])))
                        test_fail(__FILE__, __LINE__, "'%s' is safe", unsafe[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(safe); i++) {
                if (!script_name_is_safe(text_of(safe[i])))
                        test_fail(__FILE__, __LINE__, "'%s' is unsafe", safe[i]);
        }
}
