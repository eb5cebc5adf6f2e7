// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The one place that knows both layers: turns goals into jobs, keeps one queue per environment, runs
 * different environments side by side, and tells one observer what changed. Everything happens on
 * the given event loop; nothing here blocks it for longer than a few milliseconds. */

#include <systemd/sd-event.h>

#include "basic/fault.h"
#include "basic/macro.h"
#include "sync/environment.h"
#include "sync/goal.h"
#include "sync/job.h"

typedef struct Coordinator Coordinator;

enum {
        JOBS_PER_ENVIRONMENT_MAX = 32
};

/* Directories as the daemon found them; opened, 0700, owned by the user. Borrowed during the call. */
typedef struct CoordinatorDirectories {
        int state_fd;
        const char *state_path;
        int cache_fd;
        const char *cache_path;
        int runtime_fd;
        const char *runtime_path;
} CoordinatorDirectories;

/* Called from the event loop or from within coordinator calls; must not call back into the
 * coordinator except for getters. Any may be NULL. */
typedef struct CoordinatorObserver {
        void (*on_environment_added)(Environment *environment, void *userdata);
        void (*on_environment_changed)(Environment *environment, void *userdata);
        void (*on_environment_removed)(
                        Environment *environment,
                        void *userdata); /* last use of the pointer */
        void (*on_job_added)(Job *job, void *userdata);
        void (*on_job_changed)(
                        Job *job,
                        void *userdata); /* state, phase, progress or subject; at most every 50 ms for progress alone */
        void (*on_job_ended)(
                        Job *job,
                        void *userdata); /* exactly once per job; take a reference to keep it */
} CoordinatorObserver;

/* Opens state and store, recovers from whatever the last process left unfinished, finds programs
 * that still run. */
_must_use_ int
coordinator_new(sd_event *event,
                const CoordinatorDirectories *directories,
                Fault *fault,
                Coordinator **ret);
/* Stops the workers; running programs go on and are found again. */
Coordinator *coordinator_free(Coordinator *coordinator);
void coordinator_observe(
                Coordinator *coordinator,
                const CoordinatorObserver *observer,
                void *userdata);

/* The environment of a project directory. Errors: as registry_ensure() and registry_find(). */
_must_use_ int coordinator_open_project(
                Coordinator *coordinator,
                int project_fd,
                const char *name,
                Fault *fault,
                Environment **ret);
_must_use_ int coordinator_find_project(
                Coordinator *coordinator,
                int project_fd,
                const char *name,
                Fault *fault,
                Environment **ret);
Environment *coordinator_get_environment(Coordinator *coordinator, const char *id);
Environment *coordinator_next_environment(
                Coordinator *coordinator,
                size_t *position); /* from 0; NULL at the end */

/* Starts a job; it ends from the event loop, never inside this call. @environment is NULL only with
 * GOAL_COLLECT. @ret_job is borrowed: take a reference to keep it after its end.
 * Ownership: consumes @goal, on failure too.
 * Errors: -EINVAL (FAULT_USAGE); -EBUSY too many jobs wait (FAULT_BUSY). */
_must_use_ int coordinator_start(
                Coordinator *coordinator,
                Environment *environment,
                Goal *goal,
                Fault *fault,
                Job **ret_job);
/* Jobs that have not ended, by position from 0; NULL at the end. */
Job *coordinator_next_job(Coordinator *coordinator, size_t *position);
Job *coordinator_get_job(Coordinator *coordinator, uint32_t number);

/* Nothing runs, waits or is made in the background: the daemon may leave. */
bool coordinator_is_idle(const Coordinator *coordinator);

DEFINE_CLEANUP(Coordinator, coordinator_free)
