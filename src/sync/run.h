// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Programs that run in an environment: started, listed, signalled, found again after a restart of the
 * daemon. Each lives under a monitor of its own (environment/launch.h), not under us. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "sync/coordinator.h"

/* Everything is borrowed during run_start(). */
typedef struct RunRequest {
        char *const *argv;
        char *const *environ;  /* NAME=value; what the caller's environment adds */
        const char *directory; /* NULL: the project */
        int stdio[3];
        int control_fd; /* SOCK_SEQPACKET of the client; negative: detached */
        bool wants_terminal;
        uint16_t n_rows;
        uint16_t n_columns;
        bool is_strict; /* refuse if any guarantee is not held */
} RunRequest;

typedef struct RunSummary {
        uint32_t number;       /* unique among the environments of one state directory */
        pid_t pid;             /* of the program, seen from outside; 0: not started yet */
        uint64_t started_usec; /* CLOCK_REALTIME */
        char *const *argv;
        uint32_t generation;
} RunSummary;

/* Starts a program in the current generation. Its end is told to the client's control socket and, as
 * a change of the environment, to the observer.
 * Errors: -ENOENT (FAULT_NO_GENERATION) nothing is installed yet; -EPERM (FAULT_NOT_ENFORCEABLE);
 * -EINVAL (FAULT_USAGE); those of environment/launch.h. */
_must_use_ int
run_start(Coordinator *coordinator,
          Environment *environment,
          const RunRequest *request,
          Fault *fault,
          uint32_t *ret_number);

/* Tells one run (0: all of the environment) the signal; @ret_n_told of them were.
 * Errors: -ESRCH (FAULT_USAGE) no such run; -EINVAL no such signal. */
_must_use_ int
run_signal(Environment *environment,
           uint32_t number,
           int signal_number,
           Fault *fault,
           uint32_t *ret_n_told);

/* Iteration by position, from 0; false at the end. Borrowed until the next change. */
bool run_next(const Environment *environment, size_t *position, RunSummary *ret);
