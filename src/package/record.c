// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "basic/table.h"
#include "package/record.h"

struct Record {
        Arena *arena;
        Table *paths;
        RecordEntry *entries;
        size_t n_entries;
        size_t n_allocated;
};

enum {
        FIELDS = 3
};

/* Where the reader is: one line is at most RECORD_SIZE_MAX bytes, as quoted fields may hold newlines. */
typedef struct Reader {
        Text rest;
        size_t line;
        const char *subject;
        Arena *arena;
} Reader;

static int refuse(const Reader *reader, Fault *fault, const char *reason) {
        return fault_set(
                        fault,
                        -EBADMSG,
                        FAULT_WHEEL_INVALID,
                        reader->subject,
                        "RECORD is wrong in line %zu: %s.",
                        reader->line,
                        reason);
}

Record *record_free(Record *record) {
        if (!record)
                return NULL;
        free(record->entries);
        (void) table_free(record->paths);
        (void) arena_free(record->arena);
        free(record);
        return NULL;
}

static void skip(Reader *reader, size_t n) {
        reader->rest.data += n;
        reader->rest.length -= n;
}

/* The position of the quote that closes the field, or the length if there is none. */
static size_t find_closing_quote(Text text) {
        size_t i;

        for (i = 1; i < text.length; i++) {
                if (text.data[i] != '"')
                        continue;
                if (i + 1 >= text.length || text.data[i + 1] != '"')
                        break;
                i++;
        }
        return i;
}

/* "a ""quoted"" field": copies it without the outer quotes and the doubling of the inner ones. */
static int read_quoted(Reader *reader, Text *ret, Fault *fault) {
        size_t end = find_closing_quote(reader->rest), n = 0;
        const char *data = reader->rest.data;
        char *copy;

        if (end >= reader->rest.length)
                return refuse(reader, fault, "a quote is never closed");
        copy = arena_allocate(reader->arena, end);
        if (!copy)
                return -ENOMEM;
        for (size_t i = 1; i < end; i++) {
                copy[n++] = data[i];
                if (data[i] == '"')
                        i++; /* the second of a pair */
        }
        skip(reader, end + 1);
        *ret = (Text){ copy, n };
        return 0;
}

static void read_plain(Reader *reader, Text *ret) {
        size_t n = 0;

        while (n < reader->rest.length && !strchr(",\r\n", reader->rest.data[n]))
                n++;
        *ret = (Text){ reader->rest.data, n };
        skip(reader, n);
}

/* Moves past the end of a line: true if there was one, or the text has ended. */
static bool read_line_end(Reader *reader) {
        if (reader->rest.length == 0)
                return true;
        if (reader->rest.length >= 2 && reader->rest.data[0] == '\r' &&
            reader->rest.data[1] == '\n')
                skip(reader, 2);
        else if (reader->rest.data[0] == '\n' || reader->rest.data[0] == '\r')
                skip(reader, 1);
        else
                return false;
        return true;
}

static int read_line(Reader *reader, Text fields[static FIELDS], Fault *fault) {
        size_t n = 0;
        int r;

        for (size_t i = 0; i < FIELDS; i++)
                fields[i] = (Text){ "", 0 };
        for (;;) {
                if (n >= FIELDS)
                        return refuse(reader, fault, "it has more than three fields");
                if (reader->rest.length > 0 && reader->rest.data[0] == '"') {
                        r = read_quoted(reader, &fields[n], fault);
                        if (r < 0)
                                return r;
                } else
                        read_plain(reader, &fields[n]);
                n++;
                if (read_line_end(reader))
                        return 0;
                if (reader->rest.data[0] != ',')
                        return refuse(reader, fault, "a quoted field is followed by text");
                skip(reader, 1);
        }
}

