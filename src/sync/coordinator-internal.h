// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The inside of the coordinator and of its environments, for the files of this folder. */

#include <systemd/sd-event.h>

#include "environment/registry.h"
#include "package/store.h"
#include "sync/coordinator.h"
#include "sync/environment-internal.h"
#include "sync/interpreters.h"
#include "sync/job-internal.h"

/* Bounds of workers. Address space, not memory: maps of the metadata cache and of wheels count in it. A
 * sanitizer maps terabytes, so builds with one go without. */
#if defined(__has_feature)
#        if __has_feature(address_sanitizer)
#                define __SANITIZE_ADDRESS__ 1 /* gcc defines it itself */
#        endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#        define WORKER_MEMORY(bytes) UINT64_C(0)
#else
#        define WORKER_MEMORY(bytes) (bytes)
#endif
#define RESOLVE_TIMEOUT_USEC (UINT64_C(20) * 60 * USEC_PER_SEC)
#define UNPACK_TIMEOUT_USEC  (UINT64_C(10) * 60 * USEC_PER_SEC)
#define STAGE_TIMEOUT_USEC   (UINT64_C(10) * 60 * USEC_PER_SEC)
#define PROBE_TIMEOUT_USEC   (UINT64_C(30) * USEC_PER_SEC)
#define COMPILE_TIMEOUT_USEC (UINT64_C(10) * 60 * USEC_PER_SEC)

struct Coordinator {
        sd_event *event;
        sd_event_source *wake_source; /* deferred: ends jobs, starts the next ones */

        Registry *registry;
        Store *store;
        Interpreters *interpreters;
        int state_fd;
        int metadata_fd;
        int downloads_fd;
        int runs_fd; /* <runtime>/runs */
        char *state_path;
        unsigned n_processors;

        Environment **environments;
        size_t n_environments;
        size_t n_environments_allocated;

        Job **jobs; /* that have not ended, by number */
        size_t n_jobs;
        size_t n_jobs_allocated;
        uint32_t last_job_number;
        uint32_t last_run_number;
        Remover remover; /* of the files of removed environments */

        CoordinatorObserver observer;
        void *observer_userdata;
};

/* Has the loop look at all jobs soon. */
void coordinator_wake(Coordinator *coordinator);
void coordinator_tell_job(Job *job);
void coordinator_tell_environment(Environment *environment);

/* Takes an environment out of the registry and of the list, and has its files removed. */
_must_use_ int
coordinator_remove_environment(Coordinator *coordinator, Environment *environment, Fault *fault);
