// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Two programs, of which the kernel takes the stricter answer:
 *
 *     by number     listed ─▶ allow · known but never needed ─▶ EPERM · everything else ─▶ ENOSYS
 *     by argument   bad socket family, clone flag, ioctl, mode ─▶ an errno · everything else ─▶ allow
 *
 * One program could not say both: in libseccomp an unconditional rule for a call swallows the conditional
 * ones. Unknown means ENOSYS, so that C libraries fall back (clone3, io_uring) and calls of kernels
 * to come are not open by accident. Foreign architectures and x32 numbers get ENOSYS as well. So does
 * openat2: its mode lies in memory, where no filter sees a set-id bit.
 *
 * Numbers without conditions are answered from the kernel's bitmap (5.11), so neither the length of the
 * list nor the second program costs anything per call.
 *
 * Source: security anchors 5.3; the lists follow docker's default profile and bubblewrap's users.
 */

#include <errno.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "environment/isolate.h"
#include "environment/seccomp.h"

enum {
        FAMILY_LAST = AF_INET6,
        PROTOCOL_MPTCP = 262,
};

#define MASK_32 UINT64_C(0xffffffff)

/* clang-format off */
static const char *const allowed_calls[] = {
        /* files and directories */
        "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat",
        "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir",
        "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr",
        "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat", "fstatfs", "fsync",
        "ftruncate", "futimesat", "getcwd", "getdents", "getdents64", "getxattr",
        "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "ioctl", "lchown",
        "lgetxattr", "link", "linkat", "listxattr", "llistxattr", "lremovexattr", "lseek",
        "lsetxattr", "lstat", "mkdir", "mkdirat", "mknod", "mknodat", "newfstatat", "open",
        "openat", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2",
        "read", "readahead", "readlink", "readlinkat", "readv", "removexattr", "rename", "renameat",
        "renameat2", "rmdir", "sendfile", "setxattr", "splice", "stat", "statfs", "statx",
        "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "tee", "truncate", "umask",
        "unlink", "unlinkat", "utime", "utimensat", "utimes", "vmsplice", "write", "writev",
        "cachestat", "ustat", "sysfs", "statmount", "listmount",
        /* memory */
        "brk", "get_mempolicy", "madvise", "map_shadow_stack", "mbind", "membarrier",
        "memfd_create", "mincore", "mlock", "mlock2", "mlockall", "mmap", "mprotect", "mremap",
        "mseal", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free",
        "pkey_mprotect", "process_madvise", "process_mrelease", "remap_file_pages", "set_mempolicy",
        "set_mempolicy_home_node",
        /* processes, threads, signals, time */
        "alarm", "arch_prctl", "capget", "capset", "clock_getres", "clock_gettime",
        "clock_nanosleep", "clone", "execve", "execveat", "exit", "exit_group", "fork", "futex",
        "futex_requeue", "futex_wait", "futex_waitv", "futex_wake", "get_robust_list",
        "get_thread_area", "getcpu", "getegid", "geteuid", "getgid", "getgroups", "getitimer",
        "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid",
        "getresuid", "getrlimit", "getrusage", "getsid", "gettid", "gettimeofday", "getuid",
        "ioprio_get", "ioprio_set", "kill", "nanosleep", "pause", "personality", "pidfd_open",
        "pidfd_send_signal", "prctl", "prlimit64", "restart_syscall", "rseq", "rt_sigaction",
        "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
        "rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max", "sched_get_priority_min",
        "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
        "sched_rr_get_interval", "sched_setaffinity", "sched_setattr", "sched_setparam",
        "sched_setscheduler", "sched_yield", "seccomp", "set_robust_list", "set_thread_area",
        "set_tid_address", "setfsgid", "setfsuid", "setgid", "setgroups", "setitimer", "setpgid",
        "setpriority", "setregid", "setresgid", "setresuid", "setreuid", "setrlimit", "setsid",
        "setuid", "sigaltstack", "signalfd", "signalfd4", "sysinfo", "tgkill", "time",
        "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
        "timerfd_create", "timerfd_gettime", "timerfd_settime", "times", "tkill", "uname",
        "unshare", "uretprobe", "vfork", "wait4", "waitid", "waitpid",
        /* waiting, pipes, sockets, System V */
        "accept", "accept4", "bind", "connect", "epoll_create", "epoll_create1", "epoll_ctl",
        "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd",
        "eventfd2", "getpeername", "getsockname", "getsockopt", "io_cancel", "io_destroy",
        "io_getevents", "io_pgetevents", "io_setup", "io_submit", "listen", "mq_getsetattr",
        "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl", "msgget",
        "msgrcv", "msgsnd", "pipe", "pipe2", "poll", "ppoll", "pselect6", "recvfrom", "recvmmsg",
        "recvmsg", "select", "semctl", "semget", "semop", "semtimedop", "sendmmsg", "sendmsg",
        "sendto", "setsockopt", "shmat", "shmctl", "shmdt", "shmget", "shutdown", "socket",
        "socketpair",
        /* a program may tighten its own walls */
        "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self",
};
/* clang-format on */

