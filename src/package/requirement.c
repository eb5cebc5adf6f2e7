// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/name.h"
#include "package/requirement.h"

typedef struct Extras {
        const char **items; /* sorted, each once */
        size_t n_items;
        size_t n_allocated;
} Extras;

static void extras_done(Extras *extras) {
        free(extras->items);
}

static bool is_name_char(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        c == '-' || c == '_' || c == '.';
}

/* @expected is what the grammar wants here: "a package name". */
static int
read_name(Arena *arena, Syntax *syntax, const char *expected, Text *ret_written, const char **ret) {
        size_t start = syntax->position;
        int r;

        while (is_name_char(syntax_peek(syntax)))
                syntax->position++;
        *ret_written = syntax_since(syntax, start);
        if (ret_written->length == 0)
                return syntax_fail(syntax, start, "expected %s", expected);
        r = name_normalize(arena, *ret_written, ret);
        if (r == -EINVAL)
                return syntax_fail(
                                syntax,
                                start,
                                "%s begins and ends with a letter or digit and has at most %d characters",
                                expected,
                                NAME_SIZE_MAX - 1);
        return r;
}

static int extras_add(Extras *extras, const char *name) {
        size_t at = 0;
        int r;

        while (at < extras->n_items && strcmp(extras->items[at], name) < 0)
                at++;
        if (at < extras->n_items && streq(extras->items[at], name))
                return 0;
        if (extras->n_items == REQUIREMENT_EXTRAS_MAX)
                return -E2BIG;
        r = ARRAY_RESERVE(extras->items, extras->n_allocated, extras->n_items + 1);
        if (r < 0)
                return r;
        memmove(extras->items + at + 1,
                extras->items + at,
                (extras->n_items - at) * sizeof(*extras->items));
        extras->items[at] = name;
        extras->n_items++;
        return 0;
}

/* What stands between the brackets. */
static int read_extras_list(Arena *arena, Syntax *syntax, Extras *extras) {
        const char *name;
        Text written;
        int r;

        syntax_skip_space(syntax);
        if (syntax_accept(syntax, "]"))
                return 0;
        for (;;) {
                syntax_skip_space(syntax);
                r = read_name(arena, syntax, "the name of an extra", &written, &name);
                if (r >= 0)
                        r = extras_add(extras, name);
                if (r < 0)
                        return r;
                syntax_skip_space(syntax);
                if (syntax_accept(syntax, "]"))
                        return 0;
                if (!syntax_accept(syntax, ","))
                        return syntax_fail(
                                        syntax,
                                        syntax->position,
                                        "expected ',' or ']' after an extra");
        }
}

static int read_extras(Arena *arena, Syntax *syntax, Requirement *requirement) {
        _cleanup_(extras_done) Extras extras = {};
        const char **items;
        int r;

        if (syntax_accept(syntax, "[")) {
                r = read_extras_list(arena, syntax, &extras);
                if (r < 0)
                        return r;
        }
        items = arena_new_array(arena, const char *, extras.n_items + 1);
        if (!items)
                return -ENOMEM;
        if (extras.n_items > 0)
                memcpy(items, extras.items, extras.n_items * sizeof(*items));
        requirement->extras = items;
        requirement->n_extras = extras.n_items;
        return 0;
}

/* All up to white space; a marker must stand apart from it. */
static int read_url(Arena *arena, Syntax *syntax, Requirement *requirement) {
        size_t start;
        Text url;

        syntax_skip_space(syntax);
        start = syntax->position;
        while (!syntax_at_end(syntax) && syntax_peek(syntax) != ' ' &&
               syntax_peek(syntax) != '\t') {
                if ((uint8_t) syntax_peek(syntax) < 0x20 || syntax_peek(syntax) == 0x7f)
                        return syntax_fail(
                                        syntax,
                                        syntax->position,
                                        "a URL cannot hold control characters");
                syntax->position++;
        }
        url = syntax_since(syntax, start);
        if (url.length == 0)
                return syntax_fail(syntax, start, "expected a URL after '@'");
        requirement->url = arena_text_n(arena, url.data, url.length);
        return requirement->url ? 0 : -ENOMEM;
}

