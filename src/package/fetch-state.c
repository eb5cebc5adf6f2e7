// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *   QUEUED ──▶ LOCAL ──────────────────────────────▶ ENDED ──▶ callback
 *     ▲          │ the wheel was not there after all   ▲
 *     │          ▼                                     │
 *     │      TRANSFERRING ──ok, or a failure ──────────┘
 *     └── WAITING ◀──┘ a failure that may pass, attempts left
 *
 * Attempts: 1 + n_retries; waits of 0.25, 0.5, 1 … 8 s with a random part, or what Retry-After says up to
 * 30 s; a server that asks for more is believed and not asked again. A stall (less than 1 KiB of
 * headers and body within the timeout) is tried again once: each costs the user a whole timeout.
 * What ends as a failure is the fault of the last attempt. */

#include <string.h>
#include <sys/random.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/text.h"
#include "package/fetch-internal.h"
#include "package/index.h"
#include "package/url.h"

enum {
        STALL_BYTES = 1024, /* fewer than this within one timeout is a stall */
        N_STALLS_MAX = 2,
        RETRY_AFTER_MAX_SEC = 30,
        RETRIES_MAX = 10,
};

#define PROGRESS_INTERVAL (100 * USEC_PER_MSEC)
#define BACKOFF_FIRST     (250 * USEC_PER_MSEC)
#define BACKOFF_MAX       (8 * USEC_PER_SEC)

bool fetch_is_active(const Fetch *fetch) {
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

void fetch_tell_progress(Fetch *fetch, uint64_t done_bytes, uint64_t total_bytes) {
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

void fetch_transfer_ended(Fetch *fetch, CURLcode code) {
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

void fetch_begin(Fetch *fetch) {
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

void fetch_step_local(Fetch *fetch) {
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

void fetch_deliver(Fetch *fetch) {
        FetchCallbacks callbacks = fetch->callbacks;
        FetchAnswer answer = TAKE(fetch->answer, (FetchAnswer){});
        int body_fd = TAKE_FD(fetch->body_fd);

        fetch_free(fetch);
        callbacks.on_done(&answer, &body_fd, callbacks.userdata);
        fetch_answer_done(&answer);
        fd_close(body_fd);
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
