// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Numbers, dates and times of TOML from a token that holds nothing else. Private to toml-scalar.c. */

#include "basic/macro.h"
#include "basic/text.h"
#include "package/toml.h"

/* Sets type and content of @value. Returns whether @text is a date, a time or both. */
bool toml_parse_time(Text text, TomlValue *value);

/* Sets type and content of @value. Errors: -EINVAL no number, -ERANGE an integer of more than 64
 * bits, -ENOMEM. */
_must_use_ int toml_parse_number(Text text, TomlValue *value);
