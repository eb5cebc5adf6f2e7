// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * A clause keeps its version and its text; nothing is expanded. Whether a version fits is answered
 * by families of keys (version.c), without allocating: every operator asks on which side of a family
 * the candidate stands.
 *
 *     >= V       V itself or behind it
 *     <= V       not behind the family of V and its local versions
 *     == V       within that family; with a local part: exactly V
 *     <  V       before V; for a final V before all of V's pre-releases too
 *     >  V       behind V's local versions; for V without post or dev part behind its post-releases
 *     == V.*     within the family of the release numbers, padded with zeros
 *     ~= V.n     >= V.n and == V.*
 *     === text   the candidate's text, in any case of letters
 *
 * Source: PyPA specification "Version specifiers" (PEP 440) and, where that is silent, the behaviour of
 * the packaging library.
 */

#include <strings.h>

#include "package/specifier.h"

static const char *const operator_texts[_SPECIFIER_OPERATOR_MAX] = {
        [SPECIFIER_COMPATIBLE] = "~=",    [SPECIFIER_EQUAL] = "==",
        [SPECIFIER_NOT_EQUAL] = "!=",     [SPECIFIER_LESS_EQUAL] = "<=",
        [SPECIFIER_GREATER_EQUAL] = ">=", [SPECIFIER_LESS] = "<",
        [SPECIFIER_GREATER] = ">",        [SPECIFIER_ARBITRARY] = "===",
};

const char *specifier_operator_to_string(SpecifierOperator operator) {
        return operator>= 0 && operator<_SPECIFIER_OPERATOR_MAX ? operator_texts[operator] : NULL;
}

static SpecifierOperator read_operator(Syntax *syntax) {
        /* The longer ones first. */
        static const SpecifierOperator order[] = {
                SPECIFIER_ARBITRARY,  SPECIFIER_EQUAL,         SPECIFIER_NOT_EQUAL,
                SPECIFIER_LESS_EQUAL, SPECIFIER_GREATER_EQUAL, SPECIFIER_COMPATIBLE,
                SPECIFIER_LESS,       SPECIFIER_GREATER,
        };

        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                if (syntax_accept(syntax, operator_texts[order[i]]))
                        return order[i];
        return _SPECIFIER_OPERATOR_INVALID;
}

static bool ends_version(char c) {
        return c == '\0' || c == ',' || c == ';' || c == ')' || strchr(SYNTAX_SPACES, c);
}

static bool has_only_release(const Version *version) {
        return version->phase == VERSION_PHASE_FINAL && !version->has_post && !version->has_dev &&
                        !version->local;
}

bool specifier_operator_takes(SpecifierOperator operator, const Version * version) {
        switch (operator) {
        case SPECIFIER_EQUAL:
        case SPECIFIER_NOT_EQUAL:
        case SPECIFIER_ARBITRARY:
                return true;
        case SPECIFIER_COMPATIBLE:
                return !version->local && version->n_release >= 2;
        default:
                return !version->local;
        }
}

/* Says what is wrong with a version that PEP 440 does not allow behind this operator. */
static int check_clause(Syntax *syntax, size_t start, const Specifier *specifier) {
        const char *operator= operator_texts[specifier->operator];

        if (specifier->is_prefix &&
            specifier->operator!= SPECIFIER_EQUAL && specifier->operator!= SPECIFIER_NOT_EQUAL)
                return syntax_fail(
                                syntax,
                                start,
                                "only == and != may be followed by '.*', not %s",
                                operator);
        if (specifier->is_prefix && !has_only_release(specifier->version))
                return syntax_fail(
                                syntax,
                                start,
                                "'.*' may only follow the numbers of a release, as in ==1.2.*");
        if (specifier_operator_takes(specifier->operator, specifier->version))
                return 0;
        if (specifier->version->local)
                return syntax_fail(
                                syntax,
                                start,
                                "a local version ('+%s') may only follow == and !=, not %s",
                                specifier->version->local,
                                operator);
        return syntax_fail(syntax, start, "~= needs at least two numbers, as in ~=1.2");
}