/* Known, and refused with a reason a program can print. What is in neither list does not exist. */
/* clang-format off */
static const char *const refused_calls[] = {
        "acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_settime",
        "create_module", "delete_module", "fanotify_init", "fanotify_mark", "finit_module",
        "fsconfig", "fsmount", "fsopen", "fspick", "get_kernel_syms", "init_module", "ioperm",
        "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie",
        "migrate_pages", "modify_ldt", "mount", "mount_setattr", "move_mount", "move_pages",
        "name_to_handle_at", "open_by_handle_at", "open_tree", "open_tree_attr", "perf_event_open",
        "pivot_root", "process_vm_readv", "process_vm_writev", "ptrace", "query_module", "quotactl",
        "quotactl_fd", "reboot", "request_key", "setdomainname", "sethostname", "setns",
        "settimeofday", "swapoff", "swapon", "syslog", "umount", "umount2", "vhangup",
};
/* clang-format on */

/* What blast-monitor needs while it watches, and the C library for it. */
/* clang-format off */
static const char *const monitor_calls[] = {
        "brk", "clock_gettime", "close", "exit", "exit_group", "fcntl", "fdatasync", "fstat", "fsync",
        "ftruncate", "futex", "getpid", "getrandom", "gettid", "lseek", "madvise", "mremap", "munmap",
        "newfstatat", "openat", "openat2", "pidfd_send_signal", "poll", "ppoll", "pread64", "pwrite64",
        "read", "readv", "recvmsg", "renameat", "renameat2", "restart_syscall", "rt_sigaction",
        "rt_sigprocmask", "rt_sigreturn", "sendmsg", "sendto", "sigaltstack", "statx", "unlinkat",
        "wait4", "waitid", "write", "writev",
};
/* clang-format on */

static void filter_releasep(scmp_filter_ctx *filter) {
        if (*filter)
                seccomp_release(*filter);
}

static int
add_names(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n_names) {
        for (size_t i = 0; i < n_names; i++) {
                int number = seccomp_syscall_resolve_name(names[i]);
                int r;
                /* Another architecture, or a library that does not know it yet: ENOSYS is right. */
                if (number < 0)
                        continue;
                r = seccomp_rule_add_exact(filter, action, number, 0);
                if (r < 0 && r != -EACCES) /* EACCES: that is the default action anyway */
                        return r;
        }
        return 0;
}

static int new_filter(uint32_t default_action, scmp_filter_ctx *ret) {
        _cleanup_(filter_releasep) scmp_filter_ctx filter = seccomp_init(default_action);
        int r;

        if (!filter)
                return -ENOMEM;
        r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
        if (r < 0)
                return r;
        (void) seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a matter of speed only */
        *ret = TAKE_PTR(filter);
        return 0;
}

static int numbers_filter(scmp_filter_ctx *ret) {
        _cleanup_(filter_releasep) scmp_filter_ctx filter = NULL;
        int r;

        r = new_filter(SCMP_ACT_ERRNO(ENOSYS), &filter);
        if (r >= 0)
                r = add_names(filter, SCMP_ACT_ALLOW, allowed_calls, ELEMENTSOF(allowed_calls));
        if (r >= 0)
                r = add_names(filter,
                              SCMP_ACT_ERRNO(EPERM),
                              refused_calls,
                              ELEMENTSOF(refused_calls));
        if (r >= 0)
                *ret = TAKE_PTR(filter);
        return r;
}

/* Refuses @call with @error when (argument & @mask) == @value. */
static int
refuse_masked(scmp_filter_ctx filter,
              int call,
              int error,
              unsigned argument,
              uint64_t mask,
              uint64_t value) {
        const struct scmp_arg_cmp condition = SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value);

        /* Negative: the call does not exist on this architecture. */
        return call < 0 ? 0
                        : seccomp_rule_add_array(
                                          filter,
                                          SCMP_ACT_ERRNO((uint32_t) error),
                                          call,
                                          1,
                                          &condition);
}

