// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     caller                                child (fork)
 *     ------                                -----
 *     exclusive lock on .blast/lock
 *     fork ───────────────────────────────▶ user namespace (not root), mount namespace
 *                                           mounts of the host become slaves: its changes come in, ours
 *                                             do not go out
 *                                           layers opened again by path, checked by inode
 *                                           tmpfs on <generation>/.blast/mount: whiteouts, spare uppers
 *                                           tmpfs above it: site/ bin/ etc/ (mount-list.h)
 *     opens /proc/<child>/ns/{user,mnt} ◀── answer
 *     lock becomes shared                   ends; the namespaces live on in the descriptors
 *
 * Two overlays over one upper are undefined, so the lock is held by everybody who keeps the mounts alive:
 * blastd, each monitor, each sandbox's pid 1. It is an open-file-description lock: it passes from
 * exclusive to shared without a gap, travels with the descriptor, and goes with its last copy.
 *
 * Where the file system of the generation cannot hold an upper (an overlay itself, as in Docker), a tmpfs
 * does, and what is changed inside is lost with the last sandbox. Where no overlay over /etc can be
 * had, /etc is bound and its secrets are covered.
 */

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "basic/packet.h"
#include "environment/isolate.h"
#include "environment/mount-apply.h"
#include "environment/mount-table.h"
#include "environment/namespace.h"

enum {
        ANSWER_MAGIC = 0x53534e42, /* "BNSS" */
        ANSWER_SIZE_MAX = 16 * 1024,
        ETC_DEPTH_MAX = 6,
};

bool namespace_needs_user(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct sets[2];

        return syscall(SYS_capget, &header, sets) < 0 ||
                        !(sets[0].effective & (1U << CAP_SYS_ADMIN));
}

int generation_lock(int generation_fd, bool is_shared) {
        const struct flock lock = { .l_type = is_shared ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };
        _cleanup_close_ int fd =
                        openat(generation_fd,
                               ".blast/lock",
                               O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                               0600);

        if (fd < 0)
                return -errno;
        if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
                return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
        return TAKE_FD(fd);
}

