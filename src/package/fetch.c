// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *   fetcher_start ──▶ queue ──on_pump──▶ at most n_requests_max transfers (fetch-state.c) ──▶ callbacks
 *                                              │ ▲
 *                       sockets and one timer  ▼ │ events
 *                                           libcurl's multi handle
 *
 * libcurl names sockets to watch and one timer; what they report goes back into curl_multi_socket_action(),
 * after which finished transfers are collected. HTTP/2 puts those to one host on one connection. What
 * does not come from sockets (starting, local files, callbacks) is done in rounds of one deferred event.
 *
 * Callbacks run only from the event loop, never inside fetcher_start() or a libcurl callback, so they may start
 * and cancel other transfers. */

#include <string.h>

#include "basic/memory.h"
#include "basic/text.h"
#include "package/fetch-internal.h"
#include "package/url.h"

enum {
        REQUESTS_MAX = 64
};

void fetcher_pump_soon(Fetcher *fetcher) {
        /* Only -ENOMEM and a dead event loop are possible; both end the worker anyway. */
        (void) sd_event_source_set_enabled(fetcher->pump, SD_EVENT_ON);
}

/* Does a round of what does not come from sockets. */
static int on_pump(sd_event_source *source, void *userdata) {
        Fetcher *fetcher = userdata;
        Fetch *fetch, *next;
        bool is_busy = false;

        for (fetch = TAILQ_FIRST(&fetcher->fetches); fetch; fetch = next) {
                next = TAILQ_NEXT(fetch, link);
                if (fetch->state == FETCH_QUEUED && fetcher->n_active < fetcher->n_requests_max)
                        fetch_begin(fetch);
                else if (fetch->state == FETCH_LOCAL)
                        fetch_step_local(fetch);
                is_busy |= fetch->state == FETCH_LOCAL || fetch->state == FETCH_ENDED;
        }
        /* One callback a round: it may change the list in any way. */
        TAILQ_FOREACH(fetch, &fetcher->fetches, link)
        if (fetch->state == FETCH_ENDED) {
                is_busy = true;
                fetch_deliver(fetch);
                break;
        }
        if (!is_busy)
                (void) sd_event_source_set_enabled(fetcher->pump, SD_EVENT_OFF);
        return 0;
}

/* Collects what libcurl has finished. */
static void fetcher_collect(Fetcher *fetcher) {
        CURLMsg *message;
        int n_left;

        while ((message = curl_multi_info_read(fetcher->multi, &n_left))) {
                char *private = NULL;
                CURLcode code = message->data.result;

                if (message->msg != CURLMSG_DONE ||
                    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private) != CURLE_OK)
                        continue;
                fetch_transfer_ended((Fetch *) private, code);
        }
}

static void fetcher_tell_progress(Fetcher *fetcher) {
        Fetch *fetch;

        TAILQ_FOREACH(fetch, &fetcher->fetches, link)
        if (fetch->state == FETCH_TRANSFERRING)
                fetch_tell_progress(fetch, fetch->target.size_bytes, fetch->transfer.total_bytes);
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Fetcher *fetcher = userdata;
        int action = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                        (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                        (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        int n_running;

        (void) curl_multi_socket_action(fetcher->multi, fd, action, &n_running);
        fetcher_collect(fetcher);
        fetcher_tell_progress(fetcher);
        return 0;
}

static int on_curl_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Fetcher *fetcher = userdata;
        int n_running;

        (void) curl_multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
        fetcher_collect(fetcher);
        return 0;
}

/* libcurl wants a socket watched, differently, or no more. */
static int
curl_wants_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data) {
        Fetcher *fetcher = userdata;
        sd_event_source *source = socket_data;
        uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0U) |
                        (what & CURL_POLL_OUT ? EPOLLOUT : 0U);

        if (what == CURL_POLL_REMOVE) {
                sd_event_source_disable_unref(source);
                (void) curl_multi_assign(fetcher->multi, fd, NULL);
                return 0;
        }
        if (source)
                return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
        if (sd_event_add_io(fetcher->event, &source, fd, events, on_socket, fetcher) < 0)
                return -1;
        (void) sd_event_source_set_description(source, "curl-socket");
        return curl_multi_assign(fetcher->multi, fd, source) == CURLM_OK ? 0 : -1;
}

