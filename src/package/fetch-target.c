// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *   page, metadata ── memfd ── four seals ──▶ descriptor
 *   wheel ── ".<random>.partial" (flocked, 0400) ── digest right? ── rename ──▶ "<sha256>.whl" ──▶ opened anew
 *                                                            └ no ── unlink                        for reading
 *
 * A partial file is locked as long as its writer lives, so those without a lock are left over from
 * one that was killed and are removed by the next (fetch_target_clean()). Making it durable is the
 * store's business: what is in the download directory is always hashed again before it is used. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "package/fetch-target.h"

#define PARTIAL_SUFFIX ".partial"

/* Limits where the request names none. */
#define PAGE_SIZE_MAX     (64 * MEBIBYTE)
#define METADATA_SIZE_MAX (16 * MEBIBYTE)
#define WHEEL_SIZE_MAX    (16 * GIBIBYTE)

void fetch_wheel_name(const Digest *digest, char ret[static FETCH_WHEEL_NAME_SIZE]) {
        digest_to_hex(digest, ret);
        memcpy(ret + DIGEST_HEX_SIZE - 1, ".whl", sizeof(".whl"));
}

static void target_unlink(FetchTarget *target) {
        if (target->partial[0])
                (void) unlinkat(target->download_fd, target->partial, 0);
        target->partial[0] = '\0';
}

void fetch_target_done(FetchTarget *target) {
        target_unlink(target);
        target->fd = fd_close(target->fd);
        target->hasher = hasher_free(target->hasher);
        *target = FETCH_TARGET_NULL;
}

static int target_open_partial(FetchTarget *target) {
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return -EIO;
        (void) snprintf(target->partial,
                        sizeof(target->partial),
                        ".%016llx" PARTIAL_SUFFIX,
                        (unsigned long long) random);
        target->fd =
                        openat(target->download_fd,
                               target->partial,
                               O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                               0400);
        if (target->fd < 0) {
                int error = -errno;
                target->partial[0] = '\0';
                return error;
        }
        /* Fails only where the file system has no locks; then nothing is ever cleaned up there. */
        (void) flock(target->fd, LOCK_EX | LOCK_NB);
        return 0;
}

