// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/toml-scalar.h"
#include "package/toml.h"

TomlEntry *toml_find_in(const TomlValue *table, const char *name) {
        if (table->table.index)
                return table_find(table->table.index, name);

        for (size_t i = 0; i < table->table.n_entries; i++)
                if (streq(table->table.entries[i]->name, name))
                        return table->table.entries[i];

        return NULL;
}

const TomlEntry *toml_find_entry(const TomlValue *table, const char *key) {
        return table && table->type == TOML_TABLE ? toml_find_in(table, key) : NULL;
}

const TomlValue *toml_find(const TomlValue *table, const char *key) {
        const TomlEntry *entry = toml_find_entry(table, key);

        return entry ? entry->value : NULL;
}

const char *toml_string(const TomlValue *value) {
        if (!value || value->type != TOML_STRING ||
            memchr(value->string.data, '\0', value->string.length))
                return NULL;

        return value->string.data;
}

const char *toml_type_to_string(TomlType type) {
        static const char *const strings[_TOML_TYPE_MAX] = {
                [TOML_STRING] = "a string",
                [TOML_INTEGER] = "an integer",
                [TOML_FLOAT] = "a float",
                [TOML_BOOL] = "true or false",
                [TOML_OFFSET_DATETIME] = "a date and time",
                [TOML_LOCAL_DATETIME] = "a date and time",
                [TOML_LOCAL_DATE] = "a date",
                [TOML_LOCAL_TIME] = "a time",
                [TOML_ARRAY] = "an array",
                [TOML_TABLE] = "a table",
        };

        return type >= 0 && type < _TOML_TYPE_MAX ? strings[type] : NULL;
}

void toml_format_string(Builder *builder, Text text) {
        static const char letters[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";

        builder_add_char(builder, '"');
        for (size_t i = 0; i < text.length; i++) {
                unsigned char c = (unsigned char) text.data[i];
                const char *value = c != 0 ? strchr(values, c) : NULL;

                if (value)
                        builder_add_format(builder, "\\%c", letters[value - values]);
                else if (c < 0x20 || c == 0x7f)
                        builder_add_format(builder, "\\u%04X", (unsigned) c);
                else
                        builder_add_char(builder, (char) c);
        }
        builder_add_char(builder, '"');
}
