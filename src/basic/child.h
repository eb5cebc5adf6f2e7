// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The only spawner of worker processes: an exact list of descriptors, nothing inherited by accident,
 * a pidfd to wait on. Request and answer travel as sealed memfds. Knows nothing of what workers do. */

#include <sys/types.h>

#include "basic/macro.h"

enum {
        CHILD_FDS_MAX = 64
};

typedef struct Child {
        pid_t pid;
        int pidfd;
} Child;

#define CHILD_NULL ((Child){ .pid = 0, .pidfd = -EBADF })

/* What to run and with which descriptors. In the child, @fds[i] becomes descriptor 3 + i and all
 * others above are closed; 0, 1 and 2 come from @stdio (negative: /dev/null). */
typedef struct ChildSpec {
        const char *path; /* absolute; executed without a search */
        char *const *argv;
        char *const *environ; /* NULL: an empty environment */
        int stdio[3];
        const int *fds;
        size_t n_fds;
        uid_t uid; /* (uid_t) -1: unchanged; else all ids and groups are dropped to it */
        gid_t gid;
        uint64_t memory_max_bytes; /* RLIMIT_AS; 0: unchanged */
        uint64_t cpu_max_sec;      /* RLIMIT_CPU; 0: unchanged */
        uint64_t file_max_bytes;   /* RLIMIT_FSIZE; 0: unchanged */
        uint64_t n_files_max;      /* RLIMIT_NOFILE; 0: unchanged */
        bool dies_with_parent;     /* PR_SET_PDEATHSIG SIGKILL */
        bool new_session;          /* setsid() */
        bool blocks_signals; /* starts with all signals blocked: none is lost or deadly before it watches */
} ChildSpec;

/* Starts the process; an exec failure is reported here, not by an exit status.
 * Errors: errno of vfork, prlimit, setresuid or execve. */
_must_use_ int child_spawn(const ChildSpec *spec, Child *ret);

/* Blocks until it ends. Returns the status as waitpid(2) gives it in @ret_status. */
_must_use_ int child_wait(Child *child, int *ret_status);
/* SIGKILL and reap; harmless on CHILD_NULL. */
void child_kill(Child *child);
#define _cleanup_child_ _cleanup_(child_kill)
