// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The flat form in which values cross between our own processes and lie on disk: a magic word, a
 * version, then fields in a fixed order. No types on the wire beyond lengths; both sides know the
 * order. The reader is bounded and sticky: after the first error every read yields zero or "" and
 * packet_reader_finish() reports it, so decoders check once. Fuzzed: tests/fuzz/fuzz-packet.c. */

#include "basic/macro.h"
#include "basic/text.h"

enum {
        PACKET_SIZE_MAX = 64 * 1024 * 1024,
        PACKET_ITEMS_MAX = 1024 * 1024,
};

typedef struct PacketWriter {
        Builder bytes;
} PacketWriter;

typedef struct PacketReader {
        const uint8_t *data;
        size_t size;
        size_t position;
        int error;
} PacketReader;

/* @magic names the kind of value, @version its form. */
void packet_writer_init(PacketWriter *writer, uint32_t magic, uint32_t version);
void packet_writer_done(PacketWriter *writer);
#define _cleanup_packet_writer_ _cleanup_(packet_writer_done)
void packet_put_bool(PacketWriter *writer, bool value);
void packet_put_u32(PacketWriter *writer, uint32_t value);
void packet_put_u64(PacketWriter *writer, uint64_t value);
void packet_put_bytes(PacketWriter *writer, const void *data, size_t size_bytes);
void packet_put_string(PacketWriter *writer, const char *text); /* NULL is kept apart from "" */
void packet_put_strings(PacketWriter *writer, char *const *list);
/* Hands the bytes over. Errors: -ENOMEM, -E2BIG over PACKET_SIZE_MAX. */
_must_use_ int packet_writer_finish(PacketWriter *writer, void **ret, size_t *ret_size_bytes);

/* Errors: -EBADMSG not this magic, -EPROTONOSUPPORT a newer version than @version_max. */
_must_use_ int packet_reader_init(
                PacketReader *reader,
                const void *data,
                size_t size_bytes,
                uint32_t magic,
                uint32_t version_max,
                uint32_t *ret_version);
bool packet_get_bool(PacketReader *reader);
uint32_t packet_get_u32(PacketReader *reader);
uint64_t packet_get_u64(PacketReader *reader);
/* A count of items that follow, each of at least @size_min bytes: bounded by what is left. */
uint32_t packet_get_count(PacketReader *reader, size_t size_min);
/* Borrowed from the packet. */
const void *packet_get_bytes(PacketReader *reader, size_t *ret_size_bytes);
void packet_get_array(PacketReader *reader, void *ret, size_t size_bytes); /* exactly that many */
/* Borrowed, terminated; NULL where NULL was put. Never holds an inner NUL. */
const char *packet_get_string(PacketReader *reader);
/* A heap copy; NULL where NULL was put. Errors: -ENOMEM, and those of the reader. */
_must_use_ int packet_get_string_copy(PacketReader *reader, char **ret);
_must_use_ int packet_get_strings(PacketReader *reader, char ***ret); /* copies */
/* Marks the packet as bad, for decoders that find a value out of range. */
void packet_reader_fail(PacketReader *reader, int error);
/* 0 if everything was read exactly; -EBADMSG otherwise. */
_must_use_ int packet_reader_finish(PacketReader *reader);

/* A fault as part of an answer. */
typedef struct Fault Fault;
void packet_put_fault(PacketWriter *writer, const Fault *fault);
_must_use_ int packet_get_fault(PacketReader *reader, Fault *ret);
