// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The inside of a job, for those who carry it out (sync/execution.c, sync/coordinator.c, sync/run.c). */

#include "environment/registry.h"
#include "sync/job.h"

typedef struct Execution Execution;

struct Job {
        unsigned n_refs;
        Coordinator *coordinator; /* NULL after the end */
        Environment *environment; /* NULL after the end of a removal */
        char environment_id[ENVIRONMENT_ID_SIZE];
        uint32_t number;
        Goal *goal;

        JobState state;
        JobState outcome; /* what it will end as, decided; _JOB_STATE_INVALID: not yet */
        bool waits_for_copy; /* more trees than an overlay can hold: it can be used with the copy only */
        bool is_cancelled; /* asked to */
        const char *phase;
        char *subject;
        JobProgress progress;
        uint64_t told_usec; /* when progress was last told */

        Execution *execution; /* while it works */
        uint32_t run_number;  /* GOAL_RUN; 0: not started */

        Fault fault;
        ProjectFile *files;
        size_t n_files;
        Lock *old_lock; /* what @plan compares; owned */
        Lock *new_lock;
        Plan *plan;
        char **warnings;
        int exit_status;
        char *output;
};

/* Ownership: consumes @goal, on failure too. */
_must_use_ int
job_new(Coordinator *coordinator, Environment *environment, uint32_t number, Goal *goal, Job **ret);

/* The only writer of the state; asserts the edge. */
void job_set_state(Job *job, JobState state);
/* @phase is static, @subject may be NULL. */
void job_set_phase(Job *job, const char *phase, const char *subject);
void job_set_progress(Job *job, JobProgress progress);

/* Decides how the job ends; the end itself comes from the event loop. The first decision stays. With
 * @error < 0 it fails, with @fault (copied) as the reason where there is one. */
void job_finish(Job *job, int error, const Fault *fault);
