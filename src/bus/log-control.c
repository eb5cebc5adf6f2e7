// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/log.h"
#include "basic/macro.h"
#include "basic/text.h"
#include "bus/log-control.h"

/* In the order of syslog(3), as systemctl spells them. */
static const char *const level_names[] = {
        "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
};

static int property_get_level(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        int level = log_get_level();

        return sd_bus_message_append(
                        reply,
                        "s",
                        level_names[MAX(0, MIN(level, (int) ELEMENTSOF(level_names) - 1))]);
}

static int property_set_level(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *value,
                void *userdata,
                sd_bus_error *error) {
        const char *name;
        int r;

        r = sd_bus_message_read(value, "s", &name);
        if (r < 0)
                return r;
        for (int level = 0; level < (int) ELEMENTSOF(level_names); level++)
                if (streq(name, level_names[level])) {
                        log_set_level(level);
                        return 0;
                }
        return sd_bus_error_setf(
                        error, SD_BUS_ERROR_INVALID_ARGS, "There is no log level '%s'.", name);
}

static int property_get_target(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", "auto"); /* as basic/log.h chose at the start */
}

static int property_set_target(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *value,
                void *userdata,
                sd_bus_error *error) {
        const char *name;
        int r;

        r = sd_bus_message_read(value, "s", &name);
        if (r < 0)
                return r;
        if (!streq(name, "auto"))
                return sd_bus_error_set(
                                error,
                                SD_BUS_ERROR_NOT_SUPPORTED,
                                "The log target is chosen at the start (BLAST_LOG_TARGET).");
        return 0;
}

static int property_get_identifier(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", "blastd");
}

/* Writing is for root and our own uid: sd-bus demands it where UNPRIVILEGED is not said. */
const sd_bus_vtable log_control_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", property_get_level, property_set_level, 0, 0),
        SD_BUS_WRITABLE_PROPERTY("LogTarget", "s", property_get_target, property_set_target, 0, 0),
        SD_BUS_PROPERTY("SyslogIdentifier",
                        "s",
                        property_get_identifier,
                        0,
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};
