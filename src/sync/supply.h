// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The second step of a job: the trees that the store misses are fetched, unpacked and published, as a
 * pipeline with one unpacker per processor. All or nothing is not promised: what is published stays, and
 * is not fetched again. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "package/lock.h"
#include "sync/coordinator.h"
#include "sync/fetch-client.h"
#include "sync/job.h"

typedef struct Supply Supply;

typedef struct SupplyOrder {
        const LockPackage **packages; /* borrowed until the end, the array for the call */
        size_t n_packages;            /* at least 1 */
        FetchClient *fetcher;         /* borrowed until the end */
        /* Told once, not within the start. @fault is NULL after success. */
        void (*on_done)(int error, const Fault *fault, void *userdata);
        void (*on_progress)(
                        JobProgress progress,
                        const char *phase,
                        const char *subject,
                        void *userdata);
        void *userdata;
} SupplyOrder;

_must_use_ int
supply_new(Coordinator *coordinator, const SupplyOrder *order, Fault *fault, Supply **ret);
/* Stops what runs, without telling. */
Supply *supply_free(Supply *supply);

DEFINE_CLEANUP(Supply, supply_free)
