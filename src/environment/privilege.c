// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * The verbs as they are carried out by the calling process itself (embedded mode). Each is a few lines over
 * the module that does the work, so that in system mode the same lines run behind a socket: nothing
 * here keeps state, calls back or hands out pointers into itself.
 */

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "environment/launch-sandbox.h"
#include "environment/namespace.h"
#include "environment/privilege.h"
#include "environment/usage.h"

enum {
        TREE_DEPTH_MAX = 256,
};

int worker_start(const WorkerSpec *spec, Child *ret, Fault *fault) {
        _cleanup_(freep) char *name = string_format("blast-%s", spec->name), *path = NULL;
        char *const argv[] = { name, NULL };
        int r;

        if (!name)
                return -ENOMEM;
        r = program_path(name, &path);
        if (r < 0)
                return r;
        const ChildSpec child = {
                .path = path,
                .argv = argv,
                .environ = spec->environ,
                .stdio = { -EBADF, -EBADF, STDERR_FILENO },
                .fds = spec->fds,
                .n_fds = spec->n_fds,
                .uid = (uid_t) -1, /* the owner's already: one service per uid */
                .gid = (gid_t) -1,
                .memory_max_bytes = spec->memory_max_bytes,
                .cpu_max_sec = spec->cpu_max_sec,
                .file_max_bytes = spec->file_max_bytes,
                .n_files_max = spec->n_files_max,
                .dies_with_parent = true,
                .new_session = true,
        };
        r = child_spawn(&child, ret);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                FAULT_WORKER_FAILED,
                                name,
                                "The worker '%s' cannot be started: %s.",
                                path,
                                strerror(-r));
        return 0;
}

int generation_mount(const GenerationSpec *spec, GenerationMounts *ret, Fault *fault) {
        return namespace_new(spec, ret, fault);
}

int sandbox_start(
                const SandboxSpec *spec,
                const GenerationMounts *mounts,
                Child *ret_monitor,
                Fault *fault) {
        return launch_sandbox(spec, mounts, ret_monitor, fault);
}

int sandbox_signal(int monitor_pidfd, int signal) {
        siginfo_t info = { .si_signo = SIGRTMIN, .si_code = SI_QUEUE };

        if (signal <= 0 || signal > SIGRTMAX)
                return -EINVAL;
        info.si_pid = getpid();
        info.si_uid = getuid();
        info.si_value.sival_int = signal;
        return syscall(SYS_pidfd_send_signal, monitor_pidfd, SIGRTMIN, &info, 0) < 0 ? -errno : 0;
}

int sandbox_adopt(const RunRecord *record, int *ret_monitor_pidfd, GenerationMounts *ret_mounts) {
        _cleanup_close_ int pidfd =
                        process_open_verified(record->monitor_pid, record->monitor_start_ticks);
        const Guarantee *packages;
        int r;

        if (pidfd < 0)
                return pidfd;
        if (ret_mounts) {
                r = namespace_of_monitor(record->monitor_pid, ret_mounts);
                if (r < 0)
                        return r;
                packages = guarantees_find(&record->guarantees, "packages-shared-read-only");
                ret_mounts->upper_is_volatile = packages && packages->state == GUARANTEE_WEAKER;
        }
        *ret_monitor_pidfd = TAKE_FD(pidfd);
        return 0;
}

int helper_start(const HelperSpec *spec, Child *ret, Fault *fault) {
        return launch_helper(spec, ret, fault);
}

static void closedirp(DIR **directory) {
        if (*directory)
                (void) closedir(*directory);
}

/* Files become 0444, or 0555 if their owner may execute them; directories 0555 after what is in them. Takes
 * @directory_fd. The topmost directory is left as it is: a directory that cannot be written cannot be
 * moved to another parent. */
static int tree_protect(int directory_fd, unsigned depth) {
        _cleanup_(closedirp) DIR *directory = fdopendir(directory_fd);
        int r;

        if (!directory) {
                (void) fd_close(directory_fd);
                return -ENOMEM;
        }
        if (depth >= TREE_DEPTH_MAX)
                return -ELOOP;
        for (const struct dirent *entry; (entry = readdir(directory));) {
                _cleanup_close_ int fd = -EBADF;
                struct stat status;

                if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                if (fstatat(directory_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                        return -errno;
                if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
                        return -EBADMSG; /* a tree holds nothing else */
                fd = openat(directory_fd,
                            entry->d_name,
                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
                if (S_ISDIR(status.st_mode)) {
                        int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                        if (again < 0)
                                return -errno;
                        r = tree_protect(again, depth + 1);
                        if (r < 0)
                                return r;
                }
                if (fchmod(fd,
                           S_ISDIR(status.st_mode) || (status.st_mode & S_IXUSR) ? 0555 : 0444) < 0)
                        return -errno;
        }
        return 0;
}

int tree_publish(int staging_fd, const char *name, int trees_fd, const char *id) {
        _cleanup_close_ int fd = file_open_beneath(staging_fd, name, O_RDONLY | O_DIRECTORY, 0);
        int again, r;

        if (fd < 0)
                return fd;
        again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (again < 0)
                return -errno;
        r = tree_protect(again, 0);
        if (r < 0)
                return r;
        /* One flush of the file system instead of one commit of its journal per file. */
        if (syncfs(fd) < 0)
                return -errno;
        if (renameat2(staging_fd, name, trees_fd, id, RENAME_NOREPLACE) < 0) {
                r = errno == ENOTEMPTY ? -EEXIST : -errno;
                if (r == -EEXIST)
                        (void) tree_remove_at(
                                        staging_fd,
                                        name); /* leftovers are collected with the store */
                return r;
        }
        if (fchmod(fd, 0555) < 0 || fsync(fd) < 0 || fsync(trees_fd) < 0)
                return -errno;
        return 0;
}

int tree_remove(int trees_fd, const char *id) {
        _cleanup_(freep) char *leftover = string_format(".removed-%s", id);

        if (!leftover)
                return -ENOMEM;
        /* Out of sight by one rename: a tree half removed must never be found by its name. */
        if (renameat(trees_fd, id, trees_fd, leftover) < 0 && errno != ENOENT)
                return -errno;
        return tree_remove_at(trees_fd, leftover);
}

int generation_remove(int generations_fd, const char *name) {
        _cleanup_close_ int fd = file_open_beneath(generations_fd, name, O_RDONLY | O_DIRECTORY, 0),
                            lock_fd = -EBADF;

        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return fd;
        lock_fd = generation_lock(fd, false);
        if (lock_fd < 0 && lock_fd != -ENOENT) /* -ENOENT: half removed already */
                return lock_fd;
        return tree_remove_at(generations_fd, name);
}

int limits_read(int monitor_pidfd, LimitUsage *ret) {
        pid_t pid;
        int r;

        r = pidfd_get_pid(monitor_pidfd, &pid);
        return r < 0 ? r : limits_usage(pid, ret);
}

int project_open(const char *path, uid_t uid, int *ret_fd, Fault *fault) {
        const bool is_other = uid != geteuid();
        const uid_t uid_before = is_other ? (uid_t) setfsuid(uid) : uid;
        int fd, r;

        /* The kernel takes CAP_DAC_* out of the effective set while the file system uid is not 0. */
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = fd < 0 ? -errno : 0;
        if (is_other)
                (void) setfsuid(uid_before);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                fault_code_from_errno(r),
                                path,
                                "The project directory '%s' cannot be opened: %s.",
                                path,
                                strerror(-r));
        *ret_fd = fd;
        return 0;
}
