// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "environment/copy.h"
#include "environment/fail-point.h"
#include "environment/guarantee-record.h"
#include "sync/background.h"
#include "sync/coordinator-internal.h"
#include "sync/run-internal.h"

static const char *const state_names[_ENVIRONMENT_STATE_MAX] = {
        [ENVIRONMENT_EMPTY] = "empty",   [ENVIRONMENT_CHANGING] = "changing",
        [ENVIRONMENT_READY] = "ready",   [ENVIRONMENT_RUNNING] = "running",
        [ENVIRONMENT_ORPHAN] = "orphan",
};

static const char *const venv_state_names[_VENV_STATE_MAX] = {
        [VENV_NONE] = "none",
        [VENV_BUILDING] = "building",
        [VENV_COMPLETE] = "complete",
        [VENV_FAILED] = "failed",
};

static void forget_generation(Environment *environment) {
        generation_record_done(&environment->generation);
        environment->generation_fd = fd_close(environment->generation_fd);
        environment->lock = lock_free(environment->lock);
        environment->signature = signature_free(environment->signature);
        fault_done(&environment->load_fault);
        environment->load_fault = (Fault){};
        environment->has_generation = false;
        environment->trees_seen_nsec = 0;
        environment->venv_state = VENV_NONE;
}

Environment *environment_free(Environment *environment) {
        if (!environment)
                return NULL;
        (void) background_free(environment->background);
        (void) worker_process_free(environment->sweeper.worker);
        (void) worker_process_free(environment->copy_sweeper.worker);
        runs_free(environment);
        generation_mounts_done(&environment->mounts);
        guarantees_done(&environment->guarantees);
        forget_generation(environment);
        for (size_t i = 0; i < environment->n_queue; i++)
                (void) job_unref(environment->queue[i]);
        free(environment->queue);
        (void) sd_event_source_disable_unref(environment->hand_over_timer);
        (void) job_unref(environment->handed_over);
        free(environment->prefix);
        free(environment->current_path);
        free(environment);
        return NULL;
}

/* 1: our link, 0: nothing there, -EEXIST: something that is not ours. */
static int look_at_link(const Environment *environment) {
        _cleanup_(freep) char *path = string_format("%s/.venv", environment->record->project_path);
        char target[GENERATION_PATH_MAX + 1];
        ssize_t n;

        if (!path)
                return -ENOMEM;
        n = readlink(path, target, sizeof(target));
        if (n < 0 && errno == ENOENT)
                return 0;
        return n > 0 && text_equals_string((Text){ target, (size_t) n }, environment->current_path)
                        ? 1
                        : -EEXIST;
}

bool environment_is_linked(const Environment *environment) {
        return look_at_link(environment) == 1;
}

/* Only the default environment of a project has its .venv, and only where nothing else has that name:
 * scripts must not be run by an interpreter that is not ours. */
int environment_follow_project(Environment *environment) {
        bool is_default = !*environment->record->name && look_at_link(environment) >= 0;
        char *prefix = is_default ? string_format("%s/.venv", environment->record->project_path)
                                  : strdup(environment->current_path);

        if (!prefix)
                return -ENOMEM;
        free(environment->prefix);
        environment->prefix = prefix;
        return 0;
}

static int load_generation(Environment *environment) {
        int directory_fd = environment->record->directory_fd, r;

        r = generation_get_current(directory_fd, &environment->number);
        if (r < 0 || environment->number == 0)
                return r;
        r =
                        generation_load(directory_fd,
                                        environment->number,
                                        &environment->load_fault,
                                        &environment->generation);
        if (r < 0)
                return r;
        environment->generation_fd = generation_open(directory_fd, environment->number, NULL);
        if (environment->generation_fd < 0)
                return environment->generation_fd;
        r = lock_decode(environment->generation.lock,
                        environment->generation.lock_size,
                        &environment->lock);
        if (r < 0)
                return r;
        environment->has_generation = true;
        /* Without a signature the next sync resolves, which is right. */
        (void) !signature_load(environment->generation_fd, &environment->signature);
        if (generation_has_copy(environment->generation_fd))
                environment->venv_state = VENV_COMPLETE;
        return 0;
}

