// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     open every source by path ─▶ tmpfs on @place ─▶ one operation after the other ─▶ (caller) pivot
 *
 * Sources are opened first, because the new tmpfs may cover some of them. Targets are walked one component
 * at a time from the new root without following links, and made where they are absent: below a
 * writable project nobody can redirect a mount.
 *
 * Binds use open_tree(2) + mount_setattr(2) + move_mount(2) (5.2 and 5.12): the attributes are set on the
 * whole tree before it is attached. Where a filter around us refuses these calls, mount(2) does the
 * same in two steps for the topmost mount; submounts then keep their attributes, which the rows of
 * mount-table.c report.
 *
 * Overlays use mount(2) with short names relative to /proc/self/fd: 500 layers in 2.5 KiB of the one page
 * there is, no escaping of colons and commas, and nothing between the check of a layer and its use.
 */

#include <dirent.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "environment/mount-apply.h"

enum {
        OPTIONS_MAX = 4095,
        ROOT_BYTES = 16 * 1024 * 1024,
};

#define MASK_FILE      ".mask-file"
#define MASK_DIRECTORY ".mask-directory"

/* What is left of /proc: what programs read to learn about processes and the machine's size. */
static const char *const proc_allowed[] = {
        "cgroups", "cmdline", "cpuinfo", "devices",  "diskstats", "filesystems",
        "loadavg", "locks",   "meminfo", "mounts",   "net",       "pressure",
        "self",    "stat",    "swaps",   "sys",      "sysvipc",   "thread-self",
        "uptime",  "version", "vmstat",  "zoneinfo",
};

static const char *const device_names[] = { "full", "null", "random", "tty", "urandom", "zero" };

static int tree_clone(int fd, bool recursive) {
        unsigned flags = AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
                        (recursive ? AT_RECURSIVE : 0);
        int tree = (int) syscall(SYS_open_tree, fd, "", flags);

        return tree < 0 ? -errno : tree;
}

static int tree_protect(int fd, uint64_t attributes, bool recursive) {
        struct mount_attr change = { .attr_set = attributes };
        unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

        return syscall(SYS_mount_setattr, fd, "", flags, &change, sizeof(change)) < 0 ? -errno : 0;
}

static int tree_attach(int tree, int target_fd) {
        unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;

        return syscall(SYS_move_mount, tree, "", target_fd, "", flags) < 0 ? -errno : 0;
}

static unsigned long legacy_flags(uint64_t attributes) {
        return (attributes & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0) |
                        (attributes & MOUNT_ATTR_NOSUID ? MS_NOSUID : 0) |
                        (attributes & MOUNT_ATTR_NODEV ? MS_NODEV : 0) |
                        (attributes & MOUNT_ATTR_NOEXEC ? MS_NOEXEC : 0);
}

/* Opens what is at @path below the new root. @kind: S_IFDIR or S_IFREG to make it if absent, 0 not to.
 * Errors: -ENOENT, -ELOOP and -ENOTDIR where a link is in the way. */
static int walk(int root_fd, const char *path, mode_t kind) {
        _cleanup_close_ int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
        char name[256];

        if (fd < 0)
                return -errno;
        for (const char *at = path; *at;) {
                size_t length;
                int next;

                at += strspn(at, "/");
                length = strcspn(at, "/");
                if (length == 0)
                        break;
                if (length >= sizeof(name))
                        return -ENAMETOOLONG;
                memcpy(name, at, length);
                name[length] = '\0';
                at += length;

                next = openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
                if (next < 0 && errno == ENOENT && kind != 0) {
                        bool is_file = *at == '\0' && kind == S_IFREG;
                        int r = is_file ? mknodat(fd, name, S_IFREG | 0444, 0)
                                        : mkdirat(fd, name, 0755);
                        if (r < 0)
                                return -errno;
                        next = openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
                }
                if (next < 0)
                        return -errno;
                (void) fd_close(fd);
                fd = next;
        }
        return TAKE_FD(fd);
}

