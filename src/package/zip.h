// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A strict reader of zip archives in memory: one way to read an archive, or none. Believes the
 * central directory only where every local header says the same and no byte is left over. Knows
 * nothing of wheels. */

#include "basic/fault.h"
#include "basic/macro.h"

typedef struct Zip Zip;

enum {
        ZIP_DIRECTORY_MAX_BYTES = 64 * 1024 * 1024,
        ZIP_NAME_MAX = 1024,     /* bytes of a whole name */
        ZIP_COMPONENT_MAX = 255, /* bytes between two slashes */
        ZIP_DEPTH_MAX = 64,
        ZIP_RATIO_MAX = 200, /* of the whole archive, once it unpacks to more than … */
        ZIP_RATIO_FREE_BYTES = 1024 * 1024,
};

typedef struct ZipLimits {
        uint64_t size_max_bytes; /* of all members together, unpacked */
        uint32_t n_members_max;
} ZipLimits;

typedef struct ZipMember {
        const char *name; /* relative, UTF-8, no empty, "." or ".." component, no control character;
                           * directories without their final slash */
        const uint8_t *data; /* as it lies in the archive */
        uint64_t compressed_size;
        uint64_t size;
        uint32_t crc;
        uint32_t mode; /* Unix mode, 0 if the archive has none; never a link or a special file */
        bool is_deflated;
        bool is_directory;
} ZipMember;

/* Checks the whole structure, not the contents. @subject names the archive in faults.
 * Ownership: @data is borrowed and must outlive the archive.
 * Errors: -EBADMSG with FAULT_WHEEL_INVALID and the reason; -E2BIG with FAULT_LIMIT_EXCEEDED; -ENOMEM.
 * Source: APPNOTE.TXT 6.3.10; the rules of PyPI's upload (2025); security T17, T22. Fuzzed:
 * tests/fuzz/fuzz-zip.c. */
_must_use_ int
zip_open(const void *data,
         size_t size_bytes,
         const ZipLimits *limits,
         const char *subject,
         Zip **ret,
         Fault *fault);
Zip *zip_free(Zip *zip);

/* Members in the order in which they lie in the archive. */
size_t zip_count(const Zip *zip);
const ZipMember *zip_get(const Zip *zip, size_t i);
const ZipMember *zip_find(const Zip *zip, const char *name);
uint64_t zip_get_size(const Zip *zip); /* of all members, unpacked */

/* Unpacks one member into @buffer of exactly member->size bytes and compares its CRC-32.
 * Errors: -EBADMSG with FAULT_WHEEL_INVALID. */
_must_use_ int zip_read(Zip *zip, const ZipMember *member, void *buffer, Fault *fault);
/* The same into the heap, with a NUL after it. Errors: -E2BIG larger than @size_max. */
_must_use_ int
zip_read_text(Zip *zip, const ZipMember *member, size_t size_max, char **ret, Fault *fault);

DEFINE_CLEANUP(Zip, zip_free)
