// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * The document is parsed, the place of a change is found by the byte spans that the tree carries,
 * and one splice makes the new text:
 *
 *   replace   the span of the item                      quotes as they were
 *   append    behind the last item, its comma and the   indented as that item, if the array has more than one line;
 *             comment on its line                       on the same line otherwise
 *   remove    the line of the item with its comment, or the item with its comma
 *
 * Removing repeats until no item of the name is left, parsing anew each time, so every splice sees
 * true spans. The result is parsed once more before it is handed out: a mistake here must not
 * become a broken file of the user's. */

#include "basic/fault.h"
#include "package/name.h"
#include "package/project-edit.h"
#include "package/project-part.h"
#include "package/requirement.h"
#include "package/requirements-edit.h"

typedef struct Editor {
        Text text;
        TomlDocument *document;
        const TomlValue *project; /* [project]; NULL: there is none */
        const TomlValue *array;   /* its dependencies; NULL: there are none */
        const char *newline;
        Fault *fault;
} Editor;

static void editor_done(Editor *editor) {
        editor->document = toml_free(editor->document);
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

/* @text with the bytes from @start to @end replaced. */
static int splice(Text text, size_t start, size_t end, Text between, char **ret) {
        _cleanup_builder_ Builder builder = {};

        builder_add_n(&builder, text.data, start);
        builder_add_text(&builder, between);
        builder_add_n(&builder, text.data + end, text.length - end);
        return builder_finish(&builder, ret);
}

static int editor_init(Editor *editor, Text text, Fault *fault) {
        const char *newline = memchr(text.data, '\n', text.length);
        int r;

        *editor = (Editor){
                .text = text,
                .newline = newline && newline > text.data && newline[-1] == '\r' ? "\r\n" : "\n",
                .fault = fault,
        };
        r = toml_parse(text.data, text.length, PYPROJECT, &editor->document, fault);
        if (r < 0)
                return r;

        editor->project = toml_find(toml_get_root(editor->document), "project");
        if (editor->project && editor->project->type != TOML_TABLE)
                return pyproject_fail_type(fault, editor->project, "project", "a table");
        editor->array = toml_find(editor->project, "dependencies");
        if (editor->array && editor->array->type != TOML_ARRAY)
                return pyproject_fail_type(
                                fault, editor->array, "project.dependencies", "an array");
        return 0;
}

static int check_not_dynamic(const Editor *editor) {
        const TomlValue *dynamic = toml_find(editor->project, "dynamic");

        for (size_t i = 0; dynamic && dynamic->type == TOML_ARRAY && i < dynamic->array.n_items;
             i++) {
                const char *name = toml_string(dynamic->array.items[i]);

                if (name && streq(name, "dependencies"))
                        return project_fail(
                                        editor->fault,
                                        PYPROJECT,
                                        dynamic->array.items[i]->line,
                                        FAULT_PROJECT_INVALID,
                                        "The dependencies are dynamic, so they cannot be changed here.");
        }

        return 0;
}

/* The next item from *@position on with this name and, if @wanted is given, its marker. */
static int
find_item(const Editor *editor,
          const char *name,
          const Requirement *wanted,
          const TomlValue **ret) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        int r;

        if (!arena)
                return -ENOMEM;

        *ret = NULL;
        for (size_t i = 0; editor->array && i < editor->array->array.n_items; i++) {
                const TomlValue *item = editor->array->array.items[i];
                const Requirement *requirement;

                if (!toml_string(item))
                        continue;
                r = requirement_parse(arena, item->string, &requirement, NULL, NULL);
                if (r == -ENOMEM)
                        return r;
                if (r < 0 || !streq(requirement->name, name))
                        continue;
                if (wanted &&
                    (!requirement->marker != !wanted->marker ||
                     (wanted->marker && !marker_equals(requirement->marker, wanted->marker))))
                        continue;
                *ret = item;
                return 0;
        }

        return 0;
}

