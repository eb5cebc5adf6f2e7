// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/child.h"
#include "basic/file.h"
#include "basic/text.h"
#include "config.h"
#include "fake-index.h"
#include "test.h"

#define PYTHON "/usr/bin/python3"

static FakeIndex fake = { .directory_fd = -EBADF, .download_fd = -EBADF };
static Child server = CHILD_NULL;

static void clean_up(void) {
        child_kill(&server);
        if (fake.directory)
                (void) tree_remove_at(AT_FDCWD, fake.directory);
        free(fake.root);
        free(fake.directory);
        fd_close(fake.download_fd);
        fd_close(fake.directory_fd);
}

/* Reads the one line the server prints when it is ready. */
static char *read_line(int fd) {
        char line[256];
        size_t n = 0;

        while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n')
                n++;
        line[n] = '\0';
        return strdup(line);
}

/* Named by meson, or of this source tree when the test is started by hand. */
static char *script_path(void) {
        return strdup(getenv("FAKE_INDEX") ?: BLAST_SOURCE_DIR "/tests/fakes/index.py");
}

static void make_directory(void) {
        static const char scenario[] = "{\"demo\": {\"1.0\": {\"requires\": [\"other\"]}}}";
        char template[] = "/tmp/blast-test-XXXXXX";

        ASSERT_NOT_NULL(mkdtemp(template));
        fake.directory = strdup(template);
        (void) atexit(clean_up);
        fake.directory_fd = open(template, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(fake.directory_fd);
        ASSERT_OK(file_replace_at(fake.directory_fd, "scenario", scenario, strlen(scenario), 0600));
        fake.download_fd = directory_open_or_make(fake.directory_fd, "downloads", 0700);
        ASSERT_OK(fake.download_fd);
}

const FakeIndex *fake_index_need(void) {
        int pipe_fds[2];

        if (fake.root)
                return &fake;
        if (access(PYTHON, X_OK) < 0)
                test_skip("no " PYTHON " to run the fake index");
        make_directory();

        _cleanup_(freep) char *script = script_path(), *line = NULL;
        _cleanup_(freep) char *scenario = string_format("%s/scenario", fake.directory);
        char *argv[] = { (char *) PYTHON,       (char *) "-B", script,
                         (char *) "--scenario", scenario,      NULL };
        ASSERT_OK(pipe2(pipe_fds, O_CLOEXEC));
        ChildSpec spec = {
                .path = PYTHON,
                .argv = argv,
                .stdio = { -1, pipe_fds[1], STDERR_FILENO },
                .uid = (uid_t) -1,
                .gid = (gid_t) -1,
                .dies_with_parent = true,
        };
        ASSERT_OK(child_spawn(&spec, &server));
        close(pipe_fds[1]);
        line = read_line(pipe_fds[0]);
        close(pipe_fds[0]);
        ASSERT_TRUE(text_ends_with(text_of(line), "/simple"));
        fake.root = strndup(line, strlen(line) - strlen("/simple"));
        return &fake;
}

char *fake_index_url(const char *path) {
        char *url = string_format("%s%s", fake_index_need()->root, path);

        ASSERT_NOT_NULL(url);
        return url;
}