static int read_version(Arena *arena, Syntax *syntax, size_t start, Specifier *specifier) {
        Text text = syntax_since(syntax, start), version = text;
        int r;

        specifier->text = arena_text_n(arena, text.data, text.length);
        if (!specifier->text)
                return -ENOMEM;
        specifier->is_prefix =
                        specifier->operator!= SPECIFIER_ARBITRARY && text_ends_with(text, ".*");
        if (specifier->is_prefix)
                version.length -= strlen(".*");

        r = version_parse(arena, version, &specifier->version);
        if (r == -ENOMEM)
                return r;
        if (specifier->operator== SPECIFIER_ARBITRARY)
                return 0; /* any text will do */
        if (r == -ERANGE) {
                (void) syntax_fail(
                                syntax, start, "the version is too long or has too large a number");
                return r;
        }
        if (r < 0)
                return syntax_fail(
                                syntax,
                                start,
                                "'%.*s' is not a version",
                                (int) MIN(text.length, (size_t) 80),
                                text.data);
        return check_clause(syntax, start, specifier);
}

/* Returns 0 without moving if no operator is next, 1 if a clause was read. */
static int read_clause(Arena *arena, Syntax *syntax, Specifier *ret) {
        Specifier specifier = { .operator= read_operator(syntax) };
        size_t start;
        int r;

        if (specifier.operator== _SPECIFIER_OPERATOR_INVALID)
                return 0;
        syntax_skip_space(syntax);
        start = syntax->position;
        while (!ends_version(syntax_peek(syntax)))
                syntax->position++;
        if (syntax->position == start)
                return syntax_fail(
                                syntax,
                                start,
                                "expected a version after %s",
                                operator_texts[specifier.operator]);
        r = read_version(arena, syntax, start, &specifier);
        if (r < 0)
                return r;
        *ret = specifier;
        return 1;
}

/* Room for all clauses that the rest of the text can hold. */
static int
allocate_clauses(Arena *arena, const Syntax *syntax, Specifier **ret, size_t *ret_n_max) {
        size_t n = 1;

        for (size_t i = syntax->position; i < syntax->text.length && syntax->text.data[i] != ';';
             i++)
                n += syntax->text.data[i] == ',';
        n = MIN(n, (size_t) SPECIFIERS_MAX);
        *ret = arena_new_array(arena, Specifier, n);
        *ret_n_max = n;
        return *ret ? 0 : -ENOMEM;
}

static int read_set(Arena *arena, Syntax *syntax, bool allow_blanks, SpecifierSet *ret) {
        size_t n = 0, n_max;
        Specifier *items;
        int r;

        r = allocate_clauses(arena, syntax, &items, &n_max);
        if (r < 0)
                return r;
        for (;;) {
                Specifier specifier;

                syntax_skip_space(syntax);
                r = read_clause(arena, syntax, &specifier);
                if (r < 0)
                        return r;
                if (r > 0 && n == n_max) {
                        (void) syntax_fail(syntax, syntax->position, "too many clauses");
                        return -E2BIG;
                }
                if (r > 0)
                        items[n++] = specifier;
                else if (!allow_blanks)
                        break; /* a comma may end the list: "name>=1,; …" */
                syntax_skip_space(syntax);
                if (!syntax_accept(syntax, ","))
                        break;
        }
        *ret = (SpecifierSet){ .items = items, .n_items = n };
        return 0;
}

int specifier_set_read(Arena *arena, Syntax *syntax, SpecifierSet *ret) {
        return read_set(arena, syntax, false, ret);
}

