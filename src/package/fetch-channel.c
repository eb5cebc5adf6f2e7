// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "package/fetch-channel.h"

int fetch_channel_ask(int fd, const FetchRequest *request) {
        _cleanup_(freep) void *packet = NULL;
        size_t size;
        int r;

        r = fetch_request_encode(request, &packet, &size);
        if (r < 0)
                return r;
        return channel_send(fd, packet, size, NULL, 0);
}

int fetch_channel_receive(
                int fd,
                FetchAnswer *ret_answer,
                int *ret_body_fd,
                FetchProgress *ret_progress) {
        _cleanup_(freep) uint8_t *packet = new (uint8_t, CHANNEL_PACKET_MAX);
        _cleanup_close_ int body_fd = -EBADF;
        size_t n_fds = 0;
        ssize_t n;
        int r;

        if (!packet)
                return -ENOMEM;
        n = channel_receive(fd, packet, CHANNEL_PACKET_MAX, &body_fd, 1, &n_fds);
        /* Whatever a failed receive left in it has been closed. */
        if (n <= 0 || n_fds == 0)
                body_fd = -EBADF;
        if (n <= 0)
                return n < 0 ? (int) n : -EPIPE;
        if (n_fds == 0) {
                r = fetch_progress_decode(packet, (size_t) n, ret_progress);
                if (r != -EBADMSG)
                        return r;
        }
        r = fetch_answer_decode(packet, (size_t) n, ret_answer);
        if (r < 0)
                return r;
        if (ret_answer->has_body != (n_fds == 1)) {
                fetch_answer_done(ret_answer);
                return -EBADMSG;
        }
        *ret_body_fd = TAKE_FD(body_fd);
        return 1;
}
