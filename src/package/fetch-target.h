// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Where the bytes of one transfer go: an anonymous file that is sealed at the end, or a file in the
 * download directory that gets its name when it is complete and right. Counts, limits and hashes on
 * the way. Knows nothing of where the bytes come from. */

#include "basic/digest.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "package/fetch-request.h"

/* "<64 hex digits>.whl" */
enum {
        FETCH_WHEEL_NAME_SIZE = DIGEST_HEX_SIZE + 4
};

typedef struct FetchTarget {
        int fd;
        int download_fd;  /* borrowed; negative: an anonymous file */
        char partial[32]; /* name while it is incomplete; "" when there is none */
        Hasher *hasher;
        uint64_t size_bytes; /* so far */
        uint64_t size_max;
        int error; /* the first that writing met: -EFBIG, -ENOSPC, … */
} FetchTarget;

#define FETCH_TARGET_NULL ((FetchTarget){ .fd = -EBADF, .download_fd = -EBADF })

/* Removes what is incomplete. */
void fetch_target_done(FetchTarget *target);

/* Errors: errno of opening. */
_must_use_ int fetch_target_open(FetchTarget *target, const FetchRequest *request, int download_fd);
/* Errors: -EFBIG over the limit, -ENOSPC, -EDQUOT, …; sticky. */
_must_use_ int fetch_target_write(FetchTarget *target, const void *data, size_t size_bytes);
/* Throws away what was written, for another attempt. */
_must_use_ int fetch_target_reset(FetchTarget *target);
/* Checks the digest if one is wanted, and hands the body over, readable only.
 * Errors: -EBADMSG (FAULT_HASH_MISMATCH), -ENOSPC, … */
_must_use_ int fetch_target_finish(
                FetchTarget *target,
                const FetchRequest *request,
                const char *shown,
                Digest *ret_digest,
                int *ret_body_fd,
                Fault *fault);
/* The fault for what stopped the writing. @shown: the URL without credentials. Returns @target->error. */
int fetch_target_explain(const FetchTarget *target, const char *shown, Fault *fault);

/* The name of a finished wheel. */
void fetch_wheel_name(const Digest *digest, char ret[static FETCH_WHEEL_NAME_SIZE]);
/* Removes what writers that were killed have left behind. */
void fetch_target_clean(int download_fd);
