// SPDX-License-Identifier: LGPL-2.1-or-later
#include <libdeflate.h>

#include "basic/memory.h"
#include "package/metadata.h"
#include "package/wheel-tail.h"

/* Source: APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12, 4.3.16. */
enum {
        END_SIZE = 22,
        CENTRAL_SIZE = 46,
        LOCAL_SIZE = 30,
        COMMENT_MAX = 65535,
        VARIABLE_MAX = 4096, /* name and extra field of a local header, as far as we read ahead */
};

static uint32_t read_16(const uint8_t *data) {
        return data[0] | (uint32_t) data[1] << 8;
}

static uint32_t read_32(const uint8_t *data) {
        return read_16(data) | read_16(data + 2) << 16;
}

static bool find_end(const WheelPart *tail, uint64_t *ret) {
        for (uint64_t back = END_SIZE; back <= tail->size && back <= END_SIZE + COMMENT_MAX;
             back++) {
                const uint8_t *at = tail->data + tail->size - back;

                if (read_32(at) == 0x06054b50 && read_16(at + 20) == back - END_SIZE) {
                        *ret = tail->size - back;
                        return true;
                }
        }
        return false;
}

/* "name-1.0.dist-info/METADATA" */
static bool is_metadata(const char *name, size_t length) {
        static const char suffix[] = ".dist-info/METADATA";
        size_t n = sizeof(suffix) - 1;

        return length > n && memcmp(name + length - n, suffix, n) == 0 &&
                        !memchr(name, '/', length - n);
}

static int walk(const uint8_t *at, uint64_t left, WheelEntry *ret) {
        while (left >= CENTRAL_SIZE && read_32(at) == 0x02014b50) {
                uint64_t length = read_16(at + 28);
                uint64_t extent = CENTRAL_SIZE + length + read_16(at + 30) + read_16(at + 32);
                uint32_t method = read_16(at + 10);

                if (extent > left)
                        return -EBADMSG;
                if (is_metadata((const char *) at + CENTRAL_SIZE, length)) {
                        *ret = (WheelEntry){
                                .offset = read_32(at + 42),
                                .compressed_size = read_32(at + 20),
                                .size = read_32(at + 24),
                                .crc = read_32(at + 16),
                                .is_deflated = method == 8,
                        };
                        return (method == 0 || method == 8) && ret->size <= METADATA_SIZE_MAX &&
                                                        ret->compressed_size <= METADATA_SIZE_MAX
                                        ? 0
                                        : -EBADMSG;
                }
                at += extent;
                left -= extent;
        }
        return -EBADMSG;
}

int wheel_tail_find(const WheelPart *tail, WheelEntry *ret, uint64_t *ret_needed) {
        uint64_t end, size, offset;

        if (tail->offset + tail->size != tail->total_bytes || !find_end(tail, &end))
                return -EBADMSG;
        size = read_32(tail->data + end + 12);
        offset = read_32(tail->data + end + 16);
        /* Where it is 2^32 - 1, the archive is one of 64 bits: such a wheel is read as a whole. */
        if (offset == UINT32_MAX || offset + size > tail->offset + end)
                return -EBADMSG;
        if (offset < tail->offset) {
                *ret_needed = tail->total_bytes - offset;
                return *ret_needed > WHEEL_TAIL_MAX ? -EBADMSG : -ERANGE;
        }
        return walk(tail->data + (offset - tail->offset), size, ret);
}

uint64_t wheel_entry_extent(const WheelEntry *entry) {
        return LOCAL_SIZE + VARIABLE_MAX + entry->compressed_size;
}

static int inflate(const WheelEntry *entry, const uint8_t *data, char *text) {
        struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
        enum libdeflate_result result;

        if (!decompressor)
                return -ENOMEM;
        result = libdeflate_deflate_decompress(
                        decompressor, data, entry->compressed_size, text, entry->size, NULL);
        libdeflate_free_decompressor(decompressor);
        return result == LIBDEFLATE_SUCCESS ? 0 : -EBADMSG;
}

int wheel_entry_read(
                const WheelEntry *entry,
                const WheelPart *part,
                char **ret,
                size_t *ret_size_bytes) {
        _cleanup_(freep) char *text = NULL;
        const uint8_t *at;
        uint64_t left, head;
        int r = 0;

        if (entry->offset < part->offset || entry->offset - part->offset > part->size)
                return -ERANGE;
        at = part->data + (entry->offset - part->offset);
        left = part->size - (entry->offset - part->offset);
        if (left < LOCAL_SIZE)
                return -ERANGE;
        if (read_32(at) != 0x04034b50)
                return -EBADMSG;
        head = LOCAL_SIZE + read_16(at + 26) + read_16(at + 28);
        if (left < head + entry->compressed_size)
                return -ERANGE;
        text = new (char, entry->size + 1);
        if (!text)
                return -ENOMEM;
        if (entry->is_deflated)
                r = inflate(entry, at + head, text);
        else if (entry->size == entry->compressed_size)
                memcpy(text, at + head, entry->size);
        else
                r = -EBADMSG;
        if (r >= 0 && libdeflate_crc32(0, text, entry->size) != entry->crc)
                r = -EBADMSG;
        if (r < 0)
                return r;
        text[entry->size] = '\0';
        *ret_size_bytes = entry->size;
        *ret = TAKE_PTR(text);
        return 0;
}
