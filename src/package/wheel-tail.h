// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* METADATA out of parts of a wheel, for indexes that do not offer it as a file: the last bytes say where
 * it lies. A look ahead only: what is installed later is checked as a whole (zip.h). */

#include "basic/macro.h"

enum {
        WHEEL_TAIL_SIZE = 96 * 1024,
        WHEEL_TAIL_MAX = 16 * 1024 * 1024
};

/* Bytes [offset, offset + size) of a file of @total_bytes. */
typedef struct WheelPart {
        const uint8_t *data;
        uint64_t size;
        uint64_t offset;
        uint64_t total_bytes;
} WheelPart;

/* Where the METADATA lies. */
typedef struct WheelEntry {
        uint64_t offset; /* of its local header */
        uint64_t compressed_size;
        uint64_t size;
        uint32_t crc;
        bool is_deflated;
} WheelEntry;

/* Reads the directory at the end of a wheel. Errors: -ERANGE the part is too short, @ret_needed bytes from
 * the end are needed; -EBADMSG it is not a wheel that can be read in parts. */
_must_use_ int wheel_tail_find(const WheelPart *tail, WheelEntry *ret, uint64_t *ret_needed);
/* How many bytes from @entry's offset hold it for certain. */
_pure_ uint64_t wheel_entry_extent(const WheelEntry *entry);
/* Unpacks it; the text is terminated with a NUL that is not counted. Errors: -ERANGE it is not in the
 * part as a whole; -EBADMSG; -ENOMEM. */
_must_use_ int wheel_entry_read(
                const WheelEntry *entry,
                const WheelPart *part,
                char **ret,
                size_t *ret_size_bytes);
