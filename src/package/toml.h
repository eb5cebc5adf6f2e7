// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A TOML 1.0 document as a tree that remembers where each key and value stood in the source. Bounded
 * in size, depth and number of values. Knows nothing of what the keys mean. */

#include "basic/macro.h"
#include "basic/memory.h"
#include "basic/table.h"
#include "basic/text.h"

enum {
        TOML_SIZE_MAX = 64 * 1024 * 1024,
        TOML_DEPTH_MAX = 64,
        TOML_VALUES_MAX = 1024 * 1024,
};

typedef struct Fault Fault;
typedef struct TomlDocument TomlDocument;
typedef struct TomlEntry TomlEntry;
typedef struct TomlValue TomlValue;

typedef enum TomlType {
        TOML_STRING,
        TOML_INTEGER,
        TOML_FLOAT,
        TOML_BOOL,
        TOML_OFFSET_DATETIME,
        TOML_LOCAL_DATETIME,
        TOML_LOCAL_DATE,
        TOML_LOCAL_TIME,
        TOML_ARRAY,
        TOML_TABLE,
        _TOML_TYPE_MAX,
        _TOML_TYPE_INVALID = -EINVAL,
} TomlType;

typedef struct TomlTime {
        uint16_t year;
        uint8_t month;
        uint8_t day;
        uint8_t hour;
        uint8_t minute;
        uint8_t second; /* 60 for a leap second */
        uint32_t nanosecond;
        int16_t offset_minutes;
} TomlTime;

/* How a table came to be; decides what may still be added to it. */
typedef enum TomlOrigin {
        TOML_IMPLICIT, /* only named as a parent: [a.b] makes a */
        TOML_HEADER,   /* [a] or [[a]] */
        TOML_DOTTED,   /* a.b = 1 makes a */
        TOML_INLINE,   /* { }, or an array written with [ ] */
} TomlOrigin;

struct TomlValue {
        TomlType type;
        TomlOrigin origin; /* of tables; TOML_HEADER for arrays of tables, else TOML_INLINE for arrays */
        uint32_t line; /* from 1 */
        uint32_t depth;
        size_t start; /* bytes in the source: of the value, of the header of a table made by one */
        size_t end;
        union {
                Text string; /* also terminated; may hold inner NULs */
                int64_t integer;
                double number;
                bool boolean;
                TomlTime time;
                struct {
                        TomlValue **items;
                        size_t n_items;
                } array;
                struct {
                        TomlEntry **entries; /* in the order of the source */
                        size_t n_entries;
                        Table *index;    /* of larger tables */
                        size_t body_end; /* where the last key/value below its header ends */
                } table;
        };
};

struct TomlEntry {
        Text key;         /* also terminated */
        const char *name; /* the key with NULs replaced by 0xff, which no key can hold */
        uint32_t line;    /* of the key */
        size_t start;     /* of the first part of the key as written, "a.b" counts from a */
        TomlValue *value;
};

/* Parses @text, which need not be terminated. @file is only used to say where an error is.
 * Errors: -EINVAL not TOML 1.0, with a fault PROJECT_SYNTAX whose subject is "file:line:column";
 * -E2BIG over a limit, with the same fault; -ENOMEM. Fuzzed: tests/fuzz/fuzz-toml.c.
 * Source: toml.io/en/v1.0.0. */
_must_use_ int
toml_parse(const char *text, size_t size_bytes, const char *file, TomlDocument **ret, Fault *fault);
TomlDocument *toml_free(TomlDocument *document);
const TomlValue *toml_get_root(const TomlDocument *document);

/* The value of @key, NULL if @table is NULL, not a table, or has no such key. */
const TomlValue *toml_find(const TomlValue *table, const char *key);
/* The same with line and place of the key. */
const TomlEntry *toml_find_entry(const TomlValue *table, const char *key);

/* The string of @value; NULL if it is none or holds an inner NUL, which no text here may. */
const char *toml_string(const TomlValue *value);

const char *toml_type_to_string(TomlType type); /* "a string", "an integer", … */

/* Writes @text as a basic string with quotes, as short as it can be. */
void toml_format_string(Builder *builder, Text text);

DEFINE_CLEANUP(TomlDocument, toml_free)
