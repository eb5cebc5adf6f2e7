// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Every function starts with the reader on the first byte of what it reads and leaves it behind
 * the last. The document has been checked to be UTF-8 before, so bytes from 0x80 are passed on as
 * they are.
 *
 * Numbers and times: the longest run of bytes that any of them may hold is cut out first, and then
 * has to fit one grammar of toml-number.c exactly. Four digits and a minus make a date, two digits
 * and a colon a time, the rest is a number. A date may be followed by one space and a time, the
 * only value with a space in it.
 *
 * Strings are built in one scratch buffer and copied into the arena when complete. */

#include <stdarg.h>
#include <stdio.h>

#include "basic/fault.h"
#include "package/toml-number.h"
#include "package/toml-scalar.h"

static void position_to_place(
                const TomlReader *reader,
                size_t position,
                uint32_t *ret_line,
                uint32_t *ret_column) {
        size_t start = 0;
        uint32_t column = 1, line = 1;

        for (size_t i = 0; i < position && i < reader->size; i++)
                if (reader->data[i] == '\n') {
                        line++;
                        start = i + 1;
                }

        /* Columns count characters, not bytes. */
        for (size_t i = start; i < position && i < reader->size; i++)
                if (((unsigned char) reader->data[i] & 0xc0) != 0x80)
                        column++;

        *ret_line = line;
        *ret_column = column;
}

static _printf_(4, 0) int fail_at(
                const TomlReader *reader,
                size_t position,
                int error,
                const char *format,
                va_list arguments) {
        char sentence[512], subject[512];
        uint32_t column, line;

        position_to_place(reader, position, &line, &column);
        (void) vsnprintf(sentence, sizeof(sentence), format, arguments);
        (void) snprintf(subject, sizeof(subject), "%s:%u:%u", reader->file, line, column);

        return fault_set(reader->fault, error, FAULT_PROJECT_SYNTAX, subject, "%s", sentence);
}

int toml_fail(const TomlReader *reader, size_t position, const char *format, ...) {
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = fail_at(reader, position, -EINVAL, format, arguments);
        va_end(arguments);

        return r;
}

int toml_fail_limit(const TomlReader *reader, size_t position, const char *format, ...) {
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = fail_at(reader, position, -E2BIG, format, arguments);
        va_end(arguments);

        return r;
}

bool toml_skip_newline(TomlReader *reader) {
        if (toml_peek(reader, 0) == '\n')
                reader->position++;
        else if (toml_peek(reader, 0) == '\r' && toml_peek(reader, 1) == '\n')
                reader->position += 2;
        else
                return false;

        reader->line++;
        return true;
}

static void add_character(Builder *builder, uint32_t c) {
        if (c < 0x80)
                builder_add_char(builder, (char) c);
        else if (c < 0x800) {
                builder_add_char(builder, (char) (0xc0 | c >> 6));
                builder_add_char(builder, (char) (0x80 | (c & 0x3f)));
        } else if (c < 0x10000) {
                builder_add_char(builder, (char) (0xe0 | c >> 12));
                builder_add_char(builder, (char) (0x80 | (c >> 6 & 0x3f)));
                builder_add_char(builder, (char) (0x80 | (c & 0x3f)));
        } else {
                builder_add_char(builder, (char) (0xf0 | c >> 18));
                builder_add_char(builder, (char) (0x80 | (c >> 12 & 0x3f)));
                builder_add_char(builder, (char) (0x80 | (c >> 6 & 0x3f)));
                builder_add_char(builder, (char) (0x80 | (c & 0x3f)));
        }
}

/* At the first digit behind \u or \U. */
static int read_escaped_character(TomlReader *reader, size_t n_digits) {
        size_t start = reader->position;
        uint32_t c = 0;

        for (size_t i = 0; i < n_digits; i++) {
                int digit = toml_hex_value(toml_peek(reader, 0));

                if (digit < 0)
                        return toml_fail(
                                        reader,
                                        start - 2,
                                        "An escape '\\%c' needs %zu hexadecimal digits.",
                                        reader->data[start - 1],
                                        n_digits);
                c = c << 4 | (uint32_t) digit;
                reader->position++;
        }

        if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return toml_fail(reader, start - 2, "The escape names no character of Unicode.");

        add_character(&reader->scratch, c);
        return 0;
}

/* At a backslash at the end of a line: skips white space and newlines up to the next text.
 * Returns whether it was one. */
static bool skip_folded_line(TomlReader *reader) {
        size_t ahead = 1;

        while (toml_peek(reader, ahead) == ' ' || toml_peek(reader, ahead) == '\t')
                ahead++;
        if (toml_peek(reader, ahead) != '\n' &&
            (toml_peek(reader, ahead) != '\r' || toml_peek(reader, ahead + 1) != '\n'))
                return false;

        reader->position += ahead;
        for (;;)
                if (toml_peek(reader, 0) == ' ' || toml_peek(reader, 0) == '\t')
                        reader->position++;
                else if (!toml_skip_newline(reader))
                        return true;
}

