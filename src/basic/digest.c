// SPDX-License-Identifier: LGPL-2.1-or-later

#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "basic/digest.h"
#include "basic/memory.h"

struct Hasher {
        EVP_MD_CTX *context;
        bool is_started;
};

Hasher *hasher_new(void) {
        _cleanup_(hasher_freep) Hasher *hasher = new0(Hasher, 1);

        if (!hasher)
                return NULL;
        hasher->context = EVP_MD_CTX_new();
        return hasher->context ? TAKE_PTR(hasher) : NULL;
}

Hasher *hasher_free(Hasher *hasher) {
        if (!hasher)
                return NULL;

        EVP_MD_CTX_free(hasher->context);
        free(hasher);
        return NULL;
}

static int hasher_start(Hasher *hasher) {
        if (hasher->is_started)
                return 0;
        if (EVP_DigestInit_ex(hasher->context, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        hasher->is_started = true;
        return 0;
}

int hasher_add(Hasher *hasher, const void *data, size_t size_bytes) {
        int r = hasher_start(hasher);

        if (r < 0)
                return r;
        return EVP_DigestUpdate(hasher->context, data, size_bytes) == 1 ? 0 : -EIO;
}

int hasher_finish(Hasher *hasher, Digest *ret) {
        int r = hasher_start(hasher);

        if (r < 0)
                return r;
        hasher->is_started = false;
        return EVP_DigestFinal_ex(hasher->context, ret->bytes, NULL) == 1 ? 0 : -EIO;
}

int digest_of_bytes(const void *data, size_t size_bytes, Digest *ret) {
        return EVP_Digest(data, size_bytes, ret->bytes, NULL, EVP_sha256(), NULL) == 1 ? 0
                                                                                       : -ENOMEM;
}

int digest_of_fd(int fd, Digest *ret) {
        enum {
                CHUNK_SIZE = 256 * 1024
        };
        _cleanup_(hasher_freep) Hasher *hasher = hasher_new();
        _cleanup_(freep) char *chunk = new (char, CHUNK_SIZE);
        int r;

        if (!hasher || !chunk)
                return -ENOMEM;

        for (off_t offset = 0;;) {
                ssize_t n = pread(fd, chunk, CHUNK_SIZE, offset);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return hasher_finish(hasher, ret);
                r = hasher_add(hasher, chunk, (size_t) n);
                if (r < 0)
                        return r;
                offset += n;
        }
}

bool digest_equals(const Digest *a, const Digest *b) {
        return memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}

char *digest_to_hex(const Digest *digest, char buffer[static DIGEST_HEX_SIZE]) {
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < DIGEST_SIZE; i++) {
                buffer[i * 2] = digits[digest->bytes[i] >> 4];
                buffer[i * 2 + 1] = digits[digest->bytes[i] & 15];
        }
        buffer[DIGEST_SIZE * 2] = '\0';
        return buffer;
}

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -EINVAL;
}

int digest_from_hex(Text hex, Digest *ret) {
        Digest digest;

        if (hex.length != 2 * DIGEST_SIZE)
                return -EINVAL;
        for (size_t i = 0; i < DIGEST_SIZE; i++) {
                int high = hex_digit(hex.data[i * 2]), low = hex_digit(hex.data[i * 2 + 1]);
                if (high < 0 || low < 0)
                        return -EINVAL;
                digest.bytes[i] = (uint8_t) (high << 4 | low);
        }
        *ret = digest;
        return 0;
}

static const char base64url_digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void digest_to_base64url(const Digest *digest, char buffer[static 44]) {
        size_t n = 0;

        /* 32 bytes are ten groups of three and one of two: 43 digits. */
        for (size_t i = 0; i < DIGEST_SIZE; i += 3) {
                bool is_last = i + 2 >= DIGEST_SIZE;
                uint32_t group = (uint32_t) digest->bytes[i] << 16 |
                                (uint32_t) digest->bytes[i + 1] << 8 |
                                (is_last ? 0U : digest->bytes[i + 2]);
                for (int shift = 18; shift >= (is_last ? 6 : 0); shift -= 6)
                        buffer[n++] = base64url_digits[group >> shift & 63];
        }
        buffer[n] = '\0';
}

int digest_from_base64url(Text text, Digest *ret) {
        Digest digest = {};
        uint32_t bits = 0;
        size_t n = 0;
        int n_bits = 0;

        if (text.length != 43)
                return -EINVAL;
        for (size_t i = 0; i < text.length; i++) {
                const char *digit = text.data[i] ? strchr(base64url_digits, text.data[i]) : NULL;
                if (!digit)
                        return -EINVAL;
                bits = bits << 6 | (uint32_t) (digit - base64url_digits);
                n_bits += 6;
                if (n_bits >= 8 && n < DIGEST_SIZE) {
                        n_bits -= 8;
                        digest.bytes[n++] = (uint8_t) (bits >> n_bits);
                }
        }
        /* The two bits left over must be zero: one value, one text. */
        if ((bits & 3) != 0)
                return -EINVAL;
        *ret = digest;
        return 0;
}
