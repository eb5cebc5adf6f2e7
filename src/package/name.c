// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/name.h"

static bool is_alphanumeric(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_separator(char c) {
        return c == '-' || c == '_' || c == '.';
}

bool name_is_valid(Text text) {
        if (text.length == 0 || text.length >= NAME_SIZE_MAX)
                return false;
        for (size_t i = 0; i < text.length; i++)
                if (!is_alphanumeric(text.data[i]) && !is_separator(text.data[i]))
                        return false;
        return is_alphanumeric(text.data[0]) && is_alphanumeric(text.data[text.length - 1]);
}

bool name_is_normalized(Text text) {
        if (!name_is_valid(text))
                return false;
        for (size_t i = 0; i < text.length; i++) {
                char c = text.data[i];

                if (c == '.' || c == '_' || (c >= 'A' && c <= 'Z'))
                        return false;
                if (c == '-' && text.data[i - 1] == '-')
                        return false; /* a valid name does not begin with '-' */
        }
        return true;
}

/* The next character of the normal form; moves @position behind what it stands for. */
static char next_normal(Text text, size_t *position) {
        char c = text.data[(*position)++];

        if (c >= 'A' && c <= 'Z')
                return (char) (c - 'A' + 'a');
        if (!is_separator(c))
                return c;
        while (*position < text.length && is_separator(text.data[*position]))
                (*position)++;
        return '-';
}

int name_normalize_into(Text text, char buffer[static NAME_SIZE_MAX]) {
        size_t length = 0;

        if (!name_is_valid(text))
                return -EINVAL;
        for (size_t position = 0; position < text.length;)
                buffer[length++] = next_normal(text, &position);
        buffer[length] = '\0';
        return 0;
}

int name_normalize(Arena *arena, Text text, const char **ret) {
        char buffer[NAME_SIZE_MAX], *name;
        int r;

        r = name_normalize_into(text, buffer);
        if (r < 0)
                return r;
        name = arena_text(arena, buffer);
        if (!name)
                return -ENOMEM;
        *ret = name;
        return 0;
}

bool name_equals(Text a, Text b) {
        size_t i = 0, j = 0;

        if (!name_is_valid(a) || !name_is_valid(b))
                return false;
        while (i < a.length && j < b.length)
                if (next_normal(a, &i) != next_normal(b, &j))
                        return false;
        return i == a.length && j == b.length;
}
