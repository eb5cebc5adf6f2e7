// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     WAITING ─▶ RESOLVING ─▶ FETCHING ─▶ APPLYING ─▶ DONE
 *        │           └───────────┴──── nothing to do ──▶ DONE
 *        ├─▶ APPLYING            a goal that resolves nothing: rollback, delete, collect
 *        ├─▶ RUNNING ─▶ DONE     a program, or waiting for the copy behind .venv
 *        └─ all but APPLYING ─▶ CANCELLED, all ─▶ FAILED
 *
 * job_set_state() is the only writer of the state. Everything left of APPLYING only adds to the store
 * and may be thrown away; APPLYING is covered by the journal, therefore it cannot be cancelled.
 *
 * Ends are decided at any depth of callbacks (job_finish()) and come true from the loop
 * (coordinator.c), so that nobody frees what is still on the stack.
 */

#include <string.h>
#include <time.h>

#include "basic/memory.h"
#include "sync/coordinator-internal.h"
#include "sync/execution.h"
#include "sync/job-internal.h"

#define EDGE(state) (1U << (state))

enum {
        TELL_PROGRESS_MSEC = 50
};

static const uint32_t next_states[_JOB_STATE_MAX] = {
        [JOB_WAITING] = EDGE(JOB_RESOLVING) | EDGE(JOB_APPLYING) | EDGE(JOB_RUNNING) |
                        EDGE(JOB_CANCELLED) | EDGE(JOB_FAILED),
        [JOB_RESOLVING] = EDGE(JOB_FETCHING) | EDGE(JOB_DONE) | EDGE(JOB_CANCELLED) |
                        EDGE(JOB_FAILED),
        [JOB_FETCHING] = EDGE(JOB_APPLYING) | EDGE(JOB_DONE) | EDGE(JOB_CANCELLED) |
                        EDGE(JOB_FAILED),
        [JOB_APPLYING] = EDGE(JOB_DONE) | EDGE(JOB_FAILED),
        [JOB_RUNNING] = EDGE(JOB_DONE) | EDGE(JOB_CANCELLED) | EDGE(JOB_FAILED),
};

static const char *const state_names[_JOB_STATE_MAX] = {
        [JOB_WAITING] = "waiting",   [JOB_RESOLVING] = "resolving", [JOB_FETCHING] = "fetching",
        [JOB_APPLYING] = "applying", [JOB_RUNNING] = "running",     [JOB_DONE] = "done",
        [JOB_FAILED] = "failed",     [JOB_CANCELLED] = "cancelled",
};

static uint64_t now_usec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

int job_new(Coordinator *coordinator,
            Environment *environment,
            uint32_t number,
            Goal *goal,
            Job **ret) {
        _cleanup_(goal_freep) Goal *owned = goal;
        Job *job = new0(Job, 1);

        if (!job)
                return -ENOMEM;
        *job = (Job){
                .n_refs = 1,
                .coordinator = coordinator,
                .environment = environment,
                .number = number,
                .goal = TAKE_PTR(owned),
                .outcome = _JOB_STATE_INVALID,
                .phase = "waiting",
                .exit_status = -1,
        };
        if (environment)
                memcpy(job->environment_id,
                       environment_get_record(environment)->id,
                       ENVIRONMENT_ID_SIZE);
        *ret = job;
        return 0;
}

Job *job_ref(Job *job) {
        assert(job->n_refs > 0);

        job->n_refs++;
        return job;
}

Job *job_unref(Job *job) {
        if (!job)
                return NULL;
        assert(job->n_refs > 0);
        if (--job->n_refs > 0)
                return NULL;

        (void) execution_free(job->execution);
        (void) goal_free(job->goal);
        free(job->subject);
        fault_done(&job->fault);
        for (size_t i = 0; i < job->n_files; i++) {
                free(job->files[i].name);
                free(job->files[i].text);
        }
        free(job->files);
        (void) plan_free(job->plan);
        (void) lock_free(job->old_lock);
        (void) lock_free(job->new_lock);
        (void) strings_free(job->warnings);
        free(job->output);
        free(job);
        return NULL;
}

