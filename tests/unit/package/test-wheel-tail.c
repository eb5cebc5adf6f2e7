// SPDX-License-Identifier: LGPL-2.1-or-later
#include <libdeflate.h>

#include "basic/memory.h"
#include "basic/text.h"
#include "package/wheel-tail.h"
#include "test.h"

enum {
        PADDING = 1000
};

#define NAME             "demo-1.0.dist-info/METADATA"
#define TEXT_OF_METADATA "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"

static void add_16(Builder *builder, unsigned value) {
        builder_add_char(builder, (char) (value & 0xff));
        builder_add_char(builder, (char) (value >> 8));
}

static void add_32(Builder *builder, uint32_t value) {
        add_16(builder, value & 0xffff);
        add_16(builder, value >> 16);
}

/* One stored member behind some padding that stands for the rest of a wheel. */
static Builder make_wheel(const char *name) {
        uint32_t crc = libdeflate_crc32(0, TEXT_OF_METADATA, strlen(TEXT_OF_METADATA));
        Builder wheel = { 0 };
        uint32_t offset = PADDING, directory;

        for (size_t i = 0; i < PADDING; i++)
                builder_add_char(&wheel, 'x');
        add_32(&wheel, 0x04034b50);
        for (size_t i = 0; i < 10; i++)
                builder_add_char(&wheel, '\0');
        add_32(&wheel, crc);
        add_32(&wheel, (uint32_t) strlen(TEXT_OF_METADATA));
        add_32(&wheel, (uint32_t) strlen(TEXT_OF_METADATA));
        add_16(&wheel, (unsigned) strlen(name));
        add_16(&wheel, 0);
        builder_add(&wheel, name);
        builder_add(&wheel, TEXT_OF_METADATA);
        directory = (uint32_t) wheel.length;
        add_32(&wheel, 0x02014b50);
        for (size_t i = 0; i < 12; i++)
                builder_add_char(&wheel, '\0');
        add_32(&wheel, crc);
        add_32(&wheel, (uint32_t) strlen(TEXT_OF_METADATA));
        add_32(&wheel, (uint32_t) strlen(TEXT_OF_METADATA));
        add_16(&wheel, (unsigned) strlen(name));
        for (size_t i = 0; i < 12; i++)
                builder_add_char(&wheel, '\0');
        add_32(&wheel, offset);
        builder_add(&wheel, name);
        uint32_t end = (uint32_t) wheel.length;
        add_32(&wheel, 0x06054b50);
        add_32(&wheel, 0);
        add_16(&wheel, 1);
        add_16(&wheel, 1);
        add_32(&wheel, end - directory);
        add_32(&wheel, directory);
        add_16(&wheel, 0);
        ASSERT_FALSE(wheel.failed);
        return wheel;
}

static WheelPart tail_of(const Builder *wheel, size_t size) {
        return (WheelPart){
                .data = (const uint8_t *) wheel->data + wheel->length - size,
                .size = size,
                .offset = wheel->length - size,
                .total_bytes = wheel->length,
        };
}

TEST(metadata_is_read_from_the_end) {
        _cleanup_builder_ Builder wheel = make_wheel(NAME);
        WheelPart tail = tail_of(&wheel, wheel.length - 500);
        _cleanup_(freep) char *text = NULL;
        WheelEntry entry;
        uint64_t needed;
        size_t size;

        ASSERT_OK(wheel_tail_find(&tail, &entry, &needed));
        ASSERT_INT(entry.offset, PADDING);
        ASSERT_OK(wheel_entry_read(&entry, &tail, &text, &size));
        ASSERT_STREQ(text, TEXT_OF_METADATA);
        ASSERT_INT(size, strlen(TEXT_OF_METADATA));
}

TEST(short_tail_says_how_much_is_needed) {
        _cleanup_builder_ Builder wheel = make_wheel(NAME);
        WheelPart tail = tail_of(&wheel, 30);
        WheelEntry entry;
        uint64_t needed;
        size_t size;
        char *text;

        ASSERT_ERROR(wheel_tail_find(&tail, &entry, &needed), ERANGE);
        tail = tail_of(&wheel, needed);
        ASSERT_OK(wheel_tail_find(&tail, &entry, &needed));
        ASSERT_ERROR(wheel_entry_read(&entry, &tail, &text, &size), ERANGE);
}

TEST(part_that_holds_the_entry_is_enough) {
        _cleanup_builder_ Builder wheel = make_wheel(NAME);
        WheelPart tail = tail_of(&wheel, wheel.length), part;
        _cleanup_(freep) char *text = NULL;
        WheelEntry entry;
        uint64_t needed;
        size_t size;

        ASSERT_OK(wheel_tail_find(&tail, &entry, &needed));
        part = (WheelPart){
                .data = (const uint8_t *) wheel.data + entry.offset,
                .size = MIN(wheel_entry_extent(&entry), wheel.length - entry.offset),
                .offset = entry.offset,
                .total_bytes = wheel.length,
        };
        ASSERT_OK(wheel_entry_read(&entry, &part, &text, &size));
        ASSERT_STREQ(text, TEXT_OF_METADATA);
}

TEST(damage_is_found) {
        _cleanup_builder_ Builder wheel = make_wheel(NAME), other = make_wheel("demo/METADATA");
        WheelPart tail = tail_of(&wheel, wheel.length);
        WheelEntry entry;
        uint64_t needed;
        size_t size;
        char *text;

        ASSERT_OK(wheel_tail_find(&tail, &entry, &needed));
        wheel.data[PADDING + 30 + strlen(NAME) + 5] ^= 1;
        ASSERT_ERROR(wheel_entry_read(&entry, &tail, &text, &size), EBADMSG);
        wheel.data[PADDING] ^= 1;
        ASSERT_ERROR(wheel_entry_read(&entry, &tail, &text, &size), EBADMSG);
        tail = tail_of(&other, other.length);
        ASSERT_ERROR(wheel_tail_find(&tail, &entry, &needed), EBADMSG);
        /* Every shorter piece of it is refused or asks for more; none is read beyond its end. */
        for (size_t cut = 1; cut < wheel.length; cut++) {
                _cleanup_(freep) void *copy = memory_copy(wheel.data, wheel.length - cut);

                tail = (WheelPart){ copy, wheel.length - cut, 0, wheel.length - cut };
                ASSERT_TRUE(wheel_tail_find(&tail, &entry, &needed) < 0);
        }
}
