// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The properties of /org/blast/Blast1/environment/<id>, read from the coordinator each time. */

#include <systemd/sd-bus.h>

/* For sd_bus_vtable; @userdata is the Service, and an environment is at @path. The first serves all
 * properties that are texts. */
int environment_property_get_text(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error);
int environment_property_get_generation(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error);
int environment_property_get_runs(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error);
int environment_property_get_guarantees(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error);
int environment_property_get_unenforced_keys(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error);
