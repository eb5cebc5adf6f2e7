// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "sync/coordinator-internal.h"
#include "sync/fetch-client.h"
#include "sync/worker-process.h"

struct FetchClient {
        sd_event *event;
        WorkerProcess *worker;  /* NULL: nobody has asked yet */
        sd_event_source *asked; /* blast-resolve asks for something, or has ended */
        void *settings;         /* its request */
        size_t settings_size;
        int download_fd;
        int resolver_fd;
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

static int start(FetchClient *client, Fault *fault) {
        const int fds[] = { client->download_fd, client->resolver_fd };
        const WorkerOrder order = {
                .name = "fetch",
                .request = client->settings,
                .request_size = client->settings_size,
                .fds = fds,
                .n_fds = ELEMENTSOF(fds),
                .memory_max_bytes = WORKER_MEMORY(UINT64_C(4) << 30),
                .timeout_usec = USEC_INFINITY, /* each transfer has its own; it ends with the job */
                .is_serving = true,
                .on_packet = on_packet,
                .on_end = on_end,
                .userdata = client,
        };
        int r;

        client->asked = sd_event_source_disable_unref(client->asked);
        r = worker_process_new(client->event, &order, fault, &client->worker);
        if (r >= 0)
                client->resolver_fd = fd_close(client->resolver_fd);
        return r;
}

/* Most starts need nothing from an index; then no process is started, no library loaded for it. */
static int on_asked(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        FetchClient *client = userdata;
        _cleanup_fault_ Fault fault = {};

        if (!(events & EPOLLIN)) {
                client->asked = sd_event_source_disable_unref(client->asked);
                return 0;
        }
        if (start(client, &fault) < 0 && client->on_lost)
                client->on_lost(&fault, client->userdata);
        return 0;
}

int fetch_client_new(
                sd_event *event,
                const IndexSettings *settings,
                int download_fd,
                int resolver_fd,
                Fault *fault,
                FetchClient **ret) {
        _cleanup_(fetch_client_freep) FetchClient *client = new0(FetchClient, 1);
        int r;

        if (!client)
                return -ENOMEM;
        *client = (FetchClient){
                .event = event,
                .download_fd = download_fd,
                .resolver_fd = fcntl(resolver_fd, F_DUPFD_CLOEXEC, 3),
        };
        if (client->resolver_fd < 0)
                return -errno;
        r = index_settings_encode(settings, &client->settings, &client->settings_size);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &client->asked, client->resolver_fd, EPOLLIN, on_asked, client);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(client);
        return 0;
}

FetchClient *fetch_client_free(FetchClient *client) {
        if (!client)
                return NULL;
        (void) sd_event_source_disable_unref(client->asked);
        (void) worker_process_free(client->worker);
        (void) fd_close(client->resolver_fd);
        free(client->settings);
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
        int channel, r;

        if (!client->worker) {
                r = start(client, NULL);
                if (r < 0)
                        return r;
        }
        channel = worker_process_get_channel(client->worker);
        if (channel < 0)
                return -EPIPE;
        r = fetch_request_encode(request, &data, &size);
        if (r < 0)
                return r;
        r = (int) channel_send(channel, data, size, NULL, 0);
        return r < 0 ? r : 0;
}
