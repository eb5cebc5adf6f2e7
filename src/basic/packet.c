// SPDX-License-Identifier: LGPL-2.1-or-later

#include <endian.h>

#include "basic/fault.h"
#include "basic/memory.h"
#include "basic/packet.h"

/* A string that is NULL is written as this length, so that it stays apart from "". */
enum {
        LENGTH_NULL = UINT32_MAX
};

void packet_writer_init(PacketWriter *writer, uint32_t magic, uint32_t version) {
        *writer = (PacketWriter){};
        packet_put_u32(writer, magic);
        packet_put_u32(writer, version);
}

void packet_writer_done(PacketWriter *writer) {
        builder_done(&writer->bytes);
}

void packet_put_bool(PacketWriter *writer, bool value) {
        builder_add_char(&writer->bytes, value ? 1 : 0);
}

void packet_put_u32(PacketWriter *writer, uint32_t value) {
        value = htole32(value);
        builder_add_n(&writer->bytes, (const char *) &value, sizeof(value));
}

void packet_put_u64(PacketWriter *writer, uint64_t value) {
        value = htole64(value);
        builder_add_n(&writer->bytes, (const char *) &value, sizeof(value));
}

void packet_put_bytes(PacketWriter *writer, const void *data, size_t size_bytes) {
        if (size_bytes > PACKET_SIZE_MAX) {
                writer->bytes.failed = true;
                return;
        }
        packet_put_u32(writer, (uint32_t) size_bytes);
        builder_add_n(&writer->bytes, data, size_bytes);
}

void packet_put_string(PacketWriter *writer, const char *text) {
        if (!text) {
                packet_put_u32(writer, LENGTH_NULL);
                return;
        }
        /* The terminator travels along, so that the reader can borrow the string. */
        packet_put_bytes(writer, text, strlen(text) + 1);
}

void packet_put_strings(PacketWriter *writer, char *const *list) {
        packet_put_u32(writer, (uint32_t) strings_count(list));
        FOREACH_TEXT(item, list)
                packet_put_string(writer, item);
}

int packet_writer_finish(PacketWriter *writer, void **ret, size_t *ret_size_bytes) {
        size_t size = writer->bytes.length;
        char *data;
        int r;

        if (!writer->bytes.failed && size > PACKET_SIZE_MAX) {
                packet_writer_done(writer);
                return -E2BIG;
        }
        r = builder_finish(&writer->bytes, &data);
        if (r < 0)
                return r;
        *ret = data;
        *ret_size_bytes = size;
        return 0;
}

int packet_reader_init(
                PacketReader *reader,
                const void *data,
                size_t size_bytes,
                uint32_t magic,
                uint32_t version_max,
                uint32_t *ret_version) {
        *reader = (PacketReader){ .data = data, .size = size_bytes };

        uint32_t found = packet_get_u32(reader), version = packet_get_u32(reader);
        if (reader->error < 0)
                return reader->error;
        if (found != magic || version == 0 || size_bytes > PACKET_SIZE_MAX)
                return reader->error = -EBADMSG;
        if (version > version_max)
                return reader->error = -EPROTONOSUPPORT;
        if (ret_version)
                *ret_version = version;
        return 0;
}

void packet_reader_fail(PacketReader *reader, int error) {
        if (reader->error == 0)
                reader->error = error;
}

/* The next @size_bytes, or NULL after which the reader is bad. */
static const void *packet_take(PacketReader *reader, size_t size_bytes) {
        if (reader->error < 0)
                return NULL;
        if (reader->size - reader->position < size_bytes) {
                reader->error = -EBADMSG;
                return NULL;
        }

        const void *data = reader->data + reader->position;
        reader->position += size_bytes;
        return data;
}

bool packet_get_bool(PacketReader *reader) {
        const uint8_t *data = packet_take(reader, 1);

        if (data && *data > 1)
                packet_reader_fail(reader, -EBADMSG);
        return data && *data == 1;
}

uint32_t packet_get_u32(PacketReader *reader) {
        const void *data = packet_take(reader, sizeof(uint32_t));
        uint32_t value = 0;

        if (data)
                memcpy(&value, data, sizeof(value));
        return le32toh(value);
}

