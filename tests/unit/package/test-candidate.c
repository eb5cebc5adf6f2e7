// SPDX-License-Identifier: LGPL-2.1-or-later
#include "package/candidate.h"
#include "test.h"

typedef struct Scene {
        Arena *arena;
        CandidateRules *rules;
        IndexPage *page;
        Candidates *candidates;
} Scene;

#define FILE_JSON(name, more) \
        "{\"filename\":\"" name "\",\"url\":\"" name "\",\"hashes\":{}" more "}"

static void
scene_init(Scene *scene, const char *files, const CandidateWish *wish, int64_t exclude_newer_usec) {
        static const char *const tags[] = {
                "cp311-cp311-manylinux_2_17_x86_64",
                "cp311-none-any",
                "py3-none-any",
                NULL,
        };
        _cleanup_(freep) char *json = string_format(
                        "{\"meta\":{\"api-version\":\"1.1\"},\"name\":\"demo\",\"files\":[%s]}",
                        files);
        CandidateRulesInput input = { .exclude_newer_usec = exclude_newer_usec };

        scene->arena = arena_new();
        ASSERT_OK(tag_set_of_list(scene->arena, tags, &input.tags));
        ASSERT_OK(version_parse(scene->arena, TEXT("3.11.2"), &input.python));
        scene->rules = candidate_rules_new(scene->arena, &input);
        ASSERT_NOT_NULL(scene->rules);
        ASSERT_OK(index_page_parse(
                        &(IndexSource){ .name = "demo",
                                        .url = "https://index.example/simple/demo/",
                                        .content_type = "application/vnd.pypi.simple.v1+json" },
                        json,
                        strlen(json),
                        &scene->page,
                        NULL));
        ASSERT_OK(candidates_new(scene->rules, &scene->page, 1, wish, &scene->candidates));
}

static void scene_done(Scene *scene) {
        index_page_free(scene->page);
        candidate_rules_free(scene->rules);
        arena_free(scene->arena);
}
#define _cleanup_scene_ __attribute__((cleanup(scene_done)))

static const Candidate *look(Scene *scene, const char *version) {
        const Candidate *candidate;

        for (uint32_t i = 0; i < scene->candidates->n_items; i++)
                if (streq(scene->candidates->versions[i]->text, version)) {
                        ASSERT_OK(candidates_check(scene->candidates, i, &candidate));
                        return candidate;
                }
        test_fail(__FILE__, __LINE__, "no version %s", version);
}

TEST(order_is_final_releases_first_then_above_the_bound) {
        _cleanup_scene_ Scene scene;
        static const char *const wanted[] = { "1.0", "0.9", "2.0rc1", "3.0" };

        scene_init(&scene,
                   FILE_JSON("demo-3.0-py3-none-any.whl", ",\"requires-python\":\"<3.11\"") "," FILE_JSON(
                                   "demo-0.9-py3-none-any.whl",
                                   "") "," FILE_JSON("demo-2.0rc1-py3-none-any.whl", "") "," FILE_JSON("demo-1.0-py3-none-any.whl", ""),
                   &(CandidateWish){ .hashes = NULL },
                   0);
        ASSERT_INT(scene.candidates->n_items, 4);
        for (size_t i = 0; i < ELEMENTSOF(wanted); i++)
                ASSERT_STREQ(scene.candidates->versions[scene.candidates->order[i]]->text,
                             wanted[i]);
        ASSERT_TRUE(look(&scene, "3.0")->is_above_bound);
}

TEST(best_wheel_has_the_best_tags_then_the_highest_build) {
        _cleanup_scene_ Scene scene;

        scene_init(&scene,
                   FILE_JSON("demo-1.0-py3-none-any.whl", "") "," FILE_JSON("demo-1.0-1-cp311-cp311-manylinux_2_17_x86_64.whl", "") "," FILE_JSON(
                                   "demo-1.0-12-cp311-cp311-manylinux_2_17_x86_64.whl",
                                   "") "," FILE_JSON("demo-1.0-2-cp311-cp311-manylinux_2_17_x86_64.whl", ""),
                   &(CandidateWish){ .hashes = NULL },
                   0);
        ASSERT_STREQ(look(&scene, "1.0")->wheel->filename,
                     "demo-1.0-12-cp311-cp311-manylinux_2_17_x86_64.whl");
}

TEST(state_is_that_of_the_best_file) {
        _cleanup_scene_ Scene scene;

        scene_init(&scene,
                   FILE_JSON("demo-1.tar.gz", "") "," FILE_JSON("demo-2.tar.gz", "") "," FILE_JSON("demo-2-cp311-cp311-win_amd64.whl", "") "," FILE_JSON("demo-3-cp311-cp311-win_amd64.whl", "") "," FILE_JSON("demo-3-py3-none-any.whl", ",\"requires-python\":\">=3.12\"") "," FILE_JSON(
                                   "demo-4-py3-none-any.whl",
                                   ",\"upload-time\":\"2024-01-01T00:00:00Z\"") "," FILE_JSON("demo-5-py3-none-any.whl", ",\"upload-time\":\"2020-01-01T00:00:00Z\",\"yanked\":true") "," FILE_JSON("demo-6-py3-none-any.whl", ",\"upload-time\":\"2020-01-01T00:00:00Z\""),
                   &(CandidateWish){ .hashes = NULL },
                   INT64_C(1600000000) * (int64_t) USEC_PER_SEC);
        ASSERT_INT(look(&scene, "1")->state, CANDIDATE_SOURCE_ONLY);
        ASSERT_INT(look(&scene, "2")->state, CANDIDATE_WRONG_WHEEL);
        ASSERT_INT(look(&scene, "3")->state, CANDIDATE_WRONG_PYTHON);
        ASSERT_STREQ(look(&scene, "3")->needs_python, ">=3.12");
        ASSERT_INT(look(&scene, "4")->state, CANDIDATE_TOO_NEW);
        ASSERT_INT(look(&scene, "5")->state, CANDIDATE_YANKED);
        ASSERT_INT(look(&scene, "6")->state, CANDIDATE_USABLE);
}

TEST(only_files_with_a_wanted_hash_are_used) {
        _cleanup_scene_ Scene scene;
        char wanted[] = "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        char *const hashes[] = { wanted, NULL };

        scene_init(&scene,
                   "{\"filename\":\"demo-1-py3-none-any.whl\",\"url\":\"a\",\"hashes\":{\"sha256\":"
                   "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}},"
                   "{\"filename\":\"demo-2-py3-none-any.whl\",\"url\":\"b\",\"hashes\":{\"sha256\":"
                   "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"}}," FILE_JSON(
                                   "demo-3-py3-none-any.whl", ""),
                   &(CandidateWish){ .hashes = hashes },
                   0);
        ASSERT_INT(look(&scene, "1")->state, CANDIDATE_USABLE);
        ASSERT_INT(look(&scene, "2")->state, CANDIDATE_WRONG_HASH);
        ASSERT_INT(look(&scene, "3")->state, CANDIDATE_WRONG_HASH);
}
