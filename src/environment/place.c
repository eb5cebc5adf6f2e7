// SPDX-License-Identifier: LGPL-2.1-or-later

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"
#include "environment/generation.h"
#include "environment/place.h"

bool place_is_at(const Place *place, const char *path) {
        struct stat status;

        return stat(path, &status) == 0 && status.st_dev == place->device &&
                        status.st_ino == place->inode;
}

static bool is_home(const Place *place) {
        const char *home = secure_getenv("HOME");

        if (text_is_empty(home)) {
                const struct passwd *entry = getpwuid(geteuid());
                home = entry ? entry->pw_dir : NULL;
        }
        /* Some accounts of services have "/" or nothing real as their home. */
        return home && *home == '/' && place_is_at(place, home);
}

static int place_check(const Place *place, Fault *fault) {
        if (streq(place->path, "/") || is_home(place))
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_PROJECT_INVALID,
                                place->path,
                                "'%s' cannot be a project: all of it would be open to the programs "
                                "of the environment. Use a directory below it.",
                                place->path);
        for (const char *c = place->path; *c; c++)
                if ((unsigned char) *c < ' ' || *c == 0x7f || *c == ':')
                        return fault_set(
                                        fault,
                                        -EINVAL,
                                        FAULT_PROJECT_INVALID,
                                        NULL,
                                        "The path of the project holds a colon or a control "
                                        "character, which PATH and scripts cannot carry.");
        return 0;
}

int place_inspect(int project_fd, Fault *fault, Place *ret) {
        char link[FD_PATH_SIZE];
        struct statx status;
        ssize_t n;

        if (statx(project_fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &status) < 0)
                return -errno;
        if (!S_ISDIR(status.stx_mode))
                return fault_set(
                                fault,
                                -ENOTDIR,
                                FAULT_PROJECT_INVALID,
                                NULL,
                                "A project is a directory.");

        n = readlink(fd_path(project_fd, link), ret->path, sizeof(ret->path));
        if (n == (ssize_t) sizeof(ret->path) || (n < 0 && errno == ENAMETOOLONG))
                return fault_set(
                                fault,
                                -ENAMETOOLONG,
                                FAULT_PATH_TOO_LONG,
                                NULL,
                                "The path of the project is longer than %d bytes.",
                                GENERATION_PATH_MAX);
        if (n < 0)
                return -errno;
        ret->path[n] = '\0';
        if (status.stx_nlink == 0 || ret->path[0] != '/')
                return fault_set(
                                fault,
                                -ENOENT,
                                FAULT_PROJECT_INVALID,
                                ret->path,
                                "The directory of the project has been deleted or cannot be reached.");

        ret->device = gnu_dev_makedev(status.stx_dev_major, status.stx_dev_minor);
        ret->inode = status.stx_ino;
        ret->born_nsec = status.stx_mask & STATX_BTIME
                        ? (uint64_t) status.stx_btime.tv_sec * NSEC_PER_SEC +
                                        status.stx_btime.tv_nsec
                        : 0;
        return place_check(ret, fault);
}
