// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What interpreters said of themselves, kept in <state>/interpreters. Text that is handed to
 * blast-resolve, and never read here. */

#include "basic/macro.h"
#include "package/request.h"

typedef struct Interpreters Interpreters;

/* Loads all records. Errors: those of opening the directory. */
_must_use_ int interpreters_open(int state_fd, Interpreters **ret);
Interpreters *interpreters_free(Interpreters *interpreters);

/* Keeps a report; one of the same path is replaced. */
_must_use_ int interpreters_add(
                Interpreters *interpreters,
                const char *path,
                const char *signature,
                const char *report);

/* Borrowed until the next interpreters_add(). */
const InterpreterRecord *interpreters_get_all(const Interpreters *interpreters, size_t *ret_n);

/* "<device>-<inode>-<size>-<mtime in ns>" of the program @path leads to, in hex.
 * Errors: errno of stat(2). */
_must_use_ int interpreters_sign(const char *path, char **ret);

DEFINE_CLEANUP(Interpreters, interpreters_free)
