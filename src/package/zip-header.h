// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The records of a zip archive, read from bytes: end records, central and local headers. Used by zip.c
 * only; knows single records, not the archive. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/text.h"

enum {
        ZIP_CENTRAL_SIZE = 46, /* of a central header without its variable parts */

        ZIP_FLAG_UTF8 = 1 << 11,

        ZIP_METHOD_STORED = 0,
        ZIP_METHOD_DEFLATED = 8,
};

/* The archive as bytes, and how to call it in a fault. */
typedef struct ZipSource {
        const uint8_t *data;
        uint64_t size_bytes;
        const char *subject;
} ZipSource;

/* What a header says of a member, local or central, with zip64 fields applied. */
typedef struct ZipHeader {
        Text name;
        uint64_t compressed_size;
        uint64_t size;
        uint64_t offset; /* central only: of the local header */
        uint32_t crc;
        uint32_t attributes; /* central only */
        uint16_t flags;
        uint16_t method;
        bool has_zip64;
        bool is_local;
} ZipHeader;

typedef struct ZipDirectory {
        uint64_t offset;
        uint64_t size;
        uint64_t n_entries;
        uint64_t end_offset; /* where the end records begin */
} ZipDirectory;

/* Finds the end record, and the zip64 one where it is asked for. Errors: -EBADMSG with a fault, as all
 * of these. */
_must_use_ int zip_read_end(const ZipSource *source, ZipDirectory *ret, Fault *fault);

/* Reads the entry at @offset of the directory and its length there. */
_must_use_ int zip_read_central(
                const ZipSource *source,
                const ZipDirectory *directory,
                uint64_t offset,
                ZipHeader *ret,
                uint64_t *ret_length,
                Fault *fault);

/* Reads the local header that @central points to, which must agree with it. Data and descriptor must
 * end before @limit, the beginning of the directory. @ret_end is the first byte after them. */
_must_use_ int
zip_read_local(const ZipSource *source,
               const ZipHeader *central,
               uint64_t limit,
               const uint8_t **ret_data,
               uint64_t *ret_end,
               Fault *fault);

/* Sentences of refusal; they return the error. */
int zip_refuse(const ZipSource *source, Fault *fault, const char *reason);
int zip_refuse_member(const ZipSource *source, Fault *fault, Text name, const char *reason);
int zip_refuse_size(const ZipSource *source, Fault *fault, const char *reason);
