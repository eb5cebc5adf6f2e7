// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Carries a mount list out in the calling process's own mount namespace: a new tmpfs becomes the root
 * of everything in the list. Knows nothing of why something is mounted. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "environment/mount-list.h"

typedef struct MountContext {
        const char *place;     /* existing directory that the new tmpfs covers */
        const int *source_fds; /* directories the list names by index; opened in this namespace */
        size_t n_sources;
        bool uses_legacy;     /* mount(2) only, as if the newer calls did not exist (tests) */
        bool proc_is_partial; /* out: no full procfs could be had */
        int root_fd;          /* out: the new root; the caller's */
        int mask_file_fd;     /* while it works */
        int mask_directory_fd;
} MountContext;

/* Errors: those of mount(2), -E2BIG the overlay's options do not fit into a page; a fault names the
 * target. What was mounted before the failure stays, for the namespace to take with it. */
_must_use_ int mount_list_apply(const MountList *list, MountContext *context, Fault *fault);

/* Makes the new root the only one: pivot_root(2), the old one is detached. */
_must_use_ int mount_root_enter(int root_fd);

/* The same directory opened through this namespace's mounts, checked by device and inode: mounts of
 * another namespace cannot be bound or stacked. Errors: -ESTALE its path leads elsewhere now. */
_must_use_ int source_reopen(int fd);

/* The option string of an overlay whose layers are descriptors, for a process whose working
 * directory is /proc/self/fd: "lowerdir=12:13,upperdir=14,workdir=15,…" [13].
 * Errors: -E2BIG longer than one page less one byte. */
_must_use_ int
overlay_options(const Mount *mount, const int *source_fds, size_t n_sources, char **ret);
