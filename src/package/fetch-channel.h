// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The caller's side of blast-fetch: requests out, answers and progress in, over the SEQPACKET socket.
 * One packet each; the body of an answer is the one descriptor that travels along. Any number of
 * requests may be under way, answers come in any order. Closing the socket cancels them.
 *
 * Which kind for what: FETCH_PAGE for index pages; FETCH_METADATA for "<wheel url>.metadata", advertised
 * or not (FAULT_INDEX_NOT_FOUND: there is none); then FETCH_WHEEL, which also works on the resolver's
 * socket and leaves the file where blastd's own FETCH_WHEEL finds it again. */

#include "basic/macro.h"
#include "package/request.h"

/* Blocks while the socket is full if it is a blocking one. Errors: -EAGAIN, -EPIPE. */
_must_use_ int fetch_channel_ask(int fd, const FetchRequest *request);

/* Receives one packet. Returns 1 an answer (with its body in @ret_body_fd, else -EBADF), 0 a progress
 * report in @ret_progress, or an error: -EAGAIN, -EPIPE the worker is gone, -EBADMSG, -EPROTO. */
_must_use_ int fetch_channel_receive(
                int fd,
                FetchAnswer *ret_answer,
                int *ret_body_fd,
                FetchProgress *ret_progress);
