// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "environment/generation.h"
#include "sync/journal.h"
#include "test.h"

typedef struct Ground {
        char path[PATH_MAX];
        int fd;
} Ground;

static void ground_open(Ground *ground) {
        (void) snprintf(ground->path,
                        sizeof(ground->path),
                        "%s/test-journal-XXXXXX",
                        getenv("TMPDIR") ?: "/tmp");
        ASSERT_NOT_NULL(mkdtemp(ground->path));
        ground->fd = open(ground->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(mkdirat(ground->fd, "generations", 0700));
        ASSERT_OK(mkdirat(ground->fd, "generations/1", 0700));
        ASSERT_OK(generation_choose(ground->fd, 1, NULL));
}

static void ground_close(Ground *ground) {
        char *slash = strrchr(ground->path, '/');
        *slash = '\0';
        int parent = open(ground->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(tree_remove_at(parent, slash + 1));
        (void) close(parent);
        (void) close(ground->fd);
}

static size_t count_generations(const Ground *ground) {
        _cleanup_(freep) uint32_t *numbers = NULL;
        size_t n;
        ASSERT_OK(generation_list(ground->fd, &numbers, &n));
        return n;
}

TEST(journal_without_entries_is_clean) {
        Ground ground;
        ground_open(&ground);
        ASSERT_INT(journal_recover(ground.fd), JOURNAL_CLEAN);
        ground_close(&ground);
}

TEST(journal_ended_intent_is_clean) {
        Ground ground;
        ground_open(&ground);
        ASSERT_OK(journal_begin(ground.fd, GOAL_SYNC, 2));
        ASSERT_OK(journal_end(ground.fd, GOAL_SYNC, 2));
        ASSERT_INT(journal_recover(ground.fd), JOURNAL_CLEAN);
        ground_close(&ground);
}

TEST(journal_unchosen_generation_is_hidden) {
        Ground ground;
        ground_open(&ground);
        ASSERT_OK(journal_begin(ground.fd, GOAL_INSTALL, 2));
        ASSERT_OK(mkdirat(ground.fd, "generations/2", 0700));
        ASSERT_INT(journal_recover(ground.fd), JOURNAL_UNDONE);
        ASSERT_INT(count_generations(&ground), 1);
        ASSERT_TRUE(generation_needs_sweep(ground.fd));
        ASSERT_INT(journal_recover(ground.fd), JOURNAL_CLEAN);
        ground_close(&ground);
}

TEST(journal_chosen_generation_stays) {
        Ground ground;
        ground_open(&ground);
        ASSERT_OK(journal_begin(ground.fd, GOAL_INSTALL, 2));
        ASSERT_OK(mkdirat(ground.fd, "generations/2", 0700));
        ASSERT_OK(generation_choose(ground.fd, 2, NULL));
        ASSERT_INT(journal_recover(ground.fd), JOURNAL_FINISHED);
        ASSERT_INT(count_generations(&ground), 2);
        ground_close(&ground);
}

TEST(journal_rollback_that_did_not_happen_hides_nothing) {
        Ground ground;
        ground_open(&ground);
        ASSERT_OK(mkdirat(ground.fd, "generations/2", 0700));
        ASSERT_OK(generation_choose(ground.fd, 2, NULL));
        ASSERT_OK(journal_begin(ground.fd, GOAL_ROLLBACK, 1));
        ASSERT_INT(journal_recover(ground.fd), JOURNAL_UNDONE);
        ASSERT_INT(count_generations(&ground), 2);
        ground_close(&ground);
}

TEST(journal_torn_line_counts_as_not_written) {
        Ground ground;
        ground_open(&ground);
        ASSERT_OK(mkdirat(ground.fd, "generations/2", 0700));
        int fd = file_open_beneath(ground.fd, "journal", O_WRONLY | O_CREAT, 0600);
        ASSERT_OK(file_write_all(fd, "begin sync 2 1", 14));
        (void) close(fd);
        ASSERT_INT(journal_recover(ground.fd), JOURNAL_CLEAN);
        ASSERT_INT(count_generations(&ground), 2);
        ASSERT_OK(journal_begin(ground.fd, GOAL_SYNC, 3)); /* goes on behind it */
        ASSERT_INT(journal_recover(ground.fd), JOURNAL_UNDONE);
        ground_close(&ground);
}

TEST(journal_long_one_is_begun_anew) {
        Ground ground;
        struct stat status;
        ground_open(&ground);
        for (uint32_t i = 0; i < 4000; i++) {
                ASSERT_OK(journal_begin(ground.fd, GOAL_SYNC, i + 2));
                ASSERT_OK(journal_end(ground.fd, GOAL_SYNC, i + 2));
        }
        ASSERT_OK(fstatat(ground.fd, "journal", &status, 0));
        ASSERT_TRUE(status.st_size < 70 * 1024);
        ASSERT_INT(journal_recover(ground.fd), JOURNAL_CLEAN);
        ground_close(&ground);
}
