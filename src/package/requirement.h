// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* One requirement as PEP 508 has it: name, extras, clauses or URL, marker. Immutable arena value;
 * does not know files, options or where it was written. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "package/marker.h"
#include "package/specifier.h"

enum {
        REQUIREMENT_LENGTH_MAX = 64 * 1024,
        REQUIREMENT_EXTRAS_MAX = 1000
};

typedef struct Requirement {
        const char *name;          /* normalised */
        const char *written_name;  /* as it was written */
        const char *const *extras; /* normalised, sorted, each once; NULL-terminated, never NULL */
        size_t n_extras;
        SpecifierSet specifiers; /* empty with @url */
        const char *url;         /* NULL: from an index */
        const Marker *marker;    /* NULL: always */
} Requirement;

/* Errors: -EINVAL with a fault that says what was expected and shows the place, the byte of which is
 * in @ret_offset (may be NULL); -ERANGE a number too large; -E2BIG; -ENOMEM.
 * Source: PyPA specification "Dependency specifiers". Fuzzed: tests/fuzz/fuzz-requirement.c. */
_must_use_ int requirement_parse(
                Arena *arena,
                Text text,
                const Requirement **ret,
                size_t *ret_offset,
                Fault *fault);

/* Appends the normal text: "name[a,b]>=1,<2; marker" or "name[a] @ url ; marker". */
void requirement_add_to(Builder *builder, const Requirement *requirement);
bool requirement_equals(const Requirement *a, const Requirement *b);
