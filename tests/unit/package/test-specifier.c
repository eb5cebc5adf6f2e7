// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/range.h"
#include "package/specifier.h"
#include "vectors.h"

static SpecifierSet parse(Arena *arena, const char *text) {
        _cleanup_fault_ Fault fault = {};
        SpecifierSet set = {};

        if (specifier_set_parse(arena, text_of(text), &set, NULL, &fault) < 0)
                test_fail(__FILE__, __LINE__, "'%s' was refused: %s", text, fault.message);
        return set;
}

/* The text of the clauses, whatever the check calls them. */
static const char *clauses(json_t *parameters) {
        static const char *const names[] = { "specifier", "spec_str", "spec", "specifiers" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (vector_string(parameters, names[i]))
                        return vector_string(parameters, names[i]);
        test_fail(__FILE__, __LINE__, "the case has no clauses");
}

static SpecifierSet parse_clauses(Arena *arena, json_t *parameters) {
        return parse(arena, clauses(parameters));
}

/* Whether a candidate as written fits; pre-releases are taken unless @policy forbids them. */
static bool
fits(Arena *arena, const SpecifierSet *set, const char *written, PrereleasePolicy policy) {
        const Version *version = NULL;

        (void) version_parse(arena, text_of(written), &version); /* NULL: no version */
        if (policy == PRERELEASES_FORBIDDEN && version && version_is_prerelease(version))
                return false;
        for (size_t i = 0; i < set->n_items; i++)
                if (!specifier_contains_written(&set->items[i], text_of(written), version))
                        return false;
        return true;
}

static PrereleasePolicy policy_of(json_t *value) {
        if (json_is_true(value))
                return PRERELEASES_ALLOWED;
        return json_is_false(value) ? PRERELEASES_FORBIDDEN : PRERELEASES_DEFAULT;
}

/* The first of two settings of the library that is set. */
static PrereleasePolicy
policy_of_either(json_t *parameters, const char *first, const char *second) {
        PrereleasePolicy policy = policy_of(json_object_get(parameters, first));

        return policy != PRERELEASES_DEFAULT ? policy
                                             : policy_of(json_object_get(parameters, second));
}

static bool is_in_range(Arena *arena, const SpecifierSet *set, const Version *version) {
        Range range;

        ASSERT_OK(range_of_specifiers(arena, set, &range));
        return range_contains(range, version);
}

static bool has_arbitrary(const SpecifierSet *set) {
        for (size_t i = 0; i < set->n_items; i++)
                if (set->items[i].operator== SPECIFIER_ARBITRARY)
                        return true;
        return false;
}

/* Both ways to answer must give the same. */
static void
expect_fit(Arena *arena,
           const SpecifierSet *set,
           const char *written,
           PrereleasePolicy policy,
           bool expected) {
        const Version *version = NULL;

        if (fits(arena, set, written, policy) != expected)
                test_fail(__FILE__,
                          __LINE__,
                          "%s: expected %s",
                          written,
                          expected ? "inside" : "outside");
        if (version_parse(arena, text_of(written), &version) < 0 || has_arbitrary(set))
                return;
        if (policy == PRERELEASES_FORBIDDEN && version_is_prerelease(version))
                return;
        ASSERT_INT(specifier_set_contains(set, version), expected);
        ASSERT_INT(is_in_range(arena, set, version), expected);
}

static void contains_as_expected(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);
        const char *written = vector_string(parameters, "version");

        expect_fit(arena,
                   &set,
                   written ? written : vector_string(parameters, "version_str"),
                   policy_of_either(parameters, "prereleases", "contains_pre"),
                   vector_bool(parameters, "expected"));
}

static void contains_with_either_policy(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);

        expect_fit(arena,
                   &set,
                   vector_string(parameters, "version"),
                   policy_of_either(parameters, "contains_pre", "spec_pre"),
                   vector_bool(parameters, "expected"));
}

/* Installed pre-releases count as asked for. */
static void contains_installed(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);
        PrereleasePolicy policy =
                        policy_of_either(parameters, "contains_prereleases", "spec_prereleases");

        expect_fit(arena,
                   &set,
                   vector_string(parameters, "version"),
                   vector_bool(parameters, "installed") ? PRERELEASES_ALLOWED : policy,
                   vector_bool(parameters, "expected"));
}

static void contains_before_and_after(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);
        const char *version = vector_string(parameters, "version");

        expect_fit(arena,
                   &set,
                   version,
                   policy_of(json_object_get(parameters, "initial_prereleases")),
                   vector_bool(parameters, "initial_contains"));
        expect_fit(arena,
                   &set,
                   version,
                   policy_of(json_object_get(parameters, "set_prereleases")),
                   vector_bool(parameters, "final_contains"));
}

