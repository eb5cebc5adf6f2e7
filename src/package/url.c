// SPDX-License-Identifier: LGPL-2.1-or-later

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "basic/text.h"
#include "package/url.h"

static void curl_url_donep(CURLU **url) {
        curl_url_cleanup(*url);
}

static int url_parse(const char *url, unsigned flags, CURLU **ret) {
        CURLU *handle = curl_url();
        CURLUcode code;

        if (!handle)
                return -ENOMEM;
        code = curl_url_set(handle, CURLUPART_URL, url, flags);
        if (code != CURLUE_OK) {
                curl_url_cleanup(handle);
                return code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
        }
        *ret = handle;
        return 0;
}

/* A part as a heap string of ours; NULL where there is none. */
static int url_get_part(CURLU *url, CURLUPart part, unsigned flags, char **ret) {
        char *value = NULL, *copy;
        CURLUcode code = curl_url_get(url, part, &value, flags);

        if (code == CURLUE_OUT_OF_MEMORY)
                return -ENOMEM;
        if (code == CURLUE_URLDECODE)
                return -EINVAL;
        if (code != CURLUE_OK) {
                *ret = NULL;
                return 0;
        }
        copy = strdup(value);
        curl_free(value);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

bool url_has_scheme(const char *url, const char *scheme) {
        size_t n = strlen(scheme);

        return url && strncasecmp(url, scheme, n) == 0 && url[n] == ':';
}

char *url_strip_credentials(const char *url) {
        const char *authority = strstr(url, "://");

        if (!authority)
                return strdup(url);
        authority += 3;
        /* The last '@' of the authority ends the user information, whatever else is wrong with it. */
        size_t n_authority = strcspn(authority, "/?#");
        const char *at = memrchr(authority, '@', n_authority);
        if (!at)
                return strdup(url);
        return string_format("%.*s%s", (int) (authority - url), url, at + 1);
}

int url_get_credentials(const char *url, char **ret_user, char **ret_password) {
        _cleanup_(curl_url_donep) CURLU *handle = NULL;
        _cleanup_(freep) char *user = NULL, *password = NULL;
        int r;

        r = url_parse(url, CURLU_URLENCODE, &handle);
        if (r < 0)
                return r;
        r = url_get_part(handle, CURLUPART_USER, CURLU_URLDECODE, &user);
        if (r < 0)
                return r;
        r = url_get_part(handle, CURLUPART_PASSWORD, CURLU_URLDECODE, &password);
        if (r < 0)
                return r;
        *ret_user = TAKE_PTR(user);
        *ret_password = TAKE_PTR(password);
        return 0;
}

static bool url_part_equals(CURLU *a, CURLU *b, CURLUPart part) {
        _cleanup_(freep) char *first = NULL, *second = NULL;

        if (url_get_part(a, part, CURLU_DEFAULT_PORT, &first) < 0 ||
            url_get_part(b, part, CURLU_DEFAULT_PORT, &second) < 0)
                return false;
        return first && second && strcasecmp(first, second) == 0;
}

bool url_same_origin(const char *a, const char *b) {
        _cleanup_(curl_url_donep) CURLU *first = NULL, *second = NULL;

        return url_parse(a, CURLU_URLENCODE, &first) >= 0 &&
                        url_parse(b, CURLU_URLENCODE, &second) >= 0 &&
                        url_part_equals(first, second, CURLUPART_SCHEME) &&
                        url_part_equals(first, second, CURLUPART_HOST) &&
                        url_part_equals(first, second, CURLUPART_PORT);
}

int url_to_path(const char *url, char **ret) {
        _cleanup_(freep) char *path = NULL;
        char *decoded;
        const char *rest;
        int n_decoded;

        if (!url_has_scheme(url, "file"))
                return -EINVAL;
        rest = url + strlen("file:");
        if (string_after(rest, "//localhost/"))
                rest += strlen("//localhost");
        else if (string_after(rest, "///"))
                rest += strlen("//");
        if (rest[0] != '/' || rest[1] == '/')
                return -EINVAL;

        path = text_to_string((Text){ rest, strcspn(rest, "?#") });
        if (!path)
                return -ENOMEM;
        decoded = curl_easy_unescape(NULL, path, 0, &n_decoded);
        if (!decoded)
                return -ENOMEM;
        bool is_clean = strlen(decoded) == (size_t) n_decoded;
        for (const char *c = decoded; *c; c++)
                if ((unsigned char) *c < 0x20 || *c == 0x7f)
                        is_clean = false;
        free(path);
        path = is_clean ? strdup(decoded) : NULL;
        curl_free(decoded);
        if (!path)
                return is_clean ? -ENOMEM : -EINVAL;
        *ret = TAKE_PTR(path);
        return 0;
}

char *url_from_path(const char *path) {
        static const char hex[] = "0123456789ABCDEF";
        _cleanup_builder_ Builder url = {};
        char *text;

        builder_add(&url, "file://");
        for (const char *c = path; *c; c++) {
                unsigned char byte = (unsigned char) *c;

                if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                    (byte >= '0' && byte <= '9') || strchr("/-._~+!,=@", byte))
                        builder_add_char(&url, *c);
                else
                        builder_add_n(&url, (char[]){ '%', hex[byte >> 4], hex[byte & 15] }, 3);
        }
        return builder_finish(&url, &text) < 0 ? NULL : text;
}
