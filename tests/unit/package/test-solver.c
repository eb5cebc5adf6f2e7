// SPDX-License-Identifier: LGPL-2.1-or-later
#include "basic/memory.h"
#include "package/solver.h"
#include "test.h"

enum {
        PACKAGES_MAX = 7,
        VERSIONS_MAX = 4,
        NEEDS_MAX = 3,
        DETAIL_UNUSABLE = 7
};

/* A small world. Version 0 of package 0 is the project. A set is a mask of versions. */
typedef struct Need {
        uint32_t package;
        uint32_t mask;
} Need;

typedef struct World {
        uint32_t n_packages;
        uint32_t n_versions[PACKAGES_MAX];
        bool is_unusable[PACKAGES_MAX][VERSIONS_MAX];
        Need needs[PACKAGES_MAX][VERSIONS_MAX][NEEDS_MAX];
        uint32_t n_needs[PACKAGES_MAX][VERSIONS_MAX];
} World;

static uint32_t check(void *userdata, uint32_t package, uint32_t version) {
        const World *world = userdata;

        return world->is_unusable[package][version] ? DETAIL_UNUSABLE : 0;
}

static const VersionSet *set_of_mask(VersionSets *sets, uint32_t mask, uint32_t n_versions) {
        const VersionSet *set = version_set_empty(sets);

        for (uint32_t i = 0; i < n_versions; i++)
                if (mask & 1U << i)
                        set = version_set_union(sets, set, version_set_single(sets, i, n_versions));
        return set;
}

/* The newest first. */
static const uint32_t *order_of(uint32_t n_versions) {
        static const uint32_t orders[VERSIONS_MAX + 1][VERSIONS_MAX] = {
                { 0 }, { 0 }, { 1, 0 }, { 2, 1, 0 }, { 3, 2, 1, 0 },
        };
        return orders[n_versions];
}

static Solver *solver_of(const World *world) {
        Solver *solver = solver_new(
                        &(SolverCallbacks){ .check = check, .userdata = (void *) world });
        uint32_t number;

        ASSERT_NOT_NULL(solver);
        for (uint32_t i = 1; i < world->n_packages; i++) {
                ASSERT_OK(solver_add_package(
                                solver,
                                i,
                                order_of(world->n_versions[i]),
                                world->n_versions[i],
                                &number));
                ASSERT_INT(number, i);
        }
        return solver;
}

static SolverState solve(const World *world, Solver *solver, SolverStep *ret) {
        for (size_t i = 0; i < 10000; i++) {
                SolverDependency dependencies[NEEDS_MAX];
                size_t n = 0;

                ASSERT_OK(solver_step(solver, ret));
                if (ret->state == SOLVER_SOLVED || ret->state == SOLVER_UNSOLVABLE)
                        return ret->state;
                if (ret->state == SOLVER_PROGRESS)
                        continue;
                for (; n < world->n_needs[ret->package][ret->version]; n++) {
                        const Need *need = &world->needs[ret->package][ret->version][n];

                        dependencies[n] = (SolverDependency){
                                .package = need->package,
                                .detail = 1,
                                .set =
                                                set_of_mask(solver_sets(solver),
                                                            need->mask,
                                                            world->n_versions[need->package]),
                        };
                }
                ASSERT_OK(solver_add_dependencies(
                                solver, ret->package, ret->version, dependencies, n));
        }
        test_fail(__FILE__, __LINE__, "the solver does not come to an end");
}

/* @chosen: per package 0 not selected, else version + 1. */
static bool is_valid(const World *world, const uint32_t *chosen) {
        for (uint32_t i = 0; i < world->n_packages; i++) {
                uint32_t version = chosen[i] - 1;

                if (chosen[i] == 0)
                        continue;
                if (i > 0 && world->is_unusable[i][version])
                        return false;
                for (size_t k = 0; k < world->n_needs[i][version]; k++) {
                        const Need *need = &world->needs[i][version][k];

                        if (chosen[need->package] == 0 ||
                            !(need->mask & 1U << (chosen[need->package] - 1)))
                                return false;
                }
        }
        return chosen[0] == 1;
}

/* Tries everything. Returns how many valid choices there are, kept in @ret. */
static size_t find_all(const World *world, uint32_t (*ret)[PACKAGES_MAX], size_t n_max) {
        uint32_t chosen[PACKAGES_MAX] = { 1 };
        size_t n = 0;

        for (;;) {
                uint32_t i = 1;

                if (n < n_max && is_valid(world, chosen))
                        memcpy(ret[n++], chosen, sizeof(chosen));
                while (i < world->n_packages && chosen[i] == world->n_versions[i])
                        chosen[i++] = 0;
                if (i >= world->n_packages)
                        return n;
                chosen[i]++;
        }
}

static uint32_t random_state;

static uint32_t random_below(uint32_t n) {
        random_state = random_state * 1664525 + 1013904223;
        return (random_state >> 8) % n;
}

