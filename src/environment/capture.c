// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/file.h"
#include "environment/capture.h"
#include "environment/run-record.h"

#define OUTPUT_FLAGS (O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC)

int capture_start(Capture *capture, int run_fd, int journal_fd, int *ret_write_fd) {
        int fds[2];

        *capture = CAPTURE_NULL;
        capture->run_fd = run_fd;
        capture->journal_fd = journal_fd;
        capture->output_fd = openat(run_fd, "output", OUTPUT_FLAGS, 0600);
        if (capture->output_fd < 0)
                return -errno;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        capture->pipe_fd = fds[0];
        *ret_write_fd = fds[1];
        return fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* Starts the file anew with its own tail; a reader has the old one or the new one. */
static int trim(Capture *capture) {
        _cleanup_close_ int fd = openat(capture->run_fd, ".output.new", OUTPUT_FLAGS, 0600);
        static char tail[RUN_OUTPUT_TAIL_BYTES];
        ssize_t size;
        int r;

        if (fd < 0)
                return -errno;
        size = pread(capture->output_fd,
                     tail,
                     sizeof(tail),
                     (off_t) (capture->size_bytes - sizeof(tail)));
        if (size < 0)
                return -errno;
        r = file_write_all(fd, tail, (size_t) size);
        if (r < 0)
                return r;
        if (renameat(capture->run_fd, ".output.new", capture->run_fd, "output") < 0)
                return -errno;
        (void) fd_close(capture->output_fd);
        capture->output_fd = TAKE_FD(fd);
        capture->size_bytes = (uint64_t) size;
        return 0;
}

int capture_step(Capture *capture) {
        char data[16 * 1024];
        ssize_t size = read(capture->pipe_fd, data, sizeof(data));
        int r;

        if (size < 0)
                return errno == EAGAIN || errno == EINTR ? 1 : -errno;
        if (size == 0)
                return 0;
        if (capture->journal_fd >=
            0) /* a full journal must not stop the program: the file has it */
                (void) send(capture->journal_fd, data, (size_t) size, MSG_DONTWAIT | MSG_NOSIGNAL);
        r = file_write_all(capture->output_fd, data, (size_t) size);
        if (r < 0)
                return r;
        capture->size_bytes += (uint64_t) size;
        if (capture->size_bytes > RUN_OUTPUT_MAX_BYTES)
                r = trim(capture);
        return r < 0 ? r : 1;
}

void capture_done(Capture *capture) {
        (void) fd_close(capture->pipe_fd);
        (void) fd_close(capture->output_fd);
        *capture = CAPTURE_NULL;
}
