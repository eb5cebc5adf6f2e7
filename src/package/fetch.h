// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Transfers over HTTP and from local files (libcurl on sd-event): many at once, bounded, retried,
 * hashed while they stream. Delivers bytes and facts about them; parses no body. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "package/request.h"

typedef struct Fetcher Fetcher; /* all transfers of one process; shares connections */
typedef struct Fetch Fetch;     /* one of them */

/* Called exactly once, never from within fetcher_start(). @answer is the callee's to take from (it is
 * cleared afterwards), @body_fd (or -EBADF) is consumed by taking it with TAKE_FD. The Fetch is gone after. */
typedef void (*FetchDoneFunction)(FetchAnswer *answer, int *body_fd, void *userdata);
/* At most every 100 ms. @total_bytes 0: unknown. Must not start or cancel transfers. */
typedef void (*FetchProgressFunction)(const FetchProgress *progress, void *userdata);

typedef struct FetchCallbacks {
        FetchDoneFunction on_done;
        FetchProgressFunction on_progress; /* may be NULL */
        void *userdata;
} FetchCallbacks;

/* Ownership: @event gets a reference; @settings is copied; @download_fd is borrowed (negative:
 * FETCH_WHEEL is refused). Proxies are taken from the environment. */
_must_use_ int
fetcher_new(sd_event *event, const IndexSettings *settings, int download_fd, Fetcher **ret);
/* Cancels what runs, without callbacks. */
Fetcher *fetcher_free(Fetcher *fetcher);

/* Every outcome, a malformed URL too, arrives in @callbacks. FETCH_PAGE and FETCH_METADATA deliver a
 * sealed memfd, FETCH_WHEEL a read-only descriptor of "<sha256>.whl" in the download directory (taken
 * from there without a transfer when @request knows the digest). Errors: -ENOMEM. */
_must_use_ int
fetcher_start(Fetcher *fetcher,
              const FetchRequest *request,
              const FetchCallbacks *callbacks,
              Fetch **ret);
/* Cancels; no callback follows. */
Fetch *fetch_free(Fetch *fetch);

DEFINE_CLEANUP(Fetcher, fetcher_free)
