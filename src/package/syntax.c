// SPDX-License-Identifier: LGPL-2.1-or-later

#include <stdarg.h>
#include <stdio.h>

#include "package/syntax.h"

enum {
        SHOWN_MAX = 120
}; /* bytes of the text in a sentence */

bool syntax_skip_space(Syntax *syntax) {
        size_t start = syntax->position;

        while (!syntax_at_end(syntax) && syntax_peek(syntax) != '\0' &&
               strchr(syntax->spaces, syntax_peek(syntax)))
                syntax->position++;
        return syntax->position > start;
}

bool syntax_accept(Syntax *syntax, const char *literal) {
        size_t length = strlen(literal);

        if (syntax->text.length - syntax->position < length ||
            memcmp(syntax->text.data + syntax->position, literal, length) != 0)
                return false;
        syntax->position += length;
        return true;
}

static bool continues_word(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        c == '_';
}

bool syntax_accept_word(Syntax *syntax, const char *word) {
        size_t start = syntax->position;

        if (syntax_accept(syntax, word) && !continues_word(syntax_peek(syntax)))
                return true;
        syntax->position = start;
        return false;
}

/* A piece of @text around @position in which every byte is harmless on a terminal. */
static void add_shown(Builder *builder, Text text, size_t position) {
        size_t start = position > SHOWN_MAX / 2 && text.length > SHOWN_MAX
                        ? position - SHOWN_MAX / 2
                        : 0;
        size_t end = MIN(text.length, start + SHOWN_MAX);

        /* Not into the middle of a UTF-8 sequence. */
        while (start > 0 && ((uint8_t) text.data[start] & 0xc0) == 0x80)
                start--;
        while (end < text.length && ((uint8_t) text.data[end] & 0xc0) == 0x80)
                end++;
        text = (Text){ text.data + start, end - start };
        if (utf8_check(text.data, text.length, NULL) < 0) {
                builder_add(builder, "(not UTF-8)");
                return;
        }
        builder_add(builder, start > 0 ? "…" : "");
        for (size_t i = 0; i < text.length; i++) {
                uint8_t c = (uint8_t) text.data[i];
                /* C1 controls are c2 80 … c2 9f. */
                bool is_control = c < 0x20 || c == 0x7f ||
                                (c >= 0x80 && c < 0xa0 && i > 0 &&
                                 (uint8_t) text.data[i - 1] == 0xc2);

                builder_add_char(builder, is_control ? '?' : (char) c);
        }
}

int syntax_fail(Syntax *syntax, size_t position, const char *format, ...) {
        _cleanup_builder_ Builder shown = {}, reason = {};
        char sentence[512];
        va_list arguments;

        if (syntax->ret_offset)
                *syntax->ret_offset = position;
        if (!syntax->fault || fault_is_set(syntax->fault))
                return -EINVAL;

        va_start(arguments, format);
        (void) vsnprintf(sentence, sizeof(sentence), format, arguments); /* cut is fine */
        va_end(arguments);
        add_shown(&reason, text_of(sentence), 0);
        add_shown(&shown, syntax->text, position);
        if (shown.failed || reason.failed)
                return -ENOMEM;
        return fault_set(
                        syntax->fault,
                        -EINVAL,
                        FAULT_PROJECT_SYNTAX,
                        NULL,
                        "'%s' is not %s: %s (character %zu).",
                        shown.data ? shown.data : "",
                        syntax->kind,
                        reason.data ? reason.data : "",
                        position + 1);
}
