// SPDX-License-Identifier: LGPL-2.1-or-later

#include <unistd.h>

#include "environment/guarantee.h"
#include "environment/mount-table.h"
#include "test.h"

TEST(rows_outside_a_sandbox_do_not_hold) {
        static const char *const names[] = {
                "mount-isolation",    "process-isolation", "ipc-isolation",
                "hostname-isolation", "no-new-privileges", "base-read-only",
        };
        GuaranteeWish wish = { .home = getenv("HOME"), .limit_reason = "No cgroups." };
        _cleanup_guarantees_ Guarantees rows = {};
        const char *missing = NULL;

        namespaces_identify(wish.namespaces_outside);
        ASSERT_OK(guarantees_read_back(&wish, &rows));
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const Guarantee *row = guarantees_find(&rows, names[i]);
                ASSERT_NOT_NULL(row);
                if (row->state != GUARANTEE_NOT_HELD)
                        test_fail(__FILE__,
                                  __LINE__,
                                  "%s is %s",
                                  row->name,
                                  guarantee_state_to_string(row->state));
        }
        ASSERT_TRUE(guarantees_miss_strict(&rows, &missing));
        ASSERT_STREQ(missing, "mount-isolation");
}

TEST(namespace_that_cannot_be_compared_is_unknown) {
        _cleanup_guarantees_ Guarantees rows = {};

        ASSERT_OK(guarantees_read_back(&(GuaranteeWish){}, &rows));
        ASSERT_INT(guarantees_find(&rows, "mount-isolation")->state, GUARANTEE_UNKNOWN);
}

TEST(weaker_row_does_not_miss_strict) {
        _cleanup_guarantees_ Guarantees rows = {};

        ASSERT_OK(guarantees_add(&rows, "a", GUARANTEE_HELD, "", NULL));
        ASSERT_OK(guarantees_add(&rows, "b", GUARANTEE_WEAKER, "", NULL));
        ASSERT_FALSE(guarantees_miss_strict(&rows, NULL));
        ASSERT_OK(guarantees_add(&rows, "c", GUARANTEE_UNKNOWN, "", NULL));
        ASSERT_TRUE(guarantees_miss_strict(&rows, NULL));
}

TEST(mount_table_of_the_host_has_devices) {
        _cleanup_guarantees_ Guarantees rows = {};

        ASSERT_OK(mount_table_guarantees(getpid(), &rows));
        ASSERT_INT(rows.n_items, 3);
        ASSERT_INT(guarantees_find(&rows, "set-id-ignored")->state, GUARANTEE_NOT_HELD);
}

TEST(mount_table_of_nobody_is_unknown) {
        _cleanup_guarantees_ Guarantees rows = {};

        ASSERT_OK(mount_table_guarantees(0x7fffffff, &rows));
        ASSERT_INT(guarantees_find(&rows, "set-id-ignored")->state, GUARANTEE_UNKNOWN);
}
