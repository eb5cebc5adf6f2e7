// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/channel.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "sync/coordinator-internal.h"
#include "sync/fetch-client.h"
#include "sync/worker-process.h"

struct FetchClient {
        WorkerProcess *worker;
        FetchAnsweredFunction on_answer;
        FetchProgressedFunction on_progress;
        FetchLostFunction on_lost;
        void *userdata;
};

static void
on_packet(WorkerProcess *worker,
          const void *data,
          size_t size_bytes,
          int *fds,
          size_t n_fds,
          void *userdata) {
        FetchClient *client = userdata;
        FetchProgress progress;
        FetchAnswer answer = {};
        int none = -EBADF;

        if (fetch_progress_decode(data, size_bytes, &progress) >= 0) {
                if (client->on_progress)
                        client->on_progress(&progress, client->userdata);
                return;
        }
        /* What is neither is not ours; a transfer that is never answered ends with the job's time. */
        if (fetch_answer_decode(data, size_bytes, &answer) < 0)
                return;
        if (client->on_answer)
                client->on_answer(&answer, n_fds > 0 ? &fds[0] : &none, client->userdata);
        fetch_answer_done(&answer);
}

static void
on_end(WorkerProcess *worker,
       const void *answer,
       size_t answer_size,
       const Fault *fault,
       void *userdata) {
        FetchClient *client = userdata;
        Fault ended = {};

        (void) fault_set(
                        &ended,
                        -EPIPE,
                        FAULT_WORKER_FAILED,
                        "blast-fetch",
                        "blast-fetch ended too early.");
        if (client->on_lost)
                client->on_lost(fault ?: &ended, client->userdata);
        fault_done(&ended);
}

int fetch_client_new(
                sd_event *event,
                const IndexSettings *settings,
                int download_fd,
                int resolver_fd,
                Fault *fault,
                FetchClient **ret) {
        _cleanup_(fetch_client_freep) FetchClient *client = new0(FetchClient, 1);
        _cleanup_(freep) void *request = NULL;
        size_t request_size;
        int r;

        if (!client)
                return -ENOMEM;
        r = index_settings_encode(settings, &request, &request_size);
        if (r < 0)
                return r;
        const int fds[] = { download_fd, resolver_fd };
        const WorkerOrder order = {
                .name = "fetch",
                .request = request,
                .request_size = request_size,
                .fds = fds,
                .n_fds = ELEMENTSOF(fds),
                .memory_max_bytes = WORKER_MEMORY(UINT64_C(4) << 30),
                .timeout_usec = USEC_INFINITY, /* each transfer has its own; it ends with the job */
                .is_serving = true,
                .on_packet = on_packet,
                .on_end = on_end,
                .userdata = client,
        };
        r = worker_process_new(event, &order, fault, &client->worker);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(client);
        return 0;
}

FetchClient *fetch_client_free(FetchClient *client) {
        if (!client)
                return NULL;
        (void) worker_process_free(client->worker);
        free(client);
        return NULL;
}

void fetch_client_set_callbacks(
                FetchClient *client,
                FetchAnsweredFunction on_answer,
                FetchProgressedFunction on_progress,
                FetchLostFunction on_lost,
                void *userdata) {
        client->on_answer = on_answer;
        client->on_progress = on_progress;
        client->on_lost = on_lost;
        client->userdata = userdata;
}

int fetch_client_ask(FetchClient *client, const FetchRequest *request) {
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int channel = worker_process_get_channel(client->worker), r;

        if (channel < 0)
                return -EPIPE;
        r = fetch_request_encode(request, &data, &size);
        if (r < 0)
                return r;
        r = (int) channel_send(channel, data, size, NULL, 0);
        return r < 0 ? r : 0;
}
