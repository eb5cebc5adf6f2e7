// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Which Python in a list of directories fits a request, as far as names, links and file contents can
 * tell: nothing is executed, so the exact version is only known after a probe. */

#include "basic/macro.h"
#include "package/interpreter.h"

enum {
        INTERPRETER_DIRECTORY_MAX = 20000,
        INTERPRETER_CANDIDATES_MAX = 1000
};

typedef struct InterpreterRequest {
        const char *python; /* "3.11", "3.11.4", ">=3.10,<3.13", "python3.11", a path; NULL: any */
        const char *python_origin; /* ".python-version:1", "--python"; for the fault; may be NULL */
        const char *requires_python; /* a specifier set that bounds the choice; NULL: none */
        const char *requires_python_origin;
        char *const *excluded; /* paths that were probed and do not fit after all; NULL: none */
} InterpreterRequest;

typedef struct InterpreterCandidate {
        char *path;
        uint32_t major; /* 0: not known */
        uint32_t minor;
        int micro; /* -1: not known */
} InterpreterCandidate;

#define _cleanup_interpreter_candidate_ _cleanup_(interpreter_candidate_done)
void interpreter_candidate_done(InterpreterCandidate *candidate);

/* Looks through @directories in order for pythonX.Y and python3 that are ELF programs: scripts, such as the
 * shims of version managers, are passed over, and so are the links of virtual environments. A
 * directory may have one component that is an asterisk ("*" between the slashes): every entry
 * there is tried. The newest minor version that fits wins, among equals the first directory; one
 * whose exact version is known wins over others where the request names a third number. Errors:
 * -ENOENT with a fault NO_PYTHON that names what was looked for and what is there; -EINVAL with a
 * fault PROJECT_INVALID for a request that cannot be read; -ENOMEM. */
_must_use_ int interpreter_find(
                const InterpreterRequest *request,
                char *const *directories,
                InterpreterCandidate *ret,
                Fault *fault);

/* Whether a probed interpreter satisfies the request, exactly this time; a request for a path is
 * satisfied by that path. Errors: -ENOENT with a fault NO_PYTHON; -EINVAL as above. */
_must_use_ int
interpreter_check(const Interpreter *interpreter, const InterpreterRequest *request, Fault *fault);