static void make_world(World *world, uint32_t seed) {
        random_state = seed * 2654435761U + 1;
        *world = (World){ .n_packages = 3 + random_below(PACKAGES_MAX - 2), .n_versions = { 1 } };
        for (uint32_t i = 1; i < world->n_packages; i++) {
                world->n_versions[i] = random_below(10) == 0 ? 0 : 1 + random_below(VERSIONS_MAX);
                for (uint32_t k = 0; k < world->n_versions[i]; k++)
                        world->is_unusable[i][k] = random_below(8) == 0;
        }
        for (uint32_t i = 0; i < world->n_packages; i++)
                for (uint32_t k = 0; k < world->n_versions[i]; k++) {
                        world->n_needs[i][k] = i == 0 ? 2 : random_below(NEEDS_MAX + 1);
                        for (uint32_t j = 0; j < world->n_needs[i][k]; j++) {
                                uint32_t other = 1 + random_below(world->n_packages - 1);

                                world->needs[i][k][j] = (Need){
                                        .package = other,
                                        .mask = random_below(3) == 0
                                                        ? UINT32_MAX
                                                        : random_below(1U << VERSIONS_MAX),
                                };
                        }
                }
}

/* No valid choice may make all its terms hold. */
static void
assert_true_lesson(const Incompatibility *item, uint32_t (*valid)[PACKAGES_MAX], size_t n_valid) {
        for (size_t i = 0; i < n_valid; i++) {
                bool holds = true;

                for (size_t k = 0; k < item->n_terms; k++) {
                        const VersionSet *set = item->terms[k].set;
                        uint32_t state = valid[i][item->terms[k].package];

                        holds = holds &&
                                        (state == 0 ? !version_set_is_positive(set)
                                                    : version_set_has(set, state - 1));
                }
                ASSERT_FALSE(holds);
        }
}

TEST(answer_agrees_with_trying_everything) {
        static uint32_t valid[20000][PACKAGES_MAX];
        size_t n_solved = 0, n_unsolvable = 0, n_conflicts = 0;

        for (uint32_t seed = 1; seed <= 4000; seed++) {
                World world;
                _cleanup_(solver_freep) Solver *solver = NULL;
                uint32_t chosen[PACKAGES_MAX] = { 0 };
                SolverStep step;
                size_t n_valid;

                make_world(&world, seed);
                n_valid = find_all(&world, valid, ELEMENTSOF(valid));
                solver = solver_of(&world);
                if (solve(&world, solver, &step) == SOLVER_UNSOLVABLE) {
                        if (n_valid > 0)
                                test_fail(__FILE__, __LINE__, "world %u has a solution", seed);
                        n_unsolvable++;
                        continue;
                }
                for (uint32_t i = 0; i < world.n_packages; i++)
                        if (solver_decision(solver, i) != PARTIAL_SOLUTION_NONE)
                                chosen[i] = solver_decision(solver, i) + 1;
                if (!is_valid(&world, chosen))
                        test_fail(__FILE__, __LINE__, "world %u is solved wrongly", seed);
                n_solved++;
                n_conflicts += solver_count_conflicts(solver);
                for (uint32_t i = 0; i < solver_count_incompatibilities(solver); i++)
                        assert_true_lesson(solver_incompatibility(solver, i), valid, n_valid);
        }
        /* The worlds must be worth it. */
        ASSERT_TRUE(n_solved > 500);
        ASSERT_TRUE(n_unsolvable > 500);
        ASSERT_TRUE(n_conflicts > 100);
}

static void
world_add(World *world, uint32_t package, uint32_t version, uint32_t needed, uint32_t mask) {
        world->needs[package][version][world->n_needs[package][version]++] = (Need){ needed, mask };
}

/* Source of the next four: dart-lang/pub, doc/solver.md, "Examples". */
TEST(avoiding_a_conflict_while_deciding) {
        World world = { .n_packages = 3, .n_versions = { 1, 2, 2 } };
        _cleanup_(solver_freep) Solver *solver = solver_of(&world);
        SolverStep step;

        /* foo 1.1 -> bar 2, bar 1 and 1.1 and 2.0: root needs foo and bar < 2 */
        world_add(&world, 0, 0, 1, 3);
        world_add(&world, 0, 0, 2, 1);
        world_add(&world, 1, 1, 2, 2);
        ASSERT_INT(solve(&world, solver, &step), SOLVER_SOLVED);
        ASSERT_INT(solver_decision(solver, 1), 0);
        ASSERT_INT(solver_decision(solver, 2), 0);
        ASSERT_INT(solver_count_decisions(solver), 3);
}

TEST(conflict_is_resolved_by_an_older_version) {
        World world = { .n_packages = 3, .n_versions = { 1, 2, 1 } };
        _cleanup_(solver_freep) Solver *solver = solver_of(&world);
        SolverStep step;

        /* foo 2 -> bar -> foo 1 */
        world_add(&world, 0, 0, 1, 3);
        world_add(&world, 1, 1, 2, 1);
        world_add(&world, 2, 0, 1, 1);
        ASSERT_INT(solve(&world, solver, &step), SOLVER_SOLVED);
        ASSERT_INT(solver_decision(solver, 1), 0);
        ASSERT_INT(solver_decision(solver, 2), PARTIAL_SOLUTION_NONE);
}

