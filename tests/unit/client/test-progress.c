// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "client/progress.h"
#include "test.h"

static void
assert_line(const Progress *progress, uint64_t now_usec, unsigned n_columns, const char *wanted) {
        _cleanup_(freep) char *line = progress_format(progress, now_usec, n_columns);

        ASSERT_STREQ(line, wanted);
}

TEST(line_of_a_job_without_numbers_has_the_time) {
        const Progress progress = { .phase = "resolving", .started_usec = 1000000 };

        assert_line(&progress, 1500000, 80, "Resolving");
        assert_line(&progress, 4200000, 80, "Resolving  3.2 s");
        assert_line(&progress, 126000000, 80, "Resolving  2 min 5 s");
}

TEST(line_of_a_download_has_rate_and_package) {
        Progress progress = {
                .phase = "fetching",
                .subject = "numpy",
                .n_done = 3,
                .n_total = 12,
                .done_bytes = 5000000,
                .total_bytes = 20000000,
                .transfer_usec = 1000000,
        };

        assert_line(&progress, 3000000, 80, "Downloading 3/12  5.0 MB of 20.0 MB  2.5 MB/s  numpy");
        assert_line(&progress,
                    3000000,
                    100,
                    "Downloading [=====>              ] 3/12  5.0 MB of 20.0 MB  2.5 MB/s  numpy");
        assert_line(&progress, 1000001, 80, "Downloading 3/12  5.0 MB of 20.0 MB  numpy");
}

TEST(unpacking_while_bytes_are_missing_is_downloading) {
        Progress progress = {
                .phase = "unpacking", .n_done = 1, .n_total = 2, .done_bytes = 1, .total_bytes = 2
        };

        assert_line(&progress, 0, 80, "Downloading 1/2  1 B of 2 B");
        progress.done_bytes = 2;
        assert_line(&progress, 0, 80, "Unpacking 1/2");
        progress.done_bytes = 3; /* more than was announced */
        progress.n_done = 3;
        assert_line(&progress, 0, 100, "Unpacking [====================] 3/2");
}

TEST(unknown_phase_is_shown_as_it_is) {
        const Progress odd = { .phase = "frobnicating" }, none = {};

        assert_line(&odd, 0, 80, "frobnicating");
        assert_line(&none, 0, 80, "Starting");
}

TEST(rate_counts_from_the_first_byte) {
        Progress progress = {};

        progress_update(&progress, 5);
        ASSERT_INT(progress.transfer_usec, 0);
        progress.done_bytes = 1;
        progress_update(&progress, 7);
        progress_update(&progress, 9);
        ASSERT_INT(progress.transfer_usec, 7);
}
