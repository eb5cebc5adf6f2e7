// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Two locks in the state directory keep one daemon per state directory, without a moment in which a
 * client is told "it runs" by one that cannot be reached:
 *
 *     start:  flock(start) ── flock(lock) ──┬─ free: bind, listen, release start, serve
 *                                           └─ held: its holder listens, for it released start
 *     leave:  flock(start) ── unlink socket, close ── exit releases both at once
 *
 * A second daemon that comes while the first leaves waits for `start` and then finds `lock` free.
 *
 * The way to a directory may lead over links (homes often do); its last component may not, must be
 * ours and is made 0700. What systemd or a test gives is made in whole.
 */

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"
#include "daemon/directories.h"

#define LOCK_NAME  "lock"
#define START_NAME "starting"

typedef struct DirectoryKind {
        const char *variable;     /* as systemd gives it: the directory itself */
        const char *xdg_variable; /* "/blast" goes after it */
        const char *home_default; /* beneath the home; NULL: <state>/run */
        bool is_optional;         /* not made, not missed */
} DirectoryKind;

static const DirectoryKind kind_state = { "STATE_DIRECTORY", "XDG_STATE_HOME", ".local/state" };
static const DirectoryKind kind_cache = { "CACHE_DIRECTORY", "XDG_CACHE_HOME", ".cache" };
static const DirectoryKind kind_runtime = { "RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", NULL };
static const DirectoryKind kind_configuration = {
        "CONFIGURATION_DIRECTORY",
        "XDG_CONFIG_HOME",
        ".config",
        true,
};

static void directory_done(Directory *directory) {
        directory->fd = fd_close(directory->fd);
        free(directory->path);
        directory->path = NULL;
}

void directories_done(Directories *directories) {
        directory_done(&directories->state);
        directory_done(&directories->cache);
        directory_done(&directories->runtime);
        directory_done(&directories->configuration);
        directories->start_fd = fd_close(directories->start_fd);
        directories->lock_fd = fd_close(directories->lock_fd);
}

static int find_home(char **ret, Fault *fault) {
        const char *home = getenv("HOME");

        if (text_is_empty(home)) {
                const struct passwd *entry = getpwuid(geteuid());
                home = entry ? entry->pw_dir : NULL;
        }
        if (text_is_empty(home) || *home != '/')
                return fault_set(
                                fault,
                                -ENXIO,
                                FAULT_INTERNAL,
                                "HOME",
                                "There is no home directory to keep environments in.");
        *ret = strdup(home);
        return *ret ? 0 : -ENOMEM;
}

/* Where the directory should be. */
static int find_path(const DirectoryKind *kind, const char *state, char **ret, Fault *fault) {
        _cleanup_(freep) char *home = NULL;
        const char *given = getenv(kind->variable);
        const char *base = getenv(kind->xdg_variable);
        int r;

        if (given && *given == '/')
                *ret = text_to_string((Text){ given, strcspn(given, ":") });
        else if (base && *base == '/') /* the XDG specification: relative ones are to be ignored */
                *ret = string_format("%s/blast", base);
        else if (!kind->home_default)
                *ret = string_format("%s/run", state);
        else {
                r = find_home(&home, fault);
                if (r < 0)
                        return r;
                *ret = string_format("%s/%s/blast", home, kind->home_default);
        }
        return *ret ? 0 : -ENOMEM;
}

/* mkdir -p of the way to @path, not of its last component. */
static int make_parents(char *path) {
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                int r = mkdir(path, 0700) < 0 ? -errno : 0;
                *slash = '/';
                /* EROFS, EACCES: it may be there all the same; the open that follows will say. */
                if (r < 0 && r != -EEXIST && r != -EROFS && r != -EACCES)
                        return r;
        }
        return 0;
}

