// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The words for single reasons and sets of versions in an explanation. */

#include "package/resolver-internal.h"

/* Appends "a", "a >=2", "every version of a". Only for positive sets. */
void explain_add_versions(
                const Resolver *resolver,
                Builder *builder,
                uint32_t package,
                const VersionSet *set);
/* Appends what was told to the solver: "the project needs b<3 (pyproject.toml:7)", "a >=2 has no wheel
 * for this machine (…)". Not for conclusions. */
void explain_add_reason(
                const Resolver *resolver,
                Builder *builder,
                const Incompatibility *incompatibility);
/* Whether it says what the project itself asks for. */
bool explain_is_wish(const Incompatibility *incompatibility);
/* Appends that without its subject: "b<3 (pyproject.toml:7)". */
void explain_add_wish(
                const Resolver *resolver,
                Builder *builder,
                const Incompatibility *incompatibility);
