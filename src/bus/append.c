// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>

#include "basic/text.h"
#include "bus/append.h"

char *text_for_bus(const char *text) {
        char *copy = strdup(text ?: "");
        size_t start = 0, offset;

        if (!copy)
                return NULL;
        while (utf8_check(copy + start, strlen(copy + start), &offset) < 0) {
                start += offset;
                copy[start] = '?';
        }
        return copy;
}

int append_text(sd_bus_message *message, const char *text) {
        _cleanup_(freep) char *clean = text_for_bus(text);

        return clean ? sd_bus_message_append(message, "s", clean) : -ENOMEM;
}

int append_texts(sd_bus_message *message, char *const *list) {
        int r;

        r = sd_bus_message_open_container(message, 'a', "s");
        if (r < 0)
                return r;
        FOREACH_TEXT(item, list) {
                r = append_text(message, item);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(message);
}
