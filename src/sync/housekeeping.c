// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "basic/table.h"
#include "environment/fail-point.h"
#include "sync/coordinator-internal.h"
#include "sync/housekeeping.h"

int housekeeping_delete(Environment *environment, Job *job, Fault *fault) {
        if (environment->n_runs > 0)
                return fault_set(
                                fault,
                                -EBUSY,
                                FAULT_BUSY,
                                environment->record->project_path,
                                "%zu programs still run in the environment.",
                                environment->n_runs);
        /* Jobs that wait behind this one have nothing to wait for. */
        for (size_t i = 0; i < environment->n_queue; i++)
                if (environment->queue[i] != job) {
                        const Fault gone = {
                                .code = FAULT_NO_ENVIRONMENT,
                                .message = (char *) "The environment was removed.",
                        };
                        job_finish(environment->queue[i], -ENOENT, &gone);
                }
        return coordinator_remove_environment(environment->coordinator, environment, fault);
}

static bool is_orphan(const Environment *environment) {
        if (environment->n_runs > 0 || environment->n_queue > 0)
                return false;
        int fd = registry_open_project(environment->record, NULL);
        if (fd >= 0)
                (void) fd_close(fd);
        return fd == -ENOENT;
}

static int remove_orphans(Coordinator *coordinator, Job *job, Fault *fault) {
        int r;

        for (size_t i = coordinator->n_environments; i > 0; i--) {
                Environment *environment = coordinator->environments[i - 1];
                if (!is_orphan(environment))
                        continue;
                r = strings_consume(
                                &job->warnings,
                                string_format("Removed the environment of '%s', which is gone.",
                                              environment->record->project_path));
                if (r < 0)
                        return r;
                r = coordinator_remove_environment(coordinator, environment, fault);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Names of the trees that generation @number of @environment needs. */
static int
note_trees(const Environment *environment, uint32_t number, Table *needed, char ***memory) {
        _cleanup_(generation_record_done) GenerationRecord record = {};
        int r;

        r = generation_load(environment->record->directory_fd, number, NULL, &record);
        if (r < 0)
                return r;
        for (size_t i = 0; i < record.n_trees; i++) {
                char hex[DIGEST_HEX_SIZE];
                if (table_has(needed, digest_to_hex(&record.trees[i], hex)))
                        continue;
                char *name = strdup(hex);
                if (!name)
                        return -ENOMEM;
                r = table_put(needed, name, needed);
                if (r >= 0)
                        r = strings_consume(memory, name);
                else
                        free(name);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int note_all_trees(Coordinator *coordinator, Table *needed, char ***memory) {
        int r;

        for (size_t i = 0; i < coordinator->n_environments; i++) {
                Environment *environment = coordinator->environments[i];
                _cleanup_(freep) uint32_t *numbers = NULL;
                size_t n;

                r = generation_list(environment->record->directory_fd, &numbers, &n);
                for (size_t j = 0; r >= 0 && j < n; j++)
                        r = note_trees(environment, numbers[j], needed, memory);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int remove_trees(Coordinator *coordinator, const Table *needed, Job *job) {
        _cleanup_(strings_freep) char **names = NULL;
        size_t n_removed = 0;
        int r;

        r = store_list(coordinator->store, STORE_TREE, &names);
        if (r < 0)
                return r;
        FOREACH_TEXT(name, names) {
                if (table_has(needed, name))
                        continue;
                r = store_remove(coordinator->store, STORE_TREE, name);
                if (r < 0)
                        return r;
                n_removed++;
        }
        return strings_consume(
                        &job->warnings,
                        string_format("Removed %zu trees that no generation needs.", n_removed));
}

int housekeeping_collect(Coordinator *coordinator, Job *job, Fault *fault) {
        _cleanup_(table_freep) Table *needed = table_new();
        _cleanup_(strings_freep) char **memory = NULL;
        int r;

        if (!needed)
                return -ENOMEM;
        /* A job between resolving and applying has trees that no generation names yet. */
        for (size_t i = 0; i < coordinator->n_jobs; i++)
                if (coordinator->jobs[i] != job && coordinator->jobs[i]->execution &&
                    goal_is_resolved(coordinator->jobs[i]->goal))
                        return fault_set(
                                        fault,
                                        -EBUSY,
                                        FAULT_BUSY,
                                        NULL,
                                        "An environment is being changed; collect when that has ended.");
        r = remove_orphans(coordinator, job, fault);
        if (r < 0)
                return r;
        /* A generation that cannot be read may need anything: then nothing is removed. */
        r = note_all_trees(coordinator, needed, &memory);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                FAULT_FORMAT_TOO_NEW,
                                NULL,
                                "A generation cannot be read, so it is not known which trees it needs: %s.",
                                strerror(-r));
        return remove_trees(coordinator, needed, job);
}
