// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A version as PEP 440 has it: parsed once into an immutable arena value that carries a key of bytes
 * whose order is the order of versions, so that comparing and sorting never looks at text again. */

#include "basic/macro.h"
#include "basic/memory.h"
#include "basic/text.h"

enum {
        VERSION_LENGTH_MAX = 1024, /* bytes of text */
        VERSION_RELEASE_MAX = 128, /* numbers in the release part */
};

typedef enum VersionPhase {
        VERSION_PHASE_DEV, /* X.devN alone: before every pre-release of X */
        VERSION_PHASE_ALPHA,
        VERSION_PHASE_BETA,
        VERSION_PHASE_CANDIDATE,
        VERSION_PHASE_FINAL, /* no pre-release part; post and dev may follow */
} VersionPhase;

typedef struct Version {
        uint64_t key_start; /* first eight bytes of @key, as a number */
        const uint8_t *key; /* version.c says how it is made */
        const char *text;   /* normal form */
        const uint64_t *release;
        const char *local; /* normal form, NULL: none */
        uint64_t epoch;
        uint64_t pre;  /* of a, b, rc */
        uint64_t post; /* if @has_post */
        uint64_t dev;  /* if @has_dev */
        VersionPhase phase;
        bool has_post;
        bool has_dev;
        uint16_t n_release;
        uint16_t release_size; /* bytes of @key up to the end of the release … */
        uint16_t pre_size;     /* … of the phase and its number … */
        uint16_t post_size;    /* … of the post part … */
        uint16_t public_size;  /* … of the dev part, where the local part begins … */
        uint16_t key_size;     /* … and of all */
} Version;

/* Reads one version; white space around it, a leading 'v', any case and the alternative spellings of
 * PEP 440 are accepted. Ownership: the value lives in @arena.
 * Errors: -EINVAL not a version; -ERANGE a number above 2^64 - 2, more than VERSION_RELEASE_MAX
 * numbers, or longer than VERSION_LENGTH_MAX; -ENOMEM. Fuzzed: tests/fuzz/fuzz-version.c. */
_must_use_ int version_parse(Arena *arena, Text text, const Version **ret);

/* Total order; -1, 0 or 1. 1.0 and 1.0.0 are the same version. */
_pure_ int version_compare(const Version *a, const Version *b);
/* version_compare() for qsort() over arrays of const Version *. */
int version_compare_pointers(const void *a, const void *b);
static inline bool version_equals(const Version *a, const Version *b) {
        return version_compare(a, b) == 0;
}
/* A pre-release or a development release: taken only when asked for. */
static inline bool version_is_prerelease(const Version *version) {
        return version->phase != VERSION_PHASE_FINAL || version->has_dev;
}

/* Appends the version without its local part, or only epoch and release. */
void version_add_public(Builder *builder, const Version *version);
void version_add_base(Builder *builder, const Version *version);

/* Appends the form without trailing zeros of the release that file names and dependency tools
 * compare by: "1.0.0rc1" gives "1rc1". Source: packaging.utils.canonicalize_version. */
void version_add_canonical(Builder *builder, const Version *version);

/* Where @version stands towards all versions whose key begins with these bytes: before them (-1),
 * among them (0) or behind (1). */
_pure_ int version_compare_family(const Version *version, const uint8_t *key, size_t size_bytes);

/* How the key of a version is put together, for range.c, which cuts between keys. */
enum {
        VERSION_NUMBER_SIZE_MAX = 9, /* encoded bytes of one number */
        VERSION_KEY_END = 0x00,      /* end of the release and of the local part; no post part */
        VERSION_KEY_NO_DEV = 0xfe,
        VERSION_KEY_AFTER = 0xff, /* above everything that may follow at any place */
};
size_t version_encode_number(uint64_t number, uint8_t buffer[static VERSION_NUMBER_SIZE_MAX]);
