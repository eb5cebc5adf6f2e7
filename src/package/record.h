// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* RECORD, the list of files of a wheel or an installed distribution with their digests: a strict
 * reader of its CSV, and a writer. Knows no files. */

#include "basic/digest.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/text.h"

enum {
        RECORD_SIZE_MAX = 64 * 1024 * 1024,
        RECORD_ENTRIES_MAX = 400000
};

typedef struct RecordEntry {
        const char *path;
        Digest digest;
        uint64_t size_bytes;
        bool has_digest;
        bool has_size;
} RecordEntry;

typedef struct Record Record;

/* SHA-256 only. Ownership: copies what it keeps. Errors: -EBADMSG with FAULT_WHEEL_INVALID and the line:
 * broken quoting, not one to three fields, a path twice, another algorithm, a digest or size that is none.
 * Source: PyPA specification "Recording installed projects" (PEP 376, 627); PEP 427. Fuzzed:
 * tests/fuzz/fuzz-record.c. */
_must_use_ int record_parse(Text text, const char *subject, Record **ret, Fault *fault);
Record *record_free(Record *record);

size_t record_count(const Record *record);
const RecordEntry *record_get(const Record *record, size_t i);
const RecordEntry *record_find(const Record *record, const char *path);

/* Appends one line; without a digest (NULL) both other fields stay empty. */
void record_add_line(Builder *builder, const char *path, const Digest *digest, uint64_t size_bytes);

DEFINE_CLEANUP(Record, record_free)
