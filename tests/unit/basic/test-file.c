// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"
#include "test.h"

static int make_directory(char *path) {
        snprintf(path, 64, "/tmp/blast-file-XXXXXX");
        ASSERT_NOT_NULL(mkdtemp(path));
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(fd);
        return fd;
}

static void remove_directory(const char *path) {
        ASSERT_OK(tree_remove_at(AT_FDCWD, path));
        ASSERT_TRUE(access(path, F_OK) < 0);
}

TEST(open_beneath_refuses_links_and_dots) {
        char path[64];
        _cleanup_close_ int fd = make_directory(path);

        ASSERT_OK(symlinkat("/etc", fd, "link"));
        ASSERT_ERROR(file_open_beneath(fd, "link/passwd", O_RDONLY, 0), ELOOP);
        ASSERT_ERROR(file_open_beneath(fd, "../..", O_RDONLY | O_DIRECTORY, 0), EXDEV);
        ASSERT_ERROR(file_open_beneath(fd, "/etc/passwd", O_RDONLY, 0), EXDEV);
        ASSERT_ERROR(file_open_beneath(fd, "absent", O_RDONLY, 0), ENOENT);
        remove_directory(path);
}

TEST(replace_leaves_the_new_content_and_nothing_else) {
        char path[64];
        _cleanup_close_ int fd = make_directory(path);
        _cleanup_(freep) char *text = NULL;
        size_t size;

        ASSERT_OK(file_replace_at(fd, "a", "one", 3, 0600));
        ASSERT_OK(file_replace_at(fd, "a", "three", 5, 0600));
        ASSERT_OK(file_read_at(fd, "a", 100, &text, &size));
        ASSERT_STREQ(text, "three");
        ASSERT_INT(size, 5);
        ASSERT_OK(unlinkat(fd, "a", 0));
        ASSERT_OK(rmdir(path)); /* empty again: no temporary file was left */
}

TEST(read_refuses_what_is_no_file_or_too_large) {
        char path[64];
        _cleanup_close_ int fd = make_directory(path);
        _cleanup_(freep) char *text = NULL;

        ASSERT_OK(mkfifoat(fd, "fifo", 0600));
        ASSERT_OK(mkdirat(fd, "directory", 0700));
        ASSERT_OK(file_replace_at(fd, "file", "12345", 5, 0600));
        ASSERT_ERROR(file_read_at(fd, "fifo", 100, &text, NULL), EBADFD);
        ASSERT_ERROR(file_read_at(fd, "directory", 100, &text, NULL), EISDIR);
        ASSERT_ERROR(file_read_at(fd, "file", 4, &text, NULL), EFBIG);
        remove_directory(path);
}

TEST(link_replace_changes_the_target) {
        char path[64], target[16] = {};
        _cleanup_close_ int fd = make_directory(path);

        ASSERT_OK(link_replace_at(fd, "current", "1"));
        ASSERT_OK(link_replace_at(fd, "current", "2"));
        ASSERT_OK(readlinkat(fd, "current", target, sizeof(target) - 1));
        ASSERT_STREQ(target, "2");
        remove_directory(path);
}

TEST(remove_takes_read_only_trees_and_spares_what_links_lead_to) {
        char path[64], outside[64];
        _cleanup_close_ int fd = make_directory(path), other = make_directory(outside);

        ASSERT_OK(file_replace_at(other, "keep", "x", 1, 0600));
        _cleanup_close_ int deep = directory_open_or_make(fd, "a/b/c", 0700);
        ASSERT_OK(deep);
        ASSERT_OK(file_replace_at(deep, "file", "x", 1, 0400));
        ASSERT_OK(symlinkat(outside, deep, "link"));
        ASSERT_OK(fchmodat(fd, "a/b/c", 0500, 0));
        ASSERT_OK(fchmodat(fd, "a/b", 0500, 0));
        remove_directory(path);
        ASSERT_OK(faccessat(other, "keep", F_OK, 0));
        remove_directory(outside);
}

TEST(remove_absent_is_success) {
        ASSERT_OK(tree_remove_at(AT_FDCWD, "/tmp/blast-there-is-no-such-thing"));
}

TEST(sealed_memfd_is_mapped_and_unsealed_is_not) {
        _cleanup_close_ int sealed = memfd_new_sealed("sealed", "data", 4);
        _cleanup_close_ int open_fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        const void *data;
        size_t size;

        ASSERT_OK(sealed);
        ASSERT_OK(memfd_map_sealed(sealed, 10, &data, &size));
        ASSERT_INT(size, 4);
        ASSERT_TRUE(memcmp(data, "data", 4) == 0);
        ASSERT_OK(munmap((void *) data, size));
        ASSERT_ERROR(memfd_map_sealed(sealed, 3, &data, &size), EFBIG);
        ASSERT_INT(write(open_fd, "data", 4), 4);
        ASSERT_ERROR(memfd_map_sealed(open_fd, 10, &data, &size), EPERM);
        ASSERT_TRUE(write(sealed, "x", 1) < 0);
}
