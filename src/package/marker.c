// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * A marker is a tree of three kinds of nodes: all of, any of, and one comparison between a variable
 * and a text. "and" binds closer than "or"; parentheses that were written around more than one
 * comparison are remembered, so that the normal text reads as its author meant it.
 *
 * A comparison with one of the variables that hold versions is made as PEP 440 says when operator
 * and text form a clause (python_version >= "3.8", == "3.*"); the clause is read once, at parsing.
 * Everything else compares texts: equality and containment have their plain meaning, <= and >= hold for
 * equal texts only, < and > never. `extra` compares normalised names; `extras` and `dependency_groups`
 * are sets that can only be asked whether they contain a name.
 *
 * Nothing here fails while evaluating: a comparison without meaning does not hold, marker_check() says
 * which one that is.
 *
 * Source: PyPA specification "Dependency specifiers" (PEP 508, 685), "pylock.toml" (PEP 751) for sets;
 * where they are silent, the behaviour of the packaging library.
 */

#include "package/marker-tree.h"
#include "package/marker.h"
#include "package/name.h"
#include "package/specifier.h"

static const char *const variable_names[_MARKER_VARIABLE_MAX] = {
        [MARKER_IMPLEMENTATION_NAME] = "implementation_name",
        [MARKER_IMPLEMENTATION_VERSION] = "implementation_version",
        [MARKER_OS_NAME] = "os_name",
        [MARKER_PLATFORM_MACHINE] = "platform_machine",
        [MARKER_PLATFORM_PYTHON_IMPLEMENTATION] = "platform_python_implementation",
        [MARKER_PLATFORM_RELEASE] = "platform_release",
        [MARKER_PLATFORM_SYSTEM] = "platform_system",
        [MARKER_PLATFORM_VERSION] = "platform_version",
        [MARKER_PYTHON_FULL_VERSION] = "python_full_version",
        [MARKER_PYTHON_VERSION] = "python_version",
        [MARKER_SYS_PLATFORM] = "sys_platform",
        [MARKER_EXTRA] = "extra",
        [MARKER_EXTRAS] = "extras",
        [MARKER_DEPENDENCY_GROUPS] = "dependency_groups",
};

/* Spellings of PEP 345 and of setuptools that are still met. */
static const struct {
        const char *name;
        MarkerVariable variable;
} old_names[] = {
        { "os.name", MARKER_OS_NAME },
        { "sys.platform", MARKER_SYS_PLATFORM },
        { "platform.version", MARKER_PLATFORM_VERSION },
        { "platform.machine", MARKER_PLATFORM_MACHINE },
        { "platform.python_implementation", MARKER_PLATFORM_PYTHON_IMPLEMENTATION },
        { "python_implementation", MARKER_PLATFORM_PYTHON_IMPLEMENTATION },
};

const char *marker_variable_to_string(MarkerVariable variable) {
        return variable >= 0 && variable < _MARKER_VARIABLE_MAX ? variable_names[variable] : NULL;
}

MarkerVariable marker_variable_from_text(Text text) {
        for (int i = 0; i < _MARKER_VARIABLE_MAX; i++)
                if (text_equals_string(text, variable_names[i]))
                        return (MarkerVariable) i;
        for (size_t i = 0; i < ELEMENTSOF(old_names); i++)
                if (text_equals_string(text, old_names[i].name))
                        return old_names[i].variable;
        return _MARKER_VARIABLE_INVALID;
}

bool marker_variable_is_set(MarkerVariable variable) {
        return variable == MARKER_EXTRAS || variable == MARKER_DEPENDENCY_GROUPS;
}

bool marker_variable_holds_version(MarkerVariable variable) {
        return variable == MARKER_PYTHON_VERSION || variable == MARKER_PYTHON_FULL_VERSION ||
                        variable == MARKER_IMPLEMENTATION_VERSION ||
                        variable == MARKER_PLATFORM_RELEASE;
}

const char *marker_operator_to_string(int operator) {
        if (operator== MARKER_OPERATOR_IN)
                return "in";
        if (operator== MARKER_OPERATOR_NOT_IN)
                return "not in";
        return specifier_operator_to_string((SpecifierOperator) operator);
}

MarkerVariable marker_compared_variable(const Marker *marker) {
        return marker->left.text ? marker->right.variable : marker->left.variable;
}

int marker_side_normalize(Arena *arena, MarkerSide *side) {
        const char *name;
        int r;

        if (!side->text || !name_is_valid(text_of(side->text)))
                return 0;
        r = name_normalize(arena, text_of(side->text), &name);
        if (r >= 0)
                side->text = name;
        return r;
}

