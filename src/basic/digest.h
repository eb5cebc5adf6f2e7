// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* SHA-256 and the hex and base64url forms of its value (libcrypto). */

#include "basic/macro.h"
#include "basic/text.h"

enum {
        DIGEST_SIZE = 32,
        DIGEST_HEX_SIZE = 65
};

typedef struct Digest {
        uint8_t bytes[DIGEST_SIZE];
} Digest;

typedef struct Hasher Hasher;

/* Errors: NULL when memory is out. */
_must_use_ Hasher *hasher_new(void);
Hasher *hasher_free(Hasher *hasher);
_must_use_ int hasher_add(Hasher *hasher, const void *data, size_t size_bytes);
/* Reads the value; the hasher starts anew. */
_must_use_ int hasher_finish(Hasher *hasher, Digest *ret);

_must_use_ int digest_of_bytes(const void *data, size_t size_bytes, Digest *ret);
/* Reads @fd from offset 0 to its end with pread(). */
_must_use_ int digest_of_fd(int fd, Digest *ret);

bool digest_equals(const Digest *a, const Digest *b);
char *digest_to_hex(const Digest *digest, char buffer[static DIGEST_HEX_SIZE]);
/* Errors: -EINVAL not 64 hex digits. */
_must_use_ int digest_from_hex(Text hex, Digest *ret);
/* RECORD's form: urlsafe base64 without padding (PEP 376 as amended by PEP 427). */
_must_use_ int digest_from_base64url(Text text, Digest *ret);
void digest_to_base64url(const Digest *digest, char buffer[static 44]);

DEFINE_CLEANUP(Hasher, hasher_free)
