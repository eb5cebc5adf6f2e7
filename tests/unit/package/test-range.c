// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/range.h"
#include "vectors.h"

static Range range_of(Arena *arena, const char *text) {
        SpecifierSet set;
        Range range;

        if (specifier_set_parse(arena, text_of(text), &set, NULL, NULL) < 0)
                test_fail(__FILE__, __LINE__, "'%s' was refused", text);
        ASSERT_OK(range_of_specifiers(arena, &set, &range));
        return range;
}

static bool has(Arena *arena, Range range, const char *version) {
        return range_contains(range, vector_version(arena, version));
}

static const char *words(Arena *arena, Range range) {
        return VECTOR_TEXT(arena, range_add_to, range);
}

static void holds_inside_not_outside(Arena *arena, json_t *parameters) {
        Range range = range_of(arena, vector_string(parameters, "spec"));

        ASSERT_TRUE(has(arena, range, vector_string(parameters, "inside")));
        ASSERT_FALSE(has(arena, range, vector_string(parameters, "outside")));
}

static void intersection_filters(Arena *arena, json_t *parameters) {
        _cleanup_(freep) char *text =
                        string_format("%s,%s",
                                      vector_string(parameters, "dep"),
                                      vector_string(parameters, "constraint"));
        json_t *expected = json_object_get(parameters, "expected"), *item;
        const Version *versions[16];
        SpecifierSet set;
        size_t n = 0, i;

        ASSERT_OK(specifier_set_parse(arena, text_of(text), &set, NULL, NULL));
        json_array_foreach(json_object_get(parameters, "versions"), i, item) versions[n++] =
                        vector_version(arena, json_string_value(item));
        /* The set opts in to every pre-release, the library only to those near the clause. */
        n = specifier_set_filter(&set, PRERELEASES_DEFAULT, versions, n);
        json_array_foreach(expected, i, item) {
                bool is_there = false;

                for (size_t j = 0; j < n; j++)
                        is_there = is_there || streq(versions[j]->text, json_string_value(item));
                ASSERT_TRUE(is_there);
        }
}

/* A set is itself again after its complement, and after leaving and re-entering through operators. */
static void survives_operations(Arena *arena, json_t *parameters) {
        Range range = range_of(arena, vector_string(parameters, "spec")), other, result;
        Range complement = range_complement(range);

        ASSERT_OK(range_union(arena, range, complement, &result));
        ASSERT_TRUE(range_is_full(result));
        ASSERT_OK(range_intersection(arena, range, complement, &result));
        ASSERT_TRUE(range_is_empty(result));
        other = range_of(arena, "!=1.3,!=3.8.*");
        ASSERT_OK(range_difference(arena, range, other, &result));
        ASSERT_OK(range_intersection(arena, range, other, &other));
        ASSERT_OK(range_union(arena, result, other, &result));
        ASSERT_TRUE(range_equals(result, range));
}

static void is_same_set(Arena *arena, json_t *parameters) {
        ASSERT_TRUE(
                        range_equals(range_of(arena, vector_string(parameters, "spec")),
                                     range_of(arena, vector_string(parameters, "expected"))));
}

static void is_empty(Arena *arena, json_t *parameters) {
        ASSERT_TRUE(range_is_empty(range_of(arena, vector_string(parameters, "spec"))));
}

static void is_not_empty(Arena *arena, json_t *parameters) {
        ASSERT_FALSE(range_is_empty(range_of(arena, vector_string(parameters, "spec"))));
}

static void drops_empty_piece(Arena *arena, json_t *parameters) {
        Range range = range_of(arena, vector_string(parameters, "spec"));

        ASSERT_FALSE(has(arena, range, vector_string(parameters, "excluded")));
        ASSERT_INT(range.n_cuts, 1);
}

static void are_equal(Arena *arena, json_t *parameters) {
        Range a = range_of(arena, vector_string(parameters, "dev_form"));
        Range b = range_of(arena, vector_string(parameters, "boundary_form"));

        ASSERT_TRUE(range_equals(a, b));
        ASSERT_TRUE(range_is_subset(a, b));
        ASSERT_TRUE(range_is_subset(b, a));
}

