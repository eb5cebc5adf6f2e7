// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * The local header must say the same as the directory: name, method, flags, CRC-32, sizes. With a
 * data descriptor (flag bit 3) it may say 0 instead, and the descriptor must have its signature and
 * agree. A zip64 field counts, and is allowed, only behind a sentinel (0xffffffff); the exceptions are
 * local: an empty one, which announces a descriptor of 64 bits, and one that repeats both sizes. Refused besides: encryption,
 * methods other than stored and deflate, the Unicode path field (a second name), comments of members,
 * several disks, bytes after a zip64 end record.
 */

#include "package/zip-header.h"
#include "package/zip.h"

enum {
        LOCAL_SIGNATURE = 0x04034b50,
        DESCRIPTOR_SIGNATURE = 0x08074b50,
        CENTRAL_SIGNATURE = 0x02014b50,
        END_SIGNATURE = 0x06054b50,
        END64_SIGNATURE = 0x06064b50,
        LOCATOR_SIGNATURE = 0x07064b50,

        LOCAL_SIZE = 30,
        END_SIZE = 22,
        END64_SIZE = 56,
        LOCATOR_SIZE = 20,
        COMMENT_MAX = 65535,

        FLAG_DESCRIPTOR = 1 << 3,
        FLAGS_EFFORT = 1 << 1 | 1 << 2, /* of deflate, when it was made */
        FLAGS_KNOWN = FLAG_DESCRIPTOR | ZIP_FLAG_UTF8 | FLAGS_EFFORT,

        EXTRA_ZIP64 = 0x0001,
};

/* Fields that give a member a second meaning or need more than we do. */
static const uint16_t extras_refused[] = {
        0x0014, /* PKCS#7 store */
        0x0017, /* strong encryption */
        0x6375, /* Unicode comment */
        0x7075, /* Unicode path */
        0x9901, /* AES */
};

#define SENTINEL_16 UINT16_C(0xffff)
#define SENTINEL_32 UINT32_C(0xffffffff)

static uint16_t get_u16(const uint8_t *at) {
        return (uint16_t) (at[0] | at[1] << 8);
}

static uint32_t get_u32(const uint8_t *at) {
        return (uint32_t) get_u16(at) | (uint32_t) get_u16(at + 2) << 16;
}

static uint64_t get_u64(const uint8_t *at) {
        return (uint64_t) get_u32(at) | (uint64_t) get_u32(at + 4) << 32;
}

int zip_refuse(const ZipSource *source, Fault *fault, const char *reason) {
        return fault_set(
                        fault,
                        -EBADMSG,
                        FAULT_WHEEL_INVALID,
                        source->subject,
                        "The archive cannot be trusted: %s.",
                        reason);
}

int zip_refuse_member(const ZipSource *source, Fault *fault, Text name, const char *reason) {
        return fault_set(
                        fault,
                        -EBADMSG,
                        FAULT_WHEEL_INVALID,
                        source->subject,
                        "The archive cannot be trusted: '%.*s' %s.",
                        (int) MIN(name.length, (size_t) ZIP_NAME_MAX),
                        name.data,
                        reason);
}

int zip_refuse_size(const ZipSource *source, Fault *fault, const char *reason) {
        return fault_set(
                        fault,
                        -E2BIG,
                        FAULT_LIMIT_EXCEEDED,
                        source->subject,
                        "The archive is larger than allowed: %s.",
                        reason);
}

/* --- end records ---------------------------------------------------------------------------- */

static bool comment_is_plain(const uint8_t *comment, size_t size) {
        for (size_t i = 0; i < size; i++) {
                bool is_space = comment[i] == '\n' || comment[i] == '\r' || comment[i] == '\t';

                if (!is_space && (comment[i] < 0x20 || comment[i] > 0x7e))
                        return false;
        }
        return true;
}

static int find_end(const ZipSource *source, uint64_t *ret_offset, Fault *fault) {
        for (uint64_t n = 0; n <= COMMENT_MAX && n + END_SIZE <= source->size_bytes; n++) {
                uint64_t offset = source->size_bytes - END_SIZE - n;
                const uint8_t *at = source->data + offset;

                if (get_u32(at) != END_SIGNATURE || get_u16(at + 20) != n)
                        continue;
                if (!comment_is_plain(at + END_SIZE, (size_t) n))
                        return zip_refuse(source, fault, "its comment is not plain text");
                *ret_offset = offset;
                return 0;
        }
        return zip_refuse(
                        source,
                        fault,
                        "it has no end record, so it is truncated or not a zip archive");
}

