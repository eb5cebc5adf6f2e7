// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The first step of a job: blast-resolve is asked, with interpreters probed in between as often as it wants
 * to know one, until it answers with a lock or with a fault. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "package/request.h"
#include "sync/coordinator.h"

typedef struct ResolutionStep ResolutionStep;

typedef struct ResolutionOrder {
        const ResolveRequest *request; /* interpreters are filled in here; borrowed until the end */
        int project_fd;                /* borrowed for the call */
        /* @answer is taken from with TAKE; NULL after a fault. Told once, not within the start. */
        void (*on_done)(ResolveAnswer *answer, int error, const Fault *fault, void *userdata);
        void (*on_phase)(const char *phase, const char *subject, void *userdata);
        void *userdata;
} ResolutionOrder;

/* Errors: FAULT_WORKER_FAILED. */
_must_use_ int resolution_step_new(
                Coordinator *coordinator,
                const ResolutionOrder *order,
                int fetcher_fd, /* blast-resolve's end of the socket to blast-fetch; consumed */
                Fault *fault,
                ResolutionStep **ret);
/* Stops what runs, without telling. */
ResolutionStep *resolution_step_free(ResolutionStep *step);

DEFINE_CLEANUP(ResolutionStep, resolution_step_free)
