// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Three sources of events per process: its channel, its pidfd, a timer. The channel is dispatched before
 * the pidfd (by priority), and what is left in it is read once more when the process has ended, so no
 * packet is lost to the order of events. The answer is a packet with exactly one sealed memfd; it is kept
 * until the process is reaped, because only then nobody writes to what it was given [14].
 *
 * Overtime is SIGKILL at once: workers hold nothing that would have to be put in order.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "basic/packet.h"
#include "config.h"
#include "package/request.h"
#include "sync/worker-process.h"

enum {
        FDS_MAX = 8,
        PRIORITY_CHANNEL = SD_EVENT_PRIORITY_NORMAL,
        PRIORITY_END = SD_EVENT_PRIORITY_NORMAL + 10,
};

struct WorkerProcess {
        char *name;
        Child child;
        int channel; /* negative: a helper, or its end hung up */
        sd_event_source *channel_source;
        sd_event_source *end_source;
        sd_event_source *timer;
        bool is_serving;
        bool has_channel;
        bool is_late;
        const void *answer; /* mapped */
        size_t answer_size;
        uint64_t timeout_usec;
        char *buffer;
        WorkerPacketFunction on_packet;
        WorkerEndFunction on_end;
        void *userdata;
};

WorkerProcess *worker_process_free(WorkerProcess *worker) {
        if (!worker)
                return NULL;
        (void) sd_event_source_disable_unref(worker->channel_source);
        (void) sd_event_source_disable_unref(worker->end_source);
        (void) sd_event_source_disable_unref(worker->timer);
        child_kill(&worker->child);
        (void) fd_close(worker->channel);
        if (worker->answer)
                (void) munmap((void *) worker->answer, worker->answer_size);
        free(worker->buffer);
        free(worker->name);
        free(worker);
        return NULL;
}

int worker_process_get_channel(const WorkerProcess *worker) {
        return worker->channel;
}

static void hang_up(WorkerProcess *worker) {
        worker->channel_source = sd_event_source_disable_unref(worker->channel_source);
        worker->channel = fd_close(worker->channel);
}

/* Returns 1 if there may be more, 0 at the end of what there is now. */
static int receive_one(WorkerProcess *worker) {
        int fds[FDS_MAX];
        size_t n_fds = 0;
        ssize_t n;

        n = channel_receive(
                        worker->channel, worker->buffer, CHANNEL_PACKET_MAX, fds, FDS_MAX, &n_fds);
        if (n == -EAGAIN)
                return 0;
        if (n <= 0) {
                hang_up(worker);
                return 0;
        }
        if (!worker->is_serving && n_fds == 1 && !worker->answer) {
                /* What cannot be mapped counts as no answer: on_end tells. */
                if (memfd_map_sealed(
                                    fds[0],
                                    PACKET_SIZE_MAX,
                                    &worker->answer,
                                    &worker->answer_size) < 0)
                        worker->answer = NULL;
        } else if (worker->on_packet)
                worker->on_packet(worker, worker->buffer, (size_t) n, fds, n_fds, worker->userdata);
        for (size_t i = 0; i < n_fds; i++)
                (void) fd_close(fds[i]);
        return 1;
}

/* One packet per dispatch: @on_packet may free the worker, then nothing of it may be touched. */
static int on_channel(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void) receive_one(userdata);
        return 0;
}

static void explain_end(const WorkerProcess *worker, int status, Fault *fault) {
        if (worker->is_late)
                (void) fault_set(
                                fault,
                                -ETIME,
                                FAULT_WORKER_FAILED,
                                worker->name,
                                "%s took longer than %llu seconds and was stopped.",
                                worker->name,
                                (unsigned long long) (worker->timeout_usec / USEC_PER_SEC));
        else if (WIFSIGNALED(status))
                (void) fault_set(
                                fault,
                                -EPROTO,
                                FAULT_WORKER_FAILED,
                                worker->name,
                                "%s was ended by signal %d (%s).",
                                worker->name,
                                WTERMSIG(status),
                                strsignal(WTERMSIG(status)));
        else if (WEXITSTATUS(status) != 0)
                (void) fault_set(
                                fault,
                                -EPROTO,
                                FAULT_WORKER_FAILED,
                                worker->name,
                                "%s failed with exit status %d.",
                                worker->name,
                                WEXITSTATUS(status));
        else if (worker->has_channel && !worker->is_serving && !worker->answer)
                (void) fault_set(
                                fault,
                                -EPROTO,
                                FAULT_WORKER_FAILED,
                                worker->name,
                                "%s ended without an answer.",
                                worker->name);
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        WorkerProcess *worker = userdata;
        _cleanup_fault_ Fault fault = {};
        int status = 0;

        /* Of a serving worker nothing can be left but what on_channel gets before this source; it is
         * not read here because its on_packet may free the worker. */
        while (!worker->is_serving && worker->channel >= 0 && receive_one(worker) > 0)
                ;
        worker->end_source = sd_event_source_disable_unref(worker->end_source);
        worker->timer = sd_event_source_disable_unref(worker->timer);
        hang_up(worker);
        if (child_wait(&worker->child, &status) < 0)
                child_kill(&worker->child);
        explain_end(worker, status, &fault);
        worker->on_end(worker,
                       worker->answer,
                       worker->answer_size,
                       fault_is_set(&fault) ? &fault : NULL,
                       worker->userdata);
        return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        WorkerProcess *worker = userdata;

        worker->is_late = true;
        (void) kill(worker->child.pid, SIGKILL); /* not reaped yet; its end is told by the pidfd */
        return 0;
}

