// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The keys of blast.toml and [tool.blast]: one table with type, range and allowed words of each. Knows
 * nothing of what a key does; that is for the layer that reads the Settings. */

#include "basic/macro.h"
#include "basic/setting.h"
#include "package/toml.h"

typedef struct Fault Fault;

/* Checks every key of @table and appends it to @settings, in the order of the source. Lists of ports
 * become lists of decimal texts, integers where a float is wanted become floats. @prefix is what
 * stands before the keys in the file: "" or "tool.blast.", for messages.
 * Errors: -EINVAL with a fault PROJECT_UNKNOWN_KEY (with the nearest known key) or PROJECT_INVALID,
 * subject "file:line"; -ENOMEM. */
_must_use_ int project_settings_read(
                const TomlValue *table,
                const char *file,
                const char *prefix,
                Settings *settings,
                Fault *fault);

/* The table, for documentation and tests: key, what it must be ("an integer from 1 to 3600").
 * Returns false at the end. */
_must_use_ int project_settings_describe(size_t position, const char **ret_key, char **ret_rule);
