// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/marker.h"
#include "vectors.h"

static const Marker *parse_any(Arena *arena, const char *text, bool for_lock) {
        _cleanup_fault_ Fault fault = {};
        const Marker *marker = NULL;
        int r;

        r = (for_lock ? marker_parse_for_lock
                      : marker_parse)(arena, text_of(text), &marker, NULL, &fault);
        if (r < 0)
                test_fail(__FILE__, __LINE__, "'%s' was refused: %s", text, fault.message);
        return marker;
}

static const Marker *parse(Arena *arena, const char *text) {
        return parse_any(arena, text, false);
}

static const char *written(Arena *arena, const Marker *marker) {
        return VECTOR_TEXT(arena, marker_add_to, marker);
}

static MarkerEnvironment linux_environment(Arena *arena) {
        static const struct {
                MarkerVariable variable;
                const char *value;
        } values[] = {
                { MARKER_IMPLEMENTATION_NAME, "cpython" },
                { MARKER_IMPLEMENTATION_VERSION, "3.11.2" },
                { MARKER_OS_NAME, "posix" },
                { MARKER_PLATFORM_MACHINE, "x86_64" },
                { MARKER_PLATFORM_PYTHON_IMPLEMENTATION, "CPython" },
                { MARKER_PLATFORM_RELEASE, "6.1.0-18-amd64" },
                { MARKER_PLATFORM_SYSTEM, "Linux" },
                { MARKER_PLATFORM_VERSION, "#1 SMP Debian 6.1.76" },
                { MARKER_PYTHON_FULL_VERSION, "3.11.2" },
                { MARKER_PYTHON_VERSION, "3.11" },
                { MARKER_SYS_PLATFORM, "linux" },
        };
        MarkerEnvironment environment = {};

        for (size_t i = 0; i < ELEMENTSOF(values); i++)
                ASSERT_OK(marker_environment_set(
                                arena, &environment, values[i].variable, values[i].value));
        return environment;
}

static void stays_equal_when_written(Arena *arena, json_t *parameters) {
        const Marker *marker = parse(arena, vector_string(parameters, "marker_str"));
        const Marker *again = parse(arena, written(arena, marker));

        ASSERT_TRUE(marker_equals(marker, again));
}

static void chooses_quote(Arena *arena, json_t *parameters) {
        const char *expected = vector_string(parameters, "expected");
        _cleanup_(freep) char *text = string_format("os_name == %s", expected);

        ASSERT_STREQ(written(arena, parse(arena, text)), text);
}

static void is_refused_text(Arena *arena, const char *text) {
        _cleanup_fault_ Fault fault = {};
        const Marker *marker;
        size_t offset = SIZE_MAX;

        ASSERT_ERROR(marker_parse(arena, text_of(text), &marker, &offset, &fault), EINVAL);
        ASSERT_TRUE(offset <= strlen(text));
        ASSERT_INT(fault.code, FAULT_PROJECT_SYNTAX);
}

static void is_refused(Arena *arena, json_t *parameters) {
        is_refused_text(arena, vector_string(parameters, "marker_string"));
}

static void line_break_is_refused(Arena *arena, json_t *parameters) {
        _cleanup_(freep) char *text = string_format(
                        "python_version >= \"3\"%s", vector_string(parameters, "line_break"));

        is_refused_text(arena, text);
}

static void blank_at_end_is_ignored(Arena *arena, json_t *parameters) {
        _cleanup_(freep) char *text = string_format(
                        "python_version >= \"3\"%s", vector_string(parameters, "whitespace"));

        ASSERT_STREQ(written(arena, parse(arena, text)), "python_version >= \"3\"");
}

static void is_written_as(Arena *arena, json_t *parameters) {
        ASSERT_STREQ(written(arena, parse(arena, vector_string(parameters, "marker_string"))),
                     vector_string(parameters, "expected"));
}

static void differ(Arena *arena, json_t *parameters) {
        ASSERT_FALSE(
                        marker_equals(parse(arena, vector_string(parameters, "example1")),
                                      parse(arena, vector_string(parameters, "example2"))));
}

