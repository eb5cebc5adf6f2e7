// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>
#include <unistd.h>

#include "basic/text.h"
#include "client/settings-value.h"

int setting_parse_boolean(const char *value, bool *ret) {
        static const char *const yes[] = { "1", "true", "yes", "on", "t", "y", "allow" };
        static const char *const no[] = { "0",
                                          "false",
                                          "no",
                                          "off",
                                          "f",
                                          "n",
                                          "",
                                          "disallow",
                                          "explicit",
                                          "if-necessary",
                                          "if-necessary-or-explicit" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                if (strcasecmp(value, yes[i]) == 0) {
                        *ret = true;
                        return 0;
                }
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                if (strcasecmp(value, no[i]) == 0) {
                        *ret = false;
                        return 0;
                }
        return -EINVAL;
}

int setting_parse_number(const char *value, uint64_t max, uint64_t *ret) {
        Text rest = text_strip(text_of(value)), whole, fraction;
        uint64_t number, part = 0;
        int r;

        if (!text_cut(&rest, '.', &whole))
                return -EINVAL;
        r = text_to_u64(whole, &number);
        if (r >= 0 && text_cut(&rest, '.', &fraction))
                r = text_to_u64(fraction, &part);
        if (r < 0 || rest.data)
                return -EINVAL;
        number += part > 0;
        if (number > max)
                return -ERANGE;
        *ret = number;
        return 0;
}

static bool has_scheme(const char *place) {
        return string_after(place, "https://") || string_after(place, "http://") ||
                        string_after(place, "file://");
}

/* "file://…" for a path that may be relative or begin with "~/". NULL when memory is out. */
static char *path_to_url(const char *path) {
        static const char hex[] = "0123456789ABCDEF";
        _cleanup_(freep) char *directory = NULL;
        _cleanup_builder_ Builder url = {};
        const char *start = "", *rest = path;
        char *text;

        if (path[0] == '~' && path[1] == '/' && getenv("HOME")) {
                start = getenv("HOME");
                rest = path + 1;
        } else if (path[0] != '/') {
                directory = getcwd(NULL, 0);
                start = directory ?: "";
        }
        builder_add(&url, "file://");
        for (size_t i = 0; i < 2; i++) {
                for (const char *c = i == 0 ? start : rest; *c; c++) {
                        unsigned char byte = (unsigned char) *c;
                        bool is_plain = (byte >= 'a' && byte <= 'z') ||
                                        (byte >= 'A' && byte <= 'Z') ||
                                        (byte >= '0' && byte <= '9') || strchr("/-._~+!,=@", byte);
                        if (is_plain)
                                builder_add_char(&url, *c);
                        else
                                builder_add_n(&url,
                                              (char[]){ '%', hex[byte >> 4], hex[byte & 15] },
                                              3);
                }
                if (i == 0 && *start && rest[0] != '/')
                        builder_add_char(&url, '/');
        }
        return builder_finish(&url, &text) < 0 ? NULL : text;
}

int setting_parse_place(const char *value, char **ret) {
        char *url;

        for (const char *c = value; *c; c++)
                if ((unsigned char) *c < 0x20 || *c == 0x7f)
                        return -EINVAL;
        if (!has_scheme(value) && strstr(value, "://"))
                return -EINVAL;
        if (string_after(value, "https:///") || string_after(value, "http:///"))
                return -EINVAL;
        url = has_scheme(value) ? strdup(value) : path_to_url(value);
        if (!url)
                return -ENOMEM;
        *ret = url;
        return 0;
}

int setting_parse_places(const char *value, char separator, char ***ret) {
        _cleanup_(strings_freep) char **list = NULL;
        const char *separators = separator ? (const char[]){ separator, '\0' } : " \t\n";
        int r;

        for (const char *rest = value + strspn(value, separators); *rest;
             rest += strspn(rest, separators)) {
                size_t n = strcspn(rest, separators);
                _cleanup_(freep) char *item = text_to_string(text_strip((Text){ rest, n }));
                char *url = NULL;

                rest += n;
                if (!item)
                        return -ENOMEM;
                const char *name_end = strchr(item, '=');
                const char *place = name_end && has_scheme(name_end + 1) ? name_end + 1 : item;
                r = *place ? setting_parse_place(place, &url) : 0;
                if (r >= 0 && url)
                        r = strings_consume(&list, url);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(list);
        return 0;
}

char *setting_place_to_show(const char *url) {
        const char *authority = strstr(url, "://");
        const char *at = authority ? memrchr(authority + 3, '@', strcspn(authority + 3, "/?#"))
                                   : NULL;

        return at ? string_format("%.*s%s", (int) (authority + 3 - url), url, at + 1) : strdup(url);
}