static int lock_share(int fd) {
        const struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

        return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

/* What the child works with. */
typedef struct Stage {
        const GenerationSpec *spec;
        char *place; /* <generation>/.blast/mount */
        int *fds;    /* by OVERLAY_INDEX_…, then the layers */
        size_t n_fds;
        bool has_user_namespace;
        bool upper_is_volatile;
        bool etc_is_bound;
} Stage;

static void stage_done(Stage *stage) {
        for (size_t i = 0; stage->fds && i < stage->n_fds; i++)
                (void) fd_close(stage->fds[i]);
        free(stage->fds);
        free(stage->place);
}

static const struct {
        size_t index;
        const char *path; /* below the generation */
        const char *name; /* on the spare tmpfs */
} upper_directories[] = {
        { OVERLAY_INDEX_UPPER, ".blast/upper", "upper" },
        { OVERLAY_INDEX_WORK, ".blast/work", "work" },
        { OVERLAY_INDEX_UPPER_BIN, ".blast/upper-bin", "upper-bin" },
        { OVERLAY_INDEX_WORK_BIN, ".blast/work-bin", "work-bin" },
};

static int make_directories(const GenerationSpec *spec) {
        int fd;

        for (size_t i = 0; i < ELEMENTSOF(upper_directories); i++) {
                fd = directory_open_or_make(spec->generation_fd, upper_directories[i].path, 0755);
                if (fd < 0)
                        return fd;
                (void) fd_close(fd);
        }
        fd = directory_open_or_make(spec->generation_fd, ".blast/mount", 0755);
        if (fd < 0)
                return fd;
        (void) fd_close(fd);
        return 0;
}

/* Replaces the descriptor by one of this mount namespace. */
static int reopen_in_place(int *fd) {
        int again = source_reopen(*fd);

        if (again < 0)
                return again;
        (void) fd_close(*fd); /* the child's copy only */
        *fd = again;
        return 0;
}

static int open_layers(Stage *stage) {
        const GenerationSpec *spec = stage->spec;
        int generation_fd = spec->generation_fd, r;

        r = reopen_in_place(&generation_fd);
        if (r < 0)
                return r;
        stage->fds[OVERLAY_INDEX_BIN] =
                        openat(generation_fd, "bin", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (stage->fds[OVERLAY_INDEX_BIN] < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(upper_directories); i++) {
                int fd = openat(generation_fd,
                                upper_directories[i].path,
                                O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
                stage->fds[upper_directories[i].index] = fd;
        }
        stage->fds[OVERLAY_INDEX_ETC] = open("/etc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (stage->fds[OVERLAY_INDEX_ETC] < 0)
                return -errno;
        for (size_t i = 0; i < spec->n_layers; i++) {
                stage->fds[OVERLAY_INDEX_LAYERS + i] = spec->layer_fds[i];
                r = reopen_in_place(&stage->fds[OVERLAY_INDEX_LAYERS + i]);
                if (r < 0)
                        return r;
        }
        (void) fd_close(generation_fd);
        return 0;
}

static void closedirp(DIR **directory) {
        if (*directory)
                (void) closedir(*directory);
}

/* A whiteout for @path below @hidden_fd, with the directories that lead to it. */
static int hide(int hidden_fd, const char *path) {
        _cleanup_(freep) char *parent = strdup(path);

        if (!parent)
                return -ENOMEM;
        for (char *slash = strchr(parent, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdirat(hidden_fd, parent, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return mknodat(hidden_fd, path, S_IFCHR, makedev(0, 0)) < 0 ? -errno : 0;
}

/* What not everybody may read in /etc is hidden from everybody inside: root without capabilities still
 * owns those files. */
static int hide_private(int directory_fd, int hidden_fd, const char *prefix, unsigned depth) {
        _cleanup_(closedirp) DIR *directory = fdopendir(directory_fd);
        int r;

        if (!directory) {
                (void) fd_close(directory_fd);
                return -ENOMEM;
        }
        for (const struct dirent *entry; (entry = readdir(directory));) {
                _cleanup_(freep) char *path = NULL;
                struct stat status;
                mode_t needed;
                int fd;

                if (streq(entry->d_name, ".") || streq(entry->d_name, "..") ||
                    entry->d_type == DT_LNK)
                        continue;
                if (fstatat(directory_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                path = string_format("%s%s%s", prefix, *prefix ? "/" : "", entry->d_name);
                if (!path)
                        return -ENOMEM;
                needed = S_ISDIR(status.st_mode) ? S_IROTH | S_IXOTH : S_IROTH;
                if ((status.st_mode & needed) != needed ||
                    (S_ISDIR(status.st_mode) && depth == 0)) {
                        r = hide(hidden_fd, path);
                        if (r < 0)
                                return r;
                        continue;
                }
                if (!S_ISDIR(status.st_mode))
                        continue;
                fd = openat(directory_fd,
                            entry->d_name,
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0)
                        continue;
                r = hide_private(fd, hidden_fd, path, depth - 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The lower tmpfs of the stage: whiteouts for /etc, and uppers if they must be there. */
static int prepare_spare(Stage *stage) {
        _cleanup_close_ int spare_fd = -EBADF;
        int fd;

        if (mount("tmpfs", stage->place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
                return -errno;
        spare_fd = open(stage->place, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (spare_fd < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(upper_directories) && stage->upper_is_volatile; i++) {
                int *slot = stage->fds + upper_directories[i].index;
                if (mkdirat(spare_fd, upper_directories[i].name, 0755) < 0)
                        return -errno;
                (void) fd_close(*slot);
                *slot = openat(spare_fd,
                               upper_directories[i].name,
                               O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (*slot < 0)
                        return -errno;
        }
        if (stage->etc_is_bound)
                return 0;
        if (mkdirat(spare_fd, "hidden", 0755) < 0)
                return -errno;
        (void) fd_close(stage->fds[OVERLAY_INDEX_HIDDEN]);
        stage->fds[OVERLAY_INDEX_HIDDEN] =
                        openat(spare_fd, "hidden", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (stage->fds[OVERLAY_INDEX_HIDDEN] < 0)
                return -errno;
        fd = openat(stage->fds[OVERLAY_INDEX_ETC], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return hide_private(fd, stage->fds[OVERLAY_INDEX_HIDDEN], "", ETC_DEPTH_MAX);
}

static int stage_mount(Stage *stage, Fault *fault) {
        _cleanup_mount_list_ MountList list = {};
        _cleanup_(strings_freep) char **etc_mounts = NULL;
        MountContext context = {
                .place = stage->place,
                .source_fds = stage->fds,
                .n_sources = stage->n_fds,
        };
        OverlaySpec overlays = {
                .n_layers = stage->spec->n_layers,
                .is_in_user_namespace = stage->has_user_namespace,
                .etc_is_bound = stage->etc_is_bound,
        };
        int r;

        r = prepare_spare(stage);
        if (r < 0)
                return r;
        r = mount_table_below("/etc", &etc_mounts);
        if (r < 0)
                return r;
        overlays.etc_mounts = etc_mounts;
        r = mount_list_for_generation(&overlays, &list);
        if (r < 0)
                return r;
        r = mount_list_apply(&list, &context, fault);
        (void) fd_close(context.root_fd);
        return r;
}

/* Can @fd be the upper of an overlay? Only what is known not to is named; mount(2) has the last word. */
static bool can_hold_upper(int fd) {
        struct statfs status;

        return fstatfs(fd, &status) < 0 ||
                        (status.f_type != OVERLAYFS_SUPER_MAGIC &&
                         status.f_type != NFS_SUPER_MAGIC);
}

static int stage_build(Stage *stage, Fault *fault) {
        int r;

        r = open_layers(stage);
        if (r < 0)
                return r;
        stage->upper_is_volatile = !can_hold_upper(stage->fds[OVERLAY_INDEX_UPPER]);
        for (;;) {
                _cleanup_fault_ Fault reason = {};
                bool is_etc;

                r = stage_mount(stage, &reason);
                if (r >= 0)
                        return r;
                is_etc = reason.subject && path_is_below(reason.subject, "/etc");
                if (r == -E2BIG || (is_etc ? stage->etc_is_bound : stage->upper_is_volatile)) {
                        *fault = TAKE(reason, (Fault){});
                        return r;
                }
                if (is_etc)
                        stage->etc_is_bound = true;
                else
                        stage->upper_is_volatile = true;
                /* Both layers of the stage, as far as they came. */
                while (umount2(stage->place, MNT_DETACH) == 0)
                        ;
        }
}

static int child_build(const GenerationSpec *spec, bool *ret_volatile, Fault *fault) {
        _cleanup_(stage_done) Stage stage = {
                .spec = spec,
                .n_fds = OVERLAY_INDEX_LAYERS + spec->n_layers,
                .has_user_namespace = namespace_needs_user(),
        };
        _cleanup_(freep) char *generation = NULL;
        int r;

        r = directory_path(spec->generation_fd, &generation);
        if (r < 0)
                return r;
        stage.place = string_format("%s/.blast/mount", generation);
        stage.fds = new (int, stage.n_fds);
        if (!stage.place || !stage.fds)
                return -ENOMEM;
        for (size_t i = 0; i < stage.n_fds; i++)
                stage.fds[i] = -EBADF;
        if (stage.has_user_namespace) {
                r = isolate_user();
                if (r < 0)
                        return fault_set(
                                        fault,
                                        r,
                                        FAULT_NOT_ENFORCEABLE,
                                        NULL,
                                        "This machine does not let user %u make a user namespace: %s.",
                                        (unsigned) geteuid(),
                                        strerror(-r));
        }
        if (unshare(CLONE_NEWNS) < 0)
                return -errno;
        if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
                return -errno;
        r = stage_build(&stage, fault);
        if (r >= 0)
                *ret_volatile = stage.upper_is_volatile;
        return r;
}

_noreturn_ static void child_main(const GenerationSpec *spec, int channel_fd) {
        _cleanup_packet_writer_ PacketWriter writer = {};
        _cleanup_(freep) void *data = NULL;
        _cleanup_fault_ Fault fault = {};
        bool is_volatile = false;
        size_t size_bytes;
        char wait;
        int r;

        r = isolate_bind_to_parent(channel_fd);
        if (r >= 0)
                r = child_build(spec, &is_volatile, &fault);
        packet_writer_init(&writer, ANSWER_MAGIC, 1);
        packet_put_u32(&writer, (uint32_t) -r);
        packet_put_bool(&writer, is_volatile);
        packet_put_fault(&writer, &fault);
        if (packet_writer_finish(&writer, &data, &size_bytes) < 0 ||
            channel_send(channel_fd, data, size_bytes, NULL, 0) < 0)
                _exit(1);
        (void) read(channel_fd, &wait, 1); /* until the parent has what it needs and closes */
        _exit(0);
}

static int receive_answer(int channel_fd, bool *ret_volatile, Fault *fault) {
        _cleanup_(freep) char *buffer = malloc(ANSWER_SIZE_MAX);
        _cleanup_fault_ Fault reason = {};
        PacketReader reader;
        ssize_t size;
        int error, r;

        if (!buffer)
                return -ENOMEM;
        size = channel_receive(channel_fd, buffer, ANSWER_SIZE_MAX, NULL, 0, NULL);
        if (size <= 0)
                return size < 0 ? (int) size : -EPIPE;
        r = packet_reader_init(&reader, buffer, (size_t) size, ANSWER_MAGIC, 1, NULL);
        if (r < 0)
                return r;
        error = (int) packet_get_u32(&reader);
        *ret_volatile = packet_get_bool(&reader);
        r = packet_get_fault(&reader, &reason);
        if (r >= 0)
                r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        if (fault_is_set(&reason) && fault && !fault_is_set(fault))
                *fault = TAKE(reason, (Fault){});
        return -error;
}

static int open_namespaces(pid_t pid, bool has_user_namespace, GenerationMounts *ret) {
        _cleanup_close_ int user_fd = -EBADF, mount_fd = -EBADF;
        char path[48];

        (void) snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int) pid);
        mount_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (mount_fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        if (has_user_namespace) {
                (void) snprintf(path, sizeof(path), "/proc/%d/ns/user", (int) pid);
                user_fd = open(path, O_RDONLY | O_CLOEXEC);
                if (user_fd < 0)
                        return errno == ENOENT ? -ESRCH : -errno;
        }
        ret->user_fd = TAKE_FD(user_fd);
        ret->mount_fd = TAKE_FD(mount_fd);
        return 0;
}

/* Forks the child and waits for its answer; its namespaces are opened while it still lives. */
static int run_child(const GenerationSpec *spec, GenerationMounts *mounts, Fault *fault) {
        int channel[2] = { -EBADF, -EBADF }, r;
        pid_t pid;

        r = channel_pair(false, channel);
        if (r < 0)
                return r;
        pid = fork();
        if (pid < 0) {
                r = -errno;
                (void) fd_close(channel[0]);
                (void) fd_close(channel[1]);
                return r;
        }
        if (pid == 0) {
                (void) fd_close(channel[0]);
                child_main(spec, channel[1]);
        }
        (void) fd_close(channel[1]);
        r = receive_answer(channel[0], &mounts->upper_is_volatile, fault);
        if (r >= 0)
                r = open_namespaces(pid, namespace_needs_user(), mounts);
        (void) fd_close(channel[0]);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return r;
}

int namespace_new(const GenerationSpec *spec, GenerationMounts *ret, Fault *fault) {
        _cleanup_generation_mounts_ GenerationMounts mounts = GENERATION_MOUNTS_NULL;
        int r;

        if (spec->n_layers == 0 || spec->n_layers > LAUNCH_LAYERS_MAX)
                return fault_set(
                                fault,
                                -E2BIG,
                                FAULT_LIMIT_EXCEEDED,
                                NULL,
                                "An environment of %zu layers cannot be mounted: the kernel stacks at most %d.",
                                spec->n_layers,
                                LAUNCH_LAYERS_MAX);
        r = make_directories(spec);
        if (r >= 0)
                r = mounts.lock_fd = generation_lock(spec->generation_fd, false);
        if (r >= 0)
                r = run_child(spec, &mounts, fault);
        if (r >= 0)
                r = lock_share(mounts.lock_fd);
        if (r == -EBUSY)
                return fault_set(
                                fault,
                                r,
                                FAULT_BUSY,
                                NULL,
                                "The generation is mounted by another process.");
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                fault_code_from_errno(r),
                                NULL,
                                "The environment's packages cannot be mounted: %s.",
                                strerror(-r));
        *ret = TAKE(mounts, GENERATION_MOUNTS_NULL);
        return 0;
}

int namespace_of_monitor(pid_t pid, GenerationMounts *ret) {
        const struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
        _cleanup_generation_mounts_ GenerationMounts mounts = GENERATION_MOUNTS_NULL;
        char path[48];
        int r;

        r = open_namespaces(pid, namespace_needs_user(), &mounts);
        if (r < 0)
                return r;
        /* A description of our own of the same file: shared beside the monitor's. */
        (void) snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int) pid, MONITOR_FD_LOCK);
        mounts.lock_fd = open(path, O_RDWR | O_CLOEXEC);
        if (mounts.lock_fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        if (fcntl(mounts.lock_fd, F_OFD_SETLK, &lock) < 0)
                return -errno;
        *ret = TAKE(mounts, GENERATION_MOUNTS_NULL);
        return 0;
}
