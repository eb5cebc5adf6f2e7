// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The values of index settings as pip, uv and Blast write them: truth, numbers, places. */

#include "basic/macro.h"

/* Errors: -EINVAL neither a yes nor a no of pip, uv or Python's configparser. "" is no. */
_must_use_ int setting_parse_boolean(const char *value, bool *ret);

/* "30", or "2.5", which is rounded up: pip's timeouts are decimal. Errors: -EINVAL, -ERANGE over @max. */
_must_use_ int setting_parse_number(const char *value, uint64_t max, uint64_t *ret);

/* Where wheels or an index are: an http, https or file URL as it is, a path (also relative, or "~/…")
 * as a file URL. Errors: -EINVAL another scheme, no host, control characters; -ENOMEM. */
_must_use_ int setting_parse_place(const char *value, char **ret);
/* A list of them, cut at @separator or, if that is 0, at white space; "name=url" as in UV_INDEX loses the
 * name. Errors: as above. */
_must_use_ int setting_parse_places(const char *value, char separator, char ***ret);

/* The place without the credentials it may hold. NULL when memory is out. */
_must_use_ char *setting_place_to_show(const char *place);
