// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What the parts of a resolution share: resolution.c (the flow), resolution-wish.c (what is asked for),
 * resolution-solve.c (the solver and the indexes), resolution-lock.c (the lock in the project). */

#include "basic/memory.h"
#include "package/interpreter.h"
#include "package/project.h"
#include "package/pylock.h"
#include "package/resolution.h"
#include "package/resolver.h"

/* One requirement that counts. */
typedef struct Wish {
        const Requirement *requirement;
        const char *origin; /* NULL: from the command line */
        char *const *hashes;
        bool is_constraint;
        bool is_main;  /* of the project itself, not of an extra or a group */
        bool is_added; /* by RESOLVE_ADD */
} Wish;

typedef struct Resolution {
        const ResolutionInput *input;
        const ResolveRequest *request;
        ResolveAnswer *answer;
        Fault *fault; /* the answer's */
        Arena *arena;
        Project project;
        Interpreter *interpreter;
        Wish *wishes;
        size_t n_wishes;
        size_t n_wishes_allocated;
        char **index_urls; /* in the order in which they are asked */
        char **find_links;
        bool allow_prereleases;
        int64_t exclude_newer_usec;
        Pylock *pylock; /* as it lies in the project; NULL: none */
        char *pylock_text;
} Resolution;

/* Reads what the project and the request ask for. Errors: with a fault; -ENOMEM. */
_must_use_ int resolution_read_wishes(Resolution *resolution);
/* The digest of everything that decides which lock is right. Errors: -ENOMEM. */
_must_use_ int resolution_digest(const Resolution *resolution, Digest *ret);
/* After the solution: gives added requirements without a bound the lower bound that @lock has
 * ("name>=X"), and puts the changed project file or the kept requirements into the answer. */
_must_use_ int resolution_bound_added(Resolution *resolution, const Lock *lock);
_must_use_ int resolution_edit_project(Resolution *resolution);

/* Puts a file into the answer. Ownership: consumes @text, on failure too. Errors: -ENOMEM. */
_must_use_ int resolution_add_file(ResolveAnswer *answer, const char *name, char *text);

/* Reads pylock.toml if there is one. Errors: with a fault. */
_must_use_ int resolution_read_pylock(Resolution *resolution);
/* The lock in the project, if it may be used as it stands: 1, else 0. Errors: with a fault where it had to
 * be (--frozen, --locked). */
_must_use_ int resolution_use_pylock(Resolution *resolution);
/* Puts the lock and, if it changed, the text of pylock.toml into the answer. */
_must_use_ int resolution_write_pylock(Resolution *resolution, const Digest *digest);

/* Resolves; the lock is in the answer. Errors: with a fault; -ENOMEM. */
_must_use_ int resolution_solve(Resolution *resolution);

/* "2024-05-01", "2024-05-01T12:00:00Z" or "7 days" (before @now_usec) as a point in time.
 * Errors: -EINVAL. */
_must_use_ int resolution_parse_time(const char *text, int64_t now_usec, int64_t *ret_usec);
