// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* pip's configuration files: which ones there are for this user, and their sections, keys and values
 * as Python's configparser reads them. */

#include "basic/fault.h"
#include "basic/macro.h"

enum {
        PIP_CONFIG_SIZE_MAX = 1024 * 1024
};

/* One setting. @key is lower case with dashes; @value has its lines joined by a space. Borrowed for the
 * call. A negative return ends the reading and is handed on. */
typedef int (*PipConfigFunction)(
                const char *section,
                const char *key,
                const char *value,
                const char *path,
                uint32_t line,
                void *userdata);

/* The files that may exist, in rising order of precedence: machine, user, PIP_CONFIG_FILE. The file of a
 * virtual environment is left out, for ours are made by Blast. */
_must_use_ int pip_config_list_files(char ***ret);

/* Reads one file; absent or unreadable files are empty. Errors: -EINVAL a line that is none
 * (FAULT_USAGE with its place), -EFBIG, those of @function. */
_must_use_ int
pip_config_read(const char *path, PipConfigFunction function, void *userdata, Fault *fault);
/* The same for a text in memory. */
_must_use_ int pip_config_parse(
                const char *text,
                const char *path,
                PipConfigFunction function,
                void *userdata,
                Fault *fault);