uint64_t packet_get_u64(PacketReader *reader) {
        const void *data = packet_take(reader, sizeof(uint64_t));
        uint64_t value = 0;

        if (data)
                memcpy(&value, data, sizeof(value));
        return le64toh(value);
}

uint32_t packet_get_count(PacketReader *reader, size_t size_min) {
        uint32_t n = packet_get_u32(reader);

        assert(size_min > 0);

        if (n > PACKET_ITEMS_MAX || n > (reader->size - reader->position) / size_min) {
                packet_reader_fail(reader, -EBADMSG);
                return 0;
        }
        return n;
}

const void *packet_get_bytes(PacketReader *reader, size_t *ret_size_bytes) {
        uint32_t size = packet_get_u32(reader);
        const void *data = packet_take(reader, size);

        *ret_size_bytes = data ? size : 0;
        return data ?: "";
}

void packet_get_array(PacketReader *reader, void *ret, size_t size_bytes) {
        size_t size;
        const void *data = packet_get_bytes(reader, &size);

        if (size != size_bytes) {
                packet_reader_fail(reader, -EBADMSG);
                memset(ret, 0, size_bytes);
                return;
        }
        memcpy(ret, data, size_bytes);
}

const char *packet_get_string(PacketReader *reader) {
        uint32_t size = packet_get_u32(reader);

        if (reader->error < 0)
                return "";
        if (size == (uint32_t) LENGTH_NULL)
                return NULL;

        const char *text = packet_take(reader, size);
        if (!text || size == 0 || memchr(text, '\0', size) != text + size - 1) {
                packet_reader_fail(reader, -EBADMSG);
                return "";
        }
        return text;
}

int packet_get_string_copy(PacketReader *reader, char **ret) {
        const char *text = packet_get_string(reader);

        if (reader->error < 0)
                return reader->error;
        char *copy = text ? strdup(text) : NULL;
        if (text && !copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

int packet_get_strings(PacketReader *reader, char ***ret) {
        uint32_t n = packet_get_count(reader, sizeof(uint32_t));
        _cleanup_(strings_freep) char **list = n > 0 ? new0(char *, n + 1) : NULL;

        if (n > 0 && !list)
                return -ENOMEM;
        for (uint32_t i = 0; i < n; i++) {
                const char *text = packet_get_string(reader);
                if (!text)
                        packet_reader_fail(reader, -EBADMSG);
                if (reader->error < 0)
                        return reader->error;
                list[i] = strdup(text);
                if (!list[i])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(list);
        return reader->error;
}

int packet_reader_finish(PacketReader *reader) {
        if (reader->error == 0 && reader->position != reader->size)
                reader->error = -EBADMSG;
        return reader->error;
}

void packet_put_fault(PacketWriter *writer, const Fault *fault) {
        packet_put_string(writer, fault_code_to_string(fault ? fault->code : FAULT_NONE));
        packet_put_string(writer, fault ? fault->subject : NULL);
        packet_put_string(writer, fault ? fault->message : NULL);
        packet_put_string(writer, fault ? fault->hint : NULL);
}

/* Codes travel by name: the enum may grow between two builds. */
static FaultCode fault_code_from_string(const char *name) {
        for (FaultCode code = FAULT_NONE; code < _FAULT_MAX; code++)
                if (streq(fault_code_to_string(code), name))
                        return code;
        return FAULT_INTERNAL;
}

int packet_get_fault(PacketReader *reader, Fault *ret) {
        const char *code = packet_get_string(reader);
        const char *subject = packet_get_string(reader), *message = packet_get_string(reader);
        const char *hint = packet_get_string(reader);

        if (!code)
                packet_reader_fail(reader, -EBADMSG);
        if (reader->error < 0)
                return reader->error;

        const Fault borrowed = {
                .code = fault_code_from_string(code),
                .subject = (char *) subject,
                .message = (char *) message,
                .hint = (char *) hint,
        };
        return fault_copy(&borrowed, ret);
}