static mode_t fd_kind(int fd) {
        struct stat status;

        if (fstat(fd, &status) < 0)
                return 0;
        return S_ISDIR(status.st_mode) ? S_IFDIR : S_ISLNK(status.st_mode) ? S_IFLNK : S_IFREG;
}

/* Flags a bind inherited from a more privileged namespace may not be taken away by a remount. */
static unsigned long inherited_flags(int fd) {
        static const struct {
                unsigned long stat;
                unsigned long mount;
        } pairs[] = {
                { ST_RDONLY, MS_RDONLY },     { ST_NOSUID, MS_NOSUID },
                { ST_NODEV, MS_NODEV },       { ST_NOEXEC, MS_NOEXEC },
                { ST_NOATIME, MS_NOATIME },   { ST_NODIRATIME, MS_NODIRATIME },
                { ST_RELATIME, MS_RELATIME },
        };
        struct statvfs status;
        unsigned long flags = 0;

        if (fstatvfs(fd, &status) < 0)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++)
                if (status.f_flag & pairs[i].stat)
                        flags |= pairs[i].mount;
        return flags;
}

static int bind_legacy(int source_fd, int root_fd, const char *target, uint64_t attributes) {
        _cleanup_close_ int target_fd = walk(root_fd, target, 0), mounted_fd = -EBADF;
        char from[FD_PATH_SIZE], to[FD_PATH_SIZE];
        unsigned long flags;

        if (target_fd < 0)
                return target_fd;
        if (mount(fd_path(source_fd, from), fd_path(target_fd, to), NULL, MS_BIND | MS_REC, NULL) <
            0)
                return -errno;
        if (attributes == 0)
                return 0;
        mounted_fd = walk(root_fd, target, 0);
        if (mounted_fd < 0)
                return mounted_fd;
        flags = inherited_flags(mounted_fd) | legacy_flags(attributes) | MS_BIND | MS_REMOUNT;
        return mount(NULL, fd_path(mounted_fd, to), NULL, flags, NULL) < 0 ? -errno : 0;
}

static bool is_refused_call(int error) {
        return error == -ENOSYS || error == -EPERM;
}

/* Binds what @source_fd is (with everything below it) on @target_fd, which is @target. */
static int
bind_at(MountContext *context,
        int source_fd,
        int target_fd,
        const char *target,
        uint64_t attributes) {
        _cleanup_close_ int tree_fd = -EBADF;
        int r;

        if (context->uses_legacy)
                return bind_legacy(source_fd, context->root_fd, target, attributes);
        tree_fd = tree_clone(source_fd, true);
        r = tree_fd < 0 ? tree_fd : tree_protect(tree_fd, attributes, true);
        if (r >= 0)
                r = tree_attach(tree_fd, target_fd);
        if (!is_refused_call(r))
                return r;
        context->uses_legacy = true;
        return bind_legacy(source_fd, context->root_fd, target, attributes);
}

/* The same by path; the target is made if it is absent. */
static int bind_fd(MountContext *context, int source_fd, const char *target, uint64_t attributes) {
        _cleanup_close_ int target_fd = walk(context->root_fd, target, fd_kind(source_fd));

        return target_fd < 0 ? target_fd
                             : bind_at(context, source_fd, target_fd, target, attributes);
}

static uint64_t bind_attributes(uint32_t flags) {
        return MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                        (flags & MOUNT_FLAG_READ_ONLY ? MOUNT_ATTR_RDONLY : 0) |
                        (flags & MOUNT_FLAG_NOEXEC ? MOUNT_ATTR_NOEXEC : 0);
}

static int apply_link(MountContext *context, const char *target, const char *text) {
        _cleanup_(freep) char *parent = strdup(target);
        _cleanup_close_ int fd = -EBADF;
        char *slash;

        if (!parent)
                return -ENOMEM;
        slash = strrchr(parent, '/');
        *slash = '\0';
        fd = walk(context->root_fd, parent, S_IFDIR);
        if (fd < 0)
                return fd;
        return symlinkat(text, fd, slash + 1) < 0 ? -errno : 0;
}

