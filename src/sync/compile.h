// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The bytecode of some trees for one interpreter: compiled by that interpreter in one helper sandbox,
 * flushed, published as trees of their own. */

#include "basic/digest.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "environment/generation.h"
#include "sync/coordinator.h"

enum {
        COMPILE_TREES_MAX = 16 /* each needs two descriptors in the sandbox */
};

typedef struct Compile Compile;

typedef struct CompileOrder {
        const GenerationRecord
                        *record; /* of the interpreter; borrowed for the call, as are the trees */
        const Digest *trees[COMPILE_TREES_MAX];
        size_t n_trees;
        /* Told once, not within the start. @fault is NULL after success. */
        void (*on_done)(const Fault *fault, void *userdata);
        void *userdata;
} CompileOrder;

/* Errors: -ENOENT compile.py is not installed. */
_must_use_ int
compile_new(Coordinator *coordinator, const CompileOrder *order, Fault *fault, Compile **ret);
Compile *compile_free(Compile *compile);

/* Name in the store of the bytecode of @tree for the interpreter of a generation. */
_must_use_ int compile_bytecode_name(
                const GenerationRecord *record,
                const Digest *tree,
                char *ret_name,
                size_t size);

DEFINE_CLEANUP(Compile, compile_free)
