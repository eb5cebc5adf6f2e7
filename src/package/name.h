// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Names of distributions, extras and dependency groups: what is a valid one and the one form under
 * which two spellings are the same. Allocates only from the caller's arena. */

#include "basic/macro.h"
#include "basic/memory.h"
#include "basic/text.h"

enum {
        NAME_SIZE_MAX = 256
}; /* with the final NUL; longer names are refused everywhere */

/* ASCII letters, digits, '-', '_' and '.', beginning and ending with a letter or digit.
 * Source: PyPA specification "Names and normalization" (PEP 508). */
_pure_ bool name_is_valid(Text text);

/* A valid name in normal form: lower case, single '-' only (PEP 503). */
_pure_ bool name_is_normalized(Text text);

/* Writes the normal form and a NUL. Errors: -EINVAL not a valid name, or too long. */
_must_use_ int name_normalize_into(Text text, char buffer[static NAME_SIZE_MAX]);

/* The normal form in the arena. Errors: -EINVAL not a valid name, -ENOMEM. */
_must_use_ int name_normalize(Arena *arena, Text text, const char **ret);

/* True if both are valid and the same after normalisation. */
_pure_ bool name_equals(Text a, Text b);
