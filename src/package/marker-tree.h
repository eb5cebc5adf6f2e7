// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The inside of a marker, shared by the file that reads markers and the one that holds them against an
 * environment; nobody else includes this. */

#include "basic/macro.h"
#include "basic/memory.h"
#include "package/marker.h"
#include "package/specifier.h"

typedef enum MarkerKind {
        MARKER_ALL,
        MARKER_ANY,
        MARKER_COMPARISON,
} MarkerKind;

typedef enum MarkerOperator {
        MARKER_OPERATOR_COMPATIBLE = SPECIFIER_COMPATIBLE,
        MARKER_OPERATOR_ARBITRARY = SPECIFIER_ARBITRARY,
        MARKER_OPERATOR_IN = _SPECIFIER_OPERATOR_MAX, /* below are those of specifiers */
        MARKER_OPERATOR_NOT_IN,
        _MARKER_OPERATOR_MAX,
} MarkerOperator;

/* One side of a comparison. */
typedef struct MarkerSide {
        MarkerVariable variable; /* _MARKER_VARIABLE_INVALID: @text */
        const char *text;
} MarkerSide;

struct Marker {
        MarkerKind kind;
        bool is_enclosed;           /* was written in parentheses */
        bool has_clause;            /* operator and right text are a specifier */
        const Marker *const *items; /* of ALL, ANY */
        size_t n_items;
        int operator; /* SpecifierOperator or MarkerOperator */
        MarkerSide left;
        MarkerSide right;
        Specifier clause;
        const Version *left_version; /* of a text on the left */
};

/* The variable of a comparison; _MARKER_VARIABLE_INVALID if both sides are texts. */
_pure_ MarkerVariable marker_compared_variable(const Marker *marker);
_pure_ bool marker_variable_is_set(MarkerVariable variable);
_pure_ bool marker_variable_holds_version(MarkerVariable variable);
const char *marker_operator_to_string(int operator);

/* Brings the text of a side, a name of an extra or group, into normal form; what is no name stays as it
 * is. Errors: -ENOMEM. */
_must_use_ int marker_side_normalize(Arena *arena, MarkerSide *side);

/* One node over @n items, which are copied; the item itself if there is one. Errors: -ENOMEM. */
_must_use_ int
marker_join(Arena *arena,
            MarkerKind kind,
            const Marker *const *items,
            size_t n,
            const Marker **ret);
