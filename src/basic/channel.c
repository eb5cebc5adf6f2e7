// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "basic/channel.h"
#include "basic/file.h"

int channel_pair(bool nonblocking, int ret_fds[static 2]) {
        int type = SOCK_SEQPACKET | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);

        return socketpair(AF_UNIX, type, 0, ret_fds) < 0 ? -errno : 0;
}

int channel_send(int fd, const void *data, size_t size_bytes, const int *fds, size_t n_fds) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int) * CHANNEL_FDS_MAX)];
        } control = {};
        struct iovec part = { .iov_base = (void *) data, .iov_len = size_bytes };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

        assert(size_bytes > 0);
        assert(n_fds <= CHANNEL_FDS_MAX);

        if (n_fds > 0) {
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                struct cmsghdr *header = CMSG_FIRSTHDR(&message);
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                header->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                memcpy(CMSG_DATA(header), fds, sizeof(int) * n_fds);
        }

        for (;;) {
                ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
                if (n >= 0)
                        return 0;
                if (errno != EINTR)
                        return -errno;
        }
}

/* Moves the descriptors out of the control data; those that do not fit are closed. */
static bool take_fds(struct msghdr *message, int *fds, size_t n_max, size_t *n_fds) {
        bool fits = true;

        for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
             header = CMSG_NXTHDR(message, header)) {
                if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < n; i++) {
                        int fd;
                        memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
                        if (*n_fds < n_max)
                                fds[(*n_fds)++] = fd;
                        else {
                                (void) fd_close(fd);
                                fits = false;
                        }
                }
        }
        return fits;
}

ssize_t
channel_receive(int fd,
                void *buffer,
                size_t size_max,
                int *ret_fds,
                size_t n_fds_max,
                size_t *ret_n_fds) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int) * CHANNEL_FDS_MAX)];
        } control = {};
        struct iovec part = { .iov_base = buffer, .iov_len = size_max };
        struct msghdr message = {
                .msg_iov = &part,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        size_t n_fds = 0;
        ssize_t n;

        do
                n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        bool fits = take_fds(&message, ret_fds, n_fds_max, &n_fds);
        if (!fits || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
                while (n_fds > 0)
                        (void) fd_close(ret_fds[--n_fds]);
                return -EPROTO;
        }
        if (ret_n_fds)
                *ret_n_fds = n_fds;
        return n;
}
