// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The key under which the report of an interpreter stays valid. The only part of the interpreter
 * modules that blastd links: it looks at the file and at nothing in it. */

#include "basic/macro.h"

/* "<device>-<inode>-<size>-<mtime in ns>" in hex, of the program that @path leads to; good as a file
 * name. Errors: errno of stat(2), -EINVAL no regular file, -ENOMEM. */
_must_use_ int interpreter_signature(const char *path, char **ret);