/* The host's path as it is: @source_fd was opened without following. */
static int apply_same(MountContext *context, const Mount *mount, int source_fd) {
        char text[4096];
        ssize_t length;

        if (fd_kind(source_fd) != S_IFLNK)
                return bind_fd(context, source_fd, mount->target, bind_attributes(mount->flags));
        length = readlinkat(source_fd, "", text, sizeof(text) - 1);
        if (length < 0)
                return -errno;
        text[length] = '\0';
        return apply_link(context, mount->target, text);
}

static int apply_tmpfs(MountContext *context, const Mount *mount_) {
        _cleanup_close_ int fd = walk(context->root_fd, mount_->target, S_IFDIR);
        char options[128], to[FD_PATH_SIZE];
        int n;

        if (fd < 0)
                return fd;
        n = snprintf(options, sizeof(options), "mode=%o", mount_->mode);
        if (mount_->size_bytes > 0)
                n += snprintf(options + n,
                              sizeof(options) - (size_t) n,
                              ",size=%llu",
                              (unsigned long long) mount_->size_bytes);
        if (mount_->n_inodes > 0)
                (void) snprintf(options + n,
                                sizeof(options) - (size_t) n,
                                ",nr_inodes=%llu",
                                (unsigned long long) mount_->n_inodes);
        return mount("tmpfs", fd_path(fd, to), "tmpfs", MS_NOSUID | MS_NODEV, options) < 0 ? -errno
                                                                                           : 0;
}

