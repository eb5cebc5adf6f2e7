// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Lookups go through openat2(2) with RESOLVE_BENEATH | NO_SYMLINKS | NO_MAGICLINKS, so that no link
 * planted by anybody leads elsewhere. There is no fallback: openat2 exists since 5.6 and a kernel
 * without it must not make us weaker.
 *
 * A file is replaced by: O_TMPFILE-less temporary name, write, fsync, rename, fsync of the directory.
 * The temporary name is ".<name>.<16 random hex>"; leftovers of a crash are hidden and harmless.
 */

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/text.h"

int fd_close(int fd) {
        if (fd >= 0) {
                int saved = errno;
                /* On Linux the descriptor is gone whatever close(2) returns. */
                (void) close(fd);
                errno = saved;
        }
        return -EBADF;
}

int file_open_beneath(int directory_fd, const char *path, int flags, mode_t mode) {
        const struct open_how how = {
                .flags = (uint64_t) (unsigned) (flags | O_CLOEXEC),
                .mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };

        for (;;) {
                long fd = syscall(SYS_openat2, directory_fd, path, &how, sizeof(how));
                if (fd >= 0)
                        return (int) fd;
                /* EAGAIN: a rename raced with the lookup, see openat2(2). */
                if (errno != EINTR && errno != EAGAIN)
                        return -errno;
        }
}

int file_read_fd(int fd, size_t size_max, char **ret, size_t *ret_size_bytes) {
        struct stat status;
        size_t size = 0;

        if (fstat(fd, &status) < 0)
                return -errno;
        if (S_ISDIR(status.st_mode))
                return -EISDIR;
        if (!S_ISREG(status.st_mode))
                return -EBADFD;
        if ((uint64_t) status.st_size > size_max)
                return -EFBIG;

        /* One byte more than the file has, to notice one that grows. */
        size_t allocated = (size_t) status.st_size + 2;
        _cleanup_(freep) char *data = new (char, allocated);
        if (!data)
                return -ENOMEM;

        for (;;) {
                ssize_t n = pread(fd, data + size, allocated - 1 - size, (off_t) size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t) n;
                if (size == allocated - 1)
                        return -EAGAIN;
        }
        data[size] = '\0';
        *ret = TAKE_PTR(data);
        if (ret_size_bytes)
                *ret_size_bytes = size;
        return 0;
}

int file_read_at(
                int directory_fd,
                const char *path,
                size_t size_max,
                char **ret,
                size_t *ret_size_bytes) {
        /* O_NONBLOCK: a planted FIFO must not hold us up. */
        _cleanup_close_ int fd = file_open_beneath(directory_fd, path, O_RDONLY | O_NONBLOCK, 0);

        if (fd < 0)
                return fd;
        return file_read_fd(fd, size_max, ret, ret_size_bytes);
}

int file_write_all(int fd, const void *data, size_t size_bytes) {
        const char *at = data;

        while (size_bytes > 0) {
                ssize_t n = write(fd, at, size_bytes);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                at += n;
                size_bytes -= (size_t) n;
        }
        return 0;
}

static int temporary_name(const char *name, char **ret) {
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return -EIO;
        *ret = string_format(".%s.%016llx", name, (unsigned long long) random);
        return *ret ? 0 : -ENOMEM;
}

static int rename_durably(int directory_fd, const char *temporary, const char *name) {
        if (renameat(directory_fd, temporary, directory_fd, name) < 0) {
                int r = -errno;
                (void) unlinkat(directory_fd, temporary, 0); /* the failure is what matters */
                return r;
        }
        return fsync(directory_fd) < 0 ? -errno : 0;
}

int file_replace_at(
                int directory_fd,
                const char *name,
                const void *data,
                size_t size_bytes,
                mode_t mode) {
        _cleanup_(freep) char *temporary = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        assert(!strchr(name, '/'));

        r = temporary_name(name, &temporary);
        if (r < 0)
                return r;
        fd = file_open_beneath(directory_fd, temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
        if (fd < 0)
                return fd;

        r = file_write_all(fd, data, size_bytes);
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(directory_fd, temporary, 0); /* the failure is what matters */
                return r;
        }
        return rename_durably(directory_fd, temporary, name);
}

int link_replace_at(int directory_fd, const char *name, const char *target) {
        _cleanup_(freep) char *temporary = NULL;
        int r;

        assert(!strchr(name, '/'));

        r = temporary_name(name, &temporary);
        if (r < 0)
                return r;
        if (symlinkat(target, directory_fd, temporary) < 0)
                return -errno;
        return rename_durably(directory_fd, temporary, name);
}

int directory_open_or_make(int directory_fd, const char *path, mode_t mode) {
        _cleanup_close_ int at = -EBADF;
        Text rest = text_of(path), part;

        while (text_cut(&rest, '/', &part)) {
                _cleanup_(freep) char *name = text_to_string(part);
                if (!name)
                        return -ENOMEM;
                if (part.length == 0)
                        continue;

                int parent = at >= 0 ? at : directory_fd;
                if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
                        return -errno;
                int fd = file_open_beneath(parent, name, O_RDONLY | O_DIRECTORY, 0);
                if (fd < 0)
                        return fd;
                (void) fd_close(at);
                at = fd;
        }
        return at >= 0 ? TAKE_FD(at) : -EINVAL;
}

static int tree_empty(int fd) {
        _cleanup_close_ int owned = fd;
        int r = 0;

        /* Published trees are read-only; only their owner comes here. */
        (void) fchmod(fd, 0700);

        DIR *directory = fdopendir(fd);
        if (!directory)
                return -errno;
        owned = -EBADF; /* closed by closedir() */

        for (const struct dirent *entry; r >= 0;) {
                errno = 0;
                entry = readdir(directory);
                if (!entry) {
                        r = -errno;
                        break;
                }
                if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) {
                        if (unlinkat(dirfd(directory), entry->d_name, 0) < 0 && errno != ENOENT)
                                r = -errno;
                        continue;
                }
                r = tree_remove_at(dirfd(directory), entry->d_name);
        }
        (void) closedir(directory);
        return r;
}

int tree_remove_at(int directory_fd, const char *name) {
        int fd, r;

        if (unlinkat(directory_fd, name, 0) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return -errno;

        fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == EACCES &&
            fchmodat(directory_fd, name, 0700, 0) >=
                            0) /* may follow a link only of our own making */
                fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;

        r = tree_empty(fd);
        if (r < 0)
                return r;
        if (unlinkat(directory_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

int memfd_new_sealed(const char *name, const void *data, size_t size_bytes) {
        _cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0)
                return -errno;
        r = file_write_all(fd, data, size_bytes);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int memfd_map_sealed(int fd, size_t size_max, const void **ret, size_t *ret_size_bytes) {
        const int wanted = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
        struct stat status;

        int seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0)
                return errno == EINVAL ? -EPERM : -errno;
        if ((seals & wanted) != wanted)
                return -EPERM;
        if (fstat(fd, &status) < 0)
                return -errno;
        if (status.st_size <= 0)
                return -ENODATA;
        if ((uint64_t) status.st_size > size_max)
                return -EFBIG;

        void *data = mmap(NULL, (size_t) status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
                return -errno;
        *ret = data;
        *ret_size_bytes = (size_t) status.st_size;
        return 0;
}

char *fd_path(int fd, char buffer[static FD_PATH_SIZE]) {
        snprintf(buffer, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
        return buffer;
}
