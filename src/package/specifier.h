// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Version specifiers (">=1.2,<2"): clauses as they were written and which versions they accept.
 * For the algebra of sets see range.h. Immutable arena values. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "package/syntax.h"
#include "package/version.h"

enum {
        SPECIFIERS_MAX = 1000
}; /* clauses in one set */

typedef enum SpecifierOperator {
        SPECIFIER_COMPATIBLE, /* ~= */
        SPECIFIER_EQUAL,      /* ==, also with .* */
        SPECIFIER_NOT_EQUAL,  /* !=, also with .* */
        SPECIFIER_LESS_EQUAL,
        SPECIFIER_GREATER_EQUAL,
        SPECIFIER_LESS,
        SPECIFIER_GREATER,
        SPECIFIER_ARBITRARY, /* ===: the text, letter for letter but for case */
        _SPECIFIER_OPERATOR_MAX,
        _SPECIFIER_OPERATOR_INVALID = -EINVAL,
} SpecifierOperator;

typedef struct Specifier {
        SpecifierOperator operator;
        bool is_prefix;         /* ==V.* or !=V.* */
        const Version *version; /* of === NULL when @text is no version */
        const char *text;       /* the version as it was written, with its ".*" */
} Specifier;

typedef struct SpecifierSet {
        const Specifier *items; /* in the order they were written */
        size_t n_items;         /* 0: every version */
} SpecifierSet;

/* Whether pre-releases are taken. By default when a clause names one, and when nothing else fits. */
typedef enum PrereleasePolicy {
        PRERELEASES_DEFAULT,
        PRERELEASES_ALLOWED,
        PRERELEASES_FORBIDDEN,
} PrereleasePolicy;

/* Reads one clause. @ret_offset (may be NULL) is set to the byte of the mistake on failure.
 * Errors: -EINVAL with a fault, -ERANGE a number too large, -ENOMEM. */
_must_use_ int
specifier_parse(Arena *arena, Text text, Specifier *ret, size_t *ret_offset, Fault *fault);

/* Reads clauses with commas between them; the empty text is the set without clauses.
 * Errors: as specifier_parse(); -E2BIG more than SPECIFIERS_MAX. */
_must_use_ int
specifier_set_parse(Arena *arena, Text text, SpecifierSet *ret, size_t *ret_offset, Fault *fault);

/* Reads clauses where they stand within a larger grammar: up to what is no clause.
 * Errors: as specifier_set_parse(). */
_must_use_ int specifier_set_read(Arena *arena, Syntax *syntax, SpecifierSet *ret);

/* Without any pre-release rule. @version's normal form is what === looks at. */
bool specifier_contains(const Specifier *specifier, const Version *version);
bool specifier_set_contains(const SpecifierSet *set, const Version *version);

/* The same for a candidate as it was written; @version is NULL when that is no version. */
bool specifier_contains_written(const Specifier *specifier, Text written, const Version *version);

/* True if a clause other than != names a pre-release: then all that fit are welcome. */
bool specifier_set_names_prerelease(const SpecifierSet *set);

/* Keeps what fits of @versions, in their order, and returns how many.
 * Source: PyPA specification "Version specifiers", "Handling of pre-releases". */
size_t specifier_set_filter(
                const SpecifierSet *set,
                PrereleasePolicy policy,
                const Version **versions,
                size_t n_versions);

/* Appends the clauses as they were written but for spaces, sorted, each once, commas between. */
void specifier_set_add_to(Builder *builder, const SpecifierSet *set);
/* The same set of clauses, whatever their order and spelling. */
bool specifier_set_equals(const SpecifierSet *a, const SpecifierSet *b);

/* Whether the operator takes such a version: ~= wants two numbers, local parts only go with ==, !=. */
_pure_ bool specifier_operator_takes(SpecifierOperator operator, const Version * version);

const char *specifier_operator_to_string(SpecifierOperator operator);
