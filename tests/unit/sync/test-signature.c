// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "basic/file.h"
#include "sync/signature.h"
#include "test.h"

typedef struct Ground {
        char path[PATH_MAX];
        int fd;
        ResolveRequest wish;
} Ground;

static void put(const Ground *ground, const char *name, const char *text) {
        _cleanup_close_ int fd =
                        file_open_beneath(ground->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        ASSERT_OK(fd);
        ASSERT_OK(file_write_all(fd, text, strlen(text)));
}

/* Long ago, so that the description may be believed. */
static void age(const Ground *ground, const char *name) {
        const struct timespec times[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
        ASSERT_OK(utimensat(ground->fd, name, times, 0));
        ASSERT_OK(usleep(60 * 1000)); /* ctime cannot be set */
}

static void ground_open(Ground *ground) {
        *ground = (Ground){};
        (void) snprintf(ground->path,
                        sizeof(ground->path),
                        "%s/test-signature-XXXXXX",
                        getenv("TMPDIR") ?: "/tmp");
        ASSERT_NOT_NULL(mkdtemp(ground->path));
        ground->fd = open(ground->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        put(ground, "pyproject.toml", "[project]\n");
}

static void ground_close(Ground *ground) {
        char *slash = strrchr(ground->path, '/');
        *slash = '\0';
        int parent = open(ground->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(tree_remove_at(parent, slash + 1));
        (void) close(parent);
        (void) close(ground->fd);
}

static Signature *take(const Ground *ground) {
        Signature *signature = NULL;
        ASSERT_OK(signature_take(ground->fd, &ground->wish, &signature));
        return signature;
}

TEST(signature_of_an_old_project_matches_by_description) {
        Ground ground;
        ground_open(&ground);
        age(&ground, "pyproject.toml");
        _cleanup_(signature_freep) Signature *signature = take(&ground);
        ASSERT_INT(signature_match(signature, ground.fd, &ground.wish), 1);
        ground_close(&ground);
}

TEST(signature_of_a_fresh_file_is_decided_by_content) {
        Ground ground;
        ground_open(&ground);
        _cleanup_(signature_freep) Signature *signature = take(&ground);
        ASSERT_INT(signature_match(signature, ground.fd, &ground.wish), 2);
        put(&ground, "pyproject.toml", "[project}\n"); /* the same size, perhaps the same time */
        ASSERT_INT(signature_match(signature, ground.fd, &ground.wish), 0);
        ground_close(&ground);
}

TEST(signature_follows_a_touched_file) {
        Ground ground;
        ground_open(&ground);
        age(&ground, "pyproject.toml");
        _cleanup_(signature_freep) Signature *signature = take(&ground);
        age(&ground, "pyproject.toml");
        ASSERT_INT(signature_match(signature, ground.fd, &ground.wish), 2);
        ASSERT_INT(signature_match(signature, ground.fd, &ground.wish), 1);
        ground_close(&ground);
}

TEST(signature_notices_files_that_come_and_go) {
        Ground ground;
        ground_open(&ground);
        _cleanup_(signature_freep) Signature *signature = take(&ground);
        put(&ground, "requirements-dev.txt", "x\n");
        ASSERT_INT(signature_match(signature, ground.fd, &ground.wish), 0);
        _cleanup_(signature_freep) Signature *with = take(&ground);
        ASSERT_OK(unlinkat(ground.fd, "requirements-dev.txt", 0));
        ASSERT_INT(signature_match(with, ground.fd, &ground.wish), 0);
        put(&ground, "README.md", "x\n");
        ASSERT_TRUE(signature_match(signature, ground.fd, &ground.wish) > 0);
        ground_close(&ground);
}

TEST(signature_notices_other_options) {
        Ground ground;
        ground_open(&ground);
        _cleanup_(signature_freep) Signature *signature = take(&ground);
        ground.wish.python = strdup("3.12");
        ASSERT_INT(signature_match(signature, ground.fd, &ground.wish), 0);
        free(ground.wish.python);
        ground.wish.python = NULL;
        ground.wish.index.offline = true; /* changes nothing of what is right */
        ASSERT_INT(signature_match(signature, ground.fd, &ground.wish), 2);
        ground_close(&ground);
}

TEST(signature_expects_what_the_client_writes) {
        Ground ground;
        ground_open(&ground);
        _cleanup_(signature_freep) Signature *signature = take(&ground);
        ASSERT_OK(signature_expect(signature, "pylock.toml", "lock\n"));
        ASSERT_OK(signature_expect(signature, "pyproject.toml", "[project]\nname = 'x'\n"));
        ASSERT_INT(signature_match(signature, ground.fd, &ground.wish), 0);
        put(&ground, "pylock.toml", "lock\n");
        put(&ground, "pyproject.toml", "[project]\nname = 'x'\n");
        ASSERT_INT(signature_match(signature, ground.fd, &ground.wish), 2);
        ground_close(&ground);
}

TEST(signature_survives_encoding_and_refuses_cuts) {
        Ground ground;
        _cleanup_(freep) void *data = NULL;
        Signature *again = NULL;
        size_t size;
        ground_open(&ground);
        _cleanup_(signature_freep) Signature *signature = take(&ground);
        ASSERT_OK(signature_encode(signature, &data, &size));
        for (size_t cut = 0; cut < size; cut++)
                ASSERT_TRUE(signature_decode(data, cut, &again) < 0);
        ASSERT_OK(signature_decode(data, size, &again));
        ASSERT_TRUE(signature_match(again, ground.fd, &ground.wish) > 0);
        (void) signature_free(again);
        ground_close(&ground);
}