int marker_join(Arena *arena,
                MarkerKind kind,
                const Marker *const *items,
                size_t n,
                const Marker **ret) {
        const Marker **copies;
        Marker *marker;

        if (n == 1) {
                *ret = items[0];
                return 0;
        }
        marker = arena_new_array(arena, Marker, 1);
        copies = arena_new_array(arena, const Marker *, n);
        if (!marker || !copies)
                return -ENOMEM;
        memcpy(copies, items, n * sizeof(*items));
        *marker = (Marker){ .kind = kind, .items = copies, .n_items = n };
        *ret = marker;
        return 0;
}

int marker_environment_set(
                Arena *arena,
                MarkerEnvironment *environment,
                MarkerVariable variable,
                const char *value) {
        MarkerSide side = { .text = arena_text(arena, value) };
        const Version *version = NULL;
        int r;

        if (!side.text)
                return -ENOMEM;
        if (variable == MARKER_EXTRA) {
                r = marker_side_normalize(arena, &side);
                if (r < 0)
                        return r;
        }
        /* CPython built from a checkout calls itself "3.13.0+". */
        if (variable == MARKER_PYTHON_FULL_VERSION && text_ends_with(text_of(value), "+")) {
                _cleanup_(freep) char *local = string_format("%slocal", value);

                side.text = local ? arena_text(arena, local) : NULL;
                if (!side.text)
                        return -ENOMEM;
        }
        if (marker_variable_holds_version(variable)) {
                r = version_parse(arena, text_of(side.text), &version);
                if (r == -ENOMEM)
                        return r;
        }
        environment->values[variable] = side.text;
        environment->versions[variable] = version;
        return 0;
}

static const char *side_text(const MarkerSide *side, const MarkerEnvironment *environment) {
        if (side->text)
                return side->text;
        if (side->variable == MARKER_EXTRA && !environment->values[MARKER_EXTRA])
                return "";
        return environment->values[side->variable];
}

static bool list_has(const char *const *list, const char *name) {
        for (; list && *list; list++)
                if (streq(*list, name))
                        return true;
        return false;
}

/* As PEP 440 compares; -EINVAL if operator and right side are no clause. */
static int evaluate_versions(const Marker *marker, const MarkerEnvironment *environment) {
        const char *left = side_text(&marker->left, environment);
        const char *right = side_text(&marker->right, environment);
        const Version *version;
        Specifier clause;

        if (marker->has_clause)
                return specifier_contains_written(
                                &marker->clause,
                                text_of(left),
                                environment->versions[marker->left.variable]);
        if (marker->right.text)
                return -EINVAL;

        version = environment->versions[marker->right.variable];
        clause = (Specifier){
                .operator=(SpecifierOperator) marker->operator,
                .version = version,
                .text = right,
        };
        if (clause.operator!=
            SPECIFIER_ARBITRARY &&(!version || !specifier_operator_takes(clause.operator, version)))
                return -EINVAL;
        return specifier_contains_written(
                        &clause,
                        text_of(left),
                        marker->left.text ? marker->left_version
                                          : environment->versions[marker->left.variable]);
}

/* 0 or 1; -EINVAL if the comparison has no meaning. */
static int evaluate_texts(const Marker *marker, const char *left, const char *right) {
        switch (marker->operator) {
        case MARKER_OPERATOR_IN:
                return strstr(right, left) != NULL;
        case MARKER_OPERATOR_NOT_IN:
                return strstr(right, left) == NULL;
        case SPECIFIER_EQUAL:
        case SPECIFIER_LESS_EQUAL:
        case SPECIFIER_GREATER_EQUAL:
                return streq(left, right);
        case SPECIFIER_NOT_EQUAL:
                return !streq(left, right);
        case SPECIFIER_LESS:
        case SPECIFIER_GREATER:
                return 0;
        default:
                return -EINVAL; /* ~= and === between texts */
        }
}

static int evaluate_comparison(const Marker *marker, const MarkerEnvironment *environment) {
        MarkerVariable variable = marker_compared_variable(marker);
        const char *left, *right;
        int r;

        if (variable == _MARKER_VARIABLE_INVALID)
                return -EINVAL; /* two texts */
        if (marker_variable_is_set(variable)) {
                bool is_member =
                                list_has(variable == MARKER_EXTRAS ? environment->extras
                                                                   : environment->dependency_groups,
                                         marker->left.text);

                return is_member == (marker->operator== MARKER_OPERATOR_IN);
        }
        left = side_text(&marker->left, environment);
        right = side_text(&marker->right, environment);
        if (!left || !right)
                return -ENODATA;
        if (marker_variable_holds_version(variable) && marker->operator<_SPECIFIER_OPERATOR_MAX) {
                r = evaluate_versions(marker, environment);
                if (r >= 0)
                        return r;
        }
        return evaluate_texts(marker, left, right);
}