static void name_in_set_is_normalized(Arena *arena, json_t *parameters) {
        const char *variable = vector_string(parameters, "variable");
        _cleanup_(freep) char *a = string_format("\"Foo_Bar\" in %s", variable);
        _cleanup_(freep) char *b = string_format("\"foo-bar\" in %s", variable);

        ASSERT_STREQ(written(arena, parse_any(arena, a, true)), b);
        ASSERT_TRUE(marker_equals(parse_any(arena, a, true), parse_any(arena, b, true)));
}

static void name_not_in_set_is_normalized(Arena *arena, json_t *parameters) {
        const char *variable = vector_string(parameters, "variable");
        _cleanup_(freep) char *a = string_format("\"Foo_Bar\" not in %s", variable);
        _cleanup_(freep) char *b = string_format("\"foo-bar\" not in %s", variable);

        ASSERT_STREQ(written(arena, parse_any(arena, a, true)), b);
}

/* "{0}" stands for the variable; the set holds foo and bar. */
static void set_holds(Arena *arena, json_t *parameters) {
        static const char *const names[] = { "foo", "bar", NULL };
        const char *variable = vector_string(parameters, "variable"), *from;
        MarkerEnvironment environment = linux_environment(arena);
        Builder text = {};

        for (from = vector_string(parameters, "expression"); *from;)
                if (string_after(from, "{0}")) {
                        builder_add(&text, variable);
                        from += strlen("{0}");
                } else
                        builder_add_char(&text, *from++);
        if (streq(variable, "extras"))
                environment.extras = names;
        else
                environment.dependency_groups = names;
        ASSERT_INT(marker_evaluate(parse_any(arena, text.data, true), &environment),
                   vector_bool(parameters, "result"));
        builder_done(&text);
}

/* The library refuses when evaluating, we when parsing. */
static void set_is_refused_outside_lock(Arena *arena, json_t *parameters) {
        _cleanup_(freep) char *text =
                        string_format("\"foo\" in %s", vector_string(parameters, "variable"));

        is_refused_text(arena, text);
}

static void set_on_left_is_refused(Arena *arena, json_t *parameters) {
        _cleanup_(freep) char *text =
                        string_format("%s %s \"foo\"",
                                      vector_string(parameters, "variable"),
                                      vector_string(parameters, "op"));
        const Marker *marker;

        ASSERT_ERROR(marker_parse_for_lock(arena, text_of(text), &marker, NULL, NULL), EINVAL);
}

static void evaluates(Arena *arena, json_t *parameters) {
        MarkerEnvironment environment = linux_environment(arena);
        json_t *values = json_object_get(parameters, "environment"), *value;
        const char *name;

        json_object_foreach(values, name, value) ASSERT_OK(marker_environment_set(
                        arena,
                        &environment,
                        marker_variable_from_text(text_of(name)),
                        json_string_value(value)));
        ASSERT_INT(marker_evaluate(parse(arena, vector_string(parameters, "marker_string")),
                                   &environment),
                   vector_bool(parameters, "expected"));
}

TEST(marker_vectors_of_packaging_hold) {
        static const char node[] =
                        "the library's Node class; what it writes is covered by the others";
        static const Vector table[] = {
                { "pickle_marker_roundtrip", stays_equal_when_written },
                { "accepts_value", NULL, node },
                { "str", NULL, node },
                { "repr", NULL, node },
                { "value_serialize_chooses_quote_delimiter", chooses_quote },
                { "parses_invalid", is_refused },
                { "parses_invalid_trailing_line_break", line_break_is_refused },
                { "parses_trailing_horizontal_whitespace", blank_at_end_is_ignored },
                { "parses_invalid_malformed_quoted_string", is_refused },
                { "str_repr_eq_hash", is_written_as },
                { "different_markers_different_hashes", differ },
                { "membership_value_str_normalization", name_in_set_is_normalized },
                { "membership_value_str_normalization_negated", name_not_in_set_is_normalized },
                { "extras_and_dependency_groups", set_holds },
                { "extras_and_dependency_groups_disallowed", set_is_refused_outside_lock },
                { "set_valued_marker_on_lhs_raises_undefined_comparison", set_on_left_is_refused },
                { "version_like_equality", evaluates },
        };

        vectors_run("markers.json", table, ELEMENTSOF(table));
}

