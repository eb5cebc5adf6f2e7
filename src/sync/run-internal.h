// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Runs, for the other files of this folder. */

#include "sync/environment-internal.h"
#include "sync/run.h"

/* Finds the programs that a daemon before this one started; those that have ended are cleared away. */
_must_use_ int runs_adopt(Coordinator *coordinator);
/* Forgets the runs of an environment; the programs go on. */
void runs_free(Environment *environment);

/* Begins the program of a GOAL_RUN job, whose end is the job's. */
_must_use_ int run_start_job(Job *job, Fault *fault);
/* The job ends: a program that still runs for it is killed. */
void run_forget_job(Job *job);
