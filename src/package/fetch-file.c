// SPDX-License-Identifier: LGPL-2.1-or-later

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "package/fetch-file.h"
#include "package/url.h"

enum {
        STEP_SIZE = 4 * 1024 * 1024, /* some milliseconds of hashing */
        PIECE_SIZE = 256 * 1024,
};

void fetch_file_done(FetchFile *file) {
        fd_close(file->fd);
        hasher_free(file->hasher);
        *file = FETCH_FILE_NULL;
}

static int file_explain(int error, const char *path, Fault *fault) {
        FaultCode code = error == -ENOENT || error == -ENOTDIR ? FAULT_INDEX_NOT_FOUND
                        : error == -EACCES                     ? FAULT_ACCESS_DENIED
                                                               : FAULT_INDEX_UNAVAILABLE;

        return fault_set(fault, error, code, path, "Cannot read '%s': %s.", path, strerror(-error));
}

static bool name_is_listable(const char *name) {
        for (const char *c = name; *c; c++)
                if ((unsigned char) *c <= 0x20 || (unsigned char) *c >= 0x7f)
                        return false;
        return name[0] != '.';
}

/* Writes "<size>\t<modified µs>\t<name>" for every regular file. Links are followed: wheel houses
 * are often made of them. */
static int directory_list(int fd, FetchTarget *target) {
        _cleanup_builder_ Builder line = {};
        DIR *directory = fdopendir(fd);
        int r = 0;

        if (!directory) {
                fd_close(fd);
                return -errno;
        }
        for (const struct dirent *entry; r >= 0 && (entry = readdir(directory));) {
                struct stat status;

                if (!name_is_listable(entry->d_name) ||
                    fstatat(dirfd(directory), entry->d_name, &status, 0) < 0 ||
                    !S_ISREG(status.st_mode))
                        continue;
                line.length = 0;
                builder_add_format(
                                &line,
                                "%llu\t%llu\t%s\n",
                                (unsigned long long) status.st_size,
                                (unsigned long long) status.st_mtim.tv_sec * USEC_PER_SEC +
                                                (unsigned long long) status.st_mtim.tv_nsec / 1000,
                                entry->d_name);
                r = line.failed ? -ENOMEM : fetch_target_write(target, line.data, line.length);
        }
        closedir(directory);
        return r;
}

int fetch_file_open(
                FetchFile *file,
                const FetchRequest *request,
                FetchTarget *target,
                Fault *fault) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_(freep) char *path = NULL;
        struct stat status;
        int r;

        r = url_to_path(request->url, &path);
        if (r == -EINVAL)
                return fault_set(
                                fault,
                                r,
                                FAULT_INDEX_INVALID,
                                request->url,
                                "'%s' is not the address of a local file.",
                                request->url);
        if (r < 0)
                return r;
        /* Non-blocking, for the path may name a FIFO. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return file_explain(-errno, path, fault);
        if (fstat(fd, &status) < 0)
                return file_explain(-errno, path, fault);
        if (S_ISDIR(status.st_mode) && request->kind == FETCH_PAGE) {
                r = directory_list(TAKE_FD(fd), target);
                return r < 0 ? r : 1;
        }
        if (!S_ISREG(status.st_mode))
                return file_explain(-EISDIR, path, fault);
        *file = (FetchFile){ .fd = TAKE_FD(fd), .size_bytes = (uint64_t) status.st_size };
        return 0;
}

int fetch_file_open_wheel(FetchFile *file, const Digest *digest, int download_fd) {
        _cleanup_close_ int fd = -EBADF;
        char name[FETCH_WHEEL_NAME_SIZE];
        struct stat status;

        fetch_wheel_name(digest, name);
        fd = openat(download_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode))
                return -ENOENT;
        Hasher *hasher = hasher_new();
        if (!hasher)
                return -ENOMEM;
        *file = (FetchFile){
                .fd = TAKE_FD(fd),
                .size_bytes = (uint64_t) status.st_size,
                .hasher = hasher,
        };
        return 0;
}

int fetch_file_step(FetchFile *file, FetchTarget *target) {
        _cleanup_(freep) uint8_t *piece = new (uint8_t, PIECE_SIZE);
        int r;

        if (!piece)
                return -ENOMEM;
        for (size_t n_done = 0; n_done < STEP_SIZE;) {
                ssize_t n = read(file->fd, piece, PIECE_SIZE);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0;
                r = target ? fetch_target_write(target, piece, (size_t) n)
                           : hasher_add(file->hasher, piece, (size_t) n);
                if (r < 0)
                        return r;
                file->position += (uint64_t) n;
                n_done += (size_t) n;
        }
        return 1;
}
