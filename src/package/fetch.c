// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *   fetcher_start ──▶ QUEUED ──pump──▶ LOCAL ─────────────────────────▶ callback
 *                       ▲               │ the wheel was not there after all
 *                       │               ▼
 *                       │           TRANSFERRING ──ok, or a failure ──▶ callback
 *                       └── WAITING ◀──────┘ a failure that may pass, attempts left
 *
 * libcurl's multi handle is driven by sd-event: it names sockets to watch and one timer; what they report
 * goes back into curl_multi_socket_action(), after which finished transfers are collected. At most
 * n_requests_max transfers are in LOCAL or TRANSFERRING; HTTP/2 puts those to one host on one connection.
 *
 * Attempts: 1 + n_retries; waits of 0.25, 0.5, 1 … 8 s with a random part, or what Retry-After says up to
 * 30 s; a server that asks for more is believed and not asked again. A stall (less than 1 KiB of
 * headers and body within the timeout) is tried again once: each costs the user a whole timeout.
 * Connection problems of requests end as the fault of their last attempt.
 *
 * Callbacks run only from the event loop, never inside fetcher_start() or a libcurl callback, so they may start
 * and cancel other transfers. */

#include <curl/curl.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include <systemd/sd-event.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "package/fetch-file.h"
#include "package/fetch-target.h"
#include "package/fetch-transfer.h"
#include "package/fetch.h"
#include "package/index.h"
#include "package/url.h"

enum {
        STALL_BYTES = 1024, /* fewer than this within one timeout is a stall */
        N_STALLS_MAX = 2,
        RETRY_AFTER_MAX_SEC = 30,
        REQUESTS_MAX = 64,
        RETRIES_MAX = 10,
};

#define PROGRESS_INTERVAL (100 * USEC_PER_MSEC)
#define BACKOFF_FIRST     (250 * USEC_PER_MSEC)
#define BACKOFF_MAX       (8 * USEC_PER_SEC)

typedef enum FetchState {
        FETCH_QUEUED,
        FETCH_LOCAL,        /* a local file is read, piece by piece */
        FETCH_TRANSFERRING, /* libcurl has it */
        FETCH_WAITING,      /* for the next attempt */
        FETCH_ENDED,        /* the callback is due */
        _FETCH_STATE_MAX,
        _FETCH_STATE_INVALID = -EINVAL,
} FetchState;

struct Fetch {
        Fetcher *fetcher;
        TAILQ_ENTRY(Fetch) link;
        FetchState state;
        FetchRequest request;
        FetchCallbacks callbacks;
        char *shown; /* URL without credentials */
        FetchTarget target;
        FetchFile file;
        FetchTransfer transfer;
        bool is_stored_wheel; /* @file is the finished wheel, only to be checked */
        bool is_directory;
        uint32_t n_attempts;
        uint32_t n_stalls;
        uint64_t n_received_last; /* at the last look of the stall timer */
        uint64_t progress_usec;   /* when progress was told last */
        sd_event_source *timer;   /* stall and progress while transferring, else the wait */
        FetchAnswer answer;
        int body_fd;
};

TAILQ_HEAD(FetchList, Fetch);

struct Fetcher {
        sd_event *event;
        CURLM *multi;
        FetchContext context;
        int download_fd;
        struct FetchList fetches;
        size_t n_active;
        sd_event_source *pump;  /* defer: something is queued, local or ended */
        sd_event_source *timer; /* libcurl's */
        uint32_t n_requests_max;
};

static void fetcher_pump_soon(Fetcher *fetcher) {
        /* Only -ENOMEM and a dead event loop are possible; both end the worker anyway. */
        (void) sd_event_source_set_enabled(fetcher->pump, SD_EVENT_ON);
}

static bool fetch_is_active(const Fetch *fetch) {
        return fetch->state == FETCH_LOCAL || fetch->state == FETCH_TRANSFERRING;
}

static void fetch_set_state(Fetch *fetch, FetchState state) {
        static const bool allowed[_FETCH_STATE_MAX][_FETCH_STATE_MAX] = {
                [FETCH_QUEUED] = { [FETCH_LOCAL] = true,
                                   [FETCH_TRANSFERRING] = true,
                                   [FETCH_ENDED] = true },
                [FETCH_LOCAL] = { [FETCH_TRANSFERRING] = true, [FETCH_ENDED] = true },
                [FETCH_TRANSFERRING] = { [FETCH_WAITING] = true, [FETCH_ENDED] = true },
                [FETCH_WAITING] = { [FETCH_QUEUED] = true, [FETCH_ENDED] = true },
        };
        bool was_active = fetch_is_active(fetch);

        assert(allowed[fetch->state][state]);
        fetch->state = state;
        if (!was_active && fetch_is_active(fetch))
                fetch->fetcher->n_active++;
        if (was_active && !fetch_is_active(fetch)) {
                fetch->fetcher->n_active--;
                fetcher_pump_soon(fetch->fetcher); /* its place is free */
        }
}

