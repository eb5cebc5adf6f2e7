// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Every reader hands its entries to index_collector_add(), which is the one place where a file of an
 * index is believed or not:
 *
 *   href ── scheme? ──▶ http, https, file only; others are skipped with the reason
 *     │                 file only from a page that is itself a file; https pages may lead to http only
 *     │                 with a digest; no user information in the URL
 *     ├── absolute and plain ──▶ taken as it is (the common case, no URL parser involved)
 *     └── else ──▶ resolved against the page by libcurl's URL parser
 *   filename ── one component of safe characters, a wheel or a source archive, of this project
 *   the rest ── a wrong digest, size or time is dropped; wrong Requires-Python skips the file,
 *               because guessing would offer it to Pythons it does not support
 *
 * A page owns one arena for its text and two arrays. At most INDEX_FILES_MAX entries are looked at, used
 * or not, so a page of a million broken ones ends early. Reasons are string literals. */

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "basic/memory.h"
#include "basic/text.h"
#include "package/index-collect.h"

struct IndexCollector {
        const IndexSource *source;
        IndexPage *page;
        size_t n_files_allocated;
        size_t n_skips_allocated;
        uint64_t n_seen;
        CURLU *url;     /* scratch for resolving */
        char *base;     /* where relative URLs start */
        bool is_local;  /* the page came from a file */
        bool is_secure; /* it came by https */
};

static bool is_separator(char c) {
        return c == '-' || c == '_' || c == '.';
}

bool index_name_matches(Text spelled, const char *normalised) {
        size_t i = 0;

        if (spelled.length == 0)
                return false;
        while (i < spelled.length) {
                char c = spelled.data[i];

                if (is_separator(c)) {
                        /* A run of separators is one dash. */
                        while (i < spelled.length && is_separator(spelled.data[i]))
                                i++;
                        c = '-';
                } else {
                        if (c >= 'A' && c <= 'Z')
                                c = (char) (c - 'A' + 'a');
                        i++;
                }
                if (!c || *normalised++ != c)
                        return false;
        }
        return *normalised == '\0';
}

/* Printable ASCII without the characters that RFC 3986 allows nowhere. */
static bool url_is_plain(const char *url) {
        for (const char *c = url; *c; c++)
                if (*c <= 0x20 || *c >= 0x7f || strchr("\"<>\\^`{|}", *c))
                        return false;
        return true;
}

/* The length of "scheme" in "scheme:…", 0 for a relative reference. */
static size_t url_scheme_length(const char *url) {
        size_t n = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

        return n > 0 && url[n] == ':' ? n : 0;
}

static bool scheme_is(const char *url, const char *scheme) {
        size_t n = strlen(scheme);

        return strncasecmp(url, scheme, n) == 0 && url[n] == ':';
}

/* The common case, "https://host/path" as it should be: nothing to resolve, nothing to normalise. */
static bool url_is_absolute_and_simple(const char *url) {
        const char *rest = string_after(url, "https://");

        if (!rest)
                rest = string_after(url, "http://");
        if (!rest)
                return false;
        size_t n_host = strcspn(rest, "/?#");
        if (n_host == 0 || rest[n_host] != '/' || memchr(rest, '@', n_host))
                return false;
        if (strspn(rest, "abcdefghijklmnopqrstuvwxyz0123456789-.:") < n_host)
                return false;
        return !strstr(rest, "/.");
}

static const char *curl_error_to_reason(CURLUcode code) {
        switch (code) {
        case CURLUE_OK:
                return NULL;
        case CURLUE_UNSUPPORTED_SCHEME:
                return "its URL is not http, https or file";
        case CURLUE_USER_NOT_ALLOWED:
                return "its URL holds credentials";
        default:
                return "its URL is malformed";
        }
}

/* Resolves @href against @base. Returns 0 with the reason in @ret_reason, or with the URL. */
static int
url_resolve(IndexCollector *collector, const char *href, char **ret_url, const char **ret_reason) {
        CURLUcode code;
        char *url = NULL;

        if (!collector->url)
                collector->url = curl_url();
        if (!collector->url)
                return -ENOMEM;
        code = curl_url_set(collector->url, CURLUPART_URL, collector->base, CURLU_URLENCODE);
        if (code == CURLUE_OK)
                code =
                                curl_url_set(collector->url,
                                             CURLUPART_URL,
                                             href,
                                             CURLU_URLENCODE | CURLU_DISALLOW_USER);
        if (code == CURLUE_OK)
                code = curl_url_set(collector->url, CURLUPART_FRAGMENT, NULL, 0);
        if (code == CURLUE_OK)
                code = curl_url_get(collector->url, CURLUPART_URL, &url, 0);
        if (code == CURLUE_OUT_OF_MEMORY)
                return -ENOMEM;
        if (code != CURLUE_OK) {
                *ret_reason = curl_error_to_reason(code);
                return 0;
        }
        char *copy = strdup(url);
        curl_free(url);
        if (!copy)
                return -ENOMEM;
        *ret_url = copy;
        return 0;
}

