// SPDX-License-Identifier: LGPL-2.1-or-later

/* The table against the vtables: a method without a row cannot be called by anybody, a row without a
 * method is a mistake. What polkit's answers do is shown on a real bus: tests/bus/test_access.py. */

#include "basic/text.h"
#include "bus/access.h"
#include "bus/environment-object.h"
#include "bus/job-object.h"
#include "bus/manager-object.h"
#include "bus/names.h"
#include "test.h"

static size_t walk(const char *interface, const sd_bus_vtable *vtable) {
        size_t n_methods = 0;

        for (; vtable->type != _SD_BUS_VTABLE_END; vtable++) {
                if (vtable->type == _SD_BUS_VTABLE_WRITABLE_PROPERTY)
                        test_fail(__FILE__,
                                  __LINE__,
                                  "property %s.%s can be written past the table",
                                  interface,
                                  vtable->x.property.member);
                if (vtable->type != _SD_BUS_VTABLE_METHOD)
                        continue;
                n_methods++;

                const AccessRow *row = access_find_row(interface, vtable->x.method.member);
                if (!row || !string_after(row->action, BUS_NAME "."))
                        test_fail(__FILE__,
                                  __LINE__,
                                  "no row for %s.%s",
                                  interface,
                                  vtable->x.method.member);
                /* Without this sd-bus would refuse before the table is asked. */
                ASSERT_TRUE(vtable->flags & SD_BUS_VTABLE_UNPRIVILEGED);
        }
        return n_methods;
}

TEST(every_method_has_a_row) {
        ASSERT_INT(walk(BUS_MANAGER, manager_vtable), 7);
        ASSERT_INT(walk(BUS_ENVIRONMENT, environment_vtable), 13);
        ASSERT_INT(walk(BUS_JOB, job_vtable), 3);
}

TEST(method_without_a_row_has_none) {
        ASSERT_NULL(access_find_row(BUS_MANAGER, "Sync"));
        ASSERT_NULL(access_find_row(BUS_JOB, ""));
        ASSERT_NULL(access_find_row(NULL, "Sync"));
        ASSERT_NULL(access_find_row(BUS_ENVIRONMENT, NULL));
}

TEST(reading_by_other_interfaces_has_rows) {
        ASSERT_STREQ(access_find_row(BUS_PROPERTIES, "GetAll")->action, ACTION_INSPECT);
        ASSERT_STREQ(access_find_row(BUS_PROPERTIES, "Get")->action, ACTION_INSPECT);
        ASSERT_STREQ(access_find_row(BUS_OBJECT_MANAGER, "GetManagedObjects")->action,
                     ACTION_INSPECT);
}
