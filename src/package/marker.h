// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Environment markers: the condition after ';' of a requirement. Parsed into a small tree whose
 * versions are compared without parsing again. Immutable arena values. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "package/syntax.h"
#include "package/version.h"

enum {
        MARKER_DEPTH_MAX = 64,
        MARKER_LENGTH_MAX = 64 * 1024
};

typedef enum MarkerVariable {
        MARKER_IMPLEMENTATION_NAME,
        MARKER_IMPLEMENTATION_VERSION,
        MARKER_OS_NAME,
        MARKER_PLATFORM_MACHINE,
        MARKER_PLATFORM_PYTHON_IMPLEMENTATION,
        MARKER_PLATFORM_RELEASE,
        MARKER_PLATFORM_SYSTEM,
        MARKER_PLATFORM_VERSION,
        MARKER_PYTHON_FULL_VERSION,
        MARKER_PYTHON_VERSION,
        MARKER_SYS_PLATFORM,
        MARKER_EXTRA,
        MARKER_EXTRAS,            /* a set; lock files only (PEP 751) */
        MARKER_DEPENDENCY_GROUPS, /* a set; lock files only (PEP 751) */
        _MARKER_VARIABLE_MAX,
        _MARKER_VARIABLE_INVALID = -EINVAL,
} MarkerVariable;

typedef struct Marker Marker;

/* What markers are held against. Zero-initialised: nothing is known. Filled by
 * marker_environment_set(); the lists are set directly. */
typedef struct MarkerEnvironment {
        const char *values[_MARKER_VARIABLE_MAX];
        const Version *versions[_MARKER_VARIABLE_MAX]; /* of values that are versions */
        const char *const *extras;            /* normalised, NULL-terminated; may be NULL */
        const char *const *dependency_groups; /* the same */
} MarkerEnvironment;

/* Errors: -EINVAL with a fault and, in @ret_offset (may be NULL), the byte of the mistake; -E2BIG;
 * -ENOMEM. Source: PyPA specification "Dependency specifiers". Fuzzed: tests/fuzz/fuzz-marker.c. */
_must_use_ int
marker_parse(Arena *arena, Text text, const Marker **ret, size_t *ret_offset, Fault *fault);

/* The same, with the set variables extras and dependency_groups, as in pylock.toml. */
_must_use_ int marker_parse_for_lock(
                Arena *arena,
                Text text,
                const Marker **ret,
                size_t *ret_offset,
                Fault *fault);

/* Reads a marker where it stands within a larger grammar, to its end. Errors: as marker_parse(). */
_must_use_ int marker_read(Arena *arena, Syntax *syntax, const Marker **ret);

/* Copies @value. Extras of MARKER_EXTRA are normalised. Errors: -ENOMEM. */
_must_use_ int marker_environment_set(
                Arena *arena,
                MarkerEnvironment *environment,
                MarkerVariable variable,
                const char *value);

/* Whether the condition holds. NULL (no marker) holds. `extra` is the one of the environment, ""
 * when unset; a comparison that PEP 508 leaves undefined does not hold (see marker_check()). */
bool marker_evaluate(const Marker *marker, const MarkerEnvironment *environment);

/* Whether a requirement with this marker applies when @extras (normalised, NULL-terminated, may be
 * NULL) are asked for: it holds without any extra or with one of them. */
bool marker_applies(
                const Marker *marker,
                const MarkerEnvironment *environment,
                const char *const *extras);

/* Finds a comparison that has no meaning: a variable with no value, an order between things that are
 * no versions. Errors: -EINVAL with a fault. */
_must_use_ int
marker_check(const Marker *marker, const MarkerEnvironment *environment, Fault *fault);

bool marker_uses(const Marker *marker, MarkerVariable variable);

/* Both must hold; either may be NULL. Errors: -ENOMEM. */
_must_use_ int marker_and(Arena *arena, const Marker *a, const Marker *b, const Marker **ret);

/* Appends the normal text. */
void marker_add_to(Builder *builder, const Marker *marker);
bool marker_equals(const Marker *a, const Marker *b);

const char *marker_variable_to_string(MarkerVariable variable);
MarkerVariable marker_variable_from_text(Text text);