static int
read_end64(const ZipSource *source, uint64_t end_offset, ZipDirectory *ret, Fault *fault) {
        const uint8_t *locator, *end64;
        uint64_t offset;

        if (end_offset < LOCATOR_SIZE + END64_SIZE)
                return zip_refuse(source, fault, "it needs zip64 records and has none");
        locator = source->data + end_offset - LOCATOR_SIZE;
        offset = end_offset - LOCATOR_SIZE - END64_SIZE;
        end64 = source->data + offset;
        if (get_u32(locator) != LOCATOR_SIGNATURE || get_u32(locator + 4) != 0 ||
            get_u64(locator + 8) != offset || get_u32(locator + 16) != 1)
                return zip_refuse(source, fault, "its zip64 locator is wrong");
        if (get_u32(end64) != END64_SIGNATURE || get_u64(end64 + 4) != END64_SIZE - 12)
                return zip_refuse(source, fault, "its zip64 end record is wrong or extended");
        if (get_u32(end64 + 16) != 0 || get_u32(end64 + 20) != 0 ||
            get_u64(end64 + 24) != get_u64(end64 + 32))
                return zip_refuse(source, fault, "it is spread over several disks");
        *ret = (ZipDirectory){
                .n_entries = get_u64(end64 + 32),
                .size = get_u64(end64 + 40),
                .offset = get_u64(end64 + 48),
                .end_offset = offset,
        };
        return 0;
}

int zip_read_end(const ZipSource *source, ZipDirectory *ret, Fault *fault) {
        ZipDirectory directory, wide = { 0 };
        const uint8_t *end;
        uint64_t offset = 0;
        int r;

        r = find_end(source, &offset, fault);
        if (r < 0)
                return r;
        end = source->data + offset;
        if (get_u16(end + 4) != 0 || get_u16(end + 6) != 0 || get_u16(end + 8) != get_u16(end + 10))
                return zip_refuse(source, fault, "it is spread over several disks");
        directory = (ZipDirectory){
                .n_entries = get_u16(end + 10),
                .size = get_u32(end + 12),
                .offset = get_u32(end + 16),
                .end_offset = offset,
        };
        if (directory.n_entries == SENTINEL_16 || directory.size == SENTINEL_32 ||
            directory.offset == SENTINEL_32) {
                r = read_end64(source, offset, &wide, fault);
                if (r < 0)
                        return r;
                if ((directory.n_entries != SENTINEL_16 && directory.n_entries != wide.n_entries) ||
                    (directory.size != SENTINEL_32 && directory.size != wide.size) ||
                    (directory.offset != SENTINEL_32 && directory.offset != wide.offset))
                        return zip_refuse(source, fault, "its two end records differ");
                directory = wide;
        }
        if (directory.offset > directory.end_offset ||
            directory.end_offset - directory.offset != directory.size)
                return zip_refuse(
                                source,
                                fault,
                                "its directory does not end where the end record begins");
        *ret = directory;
        return 0;
}

/* --- headers --------------------------------------------------------------------------------- */

/* Applies a zip64 field: one value of 64 bits for each sentinel, in this order, and nothing more. */
static int
apply_zip64(const ZipSource *source,
            ZipHeader *header,
            const uint8_t *at,
            size_t size,
            Fault *fault) {
        uint64_t *const slots[] = { &header->size, &header->compressed_size, &header->offset };
        size_t used = 0;

        header->has_zip64 = true;
        if (size == 0)
                return 0; /* only announces the width of the descriptor; checked by the caller */
        for (size_t i = 0; i < ELEMENTSOF(slots); i++) {
                if (*slots[i] != SENTINEL_32)
                        continue;
                if (size - used < 8)
                        return zip_refuse_member(
                                        source,
                                        fault,
                                        header->name,
                                        "has a zip64 field that is too short");
                *slots[i] = get_u64(at + used);
                used += 8;
        }
        if (used != size)
                return zip_refuse_member(
                                source, fault, header->name, "has a zip64 field that is too long");
        return 0;
}

