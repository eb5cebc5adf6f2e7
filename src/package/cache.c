// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *   metadata.mdb        one LMDB file, one table, opened by /proc/self/fd/<directory>
 *   metadata.mdb-lock   LMDB's own (reader slots, a robust writer mutex: a killed writer blocks nobody)
 *   metadata.lock       flock()ed only while the file is opened, judged and perhaps set aside
 *
 * Keys are one byte of kind and the SHA-256 of the caller's key, so credentials in index URLs are not
 * stored and no key exceeds LMDB's 511 bytes. The key "format" holds the version of all this.
 *
 * Values are copied out within a short read transaction: LMDB's readers never wait, and with no
 * transaction left open the map may be moved when it must grow (it starts at 64 MiB, doubles up
 * to 4 GiB; another process's growth arrives as MDB_MAP_RESIZED). Stores gather in a table in memory and
 * are written in one transaction, one fsync for a whole resolution (MDB_NOMETASYNC: a crash of the
 * machine may undo the last one, never damage the file).
 *
 * Damage. A file that LMDB refuses, that is shorter than its own page count, or that has no or a newer
 * format is renamed to "metadata.mdb.aside" (one is kept) and a new one is made. Processes that have
 * the old one open go on with it unharmed. Values are packets that check themselves; one that does not
 * decode counts as absent. */

#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "basic/digest.h"
#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "basic/packet.h"
#include "basic/table.h"
#include "basic/text.h"
#include "package/cache.h"

#define CACHE_FILE      "metadata.mdb"
#define CACHE_FILE_LOCK "metadata.mdb-lock"
#define CACHE_ASIDE     "metadata.mdb.aside"
#define CACHE_LOCK      "metadata.lock"
#define CACHE_FORMAT    "blast-metadata 1"
#define FORMAT_KEY      "format"

enum {
        PAGE_MAGIC = 0x50494c42, /* "BLIP" */
        PAGE_VERSION = 1,
        PAGE_KIND = 'p', /* of a key; values are '0' + CacheKind */
        CACHE_KEY_SIZE = 1 + DIGEST_SIZE,
};

#define MAP_SIZE_FIRST (64 * MEBIBYTE)
#define MAP_SIZE_MAX   (4 * GIBIBYTE)
#define PENDING_MAX    (16 * MEBIBYTE)

/* A value that waits to be written. */
typedef struct PendingValue {
        uint8_t key[CACHE_KEY_SIZE];
        char name[2 * CACHE_KEY_SIZE + 1]; /* the key in hex, for the table */
        void *data;
        size_t size_bytes;
} PendingValue;

struct Cache {
        MDB_env *environment;
        MDB_dbi table;
        size_t map_size;
        Table *pending;
        size_t pending_bytes;
};

static int errno_from_lmdb(int code) {
        switch (code) {
        case MDB_SUCCESS:
                return 0;
        case MDB_NOTFOUND:
                return -ENOENT;
        case MDB_MAP_FULL:
                return -ENOSPC;
        case MDB_READERS_FULL:
        case MDB_TXN_FULL:
                return -EAGAIN;
        default:
                /* Negative codes are LMDB's own ways of saying that the file is not right. */
                return code > 0 ? -code : -EUCLEAN;
        }
}

static PendingValue *pending_free(PendingValue *value) {
        if (!value)
                return NULL;
        free(value->data);
        free(value);
        return NULL;
}
DEFINE_CLEANUP(PendingValue, pending_free)

static void cache_drop_pending(Cache *cache) {
        const char *name;
        PendingValue *value;

        if (!cache->pending)
                return;
        TABLE_FOREACH(cache->pending, name, value) {
                pending_free(value);
        }
        cache->pending = table_free(cache->pending);
        cache->pending_bytes = 0;
}

void cached_page_done(CachedPage *cached) {
        index_page_free(cached->page);
        free(cached->etag);
        free(cached->last_modified);
        *cached = (CachedPage){};
}

bool cached_page_is_fresh(const CachedPage *cached, uint64_t now_usec, uint64_t age_max_sec) {
        uint64_t age_sec;

        /* From the future: the clock was set back; nothing can be said about its age. */
        if (cached->fetched_usec > now_usec)
                return false;
        age_sec = (now_usec - cached->fetched_usec) / USEC_PER_SEC;
        return age_sec < MAX(age_max_sec, cached->max_age_sec);
}

static int cache_begin(Cache *cache, unsigned flags, MDB_txn **ret) {
        int code = mdb_txn_begin(cache->environment, NULL, flags, ret);

        if (code == MDB_MAP_RESIZED) {
                /* Another process made it larger: take its size. */
                code = mdb_env_set_mapsize(cache->environment, 0);
                if (code == MDB_SUCCESS)
                        code = mdb_txn_begin(cache->environment, NULL, flags, ret);
        }
        return errno_from_lmdb(code);
}

/* Returns 1 if the table has the right format, 0 if it is an empty one. Errors: -EUCLEAN. */
static int cache_check_format(Cache *cache) {
        MDB_val key = { strlen(FORMAT_KEY), (void *) FORMAT_KEY }, value;
        MDB_txn *transaction;
        MDB_stat statistics;
        int code, r;

        r = cache_begin(cache, MDB_RDONLY, &transaction);
        if (r < 0)
                return r;
        code = mdb_dbi_open(transaction, NULL, 0, &cache->table);
        if (code == MDB_SUCCESS)
                code = mdb_get(transaction, cache->table, &key, &value);
        if (code == MDB_SUCCESS) {
                bool is_ours = value.mv_size == strlen(CACHE_FORMAT) &&
                                memcmp(value.mv_data, CACHE_FORMAT, value.mv_size) == 0;
                r = is_ours ? 1 : -EUCLEAN;
        } else if (code == MDB_NOTFOUND) {
                code = mdb_stat(transaction, cache->table, &statistics);
                r = code == MDB_SUCCESS && statistics.ms_entries == 0 ? 0 : -EUCLEAN;
        } else
                r = errno_from_lmdb(code);
        mdb_txn_abort(transaction);
        return r;
}

static int cache_write_format(Cache *cache) {
        MDB_val key = { strlen(FORMAT_KEY), (void *) FORMAT_KEY };
        MDB_val value = { strlen(CACHE_FORMAT), (void *) CACHE_FORMAT };
        MDB_txn *transaction;
        int code, r;

        r = cache_begin(cache, 0, &transaction);
        if (r < 0)
                return r;
        code = mdb_put(transaction, cache->table, &key, &value, 0);
        if (code != MDB_SUCCESS) {
                mdb_txn_abort(transaction);
                return errno_from_lmdb(code);
        }
        return errno_from_lmdb(mdb_txn_commit(transaction));
}

/* A file shorter than the pages it claims would end us with SIGBUS on the first look. */
static int cache_check_length(Cache *cache) {
        MDB_envinfo information;
        MDB_stat statistics;
        struct stat status;
        int code, fd;

        code = mdb_env_info(cache->environment, &information);
        if (code == MDB_SUCCESS)
                code = mdb_env_stat(cache->environment, &statistics);
        if (code == MDB_SUCCESS)
                code = mdb_env_get_fd(cache->environment, &fd);
        if (code != MDB_SUCCESS)
                return errno_from_lmdb(code);
        if (fstat(fd, &status) < 0)
                return -errno;
        uint64_t wanted = ((uint64_t) information.me_last_pgno + 1) * statistics.ms_psize;
        /* A new database has its two meta pages and nothing else. */
        return (uint64_t) status.st_size < wanted ? -EUCLEAN : 0;
}

static void cache_close(Cache *cache) {
        if (cache->environment)
                mdb_env_close(cache->environment);
        cache->environment = NULL;
}

/* Opens what is there. Errors: -EUCLEAN it must be set aside. */
static int cache_open_file(Cache *cache, int directory_fd) {
        char path[FD_PATH_SIZE + sizeof("/" CACHE_FILE)], directory[FD_PATH_SIZE];
        int code, r;

        (void) snprintf(path, sizeof(path), "%s/" CACHE_FILE, fd_path(directory_fd, directory));
        code = mdb_env_create(&cache->environment);
        if (code != MDB_SUCCESS)
                return errno_from_lmdb(code);
        cache->map_size = MAP_SIZE_FIRST;
        code = mdb_env_set_mapsize(cache->environment, cache->map_size);
        if (code == MDB_SUCCESS)
                code =
                                mdb_env_open(cache->environment,
                                             path,
                                             MDB_NOSUBDIR | MDB_NOTLS | MDB_NOMETASYNC,
                                             0600);
        if (code != MDB_SUCCESS)
                return code == EINVAL || code == EIO ? -EUCLEAN : errno_from_lmdb(code);
        r = cache_check_length(cache);
        if (r < 0)
                return r;
        r = cache_check_format(cache);
        if (r == 0)
                r = cache_write_format(cache);
        return r < 0 ? r : 0;
}

static int cache_set_aside(int directory_fd) {
        if (renameat(directory_fd, CACHE_FILE, directory_fd, CACHE_ASIDE) < 0 && errno != ENOENT)
                return -errno;
        /* The reader slots belong to the old file; those who use it have them mapped. */
        if (unlinkat(directory_fd, CACHE_FILE_LOCK, 0) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

int cache_open(int directory_fd, Cache **ret) {
        _cleanup_(cache_freep) Cache *cache = new0(Cache, 1);
        _cleanup_close_ int lock_fd = -EBADF;
        int r;

        if (!cache)
                return -ENOMEM;
        lock_fd = openat(directory_fd, CACHE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (lock_fd < 0)
                return -errno;
        if (flock(lock_fd, LOCK_EX) < 0)
                return -errno;

        r = cache_open_file(cache, directory_fd);
        if (r == -EUCLEAN) {
                log_debug("The metadata cache is damaged or of another format; beginning anew.");
                cache_close(cache);
                r = cache_set_aside(directory_fd);
                if (r >= 0)
                        r = cache_open_file(cache, directory_fd);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(cache);
        return 0;
}

Cache *cache_free(Cache *cache) {
        if (!cache)
                return NULL;
        if (cache->environment && cache_flush(cache) < 0)
                log_debug("Cannot write the metadata cache; what was learnt will be asked for again.");
        cache_drop_pending(cache);
        cache_close(cache);
        free(cache);
        return NULL;
}

static int cache_key(uint8_t kind, const char *key, uint8_t ret[static CACHE_KEY_SIZE]) {
        Digest digest;
        int r;

        r = digest_of_bytes(key, strlen(key), &digest);
        if (r < 0)
                return r;
        ret[0] = kind;
        memcpy(ret + 1, digest.bytes, DIGEST_SIZE);
        return 0;
}

static void key_to_name(const uint8_t key[static CACHE_KEY_SIZE], char *name) {
        for (size_t i = 0; i < CACHE_KEY_SIZE; i++)
                (void) snprintf(name + 2 * i, 3, "%02x", key[i]);
}

/* Copies the value out, with a NUL behind it. */
static int
cache_get(Cache *cache,
          const uint8_t key[static CACHE_KEY_SIZE],
          void **ret,
          size_t *ret_size_bytes) {
        MDB_val wanted = { CACHE_KEY_SIZE, (void *) key }, value = {};
        char name[2 * CACHE_KEY_SIZE + 1];
        MDB_txn *transaction = NULL;
        int r = 0;

        key_to_name(key, name);
        const PendingValue *pending = cache->pending ? table_find(cache->pending, name) : NULL;
        if (pending)
                value = (MDB_val){ pending->size_bytes, pending->data };
        else {
                r = cache_begin(cache, MDB_RDONLY, &transaction);
                if (r < 0)
                        return r;
                r = errno_from_lmdb(mdb_get(transaction, cache->table, &wanted, &value));
        }
        if (r >= 0) {
                char *copy = new (char, value.mv_size + 1);
                if (copy) {
                        memcpy(copy, value.mv_data, value.mv_size);
                        copy[value.mv_size] = '\0';
                        *ret = copy;
                        *ret_size_bytes = value.mv_size;
                } else
                        r = -ENOMEM;
        }
        if (transaction)
                mdb_txn_abort(transaction);
        return r;
}

/* Ownership: @data is consumed, on failure too. */
static int
cache_put(Cache *cache, const uint8_t key[static CACHE_KEY_SIZE], void *data, size_t size_bytes) {
        _cleanup_(pending_freep) PendingValue *value = new0(PendingValue, 1);
        int r;

        if (!value) {
                free(data);
                return -ENOMEM;
        }
        memcpy(value->key, key, CACHE_KEY_SIZE);
        key_to_name(key, value->name);
        value->data = data;
        value->size_bytes = size_bytes;
        if (!cache->pending && !(cache->pending = table_new()))
                return -ENOMEM;

        PendingValue *old = table_remove(cache->pending, value->name);
        if (old) {
                cache->pending_bytes -= old->size_bytes;
                pending_free(old);
        }
        r = table_add(cache->pending, value->name, value);
        if (r < 0)
                return r;
        TAKE_PTR(value);
        cache->pending_bytes += size_bytes;
        return cache->pending_bytes > PENDING_MAX ? cache_flush(cache) : 0;
}

/* Writes everything pending in one transaction. Errors: -ENOSPC the map is too small, too. */
static int cache_write(Cache *cache) {
        MDB_txn *transaction;
        const char *name;
        PendingValue *pending;
        int code = MDB_SUCCESS, r;

        r = cache_begin(cache, 0, &transaction);
        if (r < 0)
                return r;
        TABLE_FOREACH(cache->pending, name, pending) {
                MDB_val key = { CACHE_KEY_SIZE, pending->key };
                MDB_val value = { pending->size_bytes, pending->data };

                if (code == MDB_SUCCESS)
                        code = mdb_put(transaction, cache->table, &key, &value, 0);
        }
        if (code == MDB_SUCCESS)
                return errno_from_lmdb(mdb_txn_commit(transaction));
        mdb_txn_abort(transaction);
        return errno_from_lmdb(code);
}

int cache_flush(Cache *cache) {
        MDB_envinfo information;
        int r;

        if (!cache->pending || table_count(cache->pending) == 0)
                return 0;
        for (;;) {
                r = cache_write(cache);
                if (r != -ENOSPC || mdb_env_info(cache->environment, &information) != MDB_SUCCESS)
                        break;
                /* The map is full, or the disk is: growing tells which. */
                cache->map_size = MAX(cache->map_size, (size_t) information.me_mapsize);
                if (cache->map_size >= MAP_SIZE_MAX)
                        break;
                cache->map_size *= 2;
                if (mdb_env_set_mapsize(cache->environment, cache->map_size) != MDB_SUCCESS)
                        break;
        }
        cache_drop_pending(cache);
        return r;
}

static int page_key(const char *index_url, const char *name, uint8_t ret[static CACHE_KEY_SIZE]) {
        _cleanup_(freep) char *text = NULL;
        size_t length = strlen(index_url);

        /* "…/simple" and "…/simple/" are one index. A name holds no space. */
        while (length > 0 && index_url[length - 1] == '/')
                length--;
        text = string_format("%s %.*s", name, (int) length, index_url);
        if (!text)
                return -ENOMEM;
        return cache_key(PAGE_KIND, text, ret);
}

/* Takes a stored page apart; @ret_body is borrowed from @data. */
static int
page_unpack(const void *data,
            size_t size_bytes,
            CachedPage *ret,
            const void **ret_body,
            size_t *ret_body_size) {
        PacketReader reader;
        uint32_t version;
        int r;

        r = packet_reader_init(&reader, data, size_bytes, PAGE_MAGIC, PAGE_VERSION, &version);
        if (r < 0)
                return r;
        const char *etag = packet_get_string(&reader);
        const char *last_modified = packet_get_string(&reader);
        CachedPage cached = {
                .fetched_usec = packet_get_u64(&reader),
                .max_age_sec = packet_get_u64(&reader),
                .is_absent = packet_get_bool(&reader),
        };
        *ret_body = packet_get_bytes(&reader, ret_body_size);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        cached.etag = etag ? strdup(etag) : NULL;
        cached.last_modified = last_modified ? strdup(last_modified) : NULL;
        if ((etag && !cached.etag) || (last_modified && !cached.last_modified)) {
                cached_page_done(&cached);
                return -ENOMEM;
        }
        *ret = cached;
        return 0;
}

static int
page_pack(const CachedPage *cached,
          const void *body,
          size_t body_size,
          void **ret,
          size_t *ret_size) {
        PacketWriter writer;

        packet_writer_init(&writer, PAGE_MAGIC, PAGE_VERSION);
        packet_put_string(&writer, cached->etag);
        packet_put_string(&writer, cached->last_modified);
        packet_put_u64(&writer, cached->fetched_usec);
        packet_put_u64(&writer, cached->max_age_sec);
        packet_put_bool(&writer, cached->is_absent);
        packet_put_bytes(&writer, body, body_size);
        int r = packet_writer_finish(&writer, ret, ret_size);
        packet_writer_done(&writer);
        return r;
}

int cache_find_page(Cache *cache, const char *index_url, const char *name, CachedPage *ret) {
        _cleanup_cached_page_ CachedPage cached = {};
        _cleanup_(freep) void *data = NULL;
        uint8_t key[CACHE_KEY_SIZE];
        size_t size, body_size;
        const void *body;
        int r;

        r = page_key(index_url, name, key);
        if (r < 0)
                return r;
        r = cache_get(cache, key, &data, &size);
        if (r < 0)
                return r;
        r = page_unpack(data, size, &cached, &body, &body_size);
        if (r >= 0) {
                /* The copy out of the file becomes the page's own. */
                memmove(data, body, body_size);
                r = index_page_decode_consume(data, body_size, &cached.page);
        }
        if (r >= 0)
                TAKE_PTR(data);
        if (r == -ENOMEM)
                return r;
        /* Written by another version, or damaged: as if it were not there. */
        if (r < 0 || !streq(cached.page->name, name))
                return -ENOENT;
        *ret = cached;
        cached = (CachedPage){};
        return 0;
}

int cache_store_page(
                Cache *cache,
                const char *index_url,
                const char *name,
                const CachedPage *cached) {
        _cleanup_(freep) void *body = NULL;
        uint8_t key[CACHE_KEY_SIZE];
        size_t body_size, size;
        void *data;
        int r;

        r = page_key(index_url, name, key);
        if (r < 0)
                return r;
        r = index_page_encode(cached->page, &body, &body_size);
        if (r < 0)
                return r;
        r = page_pack(cached, body, body_size, &data, &size);
        if (r < 0)
                return r;
        return cache_put(cache, key, data, size);
}

int cache_touch_page(
                Cache *cache,
                const char *index_url,
                const char *name,
                uint64_t fetched_usec,
                uint64_t max_age_sec) {
        _cleanup_cached_page_ CachedPage cached = {};
        _cleanup_(freep) void *old = NULL;
        uint8_t key[CACHE_KEY_SIZE];
        size_t old_size, body_size, size;
        const void *body;
        void *data;
        int r;

        r = page_key(index_url, name, key);
        if (r < 0)
                return r;
        r = cache_get(cache, key, &old, &old_size);
        if (r < 0)
                return r;
        r = page_unpack(old, old_size, &cached, &body, &body_size);
        if (r < 0)
                return r == -ENOMEM ? r : -ENOENT;
        cached.fetched_usec = fetched_usec;
        cached.max_age_sec = max_age_sec;
        r = page_pack(&cached, body, body_size, &data, &size);
        if (r < 0)
                return r;
        return cache_put(cache, key, data, size);
}

int cache_find_value(
                Cache *cache,
                CacheKind kind,
                const char *key,
                char **ret,
                size_t *ret_size_bytes) {
        uint8_t bytes[CACHE_KEY_SIZE];
        void *data;
        int r;

        r = cache_key((uint8_t) ('0' + kind), key, bytes);
        if (r < 0)
                return r;
        r = cache_get(cache, bytes, &data, ret_size_bytes);
        if (r < 0)
                return r;
        *ret = data;
        return 0;
}

int cache_store_value(
                Cache *cache,
                CacheKind kind,
                const char *key,
                const void *data,
                size_t size_bytes) {
        uint8_t bytes[CACHE_KEY_SIZE];
        void *copy;
        int r;

        r = cache_key((uint8_t) ('0' + kind), key, bytes);
        if (r < 0)
                return r;
        copy = memory_copy(data, size_bytes);
        if (!copy && size_bytes > 0)
                return -ENOMEM;
        return cache_put(cache, bytes, copy, size_bytes);
}
