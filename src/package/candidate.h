// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The versions one package has, which wheel of each would be used here, and why a version cannot be
 * used. Compares and orders; knows neither the solver nor where pages come from. */

#include "basic/macro.h"
#include "basic/memory.h"
#include "package/index.h"
#include "package/marker.h"
#include "package/range.h"
#include "package/tag.h"
#include "package/version-set.h"
#include "package/version.h"

/* From best to worst: a version is reported by the best of its files. */
typedef enum CandidateState {
        CANDIDATE_USABLE,
        CANDIDATE_OUTSIDE, /* of a constraint */
        CANDIDATE_YANKED,
        CANDIDATE_TOO_NEW,    /* uploaded after the date that is looked at */
        CANDIDATE_WRONG_HASH, /* no file has one of the hashes asked for */
        CANDIDATE_WRONG_PYTHON,
        CANDIDATE_WRONG_WHEEL, /* wheels, but for other platforms or Pythons */
        CANDIDATE_SOURCE_ONLY,
        _CANDIDATE_STATE_MAX,
} CandidateState;

typedef struct Candidate {
        const Version *version;
        const IndexFile *const *files;
        size_t n_files;
        const IndexFile *wheel;   /* the best one that can be used; NULL unless usable */
        const char *needs_python; /* of a CANDIDATE_WRONG_PYTHON */
        CandidateState state;
        bool is_checked;
        bool is_above_bound; /* its upper bound on Python excludes this one; taken as a last resort */
} Candidate;

/* What all packages of one resolution have in common; remembers answers about texts it has seen. */
typedef struct CandidateRules CandidateRules;

typedef struct CandidateRulesInput {
        const TagSet *tags;
        const Version *python;
        bool allow_prereleases;
        int64_t exclude_newer_usec; /* 0: none */
} CandidateRulesInput;

/* What is wished of one package. All may be zero. */
typedef struct CandidateWish {
        const Version *preferred; /* of an older lock: tried first */
        const Range *allowed;     /* by constraints */
        const Range *pinned;      /* named exactly by the project: yanked or not */
        char *const *hashes;      /* "sha256:…" */
} CandidateWish;

typedef struct Candidates {
        Candidate *items; /* ascending by version */
        const Version **versions;
        uint32_t *order; /* numbers of items, best first */
        uint32_t n_items;
        CandidateRules *rules;
        CandidateWish wish;
} Candidates;

/* Ownership: everything lives in @arena; @input's values are borrowed. Errors: NULL. */
_must_use_ CandidateRules *candidate_rules_new(Arena *arena, const CandidateRulesInput *input);
/* Frees what does not lie in the arena. */
CandidateRules *candidate_rules_free(CandidateRules *rules);

/* Whether a requires-python text allows this interpreter. 1 yes, 0 no; @ret_is_above_bound is set
 * where only an upper bound speaks against it, which counts as yes. A text that cannot be read
 * counts as yes, as installers have it. Errors: -ENOMEM. */
_must_use_ int
candidate_rules_allow_python(CandidateRules *rules, const char *text, bool *ret_is_above_bound);

/* Sorts the files of all pages into versions; a file name that occurs twice counts once, the first.
 * File names without a proper version are passed over.
 * Ownership: pages and the values of @wish are borrowed as long as the result. Errors: -ENOMEM. */
_must_use_ int
candidates_new(CandidateRules *rules,
               IndexPage *const *pages,
               size_t n_pages,
               const CandidateWish *wish,
               Candidates **ret);

/* The version, looked at closely the first time. Errors: -ENOMEM. */
_must_use_ int candidates_check(Candidates *candidates, uint32_t number, const Candidate **ret);

/* Which versions are in @range. Errors: -ENOMEM. */
_must_use_ int candidates_match(
                const Candidates *candidates,
                VersionSets *sets,
                Range range,
                const VersionSet **ret);

/* The best usable version in @range, for guessing. Errors: -ENOENT, -ENOMEM. */
_must_use_ int candidates_find_best(Candidates *candidates, Range range, uint32_t *ret);

DEFINE_CLEANUP(CandidateRules, candidate_rules_free)
