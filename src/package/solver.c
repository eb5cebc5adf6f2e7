// SPDX-License-Identifier: LGPL-2.1-or-later
#include "basic/memory.h"
#include "package/solver.h"

/* How it works
 *
 *   propagate ──conflict──▶ resolve: learn, go back ──▶ propagate
 *       │ nothing follows
 *       ▼
 *   choose a package ──▶ choose a version ──▶ wait for its dependencies ──▶ decide ──▶ propagate
 *
 * Each incompatibility is looked at when the states of one of its packages change. One that cannot hold
 * any more is skipped until the solver goes back below the level on which that became so.
 *
 * A version is decided only if none of its dependencies is already broken; else the broken one is
 * left to propagation, which excludes the version without a detour over a conflict.
 *
 * Dependencies of several versions of one package on the same states of another are one
 * incompatibility ("a 1 and 2 need b < 3"), so that a package with thousands of releases costs little.
 *
 * Which package is next: the project, then urgent ones, then those with a single version left, then
 * those that were often rejected, then those that often caused it, then the order in which they were
 * met. Counts and the threshold of 5 are uv's (crates/uv-resolver, "ConflictTracker"): at the
 * threshold the solver also goes back to before the culprit was decided.
 *
 * Versions that cannot be used are not told one by one: they are passed over as long as another
 * one fits, and explained as a group per reason when nothing else is left. */

enum {
        CONFLICTS_MAX = 5
};

typedef enum Priority {
        PRIORITY_ORDINARY,
        PRIORITY_CULPRIT,
        PRIORITY_REJECTED,
        PRIORITY_SINGLE,
        PRIORITY_URGENT,
        PRIORITY_ROOT,
} Priority;

typedef struct Numbers {
        uint32_t *items;
        size_t n_items;
        size_t n_allocated;
} Numbers;

typedef struct Package {
        uint32_t base;
        uint32_t n_versions;
        const uint32_t *order;
        bool *is_known;       /* by version: dependencies were told */
        Numbers concerned;    /* incompatibilities it occurs in */
        Numbers dependencies; /* of those: its own dependencies, for merging */
        uint32_t n_tries;
        uint32_t n_rejected;
        uint32_t n_culprit;
        Priority priority;
        bool is_changed; /* waits for propagation */
} Package;

struct Solver {
        SolverCallbacks callbacks;
        VersionSets *sets;
        Incompatibilities *all;
        PartialSolution *solution;
        Package *packages;
        size_t n_packages;
        size_t n_packages_allocated;
        Numbers changed;      /* packages, used as a stack */
        Numbers contradicted; /* incompatibilities, by rising level */
        uint32_t broken;      /* found while adding dependencies; UINT32_MAX: none */
        uint32_t n_decisions;
        uint32_t n_conflicts;
        uint32_t conflict;
        bool has_begun;
        bool has_failed; /* no solution */
};

static int numbers_add(Numbers *numbers, uint32_t number) {
        int r;

        r = ARRAY_RESERVE(numbers->items, numbers->n_allocated, numbers->n_items + 1);
        if (r < 0)
                return r;
        numbers->items[numbers->n_items++] = number;
        return 0;
}

Solver *solver_free(Solver *solver) {
        if (!solver)
                return NULL;
        for (size_t i = 0; i < solver->n_packages; i++) {
                free(solver->packages[i].is_known);
                free(solver->packages[i].concerned.items);
                free(solver->packages[i].dependencies.items);
        }
        free(solver->packages);
        free(solver->changed.items);
        free(solver->contradicted.items);
        partial_solution_free(solver->solution);
        incompatibilities_free(solver->all);
        version_sets_free(solver->sets);
        free(solver);
        return NULL;
}