static int curl_wants_timer(CURLM *multi, long timeout_msec, void *userdata) {
        Fetcher *fetcher = userdata;

        if (timeout_msec < 0)
                return sd_event_source_set_enabled(fetcher->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
        if (sd_event_source_set_time_relative(
                            fetcher->timer, (uint64_t) timeout_msec * USEC_PER_MSEC) < 0)
                return -1;
        return sd_event_source_set_enabled(fetcher->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

static int fetcher_init_multi(Fetcher *fetcher) {
        long n_max = (long) fetcher->n_requests_max;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        fetcher->multi = curl_multi_init();
        if (!fetcher->multi)
                return -ENOMEM;
        if (curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, curl_wants_socket) !=
                            CURLM_OK ||
            curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher) != CURLM_OK ||
            curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, curl_wants_timer) !=
                            CURLM_OK ||
            curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher) != CURLM_OK ||
            curl_multi_setopt(fetcher->multi, CURLMOPT_PIPELINING, (long) CURLPIPE_MULTIPLEX) !=
                            CURLM_OK ||
            curl_multi_setopt(fetcher->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, n_max) != CURLM_OK)
                return -EINVAL;
        return 0;
}

static int fetcher_init_event(Fetcher *fetcher) {
        int r;

        r = sd_event_add_defer(fetcher->event, &fetcher->pump, on_pump, fetcher);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(fetcher->pump, SD_EVENT_OFF);
        if (r < 0)
                return r;
        /* Sockets first: local files have time. */
        r = sd_event_source_set_priority(fetcher->pump, SD_EVENT_PRIORITY_NORMAL + 10);
        if (r < 0)
                return r;
        r = sd_event_add_time(
                        fetcher->event,
                        &fetcher->timer,
                        CLOCK_MONOTONIC,
                        0,
                        1,
                        on_curl_timer,
                        fetcher);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(fetcher->timer, SD_EVENT_OFF);
}

int fetcher_new(sd_event *event, const IndexSettings *settings, int download_fd, Fetcher **ret) {
        _cleanup_(fetcher_freep) Fetcher *fetcher = new0(Fetcher, 1);
        int r;

        if (!fetcher)
                return -ENOMEM;
        TAILQ_INIT(&fetcher->fetches);
        fetcher->event = sd_event_ref(event);
        fetcher->download_fd = download_fd;
        fetcher->n_requests_max = MIN(settings->n_requests_max ?: 10U, (uint32_t) REQUESTS_MAX);
        r = fetch_context_init(&fetcher->context, settings);
        if (r < 0)
                return r;
        r = fetcher_init_event(fetcher);
        if (r < 0)
                return r;
        r = fetcher_init_multi(fetcher);
        if (r < 0)
                return r;
        if (download_fd >= 0)
                fetch_target_clean(download_fd);
        *ret = TAKE_PTR(fetcher);
        return 0;
}

Fetcher *fetcher_free(Fetcher *fetcher) {
        if (!fetcher)
                return NULL;
        while (!TAILQ_EMPTY(&fetcher->fetches))
                fetch_free(TAILQ_FIRST(&fetcher->fetches));
        if (fetcher->multi)
                (void) curl_multi_cleanup(fetcher->multi);
        sd_event_source_disable_unref(fetcher->pump);
        sd_event_source_disable_unref(fetcher->timer);
        sd_event_unref(fetcher->event);
        fetch_context_done(&fetcher->context);
        free(fetcher);
        return NULL;
}

/* A copy by way of the packet, which also checks what came from another process. */
static int request_copy(const FetchRequest *from, FetchRequest *ret) {
        _cleanup_(freep) void *packet = NULL;
        size_t size;
        int r;

        r = fetch_request_encode(from, &packet, &size);
        if (r < 0)
                return r;
        return fetch_request_decode(packet, size, ret);
}

int fetcher_start(
                Fetcher *fetcher,
                const FetchRequest *request,
                const FetchCallbacks *callbacks,
                Fetch **ret) {
        Fetch *fetch = new0(Fetch, 1);
        int r;

        if (!fetch)
                return -ENOMEM;
        *fetch = (Fetch){
                .fetcher = fetcher,
                .state = FETCH_QUEUED,
                .callbacks = *callbacks,
                .target = FETCH_TARGET_NULL,
                .file = FETCH_FILE_NULL,
                .answer = { .id = request->id },
                .body_fd = -EBADF,
        };
        TAILQ_INSERT_TAIL(&fetcher->fetches, fetch, link);
        r = request_copy(request, &fetch->request);
        if (r >= 0 && request->kind == FETCH_PAGE)
                r = fetch_context_learn(&fetcher->context, fetch->request.url);
        if (r >= 0) {
                fetch->shown = url_strip_credentials(fetch->request.url);
                r = fetch->shown ? 0 : -ENOMEM;
        }
        if (r < 0) {
                fetch_free(fetch);
                return r;
        }
        fetcher_pump_soon(fetcher);
        if (ret)
                *ret = fetch;
        return 0;
}
