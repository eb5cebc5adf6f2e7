// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Hears when a unique name leaves the bus. */

#include <systemd/sd-bus.h>

#include "basic/macro.h"

/* @left is called with a NameOwnerChanged message; watch_says_left() tells whether it means that the
 * name is gone. Unreferencing @ret ends the watch. */
_must_use_ int
watch_name(sd_bus *bus,
           const char *name,
           sd_bus_message_handler_t left,
           void *userdata,
           sd_bus_slot **ret);
bool watch_says_left(sd_bus_message *message);
