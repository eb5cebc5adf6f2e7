// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Real directories from trees of the store, as a part of blast-unpack. */

#include "package/materialise-request.h"

typedef struct MaterialiseRoots {
        int destination_fd;
        int trees_fd;
        int bytecode_fd;
} MaterialiseRoots;

/* Does what @request says and fills @answer, a failure included, as its fault. Tells its progress by
 * worker_progress(). */
void materialise(
                const MaterialiseRequest *request,
                const MaterialiseRoots *roots,
                MaterialiseAnswer *answer);
