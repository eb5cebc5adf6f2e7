// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What is made of a generation while nobody waits: bytecode trees that are missing, then the copy for
 * editors behind .venv. Begins anew after a crash; ends with a newer generation. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "sync/coordinator.h"

/* Names of copies in the making, in the directory of their generation. */
#define BACKGROUND_COPY_PREFIX ".lib-"

typedef struct Background Background;

/* Begins with the current generation of @environment; what was made of another one is dropped. Failures
 * show in the state of the copy. */
void background_start(Environment *environment);
Background *background_free(Background *background);

/* Removes what is left in the current generation of copies that failed or that a crash interrupted. */
void background_sweep(Environment *environment);

/* A GOAL_COMPLETE_VENV job begins to wait. Errors: -ENOENT (FAULT_NO_GENERATION). */
_must_use_ int background_wait(Job *job, Fault *fault);
/* Ends it if there is nothing more to wait for. */
void background_check(Job *job);