Solver *solver_new(const SolverCallbacks *callbacks) {
        _cleanup_(solver_freep) Solver *solver = new0(Solver, 1);
        uint32_t root;

        if (!solver)
                return NULL;
        solver->callbacks = *callbacks;
        solver->broken = UINT32_MAX;
        solver->sets = version_sets_new();
        if (!solver->sets)
                return NULL;
        solver->all = incompatibilities_new(solver->sets);
        if (!solver->all)
                return NULL;
        solver->solution = partial_solution_new(solver->sets, solver->all);
        if (!solver->solution ||
            solver_add_package(solver, SOLVER_ROOT, (const uint32_t[]){ 0 }, 1, &root) < 0)
                return NULL;
        return TAKE_PTR(solver);
}

VersionSets *solver_sets(Solver *solver) {
        return solver->sets;
}

const Incompatibility *solver_incompatibility(const Solver *solver, uint32_t number) {
        return incompatibilities_get(solver->all, number);
}

uint32_t solver_decision(const Solver *solver, uint32_t package) {
        return partial_solution_decision(solver->solution, package);
}

uint32_t solver_count_tries(const Solver *solver, uint32_t package) {
        return solver->packages[package].n_tries;
}

uint32_t solver_count_decisions(const Solver *solver) {
        return solver->n_decisions;
}

uint32_t solver_count_conflicts(const Solver *solver) {
        return solver->n_conflicts;
}

uint32_t solver_count_incompatibilities(const Solver *solver) {
        return incompatibilities_count(solver->all);
}

static void note(const Solver *solver, SolverNote what) {
        if (solver->callbacks.note)
                solver->callbacks.note(solver->callbacks.userdata, &what);
}

int solver_add_package(
                Solver *solver,
                uint32_t base,
                const uint32_t *order,
                uint32_t n_versions,
                uint32_t *ret) {
        static const uint32_t only[] = { 0 };
        _cleanup_(freep) bool *is_known = new0(bool, (size_t) n_versions + 1);
        int r;

        if (!is_known)
                return -ENOMEM;
        r = ARRAY_RESERVE(solver->packages, solver->n_packages_allocated, solver->n_packages + 1);
        if (r < 0)
                return r;
        r = partial_solution_add_package(solver->solution);
        if (r < 0)
                return r;
        *ret = (uint32_t) solver->n_packages++;
        solver->packages[*ret] = (Package){
                .base = base,
                .n_versions = n_versions,
                .order = *ret == SOLVER_ROOT ? only : order,
                .is_known = TAKE_PTR(is_known),
                .priority = *ret == SOLVER_ROOT ? PRIORITY_ROOT : PRIORITY_ORDINARY,
        };
        return 0;
}

void solver_set_urgent(Solver *solver, uint32_t package) {
        solver->packages[package].priority = PRIORITY_URGENT;
}

static int mark_changed(Solver *solver, uint32_t package) {
        if (solver->packages[package].is_changed)
                return 0;
        solver->packages[package].is_changed = true;
        return numbers_add(&solver->changed, package);
}

static void forget_changes(Solver *solver) {
        for (size_t i = 0; i < solver->changed.n_items; i++)
                solver->packages[solver->changed.items[i]].is_changed = false;
        solver->changed.n_items = 0;
}

