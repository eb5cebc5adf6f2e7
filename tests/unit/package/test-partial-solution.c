// SPDX-License-Identifier: LGPL-2.1-or-later
#include "package/partial-solution.h"
#include "test.h"

enum {
        ROOT,
        A,
        B,
        N_PACKAGES,
        N_VERSIONS = 3
};

typedef struct Scene {
        VersionSets *sets;
        Incompatibilities *all;
        PartialSolution *solution;
} Scene;

static void scene_init(Scene *scene) {
        scene->sets = version_sets_new();
        scene->all = incompatibilities_new(scene->sets);
        scene->solution = partial_solution_new(scene->sets, scene->all);
        for (size_t i = 0; i < N_PACKAGES; i++)
                ASSERT_OK(partial_solution_add_package(scene->solution));
}

static void scene_done(Scene *scene) {
        partial_solution_free(scene->solution);
        incompatibilities_free(scene->all);
        version_sets_free(scene->sets);
}

static const VersionSet *single(Scene *scene, uint32_t version) {
        return version_set_single(scene->sets, version, N_VERSIONS);
}

/* "@package in @version needs @needed in @set" */
static uint32_t
add(Scene *scene, uint32_t package, uint32_t version, uint32_t needed, const VersionSet *set) {
        Term terms[2] = { { package, single(scene, version) },
                          { needed, version_set_complement(scene->sets, set) } };
        uint32_t number;

        ASSERT_OK(incompatibilities_add(scene->all, CAUSE_DEPENDENCY, 1, terms, 2, &number));
        return number;
}

static Relation relation(Scene *scene, uint32_t number, uint32_t *ret_package) {
        return partial_solution_relation(
                        scene->solution, incompatibilities_get(scene->all, number), ret_package);
}

TEST(dependency_of_a_decision_is_derived_and_forgotten_on_the_way_back) {
        __attribute__((cleanup(scene_done))) Scene scene;
        uint32_t number, package;
        size_t n;

        scene_init(&scene);
        number = add(&scene, A, 2, B, single(&scene, 0));
        ASSERT_INT(relation(&scene, number, &package), RELATION_OPEN);
        ASSERT_OK(partial_solution_decide(scene.solution, A, 2, single(&scene, 2)));
        ASSERT_INT(relation(&scene, number, &package), RELATION_ALMOST);
        ASSERT_INT(package, B);
        ASSERT_OK(partial_solution_derive(scene.solution, B, number));
        ASSERT_TRUE(partial_solution_get(scene.solution, B) == single(&scene, 0));
        ASSERT_INT(relation(&scene, number, &package), RELATION_CONTRADICTED);
        ASSERT_INT(partial_solution_undecided(scene.solution, &n)[0], B);
        ASSERT_INT(n, 1);
        partial_solution_backtrack(scene.solution, 0);
        ASSERT_TRUE(partial_solution_get(scene.solution, B) == version_set_full(scene.sets));
        ASSERT_INT(partial_solution_decision(scene.solution, A), PARTIAL_SOLUTION_NONE);
        (void) partial_solution_undecided(scene.solution, &n);
        ASSERT_INT(n, 0);
}

TEST(satisfier_is_the_newest_entry_that_mattered) {
        __attribute__((cleanup(scene_done))) Scene scene;
        Satisfier satisfier;
        uint32_t number;

        scene_init(&scene);
        number = add(&scene, A, 2, B, single(&scene, 0));
        ASSERT_OK(partial_solution_decide(
                        scene.solution, ROOT, 0, version_set_single(scene.sets, 0, 1)));
        ASSERT_OK(partial_solution_decide(scene.solution, A, 2, single(&scene, 2)));
        ASSERT_OK(partial_solution_decide(scene.solution, B, 1, single(&scene, 1)));
        satisfier = partial_solution_find_satisfier(
                        scene.solution, incompatibilities_get(scene.all, number));
        ASSERT_INT(satisfier.package, B);
        ASSERT_INT(satisfier.cause, PARTIAL_SOLUTION_DECIDED);
        ASSERT_INT(satisfier.level, 3);
        ASSERT_INT(satisfier.previous_level, 2);
}

TEST(conclusion_leaves_the_common_package_out) {
        __attribute__((cleanup(scene_done))) Scene scene;
        uint32_t left, right, number;
        const Incompatibility *item;

        /* root needs A 2; A 2 needs B 0: the root needs B 0. */
        scene_init(&scene);
        left = add(&scene, A, 2, B, single(&scene, 0));
        right = add(&scene, ROOT, 0, A, single(&scene, 2));
        ASSERT_OK(incompatibilities_conclude(scene.all, left, right, A, &number));
        item = incompatibilities_get(scene.all, number);
        ASSERT_INT(item->n_terms, 2);
        ASSERT_NULL(incompatibility_find(item, A));
        ASSERT_TRUE(incompatibility_find(item, B) ==
                    version_set_complement(scene.sets, single(&scene, 0)));
}