static void stays_equal_when_written(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);
        SpecifierSet again = parse(arena, VECTOR_TEXT(arena, specifier_set_add_to, &set));

        ASSERT_TRUE(specifier_set_equals(&set, &again));
}

static void is_refused(Arena *arena, json_t *parameters) {
        _cleanup_fault_ Fault fault = {};
        const char *text = clauses(parameters);
        Specifier specifier;
        SpecifierSet set;
        size_t offset = SIZE_MAX;

        ASSERT_ERROR(specifier_parse(arena, text_of(text), &specifier, &offset, &fault), EINVAL);
        ASSERT_TRUE(offset <= strlen(text));
        ASSERT_TRUE(fault_is_set(&fault));
        ASSERT_ERROR(specifier_set_parse(arena, text_of(text), &set, NULL, NULL), EINVAL);
}

/* Every spelling of a version can stand behind every operator that takes such a version. */
static void reads_spelling(Arena *arena, json_t *parameters) {
        const char *version = vector_string(parameters, "version");
        bool has_local = strchr(version, '+') != NULL;

        for (int i = SPECIFIER_COMPATIBLE; i <= SPECIFIER_GREATER; i++) {
                char text[128];
                SpecifierSet set;

                if (has_local && i != SPECIFIER_EQUAL && i != SPECIFIER_NOT_EQUAL)
                        continue;
                snprintf(text,
                         sizeof(text),
                         "%s%s",
                         specifier_operator_to_string((SpecifierOperator) i),
                         version);
                set = parse(arena, text);
                ASSERT_INT(set.n_items, 1);
                ASSERT_TRUE(version_equals(set.items[0].version, vector_version(arena, version)));
        }
}

static void is_written_as(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);

        ASSERT_STREQ(VECTOR_TEXT(arena, specifier_set_add_to, &set),
                     vector_string(parameters, "expected"));
}

static void are_equal(Arena *arena, json_t *parameters) {
        SpecifierSet left = parse(arena, vector_string(parameters, "left"));
        SpecifierSet right = parse(arena, vector_string(parameters, "right"));

        ASSERT_TRUE(specifier_set_equals(&left, &right));
}

static void names_prerelease(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);

        ASSERT_INT(specifier_set_names_prerelease(&set), vector_bool(parameters, "expected"));
}

/* Texts that are no versions are the library's own extension and left out on both sides. */
static size_t load_versions(Arena *arena, json_t *list, const Version **versions, size_t n_max) {
        json_t *item;
        size_t n = 0, i;

        json_array_foreach(list, i, item) {
                ASSERT_TRUE(n < n_max);
                if (version_parse(arena, text_of(json_string_value(item)), &versions[n]) >= 0)
                        n++;
        }
        return n;
}

static void
filters_to(Arena *arena,
           const SpecifierSet *set,
           json_t *input,
           PrereleasePolicy policy,
           json_t *expected) {
        const Version *versions[32], *wanted[32];
        size_t n = load_versions(arena, input, versions, ELEMENTSOF(versions));
        size_t n_wanted = load_versions(arena, expected, wanted, ELEMENTSOF(wanted));

        n = specifier_set_filter(set, policy, versions, n);
        ASSERT_INT(n, n_wanted);
        for (size_t i = 0; i < n; i++)
                ASSERT_STREQ(versions[i]->text, wanted[i]->text);
}

static void filters(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);

        filters_to(arena,
                   &set,
                   json_object_get(parameters, "input"),
                   policy_of_either(parameters, "prereleases", "specifier_prereleases"),
                   json_object_get(parameters, "expected"));
}

static void empty_set_filters(Arena *arena, json_t *parameters) {
        SpecifierSet set = {};

        filters_to(arena,
                   &set,
                   json_object_get(parameters, "versions"),
                   policy_of(json_object_get(parameters, "prereleases")),
                   json_object_get(parameters, "expected"));
}

static void has_operator(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);

        ASSERT_STREQ(specifier_operator_to_string(set.items[0].operator),
                     vector_string(parameters, "op"));
}

static void has_version(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);

        ASSERT_STREQ(set.items[0].text, vector_string(parameters, "version"));
}

static void has_length(Arena *arena, json_t *parameters) {
        ASSERT_INT(parse_clauses(arena, parameters).n_items,
                   json_integer_value(json_object_get(parameters, "expected_length")));
}

static void has_items(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);
        json_t *expected = json_object_get(parameters, "expected_items"), *item;
        size_t i;

        ASSERT_INT(set.n_items, json_array_size(expected));
        json_array_foreach(expected, i, item) {
                SpecifierSet one = { .items = &set.items[i], .n_items = 1 };

                ASSERT_STREQ(VECTOR_TEXT(arena, specifier_set_add_to, &one),
                             json_string_value(item));
        }
}

