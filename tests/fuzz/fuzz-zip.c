// SPDX-License-Identifier: LGPL-2.1-or-later

/* Archives: whatever is opened has sane names and can be read within its declared sizes. */

#include "basic/memory.h"
#include "package/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const ZipLimits limits = { .size_max_bytes = 1 << 20, .n_members_max = 1000 };
        _cleanup_(zip_freep) Zip *zip = NULL;
        _cleanup_fault_ Fault fault = {};

        if (zip_open(data, size, &limits, "fuzz.zip", &zip, &fault) < 0) {
                assert(fault_is_set(&fault));
                return 0;
        }
        assert(zip_get_size(zip) <= limits.size_max_bytes);
        for (size_t i = 0; i < zip_count(zip); i++) {
                const ZipMember *member = zip_get(zip, i);
                _cleanup_(freep) char *text = NULL;

                assert(member->name[0] && member->name[0] != '/');
                assert(zip_find(zip, member->name) == member);
                (void) !zip_read_text(zip, member, 1 << 20, &text, &fault);
        }
        return 0;
}
