// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The little of org.freedesktop.DBus that clients of a message bus expect, for private connections:
 * names, and matches that need no filtering because every signal goes to every connection. */

#include <systemd/sd-bus.h>

#define DRIVER_OWN_NAME ":1.0" /* the sender of everything on private connections */

extern const sd_bus_vtable
                driver_vtable[]; /* userdata: uint32_t, number of the connection, from 1 */
extern const sd_bus_vtable driver_monitoring_vtable[]; /* org.freedesktop.DBus.Monitoring */
