// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What one package index says of one project: the files it offers, read from a simple-repository page
 * (PEP 503 HTML, PEP 691 JSON), a find-links page or a directory listing. Knows no network and no
 * versions; file names are only cut into their parts. */

#include "basic/digest.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/packet.h"
#include "basic/text.h"

enum {
        INDEX_FILES_MAX = 200000, /* of one page */
        INDEX_PAGE_SIZE_MAX = 64 * 1024 * 1024,
        INDEX_SKIPS_MAX = 32, /* reasons kept; the rest is only counted */
        INDEX_URL_MAX = 4096,
        INDEX_FILENAME_MAX = 255,
};

/* The body of FETCH_PAGE for a file:// URL that is a directory. */
#define INDEX_TYPE_DIRECTORY "application/vnd.blast.directory"
/* What to accept from an index, in order of preference (PEP 691). */
#define INDEX_ACCEPT                                                                       \
        "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, " \
        "text/html;q=0.01"

typedef enum IndexFileKind {
        INDEX_FILE_WHEEL,
        INDEX_FILE_SOURCE, /* remembered so that the resolver can say "exists, but only as source" */
        _INDEX_FILE_KIND_MAX,
        _INDEX_FILE_KIND_INVALID = -EINVAL,
} IndexFileKind;

/* One file; everything is borrowed from the page. */
typedef struct IndexFile {
        IndexFileKind kind;
        bool has_digest;
        bool has_metadata; /* <url>.metadata is advertised (PEP 658, 714) */
        bool has_metadata_digest;
        const char *filename;        /* one path component that belongs to the project */
        const char *url;             /* absolute, http, https or file, without fragment */
        const char *requires_python; /* NULL: none */
        const char *yanked;          /* NULL: is not; else the reason, which may be "" (PEP 592) */
        Text version;                /* as the file name spells it */
        Text tags;              /* of a wheel: "cp311-cp311-manylinux_2_17_x86_64"; no build tag */
        uint64_t size_bytes;    /* 0: unknown */
        int64_t upload_usec;    /* since 1970, UTC; 0: unknown (PEP 700) */
        uint64_t modified_usec; /* of a local file (with its size a key for its digest); else 0 */
        Digest digest;          /* SHA-256 */
        Digest metadata_digest;
} IndexFile;

/* A file that is not offered, and why. */
typedef struct IndexSkip {
        const char *filename;
        const char *reason; /* a phrase: "its URL is not http, https or file" */
} IndexSkip;

typedef struct IndexPage {
        const char *name; /* normalised (PEP 503) */
        const char *url;  /* of the page, without credentials */
        const char *status; /* PEP 792: "active", "archived", "deprecated", "quarantined"; NULL: not said */
        const char *status_reason;
        IndexFile *files; /* in the order of the page */
        size_t n_files;
        IndexSkip *skips;
        size_t n_skips;
        uint64_t n_skipped; /* in all */
        void *memory;       /* owns all of the above */
} IndexPage;

/* Where the bytes come from. All borrowed for the call. */
typedef struct IndexSource {
        const char *name;         /* the project asked for, normalised */
        const char *url;          /* after redirects; relative URLs start here */
        const char *content_type; /* NULL or unknown: told from the first byte */
        bool is_find_links; /* lists many projects: files of others are passed over silently */
} IndexSource;

IndexPage *index_page_free(IndexPage *page);

/* Reads a page of any of the forms. Files that cannot be used are skipped with their reason.
 * Errors: -EBADMSG not a page we accept (FAULT_INDEX_INVALID), -EPROTONOSUPPORT a newer major API
 * version (FAULT_INDEX_INVALID), -EFBIG (FAULT_LIMIT_EXCEEDED), -ENOMEM.
 * Source: PEPs 503, 592, 629, 658, 691, 700, 708, 714, 792. Fuzzed: tests/fuzz/fuzz-index-{json,html}.c */
_must_use_ int index_page_parse(
                const IndexSource *source,
                const void *data,
                size_t size_bytes,
                IndexPage **ret,
                Fault *fault);

/* A page without files, for a project that the index does not have. */
_must_use_ int index_page_new_empty(const char *name, const char *url, IndexPage **ret);

/* The flat form, as the cache keeps it. The decoder copies and checks every bound.
 * Errors: -EBADMSG, -EPROTONOSUPPORT, -ENOMEM. */
_must_use_ int index_page_encode(const IndexPage *page, void **ret, size_t *ret_size_bytes);
_must_use_ int index_page_decode(const void *data, size_t size_bytes, IndexPage **ret);
/* The same without a copy. Ownership: @data (malloc) becomes the page's, on success only. */
_must_use_ int index_page_decode_consume(void *data, size_t size_bytes, IndexPage **ret);

/* The address of a project's page: "<index>/<name>/". NULL when memory is out. */
_must_use_ char *index_page_url(const char *index_url, const char *name);
/* The address of a wheel's METADATA (PEP 658), to be tried even where it is not advertised. */
_must_use_ char *index_file_metadata_url(const IndexFile *file);

/* Cuts a file name into kind, version and tags. Errors: -EINVAL neither wheel nor source, or not one
 * component; -ENXIO it belongs to another project than @name (normalised). */
_must_use_ int index_filename_parse(
                const char *filename,
                const char *name,
                IndexFileKind *ret_kind,
                Text *ret_version,
                Text *ret_tags);

DEFINE_CLEANUP(IndexPage, index_page_free)
