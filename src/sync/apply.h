// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The last step of a job: a generation is made of what was resolved and supplied, or an old one is
 * chosen again, by blast-stage, under the cover of the journal. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "package/request.h"
#include "sync/job.h"
#include "sync/signature.h"

typedef struct Apply Apply;

typedef struct ApplyOrder {
        const ResolveAnswer *answer; /* NULL: a rollback; borrowed for the call, as is the next */
        const Signature *signature;
        /* Told once, not within the start, after the environment was read again. */
        void (*on_done)(int error, const Fault *fault, void *userdata);
        void *userdata;
} ApplyOrder;

_must_use_ int apply_new(Job *job, const ApplyOrder *order, Fault *fault, Apply **ret);
/* Stops it where it is: the journal finds out how far it came. */
Apply *apply_free(Apply *apply);

DEFINE_CLEANUP(Apply, apply_free)