/* Lets every package of the incompatibility know it. */
static int watch(Solver *solver, uint32_t number) {
        const Incompatibility *item = incompatibilities_get(solver->all, number);
        int r;

        for (size_t i = 0; i < item->n_terms; i++) {
                r = numbers_add(&solver->packages[item->terms[i].package].concerned, number);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int
add_external(Solver *solver,
             CauseKind cause,
             uint32_t detail,
             const Term *terms,
             size_t n_terms,
             uint32_t *ret) {
        int r;

        r = incompatibilities_add(solver->all, cause, detail, terms, n_terms, ret);
        if (r < 0)
                return r;
        return watch(solver, *ret);
}

static void replace(Numbers *numbers, uint32_t old, uint32_t number) {
        for (size_t i = numbers->n_items; i-- > 0;)
                if (numbers->items[i] == old) {
                        numbers->items[i] = number;
                        return;
                }
}

/* Adds one dependency, joined with an earlier one of other versions on the same states. */
static int
add_dependency(Solver *solver,
               const VersionSet *needing,
               uint32_t package,
               const SolverDependency *dependency,
               uint32_t *ret) {
        Package *own = &solver->packages[package];
        const VersionSet *broken = version_set_complement(solver->sets, dependency->set);
        int r;

        for (size_t i = 0; i < own->dependencies.n_items; i++) {
                uint32_t old = own->dependencies.items[i];
                const Incompatibility *item = incompatibilities_get(solver->all, old);
                Term terms[2] = { item->terms[0], item->terms[1] };

                if (item->terms[1].package != dependency->package || item->terms[1].set != broken)
                        continue;
                terms[0].set = version_set_union(solver->sets, terms[0].set, needing);
                r = incompatibilities_add(
                                solver->all, CAUSE_DEPENDENCY, item->detail, terms, 2, ret);
                if (r < 0)
                        return r;
                own->dependencies.items[i] = *ret;
                replace(&own->concerned, old, *ret);
                replace(&solver->packages[dependency->package].concerned, old, *ret);
                return 0;
        }
        r = add_external(
                        solver,
                        CAUSE_DEPENDENCY,
                        dependency->detail,
                        (Term[]){ { package, needing }, { dependency->package, broken } },
                        2,
                        ret);
        if (r < 0)
                return r;
        return numbers_add(&own->dependencies, *ret);
}

int solver_add_dependencies(
                Solver *solver,
                uint32_t package,
                uint32_t version,
                const SolverDependency *dependencies,
                size_t n_dependencies) {
        const VersionSet *single = version_set_single(
                        solver->sets, version, solver->packages[package].n_versions);
        int r;

        assert(!solver->packages[package].is_known[version]);
        solver->packages[package].is_known[version] = true;
        for (size_t i = 0; i < n_dependencies; i++) {
                const SolverDependency *dependency = &dependencies[i];
                uint32_t number;

                /* A need of itself is fulfilled, or it never can be. */
                if (dependency->package == package)
                        r = version_set_has(dependency->set, version)
                                        ? 0
                                        : solver_refuse(solver,
                                                        package,
                                                        version,
                                                        dependency->detail);
                else
                        r = add_dependency(solver, single, package, dependency, &number);
                if (r < 0)
                        return r;
        }
        return version_sets_failed(solver->sets) ? -ENOMEM : 0;
}

int solver_refuse(Solver *solver, uint32_t package, uint32_t version, uint32_t detail) {
        const VersionSet *single = version_set_single(
                        solver->sets, version, solver->packages[package].n_versions);
        uint32_t number;
        int r;

        r = add_external(solver, CAUSE_UNUSABLE, detail, &(Term){ package, single }, 1, &number);
        if (r < 0)
                return r;
        note(solver, (SolverNote){ .event = SOLVER_EXCLUDED, .number = number });
        return mark_changed(solver, package);
}

/* Whether it is known that the incompatibility cannot hold. */
static bool is_contradicted(const Solver *solver, const Incompatibility *item) {
        return item->contradicted_level > 0;
}

static int set_contradicted(Solver *solver, uint32_t number) {
        Incompatibility *item = incompatibilities_get(solver->all, number);

        item->contradicted_level = partial_solution_level(solver->solution) + 1;
        return numbers_add(&solver->contradicted, number);
}

static void go_back(Solver *solver, uint32_t level) {
        partial_solution_backtrack(solver->solution, level);
        while (solver->contradicted.n_items > 0) {
                uint32_t number = solver->contradicted.items[solver->contradicted.n_items - 1];
                Incompatibility *item = incompatibilities_get(solver->all, number);

                if (item->contradicted_level <= level + 1)
                        break;
                item->contradicted_level = 0;
                solver->contradicted.n_items--;
        }
        note(solver, (SolverNote){ .event = SOLVER_WENT_BACK, .level = level });
}

/* Counts who was in the way of whom, and moves a package forward or back at the threshold. */
static void track_conflict(Solver *solver, uint32_t rejected, const Incompatibility *item) {
        Package *package = &solver->packages[rejected];
        uint32_t back_to = UINT32_MAX;
        bool has_culprit = false;

        for (size_t i = 0; i < item->n_terms; i++) {
                uint32_t other = item->terms[i].package;
                Package *culprit = &solver->packages[other];
                uint32_t level = partial_solution_decision_level(solver->solution, other);

                /* A package and its extras are one thing. */
                if (culprit->base == package->base)
                        continue;
                has_culprit = true;
                if (++culprit->n_culprit != CONFLICTS_MAX || culprit->priority > PRIORITY_ORDINARY)
                        continue;
                culprit->priority = PRIORITY_CULPRIT;
                note(solver, (SolverNote){ .event = SOLVER_DEPRIORITISED, .package = other });
                if (level > 1)
                        back_to = MIN(back_to, level - 1);
        }
        if (!has_culprit || ++package->n_rejected != CONFLICTS_MAX)
                return;
        if (package->priority < PRIORITY_REJECTED) {
                package->priority = PRIORITY_REJECTED;
                note(solver, (SolverNote){ .event = SOLVER_PRIORITISED, .package = rejected });
        }
        if (back_to < partial_solution_level(solver->solution))
                go_back(solver, back_to);
}

/* Nothing but the project itself is in it: there is no solution. */
static bool is_final(const Incompatibility *item) {
        return item->n_terms == 0 ||
                        (item->n_terms == 1 && item->terms[0].package == SOLVER_ROOT &&
                         version_set_has(item->terms[0].set, 0));
}

/* Learns from a conflict and goes back to where the lesson is news. @ret_package is the one the lesson
 * speaks about. Returns 0 if there is no solution. */
static int
resolve_conflict(Solver *solver, uint32_t number, uint32_t *ret_package, uint32_t *ret_number) {
        bool is_learnt = false;
        int r;

        solver->n_conflicts++;
        for (;;) {
                const Incompatibility *item = incompatibilities_get(solver->all, number);
                Satisfier satisfier;

                if (version_sets_failed(solver->sets))
                        return -ENOMEM;
                if (is_final(item)) {
                        solver->conflict = number;
                        solver->has_failed = true;
                        return 0;
                }
                satisfier = partial_solution_find_satisfier(solver->solution, item);
                if (satisfier.cause == PARTIAL_SOLUTION_DECIDED ||
                    satisfier.previous_level < satisfier.level) {
                        if (is_learnt) {
                                note(solver,
                                     (SolverNote){ .event = SOLVER_LEARNT, .number = number });
                                r = watch(solver, number);
                                if (r < 0)
                                        return r;
                        }
                        go_back(solver, satisfier.previous_level);
                        *ret_package = satisfier.package;
                        *ret_number = number;
                        return 1;
                }
                r = incompatibilities_conclude(
                                solver->all, number, satisfier.cause, satisfier.package, &number);
                if (r < 0)
                        return r;
                is_learnt = true;
        }
}

/* Looks at one incompatibility. Returns 1 if it holds, which is a conflict. */
static int examine(Solver *solver, uint32_t number) {
        const Incompatibility *item = incompatibilities_get(solver->all, number);
        uint32_t package;
        int r;

        if (is_contradicted(solver, item))
                return 0;
        switch (partial_solution_relation(solver->solution, item, &package)) {
        case RELATION_SATISFIED:
                return 1;
        case RELATION_ALMOST:
                r = partial_solution_derive(solver->solution, package, number);
                if (r < 0)
                        return r;
                r = mark_changed(solver, package);
                if (r < 0)
                        return r;
                return set_contradicted(solver, number);
        case RELATION_CONTRADICTED:
                return set_contradicted(solver, number);
        case RELATION_OPEN:
                return 0;
        }
        return 0;
}

static int on_conflict(Solver *solver, uint32_t number) {
        uint32_t package, learnt;
        int r;

        r = resolve_conflict(solver, number, &package, &learnt);
        if (r <= 0)
                return r;
        forget_changes(solver);
        /* After the jump exactly one term of the lesson is open. */
        r = examine(solver, learnt);
        if (r < 0)
                return r;
        assert(r == 0);
        track_conflict(solver, package, incompatibilities_get(solver->all, learnt));
        return mark_changed(solver, package);
}

/* Draws all conclusions from what has changed. */
static int propagate(Solver *solver) {
        int r;

        while (solver->changed.n_items > 0 && !solver->has_failed) {
                uint32_t package = solver->changed.items[--solver->changed.n_items];
                uint32_t conflict = UINT32_MAX;
                const Numbers *concerned = &solver->packages[package].concerned;

                solver->packages[package].is_changed = false;
                /* The newest lessons first: they are the strongest. */
                for (size_t i = concerned->n_items; i-- > 0 && conflict == UINT32_MAX;) {
                        r = examine(solver, concerned->items[i]);
                        if (r < 0)
                                return r;
                        if (r > 0)
                                conflict = concerned->items[i];
                }
                if (conflict != UINT32_MAX) {
                        r = on_conflict(solver, conflict);
                        if (r < 0)
                                return r;
                }
                if (version_sets_failed(solver->sets))
                        return -ENOMEM;
        }
        return 0;
}

static Priority priority_of(const Solver *solver, uint32_t number) {
        const Package *package = &solver->packages[number];
        const VersionSet *set;

        if (package->priority >= PRIORITY_SINGLE)
                return package->priority;
        set = partial_solution_get(solver->solution, number);
        return version_set_size(set, package->n_versions) <= 1 ? PRIORITY_SINGLE
                                                               : package->priority;
}

static bool choose_package(const Solver *solver, uint32_t *ret) {
        Priority best = PRIORITY_ORDINARY;
        size_t n;
        const uint32_t *undecided = partial_solution_undecided(solver->solution, &n);

        for (size_t i = 0; i < n; i++) {
                Priority priority = priority_of(solver, undecided[i]);

                if (i > 0 && (priority < best || (priority == best && undecided[i] > *ret)))
                        continue;
                best = priority;
                *ret = undecided[i];
        }
        return n > 0;
}

/* What may be chosen now: an extra goes with the versions its package may have. */
static const VersionSet *choices(Solver *solver, uint32_t number) {
        uint32_t base = solver->packages[number].base;
        const VersionSet *set = partial_solution_get(solver->solution, number), *both;

        if (base == number)
                return set;
        both = version_set_intersect(
                        solver->sets, set, partial_solution_get(solver->solution, base));
        return version_set_is_empty(both) ? set : both;
}

static size_t
find_versions(Solver *solver,
              uint32_t number,
              const VersionSet *set,
              uint32_t *ret_versions,
              size_t n_max) {
        const Package *package = &solver->packages[number];
        size_t n = 0;

        for (uint32_t i = 0; i < package->n_versions && n < n_max; i++) {
                uint32_t version = package->order[i];

                if (version_set_has(set, version) &&
                    (number == SOLVER_ROOT ||
                     solver->callbacks.check(solver->callbacks.userdata, package->base, version) ==
                                     0))
                        ret_versions[n++] = version;
        }
        return n;
}

size_t solver_guess(Solver *solver, uint32_t package, uint32_t *ret_versions, size_t n_max) {
        return find_versions(solver, package, choices(solver, package), ret_versions, n_max);
}

/* None of the versions in question can be used: tells why, for the largest group with one reason. */
static int exclude(Solver *solver, uint32_t number, const VersionSet *set) {
        _cleanup_(freep) uint32_t *bounds = NULL;
        const Package *package = &solver->packages[number];
        uint32_t detail = 0, conflict;
        const VersionSet *group;
        size_t n = 0;
        int r;

        bounds = new (uint32_t, (size_t) package->n_versions * 2 + 2);
        if (!bounds)
                return -ENOMEM;
        for (uint32_t version = package->n_versions; version-- > 0;) {
                uint32_t reason;

                if (!version_set_has(set, version))
                        continue;
                reason = solver->callbacks.check(
                                solver->callbacks.userdata, package->base, version);
                if (detail == 0)
                        detail = reason;
        }
        for (uint32_t version = 0; version < package->n_versions; version++)
                if (version_set_has(set, version) &&
                    solver->callbacks.check(solver->callbacks.userdata, package->base, version) ==
                                    detail) {
                        bounds[n++] = version + 1;
                        bounds[n++] = version + 1 == package->n_versions ? VERSION_SET_END
                                                                         : version + 2;
                }
        /* Propagation stops before a package has nothing left. */
        assert(n > 0);
        group = version_set_make(solver->sets, bounds, n);
        r = add_external(solver, CAUSE_UNUSABLE, detail, &(Term){ number, group }, 1, &conflict);
        if (r < 0)
                return r;
        note(solver, (SolverNote){ .event = SOLVER_EXCLUDED, .number = conflict });
        return mark_changed(solver, number);
}

/* Whether deciding would break something that is already known. */
static bool is_broken(Solver *solver, uint32_t number, const VersionSet *single) {
        const Numbers *concerned = &solver->packages[number].concerned;

        for (size_t i = concerned->n_items; i-- > 0;) {
                const Incompatibility *item =
                                incompatibilities_get(solver->all, concerned->items[i]);

                if (!is_contradicted(solver, item) &&
                    partial_solution_would_satisfy(solver->solution, item, number, single)) {
                        solver->broken = concerned->items[i];
                        return true;
                }
        }
        return false;
}

static int decide(Solver *solver, uint32_t number, uint32_t version) {
        Package *package = &solver->packages[number];
        const VersionSet *single = version_set_single(solver->sets, version, package->n_versions);
        int r;

        package->n_tries++;
        if (is_broken(solver, number, single)) {
                track_conflict(solver, number, incompatibilities_get(solver->all, solver->broken));
                return mark_changed(solver, number);
        }
        r = partial_solution_decide(solver->solution, number, version, single);
        if (r < 0)
                return r;
        solver->n_decisions++;
        note(solver,
             (SolverNote){ .event = SOLVER_DECIDED,
                           .package = number,
                           .version = version,
                           .level = partial_solution_level(solver->solution) });
        return mark_changed(solver, number);
}

static int begin(Solver *solver) {
        uint32_t number;
        int r;

        solver->has_begun = true;
        r = add_external(
                        solver,
                        CAUSE_ROOT,
                        0,
                        &(Term){ SOLVER_ROOT,
                                 version_set_complement(
                                                 solver->sets, version_set_any(solver->sets)) },
                        1,
                        &number);
        if (r < 0)
                return r;
        return mark_changed(solver, SOLVER_ROOT);
}

int solver_step(Solver *solver, SolverStep *ret) {
        const VersionSet *set;
        uint32_t number, version;
        int r;

        *ret = (SolverStep){ .state = SOLVER_PROGRESS };
        r = solver->has_begun ? 0 : begin(solver);
        if (r >= 0)
                r = propagate(solver);
        if (r < 0)
                return r;
        if (solver->has_failed) {
                *ret = (SolverStep){ SOLVER_UNSOLVABLE, .conflict = solver->conflict };
                return 0;
        }
        if (!choose_package(solver, &number)) {
                *ret = (SolverStep){ SOLVER_SOLVED };
                return 0;
        }
        set = choices(solver, number);
        if (find_versions(solver, number, set, &version, 1) == 0)
                return exclude(solver, number, set);
        if (!solver->packages[number].is_known[version]) {
                *ret = (SolverStep){ SOLVER_NEEDS_DEPENDENCIES, number, version };
                return 0;
        }
        return decide(solver, number, version);
}
