// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What the solver believes so far: one trail of decisions and derivations, newest last, from which any
 * point in the past can be restored. Knows no names and chooses nothing. */

#include "basic/macro.h"
#include "package/incompatibility.h"

typedef struct PartialSolution PartialSolution;

typedef enum Relation {
        RELATION_SATISFIED,    /* every term holds: a conflict */
        RELATION_ALMOST,       /* every term but one holds, that one is open */
        RELATION_CONTRADICTED, /* some term cannot hold */
        RELATION_OPEN,
} Relation;

/* The assignment that made a conflict, and what resolution has to know of it. */
typedef struct Satisfier {
        uint32_t package;
        uint32_t cause; /* PARTIAL_SOLUTION_DECIDED: it was a decision */
        uint32_t level;
        uint32_t previous_level; /* on which all others held already */
} Satisfier;

#define PARTIAL_SOLUTION_DECIDED UINT32_MAX
#define PARTIAL_SOLUTION_NONE    UINT32_MAX

/* Ownership: both are borrowed and must outlive it. */
_must_use_ PartialSolution *partial_solution_new(VersionSets *sets, const Incompatibilities *all);
PartialSolution *partial_solution_free(PartialSolution *solution);

/* Makes room for one more package, numbered on from 0. Errors: -ENOMEM. */
_must_use_ int partial_solution_add_package(PartialSolution *solution);

/* Begins a level. Errors: -ENOMEM. */
_must_use_ int partial_solution_decide(
                PartialSolution *solution,
                uint32_t package,
                uint32_t version,
                const VersionSet *single);
/* Adds that the term of @package in the incompatibility @cause does not hold. Errors: -ENOMEM. */
_must_use_ int partial_solution_derive(PartialSolution *solution, uint32_t package, uint32_t cause);
/* Forgets everything above @level. */
void partial_solution_backtrack(PartialSolution *solution, uint32_t level);

uint32_t partial_solution_level(const PartialSolution *solution);
/* The states @package may still have. */
const VersionSet *partial_solution_get(const PartialSolution *solution, uint32_t package);
/* The chosen version, or PARTIAL_SOLUTION_NONE. */
uint32_t partial_solution_decision(const PartialSolution *solution, uint32_t package);
/* On which level it was decided; 0: it is not. */
uint32_t partial_solution_decision_level(const PartialSolution *solution, uint32_t package);

/* Packages that must be selected and are not decided, in no order; valid until the next change. */
const uint32_t *partial_solution_undecided(PartialSolution *solution, size_t *ret_n);

/* @ret_package (for RELATION_ALMOST) is the one whose term is open. */
Relation partial_solution_relation(
                const PartialSolution *solution,
                const Incompatibility *incompatibility,
                uint32_t *ret_package);

/* Whether it would hold if @package were in @assumed. */
bool partial_solution_would_satisfy(
                const PartialSolution *solution,
                const Incompatibility *incompatibility,
                uint32_t package,
                const VersionSet *assumed);

/* @incompatibility must hold. */
Satisfier partial_solution_find_satisfier(
                const PartialSolution *solution,
                const Incompatibility *incompatibility);

DEFINE_CLEANUP(PartialSolution, partial_solution_free)
