// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Moves bytes from one descriptor to another on the event loop, with one bounded buffer. */

#include <systemd/sd-event.h>

#include "basic/macro.h"

typedef struct Relay Relay;

/* Told once, when the source has ended and everything was written, or the target is gone. */
typedef void (*RelayDone)(Relay *relay, void *userdata);

/* Both descriptors are borrowed; @from must live until relay_free(). They are switched to non-blocking
 * only if they are ours: a shared terminal is read when it is ready. */
_must_use_ int
relay_new(sd_event *event, int from, int to, RelayDone done, void *userdata, Relay **ret);
Relay *relay_free(Relay *relay);
/* Stops and starts reading, as when the program is stopped. */
void relay_pause(Relay *relay, bool is_paused);
/* Moves everything that is there now, waiting for the target only: called when the program has ended or
 * was stopped. */
void relay_drain(Relay *relay);

DEFINE_CLEANUP(Relay, relay_free)
