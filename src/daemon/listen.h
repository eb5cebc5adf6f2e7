// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The private socket of the embedded daemon: <runtime>/bus, for its own uid only. Hands accepted
 * connections on; speaks no protocol. */

#include <systemd/sd-event.h>

#include "basic/fault.h"
#include "basic/macro.h"

#define LISTEN_NAME "bus"

typedef struct Listener Listener;

/* Consumes @fd, whose other end is a process of our uid. */
typedef void (*ListenerAccepted)(int fd, void *userdata);

/* Binds and listens; a socket left by a dead daemon is replaced, so the lock of the state directory
 * must be held. @directory_fd is borrowed until listener_free().
 * Errors: -EEXIST something that is no socket has the name (as a fault). */
_must_use_ int
listener_new(sd_event *event,
             int directory_fd,
             ListenerAccepted accepted,
             void *userdata,
             Fault *fault,
             Listener **ret);
/* Removes the name first, then closes. */
Listener *listener_free(Listener *listener);

/* Somebody has connected and was not accepted yet: the daemon must not leave now. */
bool listener_has_pending(const Listener *listener);

DEFINE_CLEANUP(Listener, listener_free)
