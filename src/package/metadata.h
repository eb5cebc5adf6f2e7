// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The core metadata of one distribution (METADATA of a wheel, or the PEP 658 file): the few fields
 * that a resolver needs. Texts are as written; whoever uses a requirement parses it. */

#include "basic/macro.h"
#include "basic/memory.h"

enum {
        METADATA_SIZE_MAX = 8 * 1024 * 1024,
        METADATA_ITEMS_MAX = 20000
};

typedef struct Fault Fault;

typedef struct Metadata {
        const char *metadata_version;     /* "2.1" */
        const char *name;                 /* as written */
        const char *version;              /* as written */
        const char *requires_python;      /* NULL: any */
        const char *const *requires_dist; /* PEP 508 texts, as written, on one line */
        size_t n_requires_dist;
        const char *const *provides_extra; /* as written */
        size_t n_provides_extra;
        const char *const *dynamic; /* lower case field names (PEP 643) */
        size_t n_dynamic;
        Arena *memory; /* owns all of the above */
} Metadata;

/* Parses the header part; the body (description) is not looked at. @subject names the file in the
 * fault.
 * Errors: -EBADMSG name, version or Metadata-Version missing or malformed, wrong UTF-8 in a field
 * that is used, an unknown major version; -E2BIG over a limit; -ENOMEM. Fault: METADATA_INVALID.
 * Fuzzed: tests/fuzz/fuzz-metadata.c.
 * Source: Core metadata specifications 1.0 to 2.4 (PEP 241, 314, 345, 566, 643, 685, 753). */
_must_use_ int
metadata_parse(const char *data,
               size_t size_bytes,
               const char *subject,
               Metadata **ret,
               Fault *fault);
Metadata *metadata_free(Metadata *metadata);

DEFINE_CLEANUP(Metadata, metadata_free)
