// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/wheel-file.h"
#include "test.h"

static const char *const pythons[] = { "py2", "py3", NULL }, *const abis[] = { "none", NULL },
                         *const platforms[] = { "any", NULL };
static const TagParts tags = { .pythons = pythons, .abis = abis, .platforms = platforms };

static int check(const char *text, Fault *fault) {
        return wheel_file_check(text_of(text), &tags, "x.whl", fault);
}

static void refuse(const char *text, const char *needle) {
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(check(text, &fault), EBADMSG);
        ASSERT_INT(fault.code, FAULT_WHEEL_INVALID);
        if (!strstr(fault.message, needle))
                test_fail(__FILE__, __LINE__, "'%s' is not in: %s", needle, fault.message);
}

#define HEAD "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\n"

TEST(tags_one_by_one_or_together_are_the_same) {
        ASSERT_OK(check(HEAD "Tag: py2-none-any\nTag: py3-none-any\n", NULL));
        ASSERT_OK(check(HEAD "Tag: py2.py3-none-any\n", NULL));
        ASSERT_OK(check(HEAD "TAG:PY2.py3.py4-none.cp311-any\r\n", NULL));
}

TEST(file_name_may_not_claim_more_than_the_wheel) {
        refuse(HEAD "Tag: py3-none-any\n", "has the tag py2-none-any");
        refuse(HEAD "Tag: py2.py3-none-any-more\n", "has the tag");
}

TEST(wheel_of_the_first_years_without_tags_is_taken) {
        ASSERT_OK(check(HEAD, NULL));
}

TEST(newer_minor_version_is_taken_and_newer_major_refused) {
        ASSERT_OK(check("Wheel-Version: 1.9\nRoot-Is-Purelib: False\n", NULL));
        refuse("Wheel-Version: 2.0\nRoot-Is-Purelib: true\n", "not 1.x");
        refuse("Wheel-Version: 10\nRoot-Is-Purelib: true\n", "not 1.x");
}

TEST(missing_or_wrong_fields_are_refused) {
        refuse("", "no Wheel-Version");
        refuse("Root-Is-Purelib: true\n", "no Wheel-Version");
        refuse("Wheel-Version: 1.0\n", "Root-Is-Purelib");
        refuse("Wheel-Version: 1.0\nRoot-Is-Purelib: maybe\n", "Root-Is-Purelib");
        /* What follows an empty line is no header. */
        refuse("\nWheel-Version: 1.0\n", "no Wheel-Version");
}
