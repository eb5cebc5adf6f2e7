// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Puts everything that was written to the store on the disk, once for many trees, by one blast-unpack that
 * does nothing else. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "sync/coordinator.h"
#include "sync/worker-process.h"

/* @on_end as of any worker: its answer is a MaterialiseAnswer. */
_must_use_ int
flush_start(Coordinator *coordinator,
            WorkerEndFunction on_end,
            void *userdata,
            Fault *fault,
            WorkerProcess **ret);
