// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/version.h"
#include "vectors.h"

static const Version *parse(Arena *arena, json_t *parameters) {
        return vector_version(arena, vector_string(parameters, "version"));
}

static void check_parts(const Version *version, json_t *parts) {
        static const char *const letters[] = { "", "a", "b", "rc", "" };
        json_t *release = json_object_get(parts, "release"), *pre = json_object_get(parts, "pre");
        json_t *post = json_object_get(parts, "post"), *dev = json_object_get(parts, "dev");
        json_t *number;
        size_t i;

        ASSERT_INT(version->epoch, json_integer_value(json_object_get(parts, "epoch")));
        ASSERT_INT(version->n_release, json_array_size(release));
        json_array_foreach(release, i, number)
                        ASSERT_INT(version->release[i], json_integer_value(number));
        ASSERT_INT(version->has_post, json_is_integer(post));
        ASSERT_INT(version->post, json_integer_value(post));
        ASSERT_INT(version->has_dev, json_is_integer(dev));
        ASSERT_INT(version->dev, json_integer_value(dev));
        ASSERT_STREQ(version->local, json_string_value(json_object_get(parts, "local")));
        if (json_is_array(pre)) {
                ASSERT_INT(version->pre, json_integer_value(json_array_get(pre, 1)));
                /* "beta" and "B" are other spellings of "b". */
                ASSERT_INT(letters[version->phase][0],
                           json_string_value(json_array_get(pre, 0))[0] | 0x20);
        } else
                ASSERT_TRUE(!*letters[version->phase]);
}

static void from_parts(Arena *arena, json_t *parameters) {
        check_parts(vector_version(arena, vector_string(parameters, "string")),
                    json_object_get(parameters, "args"));
}

static void stays_equal_when_written(Arena *arena, json_t *parameters) {
        const Version *version = parse(arena, parameters),
                      *again = vector_version(arena, version->text);

        ASSERT_STREQ(again->text, version->text);
        ASSERT_TRUE(version_equals(version, again));
}

static void is_refused(Arena *arena, json_t *parameters) {
        const Version *version;

        ASSERT_ERROR(version_parse(arena, text_of(vector_string(parameters, "version")), &version),
                     EINVAL);
}

static void is_written_as(Arena *arena, json_t *parameters) {
        const char *normal = vector_string(parameters, "normalized");

        ASSERT_STREQ(parse(arena, parameters)->text,
                     normal ? normal : vector_string(parameters, "expected"));
}

static void has_public(Arena *arena, json_t *parameters) {
        ASSERT_STREQ(VECTOR_TEXT(arena, version_add_public, parse(arena, parameters)),
                     vector_string(parameters, "public"));
}

static void has_base(Arena *arena, json_t *parameters) {
        ASSERT_STREQ(VECTOR_TEXT(arena, version_add_base, parse(arena, parameters)),
                     vector_string(parameters, "base_version"));
}

static void has_epoch(Arena *arena, json_t *parameters) {
        ASSERT_INT(parse(arena, parameters)->epoch,
                   json_integer_value(json_object_get(parameters, "epoch")));
}

static void has_release(Arena *arena, json_t *parameters) {
        const Version *version = parse(arena, parameters);
        json_t *release = json_object_get(parameters, "release"), *number;
        size_t i;

        ASSERT_INT(version->n_release, json_array_size(release));
        json_array_foreach(release, i, number)
                        ASSERT_INT(version->release[i], json_integer_value(number));
}

static void has_local(Arena *arena, json_t *parameters) {
        ASSERT_STREQ(parse(arena, parameters)->local, vector_string(parameters, "local"));
}

static void has_pre(Arena *arena, json_t *parameters) {
        const Version *version = parse(arena, parameters);
        json_t *pre = json_object_get(parameters, "pre");
        bool is_pre = version->phase == VERSION_PHASE_ALPHA ||
                        version->phase == VERSION_PHASE_BETA ||
                        version->phase == VERSION_PHASE_CANDIDATE;

        ASSERT_INT(is_pre, json_is_array(pre));
        if (is_pre)
                ASSERT_INT(version->pre, json_integer_value(json_array_get(pre, 1)));
}

