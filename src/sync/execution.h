// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* How a job is carried out: from its goal over resolution, plan and supply to a new generation. Ends by
 * job_finish(), at once or later. */

#include "basic/macro.h"
#include "sync/job.h"

typedef struct Execution Execution;

/* Begins the work of a waiting job. Failures are the job's end, not an error here. */
void execution_start(Job *job);
/* Stops what runs. */
Execution *execution_free(Execution *execution);

DEFINE_CLEANUP(Execution, execution_free)
