// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The four directories of one blastd: found, made, opened and locked. Paths are for showing and for
 * other processes; the daemon itself works with the descriptors. */

#include "basic/fault.h"
#include "basic/macro.h"

/* One directory: ours, 0700, a real directory at the end of its path. */
typedef struct Directory {
        int fd;
        char *path; /* absolute, without links */
} Directory;

typedef struct Directories {
        Directory state;
        Directory cache;
        Directory runtime;
        Directory configuration; /* fd is negative where there is none: it is never made */
        int lock_fd;             /* held for life: one daemon per state directory */
        int start_fd;            /* held while starting and leaving, see directories_lock() */
} Directories;

#define DIRECTORIES_NULL                            \
        ((Directories){                             \
                        .state.fd = -EBADF,         \
                        .cache.fd = -EBADF,         \
                        .runtime.fd = -EBADF,       \
                        .configuration.fd = -EBADF, \
                        .lock_fd = -EBADF,          \
                        .start_fd = -EBADF,         \
        })

void directories_done(Directories *directories);
#define _cleanup_directories_ _cleanup_(directories_done)

/* STATE_, CACHE_, RUNTIME_ and CONFIGURATION_DIRECTORY (the first of a list) win over XDG_STATE_HOME,
 * XDG_CACHE_HOME, XDG_RUNTIME_DIR and XDG_CONFIG_HOME with "/blast" after them, and those over their
 * defaults beneath the home; the runtime directory falls back to <state>/run.
 * Errors: -EPERM somebody else owns one, -ENOTDIR, -ENAMETOOLONG, those of mkdir(2); all as a fault. */
_must_use_ int directories_open(Directories *ret, Fault *fault);

/* Takes the lock of the state directory, waiting for another daemon that is just starting or leaving.
 * On success start_fd is held, too, until directories_started().
 * Returns 1 locked, 0 another daemon runs and is listening: runtime.path is then that one's. */
_must_use_ int directories_lock(Directories *directories, Fault *fault);
/* From here on a second daemon sees that this one can be reached. */
void directories_started(Directories *directories);
/* Before leaving: keeps others from finding us alive while we stop listening. Held until the end of the
 * process. Errors: -EAGAIN another daemon is looking at us right now and @waits is false: stay. */
_must_use_ int directories_leave(Directories *directories, bool waits);