int fetch_target_open(FetchTarget *target, const FetchRequest *request, int download_fd) {
        static const uint64_t size_max[_FETCH_KIND_MAX] = {
                [FETCH_PAGE] = PAGE_SIZE_MAX,
                [FETCH_METADATA] = METADATA_SIZE_MAX,
                [FETCH_WHEEL] = WHEEL_SIZE_MAX,
        };

        *target = FETCH_TARGET_NULL;
        target->size_max = request->size_max_bytes ?: size_max[request->kind];
        target->hasher = hasher_new();
        if (!target->hasher)
                return -ENOMEM;
        if (request->kind == FETCH_WHEEL) {
                target->download_fd = download_fd;
                return target_open_partial(target);
        }
        target->fd = memfd_create("fetched", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        return target->fd < 0 ? -errno : 0;
}

int fetch_target_write(FetchTarget *target, const void *data, size_t size_bytes) {
        int r = target->error;

        if (r >= 0 && size_bytes > target->size_max - target->size_bytes)
                r = -EFBIG;
        if (r >= 0)
                r = file_write_all(target->fd, data, size_bytes);
        if (r >= 0)
                r = hasher_add(target->hasher, data, size_bytes);
        if (r < 0) {
                target->error = r;
                return r;
        }
        target->size_bytes += size_bytes;
        return 0;
}

int fetch_target_reset(FetchTarget *target) {
        Digest ignored;
        int r;

        if (ftruncate(target->fd, 0) < 0 || lseek(target->fd, 0, SEEK_SET) < 0)
                return -errno;
        /* Reading the value is what makes a hasher begin anew. */
        r = hasher_finish(target->hasher, &ignored);
        if (r < 0)
                return r;
        target->size_bytes = 0;
        target->error = 0;
        return 0;
}

static int target_check_digest(
                const FetchRequest *request,
                const char *shown,
                const Digest *found,
                Fault *fault) {
        char wanted_hex[DIGEST_HEX_SIZE], found_hex[DIGEST_HEX_SIZE];

        if (!request->has_digest || digest_equals(found, &request->digest))
                return 0;
        (void) fault_set(
                        fault,
                        -EBADMSG,
                        FAULT_HASH_MISMATCH,
                        shown,
                        "'%s' has SHA-256 %s, but the index or the lock says %s.",
                        shown,
                        digest_to_hex(found, found_hex),
                        digest_to_hex(&request->digest, wanted_hex));
        fault_hint(fault,
                   "Nothing was installed from it. If the file was replaced on purpose, update the lock.");
        return -EBADMSG;
}

static int target_finish_memory(FetchTarget *target, int *ret_body_fd) {
        const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

        if (lseek(target->fd, 0, SEEK_SET) < 0 || fcntl(target->fd, F_ADD_SEALS, seals) < 0)
                return -errno;
        *ret_body_fd = TAKE_FD(target->fd);
        return 0;
}

static int target_finish_wheel(FetchTarget *target, const Digest *digest, int *ret_body_fd) {
        char name[FETCH_WHEEL_NAME_SIZE];
        int fd;

        fd = openat(target->download_fd, target->partial, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        fetch_wheel_name(digest, name);
        if (renameat(target->download_fd, target->partial, target->download_fd, name) < 0) {
                int error = -errno;
                fd_close(fd);
                return error;
        }
        target->partial[0] = '\0';
        *ret_body_fd = fd;
        return 0;
}

int fetch_target_finish(
                FetchTarget *target,
                const FetchRequest *request,
                const char *shown,
                Digest *ret_digest,
                int *ret_body_fd,
                Fault *fault) {
        Digest digest;
        int r;

        r = hasher_finish(target->hasher, &digest);
        if (r < 0)
                return r;
        r = target_check_digest(request, shown, &digest, fault);
        if (r < 0)
                return r;
        r = request->kind == FETCH_WHEEL ? target_finish_wheel(target, &digest, ret_body_fd)
                                         : target_finish_memory(target, ret_body_fd);
        if (r < 0)
                return r;
        *ret_digest = digest;
        return 0;
}

int fetch_target_explain(const FetchTarget *target, const char *shown, Fault *fault) {
        int error = target->error;

        if (error == -EFBIG)
                return fault_set(
                                fault,
                                error,
                                FAULT_LIMIT_EXCEEDED,
                                shown,
                                "'%s' is larger than the %llu bytes that are allowed for it.",
                                shown,
                                (unsigned long long) target->size_max);
        if (error == -ENOSPC || error == -EDQUOT) {
                (void) fault_set(
                                fault,
                                error,
                                FAULT_DISK_FULL,
                                shown,
                                "There is no space left for '%s' in the download directory.",
                                shown);
                fault_hint(fault,
                           "Make room in the cache directory, or set XDG_CACHE_HOME to a larger disk.");
                return error;
        }
        return fault_set(
                        fault,
                        error,
                        fault_code_from_errno(error),
                        shown,
                        "Cannot write what '%s' delivers: %s.",
                        shown,
                        strerror(-error));
}

void fetch_target_clean(int download_fd) {
        int fd = openat(download_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

        if (!directory) {
                fd_close(fd);
                return;
        }
        for (const struct dirent *entry; (entry = readdir(directory));) {
                _cleanup_close_ int partial_fd = -EBADF;

                if (entry->d_name[0] != '.' ||
                    !text_ends_with(text_of(entry->d_name), PARTIAL_SUFFIX))
                        continue;
                partial_fd = openat(download_fd, entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
                if (partial_fd >= 0 && flock(partial_fd, LOCK_EX | LOCK_NB) >= 0)
                        (void) unlinkat(download_fd, entry->d_name, 0);
        }
        closedir(directory);
}