/* At a backslash. */
static int read_escape(TomlReader *reader, bool is_multiline) {
        static const char letters[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
        const char *letter;
        int c;

        if (is_multiline && skip_folded_line(reader))
                return 0;

        c = toml_peek(reader, 1);
        if (c == 'u' || c == 'U') {
                reader->position += 2;
                return read_escaped_character(reader, c == 'u' ? 4 : 8);
        }

        letter = c > 0 ? strchr(letters, c) : NULL;
        if (!letter)
                return toml_fail(
                                reader,
                                reader->position,
                                "An escape in a string is one of \\b \\t \\n \\f \\r \\\" \\\\ "
                                "\\uXXXX \\UXXXXXXXX.");

        builder_add_char(&reader->scratch, values[letter - letters]);
        reader->position += 2;
        return 0;
}

/* At a quote inside a string of many lines. Returns 1 at the end of the string. */
static int read_quotes(TomlReader *reader, char quote) {
        size_t n = 0;

        while (toml_peek(reader, n) == quote && n < 6)
                n++;
        if (n == 6)
                return toml_fail(
                                reader,
                                reader->position,
                                "Six quotes in a row cannot end a string.");

        /* Up to two quotes may stand right before the three that end it. */
        for (size_t i = 0; i < (n >= 3 ? n - 3 : n); i++)
                builder_add_char(&reader->scratch, quote);
        reader->position += n;
        return n >= 3;
}

/* Returns 1 at the end of the string. */
static int read_string_part(TomlReader *reader, char quote, bool is_multiline) {
        int c = toml_peek(reader, 0);
        size_t position = reader->position;

        if (c == quote && is_multiline)
                return read_quotes(reader, quote);
        if (c == quote) {
                reader->position++;
                return 1;
        }
        if (c == '\\' && quote == '"')
                return read_escape(reader, is_multiline);
        if (is_multiline && toml_skip_newline(reader)) {
                builder_add_n(&reader->scratch,
                              reader->data + position,
                              reader->position - position);
                return 0;
        }
        if (c == '\n' || c == '\r')
                return toml_fail(
                                reader,
                                position,
                                c == '\n' ? "The string is not closed on its line."
                                          : "A carriage return must be followed by a line feed.");
        if ((c < 0x20 && c != '\t') || c == 0x7f)
                return toml_fail(
                                reader,
                                position,
                                "The control character 0x%02x must be escaped in a string.",
                                (unsigned) c);

        builder_add_char(&reader->scratch, (char) c);
        reader->position++;
        return 0;
}

int toml_read_string(TomlReader *reader, bool is_key, Text *ret) {
        size_t start = reader->position;
        char quote = reader->data[start];
        bool is_multiline = toml_peek(reader, 1) == quote && toml_peek(reader, 2) == quote;
        char *text;
        int r;

        if (is_key && is_multiline)
                return toml_fail(reader, start, "A key cannot be a string of many lines.");

        reader->position += is_multiline ? 3 : 1;
        if (is_multiline)
                (void) toml_skip_newline(
                                reader); /* a newline right behind the quotes is not part */
        reader->scratch.length = 0;

        do {
                if (reader->position >= reader->size)
                        return toml_fail(reader, start, "The string is not closed.");
                r = read_string_part(reader, quote, is_multiline);
                if (r < 0)
                        return r;
        } while (r == 0);

        if (reader->scratch.failed)
                return -ENOMEM;
        text =
                        arena_text_n(reader->memory,
                                     reader->scratch.length > 0 ? reader->scratch.data : "",
                                     reader->scratch.length);
        if (!text)
                return -ENOMEM;

        *ret = (Text){ text, reader->scratch.length };
        return 0;
}

static bool is_token_byte(int c) {
        return toml_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                        c == '+' || c == '-' || c == '.' || c == ':';
}

static Text cut_token(const TomlReader *reader) {
        Text token = { reader->data + reader->position, 0 };
        size_t n = 0;

        while (is_token_byte(toml_peek(reader, n)))
                n++;
        /* A date, one space, and a digit: the time of day belongs to it. */
        if (n == 10 && token.data[4] == '-' && toml_peek(reader, n) == ' ' &&
            toml_is_digit(toml_peek(reader, n + 1)))
                for (n++; is_token_byte(toml_peek(reader, n));)
                        n++;

        token.length = n;
        return token;
}

static int read_token(TomlReader *reader, TomlValue *value) {
        Text token = cut_token(reader);
        int r;

        if (token.length == 0)
                return toml_fail(
                                reader,
                                reader->position,
                                "A value is missing here; strings need quotes.");

        if (text_equals_string(token, "true") || text_equals_string(token, "false")) {
                value->type = TOML_BOOL;
                value->boolean = token.data[0] == 't';
        } else if ((token.length > 4 && token.data[4] == '-' && toml_is_digit(token.data[3])) ||
                   (token.length > 2 && token.data[2] == ':')) {
                if (!toml_parse_time(token, value))
                        return toml_fail(
                                        reader,
                                        reader->position,
                                        "'%.*s' is not a date or time.",
                                        (int) MIN(token.length, 40U),
                                        token.data);
        } else {
                r = toml_parse_number(token, value);
                if (r == -ERANGE)
                        return toml_fail(
                                        reader,
                                        reader->position,
                                        "The integer does not fit into 64 bits.");
                if (r == -EINVAL)
                        return toml_fail(
                                        reader,
                                        reader->position,
                                        "'%.*s' is not a value; strings need quotes.",
                                        (int) MIN(token.length, 40U),
                                        token.data);
                if (r < 0)
                        return r;
        }

        reader->position += token.length;
        return 0;
}

int toml_read_scalar(TomlReader *reader, TomlValue *value) {
        int c = toml_peek(reader, 0);

        if (c == '"' || c == '\'') {
                value->type = TOML_STRING;
                return toml_read_string(reader, false, &value->string);
        }

        return read_token(reader, value);
}
