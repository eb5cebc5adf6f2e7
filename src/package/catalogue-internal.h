// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What catalogue.c shares with its two kinds of questions, catalogue-page.c and catalogue-metadata.c. */

#include "basic/table.h"
#include "package/catalogue.h"
#include "package/wheel-tail.h"

/* Where metadata is to be found; later ones are tried when earlier ones fail. */
typedef enum MetadataStage {
        WANTS_METADATA, /* the file beside the wheel (PEP 658) */
        WANTS_TAIL,     /* the end of the wheel, which says where it is */
        WANTS_ENTRY,    /* the part of the wheel that holds it */
        WANTS_WHEEL,    /* all of the wheel */
} MetadataStage;

/* One question under way. */
typedef struct Task {
        uint64_t id; /* of the request to blast-fetch */
        CatalogueKind kind;
        char *name;
        char *url; /* of releases that are one file */
        /* Releases: sources are asked one after the other, find-links first. */
        size_t position;
        IndexPage **pages;
        size_t n_pages;
        size_t n_pages_allocated;
        bool has_index_page; /* an index has it: the others are not asked */
        CachedPage stale;    /* what is known of the present source */
        bool has_stale;
        /* Metadata */
        uint32_t version;
        const IndexFile *file;
        MetadataStage stage;
        uint64_t tail_size; /* of WANTS_TAIL: how many bytes from the end */
        WheelEntry entry;   /* of WANTS_ENTRY */
        bool wants_digest;
} Task;

struct Catalogue {
        CatalogueInput input;
        Cache *cache;
        bool has_tried_cache;
        uint64_t now_usec;
        Table *asked; /* keys of questions, owned by the arena */
        Arena *arena;
        Task **tasks; /* by id; NULL: done */
        size_t n_tasks;
        size_t n_tasks_allocated;
        uint64_t *pending; /* ids of requests that are not sent yet */
        size_t n_pending;
        size_t n_pending_allocated;
        size_t pending_position;
        size_t n_in_flight;
        CatalogueAnswer *ready;
        size_t n_ready;
        size_t n_ready_allocated;
        size_t ready_position;
        char **warnings;
        bool has_warned_stale;
        Digest digest; /* of the last wheel fetched for catalogue_find_digest() */
        uint64_t digest_size_bytes;
};

/* NULL where there is none. */
Cache *catalogue_cache(Catalogue *catalogue);
bool catalogue_is_offline(const Catalogue *catalogue);
/* Sends a request about the task now or later. Errors: -ENOMEM. */
_must_use_ int catalogue_send(Catalogue *catalogue, Task *task);
/* Ends the task with @answer, whose contents are taken. Errors: -ENOMEM. */
_must_use_ int catalogue_finish(Catalogue *catalogue, Task *task, CatalogueAnswer *answer);
_must_use_ int catalogue_finish_with_fault(Catalogue *catalogue, Task *task, Fault *fault);

/* What to ask for the task; texts are borrowed from it. */
void catalogue_page_request(const Catalogue *catalogue, const Task *task, FetchRequest *ret);
void catalogue_metadata_request(const Catalogue *catalogue, const Task *task, FetchRequest *ret);

/* Goes on with a question: answers from the cache, or sends a request. Errors: -ENOMEM. */
_must_use_ int catalogue_page_begin(Catalogue *catalogue, Task *task);
_must_use_ int catalogue_metadata_begin(Catalogue *catalogue, Task *task);
/* Takes in what blast-fetch said. @body is borrowed. Errors: -ENOMEM. */
_must_use_ int
catalogue_page_on_answer(Catalogue *catalogue, Task *task, FetchAnswer *answer, const char *body);
_must_use_ int catalogue_metadata_on_answer(
                Catalogue *catalogue,
                Task *task,
                FetchAnswer *answer,
                const char *body);
