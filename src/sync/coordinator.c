// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Every environment has a queue of jobs, of which the first works and the others wait; different queues go
 * on side by side. A job that only waits (GOAL_RUN, GOAL_COMPLETE_VENV) leaves its queue when it begins, so
 * it holds up nobody. Jobs without an environment (GOAL_COLLECT) begin at once.
 *
 * A job that has files for the project holds up the next one until its caller has written them, which
 * shows in that nobody holds the job any more: else the second of two installations would not know of the
 * first.
 *
 * All of that is done in one place, on_wake(), a deferred event source: it ends the jobs whose outcome is
 * decided and begins those whose turn it is. Whoever changes something that may matter calls
 * coordinator_wake(); nothing ends inside a call from outside.
 *
 * Recovery: an intent that is open in an environment's journal is finished or undone, staging rooms are
 * swept, removals that were interrupted go on, programs that still run are found again.
 */

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "environment/copy.h"
#include "environment/fail-point.h"
#include "sync/background.h"
#include "sync/coordinator-internal.h"
#include "sync/execution.h"
#include "sync/journal.h"
#include "sync/run-internal.h"

#define HAND_OVER_CHECK_USEC (20 * USEC_PER_MSEC)
#define HAND_OVER_MAX_USEC   (5 * USEC_PER_SEC)

void coordinator_tell_job(Job *job) {
        Coordinator *coordinator = job->coordinator;

        if (coordinator && coordinator->observer.on_job_changed)
                coordinator->observer.on_job_changed(job, coordinator->observer_userdata);
}

void coordinator_tell_environment(Environment *environment) {
        Coordinator *coordinator = environment->coordinator;

        if (coordinator->observer.on_environment_changed)
                coordinator->observer.on_environment_changed(
                                environment, coordinator->observer_userdata);
}

void coordinator_wake(Coordinator *coordinator) {
        /* Fails only for a loop that is gone. */
        (void) sd_event_source_set_enabled(coordinator->wake_source, SD_EVENT_ONESHOT);
}

static int add_environment(Coordinator *coordinator, EnvironmentRecord *record, Environment **ret) {
        _cleanup_(environment_freep) Environment *environment = NULL;
        int r;

        r = environment_new(coordinator, record, &environment);
        if (r < 0)
                return r;
        r =
                        ARRAY_RESERVE(coordinator->environments,
                                      coordinator->n_environments_allocated,
                                      coordinator->n_environments + 1);
        if (r < 0)
                return r;
        *ret = environment;
        coordinator->environments[coordinator->n_environments++] = TAKE_PTR(environment);
        return 0;
}

int coordinator_remove_environment(
                Coordinator *coordinator,
                Environment *environment,
                Fault *fault) {
        _cleanup_(freep) char *leftover = NULL;
        size_t i;
        int r;

        r = registry_remove(coordinator->registry, environment->record, &leftover);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                fault_code_from_errno(r),
                                NULL,
                                "The environment cannot be removed: %s.",
                                strerror(-r));
        environment->record = NULL;
        fail_point_reach("environment-hidden", false);
        char *names[] = { leftover, NULL };
        remover_start(&coordinator->remover, registry_get_fd(coordinator->registry), names);

        for (i = 0; coordinator->environments[i] != environment; i++)
                assert(i + 1 < coordinator->n_environments);
        coordinator->n_environments--;
        memmove(coordinator->environments + i,
                coordinator->environments + i + 1,
                (coordinator->n_environments - i) * sizeof(*coordinator->environments));
        if (coordinator->observer.on_environment_removed)
                coordinator->observer.on_environment_removed(
                                environment, coordinator->observer_userdata);
        for (i = 0; i < coordinator->n_jobs; i++)
                if (coordinator->jobs[i]->environment == environment)
                        coordinator->jobs[i]->environment = NULL;
        (void) environment_free(environment);
        return 0;
}

