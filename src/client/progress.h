// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What is known of a job on its way, and how one line says it. */

#include "basic/macro.h"

typedef struct Progress {
        char phase[32];   /* as the service calls it: "resolving", "fetching", … */
        char subject[64]; /* what it is busy with; "" */
        uint32_t n_done, n_total;
        uint64_t done_bytes, total_bytes;
        uint64_t started_usec;  /* the job */
        uint64_t transfer_usec; /* the first byte; 0: none yet */
} Progress;

/* Remembers when the transfer began, for the rate. */
void progress_update(Progress *progress, uint64_t now_usec);
/* "Downloading [====>    ] 3/12  4.5 MB of 12.3 MB  8.2 MB/s  numpy". Errors: NULL without memory. */
_must_use_ char *progress_format(const Progress *progress, uint64_t now_usec, unsigned n_columns);
