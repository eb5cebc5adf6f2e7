// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "environment/mount-apply.h"
#include "test.h"

static Mount overlay_of(uint32_t *lowers, size_t n_lowers) {
        return (Mount){
                .kind = MOUNT_OVERLAY,
                .target = (char *) "/site",
                .upper = 0,
                .work = 1,
                .lowers = lowers,
                .n_lowers = n_lowers,
        };
}

TEST(overlay_options_name_descriptors) {
        uint32_t lowers[] = { 2, 3 };
        const int fds[] = { 10, 11, 12, 13 };
        Mount mount = overlay_of(lowers, 2);
        _cleanup_(freep) char *options = NULL;

        mount.flags = MOUNT_FLAG_USERXATTR;
        ASSERT_OK(overlay_options(&mount, fds, ELEMENTSOF(fds), &options));
        ASSERT_STREQ(options,
                     "redirect_dir=nofollow,metacopy=off,index=off,xino=off,userxattr,upperdir=10,workdir=11,lowerdir=12:13");
}

TEST(overlay_options_fit_500_layers_in_a_page) {
        static uint32_t lowers[500];
        static int fds[502];
        const Mount mount = overlay_of(lowers, 500);
        _cleanup_(freep) char *options = NULL;

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = 1000 + (int) i;
        for (size_t i = 0; i < ELEMENTSOF(lowers); i++)
                lowers[i] = (uint32_t) i + 2;
        ASSERT_OK(overlay_options(&mount, fds, ELEMENTSOF(fds), &options));
        ASSERT_TRUE(strlen(options) < 4096);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = 100000000 + (int) i;
        ASSERT_ERROR(overlay_options(&mount, fds, ELEMENTSOF(fds), &options), E2BIG);
}

TEST(overlay_options_refuse_an_index_without_descriptor) {
        uint32_t lowers[] = { 9 };
        const int fds[] = { 10, 11 };
        const Mount mount = overlay_of(lowers, 1);
        _cleanup_(freep) char *options = NULL;

        ASSERT_ERROR(overlay_options(&mount, fds, ELEMENTSOF(fds), &options), EBADF);
}

TEST(source_is_the_same_directory_or_stale) {
        char path[] = "/tmp/blast-test-XXXXXX", moved[sizeof(path) + 2];
        struct stat before, after;
        int fd, again;

        ASSERT_NOT_NULL(mkdtemp(path));
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        again = source_reopen(fd);
        ASSERT_OK(again);
        ASSERT_INT(fstat(fd, &before), 0);
        ASSERT_INT(fstat(again, &after), 0);
        ASSERT_TRUE(before.st_ino == after.st_ino);
        (void) close(again);
        (void) snprintf(moved, sizeof(moved), "%s.x", path);
        ASSERT_INT(rename(path, moved), 0);
        again = source_reopen(fd); /* the link follows the rename */
        ASSERT_OK(again);
        (void) close(again);
        ASSERT_INT(rmdir(moved), 0);
        ASSERT_ERROR(source_reopen(fd), ESTALE);
        (void) close(fd);
}
