// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/name.h"
#include "package/tag.h"
#include "vectors.h"

static void normalizes(Arena *arena, json_t *parameters) {
        const char *name;

        ASSERT_OK(name_normalize(arena, text_of(vector_string(parameters, "name")), &name));
        ASSERT_STREQ(name, vector_string(parameters, "expected"));
        ASSERT_TRUE(name_is_normalized(text_of(name)));
}

/* The library passes what is no name through; here nothing is passed through. */
static void is_refused(Arena *arena, json_t *parameters) {
        const char *name;

        ASSERT_ERROR(name_normalize(arena, text_of(vector_string(parameters, "name")), &name),
                     EINVAL);
        ASSERT_FALSE(name_is_normalized(text_of(vector_string(parameters, "name"))));
}

static void is_normalized_if_unchanged(Arena *arena, json_t *parameters) {
        const char *name = vector_string(parameters, "name");

        ASSERT_INT(name_is_normalized(text_of(name)),
                   streq(name, vector_string(parameters, "expected")));
        ASSERT_TRUE(name_equals(text_of(name), text_of(vector_string(parameters, "expected"))));
}

static void keeps_zeros(Arena *arena, json_t *parameters) {
        const char *version = vector_string(parameters, "version");

        ASSERT_STREQ(vector_version(arena, version)->text, version);
}

static void wheel_is_refused(Arena *arena, json_t *parameters) {
        _cleanup_fault_ Fault fault = {};
        const char *filename = vector_string(parameters, "filename");
        const WheelName *wheel;

        ASSERT_ERROR(wheel_name_parse(arena, text_of(filename), &wheel, &fault), EINVAL);
        ASSERT_INT(fault.code, FAULT_WHEEL_INVALID);
}

static void wheel_is_read(Arena *arena, json_t *parameters) {
        const WheelName *wheel;

        ASSERT_OK(wheel_name_parse(
                        arena, text_of(vector_string(parameters, "filename")), &wheel, NULL));
}

static void source_is_refused(Arena *arena, json_t *parameters) {
        const SourceName *source;

        ASSERT_ERROR(source_name_parse(
                                     arena,
                                     text_of(vector_string(parameters, "filename")),
                                     &source,
                                     NULL),
                     EINVAL);
}

TEST(name_vectors_of_packaging_hold) {
        static const Vector table[] = {
                { "canonicalize_name", normalizes },
                { "canonicalize_name_invalid", is_refused },
                { "is_normalized_name", is_normalized_if_unchanged },
                { "canonicalize_version_no_strip_trailing_zero", keeps_zeros },
                { "parse_wheel_invalid_filename", wheel_is_refused },
                { "parse_wheel_unsorted_tags_valid_by_default", wheel_is_read },
                { "parse_wheel_unsorted_tags_invalid_with_validate",
                  NULL,
                  "a switch of the library that neither pip nor Blast turns on" },
                { "parse_sdist_invalid_filename", source_is_refused },
        };

        vectors_run("utils.json", table, ELEMENTSOF(table));
}

TEST(name_too_long_is_refused) {
        char text[NAME_SIZE_MAX + 1], buffer[NAME_SIZE_MAX];

        memset(text, 'a', sizeof(text));
        ASSERT_ERROR(name_normalize_into((Text){ text, NAME_SIZE_MAX }, buffer), EINVAL);
        ASSERT_OK(name_normalize_into((Text){ text, NAME_SIZE_MAX - 1 }, buffer));
        ASSERT_INT(strlen(buffer), NAME_SIZE_MAX - 1);
}

TEST(name_that_begins_or_ends_with_separator_is_refused) {
        ASSERT_FALSE(name_is_valid(TEXT("")));
        ASSERT_FALSE(name_is_valid(TEXT("-a")));
        ASSERT_FALSE(name_is_valid(TEXT("a.")));
        ASSERT_FALSE(name_is_valid(TEXT("a b")));
        ASSERT_FALSE(name_is_valid(TEXT("../a")));
        ASSERT_TRUE(name_is_valid(TEXT("7")));
}

TEST(name_equality_ignores_case_and_separators) {
        ASSERT_TRUE(name_equals(TEXT("Foo__Bar.-baz"), TEXT("foo-bar-BAZ")));
        ASSERT_FALSE(name_equals(TEXT("foo-bar"), TEXT("foobar")));
        ASSERT_FALSE(name_equals(TEXT("foo"), TEXT("foo-b")));
}