TEST(range_vectors_of_packaging_hold) {
        static const Vector table[] = {
                { "operators", holds_inside_not_outside },
                { "intersected_requirement_keeps_opt_in", intersection_filters },
                { "repr", NULL, "the library's notation; ours is tested below" },
                { "roundtrip", survives_operations },
                { "dev0_span_roundtrips_every_policy",
                  NULL,
                  "ranges here know no pre-release policy" },
                { "prerelease_free_recovery_spelling", is_same_set },
                { "epoch_zero_family_floor_roundtrips", is_same_set },
                { "is_empty", is_empty },
                { "not_empty", is_not_empty },
                { "intersection_drops_embedded_empty", drops_empty_piece },
                { "equal_and_hash", are_equal },
                { "prerelease_only_empty_when_policy_excludes", is_not_empty },
                { "non_prerelease_bounds_survive", is_not_empty },
        };

        vectors_run("ranges.json", table, ELEMENTSOF(table));
}

/* All pairs of the grid: every operator agrees with what its operands say of each version. */
static void check_pair(Arena *arena, Range a, Range b, const Version *const *versions, size_t n) {
        Range either, both, difference;
        bool is_subset = true, is_disjoint = true;

        ASSERT_OK(range_union(arena, a, b, &either));
        ASSERT_OK(range_intersection(arena, a, b, &both));
        ASSERT_OK(range_difference(arena, a, b, &difference));
        for (size_t i = 0; i < n; i++) {
                bool in_a = range_contains(a, versions[i]), in_b = range_contains(b, versions[i]);

                ASSERT_INT(range_contains(either, versions[i]), in_a || in_b);
                ASSERT_INT(range_contains(both, versions[i]), in_a && in_b);
                ASSERT_INT(range_contains(difference, versions[i]), in_a && !in_b);
                is_subset = is_subset && (!in_a || in_b);
                is_disjoint = is_disjoint && !(in_a && in_b);
        }
        /* The grid may be too coarse to show that it is none, never the other way round. */
        ASSERT_TRUE(is_subset || !range_is_subset(a, b));
        ASSERT_TRUE(is_disjoint || !range_is_disjoint(a, b));
        ASSERT_INT(range_is_subset(a, b), range_is_empty(difference));
        ASSERT_INT(range_is_disjoint(a, b), range_is_empty(both));
        ASSERT_INT(range_equals(a, b), range_is_subset(a, b) && range_is_subset(b, a));
}

TEST(range_operators_agree_with_membership_on_grid) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        json_t *root = vectors_load("ranges.json"), *constants = json_object_get(root, "constants"),
               *item;
        const Version *versions[64];
        Range ranges[64];
        size_t n_versions = 0, n_ranges = 0, i;

        json_array_foreach(json_object_get(constants, "_GRID_VERSIONS"), i, item)
                        versions[n_versions++] = vector_version(arena, json_string_value(item));
        json_array_foreach(json_object_get(constants, "_GRID_SPECS"), i, item) {
                SpecifierSet set;

                ASSERT_OK(specifier_set_parse(
                                arena, text_of(json_string_value(item)), &set, NULL, NULL));
                ASSERT_OK(range_of_specifiers(arena, &set, &ranges[n_ranges]));
                for (size_t j = 0; j < n_versions; j++)
                        ASSERT_INT(range_contains(ranges[n_ranges], versions[j]),
                                   specifier_set_contains(&set, versions[j]));
                n_ranges++;
        }
        for (i = 0; i < n_ranges; i++)
                for (size_t j = 0; j < n_ranges; j++)
                        check_pair(arena, ranges[i], ranges[j], versions, n_versions);
        json_decref(root);
}

static void expect_words(const char *specifiers, const char *wanted) {
        _cleanup_(arena_freep) Arena *arena = arena_new();

        ASSERT_STREQ(words(arena, range_of(arena, specifiers)), wanted);
}

TEST(range_is_written_in_words_of_the_user) {
        expect_words("", "any version");
        expect_words(">=2,<1", "no version");
        expect_words(">=1.0", ">=1.0");
        expect_words("<2,>=1", ">=1,<2");
        expect_words(">1,<=2", ">1,<=2");
        expect_words("==1.5", "==1.5");
        expect_words("==1.5+cpu", "==1.5+cpu");
        expect_words("!=1.5", "!=1.5");
        expect_words("==1.2.*", "==1.2.*");
        expect_words("!=1.2.*", "!=1.2.*");
        expect_words("~=1.4.2", ">=1.4.2,<1.5");
        expect_words(">=1,!=1.5,!=1.6.*,<2", ">=1,!=1.5,!=1.6.*,<2");
        expect_words("<2!3,>=2!1", ">=2!1,<2!3");
        expect_words("==0.*", "<1");
}

