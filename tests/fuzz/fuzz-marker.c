// SPDX-License-Identifier: LGPL-2.1-or-later

/* Markers: what was accepted is the same after being written and read back, and evaluates the same. */

#include <assert.h>

#include "package/marker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fill_environment(Arena *arena, MarkerEnvironment *environment) {
        static const char *const values[_MARKER_VARIABLE_MAX] = {
                [MARKER_IMPLEMENTATION_NAME] = "cpython",
                [MARKER_IMPLEMENTATION_VERSION] = "3.11.2",
                [MARKER_OS_NAME] = "posix",
                [MARKER_PLATFORM_MACHINE] = "x86_64",
                [MARKER_PLATFORM_RELEASE] = "6.1",
                [MARKER_PYTHON_FULL_VERSION] = "3.11.2+",
                [MARKER_PYTHON_VERSION] = "3.11",
                [MARKER_SYS_PLATFORM] = "linux",
                [MARKER_EXTRA] = "test",
        };
        int r = 0;

        for (int i = 0; r >= 0 && i < _MARKER_VARIABLE_MAX; i++)
                if (values[i])
                        r = marker_environment_set(
                                        arena, environment, (MarkerVariable) i, values[i]);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const names[] = { "foo", "test", NULL };
        _cleanup_(arena_freep) Arena *arena = arena_new();
        _cleanup_builder_ Builder text = {};
        _cleanup_fault_ Fault fault = {};
        MarkerEnvironment environment = { .extras = names, .dependency_groups = names };
        const Marker *marker, *again;
        size_t offset = 0;
        int r;

        if (!arena || fill_environment(arena, &environment) < 0)
                return 0;
        r = marker_parse_for_lock(
                        arena, (Text){ (const char *) data, size }, &marker, &offset, &fault);
        if (r < 0) {
                assert(r == -ENOMEM || fault_is_set(&fault));
                assert(offset <= size);
                return 0;
        }
        marker_add_to(&text, marker);
        assert(!text.failed);
        if (text.length > MARKER_LENGTH_MAX)
                return 0; /* longer than it was */
        r = marker_parse_for_lock(arena, (Text){ text.data, text.length }, &again, NULL, NULL);
        assert(r >= 0);
        assert(marker_equals(marker, again));
        assert(marker_evaluate(marker, &environment) == marker_evaluate(again, &environment));
        (void) marker_applies(marker, &environment, names); /* must not crash */
        (void) marker_check(marker, &environment, &fault);  /* the same */
        return 0;
}
