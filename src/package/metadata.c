// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * METADATA is a header block in the manner of RFC 822 up to the first empty line; the description
 * that may follow is not looked at. The block is read twice: once to count the fields that repeat,
 * so that their arrays have their size, and once to take the values. A line that begins with white
 * space continues the one before; for the fields that are used, the line break and the white space
 * around it become one space.
 *
 * A line that is neither field nor continuation ends the block like an empty one, as it does for
 * Python's email parser, which installers use: there are wheels whose licence text runs into the
 * header. */

#include <stdarg.h>
#include <stdio.h>

#include "basic/fault.h"
#include "package/metadata.h"
#include "package/name.h"
#include "package/version.h"

typedef enum Field {
        FIELD_METADATA_VERSION,
        FIELD_NAME,
        FIELD_VERSION,
        FIELD_REQUIRES_PYTHON,
        FIELD_REQUIRES_DIST,
        FIELD_PROVIDES_EXTRA,
        FIELD_DYNAMIC,
        _FIELD_MAX,
        _FIELD_INVALID = -EINVAL,
} Field;

static const char *const field_names[_FIELD_MAX] = {
        [FIELD_METADATA_VERSION] = "metadata-version",
        [FIELD_NAME] = "name",
        [FIELD_VERSION] = "version",
        [FIELD_REQUIRES_PYTHON] = "requires-python",
        [FIELD_REQUIRES_DIST] = "requires-dist",
        [FIELD_PROVIDES_EXTRA] = "provides-extra",
        [FIELD_DYNAMIC] = "dynamic",
};

typedef struct Reader {
        Text rest;
        uint32_t line; /* of the field last read */
        uint32_t next_line;
        const char *subject;
        Fault *fault;
} Reader;

