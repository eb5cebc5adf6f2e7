// SPDX-License-Identifier: LGPL-2.1-or-later

/* The first process of the test machine's initramfs: loads the modules /m/00, /m/01, … in order, waits
 * for the root disk, moves there and becomes its /sbin/init. Static, a few kilobytes; a stock initramfs
 * takes three times as long to unpack under emulation as all of this takes to run. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
        WAIT_USEC = 10 * 1000,
        WAITS_MAX = 3000
};

static void load_modules(void) {
        for (int i = 0; i < 100; i++) {
                char path[16];
                snprintf(path, sizeof(path), "/m/%02d", i);
                int fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd < 0)
                        return;
                if (syscall(SYS_finit_module, fd, "", 0) < 0)
                        printf("init: %s: %m\n", path);
                close(fd);
        }
}

static int mount_root(void) {
        for (int i = 0; i < WAITS_MAX; i++) {
                if (mount("/dev/vda", "/root", "ext4", 0, "") == 0)
                        return 0;
                usleep(WAIT_USEC); /* the disk appears when its driver has probed it */
        }
        return -1;
}

int main(void) {
        char *const argv[] = { "/sbin/init", NULL }, *const environ[] = { NULL };

        mkdir("/dev", 0755);
        mkdir("/root", 0755);
        if (mount("dev", "/dev", "devtmpfs", 0, "") < 0)
                printf("init: /dev: %m\n");
        load_modules();
        if (mount_root() < 0 || mount("/dev", "/root/dev", "", MS_MOVE, "") < 0 ||
            chdir("/root") < 0 || mount(".", "/", "", MS_MOVE, "") < 0 || chroot(".") < 0) {
                printf("init: the root disk cannot be mounted: %m\n");
                return 1;
        }
        execve(argv[0], argv, environ);
        printf("init: %s: %m\n", argv[0]);
        return 1;
}
