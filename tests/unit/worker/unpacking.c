// SPDX-License-Identifier: LGPL-2.1-or-later

#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "unpacking.h"

enum {
        FDS_MAX = 8
};

int unpacking_start(
                const void *request,
                size_t size_bytes,
                const int *fds,
                size_t n_fds,
                uint64_t file_max_bytes,
                Unpacking *ret) {
        _cleanup_close_ int request_fd = -EBADF, near_fd = -EBADF, far_fd = -EBADF;
        char *argv[] = { (char *) "blast-unpack", NULL };
        int all[FDS_MAX] = {}, pair[2], r;

        request_fd = memfd_new_sealed("request", request, size_bytes);
        if (request_fd < 0)
                return request_fd;
        r = channel_pair(false, pair);
        if (r < 0)
                return r;
        near_fd = pair[0];
        far_fd = pair[1];
        all[0] = request_fd;
        all[1] = far_fd;
        for (size_t i = 0; i < n_fds; i++)
                all[i + 2] = fds[i];
        const ChildSpec spec = {
                .path = getenv("BLAST_UNPACK"),
                .argv = argv,
                .stdio = { -1, -1, STDERR_FILENO },
                .fds = all,
                .n_fds = n_fds + 2,
                .uid = (uid_t) -1,
                .gid = (gid_t) -1,
                .file_max_bytes = file_max_bytes,
                .dies_with_parent = true,
        };
        r = child_spawn(&spec, &ret->child);
        if (r < 0)
                return r;
        ret->answer_fd = TAKE_FD(near_fd);
        return 0;
}

int unpacking_finish(
                Unpacking *unpacking,
                const void **ret_answer,
                size_t *ret_size_bytes,
                size_t *ret_n_progress) {
        _cleanup_close_ int socket_fd = TAKE_FD(unpacking->answer_fd), fd = -EBADF;
        size_t n_progress = 0;
        int status = 0, r;

        for (;;) {
                char buffer[CHANNEL_PACKET_MAX];
                size_t n_fds = 0;
                ssize_t n;

                n = channel_receive(socket_fd, buffer, sizeof(buffer), &fd, 1, &n_fds);
                if (n <= 0 || n_fds > 0)
                        break;
                n_progress++;
        }
        r = child_wait(&unpacking->child, &status);
        if (r < 0)
                return r;
        if (fd < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return -EPIPE;
        if (ret_n_progress)
                *ret_n_progress = n_progress;
        return memfd_map_sealed(fd, PACKET_SIZE_MAX, ret_answer, ret_size_bytes);
}

int unpack_wheel(int wheel_fd, const UnpackRequest *request, int staging_fd, UnpackAnswer *ret) {
        const int fds[] = { wheel_fd, staging_fd };
        _cleanup_(freep) void *packet = NULL;
        Unpacking unpacking;
        const void *answer = NULL;
        size_t size = 0;
        int r;

        r = unpack_request_encode(request, &packet, &size);
        if (r < 0)
                return r;
        r = unpacking_start(packet, size, fds, ELEMENTSOF(fds), 0, &unpacking);
        if (r < 0)
                return r;
        r = unpacking_finish(&unpacking, &answer, &size, NULL);
        if (r < 0)
                return r;
        r = unpack_answer_decode(answer, size, ret);
        (void) munmap((void *) answer, size);
        return r;
}

int materialise_trees(
                const MaterialiseRequest *request,
                int destination_fd,
                int trees_fd,
                int bytecode_fd,
                MaterialiseAnswer *ret) {
        const int fds[] = { destination_fd, trees_fd, bytecode_fd };
        _cleanup_(freep) void *packet = NULL;
        Unpacking unpacking;
        const void *answer = NULL;
        size_t size = 0;
        int r;

        r = materialise_request_encode(request, &packet, &size);
        if (r < 0)
                return r;
        r = unpacking_start(packet, size, fds, ELEMENTSOF(fds), 0, &unpacking);
        if (r < 0)
                return r;
        r = unpacking_finish(&unpacking, &answer, &size, NULL);
        if (r < 0)
                return r;
        r = materialise_answer_decode(answer, size, ret);
        (void) munmap((void *) answer, size);
        return r;
}
