// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* One worker or helper process on the event loop: started, listened to, bounded in time, reaped. Knows
 * how they end, not what they do. */

#include <systemd/sd-event.h>

#include "basic/fault.h"
#include "basic/macro.h"
#include "environment/privilege.h"

typedef struct WorkerProcess WorkerProcess;

/* A packet that is not the answer. Descriptors that are wanted are taken with TAKE_FD. */
typedef void (*WorkerPacketFunction)(
                WorkerProcess *worker,
                const void *data,
                size_t size_bytes,
                int *fds,
                size_t n_fds,
                void *userdata);

/* The end, told once, after the process is reaped; nothing of it runs any more. @fault is NULL after a
 * good end; @answer is NULL if it gave none (which is a fault where one was expected). The process
 * object may be freed from within, as in @on_packet of a serving worker. */
typedef void (*WorkerEndFunction)(
                WorkerProcess *worker,
                const void *answer,
                size_t answer_size,
                const Fault *fault,
                void *userdata);

typedef struct WorkerOrder {
        const char *name; /* "resolve": blast-resolve */
        const void *request;
        size_t request_size;
        const int *fds; /* from WORKER_FD_FIRST; borrowed */
        size_t n_fds;
        uint64_t memory_max_bytes;
        uint64_t timeout_usec; /* until its end; USEC_INFINITY: none */
        bool is_serving;       /* gives no answer: every packet is told, it ends when we hang up */
        WorkerPacketFunction on_packet; /* may be NULL */
        WorkerEndFunction on_end;
        void *userdata;
} WorkerOrder;

/* Errors: FAULT_WORKER_FAILED it cannot be started. */
_must_use_ int
worker_process_new(sd_event *event, const WorkerOrder *order, Fault *fault, WorkerProcess **ret);

/* The same for a program in a helper sandbox (environment/launch.h), of which @order names, times and ends:
 * no packets; an exit status other than 0 is a fault. Ownership: @child is consumed, on failure too. */
_must_use_ int
helper_process_new(sd_event *event, const WorkerOrder *order, Child child, WorkerProcess **ret);

/* Kills it, without telling. */
WorkerProcess *worker_process_free(WorkerProcess *worker);

/* Our end of its channel. */
int worker_process_get_channel(const WorkerProcess *worker);

DEFINE_CLEANUP(WorkerProcess, worker_process_free)
