// SPDX-License-Identifier: LGPL-2.1-or-later

/* Locks as packets: what was accepted can be encoded again to the same bytes, and every index and name
 * in it is in order. Input: one packet. */

#include <assert.h>
#include <string.h>

#include "package/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(lock_freep) Lock *lock = NULL;
        _cleanup_(freep) void *again = NULL;
        size_t again_size;

        if (lock_decode(data, size, &lock) < 0)
                return 0;
        for (size_t i = 0; i < lock->n_packages; i++) {
                assert(lock_find(lock, lock->packages[i].name) == &lock->packages[i]);
                assert(!strchr(lock->packages[i].filename, '/'));
                for (size_t j = 0; j < lock->packages[i].n_needs; j++)
                        assert(lock->packages[i].needs[j] < lock->n_packages);
        }
        assert(lock_encode(lock, &again, &again_size) >= 0);
        assert(again_size == size && memcmp(again, data, size) == 0);
        return 0;
}
