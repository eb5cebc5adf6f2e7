// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/child.h"
#include "basic/file.h"
#include "test.h"

/* Runs a line of sh with @fds as 3, 4, … and returns its output. */
static void
run_shell(const char *script, ChildSpec spec, char *output, size_t size, int *ret_status) {
        char *const argv[] = { (char *) "sh", (char *) "-c", (char *) script, NULL };
        int pipe_fds[2];
        Child child = CHILD_NULL;

        ASSERT_OK(pipe2(pipe_fds, O_CLOEXEC));
        spec.path = "/bin/sh";
        spec.argv = argv;
        spec.stdio[0] = -EBADF;
        spec.stdio[1] = pipe_fds[1];
        spec.stdio[2] = STDERR_FILENO;
        ASSERT_OK(child_spawn(&spec, &child));
        ASSERT_TRUE(child.pidfd >= 0);
        ASSERT_OK(close(pipe_fds[1]));

        size_t length = 0;
        for (ssize_t n; (n = read(pipe_fds[0], output + length, size - 1 - length)) > 0;)
                length += (size_t) n;
        output[length] = '\0';
        ASSERT_OK(close(pipe_fds[0]));
        ASSERT_OK(child_wait(&child, ret_status));
}

TEST(child_has_exactly_the_descriptors_given) {
        _cleanup_close_ int secret = open("/dev/null", O_RDONLY); /* not CLOEXEC on purpose */
        _cleanup_close_ int memfd = memfd_new_sealed("given", "given", 5);
        char output[256];
        int status;

        run_shell("cat <&4; cd /proc/self/fd && echo *",
                  (ChildSpec){ .fds = (const int[]){ memfd, memfd },
                               .n_fds = 2,
                               .uid = (uid_t) -1 },
                  output,
                  sizeof(output),
                  &status);
        ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        ASSERT_STREQ(output, "given0 1 2 3 4 5\n"); /* 5: the directory that sh is listing */
        ASSERT_TRUE(secret >= 0);
}

TEST(descriptors_may_overlap_with_their_targets) {
        /* The first one lies where the second one has to go. */
        _cleanup_close_ int one = memfd_new_sealed("one", "one", 3),
                            two = memfd_new_sealed("two", "two", 3);
        _cleanup_close_ int at_four = fcntl(one, F_DUPFD_CLOEXEC, 4),
                            at_three = fcntl(two, F_DUPFD_CLOEXEC, 3);
        char output[64];
        int status;

        run_shell("cat <&3 <&3; cat <&4",
                  (ChildSpec){ .fds = (const int[]){ at_four, at_three },
                               .n_fds = 2,
                               .uid = (uid_t) -1 },
                  output,
                  sizeof(output),
                  &status);
        ASSERT_STREQ(output, "onetwo");
}

TEST(environment_is_empty_unless_given) {
        char output[256];
        int status;

        ASSERT_OK(setenv("BLAST_SECRET", "x", 1));
        run_shell("echo \"[$BLAST_SECRET]\"",
                  (ChildSpec){ .uid = (uid_t) -1 },
                  output,
                  sizeof(output),
                  &status);
        ASSERT_STREQ(output, "[]\n");
}

TEST(limits_are_set) {
        char output[64];
        int status;

        run_shell("ulimit -n; ulimit -t",
                  (ChildSpec){ .uid = (uid_t) -1, .n_files_max = 32, .cpu_max_sec = 9 },
                  output,
                  sizeof(output),
                  &status);
        ASSERT_STREQ(output, "32\n9\n");
}

TEST(ids_are_dropped_where_we_are_root) {
        char output[64];
        int status;

        if (geteuid() != 0)
                test_skip("only root can drop ids");
        run_shell("id -u; id -g; id -G",
                  (ChildSpec){ .uid = 65534, .gid = 65534 },
                  output,
                  sizeof(output),
                  &status);
        ASSERT_STREQ(output, "65534\n65534\n65534\n");
}

TEST(missing_program_is_an_error_here_not_a_status) {
        char *const argv[] = { (char *) "x", NULL };
        const ChildSpec spec = {
                .path = "/there/is/no/such/program",
                .argv = argv,
                .stdio = { -EBADF, -EBADF, -EBADF },
                .uid = (uid_t) -1,
        };
        Child child = CHILD_NULL;

        ASSERT_ERROR(child_spawn(&spec, &child), ENOENT);
        ASSERT_INT(child.pid, 0);
}

TEST(kill_ends_and_reaps) {
        char *const argv[] = { (char *) "sleep", (char *) "1000", NULL };
        const ChildSpec spec = {
                .path = "/bin/sleep",
                .argv = argv,
                .stdio = { -EBADF, -EBADF, -EBADF },
                .uid = (uid_t) -1,
                .dies_with_parent = true,
        };
        Child child = CHILD_NULL;

        ASSERT_OK(child_spawn(&spec, &child));
        pid_t pid = child.pid;
        child_kill(&child);
        ASSERT_INT(child.pid, 0);
        ASSERT_TRUE(kill(pid, 0) < 0);
        child_kill(&child);
}
