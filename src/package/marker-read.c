// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Recursive descent over one Syntax, which may stand within a requirement:
 *
 *     any         all ("or" all)*
 *     all         atom ("and" atom)*
 *     atom        "(" any ")" | comparison
 *     comparison  side operator side
 *     side        variable | quoted text
 *
 * Limits: MARKER_DEPTH_MAX parentheses within each other, MARKER_LENGTH_MAX bytes. Quoted texts have no
 * escapes: the specification's alphabet has no backslash, so one is refused rather than guessed at.
 * Source: PyPA specification "Dependency specifiers".
 */

#include "package/marker-tree.h"
#include "package/marker.h"
#include "package/specifier.h"

/* What a marker is being read for. */
typedef struct MarkerReader {
        Arena *arena;
        Syntax *syntax;
        bool allow_sets;
        size_t depth;
} MarkerReader;

static int marker_read_any(MarkerReader *reader, const Marker **ret);

static bool is_variable_char(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        c == '_' || c == '.';
}

static int read_quoted(MarkerReader *reader, MarkerSide *ret) {
        Syntax *syntax = reader->syntax;
        char quote = syntax_peek(syntax);
        size_t start = ++syntax->position;
        Text text;

        while (!syntax_at_end(syntax) && syntax_peek(syntax) != quote) {
                if (syntax_peek(syntax) == '\\' || (uint8_t) syntax_peek(syntax) < 0x20)
                        return syntax_fail(
                                        syntax,
                                        syntax->position,
                                        "a quoted text cannot hold a backslash or a control character");
                syntax->position++;
        }
        if (syntax_at_end(syntax))
                return syntax_fail(syntax, start - 1, "the quote %c is not closed", quote);
        text = syntax_since(syntax, start);
        syntax->position++;
        if (utf8_check(text.data, text.length, NULL) < 0)
                return syntax_fail(syntax, start, "the quoted text is not UTF-8");

        *ret = (MarkerSide){
                .variable = _MARKER_VARIABLE_INVALID,
                .text = arena_text_n(reader->arena, text.data, text.length),
        };
        return ret->text ? 0 : -ENOMEM;
}

static int read_variable(MarkerReader *reader, MarkerSide *ret) {
        Syntax *syntax = reader->syntax;
        size_t start = syntax->position;
        MarkerVariable variable;
        Text name;

        while (is_variable_char(syntax_peek(syntax)))
                syntax->position++;
        name = syntax_since(syntax, start);
        variable = marker_variable_from_text(name);
        if (name.length == 0)
                return syntax_fail(
                                syntax,
                                start,
                                "expected a variable such as python_version or a quoted text");
        if (variable == _MARKER_VARIABLE_INVALID)
                return syntax_fail(
                                syntax,
                                start,
                                "'%.*s' is not a variable of markers; a text needs quotes",
                                (int) MIN(name.length, (size_t) 80),
                                name.data);
        if (marker_variable_is_set(variable) && !reader->allow_sets)
                return syntax_fail(
                                syntax,
                                start,
                                "%s can only be used in lock files",
                                marker_variable_to_string(variable));
        *ret = (MarkerSide){ .variable = variable };
        return 0;
}

static int read_side(MarkerReader *reader, MarkerSide *ret) {
        char c = syntax_peek(reader->syntax);

        return c == '"' || c == '\'' ? read_quoted(reader, ret) : read_variable(reader, ret);
}

static int read_operator(MarkerReader *reader, int *ret) {
        static const SpecifierOperator order[] = {
                SPECIFIER_ARBITRARY,  SPECIFIER_EQUAL,         SPECIFIER_NOT_EQUAL,
                SPECIFIER_LESS_EQUAL, SPECIFIER_GREATER_EQUAL, SPECIFIER_COMPATIBLE,
                SPECIFIER_LESS,       SPECIFIER_GREATER,
        };
        Syntax *syntax = reader->syntax;
        size_t start = syntax->position;

        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                if (syntax_accept(syntax, specifier_operator_to_string(order[i]))) {
                        *ret = (int) order[i];
                        return 0;
                }
        if (syntax_accept_word(syntax, "in")) {
                *ret = MARKER_OPERATOR_IN;
                return 0;
        }
        if (syntax_accept_word(syntax, "not") && syntax_skip_space(syntax) &&
            syntax_accept_word(syntax, "in")) {
                *ret = MARKER_OPERATOR_NOT_IN;
                return 0;
        }
        return syntax_fail(
                        syntax, start, "expected ==, !=, <=, >=, <, >, ~=, ===, 'in' or 'not in'");
}

/* Reads versions and clauses once that evaluation will need. */
static int prepare_versions(Arena *arena, Marker *marker) {
        _cleanup_builder_ Builder clause = {};
        int r;

        if (marker->operator>= _SPECIFIER_OPERATOR_MAX)
                return 0;
        if (marker->left.text) {
                r = version_parse(arena, text_of(marker->left.text), &marker->left_version);
                return r == -ENOMEM ? r : 0;
        }
        if (!marker->right.text)
                return 0;
        builder_add(&clause, marker_operator_to_string(marker->operator));
        builder_add(&clause, marker->right.text);
        if (clause.failed)
                return -ENOMEM;
        r = specifier_parse(
                        arena, (Text){ clause.data, clause.length }, &marker->clause, NULL, NULL);
        if (r == -ENOMEM)
                return r;
        marker->has_clause = r >= 0;
        return 0;
}

