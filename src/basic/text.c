// SPDX-License-Identifier: LGPL-2.1-or-later

#include <stdio.h>

#include "basic/memory.h"
#include "basic/text.h"

bool text_equals(Text a, Text b) {
        return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool text_equals_string(Text a, const char *b) {
        return text_equals(a, text_of(b));
}

int text_compare(Text a, Text b) {
        size_t shorter = MIN(a.length, b.length);
        int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;

        if (order == 0)
                return (a.length > b.length) - (a.length < b.length);
        return order < 0 ? -1 : 1;
}

bool text_starts_with(Text text, const char *prefix) {
        size_t length = strlen(prefix);

        return text.length >= length && memcmp(text.data, prefix, length) == 0;
}

bool text_ends_with(Text text, const char *suffix) {
        size_t length = strlen(suffix);

        return text.length >= length &&
                        memcmp(text.data + text.length - length, suffix, length) == 0;
}

const char *string_after(const char *text, const char *prefix) {
        size_t length = strlen(prefix);

        return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static bool is_space(char c) {
        return c == ' ' || (c >= '\t' && c <= '\r');
}

Text text_strip(Text text) {
        while (text.length > 0 && is_space(text.data[0])) {
                text.data++;
                text.length--;
        }
        while (text.length > 0 && is_space(text.data[text.length - 1]))
                text.length--;
        return text;
}

bool text_cut(Text *rest, char separator, Text *ret_part) {
        assert(rest);
        assert(ret_part);

        if (!rest->data)
                return false;

        const char *found = rest->length > 0 ? memchr(rest->data, separator, rest->length) : NULL;
        if (!found) {
                *ret_part = *rest;
                *rest = (Text){};
                return true;
        }

        size_t length = (size_t) (found - rest->data);
        *ret_part = (Text){ rest->data, length };
        *rest = (Text){ found + 1, rest->length - length - 1 };
        return true;
}

char *text_to_string(Text text) {
        char *copy = new (char, text.length + 1);

        if (!copy)
                return NULL;
        if (text.length > 0)
                memcpy(copy, text.data, text.length);
        copy[text.length] = '\0';
        return copy;
}

char *string_lower(const char *text) {
        char *copy = strdup(text);

        for (char *c = copy; c && *c; c++)
                if (*c >= 'A' && *c <= 'Z')
                        *c = (char) (*c - 'A' + 'a');
        return copy;
}

int text_to_u64(Text text, uint64_t *ret) {
        uint64_t value = 0;

        if (text.length == 0)
                return -EINVAL;
        for (size_t i = 0; i < text.length; i++)
                if (text.data[i] < '0' || text.data[i] > '9')
                        return -EINVAL;
        for (size_t i = 0; i < text.length; i++)
                if (__builtin_mul_overflow(value, 10U, &value) ||
                    __builtin_add_overflow(value, (unsigned) (text.data[i] - '0'), &value))
                        return -ERANGE;
        *ret = value;
        return 0;
}

/* Length of the well-formed sequence at @data, 0 if there is none. Source: Unicode 15, table 3-7. */
static size_t utf8_sequence(const unsigned char *data, size_t left) {
        unsigned char first = data[0], low = 0x80, high = 0xbf;
        size_t length;

        if (first < 0x80)
                return 1;
        if (first >= 0xc2 && first <= 0xdf)
                length = 2;
        else if (first >= 0xe0 && first <= 0xef)
                length = 3;
        else if (first >= 0xf0 && first <= 0xf4)
                length = 4;
        else
                return 0;

        if (first == 0xe0)
                low = 0xa0; /* overlong */
        else if (first == 0xed)
                high = 0x9f; /* surrogates */
        else if (first == 0xf0)
                low = 0x90; /* overlong */
        else if (first == 0xf4)
                high = 0x8f; /* beyond U+10FFFF */

        if (left < length || data[1] < low || data[1] > high)
                return 0;
        for (size_t i = 2; i < length; i++)
                if ((data[i] & 0xc0) != 0x80)
                        return 0;
        return length;
}

int utf8_check(const char *data, size_t length, size_t *ret_offset) {
        for (size_t i = 0; i < length;) {
                size_t n = utf8_sequence((const unsigned char *) data + i, length - i);
                if (n == 0) {
                        if (ret_offset)
                                *ret_offset = i;
                        return -EILSEQ;
                }
                i += n;
        }
        return 0;
}

char *string_format(const char *format, ...) {
        char *text = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&text, format, arguments);
        va_end(arguments);
        return r < 0 ? NULL : text;
}

void builder_done(Builder *builder) {
        free(builder->data);
        *builder = (Builder){};
}

static char *builder_reserve(Builder *builder, size_t length) {
        size_t wanted;

        if (builder->failed)
                return NULL;
        if (__builtin_add_overflow(builder->length, length, &wanted) ||
            __builtin_add_overflow(wanted, 1U, &wanted) ||
            ARRAY_RESERVE(builder->data, builder->allocated, wanted) < 0) {
                builder->failed = true;
                return NULL;
        }
        return builder->data + builder->length;
}

void builder_add_n(Builder *builder, const char *data, size_t length) {
        char *end = builder_reserve(builder, length);

        if (!end)
                return;
        if (length > 0)
                memcpy(end, data, length);
        end[length] = '\0';
        builder->length += length;
}

void builder_add(Builder *builder, const char *text) {
        builder_add_n(builder, text, strlen(text));
}

void builder_add_text(Builder *builder, Text text) {
        builder_add_n(builder, text.data, text.length);
}

void builder_add_char(Builder *builder, char c) {
        builder_add_n(builder, &c, 1);
}

void builder_add_format(Builder *builder, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (r < 0) {
                text = NULL;
                builder->failed = true;
                return;
        }
        builder_add_n(builder, text, (size_t) r);
}

int builder_finish(Builder *builder, char **ret) {
        builder_add_n(builder, "", 0);
        if (builder->failed) {
                builder_done(builder);
                return -ENOMEM;
        }
        *ret = TAKE_PTR(builder->data);
        *builder = (Builder){};
        return 0;
}

size_t strings_count(char *const *list) {
        size_t n = 0;

        while (list && list[n])
                n++;
        return n;
}

bool strings_contain(char *const *list, const char *text) {
        FOREACH_TEXT(item, list)
                if (streq(item, text))
                        return true;
        return false;
}

int strings_consume(char ***list, char *text) {
        size_t n = strings_count(*list);

        if (!text)
                return -ENOMEM;
        char **longer = reallocarray(*list, n + 2, sizeof(char *));
        if (!longer) {
                free(text);
                return -ENOMEM;
        }
        longer[n] = text;
        longer[n + 1] = NULL;
        *list = longer;
        return 0;
}

int strings_add(char ***list, const char *text) {
        return strings_consume(list, strdup(text));
}

int strings_copy(char *const *list, char ***ret) {
        size_t n = strings_count(list);
        _cleanup_(strings_freep) char **copy = n > 0 ? new0(char *, n + 1) : NULL;

        if (n > 0 && !copy)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                copy[i] = strdup(list[i]);
                if (!copy[i])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(copy);
        return 0;
}

static int compare_strings(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

void strings_sort(char **list) {
        size_t n = strings_count(list);

        if (n > 1)
                qsort(list, n, sizeof(char *), compare_strings);
}

char **strings_free(char **list) {
        for (char **item = list; item && *item; item++)
                free(*item);
        free(list);
        return NULL;
}