/* Without expectations in the case: clause by clause, as a set and as a range, all agree. */
static void ways_to_ask_agree(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);
        json_t *list = json_object_get(parameters, "test_versions"), *item;
        size_t i;

        list = list ? list : json_object_get(parameters, "versions");
        json_array_foreach(list, i, item) {
                const Version *version;

                if (version_parse(arena, text_of(json_string_value(item)), &version) >= 0 &&
                    !has_arbitrary(&set))
                        ASSERT_INT(is_in_range(arena, &set, version),
                                   specifier_set_contains(&set, version));
        }
}

static json_t *equivalence_items;

static void agrees_on_all_items(Arena *arena, json_t *parameters) {
        json_object_set(parameters, "versions", equivalence_items);
        ways_to_ask_agree(arena, parameters);
}

static void combines(Arena *arena, json_t *parameters) {
        _cleanup_(freep) char *both =
                        string_format("%s,%s",
                                      vector_string(parameters, "left"),
                                      vector_string(parameters, "right"));
        SpecifierSet set = parse(arena, both);
        SpecifierSet expected = parse(arena, vector_string(parameters, "expected"));

        ASSERT_TRUE(specifier_set_equals(&set, &expected));
}

typedef bool (*Relation)(Range a, Range b);

static void relates(Arena *arena, json_t *parameters, Relation relation) {
        SpecifierSet left = parse(arena, vector_string(parameters, "left"));
        SpecifierSet right = parse(arena, vector_string(parameters, "right"));
        Range a, b;

        ASSERT_OK(range_of_specifiers(arena, &left, &a));
        ASSERT_OK(range_of_specifiers(arena, &right, &b));
        ASSERT_INT(relation(a, b), vector_bool(parameters, "expected"));
}

static bool range_is_superset(Range outer, Range inner) {
        return range_is_subset(inner, outer);
}

static void is_subset(Arena *arena, json_t *parameters) {
        relates(arena, parameters, range_is_subset);
}

static void is_superset(Arena *arena, json_t *parameters) {
        relates(arena, parameters, range_is_superset);
}

static void is_disjoint(Arena *arena, json_t *parameters) {
        relates(arena, parameters, range_is_disjoint);
}

static void arbitrary_intersection_is_conjunction(Arena *arena, json_t *parameters) {
        SpecifierSet a = parse(arena, vector_string(parameters, "spec1"));
        SpecifierSet b = parse(arena, vector_string(parameters, "spec2"));
        _cleanup_(freep) char *text =
                        string_format("%s,%s",
                                      vector_string(parameters, "spec1"),
                                      vector_string(parameters, "spec2"));
        SpecifierSet both = parse(arena, text);
        json_t *item;
        size_t i;

        json_array_foreach(json_object_get(parameters, "input_versions"), i, item) {
                const char *written = json_string_value(item);

                ASSERT_INT(fits(arena, &both, written, PRERELEASES_DEFAULT),
                           fits(arena, &a, written, PRERELEASES_DEFAULT) &&
                                           fits(arena, &b, written, PRERELEASES_DEFAULT));
        }
}

static void is_unsatisfiable(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);
        Range range;

        ASSERT_OK(range_of_specifiers(arena, &set, &range));
        ASSERT_TRUE(range_is_empty(range));
}

static void refuses_input(Arena *arena, json_t *parameters) {
        SpecifierSet set = parse_clauses(arena, parameters);

        ASSERT_FALSE(fits(arena, &set, vector_string(parameters, "input"), PRERELEASES_DEFAULT));
}