static int check_sets(MarkerReader *reader, const Marker *marker, size_t start) {
        bool is_membership = marker->operator>= MARKER_OPERATOR_IN && marker->left.text;

        if ((!marker_variable_is_set(marker->left.variable) &&
             !marker_variable_is_set(marker->right.variable)) ||
            is_membership)
                return 0;
        return syntax_fail(
                        reader->syntax,
                        start,
                        "extras and dependency_groups are sets: write '\"name\" in extras'");
}

static int read_comparison(MarkerReader *reader, const Marker **ret) {
        size_t start = reader->syntax->position;
        Marker *marker;
        int r;

        marker = arena_new_array(reader->arena, Marker, 1);
        if (!marker)
                return -ENOMEM;
        marker->kind = MARKER_COMPARISON;

        r = read_side(reader, &marker->left);
        if (r < 0)
                return r;
        syntax_skip_space(reader->syntax);
        r = read_operator(reader, &marker->operator);
        if (r < 0)
                return r;
        syntax_skip_space(reader->syntax);
        r = read_side(reader, &marker->right);
        if (r < 0)
                return r;
        r = check_sets(reader, marker, start);
        if (r < 0)
                return r;

        if (marker_compared_variable(marker) == MARKER_EXTRA ||
            marker_variable_is_set(marker_compared_variable(marker))) {
                r = marker_side_normalize(reader->arena, &marker->left);
                if (r >= 0)
                        r = marker_side_normalize(reader->arena, &marker->right);
        } else if (marker_variable_holds_version(marker_compared_variable(marker)))
                r = prepare_versions(reader->arena, marker);
        if (r < 0)
                return r;
        *ret = marker;
        return 0;
}

static int read_enclosed(MarkerReader *reader, const Marker **ret) {
        size_t start = reader->syntax->position++; /* at '(' */
        const Marker *inner;
        Marker *marker;
        int r;

        if (++reader->depth > MARKER_DEPTH_MAX) {
                (void) syntax_fail(reader->syntax, start, "too many parentheses within each other");
                return -E2BIG;
        }
        r = marker_read_any(reader, &inner);
        if (r < 0)
                return r;
        reader->depth--;
        if (!syntax_accept(reader->syntax, ")"))
                return syntax_fail(
                                reader->syntax,
                                reader->syntax->position,
                                "expected 'and', 'or' or the ')' for the '(' at character %zu",
                                start + 1);
        if (inner->kind == MARKER_COMPARISON || inner->is_enclosed) {
                *ret = inner;
                return 0;
        }
        marker = arena_new_array(reader->arena, Marker, 1);
        if (!marker)
                return -ENOMEM;
        *marker = *inner;
        marker->is_enclosed = true;
        *ret = marker;
        return 0;
}

static int read_atom(MarkerReader *reader, const Marker **ret) {
        int r;

        syntax_skip_space(reader->syntax);
        r = syntax_peek(reader->syntax) == '(' ? read_enclosed(reader, ret)
                                               : read_comparison(reader, ret);
        syntax_skip_space(reader->syntax);
        return r;
}

/* Items with @word between them; @read reads one. */
static int
read_list(MarkerReader *reader,
          MarkerKind kind,
          const char *word,
          int (*read)(MarkerReader *, const Marker **),
          const Marker **ret) {
        _cleanup_(freep) const Marker **items = NULL;
        size_t n = 0, n_allocated = 0;
        int r;

        do {
                r = ARRAY_RESERVE(items, n_allocated, n + 1);
                if (r >= 0)
                        r = read(reader, &items[n]);
                if (r < 0)
                        return r;
                n++;
        } while (syntax_accept_word(reader->syntax, word));
        return marker_join(reader->arena, kind, items, n, ret);
}

static int marker_read_all(MarkerReader *reader, const Marker **ret) {
        return read_list(reader, MARKER_ALL, "and", read_atom, ret);
}

static int marker_read_any(MarkerReader *reader, const Marker **ret) {
        return read_list(reader, MARKER_ANY, "or", marker_read_all, ret);
}

static int marker_read_whole(Arena *arena, Syntax *syntax, bool allow_sets, const Marker **ret) {
        MarkerReader reader = { .arena = arena, .syntax = syntax, .allow_sets = allow_sets };
        const Marker *marker;
        int r;

        if (syntax->text.length > MARKER_LENGTH_MAX) {
                (void) syntax_fail(syntax, syntax->position, "it is too long");
                return -E2BIG;
        }
        r = marker_read_any(&reader, &marker);
        if (r < 0)
                return r;
        if (!syntax_at_end(syntax))
                return syntax_fail(
                                syntax,
                                syntax->position,
                                "expected 'and', 'or' or the end of the marker");
        *ret = marker;
        return 0;
}

int marker_read(Arena *arena, Syntax *syntax, const Marker **ret) {
        return marker_read_whole(arena, syntax, false, ret);
}

static Syntax marker_syntax(Text text, size_t *ret_offset, Fault *fault) {
        return (Syntax){
                .text = text,
                .kind = "a marker",
                .spaces = SYNTAX_BLANKS,
                .ret_offset = ret_offset,
                .fault = fault,
        };
}

int marker_parse(Arena *arena, Text text, const Marker **ret, size_t *ret_offset, Fault *fault) {
        Syntax syntax = marker_syntax(text, ret_offset, fault);

        return marker_read_whole(arena, &syntax, false, ret);
}

int marker_parse_for_lock(
                Arena *arena,
                Text text,
                const Marker **ret,
                size_t *ret_offset,
                Fault *fault) {
        Syntax syntax = marker_syntax(text, ret_offset, fault);

        return marker_read_whole(arena, &syntax, true, ret);
}
