// SPDX-License-Identifier: LGPL-2.1-or-later

/* Wheels, as far as they are checked before anything is written; and entry_points.txt, which is tried
 * with the bare input, too, because few mutations survive an archive's checksums. */

#include "basic/memory.h"
#include "package/entry-points.h"
#include "package/wheel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_entry_points(const uint8_t *data, size_t size) {
        _cleanup_(unpack_answer_done) UnpackAnswer answer = {};
        const Text text = { (const char *) data, size };

        if (entry_points_parse(text, "fuzz.whl", &answer.scripts, &answer.n_scripts, NULL) < 0)
                return;
        for (size_t i = 0; i < answer.n_scripts; i++) {
                assert(script_name_is_safe(text_of(answer.scripts[i].name)));
                assert(!strpbrk(answer.scripts[i].module, " \t\n;:()'\""));
                assert(!strpbrk(answer.scripts[i].function, " \t\n;:()'\""));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const ZipLimits limits = { .size_max_bytes = 1 << 20, .n_members_max = 1000 };
        _cleanup_(wheel_freep) Wheel *wheel = NULL;
        _cleanup_fault_ Fault fault = {};
        int r;

        try_entry_points(data, size);
        r = wheel_open(data, size, "example-1.0-py3-none-any.whl", &limits, &wheel, &fault);
        if (r < 0) {
                assert(fault_is_set(&fault) || r == -ENOMEM);
                return 0;
        }
        for (size_t i = 0; i < wheel_count_files(wheel); i++) {
                const WheelFile *file = wheel_get_file(wheel, i);

                assert(file->path[0] && file->path[0] != '/');
        }
        return 0;
}
