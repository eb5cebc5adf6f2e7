// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/file.h"
#include "environment/run-record.h"
#include "test.h"

static int temporary_directory(char path[static 32]) {
        int fd;

        (void) snprintf(path, 32, "/tmp/blast-test-XXXXXX");
        ASSERT_NOT_NULL(mkdtemp(path));
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(fd);
        return fd;
}

static void remove_directory(const char *path) {
        ASSERT_OK(tree_remove_at(AT_FDCWD, path));
}

TEST(record_comes_back_whole) {
        char *argv[] = { (char *) "python", (char *) "-c", (char *) "", NULL };
        RunRecord record = {
                .number = 3,
                .state = RUN_RUNNING,
                .environment_id = (char *) "id",
                .generation = 9,
                .argv = argv,
                .started_usec = 5,
                .monitor_pid = 100,
                .monitor_start_ticks = 77,
                .sandbox_pid = 101,
                .has_terminal = true,
        };
        _cleanup_run_record_ RunRecord loaded = {};
        char path[32];
        int fd = temporary_directory(path);

        ASSERT_ERROR(run_record_load(fd, &loaded), ENOENT);
        ASSERT_OK(guarantees_add(&record.guarantees, "x", GUARANTEE_HELD, "m", "r"));
        ASSERT_OK(run_record_store(fd, &record));
        ASSERT_OK(run_record_load(fd, &loaded));
        ASSERT_INT(loaded.number, 3);
        ASSERT_INT(loaded.state, RUN_RUNNING);
        ASSERT_STREQ(loaded.environment_id, "id");
        ASSERT_STREQ(loaded.argv[2], "");
        ASSERT_NULL(loaded.argv[3]);
        ASSERT_INT(loaded.monitor_start_ticks, 77);
        ASSERT_TRUE(loaded.has_terminal);
        ASSERT_FALSE(loaded.is_detached);
        ASSERT_INT(loaded.guarantees.n_items, 1);
        guarantees_done(&record.guarantees);
        (void) close(fd);
        remove_directory(path);
}

TEST(status_comes_back_with_its_fault) {
        const RunStatus status = {
                .number = 4,
                .fault = { .code = FAULT_NOT_ENFORCEABLE, .message = (char *) "No." },
                .exit_kind = EXIT_SIGNAL,
                .exit_status = 11,
        };
        _cleanup_run_status_ RunStatus loaded = {};
        char path[32];
        int fd = temporary_directory(path);

        ASSERT_OK(run_status_store(fd, &status));
        ASSERT_OK(run_status_load(fd, &loaded));
        ASSERT_INT(loaded.exit_kind, EXIT_SIGNAL);
        ASSERT_INT(loaded.exit_status, 11);
        ASSERT_INT(loaded.fault.code, FAULT_NOT_ENFORCEABLE);
        (void) close(fd);
        remove_directory(path);
}

TEST(record_that_was_cut_is_refused) {
        const RunRecord record = { .number = 1, .environment_id = (char *) "x" };
        _cleanup_(freep) void *data = NULL;
        size_t size;

        ASSERT_OK(run_record_encode(&record, &data, &size));
        for (size_t i = 0; i < size; i++) {
                _cleanup_run_record_ RunRecord loaded = {};
                ASSERT_TRUE(run_record_decode(data, i, &loaded) < 0);
        }
}

TEST(output_is_read_from_its_end) {
        _cleanup_(freep) char *text = NULL;
        char path[32], line[] = "0123456789abcde\n";
        int fd = temporary_directory(path), file;
        size_t size;

        ASSERT_OK(run_output_read(fd, &text, &size));
        ASSERT_STREQ(text, "");
        free(TAKE_PTR(text));
        file = openat(fd, "output", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ASSERT_OK(file);
        for (int i = 0; i < 8192; i++)
                ASSERT_OK(file_write_all(file, line, 16));
        ASSERT_OK(file_write_all(file, "end", 3));
        ASSERT_OK(run_output_read(fd, &text, &size));
        ASSERT_INT(size, RUN_OUTPUT_TAIL_BYTES);
        ASSERT_STREQ(text + size - 5, "e\nend");
        (void) close(file);
        (void) close(fd);
        remove_directory(path);
}

TEST(process_is_told_apart_by_its_start) {
        uint64_t ticks = 0;
        int fd;

        ASSERT_OK(process_start_ticks(getpid(), &ticks));
        ASSERT_TRUE(ticks > 0);
        fd = process_open_verified(getpid(), ticks);
        ASSERT_OK(fd);
        (void) close(fd);
        ASSERT_ERROR(process_open_verified(getpid(), ticks + 1), ESRCH);
        ASSERT_ERROR(process_open_verified(0, ticks), ESRCH);
}
