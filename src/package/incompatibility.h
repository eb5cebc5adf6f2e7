// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A set of terms that must not all hold, and why: what the solver was told, or what it concluded from
 * two others. Knows no names. Source: Natalie Weizenbaum, PubGrub (github.com/dart-lang/pub,
 * doc/solver.md). */

#include "basic/macro.h"
#include "package/version-set.h"

typedef enum CauseKind {
        CAUSE_ROOT,       /* the project itself is wanted */
        CAUSE_DEPENDENCY, /* the versions of the first term need the second; @detail: for which reason */
        CAUSE_UNUSABLE, /* the versions of the only term cannot be used; @detail: for which reason */
        CAUSE_CONCLUSION, /* follows from @left and @right */
} CauseKind;

/* Holds when the state of the package is in the set. */
typedef struct Term {
        uint32_t package;
        const VersionSet *set;
} Term;

typedef struct Incompatibility {
        CauseKind cause;
        uint32_t left; /* of a conclusion: numbers of incompatibilities */
        uint32_t right;
        uint32_t detail;             /* the teller's number; 0: none */
        uint32_t contradicted_level; /* cannot hold until the solver goes back below; 0: not known */
        uint32_t n_terms;
        Term terms[]; /* of a dependency: needing, needed; else ascending by package */
} Incompatibility;

/* All of them, numbered in the order of adding. */
typedef struct Incompatibilities Incompatibilities;

/* Ownership: @sets is borrowed and must outlive it. */
_must_use_ Incompatibilities *incompatibilities_new(VersionSets *sets);
Incompatibilities *incompatibilities_free(Incompatibilities *all);
uint32_t incompatibilities_count(const Incompatibilities *all);
Incompatibility *incompatibilities_get(const Incompatibilities *all, uint32_t number);

/* Errors of the next three: -ENOMEM. */
_must_use_ int incompatibilities_add(
                Incompatibilities *all,
                CauseKind cause,
                uint32_t detail,
                const Term *terms,
                size_t n_terms,
                uint32_t *ret);
/* The rule of resolution: what follows from both when @package is left open. */
_must_use_ int incompatibilities_conclude(
                Incompatibilities *all,
                uint32_t left,
                uint32_t right,
                uint32_t package,
                uint32_t *ret);
/* The set of @package in it, or NULL. */
const VersionSet *incompatibility_find(const Incompatibility *incompatibility, uint32_t package);

DEFINE_CLEANUP(Incompatibilities, incompatibilities_free)