int specifier_parse(Arena *arena, Text text, Specifier *ret, size_t *ret_offset, Fault *fault) {
        Syntax syntax = {
                .text = text,
                .kind = "a version specifier",
                .spaces = SYNTAX_SPACES,
                .ret_offset = ret_offset,
                .fault = fault,
        };
        Specifier specifier;
        int r;

        syntax_skip_space(&syntax);
        r = read_clause(arena, &syntax, &specifier);
        if (r < 0)
                return r;
        if (r == 0)
                return syntax_fail(
                                &syntax,
                                syntax.position,
                                "expected ==, !=, <=, >=, <, >, ~= or ===");
        syntax_skip_space(&syntax);
        if (!syntax_at_end(&syntax))
                return syntax_fail(&syntax, syntax.position, "expected its end");
        *ret = specifier;
        return 0;
}

int specifier_set_parse(
                Arena *arena,
                Text text,
                SpecifierSet *ret,
                size_t *ret_offset,
                Fault *fault) {
        Syntax syntax = {
                .text = text,
                .kind = "a version specifier",
                .spaces = SYNTAX_SPACES,
                .ret_offset = ret_offset,
                .fault = fault,
        };
        SpecifierSet set;
        int r;

        r = read_set(arena, &syntax, true, &set);
        if (r < 0)
                return r;
        if (!syntax_at_end(&syntax))
                return syntax_fail(
                                &syntax,
                                syntax.position,
                                "expected a comma or a clause as in >=1.2");
        *ret = set;
        return 0;
}

/* On which side of the family the version stands that shares the first @size_bytes of @of's key. */
static int side(const Version *version, const Version *of, size_t size_bytes) {
        return version_compare_family(version, of->key, size_bytes);
}

/* Whether epoch and the first @n_release numbers agree, missing ones being 0. */
static bool shares_release(const Version *version, const Version *prefix, size_t n_release) {
        if (version->epoch != prefix->epoch)
                return false;
        for (size_t i = 0; i < n_release; i++)
                if ((i < version->n_release ? version->release[i] : 0) != prefix->release[i])
                        return false;
        return true;
}

static bool contains_equal(const Specifier *specifier, const Version *version) {
        const Version *of = specifier->version;

        if (specifier->is_prefix)
                return shares_release(version, of, of->n_release);
        if (of->local)
                return version_equals(version, of);
        return side(version, of, of->public_size) == 0;
}

static bool contains_less(const Version *version, const Version *of) {
        if (version_is_prerelease(of))
                return version_compare(version, of) < 0;
        return side(version, of, of->has_post ? of->post_size : of->release_size) < 0;
}

static bool contains_greater(const Version *version, const Version *of) {
        bool has_post_releases = !of->has_post && !of->has_dev;

        return side(version, of, has_post_releases ? of->pre_size : of->public_size) > 0;
}

bool specifier_contains_written(const Specifier *specifier, Text written, const Version *version) {
        const Version *of = specifier->version;

        if (specifier->operator== SPECIFIER_ARBITRARY)
                return written.length == strlen(specifier->text) &&
                                strncasecmp(written.data, specifier->text, written.length) == 0;
        if (!version)
                return false;

        switch (specifier->operator) {
        case SPECIFIER_EQUAL:
                return contains_equal(specifier, version);
        case SPECIFIER_NOT_EQUAL:
                return !contains_equal(specifier, version);
        case SPECIFIER_LESS_EQUAL:
                return side(version, of, of->public_size) <= 0;
        case SPECIFIER_GREATER_EQUAL:
                return version_compare(version, of) >= 0;
        case SPECIFIER_LESS:
                return contains_less(version, of);
        case SPECIFIER_GREATER:
                return contains_greater(version, of);
        case SPECIFIER_COMPATIBLE:
                return version_compare(version, of) >= 0 &&
                                shares_release(version, of, of->n_release - 1u);
        default:
                return false;
        }
}

bool specifier_contains(const Specifier *specifier, const Version *version) {
        return specifier_contains_written(specifier, text_of(version->text), version);
}

bool specifier_set_contains(const SpecifierSet *set, const Version *version) {
        for (size_t i = 0; i < set->n_items; i++)
                if (!specifier_contains(&set->items[i], version))
                        return false;
        return true;
}