/* Takes the transfer out of libcurl's hands. */
static void fetch_stop_transfer(Fetch *fetch) {
        if (fetch->transfer.easy)
                (void) curl_multi_remove_handle(fetch->fetcher->multi, fetch->transfer.easy);
        fetch_transfer_done(&fetch->transfer);
}

/* The answer is complete: a success, or the fault it holds. */
static void fetch_end(Fetch *fetch) {
        fetch->timer = sd_event_source_disable_unref(fetch->timer);
        fetch_stop_transfer(fetch);
        fetch_file_done(&fetch->file);
        fetch_target_done(&fetch->target);
        if (fault_is_set(&fetch->answer.fault))
                fetch->body_fd = fd_close(fetch->body_fd);
        fetch_set_state(fetch, FETCH_ENDED);
        fetcher_pump_soon(fetch->fetcher);
}

/* Ends it with @error, which nobody has explained unless the fault is set already. */
static void fetch_fail(Fetch *fetch, int error) {
        if (!fault_is_set(&fetch->answer.fault))
                (void) fault_set(
                                &fetch->answer.fault,
                                error,
                                fault_code_from_errno(error),
                                fetch->shown,
                                "Cannot fetch '%s': %s.",
                                fetch->shown,
                                strerror(-error));
        fetch_end(fetch);
}

static int fetch_finish_body(Fetch *fetch) {
        FetchAnswer *answer = &fetch->answer;
        int r;

        answer->size_bytes = fetch->target.size_bytes;
        r = fetch_target_finish(
                        &fetch->target,
                        &fetch->request,
                        fetch->shown,
                        &answer->digest,
                        &fetch->body_fd,
                        &answer->fault);
        if (r < 0) {
                /* A full disk may show only now. */
                fetch->target.error = r;
                if (!fault_is_set(&answer->fault))
                        (void) fetch_target_explain(&fetch->target, fetch->shown, &answer->fault);
                return r;
        }
        answer->has_body = true;
        return 0;
}

static void fetch_tell_progress(Fetch *fetch, uint64_t done_bytes, uint64_t total_bytes) {
        uint64_t now = 0;

        if (!fetch->callbacks.on_progress || done_bytes == 0 ||
            sd_event_now(fetch->fetcher->event, CLOCK_MONOTONIC, &now) < 0 ||
            now < fetch->progress_usec + PROGRESS_INTERVAL)
                return;
        fetch->progress_usec = now;
        fetch->callbacks.on_progress(
                        &(FetchProgress){
                                        .id = fetch->request.id,
                                        .done_bytes = done_bytes,
                                        .total_bytes = total_bytes,
                        },
                        fetch->callbacks.userdata);
}

static uint64_t backoff_usec(uint32_t n_attempts, uint64_t wait_sec) {
        uint64_t usec = BACKOFF_FIRST << MIN(n_attempts - 1, 10U);
        uint16_t random = 0;

        usec = MIN(usec, BACKOFF_MAX);
        /* Up to a half more, so that those who failed together do not come back together. */
        if (getrandom(&random, sizeof(random), GRND_NONBLOCK) == sizeof(random))
                usec += usec / 2 * random / UINT16_MAX;
        return MAX(usec, wait_sec * USEC_PER_SEC);
}

static int on_wait_over(sd_event_source *source, uint64_t usec, void *userdata) {
        Fetch *fetch = userdata;

        fetch->timer = sd_event_source_disable_unref(fetch->timer);
        fetch_set_state(fetch, FETCH_QUEUED);
        fetcher_pump_soon(fetch->fetcher);
        return 0;
}

/* Returns true if another attempt will be made. */
static bool fetch_try_again(Fetch *fetch, uint64_t wait_sec, bool is_stall) {
        Fetcher *fetcher = fetch->fetcher;
        uint32_t n_retries = MIN(fetcher->context.settings.n_retries, (uint32_t) RETRIES_MAX);

        if (is_stall && ++fetch->n_stalls >= N_STALLS_MAX)
                return false;
        if (fetch->n_attempts > n_retries || wait_sec > RETRY_AFTER_MAX_SEC)
                return false;
        if (fetch_target_reset(&fetch->target) < 0)
                return false;
        fetch->timer = sd_event_source_disable_unref(fetch->timer);
        if (sd_event_add_time_relative(
                            fetcher->event,
                            &fetch->timer,
                            CLOCK_MONOTONIC,
                            backoff_usec(fetch->n_attempts, wait_sec),
                            0,
                            on_wait_over,
                            fetch) < 0)
                return false;
        log_debug("Attempt %u for %s failed, trying again.", fetch->n_attempts, fetch->shown);
        fetch_stop_transfer(fetch);
        fetch_set_state(fetch, FETCH_WAITING);
        return true;
}

