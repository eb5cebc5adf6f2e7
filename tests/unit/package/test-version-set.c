// SPDX-License-Identifier: LGPL-2.1-or-later
#include "package/version-set.h"
#include "test.h"

enum {
        N_STATES = 12,
        N_ROUNDS = 20000
};

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n) {
        random_state = random_state * 1664525 + 1013904223;
        return (random_state >> 8) % n;
}

/* Bit i is state i; the last bit stands for everything above. */
static const VersionSet *of_bits(VersionSets *sets, uint32_t bits) {
        uint32_t bounds[2 * N_STATES];
        size_t n = 0;

        for (uint32_t i = 0; i < N_STATES; i++)
                if (bits & 1U << i) {
                        bounds[n++] = i;
                        bounds[n++] = i + 1 == N_STATES ? VERSION_SET_END : i + 1;
                }
        return version_set_make(sets, bounds, n);
}

TEST(operations_agree_with_bits) {
        _cleanup_(version_sets_freep) VersionSets *sets = version_sets_new();
        uint32_t all = (1U << N_STATES) - 1;

        ASSERT_NOT_NULL(sets);
        for (size_t i = 0; i < N_ROUNDS; i++) {
                uint32_t x = random_below(all + 1), y = random_below(all + 1);
                const VersionSet *a = of_bits(sets, x), *b = of_bits(sets, y);
                uint32_t n_versions = 0;

                ASSERT_TRUE(version_set_intersect(sets, a, b) == of_bits(sets, x & y));
                ASSERT_TRUE(version_set_union(sets, a, b) == of_bits(sets, x | y));
                ASSERT_TRUE(version_set_complement(sets, a) == of_bits(sets, ~x & all));
                ASSERT_TRUE(version_set_is_subset(a, b) == ((x & ~y) == 0));
                ASSERT_TRUE(version_set_is_disjoint(a, b) == ((x & y) == 0));
                ASSERT_TRUE(version_set_is_positive(a) == !(x & 1));
                for (uint32_t version = 0; version + 1 < N_STATES; version++) {
                        bool is_in = x & 1U << (version + 1);

                        ASSERT_TRUE(version_set_has(a, version) == is_in);
                        n_versions += is_in;
                }
                ASSERT_INT(version_set_size(a, N_STATES - 1), n_versions);
        }
        ASSERT_FALSE(version_sets_failed(sets));
}

TEST(set_of_last_version_has_no_upper_bound) {
        _cleanup_(version_sets_freep) VersionSets *sets = version_sets_new();

        ASSERT_TRUE(version_set_single(sets, 0, 1) == version_set_any(sets));
        ASSERT_TRUE(version_set_single(sets, 1, 3) != version_set_single(sets, 1, 2));
        ASSERT_TRUE(version_set_complement(sets, version_set_empty(sets)) ==
                    version_set_full(sets));
}

TEST(equal_sets_are_one_pointer_when_many) {
        _cleanup_(version_sets_freep) VersionSets *sets = version_sets_new();
        const VersionSet *first[5000];

        for (uint32_t i = 0; i < 5000; i++)
                first[i] = version_set_single(sets, i, 10000);
        for (uint32_t i = 0; i < 5000; i++)
                ASSERT_TRUE(first[i] == version_set_single(sets, i, 10000));
        ASSERT_INT(version_sets_count(sets), 5002);
}
