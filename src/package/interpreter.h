// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What a Python interpreter says of itself: the report of python/blast/probe.py, checked, with the
 * marker environment and the tags that follow from it. Executes nothing. */

#include "basic/macro.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "package/marker.h"
#include "package/tag.h"

typedef struct Fault Fault;

enum {
        INTERPRETER_REPORT_MAX = 1024 * 1024,
        INTERPRETER_MINOR_MIN = 8
};

/* One report, checked. */
typedef struct Interpreter {
        const char *path;    /* as it was found */
        const char *version; /* "3.11.2", "3.14.0b2" */
        const Version *parsed_version;
        uint32_t major;
        uint32_t minor;
        const char *implementation;  /* "cpython" */
        const char *cache_tag;       /* "cpython-311" */
        const char *soabi;           /* "cpython-311-x86_64-linux-gnu"; NULL: it does not say */
        const char *prefix;          /* of the environment it belongs to, else as @base_prefix */
        const char *base_prefix;     /* absolute */
        const char *base_executable; /* the program without any environment */
        const char *stdlib;          /* absolute */
        const char *site_packages; /* of an environment, relative to it: "lib/python3.11/site-packages" */
        const char *machine;       /* "x86_64" */
        const char *libc_version; /* "2.36" */
        LibcKind libc;
        bool is_venv;
        bool is_externally_managed;
        bool is_free_threaded;
        bool is_debug;
        MarkerEnvironment markers;
        const TagSet *tags;
        Arena *memory; /* owns all of the above */
} Interpreter;

/* Reads @report, the JSON that probe.py printed when run by @path.
 * Errors: -EINVAL with a fault PYTHON_INVALID: not such a report, older than 3.8, not CPython, a
 * platform without tags; -ENOMEM. */
_must_use_ int
interpreter_parse(const char *path, const char *report, Interpreter **ret, Fault *fault);
Interpreter *interpreter_free(Interpreter *interpreter);

DEFINE_CLEANUP(Interpreter, interpreter_free)
