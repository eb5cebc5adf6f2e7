// SPDX-License-Identifier: LGPL-2.1-or-later

/* Reads TOML from standard input and prints it as the tagged JSON of toml-test, or says why not. */

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/fault.h"
#include "package/toml.h"

static json_t *tag(const char *type, const char *text, size_t length) {
        json_t *value = json_stringn(text, length);

        return json_pack("{s:s,s:o}", "type", type, "value", value);
}

static json_t *time_to_json(const TomlValue *value) {
        const TomlTime *time = &value->time;
        char date[16], offset[16] = "", of_day[40], text[80];
        int minutes = abs(time->offset_minutes);

        (void) snprintf(date, sizeof(date), "%04u-%02u-%02u", time->year, time->month, time->day);
        (void) snprintf(of_day,
                        sizeof(of_day),
                        "%02u:%02u:%02u.%09u",
                        time->hour,
                        time->minute,
                        time->second,
                        time->nanosecond);
        if (value->type == TOML_OFFSET_DATETIME)
                (void) snprintf(offset,
                                sizeof(offset),
                                "%c%02d:%02d",
                                time->offset_minutes < 0 ? '-' : '+',
                                minutes / 60,
                                minutes % 60);

        switch (value->type) {
        case TOML_LOCAL_DATE:
                return tag("date-local", date, strlen(date));
        case TOML_LOCAL_TIME:
                return tag("time-local", of_day, strlen(of_day));
        default:
                (void) snprintf(text, sizeof(text), "%sT%s%s", date, of_day, offset);
                return tag(value->type == TOML_LOCAL_DATETIME ? "datetime-local" : "datetime",
                           text,
                           strlen(text));
        }
}

static json_t *float_to_json(double number) {
        char text[64];

        if (isnan(number))
                (void) snprintf(text, sizeof(text), "nan");
        else if (isinf(number))
                (void) snprintf(text, sizeof(text), number < 0 ? "-inf" : "inf");
        else
                (void) snprintf(text, sizeof(text), "%.17g", number);
        return tag("float", text, strlen(text));
}

static json_t *value_to_json(const TomlValue *value);

static json_t *table_to_json(const TomlValue *value) {
        json_t *object = json_object();

        for (size_t i = 0; i < value->table.n_entries; i++) {
                const TomlEntry *entry = value->table.entries[i];

                (void) json_object_setn_new(
                                object,
                                entry->key.data,
                                entry->key.length,
                                value_to_json(entry->value));
        }
        return object;
}

static json_t *array_to_json(const TomlValue *value) {
        json_t *array = json_array();

        for (size_t i = 0; i < value->array.n_items; i++)
                (void) json_array_append_new(array, value_to_json(value->array.items[i]));
        return array;
}

static json_t *value_to_json(const TomlValue *value) {
        char text[32];

        switch (value->type) {
        case TOML_STRING:
                return tag("string", value->string.data, value->string.length);
        case TOML_INTEGER:
                (void) snprintf(text, sizeof(text), "%lld", (long long) value->integer);
                return tag("integer", text, strlen(text));
        case TOML_FLOAT:
                return float_to_json(value->number);
        case TOML_BOOL:
                return value->boolean ? tag("bool", "true", 4) : tag("bool", "false", 5);
        case TOML_ARRAY:
                return array_to_json(value);
        case TOML_TABLE:
                return table_to_json(value);
        default:
                return time_to_json(value);
        }
}

static char *read_input(size_t *ret_size) {
        _cleanup_builder_ Builder input = {};
        char buffer[4096], *text;
        ssize_t n;

        while ((n = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0)
                builder_add_n(&input, buffer, (size_t) n);
        *ret_size = input.length;
        if (n < 0 || builder_finish(&input, &text) < 0)
                return NULL;
        return text;
}

int main(void) {
        _cleanup_(toml_freep) TomlDocument *document = NULL;
        _cleanup_(freep) char *text = NULL;
        _cleanup_fault_ Fault fault = {};
        json_t *json;
        size_t size;

        text = read_input(&size);
        if (!text)
                return EXIT_FAILURE;
        if (toml_parse(text, size, "stdin", &document, &fault) < 0) {
                (void) fprintf(stderr, "%s: %s\n", fault.subject, fault.message);
                return 1;
        }

        json = value_to_json(toml_get_root(document));
        (void) json_dumpf(json, stdout, JSON_ENSURE_ASCII | JSON_INDENT(1));
        json_decref(json);
        return EXIT_SUCCESS;
}
