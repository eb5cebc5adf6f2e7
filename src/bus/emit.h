// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The only place signals come from. Added objects and changed properties are collected and sent once
 * per turn of the event loop, in order; everything goes to every connection. */

#include <systemd/sd-bus.h>

#include "basic/macro.h"

typedef struct Emitter Emitter;

_must_use_ int emitter_new(sd_event *event, Emitter **ret);
Emitter *emitter_free(Emitter *emitter);

/* Ownership: a reference to @bus is held until it is removed. */
_must_use_ int emitter_add_connection(Emitter *emitter, sd_bus *bus);
void emitter_remove_connection(Emitter *emitter, sd_bus *bus);

/* Collected. @interface and the names are static; @properties ends with NULL. What cannot be
 * collected for lack of memory is lost, and logged. */
void emit_added(Emitter *emitter, const char *path, const char *interface);
void emit_changed(
                Emitter *emitter,
                const char *path,
                const char *interface,
                const char *const *properties);

/* Sent at once, after all that was collected. */
void emit_removed(Emitter *emitter, const char *path, const char *interface);
void emit_job_new(Emitter *emitter, uint32_t number, const char *path);
void emit_job_removed(
                Emitter *emitter,
                uint32_t number,
                const char *path,
                const char *const outcome[static 3]); /* result, error name, message */
void emit_flush(Emitter *emitter);

DEFINE_CLEANUP(Emitter, emitter_free)
