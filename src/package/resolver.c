// SPDX-License-Identifier: LGPL-2.1-or-later
#include "basic/memory.h"
#include "package/name.h"
#include "package/resolver-internal.h"
#include "package/resolver.h"

/* How it works
 *
 *   requirements, pages, metadata ──▶ [ resolver: names, ranges, markers ] ──numbers──▶ [ solver ]
 *
 * The solver asks for the dependencies of one version of one package. To tell them as sets of numbered
 * versions, the metadata of that version and the releases of everything it needs must be known; the
 * step says which of these is missing, and is simply repeated when it has been told.
 *
 * An extra, "a[b]", is a package of its own in the solver, with the versions of a. One of its versions
 * needs exactly that version of a, and what the metadata lists for the extra. A requirement on a[b] is
 * one on a as well, so that conflicts are found early.
 *
 * A requirement with a URL takes the place of the releases of its package: its only version is the
 * file at the URL. Only the project itself may ask for one, and wheels only.
 *
 * Asking ahead: as soon as a requirement is seen, its releases are put on a list; as soon as those
 * come, the metadata of the version that would be chosen by what is known then; as soon as that comes,
 * what it requires. So the likely graph is fetched in parallel while the solver still waits for its
 * first answer. A wrong guess costs a request, never an answer. When many versions of a package were
 * tried in vain, the metadata of the next ones is wanted in growing batches.
 *
 * Reasons travel as numbers through the solver: details[] says what each means, for explain.c. */

enum {
        TRIES_BEFORE_BATCH = 4,
        BATCH_MAX = 64
};

Resolver *resolver_free(Resolver *resolver) {
        const char *name;
        Distribution *distribution;

        if (!resolver)
                return NULL;
        if (resolver->distributions)
                TABLE_FOREACH(resolver->distributions, name, distribution) {
                        for (size_t i = 0; i < distribution->n_pages; i++)
                                index_page_free(distribution->pages[i]);
                        free(distribution->pages);
                }
        table_free(resolver->distributions);
        solver_free(resolver->solver);
        candidate_rules_free(resolver->rules);
        free(resolver->packages);
        free(resolver->details);
        free(resolver->wanted);
        arena_free(resolver->arena);
        free(resolver);
        return NULL;
}

int resolver_add_detail(Resolver *resolver, const Detail *detail, uint32_t *ret) {
        int r;

        r = ARRAY_RESERVE(
                        resolver->details, resolver->n_details_allocated, resolver->n_details + 2);
        if (r < 0)
                return r;
        /* Number 0 means "none" to the solver. */
        if (resolver->n_details == 0)
                resolver->n_details = 1;
        resolver->details[resolver->n_details] = *detail;
        *ret = (uint32_t) resolver->n_details++;
        return 0;
}

/* Why a candidate cannot be used, as a number; the same for all of its kind. */
static int find_candidate_detail(
                Resolver *resolver,
                const Distribution *distribution,
                const Candidate *candidate,
                uint32_t *ret) {
        for (size_t i = resolver->n_details; i-- > 1;) {
                const Detail *detail = &resolver->details[i];

                if (detail->kind == DETAIL_CANDIDATE && detail->distribution == distribution &&
                    detail->state == candidate->state &&
                    (detail->text == candidate->needs_python ||
                     (detail->text && candidate->needs_python &&
                      streq(detail->text, candidate->needs_python)))) {
                        *ret = (uint32_t) i;
                        return 0;
                }
        }
        return resolver_add_detail(
                        resolver,
                        &(Detail){ .kind = DETAIL_CANDIDATE,
                                   .state = candidate->state,
                                   .distribution = distribution,
                                   .text = candidate->needs_python },
                        ret);
}

static uint32_t on_check(void *userdata, uint32_t package, uint32_t version) {
        Resolver *resolver = userdata;
        const Distribution *distribution = resolver->packages[package].distribution;
        const Candidate *candidate;
        uint32_t detail = 0;

        if (candidates_check(distribution->candidates, version, &candidate) < 0 ||
            (candidate->state != CANDIDATE_USABLE &&
             find_candidate_detail(resolver, distribution, candidate, &detail) < 0))
                resolver->has_failed = true;
        return detail;
}

