// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The bytecode of one tree for one interpreter: compiled by that interpreter in a helper sandbox, published as
 * a tree of its own. */

#include "basic/digest.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "sync/coordinator.h"

typedef struct Compile Compile;

/* Strings are borrowed for the call. */
typedef struct CompileOrder {
        const Digest *tree;
        const char *name; /* of the bytecode in the store */
        const char *python_path;
        const char *python_prefix;
        /* Told once, not within the start. @fault is NULL after success. */
        void (*on_done)(const Fault *fault, void *userdata);
        void *userdata;
} CompileOrder;

/* Errors: -ENOENT compile.py is not installed. */
_must_use_ int
compile_new(Coordinator *coordinator, const CompileOrder *order, Fault *fault, Compile **ret);
Compile *compile_free(Compile *compile);

DEFINE_CLEANUP(Compile, compile_free)
