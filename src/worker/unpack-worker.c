// SPDX-License-Identifier: LGPL-2.1-or-later

#include "worker/worker.h"

int main(int argc, char **argv) {
        const WorkerRole role = { .name = "blast-unpack", .writes_files = true };

        return worker_main(&role, argc, argv);
}
