// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* File descriptors and the durable ways of changing files. Paths are relative to a directory fd
 * and are resolved beneath it without following links (openat2(2), RESOLVE_BENEATH). */

#include <sys/stat.h>
#include <sys/types.h>

#include "basic/macro.h"

#define _cleanup_close_ _cleanup_(fd_closep)
int fd_close(int fd); /* accepts negative fds, keeps errno, returns -EBADF */
static inline _unused_ void fd_closep(int *fd) {
        *fd = fd_close(*fd);
}

/* openat2 with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS and O_CLOEXEC.
 * Errors: those of openat2(2); -EXDEV or -ELOOP for paths that leave or link. */
_must_use_ int file_open_beneath(int directory_fd, const char *path, int flags, mode_t mode);

/* Reads a whole regular file or memfd. @size_max bounds it. The result is terminated with a NUL
 * that is not counted. Errors: -EFBIG over @size_max; -EISDIR, -EBADFD not a regular file. */
_must_use_ int file_read_fd(int fd, size_t size_max, char **ret, size_t *ret_size_bytes);
_must_use_ int
file_read_at(int directory_fd,
             const char *path,
             size_t size_max,
             char **ret,
             size_t *ret_size_bytes);

_must_use_ int file_write_all(int fd, const void *data, size_t size_bytes);

/* Replaces @name in @directory_fd: temporary file, write, fsync, rename, fsync of the directory.
 * A crash leaves the old or the new content. @name has no slash. */
_must_use_ int
file_replace_at(int directory_fd,
                const char *name,
                const void *data,
                size_t size_bytes,
                mode_t mode);
/* The same for a symbolic link. */
_must_use_ int link_replace_at(int directory_fd, const char *name, const char *target);

/* Opens a directory beneath @directory_fd, made (one level at a time, @mode) if it is absent. */
_must_use_ int directory_open_or_make(int directory_fd, const char *path, mode_t mode);

/* Removes a tree by directory fds, never following a link, making its directories writable first.
 * Absent is success. */
_must_use_ int tree_remove_at(int directory_fd, const char *name);

/* An anonymous file sealed against every change, position 0. */
_must_use_ int memfd_new_sealed(const char *name, const void *data, size_t size_bytes);
/* Checks all four seals and the size before mapping it read-only. Unmap with munmap(). Errors:
 * -EPERM a seal is missing, -EFBIG over @size_max. */
_must_use_ int memfd_map_sealed(int fd, size_t size_max, const void **ret, size_t *ret_size_bytes);

/* /proc/self/fd/<fd>, for the few calls that want a path. */
#define FD_PATH_SIZE 32
char *fd_path(int fd, char buffer[static FD_PATH_SIZE]);
