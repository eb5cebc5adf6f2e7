// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "basic/setting.h"

/* A wish has some dozen keys; this bounds what a decoder takes. */
enum {
        SETTINGS_MAX = 4096,
        SETTING_SIZE_MIN = 16
};

static void setting_done(Setting *setting) {
        free(setting->key);
        free(setting->string);
        strings_free(setting->strings);
        free(setting->file);
}

void settings_done(Settings *settings) {
        for (size_t i = 0; i < settings->n_items; i++)
                setting_done(&settings->items[i]);
        free(settings->items);
        *settings = (Settings){};
}

int settings_add(
                Settings *settings,
                const char *key,
                const char *file,
                uint32_t line,
                Setting **ret) {
        Setting *setting;
        int r;

        r = ARRAY_RESERVE(settings->items, settings->n_allocated, settings->n_items + 1);
        if (r < 0)
                return r;

        setting = &settings->items[settings->n_items];
        *setting = (Setting){ .key = strdup(key), .file = strdup(file), .line = line };
        if (!setting->key || !setting->file) {
                setting_done(setting);
                *setting = (Setting){};
                return -ENOMEM;
        }

        settings->n_items++;
        *ret = setting;
        return 0;
}

const Setting *settings_find(const Settings *settings, const char *key) {
        for (size_t i = settings->n_items; i > 0; i--)
                if (streq(settings->items[i - 1].key, key))
                        return &settings->items[i - 1];

        return NULL;
}

static void put_setting(PacketWriter *writer, const Setting *setting) {
        uint64_t bits;

        packet_put_string(writer, setting->key);
        packet_put_string(writer, setting->file);
        packet_put_u32(writer, setting->line);
        packet_put_u32(writer, (uint32_t) setting->type);

        switch (setting->type) {
        case SETTING_BOOL:
                packet_put_bool(writer, setting->boolean);
                break;
        case SETTING_INTEGER:
                packet_put_u64(writer, (uint64_t) setting->integer);
                break;
        case SETTING_FLOAT:
                memcpy(&bits, &setting->number, sizeof(bits));
                packet_put_u64(writer, bits);
                break;
        case SETTING_STRING:
                packet_put_string(writer, setting->string);
                break;
        case SETTING_STRINGS:
                packet_put_strings(writer, setting->strings);
                break;
        default:
                assert(false);
        }
}

void packet_put_settings(PacketWriter *writer, const Settings *settings) {
        packet_put_u32(writer, (uint32_t) settings->n_items);
        for (size_t i = 0; i < settings->n_items; i++)
                put_setting(writer, &settings->items[i]);
}

static int get_value(PacketReader *reader, SettingType type, Setting *setting) {
        const char *text;
        uint64_t bits;

        setting->type = type;
        switch (type) {
        case SETTING_BOOL:
                setting->boolean = packet_get_bool(reader);
                return 0;
        case SETTING_INTEGER:
                setting->integer = (int64_t) packet_get_u64(reader);
                return 0;
        case SETTING_FLOAT:
                bits = packet_get_u64(reader);
                memcpy(&setting->number, &bits, sizeof(bits));
                return 0;
        case SETTING_STRING:
                text = packet_get_string(reader);
                setting->string = strdup(text ? text : "");
                return setting->string ? 0 : -ENOMEM;
        case SETTING_STRINGS:
                return packet_get_strings(reader, &setting->strings);
        default:
                return -EBADMSG;
        }
}

static int get_setting(PacketReader *reader, Settings *settings) {
        const char *key, *file;
        Setting *setting;
        uint32_t line, type;
        int r;

        key = packet_get_string(reader);
        file = packet_get_string(reader);
        line = packet_get_u32(reader);
        type = packet_get_u32(reader);
        if (text_is_empty(key) || !file || type >= _SETTING_TYPE_MAX)
                packet_reader_fail(reader, -EBADMSG);
        if (reader->error < 0)
                return reader->error;

        r = settings_add(settings, key, file, line, &setting);
        if (r < 0)
                return r;
        return get_value(reader, (SettingType) type, setting);
}

int packet_get_settings(PacketReader *reader, Settings *ret) {
        _cleanup_settings_ Settings settings = {};
        uint32_t n_items;
        int r;

        n_items = packet_get_count(reader, SETTING_SIZE_MIN);
        if (n_items > SETTINGS_MAX)
                packet_reader_fail(reader, -EBADMSG);

        for (uint32_t i = 0; i < n_items && reader->error == 0; i++) {
                r = get_setting(reader, &settings);
                if (r < 0)
                        return r;
        }

        if (reader->error < 0)
                return reader->error;

        *ret = TAKE(settings, (Settings){});
        return 0;
}