int environment_reload(Environment *environment) {
        int r;

        forget_generation(environment);
        r = load_generation(environment);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                (void) fault_set(
                                &environment->load_fault,
                                r,
                                FAULT_NO_GENERATION,
                                environment->record->path,
                                "The current generation cannot be read: %s.",
                                strerror(-r));
        coordinator_tell_environment(environment);
        return 0;
}

int environment_new(Coordinator *coordinator, EnvironmentRecord *record, Environment **ret) {
        _cleanup_(environment_freep) Environment *environment = new0(Environment, 1);
        int r;

        if (!environment)
                return -ENOMEM;
        *environment = (Environment){
                .coordinator = coordinator,
                .record = record,
                .current_path = string_format("%s/current", record->path),
                .generation_fd = -EBADF,
                .mounts = GENERATION_MOUNTS_NULL,
                .sweeper.coordinator = coordinator,
                .copy_sweeper.coordinator = coordinator,
        };
        if (!environment->current_path)
                return -ENOMEM;
        r = environment_follow_project(environment);
        if (r < 0)
                return r;
        if (record->format > REGISTRY_FORMAT)
                (void) fault_set(
                                &environment->load_fault,
                                -EPROTONOSUPPORT,
                                FAULT_FORMAT_TOO_NEW,
                                record->path,
                                "The environment of '%s' was written by a newer Blast.",
                                record->project_path);
        else {
                r = load_generation(environment);
                if (r == -ENOMEM)
                        return r;
                /* Without them nothing is known until the next run. */
                (void) guarantee_record_load(record->directory_fd, &environment->guarantees);
        }
        *ret = TAKE_PTR(environment);
        return 0;
}

bool environment_uses_generation(const Environment *environment, uint32_t number) {
        size_t position = 0;
        RunSummary run;

        while (run_next(environment, &position, &run))
                if (run.generation == number)
                        return true;
        return false;
}

/* Copies for editors that a crash or a newer generation interrupted are moved up among the leftovers. Those
 * of the current generation are background_sweep()'s. */
static int hide_copies(int generations_fd, const char *name, char ***leftovers) {
        _cleanup_close_ int fd = file_open_beneath(generations_fd, name, O_RDONLY | O_DIRECTORY, 0);
        _cleanup_(strings_freep) char **names = NULL;
        int r = fd < 0 ? fd : directory_list(fd, &names);

        FOREACH_TEXT(entry, names) {
                if (!string_after(entry, BACKGROUND_COPY_PREFIX))
                        continue;
                if (renameat(fd, entry, generations_fd, entry) < 0)
                        return -errno;
                r = strings_add(leftovers, entry);
                if (r < 0)
                        break;
        }
        return r;
}

void environment_sweep(Environment *environment) {
        _cleanup_close_ int fd = file_open_beneath(
                        environment->record->directory_fd,
                        "generations",
                        O_RDONLY | O_DIRECTORY,
                        0);
        _cleanup_(strings_freep) char **names = NULL, **leftovers = NULL;

        if (fd < 0 || environment->sweeper.worker || directory_list(fd, &names) < 0)
                return;
        FOREACH_TEXT(name, names) {
                if (name[0] == '.' && strings_add(&leftovers, name) < 0)
                        return;
                if (name[0] != '.' && strtoul(name, NULL, 10) != environment->number &&
                    hide_copies(fd, name, &leftovers) < 0)
                        continue; /* what cannot be read is collected as a whole one day */
        }
        if (leftovers)
                remover_start(&environment->sweeper, fd, leftovers);
}

