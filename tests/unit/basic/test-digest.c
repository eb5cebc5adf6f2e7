// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/digest.h"
#include "basic/file.h"
#include "test.h"

/* Source: FIPS 180-2, appendix B.1. */
#define ABC_HEX    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_BASE64 "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"

TEST(bytes_hasher_and_file_agree) {
        _cleanup_(hasher_freep) Hasher *hasher = hasher_new();
        _cleanup_close_ int fd = memfd_new_sealed("abc", "abc", 3);
        char hex[DIGEST_HEX_SIZE];
        Digest a, b, c;

        ASSERT_OK(digest_of_bytes("abc", 3, &a));
        ASSERT_OK(hasher_add(hasher, "a", 1));
        ASSERT_OK(hasher_add(hasher, "bc", 2));
        ASSERT_OK(hasher_finish(hasher, &b));
        ASSERT_OK(digest_of_fd(fd, &c));
        ASSERT_STREQ(digest_to_hex(&a, hex), ABC_HEX);
        ASSERT_TRUE(digest_equals(&a, &b));
        ASSERT_TRUE(digest_equals(&a, &c));
}

TEST(texts_of_a_digest_come_back) {
        Digest digest, back;
        char base64[44];

        ASSERT_OK(digest_from_hex(TEXT(ABC_HEX), &digest));
        digest_to_base64url(&digest, base64);
        ASSERT_STREQ(base64, ABC_BASE64);
        ASSERT_OK(digest_from_base64url(TEXT(ABC_BASE64), &back));
        ASSERT_TRUE(digest_equals(&digest, &back));
}

TEST(wrong_texts_are_refused) {
        Digest digest;

        ASSERT_ERROR(digest_from_hex(TEXT("ba78"), &digest), EINVAL);
        ASSERT_ERROR(digest_from_hex(TEXT("zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
                                     &digest),
                     EINVAL);
        /* The last digit carries two bits that must be zero. */
        ASSERT_ERROR(digest_from_base64url(
                                     TEXT("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa1"), &digest),
                     EINVAL);
}