void job_set_state(Job *job, JobState state) {
        assert(next_states[job->state] & EDGE(state));

        job->state = state;
        job->told_usec = now_usec();
        coordinator_tell_job(job);
}

void job_set_phase(Job *job, const char *phase, const char *subject) {
        bool is_other = !streq(job->phase, phase);

        job->phase = phase;
        free(job->subject);
        job->subject = subject ? strdup(subject) : NULL; /* without memory: no subject */
        if (is_other)
                job->told_usec = 0;
        job_set_progress(job, job->progress);
}

void job_set_progress(Job *job, JobProgress progress) {
        uint64_t now = now_usec();

        job->progress = progress;
        if (now - job->told_usec < TELL_PROGRESS_MSEC * USEC_PER_MSEC)
                return;
        job->told_usec = now;
        coordinator_tell_job(job);
}

void job_finish(Job *job, int error, const Fault *fault) {
        if (job->outcome != _JOB_STATE_INVALID)
                return;

        job->outcome = error >= 0 ? JOB_DONE : job->is_cancelled ? JOB_CANCELLED : JOB_FAILED;
        if (error < 0 && fault && fault_is_set(fault) && !fault_is_set(&job->fault) &&
            fault_copy(fault, &job->fault) < 0)
                error = -ENOMEM;
        if (error < 0)
                (void) fault_set(
                                &job->fault,
                                error,
                                fault_code_from_errno(error),
                                NULL,
                                "The job failed: %s.",
                                strerror(-error));
        coordinator_wake(job->coordinator);
}

int job_cancel(Job *job, Fault *fault) {
        if (job_has_ended(job) || job->outcome != _JOB_STATE_INVALID)
                return -EALREADY;
        if (!(next_states[job->state] & EDGE(JOB_CANCELLED)))
                return fault_set(
                                fault,
                                -EBUSY,
                                FAULT_BUSY,
                                NULL,
                                "The environment is being changed at this moment; that cannot be "
                                "interrupted.");
        job->is_cancelled = true;
        (void) fault_set(&job->fault, -ECANCELED, FAULT_CANCELLED, NULL, "The job was cancelled.");
        job_finish(job, -ECANCELED, NULL);
        return 0;
}

uint32_t job_get_number(const Job *job) {
        return job->number;
}

const Goal *job_get_goal(const Job *job) {
        return job->goal;
}

Environment *job_get_environment(const Job *job) {
        return job->environment;
}

const char *job_get_environment_id(const Job *job) {
        return job->environment_id;
}

JobState job_get_state(const Job *job) {
        return job->state;
}

bool job_has_ended(const Job *job) {
        return next_states[job->state] == 0;
}

const char *job_get_phase(const Job *job) {
        return job->phase;
}

const char *job_get_subject(const Job *job) {
        return job->subject ?: "";
}

JobProgress job_get_progress(const Job *job) {
        return job->progress;
}

const char *job_get_result(const Job *job) {
        return job_has_ended(job) ? job_state_to_string(job->state) : "";
}

const Fault *job_get_fault(const Job *job) {
        return &job->fault;
}

const ProjectFile *job_get_files(const Job *job, size_t *ret_n) {
        *ret_n = job->n_files;
        return job->files;
}

const Plan *job_get_plan(const Job *job) {
        return job->plan;
}

char *const *job_get_warnings(const Job *job) {
        return job->warnings;
}

int job_get_exit_status(const Job *job) {
        return job->exit_status;
}

const char *job_get_output(const Job *job) {
        return job->output ?: "";
}

const char *job_state_to_string(JobState state) {
        return state >= 0 && state < _JOB_STATE_MAX ? state_names[state] : "unknown";
}