static _printf_(2, 3) int fail(const Reader *reader, const char *format, ...) {
        char sentence[256], subject[512];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        (void) snprintf(subject,
                        sizeof(subject),
                        reader->line > 0 ? "%s:%u" : "%s",
                        reader->subject,
                        reader->line);

        return fault_set(reader->fault, -EBADMSG, FAULT_METADATA_INVALID, subject, "%s", sentence);
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

static bool is_field_byte(char c) {
        return c > ' ' && c < 0x7f && c != ':';
}

static Text cut_line(Reader *reader) {
        Text line;

        (void) text_cut(&reader->rest, '\n', &line);
        reader->next_line++;
        if (line.length > 0 && line.data[line.length - 1] == '\r')
                line.length--;
        return line;
}

/* The next field with all its lines. Returns false at the end of the block. */
static bool next_field(Reader *reader, Text *ret_name, Text *ret_value) {
        size_t length = 0;
        Text line;

        if (!reader->rest.data || reader->rest.length == 0)
                return false;

        reader->line = reader->next_line;
        line = cut_line(reader);
        if (line.length == 0)
                return false;

        while (length < line.length && is_field_byte(line.data[length]))
                length++;
        if (length == 0 || length == line.length || line.data[length] != ':')
                return false;

        *ret_name = (Text){ line.data, length };
        *ret_value = (Text){ line.data + length + 1, line.length - length - 1 };
        while (reader->rest.data && reader->rest.length > 0 && is_blank(reader->rest.data[0])) {
                line = cut_line(reader);
                ret_value->length = (size_t) (line.data + line.length - ret_value->data);
        }

        return true;
}

static Field field_of_name(Text name) {
        for (Field field = 0; field < _FIELD_MAX; field++) {
                const char *known = field_names[field];
                size_t i = 0;

                if (strlen(known) != name.length)
                        continue;
                while (i < name.length && (name.data[i] | 0x20) == (known[i] | 0x20))
                        i++;
                if (i == name.length)
                        return field;
        }

        return _FIELD_INVALID;
}

/* A copy on one line. */
static int unfold(const Reader *reader, Arena *memory, Text value, const char **ret) {
        size_t length = 0;
        char *text;

        value = text_strip(value);
        if (utf8_check(value.data, value.length, NULL) < 0)
                return fail(reader, "The value is not UTF-8.");
        text = arena_allocate(memory, value.length + 1);
        if (!text)
                return -ENOMEM;

        for (size_t i = 0; i < value.length; i++) {
                char c = value.data[i];

                if (c == '\r' || c == '\n') {
                        while (length > 0 && is_blank(text[length - 1]))
                                length--;
                        while (i + 1 < value.length &&
                               (is_blank(value.data[i + 1]) || value.data[i + 1] == '\n' ||
                                value.data[i + 1] == '\r'))
                                i++;
                        c = ' ';
                } else if (c == '\0' || c == 0x7f || ((unsigned char) c < 0x20 && c != '\t'))
                        return fail(reader, "The value holds a control character.");
                text[length++] = c;
        }

        text[length] = '\0';
        *ret = text;
        return 0;
}

static int count_fields(Reader reader, size_t counts[static _FIELD_MAX]) {
        Text name, value;
        size_t n_all = 0;

        while (next_field(&reader, &name, &value)) {
                Field field = field_of_name(name);

                if (++n_all > METADATA_ITEMS_MAX) {
                        (void) fail(&reader, "There are more than %d fields.", METADATA_ITEMS_MAX);
                        return -E2BIG;
                }
                if (field >= 0)
                        counts[field]++;
        }

        for (Field field = FIELD_METADATA_VERSION; field <= FIELD_REQUIRES_PYTHON; field++)
                if (counts[field] > 1) {
                        reader.line = 0;
                        return fail(&reader, "The field '%s' is there twice.", field_names[field]);
                }

        return 0;
}

static int lower_text(char *text) {
        for (; *text; text++)
                if (*text >= 'A' && *text <= 'Z')
                        *text = (char) (*text | 0x20);

        return 0;
}

static int take_field(const Reader *reader, Metadata *metadata, Field field, Text value) {
        const char *text = NULL;
        int r;

        r = unfold(reader, metadata->memory, value, &text);
        if (r < 0)
                return r;

        switch (field) {
        case FIELD_METADATA_VERSION:
                metadata->metadata_version = text;
                return 0;
        case FIELD_NAME:
                metadata->name = text;
                return 0;
        case FIELD_VERSION:
                metadata->version = text;
                return 0;
        case FIELD_REQUIRES_PYTHON:
                /* "UNKNOWN" and nothing are what old setuptools wrote for "not said". */
                if (*text && !streq(text, "UNKNOWN"))
                        metadata->requires_python = text;
                return 0;
        case FIELD_REQUIRES_DIST:
                ((const char **) metadata->requires_dist)[metadata->n_requires_dist++] = text;
                return 0;
        case FIELD_PROVIDES_EXTRA:
                ((const char **) metadata->provides_extra)[metadata->n_provides_extra++] = text;
                return 0;
        default:
                ((const char **) metadata->dynamic)[metadata->n_dynamic++] = text;
                return lower_text((char *) text);
        }
}

static int check_metadata(Reader *reader, const Metadata *metadata) {
        const Version *version;
        int r;

        reader->line = 0;
        if (!metadata->metadata_version)
                return fail(reader, "The field 'Metadata-Version' is missing.");
        if (!(metadata->metadata_version[0] == '1' || metadata->metadata_version[0] == '2') ||
            metadata->metadata_version[1] != '.')
                return fail(reader,
                            "'%.40s' is not a version of core metadata that can be read here.",
                            metadata->metadata_version);

        if (!metadata->name || !name_is_valid(text_of(metadata->name)))
                return fail(reader,
                            metadata->name ? "The field 'Name' holds no name."
                                           : "The field 'Name' is missing.");
        if (!metadata->version)
                return fail(reader, "The field 'Version' is missing.");
        r = version_parse(metadata->memory, text_of(metadata->version), &version);
        if (r == -ENOMEM)
                return r;
        return r < 0 ? fail(reader, "'%.80s' is not a version.", metadata->version) : 0;
}

static int parse(Reader *reader, Metadata *metadata) {
        size_t counts[_FIELD_MAX] = {};
        Text name, value;
        int r;

        r = count_fields(*reader, counts);
        if (r < 0)
                return r;

        metadata->requires_dist = arena_new_array(
                        metadata->memory, const char *, counts[FIELD_REQUIRES_DIST] + 1);
        metadata->provides_extra = arena_new_array(
                        metadata->memory, const char *, counts[FIELD_PROVIDES_EXTRA] + 1);
        metadata->dynamic =
                        arena_new_array(metadata->memory, const char *, counts[FIELD_DYNAMIC] + 1);
        if (!metadata->requires_dist || !metadata->provides_extra || !metadata->dynamic)
                return -ENOMEM;

        while (next_field(reader, &name, &value)) {
                Field field = field_of_name(name);

                if (field < 0)
                        continue;
                r = take_field(reader, metadata, field, value);
                if (r < 0)
                        return r;
        }

        return check_metadata(reader, metadata);
}

int metadata_parse(
                const char *data,
                size_t size_bytes,
                const char *subject,
                Metadata **ret,
                Fault *fault) {
        _cleanup_(metadata_freep) Metadata *metadata = NULL;
        Reader reader = {
                .rest = { data, size_bytes },
                .next_line = 1,
                .subject = subject,
                .fault = fault,
        };
        int r;

        if (size_bytes > METADATA_SIZE_MAX) {
                (void) fail(&reader,
                            "The file is larger than %d MiB.",
                            METADATA_SIZE_MAX / 1024 / 1024);
                return -E2BIG;
        }
        if (size_bytes >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
                reader.rest = (Text){ data + 3, size_bytes - 3 };

        metadata = new0(Metadata, 1);
        if (!metadata)
                return -ENOMEM;
        metadata->memory = arena_new();
        if (!metadata->memory)
                return -ENOMEM;

        r = parse(&reader, metadata);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(metadata);
        return 0;
}

Metadata *metadata_free(Metadata *metadata) {
        if (!metadata)
                return NULL;

        arena_free(metadata->memory);
        free(metadata);
        return NULL;
}
