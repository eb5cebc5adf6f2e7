// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/requirement.h"
#include "vectors.h"

static const Requirement *parse(Arena *arena, const char *text) {
        _cleanup_fault_ Fault fault = {};
        const Requirement *requirement = NULL;

        if (requirement_parse(arena, text_of(text), &requirement, NULL, &fault) < 0)
                test_fail(__FILE__, __LINE__, "'%s' was refused: %s", text, fault.message);
        return requirement;
}

static const char *written(Arena *arena, const Requirement *requirement) {
        return VECTOR_TEXT(arena, requirement_add_to, requirement);
}

static void is_refused(Arena *arena, const char *text) {
        _cleanup_fault_ Fault fault = {};
        const Requirement *requirement;
        size_t offset = SIZE_MAX;

        ASSERT_ERROR(requirement_parse(arena, text_of(text), &requirement, &offset, &fault),
                     EINVAL);
        ASSERT_TRUE(offset <= strlen(text));
        ASSERT_INT(fault.code, FAULT_PROJECT_SYNTAX);
}

/* "{ws}" stands for the white space of the case. */
static void add_spaced(Builder *builder, const char *text, const char *space) {
        while (text && *text)
                if (string_after(text, "{ws}")) {
                        builder_add(builder, space);
                        text += strlen("{ws}");
                } else
                        builder_add_char(builder, *text++);
}

static void reads_parts(Arena *arena, json_t *parameters) {
        const char *name = vector_string(parameters, "name"),
                   *url = vector_string(parameters, "url");
        const char *space = vector_string(parameters, "whitespace");
        const char *marker = vector_string(parameters, "marker");
        json_t *extras = json_object_get(parameters, "extras"), *extra;
        _cleanup_builder_ Builder text = {};
        const Requirement *requirement;
        size_t i;

        builder_add(&text, name);
        json_array_foreach(extras, i, extra) {
                builder_add(&text, i == 0 ? "[" : ",");
                add_spaced(&text, "{ws}", space);
                builder_add(&text, json_string_value(extra));
                add_spaced(&text, "{ws}", space);
        }
        builder_add(&text, json_array_size(extras) > 0 ? "]" : "");
        add_spaced(&text, "{ws}", space);
        if (url) {
                builder_add(&text, "@");
                add_spaced(&text, "{ws}", space);
                builder_add(&text, url);
        } else
                add_spaced(&text, vector_string(parameters, "specifier"), space);
        /* What the library's test does too: a URL needs a space, and a marker may not follow === at once. */
        builder_add(&text, marker ? " ;" : "");
        add_spaced(&text, marker, space);

        requirement = parse(arena, text.data);
        ASSERT_STREQ(requirement->written_name, name);
        ASSERT_STREQ(requirement->url, url);
        ASSERT_INT(requirement->n_extras, json_array_size(extras));
        ASSERT_INT(requirement->marker != NULL, marker != NULL);
        ASSERT_INT(requirement->specifiers.n_items > 0,
                   *vector_string(parameters, "specifier") != 0);
        ASSERT_TRUE(requirement_equals(requirement, parse(arena, written(arena, requirement))));
}

static void is_written_as(Arena *arena, json_t *parameters) {
        ASSERT_STREQ(written(arena, parse(arena, vector_string(parameters, "input_req"))),
                     vector_string(parameters, "norm_req"));
}

static void stays_equal_when_written(Arena *arena, json_t *parameters) {
        const Requirement *requirement = parse(arena, vector_string(parameters, "req_str"));

        ASSERT_TRUE(requirement_equals(requirement, parse(arena, written(arena, requirement))));
}

static void invalid_is_refused(Arena *arena, json_t *parameters) {
        is_refused(arena, vector_string(parameters, "invalid_requirement"));
}

static void reads_marker(Arena *arena, json_t *parameters) {
        _cleanup_(freep) char *text =
                        string_format("name; %s", vector_string(parameters, "marker"));

        ASSERT_NOT_NULL(parse(arena, text)->marker);
}