TEST(range_of_several_pieces_is_written_with_or) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        Range range;

        ASSERT_OK(range_union(arena, range_of(arena, ">=1,<2"), range_of(arena, ">=3"), &range));
        ASSERT_STREQ(words(arena, range), ">=1,<2 or >=3");
        ASSERT_STREQ(words(arena, range_complement(range)), "<1 or >=2,<3");
        ASSERT_OK(range_union(arena, range, range_of(arena, "==2.5"), &range));
        ASSERT_STREQ(words(arena, range), ">=1,<2 or ==2.5 or >=3");
}

TEST(range_with_more_cuts_than_inline_is_a_value_too) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        Range range = RANGE_EMPTY, copy;

        for (int i = 0; i < 100; i++) {
                char text[16];

                snprintf(text, sizeof(text), "==%d.0", i * 2);
                ASSERT_OK(range_union(arena, range, range_of(arena, text), &range));
        }
        ASSERT_INT(range.n_cuts, 200);
        copy = range_complement(range);
        ASSERT_TRUE(has(arena, range, "44"));
        ASSERT_FALSE(has(arena, range, "45"));
        ASSERT_FALSE(has(arena, copy, "44"));
        ASSERT_TRUE(has(arena, copy, "45"));
        ASSERT_OK(range_union(arena, range, copy, &copy));
        ASSERT_TRUE(range_is_full(copy));
}

TEST(range_of_version_is_that_version_alone) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        Range range;

        ASSERT_OK(range_of_version(arena, vector_version(arena, "1.0"), &range));
        ASSERT_TRUE(has(arena, range, "1.0.0"));
        ASSERT_FALSE(has(arena, range, "1.0+local"));
        ASSERT_FALSE(has(arena, range, "1.0.post1"));
        ASSERT_STREQ(words(arena, range), "==1.0");
        ASSERT_OK(range_of_version(arena, vector_version(arena, "1.0+x"), &range));
        ASSERT_FALSE(has(arena, range, "1.0"));
        ASSERT_FALSE(has(arena, range, "1.0+x.1"));
        ASSERT_TRUE(has(arena, range, "1.0+X"));
}

TEST(range_marks_ascending_versions_in_one_pass) {
        static const char *const texts[] = { "0.9", "1.0", "1.5", "2.0", "3.0" };
        static const bool wanted[] = { false, true, false, false, true };
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const Version *versions[ELEMENTSOF(texts)];
        bool members[ELEMENTSOF(texts)];
        Range range;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                versions[i] = vector_version(arena, texts[i]);
        ASSERT_OK(range_union(arena, range_of(arena, ">=1,<1.5"), range_of(arena, ">2"), &range));
        range_mark(range, versions, ELEMENTSOF(texts), members);
        ASSERT_INT(memcmp(members, wanted, sizeof(wanted)), 0);
}

static void expect_simple(const char *specifiers, const char *wanted) {
        static const char *const texts[] = { "1.0", "1.1", "1.2", "2.0", "2.1" };
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const Version *versions[ELEMENTSOF(texts)];
        Range range = range_of(arena, specifiers), simple;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                versions[i] = vector_version(arena, texts[i]);
        ASSERT_OK(range_simplify(arena, range, versions, ELEMENTSOF(texts), &simple));
        ASSERT_STREQ(words(arena, simple), wanted);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                ASSERT_INT(range_contains(simple, versions[i]), range_contains(range, versions[i]));
}

TEST(range_simplified_says_the_same_of_existing_versions) {
        expect_simple(">=0.5,<3", "any version");
        expect_simple(">=1.1,<3", ">=1.1");
        expect_simple(">=1.0,!=1.05,!=1.06,<2", "<2");
        expect_simple("!=1.1", "!=1.1");
        expect_simple(">5", "no version");
        expect_simple("!=1.15.*,!=1.16,!=1.17", "any version");
        expect_simple(">=1.1,!=1.15,!=1.3,<2.1", ">=1.1,<2.1");
}

TEST(range_less_than_smallest_is_empty) {
        _cleanup_(arena_freep) Arena *arena = arena_new();

        ASSERT_TRUE(range_is_empty(range_of(arena, "<0")));
        ASSERT_TRUE(range_is_full(range_of(arena, ">=0.dev0")));
        ASSERT_FALSE(range_is_full(range_of(arena, ">=0")));
}
