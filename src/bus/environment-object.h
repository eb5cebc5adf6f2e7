// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* /org/blast/Blast1/environment/<id>: one environment; its methods become goals and runs. */

#include <systemd/sd-bus.h>

#include "basic/macro.h"
#include "bus/service.h"

enum {
        ENVIRONMENT_PATH_SIZE = 64
};

extern const sd_bus_vtable environment_vtable[]; /* userdata: Service */

/* For sd_bus_add_fallback_vtable() and sd_bus_add_node_enumerator(); @userdata is the Service. */
int on_environment_find(
                sd_bus *bus,
                const char *path,
                const char *interface,
                void *userdata,
                void **ret,
                sd_bus_error *error);
int on_environment_enumerate(
                sd_bus *bus,
                const char *prefix,
                void *userdata,
                char ***ret,
                sd_bus_error *error);

/* NULL: there is none at @path. */
Environment *environment_object_at(Service *service, const char *path);
char *environment_object_path(const char *id, char buffer[static ENVIRONMENT_PATH_SIZE]);

/* What the observer of the coordinator tells. */
void environment_object_added(Service *service, Environment *environment);
void environment_object_changed(Service *service, Environment *environment);
void environment_object_removed(Service *service, Environment *environment);
