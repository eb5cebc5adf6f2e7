// SPDX-License-Identifier: LGPL-2.1-or-later

/* Requirements: what was accepted is the same after being written and read back; what was refused has a
 * fault and a place within the text. */

#include <assert.h>

#include "package/requirement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        _cleanup_builder_ Builder text = {};
        _cleanup_fault_ Fault fault = {};
        const Requirement *requirement, *again;
        size_t offset = 0;
        int r;

        if (!arena)
                return 0;
        r = requirement_parse(
                        arena, (Text){ (const char *) data, size }, &requirement, &offset, &fault);
        if (r < 0) {
                assert(r == -ENOMEM || fault_is_set(&fault));
                assert(offset <= size);
                return 0;
        }
        requirement_add_to(&text, requirement);
        assert(!text.failed);
        if (text.length > REQUIREMENT_LENGTH_MAX)
                return 0; /* longer than it was */
        r = requirement_parse(arena, (Text){ text.data, text.length }, &again, NULL, NULL);
        assert(r >= 0);
        assert(requirement_equals(requirement, again));
        return 0;
}
