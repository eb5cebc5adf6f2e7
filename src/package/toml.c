// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * The document is read line by line from front to back, once. `section` is the table that
 * key/value lines go to: the root, or what the last [header] named.
 *
 *   [a.b]      walk from the root, making IMPLICIT tables on the way; the last one becomes HEADER
 *   [[a.b]]    the same; the last is an array with origin HEADER that gets one more table
 *   a.b = 1    walk from the section, making DOTTED tables; those and only those may be walked again
 *   { a = 1 }  an INLINE table: complete when it is closed, nothing may be added later
 *
 * A name defined twice is found because only these walks add entries: a header may complete an
 * IMPLICIT table, once; everything else that exists already is an error which names the line of
 * the first.
 *
 * Everything lives in one arena, except the hash tables of tables with more than INDEX_MIN
 * entries, so hostile documents cannot make the search for duplicates slow. Recursion (arrays and
 * inline tables in each other) ends at TOML_DEPTH_MAX, as does the depth that headers and dotted
 * keys can build; the number of values ends at TOML_VALUES_MAX. */

#include <stdio.h>

#include "basic/fault.h"
#include "package/toml-scalar.h"
#include "package/toml.h"

enum {
        INDEX_MIN = 16
};

struct TomlDocument {
        Arena *memory;
        TomlValue *root;
        Table **indexes;
        size_t n_indexes;
        size_t n_indexes_allocated;
};

typedef struct Parser {
        TomlReader reader;
        TomlDocument *document;
        TomlValue *section;
} Parser;

/* A dotted key. */
typedef struct Key {
        Text parts[TOML_DEPTH_MAX];
        size_t n_parts;
        uint32_t line;
        size_t start;
} Key;

TomlDocument *toml_free(TomlDocument *document) {
        if (!document)
                return NULL;

        for (size_t i = 0; i < document->n_indexes; i++)
                table_free(document->indexes[i]);
        free(document->indexes);
        arena_free(document->memory);
        free(document);
        return NULL;
}

const TomlValue *toml_get_root(const TomlDocument *document) {
        return document->root;
}

/* Arrays of pointers in the arena grow when their length is a power of two. */
static int grow(Arena *memory, void ***items, size_t n_items) {
        void **larger;

        if (n_items & (n_items - 1))
                return 0;

        larger = arena_new_array(memory, void *, n_items == 0 ? 1 : n_items * 2);
        if (!larger)
                return -ENOMEM;

        if (n_items > 0)
                memcpy(larger, *items, n_items * sizeof(*larger));
        *items = larger;
        return 0;
}

static int
new_value(Parser *parser, TomlType type, TomlOrigin origin, uint32_t depth, TomlValue **ret) {
        TomlReader *reader = &parser->reader;
        TomlValue *value;

        if (++reader->n_values > TOML_VALUES_MAX)
                return toml_fail_limit(
                                reader,
                                reader->position,
                                "The document has more than %d values.",
                                TOML_VALUES_MAX);
        if (depth > TOML_DEPTH_MAX)
                return toml_fail_limit(
                                reader,
                                reader->position,
                                "Values are nested more than %d deep.",
                                TOML_DEPTH_MAX);

        value = arena_new_array(reader->memory, TomlValue, 1);
        if (!value)
                return -ENOMEM;

        *value = (TomlValue){
                .type = type, .origin = origin, .line = reader->line, .depth = depth
        };
        *ret = value;
        return 0;
}

static int array_add(Parser *parser, TomlValue *array, TomlValue *item) {
        int r;

        r = grow(parser->reader.memory, (void ***) &array->array.items, array->array.n_items);
        if (r < 0)
                return r;

        array->array.items[array->array.n_items++] = item;
        return 0;
}

