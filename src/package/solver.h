// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* PubGrub over numbered packages and versions: says which dependencies it wants to know next and never
 * blocks. Knows no names, no version numbers, no index; resolver.h translates. */

#include "basic/macro.h"
#include "package/incompatibility.h"
#include "package/partial-solution.h"
#include "package/version-set.h"

typedef struct Solver Solver;

enum {
        SOLVER_ROOT = 0
}; /* the package that is wanted; it has one version */

/* "A selected version needs @package in @set." @detail comes back in the incompatibility. */
typedef struct SolverDependency {
        uint32_t package;
        uint32_t detail;
        const VersionSet *set;
} SolverDependency;

typedef enum SolverState {
        SOLVER_PROGRESS,           /* call again */
        SOLVER_NEEDS_DEPENDENCIES, /* of @package in @version, then call again */
        SOLVER_SOLVED,
        SOLVER_UNSOLVABLE, /* @conflict says why */
} SolverState;

typedef struct SolverStep {
        SolverState state;
        uint32_t package;
        uint32_t version;
        uint32_t conflict;
} SolverStep;

typedef enum SolverEvent {
        SOLVER_DECIDED,       /* @package, @version, @level */
        SOLVER_EXCLUDED,      /* @number: versions that cannot be used */
        SOLVER_LEARNT,        /* @number: a conclusion */
        SOLVER_WENT_BACK,     /* to @level */
        SOLVER_PRIORITISED,   /* @package: often rejected, now decided early */
        SOLVER_DEPRIORITISED, /* @package: often the culprit */
} SolverEvent;

typedef struct SolverNote {
        SolverEvent event;
        uint32_t package;
        uint32_t version;
        uint32_t number;
        uint32_t level;
} SolverNote;

/* What the solver asks back; both are quick and have no effect. */
typedef struct SolverCallbacks {
        /* 0: the version can be used; else the detail under which its kind is explained. */
        uint32_t (*check)(void *userdata, uint32_t package, uint32_t version);
        void (*note)(void *userdata, const SolverNote *note); /* may be NULL */
        void *userdata;
} SolverCallbacks;

/* Errors: NULL when memory is out. */
_must_use_ Solver *solver_new(const SolverCallbacks *callbacks);
Solver *solver_free(Solver *solver);
VersionSets *solver_sets(Solver *solver);

/* The next package; the first one is SOLVER_ROOT. @order names its versions, best first. @base: the
 * package whose versions it shares (an extra), or its own number.
 * Ownership: @order is borrowed. Errors: -ENOMEM. */
_must_use_ int solver_add_package(
                Solver *solver,
                uint32_t base,
                const uint32_t *order,
                uint32_t n_versions,
                uint32_t *ret);
/* Decides @package before all that are not urgent (direct URLs). */
void solver_set_urgent(Solver *solver, uint32_t package);

/* All dependencies of one version; told once. Errors: -ENOMEM. */
_must_use_ int solver_add_dependencies(
                Solver *solver,
                uint32_t package,
                uint32_t version,
                const SolverDependency *dependencies,
                size_t n_dependencies);
/* The version cannot be used after all. Errors: -ENOMEM. */
_must_use_ int solver_refuse(Solver *solver, uint32_t package, uint32_t version, uint32_t detail);

/* Advances by at most one decision. Errors: -ENOMEM. */
_must_use_ int solver_step(Solver *solver, SolverStep *ret);

/* The chosen version, or PARTIAL_SOLUTION_NONE. */
uint32_t solver_decision(const Solver *solver, uint32_t package);
/* Up to @n_max versions of @package, best first, that it would choose by what is known now. */
size_t solver_guess(Solver *solver, uint32_t package, uint32_t *ret_versions, size_t n_max);
/* How many versions of @package were tried so far. */
uint32_t solver_count_tries(const Solver *solver, uint32_t package);
uint32_t solver_count_decisions(const Solver *solver);
uint32_t solver_count_conflicts(const Solver *solver);
uint32_t solver_count_incompatibilities(const Solver *solver);
const Incompatibility *solver_incompatibility(const Solver *solver, uint32_t number);

DEFINE_CLEANUP(Solver, solver_free)
