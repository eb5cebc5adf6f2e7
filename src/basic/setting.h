// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* One configured value that has been parsed and checked: a dotted key, a typed value and where it
 * was written. The form in which blast.toml and [tool.blast] leave the parser (package/project.c)
 * and enter the environment layer (environment/spec.c), which know nothing of each other. */

#include "basic/macro.h"
#include "basic/packet.h"

typedef enum SettingType {
        SETTING_BOOL,
        SETTING_INTEGER,
        SETTING_FLOAT,
        SETTING_STRING,
        SETTING_STRINGS,
        _SETTING_TYPE_MAX,
        _SETTING_TYPE_INVALID = -EINVAL,
} SettingType;

typedef struct Setting {
        char *key; /* "sandbox.network.allow_outbound" */
        SettingType type;
        bool boolean;
        int64_t integer;
        double number;
        char *string;
        char **strings;
        char *file;    /* "blast.toml" */
        uint32_t line; /* from 1 */
} Setting;

typedef struct Settings {
        Setting *items;
        size_t n_items;
        size_t n_allocated;
} Settings;

#define _cleanup_settings_ _cleanup_(settings_done)
void settings_done(Settings *settings);
/* A new item with @key and its place, to be filled in by the caller. */
_must_use_ int
settings_add(Settings *settings, const char *key, const char *file, uint32_t line, Setting **ret);
/* The last one written wins. NULL if the key was not written. */
const Setting *settings_find(const Settings *settings, const char *key);
void packet_put_settings(PacketWriter *writer, const Settings *settings);
_must_use_ int packet_get_settings(PacketReader *reader, Settings *ret);
