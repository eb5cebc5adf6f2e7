// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The content-addressed store below the cache directory: read-only trees named by the digest of their
 * wheel, bytecode trees named after them, the staging room, by directory fds. Linked into blastd:
 * knows names, directories and the facts packet, and reads nothing of what lies inside a tree. */

#include "basic/digest.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "package/unpack-request.h"

typedef struct Store Store;

typedef enum StoreKind {
        STORE_TREE,     /* trees/<64 hex>: site-packages/ scripts/ data/ headers/ facts */
        STORE_BYTECODE, /* bytecode/<64 hex>-<cache tag>-<16 hex>: __pycache__ directories only */
        _STORE_KIND_MAX,
        _STORE_KIND_INVALID = -EINVAL,
} StoreKind;

enum {
        STORE_NAME_SIZE = 160 /* the longest name of either kind, with its NUL */
};

/* A directory being filled. Until it is published nobody looks into it; stage_done() removes it. */
typedef struct Stage {
        Store *store; /* NULL: empty */
        StoreKind kind;
        int fd;
        char name[32];
        char target[STORE_NAME_SIZE];
} Stage;

#define STAGE_NULL      ((Stage){ .store = NULL, .fd = -EBADF })
#define _cleanup_stage_ _cleanup_(stage_done)

/* Makes what is missing below @cache_fd (borrowed). Errors: those of mkdirat(2) and open(2). */
_must_use_ int store_open(int cache_fd, Store **ret, Fault *fault);
Store *store_free(Store *store);

/* Removes what crashed predecessors left in the staging room and the trash. Only for the one daemon
 * that holds the lock of this cache, before it starts any job. */
_must_use_ int store_sweep(Store *store);

/* trees/ or bytecode/ itself. */
int store_get_directory(const Store *store, StoreKind kind);

/* "<64 hex>" and "<64 hex>-<cache tag>-<first 16 hex of the interpreter's digest>".
 * Errors: -EINVAL @cache_tag has anything but letters, digits, '-', '_', '.', or is too long. */
void store_tree_name(const Digest *tree, char buffer[static STORE_NAME_SIZE]);
_must_use_ int store_bytecode_name(
                const Digest *tree,
                const char *cache_tag,
                const Digest *interpreter,
                char buffer[static STORE_NAME_SIZE]);

bool store_has(const Store *store, StoreKind kind, const char *name);
/* Opens a published directory. Errors: -ENOENT it is not there. */
_must_use_ int store_open_directory(const Store *store, StoreKind kind, const char *name);

/* The facts that blast-unpack left in a tree. Errors: -ENOENT no such tree, -EBADMSG its facts are not
 * ours: remove the tree and unpack again. */
_must_use_ int store_load_facts(const Store *store, const Digest *tree, UnpackAnswer *ret);

/* A new, empty staging directory (mode 0755) for what will be @name.
 * Errors: -ENOSPC, -EDQUOT with FAULT_DISK_FULL. */
_must_use_ int
store_stage(Store *store, StoreKind kind, const char *name, Stage *ret, Fault *fault);
void stage_done(Stage *stage);

/* Makes stages visible under their names: one rename each, then one fsync of the directory. Their contents
 * must be on disk already: blast-unpack flushes before it answers, or is asked to once for many. A
 * stage whose name exists meanwhile is removed: the first one wins. Empties every stage on success.
 * Returns how many were new. Errors: -ENOSPC with FAULT_DISK_FULL. */
_must_use_ int store_publish(Store *store, Stage *stages, size_t n_stages, Fault *fault);

/* Takes it out of sight by a rename, then deletes it. Removing a tree removes its bytecode, too.
 * Absent is success. Users that hold it open or mounted keep it until they let go. */
_must_use_ int store_remove(Store *store, StoreKind kind, const char *name);

/* Sorted names of everything published. */
_must_use_ int store_list(const Store *store, StoreKind kind, char ***ret);

DEFINE_CLEANUP(Store, store_free)
