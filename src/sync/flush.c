// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/request.h"
#include "sync/coordinator-internal.h"
#include "sync/flush.h"

int flush_start(Coordinator *coordinator,
                WorkerEndFunction on_end,
                void *userdata,
                Fault *fault,
                WorkerProcess **ret) {
        const MaterialiseRequest request = { .is_flushed = true };
        int trees_fd = store_get_directory(coordinator->store, STORE_TREE);
        int bytecode_fd = store_get_directory(coordinator->store, STORE_BYTECODE);
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        r = materialise_request_encode(&request, &data, &size);
        if (r < 0)
                return r;
        const int fds[] = { trees_fd, trees_fd, bytecode_fd };
        const WorkerOrder order = {
                .name = "unpack",
                .request = data,
                .request_size = size,
                .fds = fds,
                .n_fds = ELEMENTSOF(fds),
                .timeout_usec = UNPACK_TIMEOUT_USEC,
                .on_end = on_end,
                .userdata = userdata,
        };
        return worker_process_new(coordinator->event, &order, fault, ret);
}
