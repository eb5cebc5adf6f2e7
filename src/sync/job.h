// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* One goal on its way to becoming true: state, phase, progress, and exactly one outcome. Knows
 * nothing about D-Bus and nothing about how the work is done (sync/execution.h). */

#include "basic/fault.h"
#include "basic/macro.h"
#include "package/request.h"
#include "sync/goal.h"
#include "sync/plan.h"

typedef struct Coordinator Coordinator;
typedef struct Environment Environment;
typedef struct Job Job;

typedef enum JobState {
        JOB_WAITING,   /* another job holds the environment */
        JOB_RESOLVING, /* resolve worker is running */
        JOB_FETCHING,  /* wheels are fetched and unpacked */
        JOB_APPLYING,  /* a generation is made or chosen; cannot be cancelled */
        JOB_RUNNING,   /* a program of GOAL_RUN runs, or the copy behind .venv is waited for */
        JOB_DONE,
        JOB_FAILED,
        JOB_CANCELLED,
        _JOB_STATE_MAX,
        _JOB_STATE_INVALID = -EINVAL,
} JobState;

typedef struct JobProgress {
        uint32_t n_done;
        uint32_t n_total; /* 0: not known yet */
        uint64_t done_bytes;
        uint64_t total_bytes; /* 0: not known yet */
} JobProgress;

Job *job_ref(Job *job);
Job *job_unref(Job *job);

/* Asks a job to stop. It ends as JOB_CANCELLED from the event loop, never inside this call.
 * Errors: -EBUSY it is in JOB_APPLYING (FAULT_BUSY); -EALREADY it has ended. */
_must_use_ int job_cancel(Job *job, Fault *fault);

uint32_t job_get_number(const Job *job);
const Goal *job_get_goal(const Job *job);
Environment *
job_get_environment(const Job *job); /* NULL: a job of the manager, or deleted meanwhile */
const char *job_get_environment_id(const Job *job); /* "" for a job of the manager */
JobState job_get_state(const Job *job);
bool job_has_ended(const Job *job);
const char *job_get_phase(const Job *job);   /* static: "resolving", "fetching", "staging", … */
const char *job_get_subject(const Job *job); /* what it is busy with: a package; "" */
JobProgress job_get_progress(const Job *job);

/* Valid after the end. */
const char *job_get_result(const Job *job); /* "done", "failed", "cancelled"; "" while it runs */
const Fault *job_get_fault(const Job *job); /* set if it failed or was cancelled */
const ProjectFile *job_get_files(const Job *job, size_t *ret_n);
const Plan *job_get_plan(const Job *job); /* NULL: nothing was compared */
char *const *job_get_warnings(const Job *job);
int job_get_exit_status(const Job *job); /* GOAL_RUN; 128 + n: killed by signal n; -1 */
const char *
job_get_output(const Job *job); /* GOAL_RUN: the last 64 KiB; a dry run: the plan as text */

const char *job_state_to_string(JobState state); /* "waiting", … */

DEFINE_CLEANUP(Job, job_unref)