static void queue_remove(Environment *environment, Job *job) {
        for (size_t i = 0; environment && i < environment->n_queue; i++)
                if (environment->queue[i] == job) {
                        environment->n_queue--;
                        memmove(environment->queue + i,
                                environment->queue + i + 1,
                                (environment->n_queue - i) * sizeof(*environment->queue));
                        (void) job_unref(job);
                        return;
                }
}

static int on_hand_over(sd_event_source *source, uint64_t usec, void *userdata) {
        Environment *environment = userdata;
        bool is_held = environment->handed_over->n_refs > 1;

        if (is_held && usec - environment->handed_over_usec < HAND_OVER_MAX_USEC &&
            sd_event_source_set_time_relative(source, HAND_OVER_CHECK_USEC) >= 0 &&
            sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) >= 0)
                return 0;
        environment->handed_over = job_unref(environment->handed_over);
        coordinator_wake(environment->coordinator);
        return 0;
}

/* The caller of an ended job writes files into the project, which the next job must read: it waits until
 * the caller has let go of the job, or is too slow. */
static void hand_over(Environment *environment, Job *job) {
        sd_event *event = environment->coordinator->event;

        if (environment->n_queue == 0 || job->n_files == 0 || job->state != JOB_DONE ||
            job->goal->is_dry_run || environment->handed_over)
                return;
        environment->hand_over_timer = sd_event_source_disable_unref(environment->hand_over_timer);
        if (sd_event_now(event, CLOCK_MONOTONIC, &environment->handed_over_usec) < 0 ||
            sd_event_add_time_relative(
                            event,
                            &environment->hand_over_timer,
                            CLOCK_MONOTONIC,
                            HAND_OVER_CHECK_USEC,
                            0,
                            on_hand_over,
                            environment) < 0)
                return;
        environment->handed_over = job_ref(job);
}

static void end_job(Coordinator *coordinator, size_t i) {
        Job *job = coordinator->jobs[i]; /* this reference is ours now */

        coordinator->n_jobs--;
        memmove(coordinator->jobs + i,
                coordinator->jobs + i + 1,
                (coordinator->n_jobs - i) * sizeof(*coordinator->jobs));
        job->execution = execution_free(job->execution);
        run_forget_job(job);
        queue_remove(job->environment, job);
        /* DONE has an edge from where work is done only; a job may be decided before it began. */
        job_set_state(job, job->outcome);
        log_debug("Job %u (%s) ended: %s.",
                  job->number,
                  goal_verb_to_string(job->goal->verb),
                  job_get_result(job));
        if (coordinator->observer.on_job_ended)
                coordinator->observer.on_job_ended(job, coordinator->observer_userdata);
        if (job->environment) {
                coordinator_tell_environment(job->environment);
                hand_over(job->environment, job);
        }
        job->coordinator = NULL;
        job->environment = NULL;
        (void) job_unref(job);
}

static void begin_next(Environment *environment) {
        while (environment->n_queue > 0 && !environment->sweeper.worker &&
               !environment->handed_over) {
                Job *job = environment->queue[0];
                if (job->execution || job->outcome != _JOB_STATE_INVALID)
                        return;
                execution_start(job);
                if (job->state != JOB_RUNNING)
                        return;
                queue_remove(environment, job); /* the coordinator's reference keeps it */
        }
}

static int on_wake(sd_event_source *source, void *userdata) {
        Coordinator *coordinator = userdata;

        for (size_t i = 0; i < coordinator->n_jobs;) {
                Job *job = coordinator->jobs[i];
                if (job->waits_for_copy)
                        background_check(job);
                if (job->outcome != _JOB_STATE_INVALID)
                        end_job(coordinator, i);
                else
                        i++;
        }
        for (size_t i = 0; i < coordinator->n_jobs; i++) {
                Job *job = coordinator->jobs[i];
                if (!job->environment && !job->execution && job->outcome == _JOB_STATE_INVALID)
                        execution_start(job);
        }
        for (size_t i = 0; i < coordinator->n_environments; i++) {
                Environment *environment = coordinator->environments[i];
                size_t n = coordinator->n_environments;
                begin_next(environment);
                if (coordinator->n_environments != n)
                        break; /* it removed itself; its end wakes us again */
        }
        return 0;
}

