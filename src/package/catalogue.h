// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What the indexes of a resolution offer: releases and metadata by name, from the cache where that is
 * good enough, else through blast-fetch, any number at once. Parses what comes back; chooses nothing. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "package/cache.h"
#include "package/fetch-request.h"
#include "package/index.h"
#include "package/metadata.h"

typedef struct Catalogue Catalogue;

typedef struct CatalogueInput {
        char **index_urls; /* the first one that has a package is the one it comes from */
        char **find_links; /* directories and URLs of pages; their files join those of an index */
        uint64_t page_age_max_sec;
        bool offline;
        int cache_fd; /* directory; -EBADF: nothing is remembered */
        int fetch_fd; /* socket to blast-fetch; -EBADF: as offline */
        /* Number of the first request; answers to earlier ones, of another catalogue on the same socket,
         * are passed over. */
        uint64_t first_id;
} CatalogueInput;

typedef enum CatalogueKind {
        CATALOGUE_RELEASES,
        CATALOGUE_METADATA,
} CatalogueKind;

/* Exactly one of pages, metadata, refusal, fault is set; releases that do not exist have no pages. */
typedef struct CatalogueAnswer {
        CatalogueKind kind;
        char *name;
        uint32_t version;
        IndexPage **pages;
        size_t n_pages;
        Metadata *metadata;
        char *refusal; /* why this metadata can never be used: "its metadata …" */
        Fault fault;   /* why nothing can be said now */
} CatalogueAnswer;

#define _cleanup_catalogue_answer_ _cleanup_(catalogue_answer_done)
void catalogue_answer_done(CatalogueAnswer *answer);

/* Ownership: @input's values are borrowed. The cache is opened with the first question.
 * Errors: -ENOMEM. */
_must_use_ int catalogue_new(const CatalogueInput *input, Catalogue **ret);
Catalogue *catalogue_free(Catalogue *catalogue);

/* Asks; the same question twice is one. @url: the releases are this one wheel. Errors: -ENOMEM,
 * -EINVAL with a fault (a URL that leads to no wheel). */
_must_use_ int
catalogue_ask_releases(Catalogue *catalogue, const char *name, const char *url, Fault *fault);
/* Ownership: @file is borrowed until the answer. */
_must_use_ int catalogue_ask_metadata(
                Catalogue *catalogue,
                const char *name,
                uint32_t version,
                const IndexFile *file);

/* The next answer. Returns 1, or 0 if there is none: all questions are answered or, without @wait,
 * nothing has come yet. Errors: -ENOMEM, -EPIPE blast-fetch is gone (with a fault). */
_must_use_ int
catalogue_receive(Catalogue *catalogue, bool wait, CatalogueAnswer *ret, Fault *fault);

/* Digest and size of a wheel whose index does not say them: fetches the whole file, and waits.
 * Errors: as the fault says. */
_must_use_ int catalogue_find_digest(
                Catalogue *catalogue,
                const IndexFile *file,
                Digest *ret_digest,
                uint64_t *ret_size_bytes,
                Fault *fault);

/* The first number that was not used for a request. */
uint64_t catalogue_next_id(const Catalogue *catalogue);

/* Sentences about what was used although it is old. Borrowed. */
char *const *catalogue_warnings(const Catalogue *catalogue);

DEFINE_CLEANUP(Catalogue, catalogue_free)