/* libcurl takes "https:/x" and "https:///x" for hosts; nobody writes that in good faith. */
static bool url_has_odd_slashes(const char *url) {
        const char *rest = strchr(url, ':') + 1;

        return !scheme_is(url, "file") && (rest[0] != '/' || rest[1] != '/' || rest[2] == '/');
}

/* Errors: -ENOMEM. Exactly one of the two results is set on success. */
static int
link_check_url(IndexCollector *collector,
               const IndexLink *link,
               char **ret_url,
               const char **ret_reason) {
        _cleanup_(freep) char *url = NULL;
        const char *reason = NULL;
        int r;

        if (text_is_empty(link->href))
                reason = "it has no URL";
        else if (strlen(link->href) > INDEX_URL_MAX)
                reason = "its URL is too long";
        else if (url_scheme_length(link->href) > 0 && !scheme_is(link->href, "https") &&
                 !scheme_is(link->href, "http") && !scheme_is(link->href, "file"))
                reason = "its URL is not http, https or file";
        else if (url_scheme_length(link->href) > 0 && url_has_odd_slashes(link->href))
                reason = "its URL is malformed";
        else if (url_is_plain(link->href) && url_is_absolute_and_simple(link->href)) {
                url = text_to_string((Text){ link->href, strcspn(link->href, "#") });
                if (!url)
                        return -ENOMEM;
        } else {
                for (const char *c = link->href; *c; c++)
                        if ((unsigned char) *c < 0x20 || *c == 0x7f || *c == '\\')
                                reason = "its URL holds control characters or backslashes";
                if (!reason) {
                        r = url_resolve(collector, link->href, &url, &reason);
                        if (r < 0)
                                return r;
                }
        }

        if (!reason && (!url_is_plain(url) || strlen(url) > INDEX_URL_MAX))
                reason = "its URL is malformed";
        if (!reason && scheme_is(url, "file") && !collector->is_local)
                reason = "its URL is a local file, but the page is not";
        if (!reason && !scheme_is(url, "file") && !scheme_is(url, "http") &&
            !scheme_is(url, "https"))
                reason = "its URL is not http, https or file";
        if (!reason && scheme_is(url, "http") && collector->is_secure && !link->sha256)
                reason = "its URL leads from https to http, and there is no digest";
        if (reason)
                *ret_reason = reason;
        else
                *ret_url = TAKE_PTR(url);
        return 0;
}

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* The last path component of @url without its percent-encoding; "" when it has none that fits. */
static void filename_from_url(const char *url, char buffer[static INDEX_FILENAME_MAX + 1]) {
        size_t n_path = strcspn(url, "?#"), start = n_path, n = 0;

        while (start > 0 && url[start - 1] != '/')
                start--;
        for (size_t i = start; i < n_path; i++) {
                int c = (unsigned char) url[i];

                if (c == '%' && i + 2 < n_path) {
                        int high = hex_digit(url[i + 1]), low = hex_digit(url[i + 2]);
                        if (high >= 0 && low >= 0) {
                                c = high * 16 + low;
                                i += 2;
                        }
                }
                if (n >= INDEX_FILENAME_MAX || c == '\0') {
                        n = 0;
                        break;
                }
                buffer[n++] = (char) c;
        }
        buffer[n] = '\0';
}

static bool is_digits(const char *text, size_t n, int64_t *ret) {
        int64_t value = 0;

        for (size_t i = 0; i < n; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return false;
                value = value * 10 + (text[i] - '0');
        }
        *ret = value;
        return true;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar.
 * Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day) {
        year -= month <= 2;
        int64_t era = year / 400;
        int64_t year_of_era = year - era * 400;
        int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

        return era * 146097 + day_of_era - 719468;
}

