// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Named places where the tests of crash recovery end the daemon with SIGKILL: BLAST_FAIL_AT=<name> or
 * <name>:<n> for the n-th time it is reached. Only developer builds look. */

#include <stdbool.h>

/* Every place, in the order in which a first sync reaches them. */
#define FAIL_POINTS                                                                       \
        "job-started", "resolved", "wheel-fetched", "wheel-unpacked", "trees-flushed",    \
                        "trees-published", "journal-begun", "stage-made", "stage-chosen", \
                        "journal-ended", "bytecode-published", "copy-made", "copy-shown", \
                        "generation-hidden", "environment-hidden"

/* @is_worker: the parent is ended first, unless the wish ends in ":alone". */
void fail_point_reach(const char *name, bool is_worker);
