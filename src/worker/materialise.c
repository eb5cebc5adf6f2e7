// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Each item is walked with directory descriptors, never by paths: read below trees/ or bytecode/, made
 * below the destination. For every file, the first way that works:
 *
 *   hard mode   linkat()                    shares the inode; another owner's file falls through
 *   clone mode  FICLONE                     shares the blocks (btrfs, xfs); asked once, not per file
 *   small       read + write                one buffer, two calls
 *   large       copy_file_range             in the kernel; else read + write
 *
 * A file system that cannot clone says so for every file alike, so the first refusal is remembered.
 */

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "worker/materialise.h"
#include "worker/worker.h"

enum {
        DEPTH_MAX = 128,
        BUFFER_SIZE = 256 * 1024,
        PROGRESS_NSEC = 100 * 1000 * 1000
};

typedef struct Copying {
        const MaterialiseRequest *request;
        MaterialiseAnswer *answer;
        MaterialiseProgress progress;
        uint64_t told_nsec;
        bool cannot_clone;
        bool cannot_copy_range;
        char *buffer;
} Copying;

static uint64_t now_nsec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
        return (uint64_t) now.tv_sec * NSEC_PER_SEC + (uint64_t) now.tv_nsec;
}

static void tell_progress(Copying *copying) {
        _cleanup_(freep) void *packet = NULL;
        uint64_t now = now_nsec();
        size_t size = 0;

        if (now - copying->told_nsec < PROGRESS_NSEC)
                return;
        copying->told_nsec = now;
        copying->progress.n_files_done = copying->answer->n_files;
        copying->progress.done_bytes = copying->answer->size_bytes;
        if (materialise_progress_encode(&copying->progress, &packet, &size) >= 0)
                worker_progress(packet, size);
}

static int explain(Copying *copying, int r, const char *name) {
        return fault_set(
                        &copying->answer->fault,
                        r,
                        fault_code_from_errno(r),
                        name,
                        "Cannot copy '%s' out of the store: %s.",
                        name,
                        strerror(-r));
}

static int copy_by_buffer(Copying *copying, int source_fd, int fd) {
        for (;;) {
                ssize_t n = read(source_fd, copying->buffer, BUFFER_SIZE);
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                r = file_write_all(fd, copying->buffer, (size_t) n);
                if (r < 0)
                        return r;
        }
}

/* 1 if everything was copied, 0 if the kernel cannot do it here (then nothing was). */
static int copy_by_kernel(Copying *copying, int source_fd, int fd, uint64_t size) {
        uint64_t done = 0;

        while (done < size) {
                ssize_t n = copy_file_range(source_fd, NULL, fd, NULL, size - done, 0);

                if (n < 0 && done == 0 &&
                    (errno == EXDEV || errno == ENOSYS || errno == EINVAL || errno == EOPNOTSUPP)) {
                        copying->cannot_copy_range = true;
                        return 0;
                }
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EIO; /* shorter than it was a moment ago */
                done += (uint64_t) n;
        }
        return 1;
}

