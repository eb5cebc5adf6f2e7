// SPDX-License-Identifier: LGPL-2.1-or-later

/* Core metadata: what was accepted has its three fields, and texts on one line of UTF-8. */

#include <assert.h>

#include "basic/fault.h"
#include "package/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text) {
        assert(text && !strpbrk(text, "\r\n"));
        assert(utf8_check(text, strlen(text), NULL) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(metadata_freep) Metadata *metadata = NULL;
        _cleanup_fault_ Fault fault = {};
        int r;

        r = metadata_parse((const char *) data, size, "METADATA", &metadata, &fault);
        if (r < 0) {
                assert(r == -ENOMEM || fault.code == FAULT_METADATA_INVALID);
                return 0;
        }

        check_text(metadata->metadata_version);
        check_text(metadata->name);
        check_text(metadata->version);
        for (size_t i = 0; i < metadata->n_requires_dist; i++)
                check_text(metadata->requires_dist[i]);
        for (size_t i = 0; i < metadata->n_provides_extra; i++)
                check_text(metadata->provides_extra[i]);
        for (size_t i = 0; i < metadata->n_dynamic; i++)
                check_text(metadata->dynamic[i]);
        return 0;
}