static void fetch_transfer_ended(Fetch *fetch, CURLcode code) {
        _cleanup_fault_ Fault fault = {};
        FetchVerdict verdict;
        uint64_t wait_sec;
        int r;

        r = fetch_transfer_judge(&fetch->transfer, code, &verdict, &wait_sec, &fault);
        if (r < 0) {
                bool is_stall = code == CURLE_OPERATION_TIMEDOUT;
                if (verdict == FETCH_TRY_AGAIN && fetch_try_again(fetch, wait_sec, is_stall))
                        return;
                if (wait_sec > RETRY_AFTER_MAX_SEC)
                        fault_hint(&fault,
                                   "The server asks to wait %llu seconds.",
                                   (unsigned long long) wait_sec);
                fetch->answer.fault = TAKE(fault, (Fault){});
                fetch_fail(fetch, r);
                return;
        }
        r = fetch_transfer_fill(&fetch->transfer, &fetch->answer);
        if (r >= 0 && fetch->answer.status != 304)
                r = fetch_finish_body(fetch);
        if (r < 0)
                fetch_fail(fetch, r);
        else
                fetch_end(fetch);
}

/* Looks once in a while whether bytes still arrive, and tells progress. */
static int on_transfer_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        Fetch *fetch = userdata;
        FetchTransfer *transfer = &fetch->transfer;

        if (transfer->n_received < fetch->n_received_last + STALL_BYTES) {
                fetch_transfer_ended(fetch, CURLE_OPERATION_TIMEDOUT);
                return 0;
        }
        fetch->n_received_last = transfer->n_received;
        uint64_t timeout_usec = (fetch->fetcher->context.settings.timeout_sec ?: 30) * USEC_PER_SEC;
        (void) sd_event_source_set_time_relative(source, timeout_usec);
        (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

static int fetch_open_target(Fetch *fetch) {
        int r;

        if (fetch->target.fd >= 0)
                return 0;
        r = fetch_target_open(&fetch->target, &fetch->request, fetch->fetcher->download_fd);
        if (r < 0) {
                fetch->target.error = r;
                (void) fetch_target_explain(&fetch->target, fetch->shown, &fetch->answer.fault);
        }
        return r;
}

/* Hands the request to libcurl. */
static int fetch_begin_transfer(Fetch *fetch) {
        Fetcher *fetcher = fetch->fetcher;
        int r;

        if (fetcher->context.settings.offline) {
                (void) fault_set(
                                &fetch->answer.fault,
                                -ENETDOWN,
                                FAULT_OFFLINE,
                                fetch->shown,
                                "'%s' would have to be fetched, but the network is not to be used.",
                                fetch->shown);
                fault_hint(&fetch->answer.fault, "Leave out --offline to fetch it.");
                return -ENETDOWN;
        }
        r = fetch_open_target(fetch);
        if (r < 0)
                return r;
        r = fetch_transfer_init(
                        &fetch->transfer,
                        &fetcher->context,
                        &fetch->request,
                        fetch->shown,
                        &fetch->target);
        if (r < 0)
                return r;
        (void) curl_easy_setopt(fetch->transfer.easy, CURLOPT_PRIVATE, fetch);
        fetch->n_received_last = 0;
        fetch->n_attempts++;
        r = sd_event_add_time_relative(
                        fetcher->event,
                        &fetch->timer,
                        CLOCK_MONOTONIC,
                        (fetcher->context.settings.timeout_sec ?: 30) * USEC_PER_SEC,
                        0,
                        on_transfer_tick,
                        fetch);
        if (r < 0)
                return r;
        fetch_set_state(fetch, FETCH_TRANSFERRING);
        if (curl_multi_add_handle(fetcher->multi, fetch->transfer.easy) != CURLM_OK)
                return -ENOMEM;
        return 0;
}

static int fetch_begin_file(Fetch *fetch) {
        int r;

        r = fetch_open_target(fetch);
        if (r < 0)
                return r;
        r = fetch_file_open(&fetch->file, &fetch->request, &fetch->target, &fetch->answer.fault);
        if (r < 0)
                return r;
        fetch->is_directory = r > 0;
        fetch_set_state(fetch, FETCH_LOCAL);
        return 0;
}

/* Takes it from QUEUED to its first state. */
static void fetch_begin(Fetch *fetch) {
        const FetchRequest *request = &fetch->request;
        Fetcher *fetcher = fetch->fetcher;
        int r;

        if (request->kind == FETCH_WHEEL && fetcher->download_fd < 0) {
                fetch_fail(fetch, -EOPNOTSUPP);
                return;
        }
        if (request->kind == FETCH_WHEEL && request->has_digest && fetch->n_attempts == 0 &&
            fetch_file_open_wheel(&fetch->file, &request->digest, fetcher->download_fd) >= 0) {
                fetch->is_stored_wheel = true;
                fetch_set_state(fetch, FETCH_LOCAL);
                return;
        }
        if (url_has_scheme(request->url, "file"))
                r = fetch_begin_file(fetch);
        else if (url_has_scheme(request->url, "https") || url_has_scheme(request->url, "http"))
                r = fetch_begin_transfer(fetch);
        else
                r = fault_set(&fetch->answer.fault,
                              -EINVAL,
                              FAULT_INDEX_INVALID,
                              fetch->shown,
                              "'%s' is not an http, https or file address.",
                              fetch->shown);
        if (r < 0)
                fetch_fail(fetch, r);
}

/* The finished wheel has been hashed again: is it still what its name says? */
static void fetch_check_stored_wheel(Fetch *fetch) {
        FetchAnswer *answer = &fetch->answer;
        int r;

        r = hasher_finish(fetch->file.hasher, &answer->digest);
        if (r >= 0 && digest_equals(&answer->digest, &fetch->request.digest)) {
                answer->status = 200;
                answer->size_bytes = fetch->file.position;
                answer->has_body = true;
                answer->url = strdup(fetch->shown);
                fetch->body_fd = TAKE_FD(fetch->file.fd);
                if (answer->url)
                        fetch_end(fetch);
                else
                        fetch_fail(fetch, -ENOMEM);
                return;
        }
        log_debug("The stored copy of %s is not what its name says, fetching it again.",
                  fetch->shown);
        fetch->is_stored_wheel = false;
        fetch_file_done(&fetch->file);
        r = url_has_scheme(fetch->request.url, "file") ? fetch_begin_file(fetch)
                                                       : fetch_begin_transfer(fetch);
        if (r < 0)
                fetch_fail(fetch, r);
}

static void fetch_finish_file(Fetch *fetch) {
        FetchAnswer *answer = &fetch->answer;
        int r;

        answer->status = 200;
        /* The names in a directory are relative to what ends in a slash. */
        answer->url = string_format(
                        "%s%s",
                        fetch->shown,
                        fetch->is_directory && !text_ends_with(text_of(fetch->shown), "/") ? "/"
                                                                                           : "");
        if (fetch->is_directory)
                answer->content_type = strdup(INDEX_TYPE_DIRECTORY);
        if (!answer->url || (fetch->is_directory && !answer->content_type)) {
                fetch_fail(fetch, -ENOMEM);
                return;
        }
        r = fetch_finish_body(fetch);
        if (r < 0)
                fetch_fail(fetch, r);
        else
                fetch_end(fetch);
}

/* The next piece of a local file. */
static void fetch_step_local(Fetch *fetch) {
        FetchTarget *target = fetch->is_stored_wheel ? NULL : &fetch->target;
        int r;

        r = fetch->is_directory ? 0 : fetch_file_step(&fetch->file, target);
        if (r > 0) {
                fetch_tell_progress(fetch, fetch->file.position, fetch->file.size_bytes);
                return;
        }
        if (r < 0) {
                if (target && target->error < 0)
                        (void) fetch_target_explain(target, fetch->shown, &fetch->answer.fault);
                fetch_fail(fetch, r);
                return;
        }
        if (fetch->is_stored_wheel)
                fetch_check_stored_wheel(fetch);
        else
                fetch_finish_file(fetch);
}

/* Tells the outcome; the fetch is gone afterwards. */
static void fetch_deliver(Fetch *fetch) {
        FetchCallbacks callbacks = fetch->callbacks;
        FetchAnswer answer = TAKE(fetch->answer, (FetchAnswer){});
        int body_fd = TAKE_FD(fetch->body_fd);

        fetch_free(fetch);
        callbacks.on_done(&answer, &body_fd, callbacks.userdata);
        fetch_answer_done(&answer);
        fd_close(body_fd);
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

Fetch *fetch_free(Fetch *fetch) {
        if (!fetch)
                return NULL;
        Fetcher *fetcher = fetch->fetcher;
        if (fetch_is_active(fetch))
                fetcher->n_active--;
        sd_event_source_disable_unref(fetch->timer);
        fetch_stop_transfer(fetch);
        fetch_file_done(&fetch->file);
        fetch_target_done(&fetch->target);
        fd_close(fetch->body_fd);
        fetch_request_done(&fetch->request);
        fetch_answer_done(&fetch->answer);
        free(fetch->shown);
        TAILQ_REMOVE(&fetcher->fetches, fetch, link);
        free(fetch);
        /* Others may have waited for its place. */
        fetcher_pump_soon(fetcher);
        return NULL;
}