static void reads_file_url(Arena *arena, json_t *parameters) {
        const char *url = vector_string(parameters, "url");
        _cleanup_(freep) char *text = string_format("name @ %s", url);

        ASSERT_STREQ(parse(arena, text)->url, url);
}

static void line_break_is_refused(Arena *arena, json_t *parameters) {
        _cleanup_(freep) char *text =
                        string_format("%s%s",
                                      vector_string(parameters, "requirement"),
                                      vector_string(parameters, "line_break"));

        is_refused(arena, text);
}

static void blank_at_end_is_ignored(Arena *arena, json_t *parameters) {
        _cleanup_(freep) char *text =
                        string_format("name>=1%s", vector_string(parameters, "whitespace"));

        ASSERT_STREQ(written(arena, parse(arena, text)), "name>=1");
}

static void prefix_of_post_release_is_refused(Arena *arena, json_t *parameters) {
        _cleanup_(freep) char *text =
                        string_format("name%s1.0.post1.*", vector_string(parameters, "operator"));

        is_refused(arena, text);
}

static void misplaced_local_is_refused(Arena *arena, json_t *parameters) {
        _cleanup_(freep) char *text =
                        string_format("name%s1.0+local", vector_string(parameters, "operator"));

        is_refused(arena, text);
}

static void quoted_backslash_is_refused(Arena *arena, json_t *parameters) {
        is_refused(arena, vector_string(parameters, "to_parse"));
}

static void is_written_as_read(Arena *arena, json_t *parameters) {
        const char *source = vector_string(parameters, "url_or_specifier");
        _cleanup_(freep) char *text =
                        string_format("packaging%s%s%s",
                                      vector_string(parameters, "extras"),
                                      source,
                                      vector_string(parameters, "marker"));
        Text wanted = text_strip(text_of(text));

        ASSERT_TRUE(text_equals_string(wanted, written(arena, parse(arena, text))));
}

static void are_equal(Arena *arena, json_t *parameters) {
        ASSERT_TRUE(requirement_equals(
                        parse(arena, vector_string(parameters, "dep1")),
                        parse(arena, vector_string(parameters, "dep2"))));
}

static void differ(Arena *arena, json_t *parameters) {
        ASSERT_FALSE(requirement_equals(
                        parse(arena, vector_string(parameters, "dep1")),
                        parse(arena, vector_string(parameters, "dep2"))));
}

TEST(requirement_vectors_of_packaging_hold) {
        static const Vector table[] = {
                { "basic_valid_requirement_parsing", reads_parts },
                { "normalized_requirements", is_written_as },
                { "pickle_requirement_roundtrip", stays_equal_when_written },
                { "pickle_requirement_preserves_prereleases",
                  NULL,
                  "a switch on the library's objects" },
                { "pickle_requirement_setstate_rejects_invalid_string", invalid_is_refused },
                { "valid_marker", reads_marker },
                { "file_url", reads_file_url },
                { "error_when_suffixed_with_line_break", line_break_is_refused },
                { "trailing_horizontal_whitespace", blank_at_end_is_ignored },
                { "error_when_prefix_match_uses_post_release", prefix_of_post_release_is_refused },
                { "error_when_local_version_label_is_used_incorrectly",
                  misplaced_local_is_refused },
                { "error_invalid_marker_malformed_quoted_string", quoted_backslash_is_refused },
                { "str_and_repr", is_written_as_read },
                { "equal_reqs_equal_hashes", are_equal },
                { "equivalent_reqs_equal_hashes_unequal_strings", are_equal },
                { "different_reqs_different_hashes", differ },
        };

        vectors_run("requirements.json", table, ELEMENTSOF(table));
}

