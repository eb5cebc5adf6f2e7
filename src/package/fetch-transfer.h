// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* One attempt of one HTTP request: the options of its easy handle, what its response says, and what its
 * failure means to a user. The engine that drives attempts is fetch.c. */

#include <curl/curl.h>

#include "basic/fault.h"
#include "basic/macro.h"
#include "package/fetch-request.h"
#include "package/fetch-target.h"

/* User and password for an origin, from the URLs of the settings. */
typedef struct FetchCredential {
        char *url; /* any address of the origin */
        char *user;
        char *password;
} FetchCredential;

/* What all attempts have in common. */
typedef struct FetchContext {
        IndexSettings settings;
        FetchCredential *credentials;
        size_t n_credentials;
        char *certificate_file; /* NULL: libcurl's own default */
        char *certificate_directory;
} FetchContext;

typedef struct FetchTransfer {
        CURL *easy;
        struct curl_slist *headers;
        const FetchRequest *request;
        const char *shown; /* URL without credentials */
        FetchTarget *target;
        uint64_t n_received;  /* bytes of headers and body: to see a stall */
        uint64_t total_bytes; /* of the body as announced; 0: unknown */
        char *etag;
        char *last_modified;
        uint64_t max_age_sec;
        uint64_t range_total_bytes; /* of Content-Range */
        bool is_cacheable;          /* "no-store" and "no-cache" were not said */
} FetchTransfer;

/* What to do after a failed attempt. */
typedef enum FetchVerdict {
        FETCH_GIVE_UP,
        FETCH_TRY_AGAIN,
        _FETCH_VERDICT_MAX,
        _FETCH_VERDICT_INVALID = -EINVAL,
} FetchVerdict;

void fetch_context_done(FetchContext *context);
/* Finds credentials and certificates. Errors: -ENOMEM. */
_must_use_ int fetch_context_init(FetchContext *context, const IndexSettings *settings);

/* Remembers the user information of @url, if it has any, for all addresses of its origin: indexes that only
 * a project names are learnt from the requests for their pages. Errors: -ENOMEM. */
_must_use_ int fetch_context_learn(FetchContext *context, const char *url);

void fetch_transfer_done(FetchTransfer *transfer);
/* Makes the easy handle. @transfer must stay where it is; the rest is borrowed as long as it lives.
 * Errors: -ENOMEM, -EINVAL an option is refused. */
_must_use_ int fetch_transfer_init(
                FetchTransfer *transfer,
                const FetchContext *context,
                const FetchRequest *request,
                const char *shown,
                FetchTarget *target);

/* Judges a finished attempt. Returns 0 when there is an answer (status 200, 206, 304), else a
 * negative errno with the fault, what to do in @ret_verdict, and how long the server asks to wait. */
_must_use_ int fetch_transfer_judge(
                const FetchTransfer *transfer,
                CURLcode code,
                FetchVerdict *ret_verdict,
                uint64_t *ret_wait_sec,
                Fault *fault);
/* Fills in what the response says, but for digest and size. Errors: -ENOMEM. */
_must_use_ int fetch_transfer_fill(FetchTransfer *transfer, FetchAnswer *answer);
