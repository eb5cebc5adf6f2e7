// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* pylock.toml (PEP 751): what a resolution found, as the file that lies in the project. Reader and
 * writer of the part that Blast uses: packages from an index, as wheels. The text is
 * deterministic. */

#include "basic/digest.h"
#include "basic/macro.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "package/lock.h"

typedef struct Fault Fault;
typedef struct Interpreter Interpreter;

enum {
        PYLOCK_SIZE_MAX = 64 * 1024 * 1024
};

typedef struct PylockWheel {
        const char *filename;
        const char *url;     /* without credentials */
        uint64_t size_bytes; /* 0: unknown */
        Digest digest;
} PylockWheel;

typedef struct PylockPackage {
        const char *name;            /* normalised */
        const char *version;         /* normal form */
        const char *marker;          /* NULL: always */
        const char *requires_python; /* NULL: any */
        const char *index;           /* base URL without credentials; NULL: not said */
        const char **dependencies;   /* normalised names */
        size_t n_dependencies;
        PylockWheel *wheels;
        size_t n_wheels; /* 0: only as source or from elsewhere than an index; cannot be chosen */
        bool is_direct;  /* [tool.blast] direct; without that table: no other package needs it */
        uint32_t line;   /* where it was read; 0 when built */
} PylockPackage;

typedef struct Pylock {
        const char *lock_version; /* "1.0" */
        const char *created_by;
        const char *requires_python; /* NULL: any */
        const char **environments;   /* markers; empty: all */
        size_t n_environments;
        const char **default_groups; /* what `dependency_groups` in markers holds; normalised */
        size_t n_default_groups;
        PylockPackage *packages; /* sorted by name by the writer */
        size_t n_packages;
        bool has_input_digest;
        Digest input_digest;       /* [tool.blast] input-digest */
        const char *exclude_newer; /* [tool.blast]; NULL: none */
        const char *warning;       /* a newer 1.x, keys that were passed over; NULL: none */
        Arena *memory; /* owns all of the above; whoever builds one may put texts here */
} Pylock;

/* Errors: NULL when memory is out. */
_must_use_ Pylock *pylock_new(void);
Pylock *pylock_free(Pylock *pylock);

/* Whether PEP 751 allows the file name: pylock.toml, pylock.<word>.toml. */
_pure_ bool pylock_name_is_valid(const char *name);

/* Reads a lock. @file says where an error is.
 * Errors: -EINVAL with a fault LOCK_INVALID ("file:line"): not TOML, a value of the wrong kind, a
 * missing key, a wheel without SHA-256 or with a name that does not fit; -EPROTONOSUPPORT with a
 * fault FORMAT_TOO_NEW: lock-version 2 and later; -E2BIG; -ENOMEM. Fuzzed:
 * tests/fuzz/fuzz-pylock.c. Source: PEP 751. */
_must_use_ int
pylock_parse(const char *text, size_t size_bytes, const char *file, Pylock **ret, Fault *fault);

/* The text of the file; the same value always gives the same bytes. Packages and wheels are written
 * sorted, whatever their order here; @pylock is not changed. */
_must_use_ int pylock_format(const Pylock *pylock, char **ret);

/* Chooses what @interpreter needs: packages whose marker holds, and of each the wheel with the best
 * tag.
 * Errors: -ENOENT with a fault NO_MATCHING_WHEEL; -EINVAL with a fault LOCK_INVALID: a package
 * that is needed has no wheels or another Python, the lock is for other environments, or one name
 * would be there twice; -ENOMEM. */
_must_use_ int
pylock_to_lock(const Pylock *pylock, const Interpreter *interpreter, Lock **ret, Fault *fault);

/* A lock file with the chosen wheels only. @requires_python and @index_url may be NULL. */
_must_use_ int pylock_from_lock(
                const Lock *lock,
                const char *requires_python,
                const char *index_url,
                Pylock **ret);

/* Takes user name and password out of a URL; NULL when memory is out. */
_must_use_ char *pylock_url_without_credentials(const char *url);

DEFINE_CLEANUP(Pylock, pylock_free)
