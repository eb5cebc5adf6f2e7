// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* From a project to a lock: reads the project, finds its interpreter, uses its lock if that is current,
 * else resolves. The work of blast-resolve, without the worker around it. */

#include "basic/macro.h"
#include "package/resolve-request.h"

/* Descriptors are borrowed. */
typedef struct ResolutionInput {
        const ResolveRequest *request;
        int project_fd; /* directory; -EBADF: none */
        int cache_fd;   /* directory of the metadata cache; -EBADF: none */
        int fetch_fd;   /* socket to blast-fetch; -EBADF: none */
        int trace_fd;   /* gets the solver's decisions and lessons; -EBADF: none */
} ResolutionInput;

/* What the user should know of a failure is in the answer: its outcome is then RESOLVE_FAULT.
 * Errors: -ENOMEM. */
_must_use_ int resolution_run(const ResolutionInput *input, ResolveAnswer *ret);
