// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "package/cache.h"
#include "test.h"

#define INDEX "https://index.example/simple"

/* A directory that goes away with its scope. */
typedef struct Directory {
        char path[64];
        int fd;
} Directory;

static Directory directory_new(void) {
        Directory directory = { .path = "/tmp/blast-test-cache-XXXXXX" };

        ASSERT_NOT_NULL(mkdtemp(directory.path));
        directory.fd = open(directory.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(directory.fd);
        return directory;
}

static void directory_done(Directory *directory) {
        fd_close(directory->fd);
        ASSERT_OK(tree_remove_at(AT_FDCWD, directory->path));
}
#define _cleanup_directory_ _cleanup_(directory_done)

static Cache *cache_new(const Directory *directory) {
        Cache *cache = NULL;

        ASSERT_OK(cache_open(directory->fd, &cache));
        return cache;
}

static CachedPage page_new(const char *name, const char *etag) {
        _cleanup_(freep) char *text = string_format(
                        "{\"files\": [{\"filename\": \"%s-1.0-py3-none-any.whl\", \"url\": \"x.whl\"}]}",
                        name);
        IndexSource source = { .name = name, .url = INDEX "/x/" };
        CachedPage cached = {
                .etag = etag ? strdup(etag) : NULL,
                .fetched_usec = 1000 * USEC_PER_SEC,
                .max_age_sec = 600,
        };

        ASSERT_OK(index_page_parse(&source, text, strlen(text), &cached.page, NULL));
        return cached;
}

static void store(Cache *cache, const char *name, const char *etag) {
        _cleanup_cached_page_ CachedPage cached = page_new(name, etag);

        ASSERT_OK(cache_store_page(cache, INDEX, name, &cached));
}

TEST(page_is_found_again_by_another_opener) {
        _cleanup_directory_ Directory directory = directory_new();
        _cleanup_cached_page_ CachedPage found = {};
        Cache *cache = cache_new(&directory);

        ASSERT_ERROR(cache_find_page(cache, INDEX, "demo", &found), ENOENT);
        store(cache, "demo", "\"1\"");
        cache_free(cache);

        cache = cache_new(&directory);
        ASSERT_OK(cache_find_page(cache, INDEX "/", "demo", &found));
        ASSERT_STREQ(found.etag, "\"1\"");
        ASSERT_NULL(found.last_modified);
        ASSERT_INT(found.max_age_sec, 600);
        ASSERT_FALSE(found.is_absent);
        ASSERT_INT(found.page->n_files, 1);
        ASSERT_STREQ(found.page->files[0].filename, "demo-1.0-py3-none-any.whl");
        cached_page_done(&found);
        ASSERT_ERROR(cache_find_page(cache, "https://other.example/simple", "demo", &found),
                     ENOENT);
        ASSERT_ERROR(cache_find_page(cache, INDEX, "demo2", &found), ENOENT);
        cache_free(cache);
}

TEST(pending_page_is_seen_before_it_is_written_and_replaced) {
        _cleanup_directory_ Directory directory = directory_new();
        _cleanup_(cache_freep) Cache *cache = cache_new(&directory);
        _cleanup_(cache_freep) Cache *other = cache_new(&directory);
        _cleanup_cached_page_ CachedPage found = {};

        store(cache, "demo", "\"1\"");
        store(cache, "demo", "\"2\"");
        ASSERT_ERROR(cache_find_page(other, INDEX, "demo", &found), ENOENT);
        ASSERT_OK(cache_find_page(cache, INDEX, "demo", &found));
        ASSERT_STREQ(found.etag, "\"2\"");
        cached_page_done(&found);
        ASSERT_OK(cache_flush(cache));
        ASSERT_OK(cache_find_page(other, INDEX, "demo", &found));
        ASSERT_STREQ(found.etag, "\"2\"");
}

TEST(touched_page_is_younger_and_otherwise_the_same) {
        _cleanup_directory_ Directory directory = directory_new();
        _cleanup_(cache_freep) Cache *cache = cache_new(&directory);
        _cleanup_cached_page_ CachedPage found = {};

        ASSERT_ERROR(cache_touch_page(cache, INDEX, "demo", 5, 6), ENOENT);
        store(cache, "demo", "\"1\"");
        ASSERT_OK(cache_flush(cache));
        ASSERT_OK(cache_touch_page(cache, INDEX, "demo", 2000 * USEC_PER_SEC, 7));
        ASSERT_OK(cache_find_page(cache, INDEX, "demo", &found));
        ASSERT_INT(found.fetched_usec, 2000 * USEC_PER_SEC);
        ASSERT_INT(found.max_age_sec, 7);
        ASSERT_STREQ(found.etag, "\"1\"");
        ASSERT_INT(found.page->n_files, 1);
}

TEST(freshness_is_the_longer_of_the_two_ages) {
        CachedPage cached = { .fetched_usec = 1000 * USEC_PER_SEC, .max_age_sec = 600 };

        ASSERT_TRUE(cached_page_is_fresh(&cached, 1599 * USEC_PER_SEC, 0));
        ASSERT_FALSE(cached_page_is_fresh(&cached, 1600 * USEC_PER_SEC, 0));
        ASSERT_TRUE(cached_page_is_fresh(&cached, 1600 * USEC_PER_SEC, 601));
        ASSERT_FALSE(cached_page_is_fresh(&cached, 999 * USEC_PER_SEC, 601));
}

TEST(values_of_different_kinds_are_apart) {
        _cleanup_directory_ Directory directory = directory_new();
        _cleanup_(cache_freep) Cache *cache = cache_new(&directory);
        _cleanup_(freep) char *value = NULL;
        size_t size;

        ASSERT_OK(cache_store_value(cache, CACHE_METADATA, "key", "text", 4));
        ASSERT_OK(cache_flush(cache));
        ASSERT_ERROR(cache_find_value(cache, CACHE_METADATA_PARSED, "key", &value, &size), ENOENT);
        ASSERT_OK(cache_find_value(cache, CACHE_METADATA, "key", &value, &size));
        ASSERT_INT(size, 4);
        ASSERT_STREQ(value, "text");
}

TEST(credentials_of_the_index_are_not_on_disk) {
        _cleanup_directory_ Directory directory = directory_new();
        _cleanup_cached_page_ CachedPage cached = page_new("demo", NULL);
        _cleanup_(freep) char *data = NULL;
        Cache *cache = cache_new(&directory);
        size_t size;

        ASSERT_OK(cache_store_page(cache, "https://user:secret@index.example/", "demo", &cached));
        cache_free(cache);
        ASSERT_OK(file_read_at(directory.fd, "metadata.mdb", 1 << 30, &data, &size));
        ASSERT_NULL(memmem(data, size, "secret", 6));
}

TEST(map_grows_beyond_its_first_size_for_all_openers) {
        _cleanup_directory_ Directory directory = directory_new();
        _cleanup_(cache_freep) Cache *cache = cache_new(&directory);
        _cleanup_(cache_freep) Cache *other = cache_new(&directory);
        _cleanup_(freep) char *big = new0(char, 12 * MEBIBYTE), *value = NULL;
        char key[16];
        size_t size;

        for (int i = 0; i < 10; i++) {
                (void) snprintf(key, sizeof(key), "%d", i);
                memset(big, 'a' + i, 12 * MEBIBYTE);
                ASSERT_OK(cache_store_value(cache, CACHE_METADATA, key, big, 12 * MEBIBYTE));
        }
        ASSERT_OK(cache_flush(cache));
        ASSERT_OK(cache_find_value(other, CACHE_METADATA, "9", &value, &size));
        ASSERT_INT(size, 12 * MEBIBYTE);
        ASSERT_INT(value[size - 1], 'j');
        /* The other one must be able to write, too. */
        ASSERT_OK(cache_store_value(other, CACHE_METADATA, "x", "y", 1));
        ASSERT_OK(cache_flush(other));
}

static void
write_file(const Directory *directory, const char *name, const char *text, size_t size) {
        int fd = openat(directory->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        ASSERT_OK(fd);
        ASSERT_OK(file_write_all(fd, text, size));
        fd_close(fd);
}

static void assert_begun_anew(const Directory *directory) {
        _cleanup_(cache_freep) Cache *cache = cache_new(directory);
        _cleanup_cached_page_ CachedPage found = {};

        ASSERT_OK(faccessat(directory->fd, "metadata.mdb.aside", F_OK, 0));
        ASSERT_ERROR(cache_find_page(cache, INDEX, "demo", &found), ENOENT);
        store(cache, "demo", NULL);
        ASSERT_OK(cache_flush(cache));
        ASSERT_OK(cache_find_page(cache, INDEX, "demo", &found));
}

TEST(file_of_garbage_is_set_aside) {
        _cleanup_directory_ Directory directory = directory_new();
        char garbage[8192];

        memset(garbage, 'x', sizeof(garbage));
        write_file(&directory, "metadata.mdb", garbage, sizeof(garbage));
        assert_begun_anew(&directory);
}

TEST(file_that_was_cut_off_is_set_aside) {
        _cleanup_directory_ Directory directory = directory_new();
        Cache *cache = cache_new(&directory);
        struct stat status;

        for (int i = 0; i < 200; i++) {
                char name[16];
                (void) snprintf(name, sizeof(name), "demo%d", i);
                store(cache, name, NULL);
        }
        cache_free(cache);
        ASSERT_OK(fstatat(directory.fd, "metadata.mdb", &status, 0));
        ASSERT_TRUE(status.st_size > 5 * 4096);
        int fd = openat(directory.fd, "metadata.mdb", O_WRONLY | O_CLOEXEC);
        ASSERT_OK(ftruncate(fd, 3 * 4096));
        fd_close(fd);
        assert_begun_anew(&directory);
}

TEST(newer_format_is_set_aside) {
        _cleanup_directory_ Directory directory = directory_new();
        _cleanup_(freep) char *path = string_format("%s/metadata.mdb", directory.path);
        MDB_val key = { 6, (void *) "format" }, value = { 17, (void *) "blast-metadata 99" };
        MDB_env *environment;
        MDB_txn *transaction;
        MDB_dbi table;

        ASSERT_INT(mdb_env_create(&environment), 0);
        ASSERT_INT(mdb_env_open(environment, path, MDB_NOSUBDIR, 0600), 0);
        ASSERT_INT(mdb_txn_begin(environment, NULL, 0, &transaction), 0);
        ASSERT_INT(mdb_dbi_open(transaction, NULL, 0, &table), 0);
        ASSERT_INT(mdb_put(transaction, table, &key, &value, 0), 0);
        ASSERT_INT(mdb_txn_commit(transaction), 0);
        mdb_env_close(environment);
        assert_begun_anew(&directory);
}

TEST(processes_write_at_once_and_one_is_killed) {
        _cleanup_directory_ Directory directory = directory_new();
        _cleanup_(freep) char *value = NULL;
        pid_t pids[4];
        size_t size;

        for (int i = 0; i < 4; i++) {
                pids[i] = fork();
                ASSERT_OK(pids[i]);
                if (pids[i] > 0)
                        continue;
                Cache *cache = cache_new(&directory);
                for (int j = 0; j < 25 || i == 0; j++) {
                        char key[32];
                        (void) snprintf(key, sizeof(key), "%d-%d", i, j % 25);
                        ASSERT_OK(cache_store_value(cache, CACHE_METADATA, key, key, strlen(key)));
                        ASSERT_OK(cache_flush(cache));
                }
                cache_free(cache);
                _exit(0);
        }
        for (int i = 1; i < 4; i++) {
                int status;
                ASSERT_OK(waitpid(pids[i], &status, 0));
                ASSERT_INT(status, 0);
        }
        /* The first writes until it is killed, most likely in the middle of a transaction. */
        ASSERT_OK(kill(pids[0], SIGKILL));
        ASSERT_OK(waitpid(pids[0], NULL, 0));
        _cleanup_(cache_freep) Cache *cache = cache_new(&directory);
        ASSERT_OK(cache_find_value(cache, CACHE_METADATA, "3-24", &value, &size));
        ASSERT_STREQ(value, "3-24");
        ASSERT_OK(cache_store_value(cache, CACHE_METADATA, "after", "x", 1));
        ASSERT_OK(cache_flush(cache));
        ASSERT_ERROR(faccessat(directory.fd, "metadata.mdb.aside", F_OK, 0) < 0 ? -errno : 0,
                     ENOENT);
}