static int refuse_families(scmp_filter_ctx filter, int call) {
        const uint32_t action = SCMP_ACT_ERRNO(EAFNOSUPPORT);
        const struct scmp_arg_cmp above = SCMP_CMP(0, SCMP_CMP_GT, FAMILY_LAST);
        static const int raw_families[] = { AF_INET, AF_INET6 };
        const struct scmp_arg_cmp mptcp = SCMP_CMP(2, SCMP_CMP_MASKED_EQ, MASK_32, PROTOCOL_MPTCP);
        int r;

        /* Compared as 64 bits: garbage above the kernel's 32 lands in "above", which refuses. */
        r = seccomp_rule_add_array(filter, action, call, 1, &above);
        for (int family = AF_UNSPEC; family < FAMILY_LAST && r >= 0; family++) {
                const struct scmp_arg_cmp is_family =
                                SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t) family);
                if (family != AF_UNIX && family != AF_INET)
                        r = seccomp_rule_add_array(filter, action, call, 1, &is_family);
        }
        for (size_t i = 0; i < ELEMENTSOF(raw_families) && r >= 0; i++) {
                const struct scmp_arg_cmp raw[] = {
                        SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t) raw_families[i]),
                        SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 0xf, SOCK_RAW),
                };
                r = seccomp_rule_add_array(
                                filter, SCMP_ACT_ERRNO(EPERM), call, ELEMENTSOF(raw), raw);
        }
        if (r >= 0)
                r = seccomp_rule_add_array(
                                filter, SCMP_ACT_ERRNO(EPROTONOSUPPORT), call, 1, &mptcp);
        return r;
}

static int refuse_namespaces(scmp_filter_ctx filter) {
        static const uint64_t flags[] = {
                CLONE_NEWUSER, CLONE_NEWNS,     CLONE_NEWPID, CLONE_NEWIPC,
                CLONE_NEWUTS,  CLONE_NEWCGROUP, CLONE_NEWNET, CLONE_NEWTIME,
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(flags) && r >= 0; i++) {
                r = refuse_masked(filter, SCMP_SYS(unshare), EPERM, 0, flags[i], flags[i]);
                /* In clone(2) the lowest byte is the signal, and CLONE_NEWTIME lies in it. */
                if (r >= 0 && flags[i] != CLONE_NEWTIME)
                        r = refuse_masked(filter, SCMP_SYS(clone), EPERM, 0, flags[i], flags[i]);
        }
        return r;
}

static int refuse_ioctls(scmp_filter_ctx filter) {
        static const uint64_t numbers[] = { TIOCSTI, TIOCLINUX, TIOCSETD };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(numbers) && r >= 0; i++)
                r = refuse_masked(filter, SCMP_SYS(ioctl), EPERM, 1, MASK_32, numbers[i]);
        return r;
}

/* Set-id bits would outlive the sandbox on files of the project; device nodes are nobody's business. */
static int refuse_modes(scmp_filter_ctx filter) {
        static const struct {
                const char *name;
                unsigned argument;
                bool makes_nodes;
        } calls[] = {
                { "chmod", 1, false },     { "fchmod", 1, false }, { "fchmodat", 2, false },
                { "fchmodat2", 2, false }, { "mkdir", 1, false },  { "mkdirat", 2, false },
                { "creat", 1, false },     { "open", 2, false },   { "openat", 3, false },
                { "mknod", 1, true },      { "mknodat", 2, true },
        };
        static const uint64_t bits[] = { S_ISUID, S_ISGID };
        static const uint64_t types[] = { S_IFCHR, S_IFBLK };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(calls) && r >= 0; i++) {
                int call = seccomp_syscall_resolve_name(calls[i].name);
                for (size_t k = 0; k < ELEMENTSOF(bits) && r >= 0; k++)
                        r = refuse_masked(filter, call, EPERM, calls[i].argument, bits[k], bits[k]);
                for (size_t k = 0; k < ELEMENTSOF(types) && r >= 0 && calls[i].makes_nodes; k++)
                        r = refuse_masked(filter, call, EPERM, calls[i].argument, S_IFMT, types[k]);
        }
        return r;
}

static int refuse_personality(scmp_filter_ctx filter) {
        static const uint64_t refused_bits[] = {
                0x0020000, 0x0040000, 0x0080000, 0x0100000, 0x0200000, 0x0400000,
                0x0800000, 0x1000000, 0x2000000, 0x4000000, 0x8000000,
        };
        int r = 0;

        /* 0xffffffff only asks and must pass: it has every bit, and no real flag uses the top four. */
        for (size_t i = 0; i < ELEMENTSOF(refused_bits) && r >= 0; i++) {
                const uint64_t mask = refused_bits[i] | 0xf0000000;
                r = refuse_masked(filter, SCMP_SYS(personality), EPERM, 0, mask, refused_bits[i]);
        }
        return r;
}

