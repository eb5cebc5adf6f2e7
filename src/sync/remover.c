// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/log.h"
#include "environment/stage-request.h"
#include "sync/coordinator-internal.h"
#include "sync/remover.h"

static void
on_removed(WorkerProcess *worker,
           const void *data,
           size_t size,
           const Fault *fault,
           void *userdata) {
        Remover *remover = userdata;
        _cleanup_stage_answer_ StageAnswer answer = {};

        if (!fault && stage_answer_decode(data, size, &answer) >= 0 && fault_is_set(&answer.fault))
                fault = &answer.fault;
        if (fault)
                log_warning("Files that are no longer needed cannot be removed now: %s",
                            fault->message);
        remover->worker = worker_process_free(remover->worker);
        coordinator_wake(remover->coordinator); /* jobs may wait for it */
}

void remover_start(Remover *remover, int directory_fd, char *const *names) {
        const StageRequest request = { .verb = STAGE_REMOVE, .names = (char **) names };
        _cleanup_fault_ Fault fault = {};
        _cleanup_(freep) void *data = NULL;
        size_t size;

        if (remover->worker || !names || stage_request_encode(&request, &data, &size) < 0)
                return;
        const WorkerOrder order = {
                .name = "stage",
                .request = data,
                .request_size = size,
                .fds = &directory_fd,
                .n_fds = 1,
                .timeout_usec = STAGE_TIMEOUT_USEC,
                .on_end = on_removed,
                .userdata = remover,
        };
        if (worker_process_new(remover->coordinator->event, &order, &fault, &remover->worker) < 0)
                log_warning("Files that are no longer needed are left: %s", fault.message ?: "");
}
