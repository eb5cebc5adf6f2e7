// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *   staging/<16 hex>   being filled by a worker; the only place with write permission
 *        │ rename(2), RENAME_NOREPLACE: visible whole or not at all
 *        ▼
 *   trees/<digest>     bytecode/<digest>-<tag>-<interpreter>
 *        │ rename(2)
 *        ▼
 *   trash/<16 hex>     being deleted
 *
 * A crash at any point leaves a published directory as it was, and leftovers only in staging and
 * trash, which store_sweep() empties. What is renamed into view is on disk before (the unpack worker
 * flushes), so that a power cut after the rename cannot show a tree with holes; the fsync of the
 * parent afterwards makes the rename itself last.
 *
 * A directory that changes its parent must be writable for its owner, because ".." changes. Hence the
 * top of a stage is 0755 until it is published and gets 0555 right after; below it all was read-only
 * before. Whoever published the same name first has the same bytes, for the name is their digest.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "package/store.h"

enum {
        FACTS_SIZE_MAX = 4 * 1024 * 1024
};

struct Store {
        int directories[_STORE_KIND_MAX];
        int staging_fd;
        int trash_fd;
};

static const char *const directory_names[_STORE_KIND_MAX] = {
        [STORE_TREE] = "trees",
        [STORE_BYTECODE] = "bytecode",
};

Store *store_free(Store *store) {
        if (!store)
                return NULL;
        for (size_t i = 0; i < _STORE_KIND_MAX; i++)
                (void) fd_close(store->directories[i]);
        (void) fd_close(store->staging_fd);
        (void) fd_close(store->trash_fd);
        free(store);
        return NULL;
}

static int open_room(int cache_fd, const char *name, int *ret_fd, Fault *fault) {
        int fd = directory_open_or_make(cache_fd, name, 0700);

        if (fd < 0)
                return fault_set(
                                fault,
                                fd,
                                fault_code_from_errno(fd),
                                name,
                                "Cannot open the directory '%s' of the cache: %s.",
                                name,
                                strerror(-fd));
        *ret_fd = fd;
        return 0;
}

int store_open(int cache_fd, Store **ret, Fault *fault) {
        _cleanup_(store_freep) Store *store = new (Store, 1);
        int r;

        if (!store)
                return -ENOMEM;
        *store = (Store){
                .directories = { -EBADF, -EBADF },
                .staging_fd = -EBADF,
                .trash_fd = -EBADF,
        };
        for (size_t i = 0; i < _STORE_KIND_MAX; i++) {
                r = open_room(cache_fd, directory_names[i], &store->directories[i], fault);
                if (r < 0)
                        return r;
        }
        r = open_room(cache_fd, "staging", &store->staging_fd, fault);
        if (r < 0)
                return r;
        r = open_room(cache_fd, "trash", &store->trash_fd, fault);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(store);
        return 0;
}

int store_get_directory(const Store *store, StoreKind kind) {
        return store->directories[kind];
}

void store_tree_name(const Digest *tree, char buffer[static STORE_NAME_SIZE]) {
        (void) digest_to_hex(tree, buffer);
}

static bool is_plain(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        c == '-' || c == '_' || c == '.';
}

int store_bytecode_name(
                const Digest *tree,
                const char *cache_tag,
                const Digest *interpreter,
                char buffer[static STORE_NAME_SIZE]) {
        char tree_hex[DIGEST_HEX_SIZE], interpreter_hex[DIGEST_HEX_SIZE];
        int n;

        if (text_is_empty(cache_tag))
                return -EINVAL;
        for (const char *c = cache_tag; *c; c++) {
                if (!is_plain(*c))
                        return -EINVAL;
        }
        n = snprintf(buffer,
                     STORE_NAME_SIZE,
                     "%s-%s-%.16s",
                     digest_to_hex(tree, tree_hex),
                     cache_tag,
                     digest_to_hex(interpreter, interpreter_hex));
        return n >= STORE_NAME_SIZE ? -EINVAL : 0;
}