/* The library's tests combine these constants; so do we: all of them parse and read back. */
TEST(marker_all_combinations_of_constants_parse) {
        json_t *root = vectors_load("markers.json"),
               *constants = json_object_get(root, "constants");
        json_t *variable, *operator, * value;
        size_t i, j, k, n = 0;

        for (int old = 0; old < 2; old++)
                json_array_foreach(
                                json_object_get(constants, old ? "PEP_345_VARIABLES" : "VARIABLES"),
                                i,
                                variable)
                                json_array_foreach(
                                                json_object_get(constants, "OPERATORS"),
                                                j,
                                                operator)
                                                json_array_foreach(
                                                                json_object_get(constants,
                                                                                "VALUES"),
                                                                k,
                                                                value) {
                        _cleanup_(arena_freep) Arena *arena = arena_new();
                        const char *parts[] = { json_string_value(variable),
                                                json_string_value(operator),
                                                json_string_value(value) };
                        _cleanup_(freep) char *forth =
                                        string_format("%s %s '%s'", parts[0], parts[1], parts[2]);
                        _cleanup_(freep) char *back =
                                        string_format("'%s' %s %s", parts[2], parts[1], parts[0]);
                        const Marker *a = parse(arena, forth), *b = parse(arena, back);

                        ASSERT_TRUE(marker_equals(a, parse(arena, written(arena, a))));
                        ASSERT_TRUE(marker_equals(b, parse(arena, written(arena, b))));
                        n += 2;
                }
        ASSERT_INT(n, 2 * (12 + 5) * 10 * 6);
        json_decref(root);
}

static void expect(const char *text, bool wanted) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        MarkerEnvironment environment = linux_environment(arena);

        if (marker_evaluate(parse(arena, text), &environment) != wanted)
                test_fail(__FILE__, __LINE__, "'%s' is not %s", text, wanted ? "true" : "false");
}

TEST(marker_versions_are_compared_as_versions) {
        expect("python_version >= '3.8'", true);
        expect("python_version < '3.9'", false); /* as text '3.11' is less */
        expect("'3.8' <= python_version", true);
        expect("python_version == '3.*'", true);
        expect("python_version != '3.11.*'", false);
        expect("python_full_version ~= '3.11.0'", true);
        expect("python_full_version > '3.11'", true);
        expect("python_version > '3.11'", false);
        expect("implementation_version === '3.11.2'", true);
        expect("platform_release >= '5'", false); /* 6.1.0-18-amd64 is no version */
        expect("python_version in '3.10, 3.11'", true);
        expect("python_version not in '2.7 3.6'", true);
}

TEST(marker_texts_are_compared_as_texts) {
        expect("sys_platform == 'linux'", true);
        expect("sys_platform >= 'linux'", true);
        expect("sys_platform > 'aaa'", false);
        expect("'linux' in sys_platform", true);
        expect("platform_machine in 'x86_64 amd64'", true);
        expect("os_name ~= 'posix'", false);
        expect("'a' == 'a'", false);
        expect("platform_system != 'Windows' and python_implementation == 'CPython'", true);
}

TEST(marker_and_binds_closer_than_or) {
        expect("os_name == 'posix' or os_name == 'nt' and sys_platform == 'win32'", true);
        expect("(os_name == 'posix' or os_name == 'nt') and sys_platform == 'win32'", false);
        expect("os_name == 'nt' and os_name == 'nt' or sys_platform == 'linux'", true);
}

TEST(marker_of_extra_applies_when_it_is_asked_for) {
        static const char *const extras[] = { "socks", "test-all", NULL };
        _cleanup_(arena_freep) Arena *arena = arena_new();
        MarkerEnvironment environment = linux_environment(arena);
        const Marker *marker = parse(arena, "extra == 'Test_All' and python_version > '3'");

        ASSERT_FALSE(marker_applies(marker, &environment, NULL));
        ASSERT_TRUE(marker_applies(marker, &environment, extras));
        ASSERT_TRUE(marker_applies(NULL, &environment, NULL));
        ASSERT_TRUE(marker_applies(parse(arena, "extra != 'test'"), &environment, NULL));
        ASSERT_TRUE(marker_uses(marker, MARKER_EXTRA));
        ASSERT_FALSE(marker_uses(marker, MARKER_OS_NAME));
}

