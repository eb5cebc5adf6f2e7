// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/setting.h"
#include "test.h"

enum {
        MAGIC = 0x74736574
};

static void fill(Settings *settings) {
        Setting *setting;

        ASSERT_OK(settings_add(settings, "a.bool", "blast.toml", 1, &setting));
        setting->type = SETTING_BOOL;
        setting->boolean = true;
        ASSERT_OK(settings_add(settings, "a.integer", "blast.toml", 2, &setting));
        setting->type = SETTING_INTEGER;
        setting->integer = -7;
        ASSERT_OK(settings_add(settings, "a.float", "pyproject.toml", 3, &setting));
        setting->type = SETTING_FLOAT;
        setting->number = 0.1;
        ASSERT_OK(settings_add(settings, "a.string", "blast.toml", 4, &setting));
        setting->type = SETTING_STRING;
        setting->string = strdup("text");
        ASSERT_OK(settings_add(settings, "a.strings", "blast.toml", 5, &setting));
        setting->type = SETTING_STRINGS;
        ASSERT_OK(strings_add(&setting->strings, "x"));
        ASSERT_OK(strings_add(&setting->strings, ""));
        ASSERT_OK(settings_add(settings, "a.bool", "blast.toml", 6, &setting));
        setting->type = SETTING_BOOL;
}

static void encode(const Settings *settings, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, MAGIC, 1);
        packet_put_settings(&writer, settings);
        ASSERT_OK(packet_writer_finish(&writer, ret, ret_size));
}

TEST(setting_written_last_wins) {
        _cleanup_settings_ Settings settings = {};

        fill(&settings);
        ASSERT_INT(settings_find(&settings, "a.bool")->line, 6);
        ASSERT_NULL(settings_find(&settings, "a.none"));
}

TEST(settings_survive_a_packet) {
        _cleanup_settings_ Settings settings = {}, read = {};
        _cleanup_(freep) void *data = NULL;
        PacketReader reader;
        uint32_t version;
        size_t size;

        fill(&settings);
        encode(&settings, &data, &size);
        ASSERT_OK(packet_reader_init(&reader, data, size, MAGIC, 1, &version));
        ASSERT_OK(packet_get_settings(&reader, &read));
        ASSERT_OK(packet_reader_finish(&reader));

        ASSERT_INT(read.n_items, 6);
        ASSERT_TRUE(read.items[0].boolean);
        ASSERT_STREQ(read.items[0].file, "blast.toml");
        ASSERT_INT(settings_find(&read, "a.integer")->integer, -7);
        ASSERT_TRUE(settings_find(&read, "a.float")->number == 0.1);
        ASSERT_STREQ(settings_find(&read, "a.float")->file, "pyproject.toml");
        ASSERT_STREQ(settings_find(&read, "a.string")->string, "text");
        ASSERT_INT(strings_count(settings_find(&read, "a.strings")->strings), 2);
        ASSERT_INT(settings_find(&read, "a.bool")->line, 6);
}

TEST(settings_cut_anywhere_are_refused) {
        _cleanup_settings_ Settings settings = {};
        _cleanup_(freep) void *data = NULL;
        size_t size;

        fill(&settings);
        encode(&settings, &data, &size);
        for (size_t cut = 0; cut < size; cut++) {
                _cleanup_settings_ Settings read = {};
                PacketReader reader;
                uint32_t version;

                if (packet_reader_init(&reader, data, cut, MAGIC, 1, &version) < 0)
                        continue;
                ASSERT_ERROR(packet_get_settings(&reader, &read), EBADMSG);
                ASSERT_INT(read.n_items, 0);
        }
}
