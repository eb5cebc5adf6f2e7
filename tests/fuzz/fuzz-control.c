// SPDX-License-Identifier: LGPL-2.1-or-later

/* Messages of the control socket: what was accepted can be encoded and decodes to the same bytes. Input: one
 * packet. */

#include <assert.h>
#include <string.h>

#include "environment/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_control_message_ ControlMessage message = {}, again = {};
        _cleanup_(freep) void *first = NULL, *second = NULL;
        size_t first_size, second_size;

        if (control_decode(data, size, &message) < 0)
                return 0;
        assert(control_encode(&message, &first, &first_size) >= 0);
        assert(control_decode(first, first_size, &again) >= 0);
        assert(control_encode(&again, &second, &second_size) >= 0);
        assert(first_size == second_size && memcmp(first, second, first_size) == 0);
        return 0;
}