/* Covers @target by something of its kind that nobody may open. */
static int mask_at(MountContext *context, int target_fd, const char *target) {
        bool is_directory = fd_kind(target_fd) == S_IFDIR;

        return bind_at(context,
                       is_directory ? context->mask_directory_fd : context->mask_file_fd,
                       target_fd,
                       target,
                       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

static int apply_mask(MountContext *context, const char *target) {
        _cleanup_close_ int fd = walk(context->root_fd, target, 0);

        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
                return 0; /* nothing to hide */
        return fd < 0 ? fd : mask_at(context, fd, target);
}

static int make_masks(MountContext *context) {
        if (mknodat(context->root_fd, MASK_FILE, S_IFREG, 0) < 0 ||
            mkdirat(context->root_fd, MASK_DIRECTORY, 0) < 0)
                return -errno;
        context->mask_file_fd = openat(context->root_fd, MASK_FILE, O_PATH | O_CLOEXEC);
        context->mask_directory_fd = openat(context->root_fd, MASK_DIRECTORY, O_PATH | O_CLOEXEC);
        return context->mask_file_fd < 0 || context->mask_directory_fd < 0 ? -errno : 0;
}

static bool is_allowed_proc(const char *name) {
        if (name[0] >= '0' && name[0] <= '9')
                return true;
        for (size_t i = 0; i < ELEMENTSOF(proc_allowed); i++)
                if (streq(name, proc_allowed[i]))
                        return true;
        return streq(name, ".") || streq(name, "..");
}

static void closedirp(DIR **directory) {
        if (*directory)
                (void) closedir(*directory);
}

/* Everything in /proc but what is listed is covered, so that what a newer kernel adds is hidden. */
static int mask_proc(MountContext *context, const char *target) {
        _cleanup_close_ int fd = walk(context->root_fd, target, 0);
        _cleanup_(closedirp) DIR *directory = NULL;
        int list_fd, r;

        if (fd < 0)
                return fd;
        list_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (list_fd < 0)
                return -errno;
        directory = fdopendir(list_fd);
        if (!directory) {
                (void) fd_close(list_fd);
                return -ENOMEM;
        }
        for (const struct dirent *entry; (entry = readdir(directory));) {
                _cleanup_close_ int entry_fd = -EBADF;
                _cleanup_(freep) char *path = NULL;
                if (is_allowed_proc(entry->d_name) || entry->d_type == DT_LNK)
                        continue;
                entry_fd = openat(fd, entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
                path = string_format("%s/%s", target, entry->d_name);
                if (!path)
                        return -ENOMEM;
                if (entry_fd < 0)
                        continue; /* it went away */
                r = mask_at(context, entry_fd, path);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int protect_proc_sys(MountContext *context, const char *target) {
        _cleanup_(freep) char *path = string_format("%s/sys", target);
        _cleanup_close_ int fd = -EBADF;

        if (!path)
                return -ENOMEM;
        fd = walk(context->root_fd, path, 0);
        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return fd;
        return bind_fd(context,
                       fd,
                       path,
                       bind_attributes(MOUNT_FLAG_READ_ONLY | MOUNT_FLAG_NOEXEC));
}

static int apply_proc(MountContext *context, const Mount *mount_) {
        const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
        _cleanup_close_ int fd = walk(context->root_fd, mount_->target, S_IFDIR);
        char to[FD_PATH_SIZE];
        int r;

        if (fd < 0)
                return fd;
        if (mount("proc", fd_path(fd, to), "proc", flags, NULL) < 0) {
                if (errno != EPERM)
                        return -errno;
                /* A container engine masks parts of /proc, so a user namespace may not have a whole one. */
                context->proc_is_partial = true;
                if (mount("proc", to, "proc", flags, "subset=pid") < 0)
                        return errno == EPERM || errno == EINVAL ? 0 : -errno;
                return 0;
        }
        r = mask_proc(context, mount_->target);
        return r < 0 ? r : protect_proc_sys(context, mount_->target);
}

static int bind_device(MountContext *context, const char *directory, const char *name) {
        _cleanup_(freep) char *source = string_format("/dev/%s", name);
        _cleanup_(freep) char *target = string_format("%s/%s", directory, name);
        _cleanup_close_ int fd = -EBADF;

        if (!source || !target)
                return -ENOMEM;
        fd = open(source, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        /* Read-only still lets a device be written to, but not its mode, owner or times changed: they
         * are the host's, and root without capabilities owns them. */
        return bind_fd(context,
                       fd,
                       target,
                       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

static int apply_devices(MountContext *context, const Mount *mount_) {
        static const char *const links[][2] = {
                { "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
                { "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
                { "ptmx", "pts/ptmx" },
        };
        _cleanup_(freep) char *pts = string_format("%s/pts", mount_->target);
        _cleanup_close_ int directory_fd = walk(context->root_fd, mount_->target, S_IFDIR),
                            pts_fd = -EBADF;
        char to[FD_PATH_SIZE];
        int r;

        if (directory_fd < 0)
                return directory_fd;
        if (!pts)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(device_names); i++) {
                r = bind_device(context, mount_->target, device_names[i]);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(links); i++)
                if (symlinkat(links[i][1], directory_fd, links[i][0]) < 0)
                        return -errno;
        pts_fd = walk(context->root_fd, pts, S_IFDIR);
        if (pts_fd < 0)
                return pts_fd;
        if (mount("devpts",
                  fd_path(pts_fd, to),
                  "devpts",
                  MS_NOSUID | MS_NOEXEC,
                  "newinstance,ptmxmode=0666,mode=0620") < 0)
                return -errno;
        return 0;
}

/* The last operation: the helpers of the masks go, then the tmpfs itself can no longer be written. */
static int apply_read_only(MountContext *context, const char *target) {
        _cleanup_close_ int fd = walk(context->root_fd, target, 0);
        char to[FD_PATH_SIZE];
        int r;

        if (fd < 0)
                return fd;
        (void) unlinkat(context->root_fd, MASK_FILE, 0);
        (void) unlinkat(context->root_fd, MASK_DIRECTORY, AT_REMOVEDIR);
        r = context->uses_legacy ? -ENOSYS : tree_protect(fd, MOUNT_ATTR_RDONLY, false);
        if (!is_refused_call(r))
                return r;
        if (mount(NULL,
                  fd_path(fd, to),
                  NULL,
                  MS_BIND | MS_REMOUNT | MS_RDONLY | inherited_flags(fd),
                  NULL) < 0)
                return -errno;
        return 0;
}

static int index_to_fd(uint32_t index, const int *source_fds, size_t n_sources) {
        return index < n_sources && source_fds[index] >= 0 ? source_fds[index] : -EBADF;
}

int overlay_options(const Mount *mount, const int *source_fds, size_t n_sources, char **ret) {
        _cleanup_builder_ Builder options = {};
        _cleanup_(freep) char *text = NULL;
        int r;

        /* What foreign layers could ask for is switched off, whatever this kernel's defaults are. */
        builder_add(&options, "redirect_dir=nofollow,metacopy=off,index=off,xino=off");
        if (mount->flags & MOUNT_FLAG_USERXATTR)
                builder_add(&options, ",userxattr");
        if (mount->upper != MOUNT_INDEX_NONE) {
                int upper = index_to_fd(mount->upper, source_fds, n_sources);
                int work = index_to_fd(mount->work, source_fds, n_sources);
                if (upper < 0 || work < 0)
                        return -EBADF;
                builder_add_format(&options, ",upperdir=%d,workdir=%d", upper, work);
        }
        builder_add(&options, ",lowerdir=");
        for (size_t i = 0; i < mount->n_lowers; i++) {
                int fd = index_to_fd(mount->lowers[i], source_fds, n_sources);
                if (fd < 0)
                        return -EBADF;
                builder_add_format(&options, "%s%d", i > 0 ? ":" : "", fd);
        }
        r = builder_finish(&options, &text);
        if (r < 0)
                return r;
        if (strlen(text) > OPTIONS_MAX)
                return -E2BIG;
        *ret = TAKE_PTR(text);
        return 0;
}

static int apply_overlay(MountContext *context, const Mount *mount_) {
        _cleanup_close_ int target_fd = walk(context->root_fd, mount_->target, S_IFDIR);
        _cleanup_(freep) char *options = NULL;
        unsigned long flags = MS_NOSUID | MS_NODEV;
        char to[FD_PATH_SIZE];
        int r;

        if (target_fd < 0)
                return target_fd;
        if (mount_->n_lowers > MOUNT_LOWERS_MAX)
                return -E2BIG;
        r = overlay_options(mount_, context->source_fds, context->n_sources, &options);
        if (r < 0)
                return r;
        if (mount_->flags & MOUNT_FLAG_READ_ONLY)
                flags |= MS_RDONLY;
        if (chdir("/proc/self/fd") < 0)
                return -errno;
        r = mount("blast", fd_path(target_fd, to), "overlay", flags, options) < 0 ? -errno : 0;
        (void) chdir("/"); /* always possible, and nothing of ours uses relative paths */
        return r;
}

static int apply_directory(MountContext *context, const Mount *mount) {
        _cleanup_close_ int fd = walk(context->root_fd, mount->target, S_IFDIR);

        return fd < 0 ? fd : 0;
}

static int apply_one(MountContext *context, const Mount *mount, int source_fd) {
        switch (mount->kind) {
        case MOUNT_DIRECTORY:
                return apply_directory(context, mount);
        case MOUNT_LINK:
                return apply_link(context, mount->target, mount->source);
        case MOUNT_TMPFS:
                return apply_tmpfs(context, mount);
        case MOUNT_BIND:
                return bind_fd(context, source_fd, mount->target, bind_attributes(mount->flags));
        case MOUNT_SAME:
                return apply_same(context, mount, source_fd);
        case MOUNT_OVERLAY:
                return apply_overlay(context, mount);
        case MOUNT_PROC:
                return apply_proc(context, mount);
        case MOUNT_DEVICES:
                return apply_devices(context, mount);
        case MOUNT_MASK:
                return apply_mask(context, mount->target);
        case MOUNT_READ_ONLY:
                return apply_read_only(context, mount->target);
        default:
                return -EINVAL;
        }
}

/* Returns the descriptor, -ENODATA when the operation needs none. */
static int open_source(const Mount *mount, const MountContext *context) {
        int fd, source;

        if (mount->kind == MOUNT_SAME || (mount->kind == MOUNT_BIND && mount->source)) {
                fd = open(mount->source,
                          O_PATH | O_CLOEXEC | (mount->kind == MOUNT_SAME ? O_NOFOLLOW : 0));
                return fd < 0 ? -errno : fd;
        }
        if (mount->kind != MOUNT_BIND)
                return -ENODATA;
        source = index_to_fd(mount->index, context->source_fds, context->n_sources);
        if (source < 0)
                return source;
        fd = fcntl(source, F_DUPFD_CLOEXEC, 3);
        return fd < 0 ? -errno : fd;
}

static int new_root(MountContext *context) {
        char options[64];

        (void) snprintf(options, sizeof(options), "mode=0755,size=%d", ROOT_BYTES);
        if (mount("tmpfs", context->place, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
                return -errno;
        context->root_fd = open(context->place, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return context->root_fd < 0 ? -errno : make_masks(context);
}

static int explain(const Mount *mount, int error, Fault *fault) {
        return fault_set(
                        fault,
                        error,
                        error == -E2BIG ? FAULT_LIMIT_EXCEEDED : fault_code_from_errno(error),
                        mount ? mount->target : NULL,
                        mount ? "The sandbox's %s at '%s' cannot be made: %s."
                              : "The sandbox's %s cannot be made at '%s': %s.",
                        mount ? mount_kind_to_string(mount->kind) : "root",
                        mount ? mount->target : "/",
                        strerror(-error));
}

static void close_all(int *fds, size_t n_fds) {
        for (size_t i = 0; i < n_fds; i++)
                (void) fd_close(fds[i]);
}

static int apply_all(const MountList *list, MountContext *context, const int *fds, Fault *fault) {
        int r = new_root(context);

        if (r < 0)
                return explain(NULL, r, fault);
        for (size_t i = 0; i < list->n_items; i++) {
                const Mount *mount = list->items + i;
                if (fds[i] == -ENOENT && (mount->flags & MOUNT_FLAG_OPTIONAL))
                        continue;
                r = apply_one(context, mount, fds[i]);
                if (r < 0)
                        return explain(mount, r, fault);
        }
        return 0;
}

int mount_list_apply(const MountList *list, MountContext *context, Fault *fault) {
        _cleanup_(freep) int *fds = new (int, list->n_items + 1);
        int r = 0;

        context->root_fd = context->mask_file_fd = context->mask_directory_fd = -EBADF;
        if (!fds)
                return -ENOMEM;
        for (size_t i = 0; i < list->n_items; i++) {
                const Mount *mount = list->items + i;
                fds[i] = open_source(mount, context);
                if (fds[i] >= 0 || fds[i] == -ENODATA ||
                    (fds[i] == -ENOENT && (mount->flags & MOUNT_FLAG_OPTIONAL)))
                        continue;
                r = explain(mount, fds[i], fault);
                close_all(fds, i);
                return r;
        }
        r = apply_all(list, context, fds, fault);
        close_all(fds, list->n_items);
        context->mask_file_fd = fd_close(context->mask_file_fd);
        context->mask_directory_fd = fd_close(context->mask_directory_fd);
        return r;
}

int mount_root_enter(int root_fd) {
        /* Both arguments name one directory: the old root lies on top of it afterwards, see pivot_root(2). */
        if (fchdir(root_fd) < 0)
                return -errno;
        if (syscall(SYS_pivot_root, ".", ".") < 0)
                return -errno;
        if (umount2(".", MNT_DETACH) < 0)
                return -errno;
        return chdir("/") < 0 ? -errno : 0;
}

int source_reopen(int fd) {
        _cleanup_close_ int again = -EBADF;
        char link[FD_PATH_SIZE], path[4096];
        struct stat given, found;
        ssize_t length;

        length = readlink(fd_path(fd, link), path, sizeof(path) - 1);
        if (length < 0)
                return -errno;
        path[length] = '\0';
        again = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (again < 0)
                return errno == ENOENT || errno == ENOTDIR ? -ESTALE : -errno;
        if (fstat(fd, &given) < 0 || fstat(again, &found) < 0)
                return -errno;
        if (given.st_dev != found.st_dev || given.st_ino != found.st_ino)
                return -ESTALE;
        return TAKE_FD(again);
}