static int open_last(const char *path, Fault *fault) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat status;

        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        if (status.st_uid != geteuid())
                return fault_set(
                                fault,
                                -EPERM,
                                FAULT_ACCESS_DENIED,
                                path,
                                "The directory '%s' belongs to another user.",
                                path);
        if ((status.st_mode & 07777) != 0700 && fchmod(fd, 0700) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int
directory_open(const DirectoryKind *kind, const char *state, Directory *ret, Fault *fault) {
        _cleanup_(freep) char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        char link[FD_PATH_SIZE], real[PATH_MAX];
        ssize_t length;
        int r;

        r = find_path(kind, state, &path, fault);
        if (r < 0)
                return r;
        if (!kind->is_optional) {
                r = make_parents(path);
                if (r >= 0 && mkdir(path, 0700) < 0 && errno != EEXIST)
                        r = -errno;
                if (r < 0)
                        return fault_set(
                                        fault,
                                        r,
                                        fault_code_from_errno(r),
                                        path,
                                        "Cannot make the directory '%s': %s.",
                                        path,
                                        strerror(-r));
        }
        fd = open_last(path, fault);
        if (fd == -ENOENT && kind->is_optional)
                return 0;
        if (fd < 0)
                return fault_set(
                                fault,
                                fd,
                                fault_code_from_errno(fd),
                                path,
                                "Cannot open the directory '%s': %s.",
                                path,
                                strerror(-fd));
        length = readlink(fd_path(fd, link), real, sizeof(real));
        if (length < 0)
                return -errno;
        if ((size_t) length >= sizeof(real))
                return -ENAMETOOLONG;
        ret->path = text_to_string((Text){ real, (size_t) length });
        if (!ret->path)
                return -ENOMEM;
        ret->fd = TAKE_FD(fd);
        return 0;
}

int directories_open(Directories *ret, Fault *fault) {
        _cleanup_directories_ Directories directories = DIRECTORIES_NULL;
        int r;

        r = directory_open(&kind_state, NULL, &directories.state, fault);
        if (r < 0)
                return r;
        r = directory_open(&kind_cache, NULL, &directories.cache, fault);
        if (r < 0)
                return r;
        r = directory_open(&kind_runtime, directories.state.path, &directories.runtime, fault);
        if (r < 0)
                return r;
        r = directory_open(&kind_configuration, NULL, &directories.configuration, fault);
        if (r < 0)
                return r;
        *ret = TAKE(directories, DIRECTORIES_NULL);
        return 0;
}

static int lock_open(const Directories *directories, const char *name, int operation) {
        _cleanup_close_ int fd =
                        openat(directories->state.fd,
                               name,
                               O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                               0600);

        if (fd < 0)
                return -errno;
        while (flock(fd, operation) < 0)
                if (errno != EINTR)
                        return -errno;
        return TAKE_FD(fd);
}

/* The file of the lock says where its holder listens: another session of the same user may have another
 * runtime directory, or none. Torn writes cannot be seen: readers hold the start lock, as we do. */
static int lock_write_place(const Directories *directories) {
        const char *path = directories->runtime.path;

        if (ftruncate(directories->lock_fd, 0) < 0)
                return -errno;
        return file_write_all(directories->lock_fd, path, strlen(path));
}

/* Of the daemon that holds the lock. */
static int lock_read_place(Directories *directories) {
        _cleanup_(freep) char *path = NULL;
        int r = file_read_at(directories->state.fd, LOCK_NAME, PATH_MAX, &path, NULL);

        if (r < 0)
                return r;
        free(directories->runtime.path);
        directories->runtime.path = TAKE_PTR(path);
        return 0;
}

int directories_lock(Directories *directories, Fault *fault) {
        _cleanup_close_ int start_fd = lock_open(directories, START_NAME, LOCK_EX);
        if (start_fd < 0)
                return fault_set(
                                fault,
                                start_fd,
                                fault_code_from_errno(start_fd),
                                directories->state.path,
                                "Cannot lock the state directory: %s.",
                                strerror(-start_fd));

        int lock_fd = lock_open(directories, LOCK_NAME, LOCK_EX | LOCK_NB);
        if (lock_fd == -EWOULDBLOCK)
                return lock_read_place(directories);
        if (lock_fd < 0)
                return lock_fd;
        directories->lock_fd = lock_fd;
        int r = lock_write_place(directories);
        if (r < 0)
                return r;
        directories->start_fd = TAKE_FD(start_fd);
        return 1;
}

void directories_started(Directories *directories) {
        directories->start_fd = fd_close(directories->start_fd);
}

int directories_leave(Directories *directories, bool waits) {
        int start_fd = lock_open(directories, START_NAME, LOCK_EX | (waits ? 0 : LOCK_NB));

        if (start_fd < 0)
                return start_fd == -EWOULDBLOCK ? -EAGAIN : start_fd;
        directories->start_fd = start_fd;
        return 0;
}
