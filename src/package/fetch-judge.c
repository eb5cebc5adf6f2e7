// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * A finished attempt is judged in this order: what our own side could not take (limit, disk), what the
 * server answered (status), what libcurl met on the way (the table). Each ends as one fault with the URL,
 * a sentence and a hint, and says whether it may pass.
 *
 * What may be tried again: no connection, a connection that broke, a response cut short, 408, 429,
 * 500, 502, 503, 504. A stall is judged by fetch-state.c, which sees no bytes arrive. */

#include <string.h>

#include "basic/text.h"
#include "package/fetch-transfer.h"

/* Answers of 400 and above. */
static int
judge_status(const FetchTransfer *transfer, long status, FetchVerdict *ret_verdict, Fault *fault) {
        const char *shown = transfer->shown;

        switch (status) {
        case 404:
        case 410:
                return fault_set(
                                fault,
                                -ENOENT,
                                FAULT_INDEX_NOT_FOUND,
                                shown,
                                "'%s' does not exist (HTTP %ld).",
                                shown,
                                status);
        case 401:
        case 403:
        case 407:
                (void) fault_set(
                                fault,
                                -EACCES,
                                FAULT_ACCESS_DENIED,
                                shown,
                                "The server does not allow us to read '%s' (HTTP %ld).",
                                shown,
                                status);
                fault_hint(fault,
                           "Credentials can be part of the index URL: https://user:password@host/…");
                return -EACCES;
        case 408:
        case 429:
        case 500:
        case 502:
        case 503:
        case 504:
                *ret_verdict = FETCH_TRY_AGAIN;
                (void) fault_set(
                                fault,
                                -EHOSTUNREACH,
                                FAULT_INDEX_UNAVAILABLE,
                                shown,
                                "The server cannot answer for '%s' now (HTTP %ld).",
                                shown,
                                status);
                fault_hint(fault, "Try again later, or use another index with --index-url.");
                return -EHOSTUNREACH;
        default:
                return fault_set(
                                fault,
                                -EBADMSG,
                                status >= 500 ? FAULT_INDEX_UNAVAILABLE : FAULT_INDEX_INVALID,
                                shown,
                                "The server refuses to answer for '%s' (HTTP %ld).",
                                shown,
                                status);
        }
}

/* How failures of libcurl appear to users. Sentences are completed with the URL. */
typedef struct FailureText {
        CURLcode code;
        FaultCode fault;
        int error;
        bool may_try_again;
        const char *sentence;
        const char *hint;
} FailureText;

#define HINT_NETWORK "Check the network and the index URL, or work with --offline."
#define HINT_TRUST \
        "If a company proxy re-signs connections, name its certificate with SSL_CERT_FILE."
#define HINT_INDEX "Check the index URL."

