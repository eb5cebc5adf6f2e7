// SPDX-License-Identifier: LGPL-2.1-or-later

/* Index pages in JSON: what was accepted can be written flat and read back, and every file of it keeps
 * the promises of index.h. Input: the page. */

#include <assert.h>

#include "index-check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        index_check(data, size, "application/vnd.pypi.simple.v1+json");
        return 0;
}
