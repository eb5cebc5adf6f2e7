// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Addresses as users and servers write them: taking credentials out, comparing origins, local paths.
 * Parsing is libcurl's. */

#include "basic/macro.h"

/* A copy without user information, safe to show. Text that is no URL is returned as it is, except that
 * anything before an '@' in its authority is cut away. NULL when memory is out. */
_must_use_ char *url_strip_credentials(const char *url);

/* User and password of @url, decoded; both NULL where there are none. Errors: -EINVAL not a URL. */
_must_use_ int url_get_credentials(const char *url, char **ret_user, char **ret_password);

/* The same scheme, host and port. False for anything that is not a URL. */
bool url_same_origin(const char *a, const char *b);

/* The scheme is @scheme (lower case). */
_pure_ bool url_has_scheme(const char *url, const char *scheme);

/* The path a file:// URL names, decoded. Errors: -EINVAL not one, a host other than localhost, a NUL or
 * control character in it. */
_must_use_ int url_to_path(const char *url, char **ret);
/* "file://…" for an absolute path. NULL when memory is out. */
_must_use_ char *url_from_path(const char *path);
