// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What a detached program writes: kept in the run's "output", of which the last 64 KiB always survive, and
 * passed to the journal where there is one. */

#include "basic/macro.h"

typedef struct Capture {
        int run_fd;     /* borrowed */
        int journal_fd; /* borrowed; negative: none */
        int pipe_fd;    /* what the program writes to is at the other end */
        int output_fd;
        uint64_t size_bytes;
} Capture;

#define CAPTURE_NULL                      \
        ((Capture){ .run_fd = -EBADF,     \
                    .journal_fd = -EBADF, \
                    .pipe_fd = -EBADF,    \
                    .output_fd = -EBADF })

/* Makes the file and the pipe, whose writing end is the caller's. */
_must_use_ int capture_start(Capture *capture, int run_fd, int journal_fd, int *ret_write_fd);
/* Takes what is there. Returns 0 at the end of the stream. */
_must_use_ int capture_step(Capture *capture);
void capture_done(Capture *capture);
