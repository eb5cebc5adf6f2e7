// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What blastd asks of its workers and what they answer: plain values with one encoder and one bounded
 * decoder each. Linked into blastd, therefore parses nothing but packets. Descriptors travel beside the
 * packet, in the order given with each request. */

#include "package/fetch-request.h"
#include "package/materialise-request.h"
#include "package/resolve-request.h"
#include "package/unpack-request.h"

/* Descriptors of every worker: 3 = sealed request, 4 = socket (SEQPACKET) on which the sealed answer
 * is sent once (SCM_RIGHTS) and progress is told as small packets; then role-specific ones. */
enum {
        WORKER_FD_REQUEST = 3,
        WORKER_FD_ANSWER = 4,
        WORKER_FD_FIRST = 5
};