/* In the quotes that stand around @item now, if it can be. */
static void
format_item(Builder *builder,
            const Editor *editor,
            const TomlValue *item,
            const char *requirement) {
        char quote = item ? editor->text.data[item->start] : '"';

        if (quote == '\'' && !strchr(requirement, '\'')) {
                builder_add_format(builder, "'%s'", requirement);
                return;
        }
        /* Markers hold double quotes more often than not; a literal string needs no escapes. */
        if (strchr(requirement, '"') && !strchr(requirement, '\''))
                builder_add_format(builder, "'%s'", requirement);
        else
                toml_format_string(builder, text_of(requirement));
}

static int
replace_item(const Editor *editor, const TomlValue *item, const char *requirement, char **ret) {
        _cleanup_builder_ Builder formatted = {};

        format_item(&formatted, editor, item, requirement);
        if (formatted.failed)
                return -ENOMEM;
        return splice(editor->text,
                      item->start,
                      item->end,
                      (Text){ formatted.data, formatted.length },
                      ret);
}

static size_t line_start(Text text, size_t position) {
        while (position > 0 && text.data[position - 1] != '\n')
                position--;
        return position;
}

/* The newline that ends the line, or the end of the text; a CR before it belongs to it. */
static size_t line_end(Text text, size_t position) {
        while (position < text.length && text.data[position] != '\n')
                position++;
        if (position < text.length && position > 0 && text.data[position - 1] == '\r')
                position--;
        return position;
}

static size_t next_line(Text text, size_t position) {
        position = line_end(text, position);
        while (position < text.length)
                if (text.data[position++] == '\n')
                        break;
        return position;
}

static size_t skip_blank(Text text, size_t position) {
        while (position < text.length && is_blank(text.data[position]))
                position++;
        return position;
}

/* Behind an item: the comma that follows, across lines and comments. Returns false at the bracket. */
static bool find_comma(Text text, size_t position, size_t *ret) {
        for (;; position++) {
                if (text.data[position] == '#')
                        position = line_end(text, position);
                if (text.data[position] == ',') {
                        *ret = position;
                        return true;
                }
                if (text.data[position] == ']')
                        return false;
        }
}

static bool is_multiline(const Editor *editor) {
        return memchr(editor->text.data + editor->array->start,
                      '\n',
                      editor->array->end - editor->array->start);
}

/* The white space before the item, if it is the first on its line. */
static Text indent_of(const Editor *editor, const TomlValue *item) {
        size_t start = item ? line_start(editor->text, item->start) : 0;

        if (!item || skip_blank(editor->text, start) != item->start)
                return TEXT("    ");
        return (Text){ editor->text.data + start, item->start - start };
}

static int append_to_empty(const Editor *editor, const char *requirement, char **ret) {
        size_t bracket = editor->array->end - 1, start = editor->array->start + 1;
        _cleanup_builder_ Builder added = {};

        if (is_multiline(editor)) {
                /* Comments inside stay above the new item. */
                start = line_start(editor->text, bracket);
                if (skip_blank(editor->text, start) != bracket)
                        start = bracket;
        } else if (skip_blank(editor->text, start) == bracket)
                builder_add(&added, editor->newline);

        builder_add(&added, "    ");
        format_item(&added, editor, NULL, requirement);
        builder_add_format(&added, ",%s", editor->newline);
        if (added.failed)
                return -ENOMEM;
        return splice(editor->text,
                      start,
                      is_multiline(editor) ? start : bracket,
                      (Text){ added.data, added.length },
                      ret);
}

/* One more line below the last item and what belongs to it. */
static int
append_line(const Editor *editor, const TomlValue *last, const char *requirement, char **ret) {
        _cleanup_builder_ Builder added = {};
        size_t comma, place;
        bool has_comma = find_comma(editor->text, last->end, &comma);

        place = line_end(editor->text, has_comma ? comma : last->end);
        if (place >= editor->array->end) /* the bracket is on the same line */
                place = has_comma ? comma + 1 : last->end;

        if (!has_comma) {
                builder_add_char(&added, ',');
                builder_add_n(&added, editor->text.data + last->end, place - last->end);
        }
        builder_add(&added, editor->newline);
        builder_add_text(&added, indent_of(editor, last));
        format_item(&added, editor, last, requirement);
        builder_add_char(&added, ',');
        if (added.failed)
                return -ENOMEM;
        return splice(editor->text,
                      has_comma ? place : last->end,
                      place,
                      (Text){ added.data, added.length },
                      ret);
}

