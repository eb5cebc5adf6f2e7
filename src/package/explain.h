// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Why there is no solution, in sentences that a person understands. */

#include "basic/macro.h"
#include "package/resolver.h"

/* Explains the conflict of a resolver that said RESOLVER_UNSOLVABLE, as a fault UNSOLVABLE,
 * NO_MATCHING_WHEEL (a wheel is missing for this machine or Python) or INDEX_NOT_FOUND (a package does not
 * exist). Errors: -ENOMEM. */
_must_use_ int explain_conflict(Resolver *resolver, Fault *fault);

/* Names of packages that the project itself asks for and that take part in the conflict, in the order
 * of the project; for trying what would help. Borrowed from the resolver.
 * Errors: -ENOMEM. */
_must_use_ int explain_culprits(Resolver *resolver, const ResolverRoot ***ret, size_t *ret_n);