bool marker_evaluate(const Marker *marker, const MarkerEnvironment *environment) {
        if (!marker)
                return true;
        switch (marker->kind) {
        case MARKER_ALL:
                for (size_t i = 0; i < marker->n_items; i++)
                        if (!marker_evaluate(marker->items[i], environment))
                                return false;
                return true;
        case MARKER_ANY:
                for (size_t i = 0; i < marker->n_items; i++)
                        if (marker_evaluate(marker->items[i], environment))
                                return true;
                return false;
        default:
                return evaluate_comparison(marker, environment) > 0;
        }
}

bool marker_applies(
                const Marker *marker,
                const MarkerEnvironment *environment,
                const char *const *extras) {
        MarkerEnvironment with_extra = *environment;

        with_extra.values[MARKER_EXTRA] = "";
        if (marker_evaluate(marker, &with_extra))
                return true;
        if (!marker_uses(marker, MARKER_EXTRA))
                return false;
        for (; extras && *extras; extras++) {
                with_extra.values[MARKER_EXTRA] = *extras;
                if (marker_evaluate(marker, &with_extra))
                        return true;
        }
        return false;
}

int marker_check(const Marker *marker, const MarkerEnvironment *environment, Fault *fault) {
        _cleanup_builder_ Builder text = {};
        int r;

        if (!marker)
                return 0;
        for (size_t i = 0; i < marker->n_items; i++) {
                r = marker_check(marker->items[i], environment, fault);
                if (r < 0)
                        return r;
        }
        if (marker->kind != MARKER_COMPARISON)
                return 0;
        r = evaluate_comparison(marker, environment);
        if (r >= 0)
                return 0;
        marker_add_to(&text, marker);
        return fault_set(
                        fault,
                        -EINVAL,
                        FAULT_PROJECT_INVALID,
                        NULL,
                        r == -ENODATA ? "The marker '%s' asks for a value that is not known here."
                                      : "The marker '%s' makes a comparison that has no meaning.",
                        text.data ? text.data : "");
}

bool marker_uses(const Marker *marker, MarkerVariable variable) {
        if (!marker)
                return false;
        for (size_t i = 0; i < marker->n_items; i++)
                if (marker_uses(marker->items[i], variable))
                        return true;
        return marker->kind == MARKER_COMPARISON &&
                        ((!marker->left.text && marker->left.variable == variable) ||
                         (!marker->right.text && marker->right.variable == variable));
}

int marker_and(Arena *arena, const Marker *a, const Marker *b, const Marker **ret) {
        const Marker *items[] = { a, b };

        if (!a || !b) {
                *ret = a ? a : b;
                return 0;
        }
        return marker_join(arena, MARKER_ALL, items, 2, ret);
}

static void add_side(Builder *builder, const MarkerSide *side) {
        const char *quote;

        if (!side->text) {
                builder_add(builder, variable_names[side->variable]);
                return;
        }
        quote = strchr(side->text, '"') ? "'" : "\"";
        builder_add(builder, quote);
        builder_add(builder, side->text);
        builder_add(builder, quote);
}

static void add_items(Builder *builder, const Marker *marker) {
        for (size_t i = 0; i < marker->n_items; i++) {
                const Marker *item = marker->items[i];
                bool is_enclosed = item->is_enclosed ||
                                (marker->kind == MARKER_ALL && item->kind == MARKER_ANY);

                if (i > 0)
                        builder_add(builder, marker->kind == MARKER_ALL ? " and " : " or ");
                builder_add(builder, is_enclosed ? "(" : "");
                marker_add_to(builder, item);
                builder_add(builder, is_enclosed ? ")" : "");
        }
}

void marker_add_to(Builder *builder, const Marker *marker) {
        if (marker->kind != MARKER_COMPARISON) {
                add_items(builder, marker);
                return;
        }
        add_side(builder, &marker->left);
        builder_add_char(builder, ' ');
        builder_add(builder, marker_operator_to_string(marker->operator));
        builder_add_char(builder, ' ');
        add_side(builder, &marker->right);
}

static bool side_equals(const MarkerSide *a, const MarkerSide *b) {
        if (a->text && b->text)
                return streq(a->text, b->text);
        return !a->text && !b->text && a->variable == b->variable;
}

bool marker_equals(const Marker *a, const Marker *b) {
        if (!a || !b)
                return a == b;
        if (a->kind != b->kind)
                return false;
        if (a->kind == MARKER_COMPARISON)
                return a->operator== b->operator&& side_equals(&a->left, &b->left) &&
                                side_equals(&a->right, &b->right);
        if (a->n_items != b->n_items)
                return false;
        for (size_t i = 0; i < a->n_items; i++)
                if (!marker_equals(a->items[i], b->items[i]))
                        return false;
        return true;
}