static void has_dev(Arena *arena, json_t *parameters) {
        json_t *dev = json_object_get(parameters, "dev");

        ASSERT_INT(parse(arena, parameters)->has_dev, json_is_integer(dev));
        ASSERT_INT(parse(arena, parameters)->dev, json_integer_value(dev));
}

static void has_post(Arena *arena, json_t *parameters) {
        json_t *post = json_object_get(parameters, "post");

        ASSERT_INT(parse(arena, parameters)->has_post, json_is_integer(post));
        ASSERT_INT(parse(arena, parameters)->post, json_integer_value(post));
}

static void is_prerelease(Arena *arena, json_t *parameters) {
        ASSERT_INT(version_is_prerelease(parse(arena, parameters)),
                   vector_bool(parameters, "expected"));
}

static void is_devrelease(Arena *arena, json_t *parameters) {
        ASSERT_INT(parse(arena, parameters)->has_dev, vector_bool(parameters, "expected"));
}

static void is_postrelease(Arena *arena, json_t *parameters) {
        ASSERT_INT(parse(arena, parameters)->has_post, vector_bool(parameters, "expected"));
}

TEST(version_vectors_of_packaging_hold) {
        static const Vector table[] = {
                { "from_parts", from_parts },
                { "pickle_roundtrip", stays_equal_when_written },
                { "valid_versions", stays_equal_when_written },
                { "invalid_versions", is_refused },
                { "non_string_versions_raise_invalid_version",
                  NULL,
                  "C has no other type for a text" },
                { "normalized_versions", is_written_as },
                { "version_str_repr", is_written_as },
                { "version_hash", stays_equal_when_written },
                { "version_public", has_public },
                { "version_base_version", has_base },
                { "version_epoch", has_epoch },
                { "version_release", has_release },
                { "version_local", has_local },
                { "version_pre", has_pre },
                { "version_is_prerelease", is_prerelease },
                { "version_dev", has_dev },
                { "version_is_devrelease", is_devrelease },
                { "version_post", has_post },
                { "version_is_postrelease", is_postrelease },
                { "dunder_op_returns_notimplemented", NULL, "Python's operator protocol" },
                { "compare_other", NULL, "Python's operator protocol" },
                { "base_version_notimplemented_with_non_base_version",
                  NULL,
                  "Python's operator protocol" },
        };

        vectors_run("version.json", table, ELEMENTSOF(table));
}

TEST(version_ordered_list_is_in_order_pair_by_pair) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        json_t *root = vectors_load("version.json"), *item;
        json_t *list = json_object_get(json_object_get(root, "constants"), "VERSIONS");
        const Version *versions[256];
        size_t n = 0, i;

        json_array_foreach(list, i, item) versions[n++] =
                        vector_version(arena, json_string_value(item));
        ASSERT_INT(n, 92);
        for (i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++)
                        if (version_compare(versions[i], versions[j]) != (i > j) - (i < j))
                                test_fail(__FILE__,
                                          __LINE__,
                                          "%s and %s are in the wrong order",
                                          versions[i]->text,
                                          versions[j]->text);
        json_decref(root);
}

static int compare_texts(const char *a, const char *b) {
        _cleanup_(arena_freep) Arena *arena = arena_new();

        return version_compare(vector_version(arena, a), vector_version(arena, b));
}

TEST(version_trailing_zeros_make_no_difference) {
        ASSERT_INT(compare_texts("1", "1.0.0"), 0);
        ASSERT_INT(compare_texts("0", "0.0"), 0);
        ASSERT_INT(compare_texts("1.0rc1", "1rc1"), 0);
        ASSERT_INT(compare_texts("1.0.1", "1"), 1);
}