static unsigned count_processors(void) {
        cpu_set_t set;

        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return 1;
        return (unsigned) MAX(CPU_COUNT(&set), 1);
}

static int open_directories(Coordinator *coordinator, const CoordinatorDirectories *directories) {
        const struct {
                int *slot;
                int parent;
                const char *name;
        } wanted[] = {
                { &coordinator->metadata_fd, directories->cache_fd, "metadata" },
                { &coordinator->downloads_fd, directories->cache_fd, "downloads" },
                { &coordinator->runs_fd, directories->runtime_fd, "runs" },
        };

        for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
                *wanted[i].slot = directory_open_or_make(wanted[i].parent, wanted[i].name, 0700);
                if (*wanted[i].slot < 0)
                        return *wanted[i].slot;
        }
        coordinator->state_fd = fcntl(directories->state_fd, F_DUPFD_CLOEXEC, 3);
        return coordinator->state_fd < 0 ? -errno : 0;
}

/* Half downloads have names that start with a dot; whole ones are used by the next job. */
static void sweep_downloads(Coordinator *coordinator) {
        _cleanup_(strings_freep) char **names = NULL;

        if (directory_list(coordinator->downloads_fd, &names) < 0)
                return;
        FOREACH_TEXT(name, names)
                if (name[0] == '.')
                        (void) unlinkat(coordinator->downloads_fd, name, 0);
}

/* What a replacement (basic/file.c) had written when it was killed before its rename. Only at the start:
 * later such a file may be in use. */
static void sweep_torn_files(int directory_fd) {
        _cleanup_(strings_freep) char **names = NULL;

        if (directory_list(directory_fd, &names) < 0)
                return;
        FOREACH_TEXT(name, names)
                if (name[0] == '.' && unlinkat(directory_fd, name, 0) < 0 && errno != EISDIR)
                        log_debug("Cannot remove '%s': %s, continuing.", name, strerror(errno));
}

static int recover_environment(Environment *environment) {
        const EnvironmentRecord *record = environment->record;
        int r;

        if (record->format > REGISTRY_FORMAT)
                return 0;
        r = journal_recover(record->directory_fd);
        if (r < 0)
                log_warning("The journal of '%s' cannot be read: %s, continuing.",
                            record->project_path,
                            strerror(-r));
        if (r > 0)
                log_notice("Recovered the environment of '%s': what had begun was %s.",
                           record->project_path,
                           r == JOURNAL_FINISHED ? "finished" : "undone");
        sweep_torn_files(record->directory_fd);
        environment_sweep(environment);
        if (environment->has_generation && environment->venv_state != VENV_COMPLETE)
                background_start(environment);
        else if (environment->has_generation)
                background_sweep(environment);
        return 0;
}

static int recover(Coordinator *coordinator) {
        EnvironmentRecord *record;
        Environment *environment;
        size_t position = 0;
        int r;

        r = store_sweep(coordinator->store);
        if (r < 0)
                log_warning("The store's staging room cannot be swept: %s, continuing.",
                            strerror(-r));
        sweep_downloads(coordinator);
        while ((record = registry_next(coordinator->registry, &position))) {
                r = add_environment(coordinator, record, &environment);
                if (r >= 0)
                        r = recover_environment(environment);
                if (r < 0)
                        return r;
        }
        if (registry_count_unreadable(coordinator->registry) > 0)
                log_warning("%zu records of environments cannot be read and are left alone.",
                            registry_count_unreadable(coordinator->registry));
        remover_start(&coordinator->remover,
                      registry_get_fd(coordinator->registry),
                      registry_get_leftovers(coordinator->registry));
        return runs_adopt(coordinator);
}

