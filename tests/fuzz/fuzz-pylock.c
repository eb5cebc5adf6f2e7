// SPDX-License-Identifier: LGPL-2.1-or-later

/* Lock files: what was accepted is written, read back and written again as the same text. */

#include <assert.h>

#include "basic/fault.h"
#include "package/pylock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(pylock_freep) Pylock *pylock = NULL, *again = NULL;
        _cleanup_(freep) char *text = NULL, *second = NULL;
        _cleanup_fault_ Fault fault = {};
        int r;

        r = pylock_parse((const char *) data, size, "pylock.toml", &pylock, &fault);
        if (r < 0) {
                assert(r == -ENOMEM || fault_is_set(&fault));
                return 0;
        }

        r = pylock_format(pylock, &text);
        assert(r >= 0);
        r = pylock_parse(text, strlen(text), "pylock.toml", &again, NULL);
        assert(r >= 0);
        r = pylock_format(again, &second);
        assert(r >= 0);
        assert(streq(text, second));
        return 0;
}