void environment_collect_generations(Environment *environment, uint32_t n_max) {
        _cleanup_(freep) uint32_t *numbers = NULL;
        size_t n;

        if (generation_list(environment->record->directory_fd, &numbers, &n) < 0)
                return;
        for (size_t i = 0; i + n_max < n; i++) {
                _cleanup_(freep) char *leftover = NULL;
                if (numbers[i] == environment->number ||
                    environment_uses_generation(environment, numbers[i]))
                        continue;
                if (environment->mounted_number == numbers[i]) {
                        generation_mounts_done(&environment->mounts);
                        environment->mounted_number = 0;
                }
                /* What cannot be hidden now is tried again after the next change. */
                (void) !generation_hide(environment->record->directory_fd, numbers[i], &leftover);
                fail_point_reach("generation-hidden", false);
        }
        environment_sweep(environment);
}

void environment_set_venv_state(Environment *environment, VenvState state) {
        if (environment->venv_state == state)
                return;
        environment->venv_state = state;
        coordinator_tell_environment(environment);
        coordinator_wake(environment->coordinator); /* jobs may wait for it */
}

const EnvironmentRecord *environment_get_record(const Environment *environment) {
        return environment->record;
}

EnvironmentState environment_get_state(const Environment *environment) {
        if (environment->n_queue > 0)
                return ENVIRONMENT_CHANGING;
        if (environment->n_runs > 0)
                return ENVIRONMENT_RUNNING;
        if (faccessat(AT_FDCWD, environment->record->project_path, F_OK, 0) < 0 && errno == ENOENT)
                return ENVIRONMENT_ORPHAN;
        return environment->number == 0 ? ENVIRONMENT_EMPTY : ENVIRONMENT_READY;
}

VenvState environment_get_venv_state(const Environment *environment) {
        return environment->venv_state;
}

uint32_t environment_get_generation_number(const Environment *environment) {
        return environment->number;
}

const GenerationRecord *environment_get_generation(const Environment *environment) {
        return environment->has_generation ? &environment->generation : NULL;
}

const Lock *environment_get_lock(const Environment *environment) {
        return environment->lock;
}

const char *environment_get_directory(const Environment *environment) {
        return environment->current_path;
}

const char *environment_get_prefix(const Environment *environment) {
        return environment->current_path;
}

const Guarantees *environment_get_guarantees(const Environment *environment) {
        return &environment->guarantees;
}

size_t environment_count_runs(const Environment *environment) {
        return environment->n_runs;
}

static int summarise(Environment *environment, uint32_t number, GenerationSummary *ret) {
        _cleanup_(generation_record_done) GenerationRecord record = {};
        int r;

        r = generation_load(environment->record->directory_fd, number, NULL, &record);
        if (r < 0)
                return r;
        *ret = (GenerationSummary){
                .number = number,
                .created_usec = record.created_usec,
                .verb = TAKE_PTR(record.verb),
                .n_packages = (uint32_t) record.n_trees,
                .is_current = number == environment->number,
        };
        return 0;
}

int environment_list_generations(
                Environment *environment,
                Fault *fault,
                GenerationSummary **ret,
                size_t *ret_n) {
        _cleanup_(freep) uint32_t *numbers = NULL;
        size_t n, n_read = 0;
        int r;

        r = generation_list(environment->record->directory_fd, &numbers, &n);
        if (r < 0)
                return r;
        GenerationSummary *summaries = new0(GenerationSummary, n + 1);
        if (!summaries)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                r = summarise(environment, numbers[i], &summaries[n_read]);
                if (r == -ENOMEM) {
                        generation_summaries_free(summaries, n_read);
                        return r;
                }
                n_read += r >= 0; /* those of a newer Blast are not shown */
        }
        *ret = summaries;
        *ret_n = n_read;
        return 0;
}

void generation_summaries_free(GenerationSummary *summaries, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(summaries[i].verb);
        free(summaries);
}

const char *environment_state_to_string(EnvironmentState state) {
        return state >= 0 && state < _ENVIRONMENT_STATE_MAX ? state_names[state] : "unknown";
}

const char *venv_state_to_string(VenvState state) {
        return state >= 0 && state < _VENV_STATE_MAX ? venv_state_names[state] : "unknown";
}
