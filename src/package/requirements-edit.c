// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/requirements-edit.h"

/* A logical line: where it stands with its newline, and its requirement (none for options, comments
 * and empty lines). */
typedef struct Line {
        size_t start;
        size_t end; /* behind the newline */
        size_t comment; /* where the white space before a comment on it begins; @content_end if there is none */
        size_t content_end; /* before the newline */
        const Requirement *requirement;
} Line;

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\\';
}

/* The end of the physical line at @position, before its newline. */
static size_t find_end(Text text, size_t position) {
        while (position < text.length && text.data[position] != '\n')
                position++;
        return position;
}

static bool is_continued(Text text, size_t start, size_t end) {
        while (end > start && text.data[end - 1] == '\r')
                end--;
        return end > start && text.data[end - 1] == '\\' && end < text.length;
}

/* The requirement without options, comment and continuation marks. */
static int parse_line(Arena *arena, Text text, Line *line) {
        _cleanup_builder_ Builder joined = {};
        int r;

        line->comment = line->content_end;
        for (size_t i = line->start; i < line->content_end; i++) {
                bool is_first = i == line->start || is_blank(text.data[i - 1]);

                if (text.data[i] == '#' && is_first) {
                        line->comment = i;
                        while (line->comment > line->start &&
                               is_blank(text.data[line->comment - 1]))
                                line->comment--;
                        break;
                }
                if (text.data[i] == '-' && is_first)
                        break;
                builder_add_char(&joined, is_blank(text.data[i]) ? ' ' : text.data[i]);
        }
        if (joined.failed)
                return -ENOMEM;
        if (joined.length == 0)
                return 0;

        r = requirement_parse(
                        arena,
                        text_strip((Text){ joined.data, joined.length }),
                        &line->requirement,
                        NULL,
                        NULL);
        if (r < 0)
                line->requirement = NULL;
        return r == -ENOMEM ? r : 0;
}

/* Reads the logical line at *@position and moves behind it. Returns 0 at the end. */
static int next_line(Arena *arena, Text text, size_t *position, Line *ret) {
        Line line = { .start = *position };
        size_t start = *position, end;
        int r;

        if (*position >= text.length)
                return 0;

        end = find_end(text, start);
        while (is_continued(text, start, end)) {
                start = end + 1;
                end = find_end(text, start);
        }
        line.end = end < text.length ? end + 1 : end;
        line.content_end = end > line.start && text.data[end - 1] == '\r' ? end - 1 : end;
        r = parse_line(arena, text, &line);
        if (r < 0)
                return r;

        *position = line.end;
        *ret = line;
        return 1;
}

static bool has_marker(const Requirement *a, const Requirement *b) {
        return a->marker && b->marker ? marker_equals(a->marker, b->marker)
                                      : !a->marker && !b->marker;
}

int requirements_edit_add(
                Text text,
                const Requirement *wanted,
                const char *requirement,
                char **ret) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        _cleanup_builder_ Builder edited = {};
        const char *newline = memmem(text.data, text.length, "\r\n", 2) ? "\r\n" : "\n";
        bool is_done = false;
        size_t position = 0;
        Line line;
        int r;

        if (!arena)
                return -ENOMEM;

        while ((r = next_line(arena, text, &position, &line)) > 0) {
                size_t kept = line.start;

                if (!is_done && line.requirement && streq(line.requirement->name, wanted->name) &&
                    has_marker(line.requirement, wanted)) {
                        builder_add(&edited, requirement);
                        kept = line.comment;
                        is_done = true;
                }
                builder_add_n(&edited, text.data + kept, line.end - kept);
        }
        if (r < 0)
                return r;

        if (!is_done) {
                if (edited.length > 0 && edited.data[edited.length - 1] != '\n')
                        builder_add(&edited, newline);
                builder_add_format(&edited, "%s%s", requirement, newline);
        }

        r = builder_finish(&edited, ret);
        return r < 0 ? r : !text_equals(text, text_of(*ret));
}

int requirements_edit_remove(Text text, const char *name, char **ret) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        _cleanup_builder_ Builder edited = {};
        size_t position = 0;
        Line line;
        int r;

        if (!arena)
                return -ENOMEM;

        while ((r = next_line(arena, text, &position, &line)) > 0)
                if (!line.requirement || !streq(line.requirement->name, name))
                        builder_add_n(&edited, text.data + line.start, line.end - line.start);
        if (r < 0)
                return r;

        r = builder_finish(&edited, ret);
        return r < 0 ? r : !text_equals(text, text_of(*ret));
}
