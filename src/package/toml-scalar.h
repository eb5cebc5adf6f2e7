// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The values of TOML that hold no others: strings, numbers, truth values, dates and times. Private to
 * the reader in toml.c. */

#include "basic/macro.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "package/toml.h"

/* A place in a document that is known to be UTF-8. */
typedef struct TomlReader {
        const char *data;
        size_t size;
        size_t position;
        uint32_t line; /* of @position, from 1 */
        const char *file;
        Arena *memory;   /* of what is read */
        Builder scratch; /* of the string being read */
        size_t n_values;
        Fault *fault;
} TomlReader;

/* The byte @ahead of the position; -1 beyond the end. */
static inline int toml_peek(const TomlReader *reader, size_t ahead) {
        return ahead < reader->size - reader->position
                        ? (unsigned char) reader->data[reader->position + ahead]
                        : -1;
}

static inline bool toml_is_digit(int c) {
        return c >= '0' && c <= '9';
}

static inline int toml_hex_value(int c) {
        if (toml_is_digit(c))
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* Says what is wrong at @position; returns -EINVAL. */
_printf_(3, 4) int toml_fail(const TomlReader *reader, size_t position, const char *format, ...);
/* The same for a limit; returns -E2BIG. */
_printf_(3,
         4) int toml_fail_limit(const TomlReader *reader, size_t position, const char *format, ...);

/* Moves past one newline (LF or CRLF). Returns whether there was one. */
bool toml_skip_newline(TomlReader *reader);

/* Reads a string, with its quotes, at the position. Keys may not use the form of many lines. */
_must_use_ int toml_read_string(TomlReader *reader, bool is_key, Text *ret);

/* Reads any value but an array or a table into type and content of @value. */
_must_use_ int toml_read_scalar(TomlReader *reader, TomlValue *value);

/* The entry of a table by its name (TomlEntry.name). */
_must_use_ TomlEntry *toml_find_in(const TomlValue *table, const char *name);
