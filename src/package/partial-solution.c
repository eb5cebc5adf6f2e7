// SPDX-License-Identifier: LGPL-2.1-or-later
#include "basic/memory.h"
#include "package/partial-solution.h"

/* How it works
 *
 *   trail   0      1        2        3      4
 *         root    a>=1    b any    a 1.2   b<3      <- newest
 *          └ level 1 ───────────┘  └ level 2 ──┘
 *
 * Every entry holds the states its package may have *after* it, so the newest entry of a package is all
 * that is known of it, and going back is popping entries. Entries of one package are chained. The sets
 * along a chain only shrink; "which was the first entry after which a term held" is therefore found by
 * following the chain back while the term still holds.
 *
 * Satisfier search (PubGrub's conflict resolution needs two facts of a conflict): the last entry without
 * which the conflict would not be there, and the level on which everything but that entry held.
 *
 * The list of undecided packages is kept lazily: packages enter when they become wanted or lose their
 * decision, and leave when somebody asks and they do not belong there any more. */

#define ENTRY_NONE UINT32_MAX

typedef struct Entry {
        const VersionSet *set;
        uint32_t package;
        uint32_t cause;
        uint32_t level;
        uint32_t previous; /* of the same package */
} Entry;

typedef struct PackageState {
        uint32_t last;
        uint32_t version;
        uint32_t level; /* of the decision */
        bool is_listed;
} PackageState;

struct PartialSolution {
        VersionSets *sets;
        const Incompatibilities *all;
        const VersionSet *full;
        Entry *trail;
        size_t n_trail;
        size_t n_trail_allocated;
        PackageState *packages;
        size_t n_packages;
        size_t n_packages_allocated;
        uint32_t *undecided;
        size_t n_undecided;
        size_t n_undecided_allocated;
        uint32_t level;
};

PartialSolution *partial_solution_free(PartialSolution *solution) {
        if (!solution)
                return NULL;
        free(solution->trail);
        free(solution->packages);
        free(solution->undecided);
        free(solution);
        return NULL;
}

PartialSolution *partial_solution_new(VersionSets *sets, const Incompatibilities *all) {
        PartialSolution *solution = new0(PartialSolution, 1);

        if (!solution)
                return NULL;
        solution->sets = sets;
        solution->all = all;
        solution->full = version_set_full(sets);
        return solution;
}

int partial_solution_add_package(PartialSolution *solution) {
        int r;

        r =
                        ARRAY_RESERVE(solution->packages,
                                      solution->n_packages_allocated,
                                      solution->n_packages + 1);
        if (r < 0)
                return r;
        /* Room for every package, so that listing one can never fail. */
        r =
                        ARRAY_RESERVE(solution->undecided,
                                      solution->n_undecided_allocated,
                                      solution->n_packages + 1);
        if (r < 0)
                return r;
        solution->packages[solution->n_packages++] = (PackageState){
                .last = ENTRY_NONE,
                .version = PARTIAL_SOLUTION_NONE,
        };
        return 0;
}

uint32_t partial_solution_level(const PartialSolution *solution) {
        return solution->level;
}

const VersionSet *partial_solution_get(const PartialSolution *solution, uint32_t package) {
        uint32_t last = solution->packages[package].last;

        return last == ENTRY_NONE ? solution->full : solution->trail[last].set;
}

uint32_t partial_solution_decision(const PartialSolution *solution, uint32_t package) {
        return solution->packages[package].version;
}

uint32_t partial_solution_decision_level(const PartialSolution *solution, uint32_t package) {
        return solution->packages[package].level;
}

static bool is_undecided(const PartialSolution *solution, uint32_t package) {
        return solution->packages[package].version == PARTIAL_SOLUTION_NONE &&
                        version_set_is_positive(partial_solution_get(solution, package));
}

static void list_if_undecided(PartialSolution *solution, uint32_t package) {
        PackageState *state = &solution->packages[package];

        if (state->is_listed || !is_undecided(solution, package))
                return;
        state->is_listed = true;
        solution->undecided[solution->n_undecided++] = package;
}

const uint32_t *partial_solution_undecided(PartialSolution *solution, size_t *ret_n) {
        for (size_t i = 0; i < solution->n_undecided;) {
                uint32_t package = solution->undecided[i];

                if (is_undecided(solution, package)) {
                        i++;
                        continue;
                }
                solution->packages[package].is_listed = false;
                solution->undecided[i] = solution->undecided[--solution->n_undecided];
        }
        *ret_n = solution->n_undecided;
        return solution->undecided;
}

static int
push(PartialSolution *solution, uint32_t package, uint32_t cause, const VersionSet *set) {
        int r;

        r = ARRAY_RESERVE(solution->trail, solution->n_trail_allocated, solution->n_trail + 1);
        if (r < 0)
                return r;
        solution->trail[solution->n_trail] = (Entry){
                .set = set,
                .package = package,
                .cause = cause,
                .level = solution->level,
                .previous = solution->packages[package].last,
        };
        solution->packages[package].last = (uint32_t) solution->n_trail++;
        return 0;
}