/* "2023-01-02T03:04:05.678901Z" (PEP 700), in µs; 0 for anything else. */
static int64_t upload_time_parse(const char *text) {
        int64_t year, month, day, hour, minute, second, fraction = 0;

        if (!text || strlen(text) < 20 || text[4] != '-' || text[7] != '-' ||
            (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':')
                return 0;
        if (!is_digits(text, 4, &year) || !is_digits(text + 5, 2, &month) ||
            !is_digits(text + 8, 2, &day) || !is_digits(text + 11, 2, &hour) ||
            !is_digits(text + 14, 2, &minute) || !is_digits(text + 17, 2, &second))
                return 0;
        if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
            minute > 59 || second > 60)
                return 0;
        const char *rest = text + 19;
        if (*rest == '.') {
                int64_t unit = 100000;
                for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
                        fraction += (*rest - '0') * unit;
        }
        if ((rest[0] != 'Z' && rest[0] != 'z') || rest[1])
                return 0;
        return (((days_from_date(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) *
                        (int64_t) USEC_PER_SEC +
                        fraction;
}

static bool text_is_printable_ascii(const char *text) {
        for (; *text; text++)
                if (*text < 0x20 || *text >= 0x7f)
                        return false;
        return true;
}

static int collector_skip(IndexCollector *collector, const char *filename, const char *reason) {
        IndexPage *page = collector->page;
        int r;

        page->n_skipped++;
        if (page->n_skips >= INDEX_SKIPS_MAX)
                return 0;
        /* Names that cannot be shown on a terminal are not kept. */
        if (text_is_empty(filename) || strlen(filename) > INDEX_FILENAME_MAX ||
            !text_is_printable_ascii(filename))
                filename = "(unprintable)";
        r = ARRAY_RESERVE(page->skips, collector->n_skips_allocated, page->n_skips + 1);
        if (r < 0)
                return r;
        const char *copy = arena_text(index_page_arena(page), filename);
        if (!copy)
                return -ENOMEM;
        page->skips[page->n_skips++] = (IndexSkip){ .filename = copy, .reason = reason };
        return 0;
}

/* The reason is shown to users: one line of valid UTF-8. */
static char *yanked_copy(Arena *arena, const char *reason) {
        if (utf8_check(reason, strlen(reason), NULL) < 0)
                reason = "";
        size_t length = strnlen(reason, 1000);
        while (length > 0 && reason[length] && ((unsigned char) reason[length] & 0xc0) == 0x80)
                length--;
        char *copy = arena_text_n(arena, reason, length);
        for (char *c = copy; c && *c; c++)
                if ((unsigned char) *c < 0x20 || *c == 0x7f)
                        *c = ' ';
        return copy;
}

/* The same part of the same text at another place. */
static Text text_moved(Text part, const char *from, const char *to) {
        return part.data ? (Text){ to + (part.data - from), part.length } : part;
}

/* Copies everything into memory of the page. @name: the file name with its parts. */
static int
collector_keep(IndexCollector *collector,
               const IndexLink *link,
               const IndexFile *name,
               const char *url) {
        IndexPage *page = collector->page;
        Arena *arena = index_page_arena(page);
        int r;

        r = ARRAY_RESERVE(page->files, collector->n_files_allocated, page->n_files + 1);
        if (r < 0)
                return r;
        IndexFile *file = page->files + page->n_files;
        *file = (IndexFile){
                .kind = name->kind,
                .filename = arena_text(arena, name->filename),
                .url = arena_text(arena, url),
                .has_metadata = link->has_metadata,
                .size_bytes = link->size_bytes,
                .modified_usec = link->modified_usec,
                .upload_usec = upload_time_parse(link->upload_time),
        };
        if (!file->filename || !file->url)
                return -ENOMEM;
        file->version = text_moved(name->version, name->filename, file->filename);
        file->tags = text_moved(name->tags, name->filename, file->filename);
        if (!text_is_empty(link->requires_python)) {
                file->requires_python = arena_text(arena, link->requires_python);
                if (!file->requires_python)
                        return -ENOMEM;
        }
        if (link->yanked) {
                file->yanked = yanked_copy(arena, link->yanked);
                if (!file->yanked)
                        return -ENOMEM;
        }
        file->has_digest =
                        link->sha256 && digest_from_hex(text_of(link->sha256), &file->digest) >= 0;
        file->has_metadata_digest = link->metadata_sha256 &&
                        digest_from_hex(text_of(link->metadata_sha256), &file->metadata_digest) >=
                                        0;
        page->n_files++;
        return 0;
}

/* Every entry counts, used or not. */
static int collector_count(IndexCollector *collector, Fault *fault) {
        if (++collector->n_seen <= INDEX_FILES_MAX)
                return 0;
        return fault_set(
                        fault,
                        -EFBIG,
                        FAULT_LIMIT_EXCEEDED,
                        collector->page->name,
                        "The index page of '%s' names more than %d files.",
                        collector->page->name,
                        INDEX_FILES_MAX);
}

int index_collector_skip(
                IndexCollector *collector,
                const IndexLink *link,
                const char *reason,
                Fault *fault) {
        int r;

        r = collector_count(collector, fault);
        if (r < 0)
                return r;
        return collector_skip(collector, link->filename, reason);
}

int index_collector_add(IndexCollector *collector, const IndexLink *link, Fault *fault) {
        _cleanup_(freep) char *url = NULL;
        char buffer[INDEX_FILENAME_MAX + 1];
        const char *filename = link->filename, *reason = NULL;
        IndexFile name = {};
        Digest ignored;
        int r;

        r = collector_count(collector, fault);
        if (r < 0)
                return r;
        if (!filename && link->href) {
                filename_from_url(link->href, buffer);
                filename = buffer;
        }
        if (text_is_empty(filename))
                /* Links to parent directories and the like are no files. */
                return 0;
        name.filename = filename;
        r = index_filename_parse(
                        filename, collector->page->name, &name.kind, &name.version, &name.tags);
        if (r == -ENXIO && collector->source->is_find_links)
                return 0;
        if (r == -ENXIO)
                reason = "its name says it belongs to another project";
        else if (r < 0)
                reason = "its name is not that of a wheel or source archive";
        else if (link->requires_python &&
                 (strlen(link->requires_python) > 1000 ||
                  !text_is_printable_ascii(link->requires_python)))
                reason = "its Requires-Python is not text";
        else if (link->sha256 && digest_from_hex(text_of(link->sha256), &ignored) < 0)
                reason = "its SHA-256 is not one";
        else {
                r = link_check_url(collector, link, &url, &reason);
                if (r < 0)
                        return r;
        }
        if (reason)
                return collector_skip(collector, filename, reason);
        return collector_keep(collector, link, &name, url);
}

int index_collector_set_base(IndexCollector *collector, const char *href, Fault *fault) {
        _cleanup_(freep) char *url = NULL;
        const char *reason = NULL;
        int r;

        r = link_check_url(collector, &(IndexLink){ .href = href, .sha256 = "" }, &url, &reason);
        if (r < 0)
                return r;
        if (reason)
                return fault_set(
                                fault,
                                -EBADMSG,
                                FAULT_INDEX_INVALID,
                                collector->page->url,
                                "The index page of '%s' has a base address that cannot be used: %s.",
                                collector->page->name,
                                reason);
        free(collector->base);
        collector->base = TAKE_PTR(url);
        return 0;
}

int index_collector_set_status(IndexCollector *collector, const char *status, const char *reason) {
        IndexPage *page = collector->page;

        if (text_is_empty(status) || strlen(status) > 100 || !text_is_printable_ascii(status))
                return 0;
        page->status = arena_text(index_page_arena(page), status);
        if (!page->status)
                return -ENOMEM;
        if (reason) {
                page->status_reason = yanked_copy(index_page_arena(page), reason);
                if (!page->status_reason)
                        return -ENOMEM;
        }
        return 0;
}

int index_collector_check_version(
                const IndexCollector *collector,
                const char *version,
                Fault *fault) {
        Text rest = text_of(version), major, minor;
        uint64_t number;

        if (!text_cut(&rest, '.', &major) || text_to_u64(major, &number) < 0 ||
            !text_cut(&rest, '.', &minor) || text_to_u64(minor, &(uint64_t){ 0 }) < 0 || rest.data)
                return fault_set(
                                fault,
                                -EBADMSG,
                                FAULT_INDEX_INVALID,
                                collector->page->url,
                                "The index page of '%s' does not say which API version it is.",
                                collector->page->name);
        if (number > 1) {
                (void) fault_set(
                                fault,
                                -EPROTONOSUPPORT,
                                FAULT_INDEX_INVALID,
                                collector->page->url,
                                "The index speaks version %.20s of the repository API; this program knows version 1.",
                                version);
                fault_hint(fault, "A newer blast may be able to read it.");
                return -EPROTONOSUPPORT;
        }
        return 0;
}

int index_collector_new(const IndexSource *source, IndexCollector **ret, Fault *fault) {
        _cleanup_(index_collector_freep) IndexCollector *collector = new0(IndexCollector, 1);
        int r;

        if (!collector)
                return -ENOMEM;
        collector->source = source;
        r = index_page_new_empty(source->name, source->url, &collector->page);
        if (r < 0)
                return r;
        collector->base = strdup(source->url);
        if (!collector->base)
                return -ENOMEM;
        collector->is_local = scheme_is(source->url, "file");
        collector->is_secure = scheme_is(source->url, "https");
        if (!collector->is_local && !collector->is_secure && !scheme_is(source->url, "http"))
                return fault_set(
                                fault,
                                -EBADMSG,
                                FAULT_INDEX_INVALID,
                                source->url,
                                "'%s' is not an http, https or file address.",
                                source->url);
        *ret = TAKE_PTR(collector);
        return 0;
}

IndexCollector *index_collector_free(IndexCollector *collector) {
        if (!collector)
                return NULL;
        index_page_free(collector->page);
        curl_url_cleanup(collector->url);
        free(collector->base);
        free(collector);
        return NULL;
}

IndexPage *index_collector_finish(IndexCollector *collector) {
        return TAKE_PTR(collector->page);
}
