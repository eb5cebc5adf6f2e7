// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * The source is watched while the buffer is empty, the target while it is not: never both, so one
 * buffer is enough and a slow target slows the source. A regular file cannot be watched by epoll and
 * is always ready: it gets a deferred source instead. The descriptors may be shared with other
 * processes (a terminal), so O_NONBLOCK is not set on them; readiness says when one read or a write
 * of up to PIPE_BUF bytes will not block.
 */

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "client/relay.h"

enum {
        BUFFER_SIZE = 32 * 1024
};

struct Relay {
        int from;
        int to; /* our duplicate: epoll takes a descriptor once, and a master is source and target */
        sd_event_source *input;
        sd_event_source *output;
        bool is_paused;
        bool has_ended;
        size_t begin, end; /* of what is buffered */
        RelayDone done;
        void *userdata;
        char buffer[BUFFER_SIZE];
};

static void enable(sd_event_source *source, bool is_on) {
        (void) sd_event_source_set_enabled(source, is_on ? SD_EVENT_ON : SD_EVENT_OFF);
}

static void update(Relay *relay) {
        bool has_data = relay->begin < relay->end;

        if (relay->has_ended)
                return;
        enable(relay->input, !relay->is_paused && !has_data);
        enable(relay->output, has_data);
}

static void finish(Relay *relay) {
        if (relay->has_ended)
                return;
        relay->has_ended = true;
        enable(relay->input, false);
        relay->output = sd_event_source_disable_unref(relay->output);
        relay->to = fd_close(
                        relay->to); /* a pipe's reader sees the end when the caller closes, too */
        if (relay->done)
                relay->done(relay, relay->userdata);
}

/* Returns 1 if something was read, 0 if nothing is there now. */
static int fill(Relay *relay) {
        ssize_t n = read(relay->from, relay->buffer, sizeof(relay->buffer));

        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return 0;
        if (n <= 0) { /* the end; EIO is the end of a terminal */
                finish(relay);
                return 0;
        }
        relay->begin = 0;
        relay->end = (size_t) n;
        return 1;
}

static int empty(Relay *relay) {
        size_t length = MIN(relay->end - relay->begin, (size_t) PIPE_BUF);
        ssize_t n = write(relay->to, relay->buffer + relay->begin, length);

        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return 0;
        if (n < 0) {
                finish(relay);
                return 0;
        }
        relay->begin += (size_t) n;
        return 1;
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Relay *relay = userdata;

        (void) fill(relay);
        update(relay);
        return 0;
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Relay *relay = userdata;

        (void) empty(relay);
        update(relay);
        return 0;
}

static int on_input_file(sd_event_source *source, void *userdata) {
        return on_input(source, -EBADF, 0, userdata);
}

static int on_output_file(sd_event_source *source, void *userdata) {
        return on_output(source, -EBADF, 0, userdata);
}

static int watch_input(Relay *relay, sd_event *event) {
        int r = sd_event_add_io(event, &relay->input, relay->from, EPOLLIN, on_input, relay);

        if (r != -EPERM)
                return r;
        return sd_event_add_defer(event, &relay->input, on_input_file, relay);
}

static int watch_output(Relay *relay, sd_event *event) {
        int r = sd_event_add_io(event, &relay->output, relay->to, EPOLLOUT, on_output, relay);

        if (r != -EPERM)
                return r;
        return sd_event_add_defer(event, &relay->output, on_output_file, relay);
}

int relay_new(sd_event *event, int from, int to, RelayDone done, void *userdata, Relay **ret) {
        _cleanup_(relay_freep) Relay *relay = new0(Relay, 1);
        int r;

        if (!relay)
                return -ENOMEM;
        relay->to = -EBADF;
        relay->from = from;
        relay->to = fcntl(to, F_DUPFD_CLOEXEC, 3);
        if (relay->to < 0)
                return -errno;
        relay->done = done;
        relay->userdata = userdata;
        r = watch_input(relay, event);
        if (r < 0)
                return r;
        r = watch_output(relay, event);
        if (r < 0)
                return r;
        update(relay);
        *ret = TAKE_PTR(relay);
        return 0;
}

Relay *relay_free(Relay *relay) {
        if (!relay)
                return NULL;

        (void) sd_event_source_disable_unref(relay->input);
        (void) sd_event_source_disable_unref(relay->output);
        (void) fd_close(relay->to);
        free(relay);
        return NULL;
}

void relay_pause(Relay *relay, bool is_paused) {
        if (!relay)
                return;
        relay->is_paused = is_paused;
        update(relay);
}

/* Returns false when nothing more can come or go. */
static bool wait_for(int fd, short events, int timeout_msec) {
        struct pollfd ready = { .fd = fd, .events = events };
        int r;

        do
                r = poll(&ready, 1, timeout_msec);
        while (r < 0 && errno == EINTR);
        return r > 0 && ready.revents & (events | POLLHUP);
}

void relay_drain(Relay *relay) {
        if (!relay || relay->has_ended)
                return;
        while (!relay->has_ended) {
                if (relay->begin < relay->end) {
                        if (empty(relay) == 0 && !relay->has_ended &&
                            !wait_for(relay->to, POLLOUT, -1))
                                break;
                } else if (!wait_for(relay->from, POLLIN, 0) || fill(relay) == 0)
                        break;
        }
        update(relay);
}