static int read_specifiers(Arena *arena, Syntax *syntax, Requirement *requirement) {
        size_t start = syntax->position;
        bool is_enclosed = syntax_accept(syntax, "(");
        int r;

        r = specifier_set_read(arena, syntax, &requirement->specifiers);
        if (r < 0)
                return r;
        syntax_skip_space(syntax);
        if (is_enclosed && !syntax_accept(syntax, ")"))
                return syntax_fail(
                                syntax,
                                syntax->position,
                                "expected a clause such as >=1.2 or the ')' for the '(' at character %zu",
                                start + 1);
        return 0;
}

static const char *expected_after(const Requirement *requirement) {
        if (requirement->url)
                return "expected a space and ';' with a marker, or the end, after the URL";
        if (requirement->specifiers.n_items > 0)
                return "expected ',' and a clause, ';' and a marker, or the end";
        if (requirement->n_extras > 0)
                return "expected a version clause such as >=1.2, '@' and a URL, ';' and a marker, or the end";
        return "expected '[' and extras, a version clause such as >=1.2, '@' and a URL, ';' and a marker, "
               "or the end";
}

static int read_requirement(Arena *arena, Syntax *syntax, Requirement *requirement) {
        Text written;
        int r;

        syntax_skip_space(syntax);
        r = read_name(arena, syntax, "a package name", &written, &requirement->name);
        if (r < 0)
                return r;
        requirement->written_name = arena_text_n(arena, written.data, written.length);
        if (!requirement->written_name)
                return -ENOMEM;
        syntax_skip_space(syntax);
        r = read_extras(arena, syntax, requirement);
        if (r < 0)
                return r;
        syntax_skip_space(syntax);
        if (syntax_accept(syntax, "@"))
                r = read_url(arena, syntax, requirement);
        else
                r = read_specifiers(arena, syntax, requirement);
        if (r < 0)
                return r;

        syntax_skip_space(syntax);
        if (syntax_at_end(syntax))
                return 0;
        if (!syntax_accept(syntax, ";"))
                return syntax_fail(syntax, syntax->position, "%s", expected_after(requirement));
        return marker_read(arena, syntax, &requirement->marker);
}

int requirement_parse(
                Arena *arena,
                Text text,
                const Requirement **ret,
                size_t *ret_offset,
                Fault *fault) {
        Syntax syntax = {
                .text = text,
                .kind = "a requirement",
                .spaces = SYNTAX_BLANKS,
                .ret_offset = ret_offset,
                .fault = fault,
        };
        Requirement *requirement;
        int r;

        if (text.length > REQUIREMENT_LENGTH_MAX) {
                (void) syntax_fail(&syntax, 0, "it is too long");
                return -E2BIG;
        }
        requirement = arena_new_array(arena, Requirement, 1);
        if (!requirement)
                return -ENOMEM;
        r = read_requirement(arena, &syntax, requirement);
        if (r < 0)
                return r;
        *ret = requirement;
        return 0;
}

void requirement_add_to(Builder *builder, const Requirement *requirement) {
        builder_add(builder, requirement->name);
        for (size_t i = 0; i < requirement->n_extras; i++) {
                builder_add_char(builder, i == 0 ? '[' : ',');
                builder_add(builder, requirement->extras[i]);
        }
        if (requirement->n_extras > 0)
                builder_add_char(builder, ']');
        specifier_set_add_to(builder, &requirement->specifiers);
        if (requirement->url) {
                builder_add(builder, " @ ");
                builder_add(builder, requirement->url);
        }
        if (requirement->marker) {
                builder_add(builder, requirement->url ? " ; " : "; ");
                marker_add_to(builder, requirement->marker);
        }
}

bool requirement_equals(const Requirement *a, const Requirement *b) {
        if (!streq(a->name, b->name) || a->n_extras != b->n_extras || !a->url != !b->url)
                return false;
        for (size_t i = 0; i < a->n_extras; i++)
                if (!streq(a->extras[i], b->extras[i]))
                        return false;
        if (a->url && !streq(a->url, b->url))
                return false;
        return specifier_set_equals(&a->specifiers, &b->specifiers) &&
                        marker_equals(a->marker, b->marker);
}
