// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>

#include "basic/file.h"
#include "basic/table.h"
#include "package/catalogue.h"
#include "package/explain.h"
#include "package/name.h"
#include "package/resolution-internal.h"
#include "package/url.h"

/* How it works
 *
 *      step ──needs X──▶ ask X and all that is wanted ahead ──▶ wait for answers ──▶ step …
 *
 * The resolver is fed whatever comes, in the order in which it comes, and asks ahead as it learns; the loop
 * only waits while the one thing the solver needs is missing. With a warm cache answers are there at once
 * and no descriptor is touched.
 *
 * A failure to get something that was only asked ahead is kept until it turns out to be needed.
 *
 * After a conflict, what might help is tried: each requirement of the project that takes part without its
 * bounds, one after the other. The first that gives a solution is the hint. */

enum {
        TRIES_MAX = 4
};

typedef struct Solve {
        Resolution *resolution;
        Catalogue *catalogue;
        Resolver *resolver;
        ResolverRoot *roots;
        size_t n_roots;
        ResolverPreference *preferences;
        size_t n_preferences;
        Table *failures; /* key -> Fault, of what was asked ahead */
        Arena *arena;
        Builder trace;
        uint64_t next_id; /* of requests to blast-fetch */
} Solve;

static int ask(Solve *solve, const ResolverStep *step) {
        if (step->state == RESOLVER_NEEDS_RELEASES)
                return catalogue_ask_releases(
                                solve->catalogue, step->name, step->url, solve->resolution->fault);
        return catalogue_ask_metadata(solve->catalogue, step->name, step->version, step->file);
}

