// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/text.h"
#include "bus/names.h"
#include "bus/watch.h"

int watch_name(sd_bus *bus,
               const char *name,
               sd_bus_message_handler_t left,
               void *userdata,
               sd_bus_slot **ret) {
        _cleanup_(freep) char *rule = string_format(
                        "type='signal',sender='" BUS_DRIVER "',path='" BUS_DRIVER_PATH
                        "',interface='" BUS_DRIVER "',member='NameOwnerChanged',arg0='%s'",
                        name);

        if (!rule)
                return -ENOMEM;
        return sd_bus_add_match_async(bus, ret, rule, left, NULL, userdata);
}

bool watch_says_left(sd_bus_message *message) {
        const char *name, *old_owner, *new_owner;

        return sd_bus_message_read(message, "sss", &name, &old_owner, &new_owner) >= 0 &&
                        !*new_owner;
}
