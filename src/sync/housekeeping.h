// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Taking away what nobody needs: an environment, environments whose project is gone, trees that no
 * generation names. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "sync/coordinator.h"

/* Errors: -EBUSY programs run in it (FAULT_BUSY). */
_must_use_ int housekeeping_delete(Environment *environment, Job *job, Fault *fault);
/* What was removed is told in the job's warnings. */
_must_use_ int housekeeping_collect(Coordinator *coordinator, Job *job, Fault *fault);