static int ask_wanted(Solve *solve) {
        ResolverStep step;

        while (resolver_next_wanted(solve->resolver, &step)) {
                int r;

                r = ask(solve, &step);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The key of what an answer or a step is about. */
static void
key_of(char buffer[static NAME_SIZE_MAX + 16],
       bool is_releases,
       uint32_t version,
       const char *name) {
        if (is_releases)
                (void) snprintf(buffer, NAME_SIZE_MAX + 16, "%s", name);
        else
                (void) snprintf(buffer, NAME_SIZE_MAX + 16, "%u %s", version, name);
}

static int keep_failure(Solve *solve, CatalogueAnswer *answer) {
        char key[NAME_SIZE_MAX + 16];
        Fault *fault = arena_allocate(solve->arena, sizeof(*fault));
        const char *kept;

        key_of(key, answer->kind == CATALOGUE_RELEASES, answer->version, answer->name);
        kept = arena_text(solve->arena, key);
        if (!fault || !kept)
                return -ENOMEM;
        *fault = answer->fault;
        answer->fault = (Fault){ .code = FAULT_NONE };
        return table_put(solve->failures, kept, fault);
}

static int feed(Solve *solve, CatalogueAnswer *answer) {
        if (fault_is_set(&answer->fault))
                return keep_failure(solve, answer);
        if (answer->kind == CATALOGUE_RELEASES) {
                IndexPage **pages = TAKE_PTR(answer->pages);
                size_t n_pages = TAKE(answer->n_pages, 0);

                return resolver_add_releases(solve->resolver, answer->name, pages, n_pages);
        }
        if (answer->metadata)
                return resolver_add_metadata(
                                solve->resolver, answer->name, answer->version, answer->metadata);
        return resolver_refuse(solve->resolver, answer->name, answer->version, answer->refusal);
}

static bool has(const Solve *solve, const ResolverStep *step) {
        if (step->state == RESOLVER_NEEDS_RELEASES)
                return resolver_has_releases(solve->resolver, step->name);
        return resolver_has_metadata(solve->resolver, step->name, step->version);
}

static int fail_needed(Solve *solve, const Fault *failure) {
        Fault *fault = solve->resolution->fault;
        int r;

        r = fault_copy(failure, fault);
        return r < 0 ? r : -EIO;
}

static int wait_for(Solve *solve, const ResolverStep *step) {
        char key[NAME_SIZE_MAX + 16];

        key_of(key, step->state == RESOLVER_NEEDS_RELEASES, step->version, step->name);
        for (;;) {
                _cleanup_catalogue_answer_ CatalogueAnswer answer = { 0 };
                const Fault *failure;
                int r;

                r = ask_wanted(solve);
                if (r < 0)
                        return r;
                if (has(solve, step))
                        return 0;
                failure = table_find(solve->failures, key);
                if (failure)
                        return fail_needed(solve, failure);
                r = catalogue_receive(solve->catalogue, true, &answer, solve->resolution->fault);
                if (r < 0)
                        return r;
                if (r == 0)
                        return -EPROTO;
                r = feed(solve, &answer);
                if (r < 0)
                        return r;
        }
}

static int run(Solve *solve, ResolverStep *ret) {
        int r;

        r = ask_wanted(solve);
        while (r >= 0) {
                r = resolver_step(solve->resolver, ret);
                if (r < 0 || ret->state == RESOLVER_SOLVED || ret->state == RESOLVER_UNSOLVABLE)
                        return r;
                if (ret->state == RESOLVER_PROGRESS)
                        continue;
                r = ask(solve, ret);
                if (r >= 0)
                        r = wait_for(solve, ret);
        }
        return r;
}

static void forget_failures(Solve *solve) {
        const char *key;
        Fault *fault;

        if (!solve->failures)
                return;
        TABLE_FOREACH(solve->failures, key, fault)
                fault_done(fault);
        solve->failures = table_free(solve->failures);
}

static void stop(Solve *solve) {
        if (solve->catalogue)
                solve->next_id = catalogue_next_id(solve->catalogue);
        solve->resolver = resolver_free(solve->resolver);
        solve->catalogue = catalogue_free(solve->catalogue);
        forget_failures(solve);
}

static void solve_done(Solve *solve) {
        stop(solve);
        free(solve->roots);
        free(solve->preferences);
        builder_done(&solve->trace);
        solve->arena = arena_free(solve->arena);
}

static int start(Solve *solve) {
        Resolution *resolution = solve->resolution;
        const IndexSettings *settings = &resolution->request->index;
        bool is_update = resolution->request->verb == RESOLVE_UPDATE;
        int r;

        solve->failures = table_new();
        if (!solve->failures)
                return -ENOMEM;
        r = catalogue_new(
                        &(CatalogueInput){
                                        .index_urls = resolution->index_urls,
                                        .find_links = resolution->find_links,
                                        /* Who asks for news means today's. */
                                        .page_age_max_sec =
                                                        is_update ? 0 : settings->page_age_max_sec,
                                        .offline = settings->offline,
                                        .first_id = solve->next_id,
                                        .cache_fd = resolution->input->cache_fd,
                                        .fetch_fd = resolution->input->fetch_fd,
                        },
                        &solve->catalogue);
        if (r < 0)
                return r;
        return resolver_new(
                        &(ResolverInput){
                                        .markers = &resolution->interpreter->markers,
                                        .tags = resolution->interpreter->tags,
                                        .python = resolution->interpreter->parsed_version,
                                        .roots = solve->roots,
                                        .n_roots = solve->n_roots,
                                        .preferences = solve->preferences,
                                        .n_preferences = solve->n_preferences,
                                        .exclude_newer_usec = resolution->exclude_newer_usec,
                                        .allow_prereleases = resolution->allow_prereleases,
                                        .trace = resolution->input->trace_fd >= 0 ? &solve->trace
                                                                                  : NULL,
                        },
                        &solve->resolver,
                        resolution->fault);
}

static bool is_updated(const ResolveRequest *request, const char *name) {
        if (request->verb != RESOLVE_UPDATE)
                return false;
        if (!request->requirements)
                return true;
        FOREACH_TEXT(text, request->requirements)
                if (name_equals(text_of(text), text_of(name)))
                        return true;
        return false;
}

static int read_roots(Solve *solve) {
        const Resolution *resolution = solve->resolution;

        solve->roots = new0(ResolverRoot, resolution->n_wishes + 1);
        if (!solve->roots)
                return -ENOMEM;
        for (size_t i = 0; i < resolution->n_wishes; i++) {
                const Wish *wish = &resolution->wishes[i];

                solve->roots[solve->n_roots++] = (ResolverRoot){
                        .requirement = wish->requirement,
                        .origin = wish->origin,
                        .hashes = wish->hashes,
                        .is_constraint = wish->is_constraint,
                };
        }
        return 0;
}

/* The versions of the older lock, but for those that are to be renewed. */
static int read_preferences(Solve *solve) {
        const Resolution *resolution = solve->resolution;
        const Pylock *pylock = resolution->pylock;

        if (!pylock)
                return 0;
        solve->preferences = new0(ResolverPreference, pylock->n_packages + 1);
        if (!solve->preferences)
                return -ENOMEM;
        for (size_t i = 0; i < pylock->n_packages; i++) {
                const PylockPackage *package = &pylock->packages[i];
                const Version *version;
                int r;

                if (!package->version || is_updated(resolution->request, package->name))
                        continue;
                r = version_parse(resolution->arena, text_of(package->version), &version);
                if (r == -ENOMEM)
                        return r;
                if (r >= 0)
                        solve->preferences[solve->n_preferences++] = (ResolverPreference){
                                package->name,
                                version,
                        };
        }
        return 0;
}

/* With --require-hashes every package must be named with one. */
static int check_hashes(Solve *solve, const ResolverPackage *package) {
        if (!solve->resolution->project.require_hashes)
                return 0;
        for (size_t i = 0; i < solve->n_roots; i++)
                if (solve->roots[i].hashes &&
                    streq(solve->roots[i].requirement->name, package->name))
                        return 0;
        return fault_set(
                        solve->resolution->fault,
                        -EINVAL,
                        FAULT_PROJECT_INVALID,
                        package->name,
                        "The project asks for hashes of everything, but names none for '%s' %s.",
                        package->name,
                        package->version->text);
}

static int fill_package(Solve *solve, const ResolverPackage *from, LockPackage *package) {
        const IndexFile *wheel = from->wheel;
        int r;

        *package = (LockPackage){
                .name = from->name,
                .version = from->version->text,
                .filename = wheel->filename,
                .digest = wheel->digest,
                .size_bytes = wheel->size_bytes,
                .is_direct = from->is_direct,
        };
        if (!wheel->has_digest) {
                r = catalogue_find_digest(
                                solve->catalogue,
                                wheel,
                                &package->digest,
                                &package->size_bytes,
                                solve->resolution->fault);
                if (r < 0)
                        return r;
        }
        _cleanup_(freep) char *url = url_strip_credentials(wheel->url);

        package->url = url ? arena_text(solve->arena, url) : NULL;
        return package->url ? 0 : -ENOMEM;
}

static int
find_package(const ResolverPackage *packages, size_t n, const char *name, uint32_t *ret) {
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(packages[middle].name, name);

                if (order == 0) {
                        *ret = (uint32_t) middle;
                        return 0;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return -ENOENT;
}

static int
fill_needs(Solve *solve,
           const ResolverPackage *packages,
           size_t n,
           size_t i,
           LockPackage *package) {
        uint32_t *needs = arena_new_array(solve->arena, uint32_t, packages[i].n_needs + 1);

        if (!needs)
                return -ENOMEM;
        package->needs = needs;
        for (size_t k = 0; k < packages[i].n_needs; k++)
                if (find_package(packages, n, packages[i].needs[k], &needs[package->n_needs]) == 0)
                        package->n_needs++;
        return 0;
}

static int make_lock(Solve *solve) {
        const ResolverPackage *packages;
        _cleanup_(freep) void *packet = NULL;
        Lock lock = { 0 };
        size_t size;
        int r;

        r = resolver_packages(solve->resolver, &packages, &lock.n_packages);
        if (r < 0)
                return r;
        lock.packages = arena_new_array(solve->arena, LockPackage, lock.n_packages + 1);
        if (!lock.packages)
                return -ENOMEM;
        for (size_t i = 0; i < lock.n_packages; i++) {
                r = check_hashes(solve, &packages[i]);
                if (r >= 0)
                        r = fill_package(solve, &packages[i], &lock.packages[i]);
                if (r >= 0)
                        r = fill_needs(solve, packages, lock.n_packages, i, &lock.packages[i]);
                if (r < 0)
                        return r;
        }
        /* Through its own encoder: the copy owns its memory, and every bound is checked once more. */
        r = lock_encode(&lock, &packet, &size);
        if (r < 0)
                return r;
        return lock_decode(packet, size, &solve->resolution->answer->lock);
}

static int add_warnings(Solve *solve) {
        _cleanup_(strings_freep) char **warnings = NULL;
        char ***all = &solve->resolution->answer->warnings;
        int r;

        r = resolver_warnings(solve->resolver, &warnings);
        FOREACH_TEXT(warning, warnings)
                if (r >= 0)
                        r = strings_add(all, warning);
        FOREACH_TEXT(warning, catalogue_warnings(solve->catalogue))
                if (r >= 0)
                        r = strings_add(all, warning);
        return r;
}

/* Resolves once more with one requirement of the project free of its bounds. Returns 1 if that helps,
 * with the version it then gets. */
static int try_without_bounds(Solve *solve, size_t i, const char **ret_version) {
        const Requirement *original = solve->roots[i].requirement;
        _cleanup_fault_ Fault fault = { 0 };
        const ResolverPackage *packages;
        Fault *kept = solve->resolution->fault;
        Requirement *free_one;
        ResolverStep step;
        uint32_t position;
        size_t n;
        int r;

        free_one = arena_allocate(solve->arena, sizeof(*free_one));
        if (!free_one)
                return -ENOMEM;
        *free_one = *original;
        free_one->specifiers = (SpecifierSet){ .items = NULL };
        solve->roots[i].requirement = free_one;
        solve->resolution->fault = &fault;
        r = start(solve);
        if (r >= 0)
                r = run(solve, &step);
        if (r >= 0 && step.state == RESOLVER_SOLVED)
                r = resolver_packages(solve->resolver, &packages, &n);
        else if (r != -ENOMEM)
                r = -ENOENT;
        if (r >= 0)
                r = find_package(packages, n, original->name, &position);
        if (r >= 0) {
                *ret_version = arena_text(solve->arena, packages[position].version->text);
                r = *ret_version ? 1 : -ENOMEM;
        }
        stop(solve);
        solve->roots[i].requirement = original;
        solve->resolution->fault = kept;
        return r == -ENOENT ? 0 : r;
}

static bool is_bound_above(const Requirement *requirement) {
        for (size_t i = 0; i < requirement->specifiers.n_items; i++)
                if (requirement->specifiers.items[i]
                                    .
                                    operator!= SPECIFIER_GREATER && requirement->specifiers.items[i]
                                    .
                                    operator!= SPECIFIER_GREATER_EQUAL)
                        return true;
        return false;
}

/* Tries what would help and says so. */
static int add_hint(Solve *solve) {
        const ResolverRoot **culprits;
        size_t n_culprits, positions[TRIES_MAX], n = 0;
        int r;

        r = explain_culprits(solve->resolver, &culprits, &n_culprits);
        if (r < 0)
                return r;
        /* First those whose change means something newer. */
        for (size_t pass = 0; pass < 2; pass++)
                for (size_t i = 0; i < n_culprits && n < TRIES_MAX; i++)
                        if (culprits[i]->requirement->specifiers.n_items > 0 &&
                            is_bound_above(culprits[i]->requirement) == (pass == 0))
                                positions[n++] = (size_t) (culprits[i] - solve->roots);
        stop(solve);
        for (size_t i = 0; i < n; i++) {
                const ResolverRoot *root = &solve->roots[positions[i]];
                _cleanup_builder_ Builder builder = { 0 };
                const char *version;

                r = try_without_bounds(solve, positions[i], &version);
                if (r < 0)
                        return r;
                if (r == 0)
                        continue;
                requirement_add_to(&builder, root->requirement);
                if (builder.failed)
                        return -ENOMEM;
                fault_hint(solve->resolution->fault,
                           "It works with %s %s: change the requirement '%s'%s%s.",
                           root->requirement->name,
                           version,
                           builder.data,
                           root->origin ? " in " : "",
                           root->origin ? root->origin : "");
                return 0;
        }
        return 0;
}

static int fail(Solve *solve) {
        int r;

        r = explain_conflict(solve->resolver, solve->resolution->fault);
        if (r >= 0)
                r = add_hint(solve);
        return r < 0 ? r : -ENOENT;
}

static int solve_it(Solve *solve) {
        Resolution *resolution = solve->resolution;
        ResolverStep step = { .state = RESOLVER_PROGRESS };
        int r;

        solve->arena = arena_new();
        if (!solve->arena)
                return -ENOMEM;
        r = read_roots(solve);
        if (r >= 0)
                r = read_preferences(solve);
        if (r >= 0)
                r = start(solve);
        if (r >= 0)
                r = run(solve, &step);
        /* The trace is for developers: what went wrong before counts, a full disk below it does not. */
        if (solve->trace.length > 0 &&
            file_write_all(resolution->input->trace_fd, solve->trace.data, solve->trace.length) < 0)
                solve->trace.length = 0;
        if (r < 0)
                return r;
        resolution->answer->n_decisions = resolver_count_decisions(solve->resolver);
        if (step.state == RESOLVER_UNSOLVABLE)
                return fail(solve);
        r = make_lock(solve);
        return r < 0 ? r : add_warnings(solve);
}

int resolution_solve(Resolution *resolution) {
        Solve solve = { .resolution = resolution };
        int r;

        r = solve_it(&solve);
        solve_done(&solve);
        return r;
}
