// SPDX-License-Identifier: LGPL-2.1-or-later

/* The verbs, carried out for real; those that need namespaces are skipped where the machine has none. */

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/file.h"
#include "environment/namespace.h"
#include "environment/privilege.h"
#include "test.h"

typedef struct Place {
        char path[32];
        int fd;
} Place;

static Place place_new(void) {
        Place place = {};

        (void) snprintf(place.path, sizeof(place.path), "/var/tmp/blast-test-XXXXXX");
        ASSERT_NOT_NULL(mkdtemp(place.path));
        place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(place.fd);
        return place;
}

static void place_done(Place *place) {
        (void) close(place->fd);
        ASSERT_OK(tree_remove_at(AT_FDCWD, place->path));
}

static int make_directory(const Place *place, const char *name) {
        int fd = directory_open_or_make(place->fd, name, 0755);

        ASSERT_OK(fd);
        return fd;
}

static void write_file(int directory_fd, const char *name, const char *text, mode_t mode) {
        int fd = openat(directory_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

        ASSERT_OK(fd);
        ASSERT_OK(file_write_all(fd, text, strlen(text)));
        (void) close(fd);
}

static mode_t mode_of(int directory_fd, const char *path) {
        struct stat status;

        ASSERT_INT(fstatat(directory_fd, path, &status, AT_SYMLINK_NOFOLLOW), 0);
        return status.st_mode & 07777;
}

/* Runs shell code in a helper; the exit status, and what it wrote to stdout in @ret_text. */
static int
run_helper(const char *code,
           const HelperDirectory *directories,
           size_t n,
           char ret_text[static 256]) {
        char *const argv[] = { (char *) "/bin/sh", (char *) "-c", (char *) code, NULL };
        _cleanup_fault_ Fault fault = {};
        HelperSpec spec = {
                .argv = argv,
                .home = "/root",
                .directories = directories,
                .n_directories = n,
                .stdio = { -EBADF, memfd_create("out", MFD_CLOEXEC), STDERR_FILENO },
                .cpu_max_sec = 10,
        };
        Child child;
        int status, r;
        ssize_t size;

        r = helper_start(&spec, &child, &fault);
        if (r < 0)
                test_fail(__FILE__, __LINE__, "helper: %s", fault.message);
        ASSERT_OK(child_wait(&child, &status));
        size = pread(spec.stdio[1], ret_text, 255, 0);
        ASSERT_TRUE(size >= 0);
        ret_text[size] = '\0';
        (void) close(spec.stdio[1]);
        ASSERT_TRUE(WIFEXITED(status));
        return WEXITSTATUS(status);
}

TEST(helper_sees_only_what_it_was_given) {
        Place place = place_new();
        const HelperDirectory directories[] = {
                { .fd = make_directory(&place, "in put") },
                { .fd = make_directory(&place, "output"), .is_writable = true },
        };
        char text[256], code[512];

        write_file(directories[0].fd, "a", "given\n", 0644);
        (void) snprintf(code,
                        sizeof(code),
                        "cd %s && cat 'in put/a' && echo made > output/b && ls . && ! touch 'in put/c' 2>/dev/null",
                        place.path);
        ASSERT_INT(run_helper(code, directories, 2, text), 0);
        ASSERT_STREQ(text, "given\nin put\noutput\n");
        ASSERT_INT(mode_of(directories[1].fd, "b"), 0644);
        (void) close(directories[0].fd);
        (void) close(directories[1].fd);
        place_done(&place);
}

TEST(helper_is_alone_and_without_network) {
        char text[256];

        ASSERT_INT(run_helper("echo $$ && tail -n +3 /proc/net/dev | wc -l", NULL, 0, text), 0);
        ASSERT_STREQ(text, "2\n1\n");
}

TEST(helper_ends_with_the_status_of_its_program) {
        char text[256];

        ASSERT_INT(run_helper("exit 9", NULL, 0, text), 9);
        ASSERT_INT(run_helper("kill -TERM $$", NULL, 0, text), 128 + SIGTERM);
}

TEST(helper_that_is_killed_leaves_nothing) {
        char *const argv[] = { (char *) "/bin/sleep", (char *) "1000", NULL };
        const HelperSpec spec = { .argv = argv,
                                  .home = "/root",
                                  .stdio = { -EBADF, -EBADF, -EBADF } };
        LimitUsage usage = {};
        Child child;
        int pidfd;

        ASSERT_OK(helper_start(&spec, &child, NULL));
        for (int i = 0; i < 500 && usage.n_processes < 3; i++) {
                (void) usleep(10000);
                ASSERT_OK(limits_read(child.pidfd, &usage));
        }
        ASSERT_INT(usage.n_processes, 3); /* the helper's parent, pid 1, sleep */
        ASSERT_TRUE(usage.memory_bytes > 0);
        pidfd = dup(child.pidfd);
        child_kill(&child);
        ASSERT_ERROR(limits_read(pidfd, &usage), ESRCH);
        (void) close(pidfd);
}

TEST(published_tree_is_read_only) {
        Place place = place_new();
        int staging = make_directory(&place, "staging"), trees = make_directory(&place, "trees");
        int tree = make_directory(&place, "staging/x"),
            below = make_directory(&place, "staging/x/d");

        write_file(tree, "file", "x", 0644);
        write_file(below, "program", "x", 0755);
        ASSERT_OK(tree_publish(staging, "x", trees, "id"));
        ASSERT_INT(mode_of(trees, "id"), 0555);
        ASSERT_INT(mode_of(trees, "id/d"), 0555);
        ASSERT_INT(mode_of(trees, "id/file"), 0444);
        ASSERT_INT(mode_of(trees, "id/d/program"), 0555);
        (void) close(tree);
        (void) close(below);

        tree = make_directory(&place, "staging/y");
        ASSERT_ERROR(tree_publish(staging, "y", trees, "id"), EEXIST);
        ASSERT_ERROR(faccessat(staging, "y", F_OK, 0) < 0 ? -errno : 0, ENOENT);
        ASSERT_OK(tree_remove(trees, "id"));
        ASSERT_OK(tree_remove(trees, "id"));
        ASSERT_ERROR(faccessat(trees, "id", F_OK, 0) < 0 ? -errno : 0, ENOENT);
        (void) close(tree);
        (void) close(staging);
        (void) close(trees);
        place_done(&place);
}

TEST(tree_with_a_link_is_not_published) {
        Place place = place_new();
        int staging = make_directory(&place, "staging"), tree = make_directory(&place, "staging/x");

        ASSERT_INT(symlinkat("/etc/passwd", tree, "link"), 0);
        ASSERT_ERROR(tree_publish(staging, "x", place.fd, "id"), EBADMSG);
        (void) close(tree);
        (void) close(staging);
        place_done(&place);
}

TEST(mounted_generation_is_not_removed) {
        Place place = place_new();
        int generation = make_directory(&place, "1"), bin = make_directory(&place, "1/bin");
        int layer = make_directory(&place, "1/.blast/stub"),
            second = make_directory(&place, "layer");
        const int layers[] = { layer, second };
        const GenerationSpec spec = { .generation_fd = generation,
                                      .layer_fds = layers,
                                      .n_layers = 2 };
        GenerationMounts mounts = GENERATION_MOUNTS_NULL, again = GENERATION_MOUNTS_NULL;
        _cleanup_fault_ Fault fault = {};

        ASSERT_OK(generation_mount(&spec, &mounts, &fault));
        ASSERT_FALSE(mounts.upper_is_volatile);
        ASSERT_ERROR(generation_mount(&spec, &again, &fault), EBUSY);
        ASSERT_ERROR(generation_remove(place.fd, "1"), EBUSY);
        generation_mounts_done(&mounts);
        ASSERT_OK(generation_remove(place.fd, "1"));
        ASSERT_OK(generation_remove(place.fd, "1"));
        (void) close(generation);
        (void) close(bin);
        (void) close(layer);
        (void) close(second);
        place_done(&place);
}

TEST(project_that_is_absent_is_a_fault) {
        _cleanup_fault_ Fault fault = {};
        int fd;

        ASSERT_ERROR(project_open("/nonexistent", geteuid(), &fd, &fault), ENOENT);
        ASSERT_TRUE(fault_is_set(&fault));
        ASSERT_OK(project_open("/", geteuid(), &fd, NULL));
        (void) close(fd);
}

TEST(project_of_another_user_is_opened_as_that_user) {
        Place place = place_new();
        int fd;

        (void) close(make_directory(&place, "private"));
        ASSERT_INT(fchmodat(place.fd, "private", 0700, 0), 0);
        if (geteuid() != 0)
                test_skip("only root can act for another user");
        else {
                char path[64];
                (void) snprintf(path, sizeof(path), "%s/private", place.path);
                ASSERT_ERROR(project_open(path, 54321, &fd, NULL), EACCES);
                ASSERT_OK(project_open(path, 0, &fd, NULL));
                (void) close(fd);
        }
        place_done(&place);
}

TEST(signal_out_of_range_is_refused) {
        ASSERT_ERROR(sandbox_signal(-1, 0), EINVAL);
        ASSERT_ERROR(sandbox_signal(-1, 1000), EINVAL);
}
