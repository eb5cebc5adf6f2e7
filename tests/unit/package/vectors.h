// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Runs the parametrised cases of the packaging library's own tests, which lie as JSON in the corpora.
 * Every kind of check in a file must be in the table of the test: with a function that restates it, or
 * with the reason why there is nothing to restate. A kind that is in neither, or that no longer occurs,
 * fails the test. */

#include <jansson.h>

#include "basic/memory.h"
#include "basic/text.h"
#include "package/version.h"
#include "test.h"

/* One case: an object with the names of its parameters. Everything parsed goes into @arena. */
typedef void (*VectorCheck)(Arena *arena, json_t *parameters);

typedef struct Vector {
        const char *check;
        VectorCheck run; /* NULL: see @reason */
        const char *reason;
} Vector;

static inline const char *vector_string(json_t *parameters, const char *name) {
        return json_string_value(json_object_get(parameters, name));
}

static inline bool vector_bool(json_t *parameters, const char *name) {
        return json_is_true(json_object_get(parameters, name));
}

static inline const Version *vector_version(Arena *arena, const char *text) {
        const Version *version = NULL;

        if (version_parse(arena, text_of(text), &version) < 0)
                test_fail(__FILE__, __LINE__, "'%s' was refused as a version", text);
        return version;
}

/* A heap string of what @add appends; freed with the arena. */
#define VECTOR_TEXT(arena, add, ...)                                             \
        ({                                                                       \
                Builder _builder = {};                                           \
                char *_text;                                                     \
                add(&_builder, __VA_ARGS__);                                     \
                ASSERT_FALSE(_builder.failed);                                   \
                _text = arena_text((arena), _builder.data ? _builder.data : ""); \
                builder_done(&_builder);                                         \
                _text;                                                           \
        })

/* All combinations of the blocks from @i on; a block is { "names": …, "cases": […] }. */
static inline size_t vector_combine(VectorCheck run, json_t *blocks, size_t i, json_t *parameters) {
        json_t *block = json_array_get(blocks, i), *names = json_object_get(block, "names"), *item,
               *name;
        size_t n = 0, at, column;

        if (!block) {
                _cleanup_(arena_freep) Arena *arena = arena_new();

                run(arena, parameters);
                return 1;
        }
        json_array_foreach(json_object_get(block, "cases"), at, item) {
                if (json_is_string(names))
                        json_object_set(parameters, json_string_value(names), item);
                else
                        json_array_foreach(names, column, name) json_object_set(
                                        parameters,
                                        json_string_value(name),
                                        json_array_size(names) == 1 && !json_is_array(item)
                                                        ? item
                                                        : json_array_get(item, column));
                n += vector_combine(run, blocks, i + 1, parameters);
        }
        return n;
}

static inline json_t *vectors_load(const char *file) {
        char relative[128];
        const char *path;
        json_error_t error;
        json_t *root;

        snprintf(relative, sizeof(relative), "packaging-vectors/%s", file);
        path = test_corpus(relative);
        if (!path) {
                test_skip("no corpora");
                return NULL;
        }
        root = json_load_file(path, 0, &error);
        if (!root)
                test_fail(__FILE__, __LINE__, "%s: %s", path, error.text);
        return root;
}

static inline const Vector *vector_find(const Vector *table, size_t n, const char *check) {
        for (size_t i = 0; i < n; i++)
                if (streq(table[i].check, check))
                        return &table[i];
        return NULL;
}

static inline void vectors_run(const char *file, const Vector *table, size_t n_table) {
        json_t *root = vectors_load(file), *item;
        bool used[128] = {};
        size_t at, n_cases = 0, n_left_out = 0;

        ASSERT_TRUE(n_table <= ELEMENTSOF(used));
        json_array_foreach(json_object_get(root, "checks"), at, item) {
                const char *check = json_string_value(json_object_get(item, "check"));
                const Vector *vector = vector_find(table, n_table, check);
                json_t *parameters = json_object();

                if (!vector)
                        test_fail(__FILE__,
                                  __LINE__,
                                  "%s: nobody handles the check '%s'",
                                  file,
                                  check);
                used[vector - table] = true;
                if (vector->run) {
                        size_t n =
                                        vector_combine(vector->run,
                                                       json_object_get(item, "parameters"),
                                                       0,
                                                       parameters);

                        printf("  %s: %zu\n", check, n);
                        n_cases += n;
                } else {
                        printf("  %s: left out, %s\n", check, vector->reason);
                        n_left_out++;
                }
                json_decref(parameters);
        }
        for (size_t i = 0; i < n_table; i++)
                if (!used[i])
                        test_fail(__FILE__,
                                  __LINE__,
                                  "%s: there is no check '%s'",
                                  file,
                                  table[i].check);
        printf("  %zu cases held, %zu kinds of checks left out\n", n_cases, n_left_out);
        json_decref(root);
}
