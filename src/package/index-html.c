// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * No HTML parser: PEP 503 pages need three elements of a language whose full grammar is a liability.
 *
 *   text ──'<'──▶ "!--" … "-->"           comment, passed over
 *                 "!" or "?" … ">"        declaration, passed over
 *                 "/name" … ">"           end tag, passed over
 *                 name attributes ">"     start tag: a, base, meta are looked at
 *                                         script, style, title, textarea: all up to their end tag is text
 *                 anything else           a lone '<' is text
 *
 * Attributes are name, name=word, name="…", name='…'; values are decoded (five named entities and
 * numbers) into one buffer that lives as long as the tag. Only the attributes of interest are kept.
 * Strict where it matters: a tag, comment or raw text that the page ends in means that the page was cut
 * off, which is refused, because a list that lacks its end may lack the version that is wanted.
 * Limits: 16 KiB per decoded value. Time is linear in the page. */

#include <string.h>
#include <strings.h>

#include "basic/text.h"
#include "package/index-html.h"

enum {
        VALUE_SIZE_MAX = 16 * 1024
};

/* The attributes that mean something, of any element. */
typedef enum Attribute {
        ATTRIBUTE_HREF,
        ATTRIBUTE_REQUIRES_PYTHON,
        ATTRIBUTE_YANKED,
        ATTRIBUTE_CORE_METADATA,
        ATTRIBUTE_DIST_INFO_METADATA,
        ATTRIBUTE_NAME,
        ATTRIBUTE_CONTENT,
        _ATTRIBUTE_MAX,
        _ATTRIBUTE_INVALID = -EINVAL,
} Attribute;

static const char *const attribute_names[_ATTRIBUTE_MAX] = {
        [ATTRIBUTE_HREF] = "href",
        [ATTRIBUTE_REQUIRES_PYTHON] = "data-requires-python",
        [ATTRIBUTE_YANKED] = "data-yanked",
        [ATTRIBUTE_CORE_METADATA] = "data-core-metadata",
        [ATTRIBUTE_DIST_INFO_METADATA] = "data-dist-info-metadata",
        [ATTRIBUTE_NAME] = "name",
        [ATTRIBUTE_CONTENT] = "content",
};

typedef struct HtmlReader {
        IndexCollector *collector;
        const IndexSource *source;
        const char *at, *end;
        Builder values;                 /* all values of this tag, each terminated */
        size_t offsets[_ATTRIBUTE_MAX]; /* into @values, plus one; 0: absent */
        bool has_base;
        char *status; /* PEP 792, in two elements */
        char *reason;
} HtmlReader;

