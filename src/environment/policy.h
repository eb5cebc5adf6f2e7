// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Which written keys have no effect yet and why, and what `strict` makes of a guarantee that is not
 * held. One table; `blast status` and UnenforcedKeys are read from it. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/setting.h"
#include "environment/spec.h"

typedef struct UnenforcedKey {
        const char *key;    /* borrowed from the settings */
        char *place;        /* "blast.toml:12" */
        const char *reason; /* static */
} UnenforcedKey;

typedef struct UnenforcedKeys {
        UnenforcedKey *items;
        size_t n_items;
        size_t n_allocated;
} UnenforcedKeys;

#define _cleanup_unenforced_keys_ _cleanup_(unenforced_keys_done)
void unenforced_keys_done(UnenforcedKeys *keys);

/* Those of @settings that were written and do nothing, in the order written. */
_must_use_ int policy_list_unenforced(const Settings *settings, UnenforcedKeys *ret);

/* The reason why @key has no effect, NULL if it has one. */
const char *policy_get_reason(const Setting *setting);

/* With spec->is_strict, a wish that nothing holds refuses; otherwise always 0.
 * Errors: -EPERM (FAULT_NOT_ENFORCEABLE) with the first such key. */
_must_use_ int
policy_check_strict(const EnvironmentSpec *spec, const Settings *settings, Fault *fault);
