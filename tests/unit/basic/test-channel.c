// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "test.h"

TEST(packet_arrives_whole_with_its_descriptors) {
        _cleanup_close_ int a = -EBADF, b = -EBADF, got = -EBADF;
        int ends[2], fds[4];
        char buffer[16], text[8] = {};
        size_t n_fds;

        ASSERT_OK(channel_pair(true, ends));
        a = ends[0];
        b = ends[1];
        _cleanup_close_ int memfd = memfd_new_sealed("x", "inside", 6);
        ASSERT_OK(channel_send(a, "hello", 5, &memfd, 1));
        ASSERT_INT(channel_receive(b, buffer, sizeof(buffer), fds, 4, &n_fds), 5);
        ASSERT_INT(n_fds, 1);
        got = fds[0];
        ASSERT_INT(pread(got, text, 6, 0), 6);
        ASSERT_STREQ(text, "inside");
        ASSERT_TRUE(fcntl(got, F_GETFD) & FD_CLOEXEC);
        ASSERT_ERROR(channel_receive(b, buffer, sizeof(buffer), fds, 4, &n_fds), EAGAIN);
}

TEST(too_many_descriptors_or_bytes_are_refused_and_closed) {
        _cleanup_close_ int a = -EBADF, b = -EBADF;
        int ends[2], fds[1];
        char buffer[4];
        size_t n_fds;

        ASSERT_OK(channel_pair(true, ends));
        a = ends[0];
        b = ends[1];
        const int two[2] = { 0, 1 };
        int next = fcntl(0, F_DUPFD_CLOEXEC, 0);
        ASSERT_OK(close(next));

        ASSERT_OK(channel_send(a, "x", 1, two, 2));
        ASSERT_ERROR(channel_receive(b, buffer, sizeof(buffer), fds, 1, &n_fds), EPROTO);
        ASSERT_OK(channel_send(a, "too long", 8, NULL, 0));
        ASSERT_ERROR(channel_receive(b, buffer, sizeof(buffer), fds, 1, &n_fds), EPROTO);

        int after = fcntl(0, F_DUPFD_CLOEXEC, 0);
        ASSERT_INT(after, next); /* nothing stayed open */
        ASSERT_OK(close(after));
}

TEST(closed_peer_is_the_end) {
        _cleanup_close_ int b = -EBADF;
        int ends[2];
        char buffer[4];

        ASSERT_OK(channel_pair(false, ends));
        b = ends[1];
        ASSERT_OK(close(ends[0]));
        ASSERT_INT(channel_receive(b, buffer, sizeof(buffer), NULL, 0, NULL), 0);
        ASSERT_ERROR(channel_send(b, "x", 1, NULL, 0), EPIPE);
}
