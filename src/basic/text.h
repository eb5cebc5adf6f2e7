// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Text: borrowed views, a growing builder, lists of strings, numbers. Bytes are UTF-8 unless said
 * otherwise; nothing here depends on the locale. */

#include <stdarg.h>
#include <string.h>

#include "basic/macro.h"

/* A borrowed piece of text, not terminated. */
typedef struct Text {
        const char *data;
        size_t length;
} Text;

#define TEXT(literal) ((Text){ (literal), sizeof(literal) - 1 })

/* A growing, always terminated string. After an out-of-memory every append is a no-op and
 * builder_finish() reports it, so callers check once. */
typedef struct Builder {
        char *data;
        size_t length;
        size_t allocated;
        bool failed;
} Builder;

#define streq(a, b) (strcmp((a), (b)) == 0)
static inline bool text_is_empty(const char *text) {
        return !text || !*text;
}

static inline Text text_of(const char *text) {
        return (Text){ text, text ? strlen(text) : 0 };
}

_pure_ bool text_equals(Text a, Text b);
_pure_ bool text_equals_string(Text a, const char *b);
/* Order of bytes, shorter first: -1, 0 or 1. */
_pure_ int text_compare(Text a, Text b);
_pure_ bool text_starts_with(Text text, const char *prefix);
_pure_ bool text_ends_with(Text text, const char *suffix);
_pure_ const char *string_after(const char *text, const char *prefix); /* NULL if not a prefix */
Text text_strip(Text text); /* ASCII white space at both ends */

/* Cuts @rest at the first @separator: the part before is returned, @rest moves past it. Returns
 * false when @rest was NULL (nothing left). */
bool text_cut(Text *rest, char separator, Text *ret_part);

/* Errors: NULL when memory is out. */
_must_use_ char *text_to_string(Text text);
_must_use_ char *string_lower(const char *text); /* ASCII only */

/* Errors: -EINVAL not digits only, -ERANGE too large. No sign, no space, no base prefix. */
_must_use_ int text_to_u64(Text text, uint64_t *ret);

/* Errors: -EILSEQ with the byte offset of the first wrong sequence in @ret_offset (may be NULL). */
_must_use_ int utf8_check(const char *data, size_t length, size_t *ret_offset);

_printf_(1, 2) _must_use_ char *string_format(const char *format, ...);

#define _cleanup_builder_ _cleanup_(builder_done)
void builder_done(Builder *builder);
void builder_add(Builder *builder, const char *text);
void builder_add_n(Builder *builder, const char *data, size_t length);
void builder_add_text(Builder *builder, Text text);
void builder_add_char(Builder *builder, char c);
_printf_(2, 3) void builder_add_format(Builder *builder, const char *format, ...);
/* Hands the text over (never NULL on success, "" when empty) and empties the builder. */
_must_use_ int builder_finish(Builder *builder, char **ret);

/* A NULL-terminated, heap-allocated list of heap strings; NULL is the empty list. */
size_t strings_count(char *const *list);
bool strings_contain(char *const *list, const char *text);
_must_use_ int strings_add(char ***list, const char *text); /* copies */
_must_use_ int strings_consume(char ***list, char *text);   /* takes @text, on failure too */
_must_use_ int strings_copy(char *const *list, char ***ret);
void strings_sort(char **list);
char **strings_free(char **list);

#define FOREACH_TEXT(item, list)                                      \
        for (char *const *_at_##item = (char *const *) (list), *item; \
             _at_##item && (item = *_at_##item);                      \
             _at_##item++)

DEFINE_CLEANUP(char *, strings_free)
