// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What the sandbox's first process does once it is confined: executes the program, reaps, passes
 * signals on, tells the monitor, and takes everything down when the program has ended. */

#include <sys/types.h>

#include "basic/fault.h"
#include "basic/macro.h"
#include "environment/launch.h"

typedef struct Supervisor {
        const ExecRequest *request;
        int channel_fd; /* to the monitor; negative: a helper */
        int master_fd;  /* of the terminal; negative: none */
        int slave_fd;
        pid_t program;
        bool has_ended;
        int status; /* of the program, as waitpid(2) gives it */
} Supervisor;

/* Forks and executes the program; a failure to execute it is explained in @fault
 * (FAULT_COMMAND_NOT_FOUND, FAULT_COMMAND_NOT_EXECUTABLE). */
_must_use_ int supervise_start(Supervisor *supervisor, Fault *fault);

/* Returns when the program has ended and every other process of the sandbox is gone. */
_must_use_ int supervise_run(Supervisor *supervisor);