static int watch(WorkerProcess *worker, sd_event *event) {
        int r;

        if (worker->channel >= 0) {
                r =
                                sd_event_add_io(event,
                                                &worker->channel_source,
                                                worker->channel,
                                                EPOLLIN,
                                                on_channel,
                                                worker);
                if (r >= 0)
                        r = sd_event_source_set_priority(worker->channel_source, PRIORITY_CHANNEL);
                if (r < 0)
                        return r;
        }
        r = sd_event_add_io(
                        event, &worker->end_source, worker->child.pidfd, EPOLLIN, on_end, worker);
        if (r >= 0)
                r = sd_event_source_set_priority(worker->end_source, PRIORITY_END);
        if (r < 0 || worker->timeout_usec == USEC_INFINITY)
                return r;
        return sd_event_add_time_relative(
                        event,
                        &worker->timer,
                        CLOCK_MONOTONIC,
                        worker->timeout_usec,
                        0,
                        on_timeout,
                        worker);
}

/* Developer builds hand on what the crash tests and the fakes need; release builds nothing. */
static char *const *worker_environ(void) {
        static char *environ_developer[8];
        static char texts[8][512];
        static const char *const names[] = {
                "BLAST_FAIL_AT", "BLAST_LOG_LEVEL", "BLAST_TRACE",
                "ASAN_OPTIONS",  "UBSAN_OPTIONS",   "BLAST_FAKE_ANSWER",
        };
        size_t n = 0;

        if (!BLAST_DEVELOPER)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *value = secure_getenv(names[i]);
                if (!value ||
                    (size_t) snprintf(texts[n], sizeof(texts[n]), "%s=%s", names[i], value) >=
                                    sizeof(texts[n]))
                        continue;
                environ_developer[n] = texts[n];
                n++;
        }
        environ_developer[n] = NULL;
        return environ_developer;
}

static int start(WorkerProcess *worker, const WorkerOrder *order, Fault *fault) {
        _cleanup_close_ int request = -EBADF, theirs = -EBADF;
        int fds[CHILD_FDS_MAX], pair[2], r;

        assert(order->n_fds + WORKER_FD_FIRST - WORKER_FD_REQUEST <= ELEMENTSOF(fds));

        request = memfd_new_sealed(order->name, order->request, order->request_size);
        if (request < 0)
                return request;
        r = channel_pair(true, pair);
        if (r < 0)
                return r;
        worker->channel = pair[0];
        worker->has_channel = true;
        theirs = pair[1];

        fds[0] = request;
        fds[1] = theirs;
        memcpy(fds + 2, order->fds, order->n_fds * sizeof(int));
        const WorkerSpec spec = {
                .name = order->name,
                .environ = worker_environ(),
                .fds = fds,
                .n_fds = order->n_fds + 2,
                .memory_max_bytes = order->memory_max_bytes,
        };
        return worker_start(&spec, &worker->child, fault);
}

int worker_process_new(
                sd_event *event,
                const WorkerOrder *order,
                Fault *fault,
                WorkerProcess **ret) {
        _cleanup_(worker_process_freep) WorkerProcess *worker = new0(WorkerProcess, 1);
        int r;

        if (!worker)
                return -ENOMEM;
        *worker = (WorkerProcess){
                .name = string_format("blast-%s", order->name),
                .child = CHILD_NULL,
                .channel = -EBADF,
                .is_serving = order->is_serving,
                .timeout_usec = order->timeout_usec,
                .buffer = new (char, CHANNEL_PACKET_MAX),
                .on_packet = order->on_packet,
                .on_end = order->on_end,
                .userdata = order->userdata,
        };
        if (!worker->name || !worker->buffer)
                return -ENOMEM;
        r = start(worker, order, fault);
        if (r >= 0)
                r = watch(worker, event);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                FAULT_WORKER_FAILED,
                                worker->name,
                                "%s cannot be started: %s.",
                                worker->name,
                                strerror(-r));
        *ret = TAKE_PTR(worker);
        return 0;
}

int helper_process_new(
                sd_event *event,
                const WorkerOrder *order,
                Child child,
                WorkerProcess **ret) {
        _cleanup_(worker_process_freep) WorkerProcess *worker = new0(WorkerProcess, 1);
        int r;

        if (!worker) {
                child_kill(&child);
                return -ENOMEM;
        }
        *worker = (WorkerProcess){
                .name = strdup(order->name),
                .child = child,
                .channel = -EBADF,
                .timeout_usec = order->timeout_usec,
                .on_end = order->on_end,
                .userdata = order->userdata,
        };
        if (!worker->name)
                return -ENOMEM;
        r = watch(worker, event);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(worker);
        return 0;
}
