// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What was learnt from indexes, kept in one LMDB file: pages in their flat parsed form and immutable
 * values such as core metadata. Safe between processes; readers never wait. Values are copied out,
 * so nothing points into the file. A cache that is damaged or newer than this program is set aside
 * and begun anew: it holds nothing that cannot be asked for again. */

#include "basic/macro.h"
#include "package/index.h"

typedef struct Cache Cache;

/* One page as it was fetched. */
typedef struct CachedPage {
        IndexPage *page; /* owned */
        char *etag;      /* NULL: none */
        char *last_modified;
        uint64_t fetched_usec; /* CLOCK_REALTIME */
        uint64_t max_age_sec;  /* as the server said; 0: nothing said */
        bool is_absent;        /* the index answered "no such project"; @page has no files */
} CachedPage;

/* Values that never change once known. Each kind has its own keys. */
typedef enum CacheKind {
        CACHE_METADATA,        /* METADATA of a wheel as it was fetched */
        CACHE_METADATA_PARSED, /* its flat form; the caller's packet carries magic and version */
        CACHE_FILE_DIGEST,     /* of a local file, key: url, size and mtime */
        _CACHE_KIND_MAX,
        _CACHE_KIND_INVALID = -EINVAL,
} CacheKind;

void cached_page_done(CachedPage *cached);
#define _cleanup_cached_page_ _cleanup_(cached_page_done)

/* Opens "metadata.mdb" in @directory_fd (borrowed), made if absent. Not to be used across fork().
 * Errors: -EACCES, -EROFS, -ENOSPC, -ENOMEM; damage is not an error. */
_must_use_ int cache_open(int directory_fd, Cache **ret);
/* Writes what is pending (best effort), then closes. */
Cache *cache_free(Cache *cache);

/* Errors: -ENOENT nothing (readable) is known. */
_must_use_ int
cache_find_page(Cache *cache, const char *index_url, const char *name, CachedPage *ret);
/* Queues the page, replacing what was known. Nothing is kept of @cached. @index_url may hold
 * credentials: only its digest is stored. */
_must_use_ int
cache_store_page(Cache *cache, const char *index_url, const char *name, const CachedPage *cached);
/* The server answered 304: the copy is as good as fetched now. */
_must_use_ int cache_touch_page(
                Cache *cache,
                const char *index_url,
                const char *name,
                uint64_t fetched_usec,
                uint64_t max_age_sec);

/* @key: for wheels their SHA-256 in hex, or the URL where that is not known. The result is terminated
 * with a NUL that is not counted. Errors: -ENOENT. */
_must_use_ int
cache_find_value(Cache *cache, CacheKind kind, const char *key, char **ret, size_t *ret_size_bytes);
_must_use_ int cache_store_value(
                Cache *cache,
                CacheKind kind,
                const char *key,
                const void *data,
                size_t size_bytes);

/* Stores gather in memory until this (or 16 MiB, or cache_free()) writes them in one transaction;
 * reads of this cache see them at once. Errors: -ENOSPC, -EIO; what was pending is dropped. */
_must_use_ int cache_flush(Cache *cache);

/* Still fresh at @now_usec: younger than @age_max_sec or than what the server allowed. */
bool cached_page_is_fresh(const CachedPage *cached, uint64_t now_usec, uint64_t age_max_sec);

DEFINE_CLEANUP(Cache, cache_free)
