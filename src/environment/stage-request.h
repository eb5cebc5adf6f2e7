// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What is asked of blast-stage, the worker for everything of an environment that blocks on the disk,
 * and what it answers. It reads only our own packets, and files of trees only to copy them. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "environment/generation.h"

typedef enum StageVerb {
        STAGE_MAKE,   /* make the generation of @draft and choose it */
        STAGE_CHOOSE, /* make @number the current generation */
        STAGE_SHOW,   /* flush @name and rename it to "lib" */
        STAGE_REMOVE, /* remove @names from the directory */
        _STAGE_VERB_MAX,
        _STAGE_VERB_INVALID = -EINVAL,
} StageVerb;

/* Descriptors from WORKER_FD_FIRST: the directory (MAKE, CHOOSE: the environment's; SHOW: the
 * generation's; REMOVE: where the names lie), with MAKE also the trees of the store. */
typedef struct StageRequest {
        StageVerb verb;
        GenerationDraft draft;
        uint32_t number;
        char *name;
        char **names;
} StageRequest;

typedef struct StageAnswer {
        Fault fault;
        char **carried;
        char **warnings; /* what the draft held and what making it added */
} StageAnswer;

void stage_request_done(StageRequest *request);
#define _cleanup_stage_request_ _cleanup_(stage_request_done)
_must_use_ int stage_request_encode(const StageRequest *request, void **ret, size_t *ret_size);
_must_use_ int stage_request_decode(const void *data, size_t size, StageRequest *ret);
void stage_answer_done(StageAnswer *answer);
#define _cleanup_stage_answer_ _cleanup_(stage_answer_done)
_must_use_ int stage_answer_encode(const StageAnswer *answer, void **ret, size_t *ret_size);
_must_use_ int stage_answer_decode(const void *data, size_t size, StageAnswer *ret);