/* A name of the store's own making: no path and nothing hidden. */
static bool name_is_sane(const char *name) {
        if (strnlen(name, STORE_NAME_SIZE) < DIGEST_HEX_SIZE - 1 ||
            strnlen(name, STORE_NAME_SIZE) >= STORE_NAME_SIZE)
                return false;
        for (const char *c = name; *c; c++) {
                if (!is_plain(*c))
                        return false;
        }
        return name[0] != '.';
}

int store_open_directory(const Store *store, StoreKind kind, const char *name) {
        if (!name_is_sane(name))
                return -ENOENT;
        return file_open_beneath(store->directories[kind], name, O_RDONLY | O_DIRECTORY, 0);
}

bool store_has(const Store *store, StoreKind kind, const char *name) {
        struct stat status;

        if (!name_is_sane(name))
                return false;
        return fstatat(store->directories[kind], name, &status, AT_SYMLINK_NOFOLLOW) >= 0 &&
                        S_ISDIR(status.st_mode);
}

int store_load_facts(const Store *store, const Digest *tree, UnpackAnswer *ret) {
        _cleanup_(freep) char *data = NULL;
        _cleanup_close_ int fd = -EBADF;
        char name[STORE_NAME_SIZE];
        size_t size;
        int r;

        store_tree_name(tree, name);
        fd = store_open_directory(store, STORE_TREE, name);
        if (fd < 0)
                return fd;
        r = file_read_at(fd, "facts", FACTS_SIZE_MAX, &data, &size);
        if (r == -ENOENT)
                return -EBADMSG;
        if (r < 0)
                return r;
        return unpack_answer_decode(data, size, ret);
}

static int random_name(char buffer[static 32]) {
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return -EIO;
        snprintf(buffer, 32, "%016llx", (unsigned long long) random);
        return 0;
}

static int stage_fault(Fault *fault, int r, const char *what) {
        return fault_set(
                        fault,
                        r,
                        fault_code_from_errno(r),
                        NULL,
                        "Cannot %s the cache: %s.",
                        what,
                        strerror(-r));
}

int store_stage(Store *store, StoreKind kind, const char *name, Stage *ret, Fault *fault) {
        Stage stage = { .store = store, .kind = kind, .fd = -EBADF };
        int r;

        assert(name_is_sane(name));
        r = random_name(stage.name);
        if (r < 0)
                return r;
        memcpy(stage.target, name, strlen(name) + 1);
        if (mkdirat(store->staging_fd, stage.name, 0755) < 0)
                return stage_fault(fault, -errno, "make a directory in");
        stage.fd = file_open_beneath(store->staging_fd, stage.name, O_RDONLY | O_DIRECTORY, 0);
        if (stage.fd < 0) {
                (void) unlinkat(store->staging_fd, stage.name, AT_REMOVEDIR); /* as it was */
                return stage_fault(fault, stage.fd, "open a directory of");
        }
        /* Whatever the umask took away: readable for all, writable for the owner. */
        if (fchmod(stage.fd, 0755) < 0) {
                r = -errno;
                stage_done(&stage);
                return stage_fault(fault, r, "prepare a directory of");
        }
        *ret = stage;
        return 0;
}

static void stage_forget(Stage *stage) {
        (void) fd_close(stage->fd);
        *stage = STAGE_NULL;
}

void stage_done(Stage *stage) {
        if (!stage->store)
                return;
        int r = tree_remove_at(stage->store->staging_fd, stage->name);
        if (r < 0)
                log_debug("Cannot remove '%s', the next start will: %s.",
                          stage->name,
                          strerror(-r));
        stage_forget(stage);
}

