// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/fault.h"
#include "basic/memory.h"
#include "basic/packet.h"
#include "test.h"

enum {
        MAGIC = 0x54534554
};

static void write_sample(void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;
        char *list[] = { (char *) "x", (char *) "", NULL };

        packet_writer_init(&writer, MAGIC, 2);
        packet_put_bool(&writer, true);
        packet_put_u32(&writer, 7);
        packet_put_u64(&writer, UINT64_MAX);
        packet_put_string(&writer, "text");
        packet_put_string(&writer, NULL);
        packet_put_strings(&writer, list);
        ASSERT_OK(packet_writer_finish(&writer, ret, ret_size));
}

TEST(every_value_comes_back) {
        _cleanup_(freep) void *data = NULL;
        _cleanup_(strings_freep) char **list = NULL;
        PacketReader reader;
        uint32_t version;
        size_t size;

        write_sample(&data, &size);
        ASSERT_OK(packet_reader_init(&reader, data, size, MAGIC, 3, &version));
        ASSERT_INT(version, 2);
        ASSERT_TRUE(packet_get_bool(&reader));
        ASSERT_INT(packet_get_u32(&reader), 7);
        ASSERT_TRUE(packet_get_u64(&reader) == UINT64_MAX);
        ASSERT_STREQ(packet_get_string(&reader), "text");
        ASSERT_NULL(packet_get_string(&reader));
        ASSERT_OK(packet_get_strings(&reader, &list));
        ASSERT_INT(strings_count(list), 2);
        ASSERT_OK(packet_reader_finish(&reader));
}

TEST(newer_version_and_other_magic_are_refused) {
        _cleanup_(freep) void *data = NULL;
        PacketReader reader;
        size_t size;

        write_sample(&data, &size);
        ASSERT_ERROR(packet_reader_init(&reader, data, size, MAGIC, 1, NULL), EPROTONOSUPPORT);
        ASSERT_ERROR(packet_reader_init(&reader, data, size, MAGIC + 1, 9, NULL), EBADMSG);
}

TEST(version_zero_was_never_written_and_is_refused) {
        static const uint8_t data[] = { 'T', 'E', 'S', 'T', 0, 0, 0, 0 };
        PacketReader reader;

        ASSERT_ERROR(packet_reader_init(&reader, data, sizeof(data), MAGIC, 1, NULL), EBADMSG);
}

TEST(every_cut_is_noticed) {
        _cleanup_(freep) void *data = NULL;
        size_t size;

        write_sample(&data, &size);
        for (size_t cut = 8; cut < size; cut++) {
                _cleanup_(strings_freep) char **list = NULL;
                /* A copy of its own size, so that a sanitizer sees a read beyond it. */
                _cleanup_(freep) void *part = memory_copy(data, cut);
                PacketReader reader;

                ASSERT_OK(packet_reader_init(&reader, part, cut, MAGIC, 2, NULL));
                (void) packet_get_bool(&reader);
                (void) packet_get_u32(&reader);
                (void) packet_get_u64(&reader);
                (void) packet_get_string(&reader);
                (void) packet_get_string(&reader);
                (void) packet_get_strings(&reader, &list);
                ASSERT_ERROR(packet_reader_finish(&reader), EBADMSG);
        }
}

TEST(bytes_left_over_are_noticed) {
        _cleanup_(freep) void *data = NULL;
        PacketReader reader;
        size_t size;

        write_sample(&data, &size);
        ASSERT_OK(packet_reader_init(&reader, data, size, MAGIC, 2, NULL));
        ASSERT_ERROR(packet_reader_finish(&reader), EBADMSG);
}

TEST(count_larger_than_what_is_left_is_refused) {
        _cleanup_packet_writer_ PacketWriter writer;
        _cleanup_(freep) void *data = NULL;
        PacketReader reader;
        size_t size;

        packet_writer_init(&writer, MAGIC, 1);
        packet_put_u32(&writer, 1000000);
        ASSERT_OK(packet_writer_finish(&writer, &data, &size));
        ASSERT_OK(packet_reader_init(&reader, data, size, MAGIC, 1, NULL));
        ASSERT_INT(packet_get_count(&reader, 4), 0);
        ASSERT_ERROR(packet_reader_finish(&reader), EBADMSG);
}

TEST(string_with_inner_nul_is_refused) {
        _cleanup_packet_writer_ PacketWriter writer;
        _cleanup_(freep) void *data = NULL;
        PacketReader reader;
        size_t size;

        packet_writer_init(&writer, MAGIC, 1);
        packet_put_bytes(&writer, "a\0b", 4);
        ASSERT_OK(packet_writer_finish(&writer, &data, &size));
        ASSERT_OK(packet_reader_init(&reader, data, size, MAGIC, 1, NULL));
        ASSERT_STREQ(packet_get_string(&reader), "");
        ASSERT_ERROR(packet_reader_finish(&reader), EBADMSG);
}

TEST(fault_travels_by_name) {
        _cleanup_packet_writer_ PacketWriter writer;
        _cleanup_(freep) void *data = NULL;
        _cleanup_fault_ Fault fault = {}, back = {};
        PacketReader reader;
        size_t size;

        ASSERT_ERROR(fault_set(&fault, -EIO, FAULT_HASH_MISMATCH, "numpy", "Wrong."), EIO);
        fault_hint(&fault, "Ask %s.", "again");
        packet_writer_init(&writer, MAGIC, 1);
        packet_put_fault(&writer, &fault);
        ASSERT_OK(packet_writer_finish(&writer, &data, &size));
        ASSERT_OK(packet_reader_init(&reader, data, size, MAGIC, 1, NULL));
        ASSERT_OK(packet_get_fault(&reader, &back));
        ASSERT_OK(packet_reader_finish(&reader));
        ASSERT_INT(back.code, FAULT_HASH_MISMATCH);
        ASSERT_STREQ(back.subject, "numpy");
        ASSERT_STREQ(back.message, "Wrong.");
        ASSERT_STREQ(back.hint, "Ask again.");
}