static int start_index(TomlDocument *document, TomlValue *table) {
        int r;

        r = ARRAY_RESERVE(
                        document->indexes, document->n_indexes_allocated, document->n_indexes + 1);
        if (r < 0)
                return r;

        table->table.index = table_new();
        if (!table->table.index)
                return -ENOMEM;
        document->indexes[document->n_indexes++] = table->table.index;

        for (size_t i = 0; i < table->table.n_entries; i++) {
                r = table_add(table->table.index,
                              table->table.entries[i]->name,
                              table->table.entries[i]);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* The key as a C string that is still unique: 0xff is in no UTF-8. */
static const char *key_name(Arena *memory, Text key) {
        char *name;

        if (!memchr(key.data, '\0', key.length))
                return key.data;

        name = arena_text_n(memory, key.data, key.length);
        for (size_t i = 0; name && i < key.length; i++)
                if (name[i] == '\0')
                        name[i] = (char) 0xff;
        return name;
}

static int
table_insert(Parser *parser,
             TomlValue *table,
             const Key *key,
             const char *name,
             Text part,
             TomlValue *value) {
        TomlEntry *entry;
        int r;

        entry = arena_new_array(parser->reader.memory, TomlEntry, 1);
        if (!entry)
                return -ENOMEM;
        *entry = (TomlEntry){
                .key = part, .name = name, .line = key->line, .start = key->start, .value = value
        };

        r = grow(parser->reader.memory, (void ***) &table->table.entries, table->table.n_entries);
        if (r < 0)
                return r;
        table->table.entries[table->table.n_entries++] = entry;

        if (table->table.index)
                return table_add(table->table.index, entry->name, entry);
        if (table->table.n_entries > INDEX_MIN)
                return start_index(parser->document, table);
        return 0;
}

static void skip_blank(TomlReader *reader) {
        while (toml_peek(reader, 0) == ' ' || toml_peek(reader, 0) == '\t')
                reader->position++;
}

static int skip_comment(TomlReader *reader) {
        int c;

        if (toml_peek(reader, 0) != '#')
                return 0;

        while ((c = toml_peek(reader, 0)) >= 0 && c != '\n') {
                if (c == '\r' && toml_peek(reader, 1) == '\n')
                        break;
                if ((c < 0x20 && c != '\t') || c == 0x7f)
                        return toml_fail(
                                        reader,
                                        reader->position,
                                        "A comment cannot hold the control character 0x%02x.",
                                        (unsigned) c);
                reader->position++;
        }

        return 0;
}

/* White space, newlines and comments, as arrays have them between items. */
static int skip_space(TomlReader *reader) {
        int r;

        do {
                skip_blank(reader);
                r = skip_comment(reader);
                if (r < 0)
                        return r;
        } while (toml_skip_newline(reader));

        return 0;
}

static bool is_bare_key_byte(int c) {
        return toml_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                        c == '-';
}

static int read_key_part(TomlReader *reader, Text *ret) {
        int c = toml_peek(reader, 0);
        size_t start = reader->position;
        char *text;

        if (c == '"' || c == '\'')
                return toml_read_string(reader, true, ret);

        while (is_bare_key_byte(toml_peek(reader, 0)))
                reader->position++;
        if (reader->position == start)
                return toml_fail(
                                reader,
                                start,
                                c >= 0x80 ? "A key with letters beyond ASCII needs quotes."
                                          : "A key is missing here.");

        text = arena_text_n(reader->memory, reader->data + start, reader->position - start);
        if (!text)
                return -ENOMEM;
        *ret = (Text){ text, reader->position - start };
        return 0;
}

static int read_key(TomlReader *reader, Key *key) {
        int r;

        key->n_parts = 0;
        key->line = reader->line;
        key->start = reader->position;

        for (;;) {
                if (key->n_parts >= ELEMENTSOF(key->parts))
                        return toml_fail_limit(
                                        reader,
                                        reader->position,
                                        "A key has more than %d parts.",
                                        TOML_DEPTH_MAX);
                r = read_key_part(reader, &key->parts[key->n_parts]);
                if (r < 0)
                        return r;
                key->n_parts++;

                skip_blank(reader);
                if (toml_peek(reader, 0) != '.')
                        return 0;
                reader->position++;
                skip_blank(reader);
        }
}

static int fail_duplicate(Parser *parser, const Key *key, Text part, uint32_t line) {
        return toml_fail(
                        &parser->reader,
                        key->start,
                        "'%.*s' is already defined in line %u.",
                        (int) MIN(part.length, 80U),
                        part.data,
                        line);
}

/* Where one part of a key leads: into the table that is there, or a new one with @origin. */
static int
walk_part(Parser *parser, TomlValue **table, const Key *key, size_t n_part, TomlOrigin origin) {
        Text part = key->parts[n_part];
        TomlValue *next;
        TomlEntry *entry;
        const char *name;
        int r;

        name = key_name(parser->reader.memory, part);
        if (!name)
                return -ENOMEM;

        entry = toml_find_in(*table, name);
        if (!entry) {
                r = new_value(parser, TOML_TABLE, origin, (*table)->depth + 1, &next);
                if (r < 0)
                        return r;
                r = table_insert(parser, *table, key, name, part, next);
                if (r < 0)
                        return r;
                *table = next;
                return 0;
        }

        next = entry->value;
        if (origin != TOML_DOTTED && next->type == TOML_ARRAY && next->origin == TOML_HEADER)
                next = next->array.items[next->array.n_items - 1];
        if (next->type != TOML_TABLE || next->origin == TOML_INLINE ||
            (origin == TOML_DOTTED && next->origin != TOML_DOTTED))
                return fail_duplicate(parser, key, part, entry->line);

        *table = next;
        return 0;
}

static int read_value(Parser *parser, uint32_t depth, TomlValue **ret);

/* key = value, into @table. */
static int read_pair(Parser *parser, TomlValue *table) {
        TomlReader *reader = &parser->reader;
        TomlEntry *entry;
        TomlValue *value;
        const char *name;
        Text part;
        Key key;
        int r;

        r = read_key(reader, &key);
        if (r < 0)
                return r;
        if (toml_peek(reader, 0) != '=')
                return toml_fail(reader, reader->position, "A key must be followed by '='.");
        reader->position++;
        skip_blank(reader);

        for (size_t i = 0; i + 1 < key.n_parts; i++) {
                r = walk_part(parser, &table, &key, i, TOML_DOTTED);
                if (r < 0)
                        return r;
        }

        part = key.parts[key.n_parts - 1];
        name = key_name(reader->memory, part);
        if (!name)
                return -ENOMEM;
        entry = toml_find_in(table, name);
        if (entry)
                return fail_duplicate(parser, &key, part, entry->line);

        r = read_value(parser, table->depth + 1, &value);
        if (r < 0)
                return r;
        return table_insert(parser, table, &key, name, part, value);
}

/* At '['. */
static int read_array(Parser *parser, TomlValue *array) {
        TomlReader *reader = &parser->reader;
        size_t start = reader->position;
        TomlValue *item;
        int c, r;

        array->type = TOML_ARRAY;
        array->origin = TOML_INLINE;
        reader->position++;

        for (;;) {
                r = skip_space(reader);
                if (r < 0)
                        return r;
                if (toml_peek(reader, 0) == ']')
                        break;
                if (toml_peek(reader, 0) < 0)
                        return toml_fail(reader, start, "The array is not closed.");

                r = read_value(parser, array->depth + 1, &item);
                if (r < 0)
                        return r;
                r = array_add(parser, array, item);
                if (r < 0)
                        return r;
                r = skip_space(reader);
                if (r < 0)
                        return r;

                c = toml_peek(reader, 0);
                if (c == ',')
                        reader->position++;
                else if (c != ']')
                        return c < 0 ? toml_fail(reader, start, "The array is not closed.")
                                     : toml_fail(reader,
                                                 reader->position,
                                                 "Items of an array are separated by ','.");
        }

        reader->position++;
        return 0;
}

/* At '{'. TOML 1.0: on one line, without a comma behind the last pair. */
static int read_inline_table(Parser *parser, TomlValue *table) {
        TomlReader *reader = &parser->reader;
        size_t start = reader->position;
        int r;

        table->type = TOML_TABLE;
        table->origin = TOML_INLINE;
        reader->position++;
        skip_blank(reader);

        if (toml_peek(reader, 0) != '}')
                for (;;) {
                        r = read_pair(parser, table);
                        if (r < 0)
                                return r;
                        skip_blank(reader);
                        if (toml_peek(reader, 0) != ',')
                                break;
                        reader->position++;
                        skip_blank(reader);
                }

        if (toml_peek(reader, 0) != '}')
                return toml_fail(
                                reader,
                                toml_peek(reader, 0) < 0 ? start : reader->position,
                                "An inline table must be closed by '}' on its line.");
        reader->position++;
        return 0;
}

static int read_value(Parser *parser, uint32_t depth, TomlValue **ret) {
        TomlReader *reader = &parser->reader;
        TomlValue *value;
        int c, r;

        r = new_value(parser, TOML_STRING, TOML_INLINE, depth, &value);
        if (r < 0)
                return r;

        value->start = reader->position;
        c = toml_peek(reader, 0);
        if (c == '[')
                r = read_array(parser, value);
        else if (c == '{')
                r = read_inline_table(parser, value);
        else
                r = toml_read_scalar(reader, value);
        if (r < 0)
                return r;

        value->end = reader->position;
        *ret = value;
        return 0;
}

/* The last part of [a.b]: a table that has no header yet, or a new one. */
static int open_table(Parser *parser, TomlValue *parent, const Key *key) {
        size_t last = key->n_parts - 1;
        TomlEntry *entry;
        const char *name;
        int r;

        name = key_name(parser->reader.memory, key->parts[last]);
        if (!name)
                return -ENOMEM;

        entry = toml_find_in(parent, name);
        if (entry && (entry->value->type != TOML_TABLE || entry->value->origin != TOML_IMPLICIT))
                return fail_duplicate(parser, key, key->parts[last], entry->line);

        r = walk_part(parser, &parent, key, last, TOML_IMPLICIT);
        if (r < 0)
                return r;

        parent->origin = TOML_HEADER;
        parent->line = key->line;
        parser->section = parent;
        return 0;
}

/* The last part of [[a.b]]: one more table of an array that was made by such headers. */
static int open_array_item(Parser *parser, TomlValue *parent, const Key *key) {
        Text part = key->parts[key->n_parts - 1];
        TomlValue *array, *table;
        TomlEntry *entry;
        const char *name;
        int r;

        name = key_name(parser->reader.memory, part);
        if (!name)
                return -ENOMEM;

        entry = toml_find_in(parent, name);
        if (entry) {
                array = entry->value;
                if (array->type != TOML_ARRAY || array->origin != TOML_HEADER)
                        return fail_duplicate(parser, key, part, entry->line);
        } else {
                r = new_value(parser, TOML_ARRAY, TOML_HEADER, parent->depth + 1, &array);
                if (r < 0)
                        return r;
                r = table_insert(parser, parent, key, name, part, array);
                if (r < 0)
                        return r;
        }

        r = new_value(parser, TOML_TABLE, TOML_HEADER, array->depth + 1, &table);
        if (r < 0)
                return r;
        r = array_add(parser, array, table);
        if (r < 0)
                return r;

        parser->section = table;
        return 0;
}

/* At '['. */
static int read_header(Parser *parser) {
        TomlReader *reader = &parser->reader;
        bool is_array_item = toml_peek(reader, 1) == '[';
        TomlValue *table = parser->document->root;
        size_t start = reader->position;
        Key key;
        int r;

        reader->position += is_array_item ? 2 : 1;
        skip_blank(reader);
        r = read_key(reader, &key);
        if (r < 0)
                return r;

        if (toml_peek(reader, 0) != ']' || (is_array_item && toml_peek(reader, 1) != ']'))
                return toml_fail(
                                reader,
                                reader->position,
                                "The header of a table must be closed by '%s'.",
                                is_array_item ? "]]" : "]");
        reader->position += is_array_item ? 2 : 1;

        for (size_t i = 0; i + 1 < key.n_parts; i++) {
                r = walk_part(parser, &table, &key, i, TOML_IMPLICIT);
                if (r < 0)
                        return r;
        }

        r = is_array_item ? open_array_item(parser, table, &key) : open_table(parser, table, &key);
        if (r < 0)
                return r;

        parser->section->start = start;
        parser->section->end = reader->position;
        parser->section->table.body_end = reader->position;
        return 0;
}

static int read_line(Parser *parser) {
        TomlReader *reader = &parser->reader;
        int c, r;

        skip_blank(reader);
        c = toml_peek(reader, 0);
        if (c >= 0 && c != '#' && c != '\n' && c != '\r') {
                if (c == '[')
                        r = read_header(parser);
                else
                        r = read_pair(parser, parser->section);
                if (r < 0)
                        return r;
                parser->section->table.body_end = reader->position;
                skip_blank(reader);
        }

        r = skip_comment(reader);
        if (r < 0)
                return r;
        if (reader->position < reader->size && !toml_skip_newline(reader))
                return toml_fail(
                                reader,
                                reader->position,
                                "Only a comment may follow on the same line.");
        return 0;
}

static int check_source(const TomlReader *reader) {
        size_t offset;

        if (reader->size > TOML_SIZE_MAX)
                return toml_fail_limit(
                                reader,
                                0,
                                "The document is larger than %d MiB.",
                                TOML_SIZE_MAX / 1024 / 1024);
        if (utf8_check(reader->data, reader->size, &offset) < 0)
                return toml_fail(reader, offset, "The text is not UTF-8.");

        return 0;
}

static int read_document(Parser *parser) {
        TomlReader *reader = &parser->reader;
        int r;

        r = check_source(reader);
        if (r < 0)
                return r;

        /* A byte order mark at the very start is what some editors write. */
        if (reader->size >= 3 && memcmp(reader->data, "\xef\xbb\xbf", 3) == 0)
                reader->position = 3;

        r = new_value(parser, TOML_TABLE, TOML_HEADER, 0, &parser->document->root);
        if (r < 0)
                return r;
        parser->section = parser->document->root;
        parser->section->table.body_end = reader->position;

        while (reader->position < reader->size) {
                r = read_line(parser);
                if (r < 0)
                        return r;
        }

        return 0;
}

int toml_parse(const char *text,
               size_t size_bytes,
               const char *file,
               TomlDocument **ret,
               Fault *fault) {
        _cleanup_(toml_freep) TomlDocument *document = NULL;
        Parser parser;
        int r;

        document = new0(TomlDocument, 1);
        if (!document)
                return -ENOMEM;
        document->memory = arena_new();
        if (!document->memory)
                return -ENOMEM;

        parser = (Parser){
                .reader = { .data = text,
                            .size = size_bytes,
                            .line = 1,
                            .file = file,
                            .memory = document->memory,
                            .fault = fault },
                .document = document,
        };
        r = read_document(&parser);
        builder_done(&parser.reader.scratch);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(document);
        return 0;
}