bool specifier_set_names_prerelease(const SpecifierSet *set) {
        for (size_t i = 0; i < set->n_items; i++) {
                const Specifier *specifier = &set->items[i];

                if (specifier->operator!= SPECIFIER_NOT_EQUAL && specifier->version &&
                    version_is_prerelease(specifier->version))
                        return true;
        }
        return false;
}

size_t specifier_set_filter(
                const SpecifierSet *set,
                PrereleasePolicy policy,
                const Version **versions,
                size_t n_versions) {
        size_t n_kept = 0, n_final = 0;

        for (size_t i = 0; i < n_versions; i++)
                if (specifier_set_contains(set, versions[i])) {
                        n_final += !version_is_prerelease(versions[i]);
                        versions[n_kept++] = versions[i];
                }

        if (policy == PRERELEASES_DEFAULT)
                policy = n_final == 0 || specifier_set_names_prerelease(set)
                                ? PRERELEASES_ALLOWED
                                : PRERELEASES_FORBIDDEN;
        if (policy == PRERELEASES_ALLOWED)
                return n_kept;

        n_final = 0;
        for (size_t i = 0; i < n_kept; i++)
                if (!version_is_prerelease(versions[i]))
                        versions[n_final++] = versions[i];
        return n_final;
}

/* Order of the texts of two clauses. */
static int compare_written(const Specifier *a, const Specifier *b) {
        const char *operator_a = operator_texts[a->operator], *operator_b = operator_texts[b->operator];
        size_t n_a = strlen(operator_a), n_b = strlen(operator_b);
        int order;

        /* As if operator and version were one string; versions of === may begin with '='. */
        if (n_a == n_b) {
                order = strcmp(operator_a, operator_b);
                return order != 0 ? order : strcmp(a->text, b->text);
        }
        order = strncmp(operator_a, operator_b, MIN(n_a, n_b));
        if (order != 0)
                return order;
        if (n_a < n_b) {
                order = strncmp(a->text, operator_b + n_a, n_b - n_a);
                return order != 0 ? order : strcmp(a->text + (n_b - n_a), b->text);
        }
        return -compare_written(b, a);
}

void specifier_set_add_to(Builder *builder, const SpecifierSet *set) {
        const Specifier *last = NULL;

        /* Sets are small: the next larger one is searched each time, nothing is allocated. */
        for (;;) {
                const Specifier *next = NULL;

                for (size_t i = 0; i < set->n_items; i++) {
                        const Specifier *item = &set->items[i];

                        if ((!last || compare_written(item, last) > 0) &&
                            (!next || compare_written(item, next) < 0))
                                next = item;
                }
                if (!next)
                        return;
                if (last)
                        builder_add_char(builder, ',');
                builder_add(builder, operator_texts[next->operator]);
                builder_add(builder, next->text);
                last = next;
        }
}

static bool specifier_equals(const Specifier *a, const Specifier *b) {
        if (a->operator!= b->operator|| a->is_prefix != b->is_prefix)
                return false;
        if (a->operator== SPECIFIER_ARBITRARY || a->is_prefix)
                return strcasecmp(a->text, b->text) == 0;
        if (a->operator== SPECIFIER_COMPATIBLE && a->version->n_release != b->version->n_release)
                return false; /* ~=1.4 and ~=1.4.0 differ */
        return version_equals(a->version, b->version);
}

static bool includes_all(const SpecifierSet *set, const SpecifierSet *of) {
        for (size_t i = 0; i < of->n_items; i++) {
                bool is_included = false;

                for (size_t j = 0; j < set->n_items && !is_included; j++)
                        is_included = specifier_equals(&set->items[j], &of->items[i]);
                if (!is_included)
                        return false;
        }
        return true;
}

bool specifier_set_equals(const SpecifierSet *a, const SpecifierSet *b) {
        return includes_all(a, b) && includes_all(b, a);
}