/* 1 if it is new, 0 if another was first. */
static int publish_one(Stage *stage) {
        Store *store = stage->store;

        if (renameat2(store->staging_fd,
                      stage->name,
                      store->directories[stage->kind],
                      stage->target,
                      RENAME_NOREPLACE) < 0) {
                if (errno != EEXIST && errno != ENOTEMPTY)
                        return -errno;
                stage_done(stage);
                return 0;
        }
        /* Only the top was writable, and only by the owner; a failure leaves it no worse. */
        (void) fchmod(stage->fd, 0555);
        stage_forget(stage);
        return 1;
}

int store_publish(Store *store, Stage *stages, size_t n_stages, Fault *fault) {
        int n_new = 0, r;

        for (size_t i = 0; i < n_stages; i++) {
                assert(stages[i].store == store);
                r = publish_one(&stages[i]);
                if (r < 0)
                        return stage_fault(fault, r, "publish a directory of");
                n_new += r;
        }
        for (size_t kind = 0; n_new > 0 && kind < _STORE_KIND_MAX; kind++) {
                if (fsync(store->directories[kind]) < 0)
                        return stage_fault(fault, -errno, "flush a directory of");
        }
        return n_new;
}

static int hide(Store *store, StoreKind kind, const char *name, char trashed[static 32]) {
        _cleanup_close_ int fd = store_open_directory(store, kind, name);
        int r;

        if (fd < 0)
                return fd;
        r = random_name(trashed);
        if (r < 0)
                return r;
        if (fchmod(fd, 0700) < 0) /* see above: ".." changes */
                return -errno;
        if (renameat(store->directories[kind], name, store->trash_fd, trashed) < 0)
                return -errno;
        return 0;
}

static int remove_one(Store *store, StoreKind kind, const char *name) {
        char trashed[32];
        int r;

        r = hide(store, kind, name, trashed);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        return tree_remove_at(store->trash_fd, trashed);
}

static int remove_bytecode_of(Store *store, const char *tree_name) {
        _cleanup_(strings_freep) char **names = NULL;
        int r;

        r = store_list(store, STORE_BYTECODE, &names);
        if (r < 0)
                return r;
        FOREACH_TEXT(name, names) {
                const char *rest = string_after(name, tree_name);

                if (!rest || rest[0] != '-')
                        continue;
                r = remove_one(store, STORE_BYTECODE, name);
                if (r < 0)
                        return r;
        }
        return 0;
}

int store_remove(Store *store, StoreKind kind, const char *name) {
        int r;

        if (kind == STORE_TREE) {
                r = remove_bytecode_of(store, name);
                if (r < 0)
                        return r;
        }
        return remove_one(store, kind, name);
}

static int list_directory(int directory_fd, bool only_sane, char ***ret) {
        _cleanup_(strings_freep) char **names = NULL;
        DIR *directory;
        int fd, r = 0;

        fd = file_open_beneath(directory_fd, ".", O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return fd;
        directory = fdopendir(fd);
        if (!directory) {
                r = -errno;
                (void) fd_close(fd);
                return r;
        }
        for (;;) {
                const struct dirent *entry;

                errno = 0;
                entry = readdir(directory);
                if (!entry) {
                        r = -errno;
                        break;
                }
                if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                if (only_sane && !name_is_sane(entry->d_name))
                        continue;
                r = strings_add(&names, entry->d_name);
                if (r < 0)
                        break;
        }
        (void) closedir(directory);
        if (r < 0)
                return r;
        if (names)
                strings_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

int store_list(const Store *store, StoreKind kind, char ***ret) {
        return list_directory(store->directories[kind], true, ret);
}

int store_sweep(Store *store) {
        const int rooms[] = { store->staging_fd, store->trash_fd };
        int result = 0, r;

        for (size_t i = 0; i < ELEMENTSOF(rooms); i++) {
                _cleanup_(strings_freep) char **names = NULL;

                r = list_directory(rooms[i], false, &names);
                if (r < 0)
                        return r;
                FOREACH_TEXT(name, names) {
                        r = tree_remove_at(rooms[i], name);
                        if (r < 0)
                                result = r;
                }
        }
        return result;
}