TEST(conflict_with_a_partial_satisfier_is_resolved) {
        /* 1 foo, 2 left, 3 right, 4 shared, 5 target */
        World world = { .n_packages = 6, .n_versions = { 1, 2, 1, 1, 2, 2 } };
        _cleanup_(solver_freep) Solver *solver = solver_of(&world);
        SolverStep step;

        world_add(&world, 0, 0, 1, 3);
        world_add(&world, 0, 0, 5, 2); /* target 2 */
        world_add(&world, 1, 1, 2, 1);
        world_add(&world, 1, 1, 3, 1);
        world_add(&world, 2, 0, 4, 3);
        world_add(&world, 3, 0, 4, 1); /* shared < 2 */
        world_add(&world, 4, 0, 5, 1); /* shared 1 -> target 1 */
        ASSERT_INT(solve(&world, solver, &step), SOLVER_SOLVED);
        ASSERT_INT(solver_decision(solver, 1), 0);
        ASSERT_INT(solver_decision(solver, 5), 1);
        ASSERT_INT(solver_decision(solver, 4), PARTIAL_SOLUTION_NONE);
}

TEST(branching_conflict_ends_without_a_solution) {
        /* 1 foo, 2 a, 3 b, 4 x, 5 y: linear and branching error reporting in one */
        World world = { .n_packages = 6, .n_versions = { 1, 2, 1, 1, 1, 2 } };
        _cleanup_(solver_freep) Solver *solver = solver_of(&world);
        const Incompatibility *item;
        SolverStep step;

        world_add(&world, 0, 0, 1, 3);
        world_add(&world, 1, 0, 2, 1);
        world_add(&world, 1, 0, 3, 1);
        world_add(&world, 1, 1, 4, 1);
        world_add(&world, 1, 1, 5, 1);
        world_add(&world, 2, 0, 3, 0);
        world_add(&world, 4, 0, 5, 2);
        ASSERT_INT(solve(&world, solver, &step), SOLVER_UNSOLVABLE);
        item = solver_incompatibility(solver, step.conflict);
        ASSERT_TRUE(item->n_terms <= 1);
        ASSERT_INT(item->cause, CAUSE_CONCLUSION);
}

TEST(unusable_versions_are_excluded_as_a_group) {
        World world = {
                .n_packages = 2,
                .n_versions = { 1, 4 },
                .is_unusable = { { false }, { true, true, true, true } },
        };
        _cleanup_(solver_freep) Solver *solver = solver_of(&world);
        SolverStep step;

        world_add(&world, 0, 0, 1, 15);
        ASSERT_INT(solve(&world, solver, &step), SOLVER_UNSOLVABLE);
        for (uint32_t i = 0; i < step.conflict; i++) {
                const Incompatibility *item = solver_incompatibility(solver, i);

                if (item->cause != CAUSE_UNUSABLE)
                        continue;
                ASSERT_TRUE(item->terms[0].set == version_set_any(solver_sets(solver)));
                ASSERT_INT(item->detail, DETAIL_UNUSABLE);
                return;
        }
        ASSERT_TRUE(false);
}

TEST(refused_version_is_not_chosen) {
        World world = { .n_packages = 2, .n_versions = { 1, 2 } };
        _cleanup_(solver_freep) Solver *solver = solver_of(&world);
        SolverStep step;

        world_add(&world, 0, 0, 1, 3);
        do
                ASSERT_OK(solver_step(solver, &step));
        while (step.state == SOLVER_PROGRESS);
        ASSERT_OK(solver_add_dependencies(
                        solver,
                        0,
                        0,
                        &(SolverDependency){ 1, 1, version_set_any(solver_sets(solver)) },
                        1));
        do
                ASSERT_OK(solver_step(solver, &step));
        while (step.state == SOLVER_PROGRESS);
        ASSERT_INT(step.package, 1);
        ASSERT_INT(step.version, 1);
        ASSERT_OK(solver_refuse(solver, 1, 1, 3));
        ASSERT_INT(solve(&world, solver, &step), SOLVER_SOLVED);
        ASSERT_INT(solver_decision(solver, 1), 0);
}

TEST(dependencies_of_many_versions_are_one_incompatibility) {
        World world = { .n_packages = 3, .n_versions = { 1, 4, 1 } };
        _cleanup_(solver_freep) Solver *solver = solver_of(&world);
        SolverStep step;

        /* Every version of 1 needs what 2 does not have. */
        world_add(&world, 0, 0, 1, 15);
        for (uint32_t i = 0; i < 4; i++)
                world_add(&world, 1, i, 2, 0);
        ASSERT_INT(solve(&world, solver, &step), SOLVER_UNSOLVABLE);
        for (uint32_t i = step.conflict; i-- > 0;) {
                const Incompatibility *item = solver_incompatibility(solver, i);

                if (item->cause != CAUSE_DEPENDENCY || item->terms[0].package != 1)
                        continue;
                ASSERT_TRUE(item->terms[0].set == version_set_any(solver_sets(solver)));
                return;
        }
        ASSERT_TRUE(false);
}
