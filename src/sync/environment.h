// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* One environment as the rest of the daemon sees it: identity, current generation, what runs in it,
 * what is being made of it. Owned by the coordinator; valid until the observer hears of its removal. */

#include "basic/macro.h"
#include "environment/generation.h"
#include "environment/guarantee.h"
#include "environment/policy.h"
#include "environment/registry.h"
#include "package/lock.h"

typedef struct Environment Environment;

typedef enum EnvironmentState {
        ENVIRONMENT_EMPTY,    /* no generation yet */
        ENVIRONMENT_CHANGING, /* a job works on it */
        ENVIRONMENT_READY,
        ENVIRONMENT_RUNNING, /* ready, and at least one program runs in it */
        ENVIRONMENT_ORPHAN,  /* its project is gone */
        _ENVIRONMENT_STATE_MAX,
        _ENVIRONMENT_STATE_INVALID = -EINVAL,
} EnvironmentState;

typedef enum VenvState {
        VENV_NONE,
        VENV_BUILDING,
        VENV_COMPLETE,
        VENV_FAILED,
        _VENV_STATE_MAX,
        _VENV_STATE_INVALID = -EINVAL,
} VenvState;

typedef struct GenerationSummary {
        uint32_t number;
        uint64_t created_usec;
        char *verb;
        uint32_t n_packages;
        bool is_current;
} GenerationSummary;

const EnvironmentRecord *environment_get_record(const Environment *environment);
EnvironmentState environment_get_state(const Environment *environment);
VenvState environment_get_venv_state(const Environment *environment);
uint32_t environment_get_generation_number(const Environment *environment); /* 0: none */
/* The current generation and its lock; NULL: none. Borrowed until the next change. */
const GenerationRecord *environment_get_generation(const Environment *environment);
const Lock *environment_get_lock(const Environment *environment);
/* "<state>/environments/<id>/current": the directory of the current generation, to which the client links
 * <project>/.venv. Never NULL. */
const char *environment_get_prefix(const Environment *environment);
/* <state>/environments/<id>/current: what the project's .venv is to lead to. */
const char *environment_get_directory(const Environment *environment);
/* As the last program that was started read them back; empty before. */
const Guarantees *environment_get_guarantees(const Environment *environment);
size_t environment_count_runs(const Environment *environment);
/* As the newest run read them back; no rows if none has told yet. Borrowed until the next change. */
const Guarantees *environment_get_guarantees(const Environment *environment);

_must_use_ int environment_list_generations(
                Environment *environment,
                Fault *fault,
                GenerationSummary **ret,
                size_t *ret_n);
void generation_summaries_free(GenerationSummary *summaries, size_t n);

const char *environment_state_to_string(EnvironmentState state);
const char *venv_state_to_string(VenvState state);