TEST(requirement_parts_are_normalized) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const Requirement *requirement = parse(
                        arena, "Foo.Bar [ Zip_File, b ,zip-file ] ( >=1.0 , <2 ) ; extra == 'X_y'");

        ASSERT_STREQ(requirement->name, "foo-bar");
        ASSERT_STREQ(requirement->written_name, "Foo.Bar");
        ASSERT_INT(requirement->n_extras, 2);
        ASSERT_STREQ(requirement->extras[0], "b");
        ASSERT_STREQ(requirement->extras[1], "zip-file");
        ASSERT_NULL(requirement->extras[2]);
        ASSERT_STREQ(written(arena, requirement), "foo-bar[b,zip-file]<2,>=1.0; extra == \"x-y\"");
}

TEST(requirement_url_keeps_semicolon_without_space) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const Requirement *requirement =
                        parse(arena, "a@https://example.com/a;v=1 ; os_name == 'posix'");

        ASSERT_STREQ(requirement->url, "https://example.com/a;v=1");
        ASSERT_NOT_NULL(requirement->marker);
        ASSERT_STREQ(written(arena, requirement),
                     "a @ https://example.com/a;v=1 ; os_name == \"posix\"");
}

TEST(requirement_mistakes_are_explained) {
        static const struct {
                const char *text;
                const char *message;
                size_t offset;
        } mistakes[] = {
                { "", "'' is not a requirement: expected a package name (character 1).", 0 },
                { "numpy[",
                  "'numpy[' is not a requirement: expected the name of an extra (character 7).",
                  6 },
                { "numpy[a b]",
                  "'numpy[a b]' is not a requirement: expected ',' or ']' after an extra (character 9).",
                  8 },
                { "numpy >= ",
                  "'numpy >= ' is not a requirement: expected a version after >= (character 10).",
                  9 },
                { "numpy=1.0",
                  "'numpy=1.0' is not a requirement: expected '[' and extras, a version clause such as "
                  ">=1.2, '@' and a URL, ';' and a marker, or the end (character 6).",
                  5 },
                { "numpy>=1 <2",
                  "'numpy>=1 <2' is not a requirement: expected ',' and a clause, ';' and a marker, or "
                  "the end (character 10).",
                  9 },
                { "numpy (>=1",
                  "'numpy (>=1' is not a requirement: expected a clause such as >=1.2 or the ')' for the "
                  "'(' at character 7 (character 11).",
                  10 },
                { "numpy @ ",
                  "'numpy @ ' is not a requirement: expected a URL after '@' (character 9).",
                  8 },
                { "numpy; os_nam == 'x'",
                  "'numpy; os_nam == 'x'' is not a requirement: 'os_nam' is not a variable of "
                  "markers; a text needs quotes (character 8).",
                  7 },
                { "numpy-",
                  "'numpy-' is not a requirement: a package name begins and ends with a letter or digit and "
                  "has at most 255 characters (character 1).",
                  0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(mistakes); i++) {
                _cleanup_(arena_freep) Arena *arena = arena_new();
                _cleanup_fault_ Fault fault = {};
                const Requirement *requirement;
                size_t offset = SIZE_MAX;

                ASSERT_ERROR(requirement_parse(
                                             arena,
                                             text_of(mistakes[i].text),
                                             &requirement,
                                             &offset,
                                             &fault),
                             EINVAL);
                ASSERT_STREQ(fault.message, mistakes[i].message);
                ASSERT_INT(offset, mistakes[i].offset);
        }
}

TEST(requirement_with_nul_is_refused) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const Requirement *requirement;

        ASSERT_ERROR(requirement_parse(arena, TEXT("a>=1\0"), &requirement, NULL, NULL), EINVAL);
        ASSERT_ERROR(requirement_parse(
                                     arena, TEXT("a; os_name == 'x\0y'"), &requirement, NULL, NULL),
                     EINVAL);
        ASSERT_ERROR(requirement_parse(arena, TEXT("a @ x\0y"), &requirement, NULL, NULL), EINVAL);
}
