// SPDX-License-Identifier: LGPL-2.1-or-later

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"
#include "environment/copy.h"

enum {
        COPY_CHUNK_BYTES = 256 * 1024,
        COPY_DEPTH_MAX = 128, /* each level holds two descriptors */
};

static int copy_by_reading(int from_fd, int to_fd) {
        _cleanup_(freep) char *buffer = malloc(COPY_CHUNK_BYTES);
        int r;

        if (!buffer)
                return -ENOMEM;
        for (;;) {
                ssize_t n = read(from_fd, buffer, COPY_CHUNK_BYTES);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                r = file_write_all(to_fd, buffer, (size_t) n);
                if (r < 0)
                        return r;
        }
}

int copy_contents(int from_fd, int to_fd) {
        if (lseek(from_fd, 0, SEEK_CUR) == 0 && lseek(to_fd, 0, SEEK_CUR) == 0 &&
            ioctl(to_fd, FICLONE, from_fd) == 0)
                return 0;
        for (;;) {
                ssize_t n = copy_file_range(from_fd, NULL, to_fd, NULL, 1U << 30, 0);
                if (n == 0)
                        return 0;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) /* positions are where it stopped: go on the slow way */
                        return errno == ENOSPC || errno == EIO || errno == EDQUOT
                                        ? -errno
                                        : copy_by_reading(from_fd, to_fd);
        }
}

int directory_list(int directory_fd, char ***ret) {
        _cleanup_(strings_freep) char **names = NULL;
        int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = 0;

        if (fd < 0)
                return -errno;
        DIR *directory = fdopendir(fd);
        if (!directory) {
                r = -errno;
                (void) fd_close(fd);
                return r;
        }
        for (struct dirent *entry; r >= 0 && (entry = readdir(directory));)
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                        r = strings_add(&names, entry->d_name);
        (void) closedir(directory);
        if (r < 0)
                return r;
        if (names)
                strings_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

static int copy_link(int from, const char *from_name, int to, const char *to_name) {
        char target[4096];
        ssize_t n = readlinkat(from, from_name, target, sizeof(target));

        if (n < 0)
                return -errno;
        if (n == (ssize_t) sizeof(target))
                return -ENAMETOOLONG;
        target[n] = '\0';
        return symlinkat(target, to, to_name) < 0 && errno != EEXIST ? -errno : 0;
}

static int copy_file(int from, const char *from_name, int to, const char *to_name) {
        _cleanup_close_ int from_fd = file_open_beneath(from, from_name, O_RDONLY | O_NONBLOCK, 0);
        _cleanup_close_ int to_fd = -EBADF;
        struct stat status;

        if (from_fd < 0)
                return from_fd;
        if (fstat(from_fd, &status) < 0)
                return -errno;
        to_fd = file_open_beneath(
                        to,
                        to_name,
                        O_WRONLY | O_CREAT | O_EXCL,
                        status.st_mode & 0100 ? 0755 : 0644);
        if (to_fd < 0)
                return to_fd == -EEXIST ? 0 : to_fd;
        return copy_contents(from_fd, to_fd);
}

static int
copy_at_depth(int from, const char *from_name, int to, const char *to_name, unsigned depth);

static int
copy_directory(int from, const char *from_name, int to, const char *to_name, unsigned depth) {
        _cleanup_close_ int from_fd = file_open_beneath(from, from_name, O_RDONLY | O_DIRECTORY, 0);
        _cleanup_close_ int to_fd = -EBADF;
        _cleanup_(strings_freep) char **names = NULL;
        int r;

        if (from_fd < 0)
                return from_fd;
        if (depth == COPY_DEPTH_MAX)
                return -ELOOP;
        to_fd = directory_open_or_make(to, to_name, 0755);
        if (to_fd < 0)
                return to_fd;
        r = directory_list(from_fd, &names);
        if (r < 0)
                return r;
        FOREACH_TEXT(name, names) {
                r = copy_at_depth(from_fd, name, to_fd, name, depth + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int
copy_at_depth(int from, const char *from_name, int to, const char *to_name, unsigned depth) {
        struct stat status;

        if (fstatat(from, from_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (S_ISDIR(status.st_mode))
                return copy_directory(from, from_name, to, to_name, depth);
        if (S_ISLNK(status.st_mode))
                return copy_link(from, from_name, to, to_name);
        if (S_ISREG(status.st_mode))
                return copy_file(from, from_name, to, to_name);
        return 0;
}

int copy_tree(int from_directory_fd,
              const char *from_name,
              int to_directory_fd,
              const char *to_name) {
        return copy_at_depth(from_directory_fd, from_name, to_directory_fd, to_name, 0);
}

int tree_sync(int directory_fd) {
        return syncfs(directory_fd) < 0 ? -errno : 0;
}