static int
add_package(Resolver *resolver,
            Distribution *distribution,
            const char *extra,
            uint32_t base,
            uint32_t *ret) {
        const Candidates *candidates = distribution->candidates;
        uint32_t number;
        int r;

        r =
                        ARRAY_RESERVE(resolver->packages,
                                      resolver->n_packages_allocated,
                                      resolver->n_packages + 1);
        if (r < 0)
                return r;
        r = solver_add_package(
                        resolver->solver,
                        base == RESOLVER_NUMBER_NONE ? (uint32_t) resolver->n_packages : base,
                        candidates->order,
                        candidates->n_items,
                        &number);
        if (r < 0)
                return r;
        assert(number == resolver->n_packages);
        resolver->packages[resolver->n_packages++] = (SolverPackage){ distribution, extra };
        if (distribution->url)
                solver_set_urgent(resolver->solver, number);
        *ret = number;
        return 0;
}

static int number_of_distribution(Resolver *resolver, Distribution *distribution, uint32_t *ret) {
        int r;

        if (distribution->number == RESOLVER_NUMBER_NONE) {
                r = add_package(resolver,
                                distribution,
                                NULL,
                                RESOLVER_NUMBER_NONE,
                                &distribution->number);
                if (r < 0)
                        return r;
        }
        *ret = distribution->number;
        return 0;
}

static int
number_of_extra(Resolver *resolver, Distribution *distribution, const char *name, uint32_t *ret) {
        Extra *extra;
        uint32_t base;
        int r;

        for (extra = distribution->extras; extra; extra = extra->next)
                if (streq(extra->name, name)) {
                        *ret = extra->number;
                        return 0;
                }
        r = number_of_distribution(resolver, distribution, &base);
        if (r < 0)
                return r;
        extra = arena_allocate(resolver->arena, sizeof(*extra));
        if (!extra)
                return -ENOMEM;
        *extra = (Extra){ .name = name, .next = distribution->extras };
        r = add_package(resolver, distribution, name, base, &extra->number);
        if (r < 0)
                return r;
        distribution->extras = extra;
        *ret = extra->number;
        return 0;
}

/* The dependencies of one version while they are put together. */
typedef struct Needs {
        SolverDependency *items;
        size_t n_items;
        size_t n_allocated;
} Needs;

static int add_need(Needs *needs, uint32_t package, const VersionSet *set, uint32_t detail) {
        int r;

        for (size_t i = 0; i < needs->n_items; i++)
                if (needs->items[i].package == package && needs->items[i].set == set)
                        return 0;
        r = ARRAY_RESERVE(needs->items, needs->n_allocated, needs->n_items + 1);
        if (r < 0)
                return r;
        needs->items[needs->n_items++] = (SolverDependency){ package, detail, set };
        return 0;
}

static int
add_requirement(Resolver *resolver,
                const Requirement *requirement,
                const char *origin,
                Needs *needs) {
        Distribution *distribution = table_find(resolver->distributions, requirement->name);
        const VersionSet *set;
        uint32_t number, detail;
        Range range;
        int r;

        r = range_of_specifiers(resolver->arena, &requirement->specifiers, &range);
        if (r < 0)
                return r;
        r = candidates_match(distribution->candidates, solver_sets(resolver->solver), range, &set);
        if (r < 0)
                return r;
        r = resolver_add_detail(
                        resolver,
                        &(Detail){ .kind = DETAIL_REQUIREMENT,
                                   .distribution = distribution,
                                   .requirement = requirement,
                                   .origin = origin },
                        &detail);
        if (r < 0)
                return r;
        r = number_of_distribution(resolver, distribution, &number);
        if (r < 0)
                return r;
        r = add_need(needs, number, set, detail);
        for (size_t i = 0; i < requirement->n_extras && r >= 0; i++) {
                r = number_of_extra(resolver, distribution, requirement->extras[i], &number);
                if (r >= 0)
                        r = add_need(needs, number, set, detail);
        }
        return r;
}

/* Whether all that the requirement is about is known; else says what is missing. */
static bool find_missing(Resolver *resolver, const Requirement *requirement, ResolverStep *ret) {
        const Distribution *distribution = table_find(resolver->distributions, requirement->name);

        assert(distribution);
        if (distribution->candidates)
                return false;
        *ret = (ResolverStep){
                .state = RESOLVER_NEEDS_RELEASES,
                .name = distribution->name,
                .url = distribution->url,
        };
        return true;
}

