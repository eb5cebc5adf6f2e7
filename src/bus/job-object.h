// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* /org/blast/Blast1/job/<n>: one job, and the book of those that can be asked. A job stays in the
 * book while it runs, and after its end until it is released or ten minutes have passed. */

#include <systemd/sd-bus.h>

#include "basic/macro.h"
#include "bus/service.h"
#include "sync/job.h"

enum {
        JOB_PATH_SIZE = 64,
        JOBS_ENDED_MAX = 64, /* the oldest goes first */
};

extern const sd_bus_vtable job_vtable[]; /* userdata: Service */

_must_use_ int job_book_new(sd_event *event, Emitter *emitter, JobBook **ret);
JobBook *job_book_free(JobBook *book);

/* What the observer of the coordinator tells. */
void job_book_add(JobBook *book, Job *job);
void job_book_changed(JobBook *book, Job *job);
void job_book_ended(JobBook *book, Job *job);

/* A caller started @job and will ask for its result: it stays after its end. */
void job_book_want(JobBook *book, const Job *job);

Job *job_book_next(const JobBook *book, size_t *position); /* from 0; NULL at the end */
/* NULL: there is none at @path. */
Job *job_object_at(const Service *service, const char *path);
char *job_object_path(const Job *job, char buffer[static JOB_PATH_SIZE]);

/* For sd_bus_add_fallback_vtable() and sd_bus_add_node_enumerator(); @userdata is the Service. */
int on_job_find(sd_bus *bus,
                const char *path,
                const char *interface,
                void *userdata,
                void **ret,
                sd_bus_error *error);
int on_job_enumerate(
                sd_bus *bus,
                const char *prefix,
                void *userdata,
                char ***ret,
                sd_bus_error *error);

DEFINE_CLEANUP(JobBook, job_book_free)