static int append_item(const Editor *editor, const char *requirement, char **ret) {
        _cleanup_builder_ Builder added = {};
        const TomlValue *last;
        size_t comma, place;
        bool has_comma;

        if (editor->array->array.n_items == 0)
                return append_to_empty(editor, requirement, ret);
        last = editor->array->array.items[editor->array->array.n_items - 1];
        if (is_multiline(editor))
                return append_line(editor, last, requirement, ret);

        has_comma = find_comma(editor->text, last->end, &comma);
        place = has_comma ? comma + 1 : last->end;
        builder_add(&added, has_comma ? " " : ", ");
        format_item(&added, editor, last, requirement);
        if (has_comma)
                builder_add_char(&added, ',');
        if (added.failed)
                return -ENOMEM;
        return splice(editor->text, place, place, (Text){ added.data, added.length }, ret);
}

static void add_array(Builder *builder, const Editor *editor, const char *requirement) {
        builder_add_format(builder, "dependencies = [%s    ", editor->newline);
        format_item(builder, editor, NULL, requirement);
        builder_add_format(builder, ",%s]%s", editor->newline, editor->newline);
}

/* Below the last key of [project]. */
static int add_key(const Editor *editor, const char *requirement, char **ret) {
        size_t place = next_line(editor->text, editor->project->table.body_end);
        _cleanup_builder_ Builder added = {};

        if (place > 0 && editor->text.data[place - 1] != '\n')
                builder_add(&added, editor->newline);
        add_array(&added, editor, requirement);
        if (added.failed)
                return -ENOMEM;
        return splice(editor->text, place, place, (Text){ added.data, added.length }, ret);
}

/* A table [project] at the end of the file. */
static int
add_table(const Editor *editor, const char *project_name, const char *requirement, char **ret) {
        _cleanup_builder_ Builder added = {};
        Text text = editor->text;

        if (text.length > 0 && text.data[text.length - 1] != '\n')
                builder_add(&added, editor->newline);
        if (text.length > 0)
                builder_add(&added, editor->newline);
        builder_add_format(&added, "[project]%sname = ", editor->newline);
        toml_format_string(&added, text_of(project_name));
        builder_add_format(&added, "%sversion = \"0.1.0\"%s", editor->newline, editor->newline);
        add_array(&added, editor, requirement);
        if (added.failed)
                return -ENOMEM;
        return splice(text, text.length, text.length, (Text){ added.data, added.length }, ret);
}

static int add_to_pyproject(
                const Editor *editor,
                const char *project_name,
                const Requirement *wanted,
                const char *requirement,
                char **ret) {
        const TomlValue *item;
        int r;

        if (!editor->project || editor->project->origin == TOML_IMPLICIT)
                return add_table(editor, project_name, requirement, ret);
        r = check_not_dynamic(editor);
        if (r < 0)
                return r;

        r = find_item(editor, wanted->name, wanted, &item);
        if (r < 0)
                return r;
        if (item)
                return replace_item(editor, item, requirement, ret);
        if (editor->array)
                return append_item(editor, requirement, ret);
        if (editor->project->origin == TOML_HEADER)
                return add_key(editor, requirement, ret);

        return project_fail(
                        editor->fault,
                        PYPROJECT,
                        editor->project->line,
                        FAULT_PROJECT_INVALID,
                        "'project' is not written as a table [project]; add 'dependencies' to it by "
                        "hand.");
}