static bool is_space(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool text_equals_ignoring_case(Text text, const char *name) {
        return text.length == strlen(name) && strncasecmp(text.data, name, text.length) == 0;
}

static int html_refuse(const HtmlReader *reader, Fault *fault, const char *what) {
        return fault_set(
                        fault,
                        -EBADMSG,
                        FAULT_INDEX_INVALID,
                        reader->source->url,
                        "The index page of '%s' cannot be read: %s.",
                        reader->source->name,
                        what);
}

/* Moves behind the next @literal. False when there is none. */
static bool html_skip_past(HtmlReader *reader, const char *literal) {
        size_t n = strlen(literal);
        const char *found = memmem(reader->at, (size_t) (reader->end - reader->at), literal, n);

        if (!found)
                return false;
        reader->at = found + n;
        return true;
}

static void utf8_add(Builder *builder, uint32_t point) {
        if (point < 0x80)
                builder_add_char(builder, (char) point);
        else if (point < 0x800)
                builder_add_n(builder,
                              (char[]){ (char) (0xc0 | point >> 6), (char) (0x80 | (point & 63)) },
                              2);
        else if (point < 0x10000)
                builder_add_n(builder,
                              (char[]){
                                              (char) (0xe0 | point >> 12),
                                              (char) (0x80 | (point >> 6 & 63)),
                                              (char) (0x80 | (point & 63)),
                              },
                              3);
        else
                builder_add_n(builder,
                              (char[]){
                                              (char) (0xf0 | point >> 18),
                                              (char) (0x80 | (point >> 12 & 63)),
                                              (char) (0x80 | (point >> 6 & 63)),
                                              (char) (0x80 | (point & 63)),
                              },
                              4);
}

/* "#39" or "#x27" as a code point; 0 for what is none. */
static uint32_t number_entity(Text entity) {
        uint32_t base = 10, point = 0;
        size_t i = 1;

        if (entity.length > 1 && (entity.data[1] == 'x' || entity.data[1] == 'X')) {
                base = 16;
                i = 2;
        }
        if (i == entity.length)
                return 0;
        for (; i < entity.length; i++) {
                char c = entity.data[i];
                uint32_t digit = c >= '0' && c <= '9'  ? (uint32_t) (c - '0')
                                : c >= 'a' && c <= 'f' ? (uint32_t) (c - 'a' + 10)
                                : c >= 'A' && c <= 'F' ? (uint32_t) (c - 'A' + 10)
                                                       : 99;
                if (digit >= base || point > 0x10ffff)
                        return 0;
                point = point * base + digit;
        }
        return point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? 0 : point;
}

/* Decodes the entity behind '&' at @text; returns how much was consumed, 0 when it is plain text. */
static size_t entity_add(Builder *builder, Text text) {
        static const struct {
                const char *name;
                char character;
        } named[] = {
                { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' },
        };
        const char *semicolon = memchr(text.data, ';', MIN(text.length, (size_t) 12));

        if (!semicolon)
                return 0;
        Text entity = { text.data + 1, (size_t) (semicolon - text.data) - 1 };
        if (entity.length > 1 && entity.data[0] == '#') {
                uint32_t point = number_entity(entity);
                if (point == 0)
                        return 0;
                utf8_add(builder, point);
                return entity.length + 2;
        }
        for (size_t i = 0; i < ELEMENTSOF(named); i++)
                if (text_equals_string(entity, named[i].name)) {
                        builder_add_char(builder, named[i].character);
                        return entity.length + 2;
                }
        return 0;
}

/* Errors: -EBADMSG it holds a NUL or is too long. */
static int value_decode(Builder *values, Text raw) {
        if (raw.length > VALUE_SIZE_MAX || (raw.length > 0 && memchr(raw.data, '\0', raw.length)))
                return -EBADMSG;
        for (size_t i = 0; i < raw.length;) {
                size_t n = raw.data[i] == '&'
                                ? entity_add(values, (Text){ raw.data + i, raw.length - i })
                                : 0;
                if (n == 0) {
                        builder_add_char(values, raw.data[i]);
                        n = 1;
                }
                i += n;
        }
        builder_add_char(values, '\0');
        return values->failed ? -ENOMEM : 0;
}

/* The value behind '=', with or without quotes. False when the page ends in it. */
static bool html_read_value(HtmlReader *reader, Text *ret) {
        const char *start;

        while (reader->at < reader->end && is_space(*reader->at))
                reader->at++;
        if (reader->at == reader->end)
                return false;
        if (*reader->at == '"' || *reader->at == '\'') {
                char quote = *reader->at++;
                const char *close = memchr(reader->at, quote, (size_t) (reader->end - reader->at));
                if (!close)
                        return false;
                *ret = (Text){ reader->at, (size_t) (close - reader->at) };
                reader->at = close + 1;
                return true;
        }
        start = reader->at;
        while (reader->at < reader->end && !is_space(*reader->at) && *reader->at != '>')
                reader->at++;
        *ret = (Text){ start, (size_t) (reader->at - start) };
        return reader->at < reader->end;
}

static int html_keep_attribute(HtmlReader *reader, Text name, Text value) {
        for (size_t i = 0; i < _ATTRIBUTE_MAX; i++) {
                /* The first of a name counts, as in browsers. */
                if (reader->offsets[i] > 0 || !text_equals_ignoring_case(name, attribute_names[i]))
                        continue;
                reader->offsets[i] = reader->values.length + 1;
                return value_decode(&reader->values, value);
        }
        return 0;
}

/* Reads attributes up to and with '>'. Errors: -EBADMSG. */
static int html_read_attributes(HtmlReader *reader, Fault *fault) {
        int r;

        reader->values.length = 0;
        memset(reader->offsets, 0, sizeof(reader->offsets));
        for (;;) {
                Text value = {};

                while (reader->at < reader->end && (is_space(*reader->at) || *reader->at == '/'))
                        reader->at++;
                if (reader->at == reader->end)
                        return html_refuse(reader, fault, "it ends inside a tag");
                if (*reader->at == '>') {
                        reader->at++;
                        return 0;
                }
                const char *start = reader->at;
                /* A stray '=' begins a name, so every turn consumes something. */
                do
                        reader->at++;
                while (reader->at < reader->end && !is_space(*reader->at) &&
                       !strchr("=/>", *reader->at));
                Text name = { start, (size_t) (reader->at - start) };
                while (reader->at < reader->end && is_space(*reader->at))
                        reader->at++;
                if (reader->at < reader->end && *reader->at == '=') {
                        reader->at++;
                        if (!html_read_value(reader, &value))
                                return html_refuse(reader, fault, "it ends inside a tag");
                }
                r = html_keep_attribute(reader, name, value);
                if (r == -EBADMSG)
                        return html_refuse(
                                        reader, fault, "an attribute is too long or holds a NUL");
                if (r < 0)
                        return r;
        }
}

static const char *html_attribute(const HtmlReader *reader, Attribute attribute) {
        size_t offset = reader->offsets[attribute];

        return offset > 0 ? reader->values.data + offset - 1 : NULL;
}

/* The digits of "sha256=…" among the parts of @text; a view that is not terminated. */
static Text find_sha256(Text text) {
        Text part;

        while (text_cut(&text, '&', &part))
                if (text_starts_with(part, "sha256="))
                        return (Text){ part.data + strlen("sha256="),
                                       part.length - strlen("sha256=") };
        return (Text){};
}

static int html_anchor(HtmlReader *reader, Fault *fault) {
        _cleanup_(freep) char *sha256 = NULL, *metadata_sha256 = NULL;
        const char *metadata, *fragment;
        IndexLink link = {
                .href = html_attribute(reader, ATTRIBUTE_HREF),
                .requires_python = html_attribute(reader, ATTRIBUTE_REQUIRES_PYTHON),
                .yanked = html_attribute(reader, ATTRIBUTE_YANKED),
        };

        if (!link.href)
                return 0;
        fragment = strchr(link.href, '#');
        if (fragment) {
                Text digits = find_sha256(text_of(fragment + 1));
                if (digits.data && !(sha256 = text_to_string(digits)))
                        return -ENOMEM;
                link.sha256 = sha256;
        }
        metadata = html_attribute(reader, ATTRIBUTE_CORE_METADATA)
                        ?: html_attribute(reader, ATTRIBUTE_DIST_INFO_METADATA);
        if (metadata) {
                Text digits = find_sha256(text_of(metadata));
                if (digits.data && !(metadata_sha256 = text_to_string(digits)))
                        return -ENOMEM;
                link.metadata_sha256 = metadata_sha256;
                link.has_metadata = digits.data || streq(metadata, "true");
        }
        return index_collector_add(reader->collector, &link, fault);
}

static int html_meta(HtmlReader *reader, Fault *fault) {
        const char *name = html_attribute(reader, ATTRIBUTE_NAME);
        const char *content = html_attribute(reader, ATTRIBUTE_CONTENT);
        char **slot = NULL;

        if (!name || !content)
                return 0;
        if (streq(name, "pypi:repository-version"))
                return index_collector_check_version(reader->collector, content, fault);
        if (streq(name, "pypi:project-status"))
                slot = &reader->status;
        else if (streq(name, "pypi:project-status-reason"))
                slot = &reader->reason;
        if (slot && !*slot && !(*slot = strdup(content)))
                return -ENOMEM;
        return 0;
}

/* <title>, <script> and the like hold text, whatever it looks like. */
static bool html_skip_raw_text(HtmlReader *reader, Text name) {
        while (html_skip_past(reader, "</")) {
                size_t n_left = (size_t) (reader->end - reader->at);

                if (n_left > name.length && strncasecmp(reader->at, name.data, name.length) == 0 &&
                    !is_letter(reader->at[name.length]))
                        return html_skip_past(reader, ">");
        }
        return false;
}

static int html_start_tag(HtmlReader *reader, Fault *fault) {
        static const char *const raw[] = { "script", "style", "title", "textarea" };
        const char *start = reader->at;
        int r;

        while (reader->at < reader->end && !is_space(*reader->at) && !strchr("/>", *reader->at))
                reader->at++;
        Text name = { start, (size_t) (reader->at - start) };
        r = html_read_attributes(reader, fault);
        if (r < 0)
                return r;
        if (text_equals_ignoring_case(name, "a"))
                return html_anchor(reader, fault);
        if (text_equals_ignoring_case(name, "meta"))
                return html_meta(reader, fault);
        if (text_equals_ignoring_case(name, "base")) {
                const char *href = html_attribute(reader, ATTRIBUTE_HREF);
                /* Only the first counts. */
                if (!href || reader->has_base)
                        return 0;
                reader->has_base = true;
                return index_collector_set_base(reader->collector, href, fault);
        }
        for (size_t i = 0; i < ELEMENTSOF(raw); i++)
                if (text_equals_ignoring_case(name, raw[i]) && !html_skip_raw_text(reader, name))
                        return html_refuse(reader, fault, "it ends inside an element");
        return 0;
}

/* One construct that begins with '<'; @at stands behind it. */
static int html_markup(HtmlReader *reader, Fault *fault) {
        size_t n_left = (size_t) (reader->end - reader->at);
        bool ended = true;

        if (n_left == 0)
                return html_refuse(reader, fault, "it ends inside a tag");
        if (n_left >= 3 && memcmp(reader->at, "!--", 3) == 0) {
                reader->at += 3;
                ended = html_skip_past(reader, "-->");
        } else if (*reader->at == '!' || *reader->at == '?')
                ended = html_skip_past(reader, ">");
        else if (*reader->at == '/') {
                reader->at++;
                return html_read_attributes(reader, fault);
        } else if (is_letter(*reader->at))
                return html_start_tag(reader, fault);
        return ended ? 0 : html_refuse(reader, fault, "it ends inside a comment or declaration");
}

static int html_read(HtmlReader *reader, Fault *fault) {
        int r;

        while (html_skip_past(reader, "<")) {
                r = html_markup(reader, fault);
                if (r < 0)
                        return r;
        }
        return reader->status ? index_collector_set_status(
                                                reader->collector, reader->status, reader->reason)
                              : 0;
}

int index_html_read(
                IndexCollector *collector,
                const IndexSource *source,
                const void *data,
                size_t size_bytes,
                Fault *fault) {
        HtmlReader reader = {
                .collector = collector,
                .source = source,
                .at = data,
                .end = (const char *) data + size_bytes,
        };
        int r = html_read(&reader, fault);

        builder_done(&reader.values);
        free(reader.status);
        free(reader.reason);
        return r;
}
