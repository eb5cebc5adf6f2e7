// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Starts a real blast-unpack, as the daemon does, for tests and measurements. The path of the program
 * is in $BLAST_UNPACK. */

#include "basic/child.h"
#include "package/request.h"

/* A worker that has been given its request, and the socket on which it answers. */
typedef struct Unpacking {
        Child child;
        int answer_fd;
} Unpacking;

/* Starts it with the sealed @request and the descriptors from WORKER_FD_FIRST on. */
_must_use_ int
unpacking_start(const void *request,
                size_t size_bytes,
                const int *fds,
                size_t n_fds,
                uint64_t file_max_bytes,
                Unpacking *ret);
/* Waits for the answer, counts progress packets, and reaps. Errors: -EPIPE it ended without one.
 * Ownership: unmap @ret_answer with munmap(). */
_must_use_ int unpacking_finish(
                Unpacking *unpacking,
                const void **ret_answer,
                size_t *ret_size_bytes,
                size_t *ret_n_progress);

/* All of it for one wheel. Errors: of starting; what the worker answers is in @ret. */
_must_use_ int
unpack_wheel(int wheel_fd, const UnpackRequest *request, int staging_fd, UnpackAnswer *ret);
_must_use_ int materialise_trees(
                const MaterialiseRequest *request,
                int destination_fd,
                int trees_fd,
                int bytecode_fd,
                MaterialiseAnswer *ret);