/* Without a sentinel a local header may have a zip64 field all the same: an empty one, or both sizes
 * again, as Bazel writes them, which is where the wheels of protobuf come from. */
static bool is_harmless_zip64(const ZipHeader *header, const uint8_t *at, size_t size) {
        if (!header->is_local)
                return false;
        return size == 0 ||
                        (size == 16 && get_u64(at) == header->size &&
                         get_u64(at + 8) == header->compressed_size);
}

static bool extra_is_refused(uint16_t id) {
        for (size_t i = 0; i < ELEMENTSOF(extras_refused); i++) {
                if (extras_refused[i] == id)
                        return true;
        }
        return false;
}

static int
read_extra(const ZipSource *source,
           ZipHeader *header,
           const uint8_t *at,
           size_t size,
           Fault *fault) {
        bool needs_zip64 = header->size == SENTINEL_32 || header->compressed_size == SENTINEL_32 ||
                        header->offset == SENTINEL_32;
        int r;

        while (size > 0) {
                uint16_t id, n;

                if (size < 4 || get_u16(at + 2) > size - 4)
                        return zip_refuse_member(
                                        source, fault, header->name, "has a broken extra field");
                id = get_u16(at);
                n = get_u16(at + 2);
                if (extra_is_refused(id))
                        return zip_refuse_member(
                                        source,
                                        fault,
                                        header->name,
                                        "has an extra field that gives it another meaning");
                if (id == EXTRA_ZIP64) {
                        if (header->has_zip64 ||
                            (!needs_zip64 && !is_harmless_zip64(header, at + 4, n)))
                                return zip_refuse_member(
                                                source,
                                                fault,
                                                header->name,
                                                "has a zip64 field that nothing asks for");
                        r = apply_zip64(source, header, at + 4, needs_zip64 ? n : 0, fault);
                        if (r < 0)
                                return r;
                }
                at += 4 + n;
                size -= 4u + n;
        }
        if (needs_zip64 &&
            (!header->has_zip64 || header->size == SENTINEL_32 ||
             header->compressed_size == SENTINEL_32 || header->offset == SENTINEL_32))
                return zip_refuse_member(source, fault, header->name, "lacks its zip64 field");
        return 0;
}

/* Both headers hold these fields in this order, the central one after two more bytes. */
static ZipHeader read_common(const uint8_t *at) {
        return (ZipHeader){
                .flags = get_u16(at),
                .method = get_u16(at + 2),
                .crc = get_u32(at + 8),
                .compressed_size = get_u32(at + 12),
                .size = get_u32(at + 16),
        };
}

static int check_header(const ZipSource *source, const ZipHeader *header, Fault *fault) {
        if (header->flags & ~FLAGS_KNOWN)
                return zip_refuse_member(
                                source,
                                fault,
                                header->name,
                                "is encrypted or uses a feature that is not understood");
        if (header->method != ZIP_METHOD_STORED && header->method != ZIP_METHOD_DEFLATED)
                return zip_refuse_member(
                                source,
                                fault,
                                header->name,
                                "is compressed by a method other than deflate");
        return 0;
}

int zip_read_central(
                const ZipSource *source,
                const ZipDirectory *directory,
                uint64_t offset,
                ZipHeader *ret,
                uint64_t *ret_length,
                Fault *fault) {
        uint64_t left = directory->end_offset - offset, length;
        const uint8_t *at = source->data + offset;
        ZipHeader header;
        int r;

        if (left < ZIP_CENTRAL_SIZE || get_u32(at) != CENTRAL_SIGNATURE)
                return zip_refuse(source, fault, "its directory has fewer entries than it says");
        length = ZIP_CENTRAL_SIZE + (uint64_t) get_u16(at + 28) + get_u16(at + 30) +
                        get_u16(at + 32);
        if (left < length)
                return zip_refuse(source, fault, "an entry of its directory is cut off");
        header = read_common(at + 8);
        header.name = (Text){ (const char *) at + ZIP_CENTRAL_SIZE, get_u16(at + 28) };
        header.attributes = get_u32(at + 38);
        header.offset = get_u32(at + 42);
        if (get_u16(at + 32) != 0)
                return zip_refuse_member(source, fault, header.name, "has a comment");
        if (get_u16(at + 34) != 0)
                return zip_refuse_member(source, fault, header.name, "lies on another disk");
        r = read_extra(source,
                       &header,
                       at + ZIP_CENTRAL_SIZE + header.name.length,
                       get_u16(at + 30),
                       fault);
        if (r < 0)
                return r;
        r = check_header(source, &header, fault);
        if (r < 0)
                return r;
        *ret = header;
        *ret_length = length;
        return 0;
}

