// SPDX-License-Identifier: LGPL-2.1-or-later

#include <stdio.h>
#include <unistd.h>

#include "basic/macro.h"
#include "basic/text.h"
#include "bus/driver.h"
#include "bus/names.h"

static int method_hello(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const uint32_t *number = userdata;
        char name[32];

        (void) snprintf(name, sizeof(name), ":1.%u", *number);
        return sd_bus_reply_method_return(message, "s", name);
}

/* AddMatch, RemoveMatch, BecomeMonitor: all signals come anyway. */
static int method_nothing(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return sd_bus_reply_method_return(message, NULL);
}

static bool is_own_name(const char *name) {
        return streq(name, BUS_NAME) || streq(name, DRIVER_OWN_NAME);
}

static int method_get_name_owner(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *name;
        int r;

        r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;
        if (streq(name, BUS_DRIVER))
                return sd_bus_reply_method_return(message, "s", BUS_DRIVER);
        if (!is_own_name(name))
                return sd_bus_error_setf(
                                error,
                                SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                                "Nobody here is called '%s'.",
                                name);
        return sd_bus_reply_method_return(message, "s", DRIVER_OWN_NAME);
}

static int method_name_has_owner(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *name;
        int r;

        r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;
        return sd_bus_reply_method_return(
                        message, "b", (int) (is_own_name(name) || streq(name, BUS_DRIVER)));
}

static int method_start_service(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return sd_bus_reply_method_return(message, "u", 2U); /* it runs already */
}

static int method_list_names(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return sd_bus_reply_method_return(message, "as", 3, BUS_DRIVER, DRIVER_OWN_NAME, BUS_NAME);
}

static int method_get_user(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return sd_bus_reply_method_return(
                        message, "u", (uint32_t) geteuid()); /* both ends have it */
}

#define ENTRY(name, signature, in, result, out, handler) \
        SD_BUS_METHOD_WITH_NAMES(                        \
                        name, signature, in, result, out, handler, SD_BUS_VTABLE_UNPRIVILEGED)

const sd_bus_vtable driver_vtable[] = {
        SD_BUS_VTABLE_START(0),
        ENTRY("Hello", "", "", "s", SD_BUS_PARAM(name), method_hello),
        ENTRY("AddMatch", "s", SD_BUS_PARAM(rule), "", "", method_nothing),
        ENTRY("RemoveMatch", "s", SD_BUS_PARAM(rule), "", "", method_nothing),
        ENTRY("GetNameOwner",
              "s",
              SD_BUS_PARAM(name),
              "s",
              SD_BUS_PARAM(owner),
              method_get_name_owner),
        ENTRY("NameHasOwner",
              "s",
              SD_BUS_PARAM(name),
              "b",
              SD_BUS_PARAM(has),
              method_name_has_owner),
        ENTRY("StartServiceByName",
              "su",
              SD_BUS_PARAM(name) SD_BUS_PARAM(flags),
              "u",
              SD_BUS_PARAM(result),
              method_start_service),
        ENTRY("ListNames", "", "", "as", SD_BUS_PARAM(names), method_list_names),
        ENTRY("GetConnectionUnixUser",
              "s",
              SD_BUS_PARAM(name),
              "u",
              SD_BUS_PARAM(uid),
              method_get_user),
        SD_BUS_VTABLE_END,
};

const sd_bus_vtable driver_monitoring_vtable[] = {
        SD_BUS_VTABLE_START(0),
        ENTRY("BecomeMonitor",
              "asu",
              SD_BUS_PARAM(rules) SD_BUS_PARAM(flags),
              "",
              "",
              method_nothing),
        SD_BUS_VTABLE_END,
};
