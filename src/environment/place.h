// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A project directory as the kernel shows it now, and whether it can be a project at all. */

#include <limits.h>

#include "basic/fault.h"
#include "basic/macro.h"

typedef struct Place {
        char path[PATH_MAX]; /* absolute, without links */
        uint64_t device;
        uint64_t inode;
        uint64_t born_nsec; /* 0: the file system does not say */
} Place;

/* Reads the place of an open directory. Errors: -ENOTDIR, -EINVAL the root, a home directory, a path
 * that scripts cannot carry (FAULT_PROJECT_INVALID); -ENOENT it was deleted (FAULT_PROJECT_INVALID);
 * -ENAMETOOLONG (FAULT_PATH_TOO_LONG). */
_must_use_ int place_inspect(int project_fd, Fault *fault, Place *ret);

/* Whether @path leads to this very directory. */
bool place_is_at(const Place *place, const char *path);