static int tell_root(Resolver *resolver, ResolverStep *ret) {
        _cleanup_(freep) SolverDependency *items = NULL;
        Needs needs = { 0 };
        int r = 0;

        for (size_t i = 0; i < resolver->input.n_roots; i++) {
                const ResolverRoot *root = &resolver->input.roots[i];

                if (!root->is_constraint && resolver_applies(resolver, root->requirement, NULL) &&
                    find_missing(resolver, root->requirement, ret))
                        return 0;
        }
        for (size_t i = 0; i < resolver->input.n_roots && r >= 0; i++) {
                const ResolverRoot *root = &resolver->input.roots[i];

                if (!root->is_constraint && resolver_applies(resolver, root->requirement, NULL))
                        r = add_requirement(resolver, root->requirement, root->origin, &needs);
                items = needs.items;
        }
        if (r < 0)
                return r;
        return solver_add_dependencies(
                        resolver->solver, SOLVER_ROOT, 0, needs.items, needs.n_items);
}

/* Versions of a package that needed many tries come in batches. */
static int want_batch(Resolver *resolver, Distribution *distribution) {
        uint32_t versions[BATCH_MAX];
        uint32_t n_tries = solver_count_tries(resolver->solver, distribution->number);
        size_t n;
        int r;

        if (n_tries < TRIES_BEFORE_BATCH)
                return 0;
        n =
                        solver_guess(resolver->solver,
                                     distribution->number,
                                     versions,
                                     MIN(n_tries * 2, (uint32_t) BATCH_MAX));
        for (size_t i = 0; i < n; i++) {
                r = resolver_want_metadata(resolver, distribution, versions[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int
refuse(Resolver *resolver,
       const SolverStep *step,
       const Distribution *distribution,
       const char *reason) {
        uint32_t detail;
        int r;

        r = resolver_add_detail(
                        resolver,
                        &(Detail){ .kind = DETAIL_REFUSED,
                                   .distribution = distribution,
                                   .text = reason },
                        &detail);
        if (r < 0)
                return r;
        return solver_refuse(resolver->solver, step->package, step->version, detail);
}

static int
tell_release(Resolver *resolver,
             const SolverStep *step,
             const Release *release,
             ResolverStep *ret) {
        const SolverPackage *package = &resolver->packages[step->package];
        Distribution *distribution = package->distribution;
        const char *extra = package->extra;
        _cleanup_(freep) SolverDependency *items = NULL;
        Needs needs = { 0 };
        uint32_t detail;
        int r = 0;

        for (size_t i = 0; i < release->n_requirements; i++) {
                const Requirement *requirement = release->requirements[i];

                if (!resolver_applies(resolver, requirement, extra))
                        continue;
                if (resolver_refuses_url(resolver, requirement))
                        return refuse(resolver,
                                      step,
                                      distribution,
                                      "it asks for a package from a URL, which only the project itself may do");
                if (find_missing(resolver, requirement, ret))
                        return 0;
        }
        if (extra) {
                const VersionSet *single = version_set_single(
                                solver_sets(resolver->solver),
                                step->version,
                                distribution->candidates->n_items);

                r = resolver_add_detail(
                                resolver,
                                &(Detail){ .kind = DETAIL_EXTRA, .distribution = distribution },
                                &detail);
                if (r >= 0)
                        r = add_need(&needs, distribution->number, single, detail);
                items = needs.items;
        }
        for (size_t i = 0; i < release->n_requirements && r >= 0; i++) {
                if (resolver_applies(resolver, release->requirements[i], extra))
                        r = add_requirement(resolver, release->requirements[i], NULL, &needs);
                items = needs.items;
        }
        if (r < 0)
                return r;
        return solver_add_dependencies(
                        resolver->solver, step->package, step->version, needs.items, needs.n_items);
}

/* Answers the solver, or says what must be told first. */
static int tell_dependencies(Resolver *resolver, const SolverStep *step, ResolverStep *ret) {
        Distribution *distribution;
        const Release *release;
        const Candidate *candidate;
        int r;

        if (step->package == SOLVER_ROOT)
                return tell_root(resolver, ret);
        distribution = resolver->packages[step->package].distribution;
        release = &distribution->releases[step->version];
        if (release->refusal)
                return refuse(resolver, step, distribution, release->refusal);
        if (release->is_known)
                return tell_release(resolver, step, release, ret);
        r = want_batch(resolver, distribution);
        if (r < 0)
                return r;
        r = candidates_check(distribution->candidates, step->version, &candidate);
        if (r < 0)
                return r;
        *ret = (ResolverStep){
                .state = RESOLVER_NEEDS_METADATA,
                .name = distribution->name,
                .url = distribution->url,
                .version = step->version,
                .file = candidate->wheel,
        };
        return 0;
}

int resolver_step(Resolver *resolver, ResolverStep *ret) {
        SolverStep step;
        int r;

        *ret = (ResolverStep){ .state = RESOLVER_PROGRESS };
        r = solver_step(resolver->solver, &step);
        if (r < 0)
                return r;
        if (resolver->has_failed)
                return -ENOMEM;
        switch (step.state) {
        case SOLVER_PROGRESS:
                return 0;
        case SOLVER_NEEDS_DEPENDENCIES:
                return tell_dependencies(resolver, &step, ret);
        case SOLVER_SOLVED:
                ret->state = RESOLVER_SOLVED;
                return 0;
        case SOLVER_UNSOLVABLE:
                ret->state = RESOLVER_UNSOLVABLE;
                resolver->conflict = step.conflict;
                return 0;
        }
        return -EINVAL;
}

uint32_t resolver_count_decisions(const Resolver *resolver) {
        return solver_count_decisions(resolver->solver);
}

uint32_t resolver_count_conflicts(const Resolver *resolver) {
        return solver_count_conflicts(resolver->solver);
}

static int read_root(Resolver *resolver, const ResolverRoot *root, Fault *fault) {
        const Requirement *requirement = root->requirement;
        Distribution *distribution;
        Range range;
        int r;

        r = resolver_distribution(resolver, requirement->name, &distribution);
        if (r < 0)
                return r;
        if (!resolver_applies(resolver, requirement, NULL))
                return 0;
        r = range_of_specifiers(resolver->arena, &requirement->specifiers, &range);
        if (r < 0)
                return r;
        if (requirement->url && distribution->url && !streq(requirement->url, distribution->url))
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_PROJECT_INVALID,
                                root->origin,
                                "Package '%s' is asked for from two URLs, %s and %s.",
                                requirement->name,
                                distribution->url,
                                requirement->url);
        if (requirement->url)
                distribution->url = requirement->url;
        if (root->hashes)
                distribution->wish.hashes = root->hashes;
        if (root->is_constraint) {
                r = range_intersection(
                                resolver->arena,
                                distribution->allowed,
                                range,
                                &distribution->allowed);
                distribution->wish.allowed = &distribution->allowed;
                distribution->constraint_origin = root->origin;
                return r;
        }
        distribution->is_direct = true;
        for (size_t i = 0; i < requirement->specifiers.n_items; i++) {
                const Specifier *specifier = &requirement->specifiers.items[i];

                if ((specifier->operator== SPECIFIER_EQUAL && !specifier->is_prefix) ||
                    specifier->operator== SPECIFIER_ARBITRARY) {
                        distribution->pinned = range;
                        distribution->wish.pinned = &distribution->pinned;
                }
        }
        return 0;
}

static int read_input(Resolver *resolver, Fault *fault) {
        int r;

        for (size_t i = 0; i < resolver->input.n_roots; i++) {
                r = read_root(resolver, &resolver->input.roots[i], fault);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < resolver->input.n_preferences; i++) {
                Distribution *distribution;

                r = resolver_distribution(
                                resolver, resolver->input.preferences[i].name, &distribution);
                if (r < 0)
                        return r;
                distribution->wish.preferred = resolver->input.preferences[i].version;
        }
        for (size_t i = 0; i < resolver->input.n_roots; i++) {
                const ResolverRoot *root = &resolver->input.roots[i];

                if (root->is_constraint || !resolver_applies(resolver, root->requirement, NULL))
                        continue;
                r = resolver_expect(resolver, root->requirement);
                if (r < 0)
                        return r;
        }
        return 0;
}

int resolver_new(const ResolverInput *input, Resolver **ret, Fault *fault) {
        _cleanup_(resolver_freep) Resolver *resolver = new0(Resolver, 1);
        int r;

        if (!resolver)
                return -ENOMEM;
        resolver->input = *input;
        resolver->arena = arena_new();
        resolver->distributions = table_new();
        if (!resolver->arena || !resolver->distributions)
                return -ENOMEM;
        resolver->rules = candidate_rules_new(
                        resolver->arena,
                        &(CandidateRulesInput){
                                        .tags = input->tags,
                                        .python = input->python,
                                        .allow_prereleases = input->allow_prereleases,
                                        .exclude_newer_usec = input->exclude_newer_usec,
                        });
        resolver->solver = solver_new(&(SolverCallbacks){
                        .check = on_check,
                        .note = input->trace ? resolver_note : NULL,
                        .userdata = resolver,
        });
        if (!resolver->rules || !resolver->solver)
                return -ENOMEM;
        r = ARRAY_RESERVE(resolver->packages, resolver->n_packages_allocated, 1);
        if (r < 0)
                return r;
        resolver->packages[resolver->n_packages++] = (SolverPackage){ NULL, NULL };
        r = read_input(resolver, fault);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(resolver);
        return 0;
}