int partial_solution_decide(
                PartialSolution *solution,
                uint32_t package,
                uint32_t version,
                const VersionSet *single) {
        int r;

        solution->level++;
        r = push(solution, package, PARTIAL_SOLUTION_DECIDED, single);
        if (r < 0) {
                solution->level--;
                return r;
        }
        solution->packages[package].version = version;
        solution->packages[package].level = solution->level;
        return 0;
}

int partial_solution_derive(PartialSolution *solution, uint32_t package, uint32_t cause) {
        const VersionSet *not =
                        incompatibility_find(incompatibilities_get(solution->all, cause), package);
        const VersionSet *set = version_set_intersect(
                        solution->sets,
                        partial_solution_get(solution, package),
                        version_set_complement(solution->sets, not ));
        int r;

        r = push(solution, package, cause, set);
        if (r < 0)
                return r;
        list_if_undecided(solution, package);
        return 0;
}

void partial_solution_backtrack(PartialSolution *solution, uint32_t level) {
        while (solution->n_trail > 0 && solution->trail[solution->n_trail - 1].level > level) {
                const Entry *entry = &solution->trail[--solution->n_trail];
                PackageState *state = &solution->packages[entry->package];

                state->last = entry->previous;
                if (entry->cause == PARTIAL_SOLUTION_DECIDED) {
                        state->version = PARTIAL_SOLUTION_NONE;
                        state->level = 0;
                        list_if_undecided(solution, entry->package);
                }
        }
        solution->level = level;
}

Relation partial_solution_relation(
                const PartialSolution *solution,
                const Incompatibility *incompatibility,
                uint32_t *ret_package) {
        Relation relation = RELATION_SATISFIED;

        for (size_t i = 0; i < incompatibility->n_terms; i++) {
                const Term *term = &incompatibility->terms[i];
                const VersionSet *set = partial_solution_get(solution, term->package);

                if (version_set_is_subset(set, term->set))
                        continue;
                if (version_set_is_disjoint(set, term->set))
                        return RELATION_CONTRADICTED;
                if (relation == RELATION_SATISFIED) {
                        relation = RELATION_ALMOST;
                        *ret_package = term->package;
                } else
                        relation = RELATION_OPEN;
        }
        return relation;
}

bool partial_solution_would_satisfy(
                const PartialSolution *solution,
                const Incompatibility *incompatibility,
                uint32_t package,
                const VersionSet *assumed) {
        for (size_t i = 0; i < incompatibility->n_terms; i++) {
                const Term *term = &incompatibility->terms[i];
                const VersionSet *set = term->package == package
                                ? assumed
                                : partial_solution_get(solution, term->package);

                if (!version_set_is_subset(set, term->set))
                        return false;
        }
        return true;
}

/* The first entry of the chain that ends at @last after which the states, cut to @start, lie in @set;
 * ENTRY_NONE: @start does so alone. */
static uint32_t
first_entry(const PartialSolution *solution,
            uint32_t last,
            const VersionSet *start,
            const VersionSet *set) {
        uint32_t found = last;

        for (uint32_t i = last;; i = solution->trail[i].previous) {
                const VersionSet *known = i == ENTRY_NONE ? solution->full : solution->trail[i].set;

                if (start != solution->full)
                        known = version_set_intersect(solution->sets, known, start);
                if (!version_set_is_subset(known, set))
                        return found;
                found = i;
                if (i == ENTRY_NONE)
                        return found;
        }
}

/* What the entry said on its own, without those before it. */
static const VersionSet *entry_statement(const PartialSolution *solution, const Entry *entry) {
        const Incompatibility *cause;

        if (entry->cause == PARTIAL_SOLUTION_DECIDED)
                return entry->set;
        cause = incompatibilities_get(solution->all, entry->cause);
        return version_set_complement(solution->sets, incompatibility_find(cause, entry->package));
}

Satisfier partial_solution_find_satisfier(
                const PartialSolution *solution,
                const Incompatibility *incompatibility) {
        uint32_t newest = ENTRY_NONE, second = ENTRY_NONE, again;
        const VersionSet *set = NULL;
        const Entry *entry;

        for (size_t i = 0; i < incompatibility->n_terms; i++) {
                const Term *term = &incompatibility->terms[i];
                uint32_t found =
                                first_entry(solution,
                                            solution->packages[term->package].last,
                                            solution->full,
                                            term->set);

                if (found == ENTRY_NONE)
                        continue;
                if (newest == ENTRY_NONE || found > newest) {
                        second = newest;
                        newest = found;
                        set = term->set;
                } else if (second == ENTRY_NONE || found > second)
                        second = found;
        }
        assert(newest != ENTRY_NONE);
        entry = &solution->trail[newest];
        /* The package of the newest may have needed an earlier entry of its own as well. */
        again = first_entry(solution, entry->previous, entry_statement(solution, entry), set);
        if (again != ENTRY_NONE && (second == ENTRY_NONE || again > second))
                second = again;
        return (Satisfier){
                .package = entry->package,
                .cause = entry->cause,
                .level = entry->level,
                .previous_level = second == ENTRY_NONE ? 1 : MAX(solution->trail[second].level, 1U),
        };
}