TEST(specifier_vectors_of_packaging_hold) {
        static const char lazy[] = "laziness of the library; construction is covered by the others";
        static const char key[] = "the library's key= argument, objects defined in Python";
        static const char relation[] = "TypeError and ValueError of the library's methods";
        static const Vector table[] = {
                { "pickle_specifier_roundtrip", stays_equal_when_written },
                { "pickle_specifierset_roundtrip", stays_equal_when_written },
                { "specifier_construction_is_lazy", NULL, lazy },
                { "specifierset_construction_is_lazy", NULL, lazy },
                { "boundary_closure_short_release", contains_as_expected },
                { "specifiers_valid", stays_equal_when_written },
                { "specifiers_invalid", is_refused },
                { "specifiers_normalized", reads_spelling },
                { "specifiers_str_and_repr", is_written_as },
                { "specifiers_hash", stays_equal_when_written },
                { "comparison_canonicalizes", are_equal },
                { "invalid_version", contains_as_expected },
                { "specifier_prereleases_set", contains_before_and_after },
                { "arbitrary_equality", contains_as_expected },
                { "specifier_prereleases_detection", names_prerelease },
                { "specifiers_prereleases", contains_with_either_policy },
                { "specifier_filter", filters },
                { "specifier_filter_with_key", NULL, key },
                { "specifier_operator_property", has_operator },
                { "specifier_version_property", has_version },
                { "length", has_length },
                { "iteration", has_items },
                { "spec_version_cache_consistency", ways_to_ask_agree },
                { "spec_version_cache_with_wildcards", ways_to_ask_agree },
                { "spec_version_cache_with_arbitrary_equality", stays_equal_when_written },
                { "spec_version_cache_compatible_operator", ways_to_ask_agree },
                { "empty_specifier_arbitrary_string", empty_set_filters },
                { "empty_specifier_ordering_with_arbitrary", empty_set_filters },
                { "specifier_prereleases_explicit", contains_before_and_after },
                { "specifier_contains_installed_prereleases", contains_installed },
                { "specifierset_filter_with_key", NULL, key },
                { "empty_specifierset_filter_with_key", NULL, key },
                { "filter_exclusionary_bridges", filters },
                { "contains_exclusionary_bridges", contains_as_expected },
                { "contains_rejects_invalid_specifier", refuses_input },
                { "contains_post_release_boundary_intersection", contains_as_expected },
                { "contains_arbitrary_equality_contains", contains_as_expected },
                { "specifiers_combine", combines },
                { "is_subset", is_subset },
                { "is_superset", is_superset },
                { "is_disjoint", is_disjoint },
                { "set_relations_raise_on_prerelease_policy_mismatch", NULL, relation },
                { "set_relations_require_specifierset", NULL, relation },
                { "set_relations_reject_arbitrary_equality", NULL, relation },
                { "comparison_ignores_local", contains_as_expected },
                { "arbitrary_equality_is_intersection_preserving",
                  arbitrary_intersection_is_conjunction },
                { "post_release_boundary_unsatisfiable", is_unsatisfiable },
                { "contains_identical_across_canonicalization", ways_to_ask_agree },
                { "contains_equivalent", agrees_on_all_items },
                { "filter_equivalent", agrees_on_all_items },
                { "to_specifier_set_roundtrip_matches", agrees_on_all_items },
                { "contains_equivalent_with_version_objects", agrees_on_all_items },
        };
        json_t *root = vectors_load("specifiers.json");

        equivalence_items = json_object_get(json_object_get(root, "constants"), "_EQUIV_ITEMS");
        vectors_run("specifiers.json", table, ELEMENTSOF(table));
        json_decref(root);
}

static void expect_fault(const char *text, const char *sentence, size_t wanted_offset) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        _cleanup_fault_ Fault fault = {};
        SpecifierSet set;
        size_t offset = SIZE_MAX;

        ASSERT_ERROR(specifier_set_parse(arena, text_of(text), &set, &offset, &fault), EINVAL);
        ASSERT_STREQ(fault.message, sentence);
        ASSERT_INT(offset, wanted_offset);
}

TEST(specifier_mistakes_are_explained) {
        expect_fault(">=1.0, <2.*",
                     "'>=1.0, <2.*' is not a version specifier: only == and != may be followed by '.*', not < "
                     "(character 9).",
                     8);
        expect_fault("~=1",
                     "'~=1' is not a version specifier: ~= needs at least two numbers, as in ~=1.2 (character 3).",
                     2);
        expect_fault(">=french",
                     "'>=french' is not a version specifier: 'french' is not a version (character 3).",
                     2);
        expect_fault(">=1.0+x",
                     "'>=1.0+x' is not a version specifier: a local version ('+x') may only follow == and !=, not "
                     ">= (character 3).",
                     2);
        expect_fault("1.0",
                     "'1.0' is not a version specifier: expected a comma or a clause as in >=1.2 (character 1).",
                     0);
}

TEST(specifier_fault_shows_no_control_characters) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        _cleanup_fault_ Fault fault = {};
        SpecifierSet set;

        ASSERT_ERROR(specifier_set_parse(arena, TEXT(">=\x1b[31m\xc2\x9b"), &set, NULL, &fault),
                     EINVAL);
        for (const char *c = fault.message; *c; c++)
                ASSERT_TRUE((unsigned char) *c >= 0x20 && *c != 0x7f);
        ASSERT_NULL(strstr(fault.message, "\xc2\x9b"));
}

TEST(specifier_blank_clauses_are_skipped) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        SpecifierSet set = parse(arena, ", >=1.0 ,,<2,");

        ASSERT_INT(set.n_items, 2);
        ASSERT_STREQ(VECTOR_TEXT(arena, specifier_set_add_to, &set), "<2,>=1.0");
}

TEST(specifier_number_too_large_is_out_of_range) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        SpecifierSet set;

        ASSERT_ERROR(specifier_set_parse(arena, TEXT("<99999999999999999999"), &set, NULL, NULL),
                     ERANGE);
}