static int remove_item(const Editor *editor, const TomlValue *item, char **ret) {
        size_t start = item->start, end = item->end, comma, first = line_start(editor->text, start);
        bool has_comma = find_comma(editor->text, end, &comma);
        Text text = editor->text;

        /* A comma on another line than the item is rare; it goes with the item, and what is between. */
        if (has_comma)
                end = comma + 1;
        end = skip_blank(text, end);

        if (first > editor->array->start && skip_blank(text, first) == start &&
            (text.data[end] == '#' || line_end(text, end) == end)) {
                start = first;
                end = next_line(text, end);
        } else if (!has_comma && item != editor->array->array.items[0]) {
                /* The last of several on one line: its comma is the one before it. */
                size_t n = editor->array->array.n_items;

                end = item->end;
                if (item == editor->array->array.items[n - 1])
                        start = editor->array->array.items[n - 2]->end;
        }

        return splice(text, start, end, TEXT(""), ret);
}

/* What was written must be what was meant. */
static int check_added(const char *text, const char *requirement, Fault *fault) {
        _cleanup_(editor_done) Editor editor = {};
        int r;

        r = editor_init(&editor, text_of(text), fault);
        if (r < 0)
                return r;
        for (size_t i = 0; editor.array && i < editor.array->array.n_items; i++)
                if (toml_string(editor.array->array.items[i]) &&
                    streq(toml_string(editor.array->array.items[i]), requirement))
                        return 0;

        return fault_set(
                        fault,
                        -EINVAL,
                        FAULT_INTERNAL,
                        PYPROJECT,
                        "The file could not be changed so that it names '%s'.",
                        requirement);
}

static int parse_wanted(Arena *arena, const char *text, const Requirement **ret, Fault *fault) {
        _cleanup_fault_ Fault reason = {};
        int r;

        r = requirement_parse(arena, text_of(text), ret, NULL, &reason);
        if (r < 0 && r != -ENOMEM)
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_PROJECT_SYNTAX,
                                text,
                                "%s",
                                reason.message ?: "This is not a requirement.");
        if (r < 0)
                return r;

        /* A line break would end the line of a requirements file, and the comment of a reader. */
        if (strpbrk(text, "\r\n"))
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_PROJECT_SYNTAX,
                                (*ret)->name,
                                "A requirement stands on one line.");
        return 0;
}

int project_edit_add(
                ProjectEditKind kind,
                Text text,
                const char *project_name,
                const char *requirement,
                char **ret,
                Fault *fault) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        _cleanup_(editor_done) Editor editor = {};
        _cleanup_(freep) char *edited = NULL;
        const Requirement *wanted;
        int r;

        if (!arena)
                return -ENOMEM;
        r = parse_wanted(arena, requirement, &wanted, fault);
        if (r < 0)
                return r;
        if (kind == PROJECT_EDIT_REQUIREMENTS)
                return requirements_edit_add(text, wanted, requirement, ret);

        r = editor_init(&editor, text, fault);
        if (r < 0)
                return r;
        r = add_to_pyproject(&editor, project_name, wanted, requirement, &edited);
        if (r < 0)
                return r;
        r = check_added(edited, requirement, fault);
        if (r < 0)
                return r;

        r = !text_equals(text, text_of(edited));
        *ret = TAKE_PTR(edited);
        return r;
}

int project_edit_remove(
                ProjectEditKind kind,
                Text text,
                const char *name,
                char **ret,
                Fault *fault) {
        _cleanup_(freep) char *edited = text_to_string(text);
        char normalized[NAME_SIZE_MAX];
        int n_removed = 0, r;

        if (!edited)
                return -ENOMEM;
        if (name_normalize_into(text_of(name), normalized) < 0)
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_PROJECT_SYNTAX,
                                name,
                                "'%s' is not the name of a package.",
                                name);
        if (kind == PROJECT_EDIT_REQUIREMENTS)
                return requirements_edit_remove(text, normalized, ret);

        for (;; n_removed++) {
                _cleanup_(editor_done) Editor editor = {};
                const TomlValue *item;
                char *shorter;

                r = editor_init(&editor, text_of(edited), fault);
                if (r < 0)
                        return r;
                r = find_item(&editor, normalized, NULL, &item);
                if (r < 0)
                        return r;
                if (!item)
                        break;
                r = remove_item(&editor, item, &shorter);
                if (r < 0)
                        return r;
                free(edited);
                edited = shorter;
        }

        *ret = TAKE_PTR(edited);
        return n_removed > 0;
}
