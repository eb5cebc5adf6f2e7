// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Local files as sources: file:// URLs, directories listed as pages, and wheels that are already in the
 * download directory. Works in steps, so that a large file does not hold up other transfers. */

#include "basic/digest.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "package/fetch-request.h"
#include "package/fetch-target.h"

typedef struct FetchFile {
        int fd;
        uint64_t size_bytes;
        uint64_t position;
        Hasher *hasher; /* when it is only checked, not copied */
} FetchFile;

#define FETCH_FILE_NULL ((FetchFile){ .fd = -EBADF })

void fetch_file_done(FetchFile *file);

/* Opens what a file:// URL names; a directory is written to @target at once as its listing
 * (INDEX_TYPE_DIRECTORY), which is told by returning 1. Errors: errno with the fault. */
_must_use_ int
fetch_file_open(FetchFile *file, const FetchRequest *request, FetchTarget *target, Fault *fault);
/* Opens "<sha256>.whl" to be checked again. Errors: -ENOENT and the like. */
_must_use_ int fetch_file_open_wheel(FetchFile *file, const Digest *digest, int download_fd);

/* Handles the next piece: copied to @target, or hashed when @target is NULL. Returns 1 while there is
 * more, 0 at the end. Errors: those of reading; of writing see @target. */
_must_use_ int fetch_file_step(FetchFile *file, FetchTarget *target);
