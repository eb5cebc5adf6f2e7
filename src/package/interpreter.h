// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Python interpreters: what one says of itself (the report of python/blast/probe.py), and which one in
 * a list of directories fits a request. Nothing is executed here. */

#include <sys/stat.h>

#include "basic/macro.h"
#include "basic/text.h"

typedef struct Fault Fault;
typedef struct MarkerEnvironment MarkerEnvironment; /* package/marker.h */
typedef struct TagList TagList;                     /* package/tag.h */

enum {
        INTERPRETER_REPORT_MAX = 1024 * 1024,
        INTERPRETER_DIRECTORY_MAX = 20000
};

/* One report, checked. */
typedef struct Interpreter {
        char *path;    /* as it was found */
        char *version; /* "3.11.2" */
        unsigned major;
        unsigned minor;
        char *implementation; /* "cpython" */
        char *cache_tag;      /* "cpython-311" */
        char *soabi;          /* "cpython-311-x86_64-linux-gnu" */
        char *prefix;
        char *base_prefix;
        char *stdlib;        /* absolute */
        char *site_packages; /* of an environment, relative to it: "lib/python3.11/site-packages" */
        char *glibc_version; /* "2.36"; NULL: not glibc */
        char *musl_version;  /* "1.2"; NULL: not musl */
        char *machine;       /* "x86_64" */
        bool is_venv;
        bool is_externally_managed;
        bool is_free_threaded;
        bool is_debug;
        MarkerEnvironment *markers;
        TagList *tags; /* best first */
} Interpreter;

Interpreter *interpreter_free(Interpreter *interpreter);

/* Reads @report, the JSON that probe.py printed when run by @path.
 * Errors: -EINVAL with a fault PYTHON_INVALID: not such a report, a Python older than 3.8, not CPython, a
 * platform without tags; -ENOMEM. */
_must_use_ int
interpreter_parse(const char *path, const char *report, Interpreter **ret, Fault *fault);

/* What is looked for. */
typedef struct InterpreterRequest {
        const char *python; /* "3.11", "3.11.4", ">=3.10,<3.13", "python3.11", a path; NULL: any */
        const char *python_origin;   /* ".python-version:1", "--python"; for the fault */
        const char *requires_python; /* a specifier set that bounds the choice; NULL: none */
        const char *requires_python_origin;
} InterpreterRequest;

/* What the search can tell without running it. */
typedef struct InterpreterCandidate {
        char *path;
        unsigned major; /* 0: not known */
        unsigned minor;
        int micro; /* -1: not known */
} InterpreterCandidate;

#define _cleanup_interpreter_candidate_ _cleanup_(interpreter_candidate_done)
void interpreter_candidate_done(InterpreterCandidate *candidate);

/* Looks through @directories in order for pythonX.Y and python3 that are ELF programs (scripts, such as
 * the shims of version managers, are passed over). A directory may end in "/STAR/bin" with STAR being
 * an asterisk: every entry of the parent is tried. The newest minor version that fits wins, among equals the first
 * directory; without a request, versions Python itself no longer supports come last.
 * Whoever asks must check the exact version against the report of the one that was found.
 * Errors: -ENOENT with a fault NO_PYTHON that names what was looked for and what is there; -EINVAL
 * with a fault PROJECT_INVALID for a request that cannot be read; -ENOMEM. */
_must_use_ int interpreter_find(
                const InterpreterRequest *request,
                char *const *directories,
                InterpreterCandidate *ret,
                Fault *fault);

/* Whether a probed interpreter satisfies the request, exactly this time.
 * Errors: -ENOENT with a fault NO_PYTHON; -EINVAL as above. */
_must_use_ int
interpreter_check(const Interpreter *interpreter, const InterpreterRequest *request, Fault *fault);

/* "<device>-<inode>-<size>-<mtime in ns>" of the program @path leads to, in hex: the key under which a report
 * stays valid. Errors: errno of stat(2). */
_must_use_ int interpreter_signature(const char *path, char **ret);

DEFINE_CLEANUP(Interpreter, interpreter_free)
