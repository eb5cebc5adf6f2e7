// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A set of versions: the ascending places at which membership changes. The type the resolver
 * computes with. Immutable; copied by assignment (24 bytes); the operations allocate from the arena
 * only when a result has more than two cuts. Knows nothing of the pre-release rule: that is a matter
 * of choosing among candidates. */

#include "basic/macro.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "package/specifier.h"
#include "package/version.h"

enum {
        RANGE_CUTS_INLINE = 2
};

/* A place between two neighbouring versions. Made by range.c, never equal to a version. */
typedef struct Cut Cut;

typedef struct Range {
        uint32_t n_cuts;
        bool begins_inside; /* the lowest versions belong to the set */
        union {
                const Cut *few[RANGE_CUTS_INLINE]; /* n_cuts <= RANGE_CUTS_INLINE */
                const Cut *const *many;
        };
} Range;

#define RANGE_EMPTY ((Range){ .begins_inside = false })
#define RANGE_FULL  ((Range){ .begins_inside = true })

/* Exactly this version, its local part included; without a local part, only that. Errors: -ENOMEM. */
_must_use_ int range_of_version(Arena *arena, const Version *version, Range *ret);

/* What a clause or a set of clauses accepts, in full accordance with PEP 440: <V without pre-releases
 * of V, >V without its post-releases and local versions, ==V with its local versions.
 * === counts as exactly its version (empty when its text is none), as names on an index are normal.
 * Ownership: the range refers to the versions of @set, in their arena. Errors: -ENOMEM. */
_must_use_ int range_of_specifier(Arena *arena, const Specifier *specifier, Range *ret);
_must_use_ int range_of_specifiers(Arena *arena, const SpecifierSet *set, Range *ret);

_must_use_ int range_union(Arena *arena, Range a, Range b, Range *ret);
_must_use_ int range_intersection(Arena *arena, Range a, Range b, Range *ret);
/* What is in @a and not in @b. */
_must_use_ int range_difference(Arena *arena, Range a, Range b, Range *ret);
static inline Range range_complement(Range range) {
        range.begins_inside = !range.begins_inside;
        return range;
}

static inline bool range_is_empty(Range range) {
        return range.n_cuts == 0 && !range.begins_inside;
}
static inline bool range_is_full(Range range) {
        return range.n_cuts == 0 && range.begins_inside;
}
/* Equal sets are equal however they came about. */
_pure_ bool range_equals(Range a, Range b);
_pure_ bool range_is_subset(Range inner, Range outer);
_pure_ bool range_is_disjoint(Range a, Range b);
_pure_ bool range_contains(Range range, const Version *version);
/* Marks the members of ascending @versions; one pass. */
void range_mark(Range range, const Version *const *versions, size_t n_versions, bool *ret_members);

/* Appends the set in words a user knows: "==1.2", ">=1,<2", ">=1,<2 or >=3", "any version",
 * "no version". */
void range_add_to(Builder *builder, Range range);

/* Appends a smaller wording that is right for @versions (ascending, all that exist of the package):
 * cuts between the same two of them count as one. Errors: -ENOMEM. */
_must_use_ int
range_simplify(Arena *arena,
               Range range,
               const Version *const *versions,
               size_t n_versions,
               Range *ret);
