// SPDX-License-Identifier: LGPL-2.1-or-later

/* Index pages in HTML: what was accepted can be written flat and read back, and every file of it keeps
 * the promises of index.h. Input: the page. */

#include <assert.h>

#include "index-check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        index_check(data, size, "text/html");
        return 0;
}
