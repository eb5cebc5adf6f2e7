// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Which variables of the caller's environment a program inside inherits. */

#include "basic/macro.h"

/* Whether "NAME=value" is on the allow list: terminal, language, taste, reproducibility. What names a
 * socket, a key, a host, a file or the loader is not. */
bool environ_may_pass(const char *variable);