static int read_digest(const Reader *reader, Text field, RecordEntry *entry, Fault *fault) {
        static const char prefix[] = "sha256=";
        Text value;

        if (field.length == 0)
                return 0;
        if (!text_starts_with(field, prefix))
                return refuse(reader, fault, "its digest is not SHA-256");
        value = (Text){ field.data + strlen(prefix), field.length - strlen(prefix) };
        /* Some writers keep the padding that the specification takes off. */
        while (value.length > 0 && value.data[value.length - 1] == '=')
                value.length--;
        if (digest_from_base64url(value, &entry->digest) < 0)
                return refuse(reader, fault, "its digest is malformed");
        entry->has_digest = true;
        return 0;
}

static int add_entry(Record *record, const Reader *reader, const Text *fields, Fault *fault) {
        RecordEntry entry = {};
        int r;

        if (fields[0].length == 0)
                return refuse(reader, fault, "it has no path");
        if (memchr(fields[0].data, '\0', fields[0].length))
                return refuse(reader, fault, "its path is malformed");
        r = read_digest(reader, fields[1], &entry, fault);
        if (r < 0)
                return r;
        if (fields[2].length > 0) {
                if (text_to_u64(fields[2], &entry.size_bytes) < 0)
                        return refuse(reader, fault, "its size is not a number");
                entry.has_size = true;
        }
        entry.path = arena_text_n(record->arena, fields[0].data, fields[0].length);
        if (!entry.path)
                return -ENOMEM;
        if (table_has(record->paths, entry.path))
                return refuse(reader, fault, "its path was there before");
        if (record->n_entries >= RECORD_ENTRIES_MAX)
                return refuse(reader, fault, "there are too many files");
        r = ARRAY_RESERVE(record->entries, record->n_allocated, record->n_entries + 1);
        if (r < 0)
                return r;
        record->entries[record->n_entries++] = entry;
        /* Entries move when the array grows, so the table holds positions, from 1. */
        return table_add(record->paths, entry.path, (void *) (uintptr_t) record->n_entries);
}

int record_parse(Text text, const char *subject, Record **ret, Fault *fault) {
        _cleanup_(record_freep) Record *record = new0(Record, 1);
        Reader reader = { .rest = text, .subject = subject };
        Text fields[FIELDS];
        int r;

        if (!record)
                return -ENOMEM;
        record->arena = arena_new();
        record->paths = table_new();
        if (!record->arena || !record->paths)
                return -ENOMEM;
        reader.arena = record->arena;
        if (text.length > RECORD_SIZE_MAX)
                return refuse(&reader, fault, "it is too long");
        while (reader.rest.length > 0) {
                reader.line++;
                if (read_line_end(&reader))
                        continue; /* an empty line */
                r = read_line(&reader, fields, fault);
                if (r < 0)
                        return r;
                r = add_entry(record, &reader, fields, fault);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(record);
        return 0;
}

size_t record_count(const Record *record) {
        return record->n_entries;
}

const RecordEntry *record_get(const Record *record, size_t i) {
        return i < record->n_entries ? &record->entries[i] : NULL;
}

const RecordEntry *record_find(const Record *record, const char *path) {
        uintptr_t position = (uintptr_t) table_find(record->paths, path);

        return position > 0 ? &record->entries[position - 1] : NULL;
}

void record_add_line(
                Builder *builder,
                const char *path,
                const Digest *digest,
                uint64_t size_bytes) {
        char encoded[44];

        if (strpbrk(path, ",\"\r\n")) {
                builder_add_char(builder, '"');
                for (const char *c = path; *c; c++) {
                        if (*c == '"')
                                builder_add_char(builder, '"');
                        builder_add_char(builder, *c);
                }
                builder_add_char(builder, '"');
        } else
                builder_add(builder, path);
        if (digest) {
                digest_to_base64url(digest, encoded);
                builder_add_format(
                                builder,
                                ",sha256=%s,%llu\n",
                                encoded,
                                (unsigned long long) size_bytes);
        } else
                builder_add(builder, ",,\n");
}