static int arguments_filter(scmp_filter_ctx *ret) {
        _cleanup_(filter_releasep) scmp_filter_ctx filter = NULL;
        const uint64_t listener = SECCOMP_FILTER_FLAG_NEW_LISTENER;
        int r;

        r = new_filter(SCMP_ACT_ALLOW, &filter);
        if (r >= 0)
                r = refuse_families(filter, SCMP_SYS(socket));
        if (r >= 0)
                r = refuse_families(filter, SCMP_SYS(socketpair));
        if (r >= 0)
                r = refuse_namespaces(filter);
        if (r >= 0)
                r = refuse_ioctls(filter);
        if (r >= 0)
                r = refuse_modes(filter);
        if (r >= 0)
                r = refuse_personality(filter);
        if (r >= 0)
                r = refuse_masked(filter, SCMP_SYS(seccomp), EPERM, 1, listener, listener);
        if (r >= 0)
                *ret = TAKE_PTR(filter);
        return r;
}

static int watcher_filter(scmp_filter_ctx *ret) {
        _cleanup_(filter_releasep) scmp_filter_ctx filter = NULL;
        const struct scmp_arg_cmp is_data = SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
        int r;

        r = new_filter(SCMP_ACT_ERRNO(ENOSYS), &filter);
        if (r >= 0)
                r = add_names(filter, SCMP_ACT_ALLOW, monitor_calls, ELEMENTSOF(monitor_calls));
        if (r >= 0)
                r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &is_data);
        if (r >= 0)
                r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, &is_data);
        if (r >= 0)
                *ret = TAKE_PTR(filter);
        return r;
}

/* Appends the instructions of @filter to @packed. */
static int pack(scmp_filter_ctx filter, SandboxFilter *packed) {
        _cleanup_close_ int fd = memfd_create("blast-bpf", MFD_CLOEXEC);
        struct sock_filter *at = packed->instructions + packed->n_instructions[0];
        size_t room = (FILTER_INSTRUCTIONS_MAX - packed->n_instructions[0]) * sizeof(*at);
        ssize_t size;
        int r;

        if (fd < 0)
                return -errno;
        r = seccomp_export_bpf(filter, fd);
        if (r < 0)
                return r;
        size = pread(fd, at, room, 0);
        if (size < 0)
                return -errno;
        if ((size_t) size == room)
                return -E2BIG;
        packed->n_instructions[packed->n_programs++] = (uint32_t) ((size_t) size / sizeof(*at));
        return 0;
}

int sandbox_filter_export(int *ret_fd) {
        _cleanup_(filter_releasep) scmp_filter_ctx numbers = NULL, arguments = NULL;
        _cleanup_(freep) SandboxFilter *packed = new0(SandboxFilter, 1);
        int r;

        if (!packed)
                return -ENOMEM;
        r = numbers_filter(&numbers);
        if (r >= 0)
                r = arguments_filter(&arguments);
        if (r >= 0)
                r = pack(numbers, packed);
        if (r >= 0)
                r = pack(arguments, packed);
        if (r < 0)
                return r;
        r = memfd_new_sealed("blast-filter", packed, sizeof(*packed));
        if (r < 0)
                return r;
        *ret_fd = r;
        return 0;
}

static int watcher_filter_export(int *ret_fd) {
        _cleanup_(filter_releasep) scmp_filter_ctx filter = NULL;
        _cleanup_(freep) SandboxFilter *packed = new0(SandboxFilter, 1);
        int r;

        if (!packed)
                return -ENOMEM;
        r = watcher_filter(&filter);
        if (r >= 0)
                r = pack(filter, packed);
        if (r >= 0)
                r = memfd_new_sealed("blast-monitor-filter", packed, sizeof(*packed));
        if (r < 0)
                return r;
        *ret_fd = r;
        return 0;
}

int monitor_filter(int *ret_fd) {
        static int cached_fd = -EBADF;

        if (cached_fd < 0) {
                int r = watcher_filter_export(&cached_fd);
                if (r < 0)
                        return r;
        }
        *ret_fd = cached_fd;
        return 0;
}

int sandbox_filter(int *ret_fd) {
        static int cached_fd = -EBADF;

        if (cached_fd < 0) {
                int r = sandbox_filter_export(&cached_fd);
                if (r < 0)
                        return r;
        }
        *ret_fd = cached_fd;
        return 0;
}
