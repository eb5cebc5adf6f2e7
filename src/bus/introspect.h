// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Writes the interfaces as introspection XML from the tables the running service uses. */

#include <systemd/sd-bus.h>

#include "basic/macro.h"
#include "basic/text.h"

/* The whole contract: Manager, Environment, Job. */
_must_use_ int introspect_all(char **ret);

/* One interface; appends to @builder. */
void introspect_interface(Builder *builder, const char *interface, const sd_bus_vtable *vtable);