/* --- local headers --------------------------------------------------------------------------- */

/* The descriptor behind the data: with its signature, and saying what the directory says. */
static int check_descriptor(
                const ZipSource *source,
                const ZipHeader *central,
                const ZipHeader *local,
                uint64_t *offset,
                uint64_t limit,
                Fault *fault) {
        bool is_wide = local->has_zip64;
        uint64_t length = is_wide ? 24 : 16;
        const uint8_t *at = source->data + *offset;
        uint64_t compressed_size, size;

        if (limit - *offset < length || get_u32(at) != DESCRIPTOR_SIGNATURE)
                return zip_refuse_member(source, fault, central->name, "lacks its data descriptor");
        compressed_size = is_wide ? get_u64(at + 8) : get_u32(at + 8);
        size = is_wide ? get_u64(at + 16) : get_u32(at + 12);
        if (get_u32(at + 4) != central->crc || compressed_size != central->compressed_size ||
            size != central->size)
                return zip_refuse_member(
                                source,
                                fault,
                                central->name,
                                "has a data descriptor that differs from the directory");
        *offset += length;
        return 0;
}

static bool agrees(uint64_t local, uint64_t central, bool may_be_zero) {
        return local == central || (may_be_zero && local == 0);
}

static int
compare_headers(const ZipSource *source,
                const ZipHeader *central,
                const ZipHeader *local,
                Fault *fault) {
        bool later = local->flags & FLAG_DESCRIPTOR;

        /* Some writers set bit 3 only locally; that says nothing of the contents. */
        if ((central->flags ^ local->flags) & ~FLAG_DESCRIPTOR ||
            (!later && central->flags & FLAG_DESCRIPTOR) || central->method != local->method ||
            !text_equals(central->name, local->name) || !agrees(local->crc, central->crc, later) ||
            !agrees(local->size, central->size, later) ||
            !agrees(local->compressed_size, central->compressed_size, later))
                return zip_refuse_member(
                                source, fault, central->name, "is described in two different ways");
        if (local->has_zip64 && !later && local->size == 0 && local->compressed_size == 0 &&
            central->size != 0)
                return zip_refuse_member(source, fault, central->name, "has an empty zip64 field");
        return 0;
}

int zip_read_local(
                const ZipSource *source,
                const ZipHeader *central,
                uint64_t limit,
                const uint8_t **ret_data,
                uint64_t *ret_end,
                Fault *fault) {
        uint64_t offset = central->offset, length;
        const uint8_t *at;
        ZipHeader local;
        int r;

        if (offset > limit || limit - offset < LOCAL_SIZE ||
            get_u32(source->data + offset) != LOCAL_SIGNATURE)
                return zip_refuse_member(
                                source, fault, central->name, "is not where the directory says");
        at = source->data + offset;
        length = LOCAL_SIZE + (uint64_t) get_u16(at + 26) + get_u16(at + 28);
        if (limit - offset < length || limit - offset - length < central->compressed_size)
                return zip_refuse_member(
                                source, fault, central->name, "reaches into the directory");
        local = read_common(at + 6);
        local.is_local = true;
        local.name = (Text){ (const char *) at + LOCAL_SIZE, get_u16(at + 26) };
        r = read_extra(source,
                       &local,
                       at + LOCAL_SIZE + local.name.length,
                       get_u16(at + 28),
                       fault);
        if (r < 0)
                return r;
        r = compare_headers(source, central, &local, fault);
        if (r < 0)
                return r;
        *ret_data = at + length;
        offset += length + central->compressed_size;
        if (local.flags & FLAG_DESCRIPTOR) {
                r = check_descriptor(source, central, &local, &offset, limit, fault);
                if (r < 0)
                        return r;
        }
        *ret_end = offset;
        return 0;
}
