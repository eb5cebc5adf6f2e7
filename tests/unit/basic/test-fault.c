// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/fault.h"
#include "test.h"

TEST(set_first_reason_wins) {
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(fault_set(&fault, -EINVAL, FAULT_USAGE, "a", "First %d.", 1), EINVAL);
        ASSERT_ERROR(fault_set(&fault, -EIO, FAULT_INTERNAL, "b", "Second."), EIO);
        ASSERT_INT(fault.code, FAULT_USAGE);
        ASSERT_STREQ(fault.message, "First 1.");
}

TEST(set_without_fault_only_passes_the_error_on) {
        ASSERT_ERROR(fault_set(NULL, -EIO, FAULT_INTERNAL, NULL, "Nobody reads this."), EIO);
}

TEST(codes_have_distinct_names_and_statuses) {
        for (FaultCode a = FAULT_NONE + 1; a < _FAULT_MAX; a++) {
                ASSERT_TRUE(fault_code_to_exit_status(a) > 0);
                ASSERT_INT(fault_code_from_error_name(fault_code_to_error_name(a)), a);
                for (FaultCode b = FAULT_NONE; b < a; b++) {
                        ASSERT_TRUE(strcmp(fault_code_to_string(a), fault_code_to_string(b)) != 0);
                        ASSERT_TRUE(fault_code_to_exit_status(a) != fault_code_to_exit_status(b));
                }
        }
}

TEST(unknown_error_name_is_internal) {
        ASSERT_INT(fault_code_from_error_name("org.example.Nothing"), FAULT_INTERNAL);
}
