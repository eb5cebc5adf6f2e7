// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* One blastd from start to end: directories, coordinator, service, transport, signals, idleness. */

#include "basic/fault.h"
#include "basic/macro.h"

typedef enum DaemonMode {
        DAEMON_EMBEDDED, /* private socket, one uid */
        DAEMON_BUS,      /* the system bus (DBUS_SYSTEM_BUS_ADDRESS) */
        _DAEMON_MODE_MAX,
        _DAEMON_MODE_INVALID = -EINVAL,
} DaemonMode;

enum {
        DAEMON_IDLE_SEC = 60
};

typedef struct DaemonSettings {
        DaemonMode mode;
        uint64_t idle_usec; /* leave after that long without anything alive; USEC_INFINITY: never */
        bool writes_log; /* to <runtime>/log instead of our stderr, once that directory is ours */
        int ready_fd; /* gets "ready DIRECTORY\n" (of the socket), or "failed <sentence>\n"; negative: nobody waits */
} DaemonSettings;

/* Runs until it is told to leave, has been idle for long enough, or another daemon turns out to
 * serve this state directory already (which is a success, too, when embedded).
 * Ownership: consumes @settings->ready_fd. Errors: with a fault, which was told to the waiting starter. */
_must_use_ int daemon_run(const DaemonSettings *settings, Fault *fault);
