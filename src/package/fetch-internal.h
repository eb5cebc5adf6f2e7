// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What fetch.c (all transfers of a process) and fetch-state.c (one of them) know of each other. */

#include <curl/curl.h>
#include <sys/queue.h>

#include <systemd/sd-event.h>

#include "package/fetch-file.h"
#include "package/fetch-target.h"
#include "package/fetch-transfer.h"
#include "package/fetch.h"

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

/* In fetch.c: makes the event loop look at what does not come from sockets. */
void fetcher_pump_soon(Fetcher *fetcher);

/* In fetch-state.c. */
_pure_ bool fetch_is_active(const Fetch *fetch);
/* Takes it from QUEUED to its first state. */
void fetch_begin(Fetch *fetch);
/* The next piece of a local file. */
void fetch_step_local(Fetch *fetch);
/* libcurl is done with it. */
void fetch_transfer_ended(Fetch *fetch, CURLcode code);
void fetch_tell_progress(Fetch *fetch, uint64_t done_bytes, uint64_t total_bytes);
/* Tells the outcome; the fetch is gone afterwards. */
void fetch_deliver(Fetch *fetch);
