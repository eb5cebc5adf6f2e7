// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Gathers what a page says of its files, in whichever form it is written, checks each and builds the
 * IndexPage. Internal to the readers of index pages (index-json.c, index-html.c, index.c). */

#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/memory.h"
#include "package/index.h"

/* One entry as it is written, before anything is believed. All borrowed; NULL: not said. */
typedef struct IndexLink {
        const char *filename; /* NULL: the last component of @href */
        const char *href;     /* may be relative */
        const char *requires_python;
        const char *yanked;
        const char *sha256; /* hex */
        const char *metadata_sha256;
        const char *upload_time;
        bool has_metadata;
        uint64_t size_bytes;
        uint64_t modified_usec;
} IndexLink;

typedef struct IndexCollector IndexCollector;

_must_use_ int index_collector_new(const IndexSource *source, IndexCollector **ret, Fault *fault);
IndexCollector *index_collector_free(IndexCollector *collector);

/* Changes where relative URLs start (<base href>). Errors: -EBADMSG not an address we accept. */
_must_use_ int index_collector_set_base(IndexCollector *collector, const char *href, Fault *fault);
/* Takes the entry or notes why not. Errors: -EFBIG too many, -ENOMEM. */
_must_use_ int index_collector_add(IndexCollector *collector, const IndexLink *link, Fault *fault);
/* Notes an entry that the reader itself found unusable. @reason is a literal. */
_must_use_ int index_collector_skip(
                IndexCollector *collector,
                const IndexLink *link,
                const char *reason,
                Fault *fault);
_must_use_ int
index_collector_set_status(IndexCollector *collector, const char *status, const char *reason);
/* Refuses a major version above 1 (PEP 629). Errors: -EBADMSG, -EPROTONOSUPPORT. */
_must_use_ int
index_collector_check_version(const IndexCollector *collector, const char *version, Fault *fault);

/* Hands the page over; the collector is empty afterwards. */
IndexPage *index_collector_finish(IndexCollector *collector);

/* Where the text of a page lives. */
Arena *index_page_arena(const IndexPage *page);

/* "<name>" as any spelling of @normalised (PEP 503). */
_pure_ bool index_name_matches(Text spelled, const char *normalised);

DEFINE_CLEANUP(IndexCollector, index_collector_free)