static int
open_all(Coordinator *coordinator, const CoordinatorDirectories *directories, Fault *fault) {
        int r;

        r = open_directories(coordinator, directories);
        if (r < 0)
                return r;
        r = store_open(directories->cache_fd, &coordinator->store, fault);
        if (r < 0)
                return r;
        r = interpreters_open(directories->state_fd, &coordinator->interpreters);
        if (r < 0)
                return r;
        r =
                        registry_open(directories->state_fd,
                                      directories->state_path,
                                      fault,
                                      &coordinator->registry);
        if (r < 0)
                return r;
        return recover(coordinator);
}

int coordinator_new(
                sd_event *event,
                const CoordinatorDirectories *directories,
                Fault *fault,
                Coordinator **ret) {
        _cleanup_(coordinator_freep) Coordinator *coordinator = new0(Coordinator, 1);
        int r;

        if (!coordinator)
                return -ENOMEM;
        *coordinator = (Coordinator){
                .event = sd_event_ref(event),
                .state_fd = -EBADF,
                .metadata_fd = -EBADF,
                .downloads_fd = -EBADF,
                .runs_fd = -EBADF,
                .n_processors = count_processors(),
        };
        coordinator->remover.coordinator = coordinator;
        r = sd_event_add_defer(event, &coordinator->wake_source, on_wake, coordinator);
        if (r < 0)
                return r;
        r = open_all(coordinator, directories, fault);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                fault_code_from_errno(r),
                                directories->state_path,
                                "State and cache cannot be opened: %s.",
                                strerror(-r));
        *ret = TAKE_PTR(coordinator);
        return 0;
}

Coordinator *coordinator_free(Coordinator *coordinator) {
        if (!coordinator)
                return NULL;
        coordinator->observer = (CoordinatorObserver){};
        (void) sd_event_source_disable_unref(coordinator->wake_source);
        for (size_t i = 0; i < coordinator->n_jobs; i++) {
                Job *job = coordinator->jobs[i];
                job->execution = execution_free(job->execution);
                job->coordinator = NULL;
                job->environment = NULL;
                (void) job_unref(job);
        }
        free(coordinator->jobs);
        for (size_t i = 0; i < coordinator->n_environments; i++)
                (void) environment_free(coordinator->environments[i]);
        free(coordinator->environments);
        (void) worker_process_free(coordinator->remover.worker);
        (void) registry_free(coordinator->registry);
        (void) interpreters_free(coordinator->interpreters);
        (void) store_free(coordinator->store);
        (void) fd_close(coordinator->state_fd);
        (void) fd_close(coordinator->metadata_fd);
        (void) fd_close(coordinator->downloads_fd);
        (void) fd_close(coordinator->runs_fd);
        (void) sd_event_unref(coordinator->event);
        free(coordinator);
        return NULL;
}

void coordinator_observe(
                Coordinator *coordinator,
                const CoordinatorObserver *observer,
                void *userdata) {
        coordinator->observer = *observer;
        coordinator->observer_userdata = userdata;
}

static Environment *environment_of(Coordinator *coordinator, const EnvironmentRecord *record) {
        for (size_t i = 0; i < coordinator->n_environments; i++)
                if (coordinator->environments[i]->record == record)
                        return coordinator->environments[i];
        return NULL;
}

/* The project may have moved since. */
static int follow(Environment *environment) {
        const char *rest = string_after(environment->prefix, environment->record->project_path);
        int r;

        if (rest && streq(rest, "/.venv"))
                return 0;
        r = environment_follow_project(environment);
        if (r >= 0)
                coordinator_tell_environment(environment);
        return r;
}

int coordinator_open_project(
                Coordinator *coordinator,
                int project_fd,
                const char *name,
                Fault *fault,
                Environment **ret) {
        EnvironmentRecord *record;
        int r;

        r = registry_ensure(coordinator->registry, project_fd, name, fault, &record);
        if (r < 0)
                return r;
        Environment *environment = environment_of(coordinator, record);
        if (!environment) {
                r = add_environment(coordinator, record, &environment);
                if (r < 0)
                        return r;
                if (coordinator->observer.on_environment_added)
                        coordinator->observer.on_environment_added(
                                        environment, coordinator->observer_userdata);
        }
        r = follow(environment);
        if (r < 0)
                return r;
        *ret = environment;
        return 0;
}

