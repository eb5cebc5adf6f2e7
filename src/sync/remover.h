// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* One blast-stage that removes files behind our back. */

#include "sync/coordinator.h"
#include "sync/worker-process.h"

typedef struct Remover {
        Coordinator *coordinator;
        WorkerProcess *worker; /* NULL: nothing is being removed */
} Remover;

/* Removes @names below @directory_fd; while it is busy this does nothing, the next sweep finds them. */
void remover_start(Remover *remover, int directory_fd, char *const *names);
