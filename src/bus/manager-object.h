// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* /org/blast/Blast1: finds and makes environments, lists what there is. */

#include <systemd/sd-bus.h>

extern const sd_bus_vtable manager_vtable[]; /* userdata: Service */
