// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Index settings, and what is asked of blast-fetch. Knows no page and no wheel. */

#include "basic/digest.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/packet.h"

/* Where packages come from and how to ask. Resolved by the client from BLAST_*, UV_*, PIP_* and
 * files; when a caller without a client gives none, the defaults of the build. */
typedef struct IndexSettings {
        char *index_url;
        char **extra_index_urls;
        char **find_links;         /* directories and URLs with wheels */
        char **proxies;            /* "https_proxy=http://proxy.example:3128", as curl reads them */
        char *certificate_file;    /* PEM bundle; NULL: SSL_CERT_FILE, the system */
        uint32_t n_requests_max;   /* at once; 10 */
        uint32_t timeout_sec;      /* of one request; 30 */
        uint32_t n_retries;        /* 3 */
        uint64_t page_age_max_sec; /* an index page younger than this is not asked for again */
        bool verify_tls;
        bool offline;
} IndexSettings;

/* blast-fetch serves two kinds of callers over the same packets: blast-resolve (pages, metadata: the
 * body comes back as a sealed memfd) and blastd (wheels: the body is a file in the download directory,
 * its descriptor comes back read-only). Descriptors from WORKER_FD_FIRST: download directory, then
 * the socket that blast-resolve holds the other end of. Its WORKER_FD_REQUEST is an IndexSettings packet. */
typedef enum FetchKind {
        FETCH_PAGE,     /* index page; conditional when @etag is given */
        FETCH_METADATA, /* PEP 658 file, or the wheel itself for its METADATA */
        FETCH_WHEEL,    /* checked against @digest, kept as a file */
        _FETCH_KIND_MAX,
        _FETCH_KIND_INVALID = -EINVAL,
} FetchKind;

typedef struct FetchRequest {
        uint64_t id; /* chosen by the caller, repeated in the answer */
        FetchKind kind;
        char *url;
        char *etag; /* of the copy the caller has; NULL: none */
        char *last_modified;
        bool has_digest;
        Digest digest;
        uint64_t offset; /* a byte range: first byte, and how many; 0 and 0: all. With @length and */
        uint64_t length; /* no @offset_from_start the last @length bytes are asked for */
        bool offset_from_start;
        uint64_t size_max_bytes;
} FetchRequest;

typedef struct FetchAnswer {
        uint64_t id;
        Fault fault;     /* set: nothing else is */
        uint32_t status; /* HTTP: 200, 206, 304; file: 200 */
        char *url;       /* after redirects, without credentials */
        char *content_type;
        char *etag;
        char *last_modified;
        uint64_t max_age_sec;
        uint64_t size_bytes;
        uint64_t total_bytes; /* of the whole resource, where a range was given */
        Digest digest;
        bool has_body; /* one descriptor travels along */
} FetchAnswer;

/* A progress report that is not an answer: bytes so far of one transfer. */
typedef struct FetchProgress {
        uint64_t id;
        uint64_t done_bytes;
        uint64_t total_bytes;
} FetchProgress;

void index_settings_done(IndexSettings *settings);
_must_use_ int index_settings_copy(const IndexSettings *from, IndexSettings *ret);
_must_use_ int index_settings_encode(const IndexSettings *settings, void **ret, size_t *ret_size);
_must_use_ int index_settings_decode(const void *data, size_t size, IndexSettings *ret);
/* The same inside a larger packet. */
void packet_put_index_settings(PacketWriter *writer, const IndexSettings *settings);
_must_use_ int packet_get_index_settings(PacketReader *reader, IndexSettings *ret);
void fetch_request_done(FetchRequest *request);
_must_use_ int fetch_request_encode(const FetchRequest *request, void **ret, size_t *ret_size);
_must_use_ int fetch_request_decode(const void *data, size_t size, FetchRequest *ret);
void fetch_answer_done(FetchAnswer *answer);
_must_use_ int fetch_answer_encode(const FetchAnswer *answer, void **ret, size_t *ret_size);
_must_use_ int fetch_answer_decode(const void *data, size_t size, FetchAnswer *ret);
_must_use_ int fetch_progress_encode(const FetchProgress *progress, void **ret, size_t *ret_size);
/* Errors: -EBADMSG it is not a progress report. */
_must_use_ int fetch_progress_decode(const void *data, size_t size, FetchProgress *ret);