static const FailureText failures[] = {
        { CURLE_COULDNT_RESOLVE_HOST,
          FAULT_INDEX_UNAVAILABLE,
          EHOSTUNREACH,
          true,
          "The host of '%s' has no address",
          HINT_NETWORK },
        { CURLE_COULDNT_RESOLVE_PROXY,
          FAULT_INDEX_UNAVAILABLE,
          EHOSTUNREACH,
          true,
          "The proxy for '%s' has no address",
          HINT_NETWORK },
        { CURLE_COULDNT_CONNECT,
          FAULT_INDEX_UNAVAILABLE,
          ECONNREFUSED,
          true,
          "Cannot connect to the host of '%s'",
          HINT_NETWORK },
        { CURLE_SSL_CONNECT_ERROR,
          FAULT_INDEX_UNAVAILABLE,
          EPROTO,
          true,
          "No secure connection to the host of '%s'",
          HINT_NETWORK },
        { CURLE_GOT_NOTHING,
          FAULT_INDEX_UNAVAILABLE,
          ECONNRESET,
          true,
          "The server did not answer for '%s'",
          HINT_NETWORK },
        { CURLE_SEND_ERROR,
          FAULT_INDEX_UNAVAILABLE,
          ECONNRESET,
          true,
          "The connection broke while asking for '%s'",
          HINT_NETWORK },
        { CURLE_RECV_ERROR,
          FAULT_DOWNLOAD_TRUNCATED,
          ECONNRESET,
          true,
          "The connection broke while '%s' arrived",
          HINT_NETWORK },
        { CURLE_PARTIAL_FILE,
          FAULT_DOWNLOAD_TRUNCATED,
          ENODATA,
          true,
          "'%s' ended before it was complete",
          HINT_NETWORK },
        { CURLE_HTTP2,
          FAULT_DOWNLOAD_TRUNCATED,
          EPROTO,
          true,
          "The connection broke while '%s' arrived",
          HINT_NETWORK },
        { CURLE_HTTP2_STREAM,
          FAULT_DOWNLOAD_TRUNCATED,
          EPROTO,
          true,
          "The server broke off '%s'",
          HINT_NETWORK },
        { CURLE_OPERATION_TIMEDOUT,
          FAULT_INDEX_TIMEOUT,
          ETIMEDOUT,
          true,
          "The server took too long to answer for '%s'",
          HINT_NETWORK },
        { CURLE_PEER_FAILED_VERIFICATION,
          FAULT_CERTIFICATE_INVALID,
          EKEYREJECTED,
          false,
          "The certificate of the host of '%s' is not trusted",
          HINT_TRUST },
        { CURLE_SSL_ISSUER_ERROR,
          FAULT_CERTIFICATE_INVALID,
          EKEYREJECTED,
          false,
          "The certificate of the host of '%s' is not trusted",
          HINT_TRUST },
        { CURLE_SSL_CACERT_BADFILE,
          FAULT_CERTIFICATE_INVALID,
          ENOKEY,
          false,
          "The trusted certificates needed for '%s' cannot be read",
          HINT_TRUST },
        { CURLE_TOO_MANY_REDIRECTS,
          FAULT_INDEX_INVALID,
          ELOOP,
          false,
          "'%s' redirects again and again",
          HINT_INDEX },
        { CURLE_UNSUPPORTED_PROTOCOL,
          FAULT_INDEX_INVALID,
          EPROTONOSUPPORT,
          false,
          "'%s' leads to an address that is not https (or http, when it began so)",
          HINT_INDEX },
        { CURLE_URL_MALFORMAT,
          FAULT_INDEX_INVALID,
          EINVAL,
          false,
          "'%s' is not an address",
          HINT_INDEX },
        { CURLE_BAD_CONTENT_ENCODING,
          FAULT_INDEX_INVALID,
          EBADMSG,
          false,
          "'%s' is compressed in a way that cannot be undone",
          HINT_INDEX },
        { CURLE_WEIRD_SERVER_REPLY,
          FAULT_INDEX_INVALID,
          EPROTO,
          false,
          "What answered for '%s' is not a web server",
          HINT_INDEX },
        { CURLE_RANGE_ERROR,
          FAULT_INDEX_INVALID,
          ERANGE,
          false,
          "The server has no such part of '%s'",
          HINT_INDEX },
};

static int
judge_failure(const FetchTransfer *transfer,
              CURLcode code,
              FetchVerdict *ret_verdict,
              Fault *fault) {
        const FailureText *failure = NULL;
        const char *shown = transfer->shown;

        for (size_t i = 0; i < ELEMENTSOF(failures); i++)
                if (failures[i].code == code)
                        failure = failures + i;
        if (!failure)
                return fault_set(
                                fault,
                                -EIO,
                                FAULT_INDEX_UNAVAILABLE,
                                shown,
                                "Cannot fetch '%s': %s.",
                                shown,
                                curl_easy_strerror(code));
        if (failure->may_try_again)
                *ret_verdict = FETCH_TRY_AGAIN;
        _cleanup_(freep) char *sentence = NULL;
        const char *mark = strstr(failure->sentence, "%s");
        sentence =
                        string_format("%.*s%s%s.",
                                      (int) (mark - failure->sentence),
                                      failure->sentence,
                                      shown,
                                      mark + 2);
        (void) fault_set(
                        fault,
                        -failure->error,
                        failure->fault,
                        shown,
                        "%s",
                        sentence ?: curl_easy_strerror(code));
        fault_hint(fault, "%s", failure->hint);
        return -failure->error;
}

int fetch_transfer_judge(
                const FetchTransfer *transfer,
                CURLcode code,
                FetchVerdict *ret_verdict,
                uint64_t *ret_wait_sec,
                Fault *fault) {
        curl_off_t wait_sec = 0;
        long status = 0;

        *ret_verdict = FETCH_GIVE_UP;
        *ret_wait_sec = 0;
        (void) curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        if (code == CURLE_FILESIZE_EXCEEDED) {
                transfer->target->error = -EFBIG;
                return fetch_target_explain(transfer->target, transfer->shown, fault);
        }
        if (transfer->target->error < 0)
                return fetch_target_explain(transfer->target, transfer->shown, fault);
        if (code == CURLE_HTTP_RETURNED_ERROR) {
                if (curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &wait_sec) ==
                                    CURLE_OK &&
                    wait_sec > 0)
                        *ret_wait_sec = (uint64_t) wait_sec;
                return judge_status(transfer, status, ret_verdict, fault);
        }
        if (code != CURLE_OK)
                return judge_failure(transfer, code, ret_verdict, fault);
        bool is_conditional = transfer->request->etag || transfer->request->last_modified;
        if (status == 200 || status == 206 || (status == 304 && is_conditional))
                return 0;
        return judge_status(transfer, status, ret_verdict, fault);
}