TEST(marker_python_of_checkout_is_a_version) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        MarkerEnvironment environment = {};

        ASSERT_OK(marker_environment_set(
                        arena, &environment, MARKER_PYTHON_FULL_VERSION, "3.13.0+"));
        ASSERT_TRUE(marker_evaluate(parse(arena, "python_full_version >= '3.12'"), &environment));
}

TEST(marker_without_meaning_is_reported) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        MarkerEnvironment environment = linux_environment(arena), nothing = {};
        _cleanup_fault_ Fault fault = {}, unknown = {};

        ASSERT_ERROR(marker_check(parse(arena, "os_name == 'posix' and os_name ~= 'x'"),
                                  &environment,
                                  &fault),
                     EINVAL);
        ASSERT_STREQ(fault.message,
                     "The marker 'os_name ~= \"x\"' makes a comparison that has no meaning.");
        ASSERT_ERROR(marker_check(parse(arena, "os_name == 'posix'"), &nothing, &unknown), EINVAL);
        ASSERT_STREQ(unknown.message,
                     "The marker 'os_name == \"posix\"' asks for a value that is not known here.");
        ASSERT_OK(marker_check(parse(arena, "extra == 'x'"), &nothing, NULL));
        ASSERT_FALSE(marker_evaluate(parse(arena, "os_name == 'posix'"), &nothing));
}

TEST(marker_joined_by_and_keeps_its_meaning) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const Marker *both;

        ASSERT_OK(
                        marker_and(arena,
                                   parse(arena, "os_name == 'a' or os_name == 'b'"),
                                   parse(arena, "extra == 'x'"),
                                   &both));
        ASSERT_STREQ(written(arena, both),
                     "(os_name == \"a\" or os_name == \"b\") and extra == \"x\"");
        ASSERT_OK(marker_and(arena, NULL, NULL, &both));
        ASSERT_NULL(both);
}

TEST(marker_nested_too_deep_is_refused) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        char text[2 * MARKER_DEPTH_MAX];
        const Marker *marker;

        memset(text, '(', sizeof(text));
        ASSERT_ERROR(marker_parse(arena, (Text){ text, sizeof(text) }, &marker, NULL, NULL), E2BIG);
}

TEST(marker_mistakes_are_explained) {
        static const struct {
                const char *text;
                const char *message;
        } mistakes[] = {
                { "python_version",
                  "'python_version' is not a marker: expected ==, !=, <=, >=, <, >, ~=, ===, 'in' or "
                  "'not in' (character 15)." },
                { "os_name == linux",
                  "'os_name == linux' is not a marker: 'linux' is not a variable of markers; a text "
                  "needs quotes (character 12)." },
                { "os_name == 'x",
                  "'os_name == 'x' is not a marker: the quote ' is not closed (character 12)." },
                { "(os_name == 'x'",
                  "'(os_name == 'x'' is not a marker: expected 'and', 'or' or the ')' for the '(' at "
                  "character 1 (character 16)." },
                { "os_name == 'x' xor",
                  "'os_name == 'x' xor' is not a marker: expected 'and', 'or' or the end of the "
                  "marker (character 16)." },
                { "'x' in extras",
                  "''x' in extras' is not a marker: extras can only be used in lock files (character 8)." },
        };

        for (size_t i = 0; i < ELEMENTSOF(mistakes); i++) {
                _cleanup_(arena_freep) Arena *arena = arena_new();
                _cleanup_fault_ Fault fault = {};
                const Marker *marker;

                ASSERT_ERROR(marker_parse(arena, text_of(mistakes[i].text), &marker, NULL, &fault),
                             EINVAL);
                ASSERT_STREQ(fault.message, mistakes[i].message);
        }
}