TEST(version_large_numbers_are_ordered_by_value) {
        ASSERT_INT(compare_texts("199", "200"), -1);
        ASSERT_INT(compare_texts("200", "255"), -1);
        ASSERT_INT(compare_texts("255", "256"), -1);
        ASSERT_INT(compare_texts("65535", "65536"), -1);
        ASSERT_INT(compare_texts("20240101123456", "9"), 1);
        ASSERT_INT(compare_texts("18446744073709551614", "18446744073709551613"), 1);
        ASSERT_INT(compare_texts("1.200", "1.199.1"), 1);
        ASSERT_INT(compare_texts("1.0.post300", "1.0.post301.dev1"), -1);
}

TEST(version_local_of_digits_only_has_no_bound) {
        ASSERT_INT(compare_texts("1+98765432109876543210987654321098765432109",
                                 "1+98765432109876543210987654321098765432110"),
                   -1);
        ASSERT_INT(compare_texts("1+99999999999999999999", "1+18446744073709551614"), 1);
        ASSERT_INT(compare_texts("1+99999999999999999999", "1+abc"), 1);
}

TEST(version_number_beyond_bound_is_refused_not_wrapped) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        char long_text[VERSION_LENGTH_MAX + 2], many[2 * VERSION_RELEASE_MAX + 2];
        const Version *version;

        ASSERT_ERROR(version_parse(arena, TEXT("18446744073709551615"), &version), ERANGE);
        ASSERT_ERROR(version_parse(arena, TEXT("1.0.dev99999999999999999999999"), &version),
                     ERANGE);
        memset(long_text, '1', sizeof(long_text));
        ASSERT_ERROR(version_parse(arena, (Text){ long_text, sizeof(long_text) - 1 }, &version),
                     ERANGE);
        for (size_t i = 0; i < sizeof(many); i += 2)
                memcpy(many + i, "1.", 2);
        ASSERT_ERROR(version_parse(arena, (Text){ many, sizeof(many) - 1 }, &version), ERANGE);
        ASSERT_OK(version_parse(arena, (Text){ many, 2 * VERSION_RELEASE_MAX - 1 }, &version));
}

TEST(version_longest_text_is_read_whole) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        char text[VERSION_LENGTH_MAX];
        const Version *version;

        /* Many one-letter segments make the longest key. */
        memcpy(text, "1-1+", 4);
        for (size_t i = 4; i < sizeof(text); i++)
                text[i] = i % 2 == 0 ? 'a' : '.';
        text[sizeof(text) - 1] = 'z';
        ASSERT_OK(version_parse(arena, (Text){ text, sizeof(text) }, &version));
        ASSERT_INT(strlen(version->text), sizeof(text) + strlen(".post1") - strlen("-1"));
}

TEST(version_sorts_as_array_of_pointers) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const Version *versions[] = {
                vector_version(arena, "2.0"),
                vector_version(arena, "1.0.dev1"),
                vector_version(arena, "1!0.1"),
                vector_version(arena, "1.0"),
        };

        qsort(versions, ELEMENTSOF(versions), sizeof(*versions), version_compare_pointers);
        ASSERT_STREQ(versions[0]->text, "1.0.dev1");
        ASSERT_STREQ(versions[1]->text, "1.0");
        ASSERT_STREQ(versions[2]->text, "2.0");
        ASSERT_STREQ(versions[3]->text, "1!0.1");
}

TEST(version_canonical_form_has_no_trailing_zeros) {
        _cleanup_(arena_freep) Arena *arena = arena_new();

        ASSERT_STREQ(VECTOR_TEXT(arena, version_add_canonical, vector_version(arena, "1.0.0")),
                     "1");
        ASSERT_STREQ(VECTOR_TEXT(arena,
                                 version_add_canonical,
                                 vector_version(arena, "1!1.4.0rc1.post2.dev3+x")),
                     "1!1.4rc1.post2.dev3+x");
        ASSERT_STREQ(VECTOR_TEXT(arena, version_add_canonical, vector_version(arena, "0.0")), "0");
}