static int copy_contents(Copying *copying, int source_fd, int fd, uint64_t size) {
        int r;

        if (copying->request->link_mode != LINK_COPY && !copying->cannot_clone && size > 0) {
                if (ioctl(fd, FICLONE, source_fd) >= 0) {
                        copying->answer->n_cloned++;
                        return 0;
                }
                if (errno == ENOSPC || errno == EDQUOT || errno == EIO)
                        return -errno;
                copying->cannot_clone = true;
        }
        if (size > BUFFER_SIZE && !copying->cannot_copy_range) {
                r = copy_by_kernel(copying, source_fd, fd, size);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        return copy_by_buffer(copying, source_fd, fd);
}

static int copy_file(Copying *copying, int source_fd, int directory_fd, const char *name) {
        _cleanup_close_ int from_fd = -EBADF, fd = -EBADF;
        struct stat status;
        int r;

        if (copying->request->link_mode == LINK_HARD) {
                if (linkat(source_fd, name, directory_fd, name, 0) >= 0) {
                        copying->answer->n_files++;
                        copying->answer->n_linked++;
                        return 0;
                }
                if (errno == EEXIST)
                        return 0;
        }
        from_fd = openat(source_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (from_fd < 0)
                return -errno;
        if (fstat(from_fd, &status) < 0)
                return -errno;
        fd = openat(directory_fd,
                    name,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    status.st_mode & 0100 ? 0755 : 0644);
        if (fd < 0)
                return errno == EEXIST ? 0 : -errno;
        r = copy_contents(copying, from_fd, fd, (uint64_t) status.st_size);
        if (r < 0)
                return r;
        copying->answer->n_files++;
        copying->answer->size_bytes += (uint64_t) status.st_size;
        return 0;
}

static int copy_directory(Copying *copying, int source_fd, int directory_fd, size_t depth);

/* One entry of a directory of the store, where only files and directories are. */
static int
copy_entry(Copying *copying,
           const struct dirent *entry,
           int source_fd,
           int directory_fd,
           size_t depth) {
        _cleanup_close_ int child_fd = -EBADF, fd = -EBADF;
        int r;

        if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
                return copy_file(copying, source_fd, directory_fd, entry->d_name);
        child_fd = openat(
                        source_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child_fd < 0 && errno == ENOTDIR)
                return copy_file(copying, source_fd, directory_fd, entry->d_name);
        if (child_fd < 0)
                return -errno;
        if (mkdirat(directory_fd, entry->d_name, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(directory_fd, entry->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = copy_directory(copying, TAKE_FD(child_fd), fd, depth + 1);
        return r;
}

/* Consumes @source_fd. */
static int copy_directory(Copying *copying, int source_fd, int directory_fd, size_t depth) {
        DIR *directory;
        int r = 0;

        directory = depth < DEPTH_MAX ? fdopendir(source_fd) : NULL;
        if (!directory) {
                r = depth < DEPTH_MAX ? -errno : -ELOOP;
                (void) fd_close(source_fd);
                return r;
        }
        while (r >= 0) {
                const struct dirent *entry;

                errno = 0;
                entry = readdir(directory);
                if (!entry) {
                        r = -errno;
                        break;
                }
                if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                r = copy_entry(copying, entry, dirfd(directory), directory_fd, depth);
                if (r < 0)
                        r = explain(copying, r, entry->d_name); /* the innermost name stays */
                tell_progress(copying);
        }
        (void) closedir(directory);
        return r;
}

static int copy_item(Copying *copying, const MaterialiseItem *item, const MaterialiseRoots *roots) {
        _cleanup_close_ int source_fd = -EBADF, fd = -EBADF;

        source_fd = file_open_beneath(
                        item->is_bytecode ? roots->bytecode_fd : roots->trees_fd,
                        item->source,
                        O_RDONLY | O_DIRECTORY,
                        0);
        if (source_fd == -ENOENT)
                return 0;
        if (source_fd < 0)
                return explain(copying, source_fd, item->source);
        fd = *item->destination
                        ? directory_open_or_make(roots->destination_fd, item->destination, 0755)
                        : file_open_beneath(roots->destination_fd, ".", O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return explain(copying, fd, item->destination);
        return copy_directory(copying, TAKE_FD(source_fd), fd, 0);
}

void materialise(
                const MaterialiseRequest *request,
                const MaterialiseRoots *roots,
                MaterialiseAnswer *answer) {
        _cleanup_(freep) char *buffer = new (char, BUFFER_SIZE);
        Copying copying = {
                .request = request,
                .answer = answer,
                .told_nsec = now_nsec(),
                .buffer = buffer,
        };

        if (!buffer) {
                (void) explain(&copying, -ENOMEM, ".");
                return;
        }
        for (size_t i = 0; i < request->n_items; i++) {
                if (copy_item(&copying, &request->items[i], roots) < 0)
                        return;
                copying.progress.n_items_done++;
        }
        if ((request->is_flushed || request->n_items == 0) && syncfs(roots->destination_fd) < 0)
                (void) explain(&copying, -errno, ".");
}