int coordinator_find_project(
                Coordinator *coordinator,
                int project_fd,
                const char *name,
                Fault *fault,
                Environment **ret) {
        EnvironmentRecord *record;
        int r;

        r = registry_find(coordinator->registry, project_fd, name, fault, &record);
        if (r < 0)
                return r;
        Environment *environment = environment_of(coordinator, record);
        assert(environment); /* every record of the registry has one */
        r = follow(environment);
        if (r < 0)
                return r;
        *ret = environment;
        return 0;
}

Environment *coordinator_get_environment(Coordinator *coordinator, const char *id) {
        for (size_t i = 0; i < coordinator->n_environments; i++)
                if (streq(coordinator->environments[i]->record->id, id))
                        return coordinator->environments[i];
        return NULL;
}

Environment *coordinator_next_environment(Coordinator *coordinator, size_t *position) {
        return *position < coordinator->n_environments ? coordinator->environments[(*position)++]
                                                       : NULL;
}

static int enqueue(Environment *environment, Job *job) {
        int r;

        r =
                        ARRAY_RESERVE(environment->queue,
                                      environment->n_queue_allocated,
                                      environment->n_queue + 1);
        if (r < 0)
                return r;
        environment->queue[environment->n_queue++] = job_ref(job);
        return 0;
}

int coordinator_start(
                Coordinator *coordinator,
                Environment *environment,
                Goal *goal,
                Fault *fault,
                Job **ret_job) {
        _cleanup_(goal_freep) Goal *owned = goal;
        _cleanup_(job_unrefp) Job *job = NULL;
        int r;

        assert(!environment == (goal->verb == GOAL_COLLECT));

        r = goal_check(goal, fault);
        if (r < 0)
                return r;
        if (environment && environment->n_queue >= JOBS_PER_ENVIRONMENT_MAX)
                return fault_set(
                                fault,
                                -EBUSY,
                                FAULT_BUSY,
                                environment->record->project_path,
                                "%d jobs wait for this environment already.",
                                JOBS_PER_ENVIRONMENT_MAX);
        r = ARRAY_RESERVE(
                        coordinator->jobs, coordinator->n_jobs_allocated, coordinator->n_jobs + 1);
        if (r < 0)
                return r;
        r = job_new(coordinator,
                    environment,
                    coordinator->last_job_number + 1,
                    TAKE_PTR(owned),
                    &job);
        if (r >= 0 && environment)
                r = enqueue(environment, job);
        if (r < 0)
                return r;

        coordinator->last_job_number++;
        *ret_job = job;
        coordinator->jobs[coordinator->n_jobs++] = TAKE_PTR(job);
        if (coordinator->observer.on_job_added)
                coordinator->observer.on_job_added(*ret_job, coordinator->observer_userdata);
        coordinator_wake(coordinator);
        return 0;
}

Job *coordinator_next_job(Coordinator *coordinator, size_t *position) {
        return *position < coordinator->n_jobs ? coordinator->jobs[(*position)++] : NULL;
}

Job *coordinator_get_job(Coordinator *coordinator, uint32_t number) {
        for (size_t i = 0; i < coordinator->n_jobs; i++)
                if (coordinator->jobs[i]->number == number)
                        return coordinator->jobs[i];
        return NULL;
}

bool coordinator_is_idle(const Coordinator *coordinator) {
        if (coordinator->n_jobs > 0 || coordinator->remover.worker)
                return false;
        for (size_t i = 0; i < coordinator->n_environments; i++) {
                const Environment *environment = coordinator->environments[i];
                if (environment->n_runs > 0 || environment->background ||
                    environment->sweeper.worker || environment->copy_sweeper.worker)
                        return false;
        }
        return true;
}
