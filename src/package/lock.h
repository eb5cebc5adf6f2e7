// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The answer of a resolution for one interpreter: flat, bounded, immutable. Names, versions, digests
 * and sizes only; no markers, no credentials. The one value that leaves the package layer, besides
 * the tree id (the digest of a wheel). */

#include "basic/digest.h"
#include "basic/macro.h"
#include "basic/packet.h"

enum {
        LOCK_PACKAGES_MAX = 10000
};

typedef struct LockPackage {
        const char *name;     /* normalised (PEP 503) */
        const char *version;  /* normal form (PEP 440) */
        const char *filename; /* of the wheel */
        const char *url;      /* without credentials */
        Digest digest;        /* SHA-256 of the wheel = tree id */
        uint64_t size_bytes;  /* 0: unknown */
        bool is_direct;       /* asked for by the project or the user, not only needed by another */
        const uint32_t *needs; /* indices of packages this one requires here */
        size_t n_needs;
} LockPackage;

typedef struct Lock {
        LockPackage *packages; /* sorted by name */
        size_t n_packages;
        Digest input_digest; /* of everything the resolution was asked for */
        void *memory;        /* owns all of the above */
} Lock;

Lock *lock_free(Lock *lock);

void packet_put_lock(PacketWriter *writer, const Lock *lock);
/* Checks every bound and every index, that names are normalised and sorted and file names are a
 * single path component. Errors: -EBADMSG, -ENOMEM. Fuzzed: tests/fuzz/fuzz-lock.c. */
_must_use_ int packet_get_lock(PacketReader *reader, Lock **ret);

/* The packet of one lock alone, as kept on disk. */
_must_use_ int lock_encode(const Lock *lock, void **ret, size_t *ret_size_bytes);
_must_use_ int lock_decode(const void *data, size_t size_bytes, Lock **ret);

const LockPackage *lock_find(const Lock *lock, const char *name);

DEFINE_CLEANUP(Lock, lock_free)
