// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A set of states of one package, as the solver sees it: 0 is "not selected", i + 1 is the i-th of its
 * known versions in ascending order. Knows no version numbers. Sets are interned, so that equal sets
 * are one pointer, and die together with their store. */

#include "basic/macro.h"

/* Half-open intervals [bounds[0], bounds[1]), …, ascending, never touching. The last bound is
 * VERSION_SET_END where every version above is meant, so that a set needs no universe. */
typedef struct VersionSet {
        const struct VersionSet *next; /* in its bucket */
        uint32_t hash;
        uint32_t n_bounds;
        uint32_t bounds[];
} VersionSet;

typedef struct VersionSets VersionSets;

#define VERSION_SET_END UINT32_MAX

/* Errors: NULL when memory is out. */
_must_use_ VersionSets *version_sets_new(void);
VersionSets *version_sets_free(VersionSets *sets);
/* Operations never fail: out of memory yields the empty set and is remembered here. */
bool version_sets_failed(const VersionSets *sets);
size_t version_sets_count(const VersionSets *sets);

/* @bounds as in VersionSet; empty and touching intervals are allowed and removed. */
const VersionSet *version_set_make(VersionSets *sets, const uint32_t *bounds, size_t n_bounds);
const VersionSet *version_set_empty(VersionSets *sets);
const VersionSet *version_set_full(VersionSets *sets); /* every state, "not selected" as well */
const VersionSet *version_set_any(VersionSets *sets);  /* every version */
/* One of @n_versions. */
const VersionSet *version_set_single(VersionSets *sets, uint32_t version, uint32_t n_versions);

const VersionSet *version_set_complement(VersionSets *sets, const VersionSet *set);
const VersionSet *
version_set_intersect(VersionSets *sets, const VersionSet *a, const VersionSet *b);
const VersionSet *version_set_union(VersionSets *sets, const VersionSet *a, const VersionSet *b);

_pure_ bool version_set_has(const VersionSet *set, uint32_t version);
_pure_ bool version_set_is_subset(const VersionSet *set, const VersionSet *of);
_pure_ bool version_set_is_disjoint(const VersionSet *a, const VersionSet *b);
/* How many of @n_versions are in it. */
_pure_ uint32_t version_set_size(const VersionSet *set, uint32_t n_versions);

static inline bool version_set_is_empty(const VersionSet *set) {
        return set->n_bounds == 0;
}
/* Whether the package must be selected for the state to be in the set. */
static inline bool version_set_is_positive(const VersionSet *set) {
        return set->n_bounds == 0 || set->bounds[0] > 0;
}

DEFINE_CLEANUP(VersionSets, version_sets_free)
