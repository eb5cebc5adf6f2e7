// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Whole packets with descriptors over a SOCK_SEQPACKET pair: how blastd and its workers talk. */

#include <sys/types.h>

#include "basic/macro.h"

enum {
        CHANNEL_FDS_MAX = 32,
        CHANNEL_PACKET_MAX = 256 * 1024
};

/* Both ends are CLOEXEC and non-blocking if @nonblocking. */
_must_use_ int channel_pair(bool nonblocking, int ret_fds[static 2]);

/* Sends one packet (at least one byte). Descriptors are borrowed. Larger values travel as a sealed
 * memfd among @fds. Errors: -EAGAIN, -EPIPE, -EMSGSIZE. */
_must_use_ int
channel_send(int fd, const void *data, size_t size_bytes, const int *fds, size_t n_fds);

/* Receives one packet into @buffer. All descriptors that came along are CLOEXEC; those beyond
 * @n_fds_max are closed and make it -EPROTO, as does a truncated packet.
 * Returns the size, 0 at the end of the stream. Errors: -EAGAIN, -EPROTO. */
_must_use_ ssize_t
channel_receive(int fd,
                void *buffer,
                size_t size_max,
                int *ret_fds,
                size_t n_fds_max,
                size_t *ret_n_fds);
