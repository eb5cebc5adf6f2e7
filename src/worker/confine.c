// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Four walls, in the order in which raising one does not hinder the next:
 *
 *   1. no_new_privs     required by the other two without privilege; an exec could gain nothing
 *   2. Landlock         every right over the file system is handled; only the named directories and
 *                       files get rules. From ABI 4 on also TCP (roles without network), from ABI 6
 *                       on abstract sockets and signals to others. Absent: the caller is told.
 *   3. capabilities     all sets emptied: a worker started as root keeps its uid, and nothing else
 *   4. seccomp          an allow list. What is dangerous and known gives EPERM, all the rest ENOSYS, so
 *                       that libraries take their fallback (clone3 → clone, openat2 → openat) and
 *                       new system calls cannot walk around the list.
 *
 * An answer with an errno instead of a kill is wanted: a worker that meets a refused call can still
 * explain itself, and the parent has a deadline anyway. Executable memory is refused by arguments of
 * mmap and mprotect except with network, where the C library loads name service plugins.
 *
 * Source: Documentation/userspace-api/landlock.rst of kernel 6.18; include/uapi/linux/landlock.h (the
 * constants of newer ABIs are restated here because the headers of Debian 12 end at ABI 2). */

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "worker/confine.h"

#define RIGHT_TRUNCATE  (UINT64_C(1) << 14) /* ABI 3 */
#define RIGHT_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define RIGHTS_NET_TCP  UINT64_C(3)         /* ABI 4: bind, connect */
#define SCOPES_ALL      UINT64_C(3)         /* ABI 6: abstract sockets, signals */

#define RIGHTS_READ     (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_WRITE                                                                   \
        (RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
         LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                \
         LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER | RIGHT_TRUNCATE)
#define RIGHTS_ABI_1   ((UINT64_C(1) << 13) - 1)
#define RIGHTS_ON_FILE (LANDLOCK_ACCESS_FS_READ_FILE)

/* The kernel's structure may be longer than the header's; the size given to it decides. */
typedef struct RulesetAttribute {
        uint64_t handled_access_fs;
        uint64_t handled_access_net;
        uint64_t scoped;
} RulesetAttribute;

/* What every parser needs. */
static const int calls_common[] = {
        SCMP_SYS(access),
        SCMP_SYS(brk),
        SCMP_SYS(clock_getres),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(clock_nanosleep),
        SCMP_SYS(close),
        SCMP_SYS(close_range),
        SCMP_SYS(dup),
        SCMP_SYS(dup3),
        SCMP_SYS(epoll_create1),
        SCMP_SYS(epoll_ctl),
        SCMP_SYS(epoll_pwait),
        SCMP_SYS(epoll_pwait2),
        SCMP_SYS(epoll_wait),
        SCMP_SYS(eventfd2),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
        SCMP_SYS(faccessat),
        SCMP_SYS(faccessat2),
        SCMP_SYS(fadvise64),
        SCMP_SYS(fcntl),
        SCMP_SYS(flock),
        SCMP_SYS(fstat),
        SCMP_SYS(fstatfs),
        SCMP_SYS(ftruncate), /* of memfds, too; Landlock guards files */
        SCMP_SYS(futex),
        SCMP_SYS(getdents64),
        SCMP_SYS(getegid),
        SCMP_SYS(geteuid),
        SCMP_SYS(getgid),
        SCMP_SYS(getpid),
        SCMP_SYS(getppid),
        SCMP_SYS(getrandom),
        SCMP_SYS(getsockopt),
        SCMP_SYS(gettid),
        SCMP_SYS(gettimeofday),
        SCMP_SYS(getuid),
        SCMP_SYS(lseek),
        SCMP_SYS(lstat),
        SCMP_SYS(madvise),
        SCMP_SYS(memfd_create),
        SCMP_SYS(mremap),
        SCMP_SYS(msync),
        SCMP_SYS(munmap),
        SCMP_SYS(nanosleep),
        SCMP_SYS(newfstatat),
        SCMP_SYS(open),
        SCMP_SYS(openat),
        SCMP_SYS(openat2),
        SCMP_SYS(poll),
        SCMP_SYS(ppoll),
        SCMP_SYS(pread64),
        SCMP_SYS(preadv),
        SCMP_SYS(pwrite64),
        SCMP_SYS(pwritev),
        SCMP_SYS(read),
        SCMP_SYS(readlink),
        SCMP_SYS(readlinkat),
        SCMP_SYS(readv),
        SCMP_SYS(recvfrom),
        SCMP_SYS(recvmsg),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(rseq),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(sched_getaffinity),
        SCMP_SYS(sched_yield),
        SCMP_SYS(sendmsg),
        SCMP_SYS(sendto),
        SCMP_SYS(set_robust_list),
        SCMP_SYS(shutdown),
        SCMP_SYS(sigaltstack),
        SCMP_SYS(stat),
        SCMP_SYS(statx),
        SCMP_SYS(sysinfo),
        SCMP_SYS(timerfd_create),
        SCMP_SYS(timerfd_settime),
        SCMP_SYS(uname),
        SCMP_SYS(write),
        SCMP_SYS(writev),
};

static const int calls_writing[] = {
        SCMP_SYS(copy_file_range), SCMP_SYS(fallocate), SCMP_SYS(fchmod),    SCMP_SYS(fchmodat),
        SCMP_SYS(fdatasync),       SCMP_SYS(fsync),     SCMP_SYS(mkdir),     SCMP_SYS(mkdirat),
        SCMP_SYS(rename),          SCMP_SYS(renameat),  SCMP_SYS(renameat2), SCMP_SYS(rmdir),
        SCMP_SYS(sync_file_range), SCMP_SYS(syncfs),    SCMP_SYS(unlink),    SCMP_SYS(unlinkat),
        SCMP_SYS(utimensat),
};

static const int calls_network[] = {
        SCMP_SYS(bind),       SCMP_SYS(connect),  SCMP_SYS(getpeername), SCMP_SYS(getsockname),
        SCMP_SYS(mmap),       SCMP_SYS(mprotect), SCMP_SYS(pipe2),       SCMP_SYS(recvmmsg),
        SCMP_SYS(select),     SCMP_SYS(pselect6), SCMP_SYS(sendmmsg),    SCMP_SYS(setsockopt),
        SCMP_SYS(socketpair),
};

/* Known and refused: EPERM tells more than ENOSYS, and no library falls back to something worse. */
static const int calls_refused[] = {
        SCMP_SYS(acct),
        SCMP_SYS(add_key),
        SCMP_SYS(bpf),
        SCMP_SYS(chmod),
        SCMP_SYS(chown),
        SCMP_SYS(chroot),
        SCMP_SYS(execve),
        SCMP_SYS(execveat),
        SCMP_SYS(fchown),
        SCMP_SYS(fchownat),
        SCMP_SYS(fork),
        SCMP_SYS(init_module),
        SCMP_SYS(kexec_load),
        SCMP_SYS(keyctl),
        SCMP_SYS(kill),
        SCMP_SYS(link),
        SCMP_SYS(listen),
        SCMP_SYS(mknod),
        SCMP_SYS(mknodat),
        SCMP_SYS(mount),
        SCMP_SYS(open_by_handle_at),
        SCMP_SYS(perf_event_open),
        SCMP_SYS(personality),
        SCMP_SYS(pivot_root),
        SCMP_SYS(process_vm_readv),
        SCMP_SYS(process_vm_writev),
        SCMP_SYS(ptrace),
        SCMP_SYS(request_key),
        SCMP_SYS(setns),
        SCMP_SYS(setuid),
        SCMP_SYS(symlink),
        SCMP_SYS(symlinkat),
        SCMP_SYS(umount2),
        SCMP_SYS(unshare),
        SCMP_SYS(userfaultfd),
        SCMP_SYS(vfork),
};

void confine_rules_done(ConfineRules *rules) {
        strings_free(rules->readable);
        free(rules->readable_fds);
        free(rules->writable_fds);
        *rules = (ConfineRules){ 0 };
}

int confine_allow_path(ConfineRules *rules, const char *path) {
        return strings_add(&rules->readable, path);
}

int confine_allow_reading(ConfineRules *rules, int directory_fd) {
        int r;

        r =
                        ARRAY_RESERVE(rules->readable_fds,
                                      rules->n_readable_allocated,
                                      rules->n_readable_fds + 1);
        if (r < 0)
                return r;
        rules->readable_fds[rules->n_readable_fds++] = directory_fd;
        return 0;
}

int confine_allow_writing(ConfineRules *rules, int directory_fd) {
        int r;

        r =
                        ARRAY_RESERVE(rules->writable_fds,
                                      rules->n_writable_allocated,
                                      rules->n_writable_fds + 1);
        if (r < 0)
                return r;
        rules->writable_fds[rules->n_writable_fds++] = directory_fd;
        return 0;
}

static uint64_t landlock_rights(int abi) {
        uint64_t rights = RIGHTS_ABI_1;

        if (abi >= 2)
                rights |= LANDLOCK_ACCESS_FS_REFER;
        if (abi >= 3)
                rights |= RIGHT_TRUNCATE;
        if (abi >= 5)
                rights |= RIGHT_IOCTL_DEV;
        return rights;
}

static int landlock_allow(int ruleset_fd, int parent_fd, uint64_t rights) {
        struct landlock_path_beneath_attr rule = {
                .allowed_access = rights,
                .parent_fd = parent_fd,
        };

        if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
                return -errno;
        return 0;
}

static int landlock_allow_path(int ruleset_fd, const char *path, uint64_t handled) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        fd = open(path, O_PATH | O_CLOEXEC);
        if (fd < 0)
                return 0; /* what is not there needs no rule */
        if (fstat(fd, &st) < 0)
                return -errno;
        return landlock_allow(
                        ruleset_fd,
                        fd,
                        handled & (S_ISDIR(st.st_mode) ? RIGHTS_READ : RIGHTS_ON_FILE));
}

static int landlock_fill(int ruleset_fd, const ConfineRules *rules, uint64_t handled) {
        int r;

        for (size_t i = 0; i < rules->n_readable_fds; i++) {
                r = landlock_allow(ruleset_fd, rules->readable_fds[i], handled & RIGHTS_READ);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < rules->n_writable_fds; i++) {
                r = landlock_allow(ruleset_fd, rules->writable_fds[i], handled & RIGHTS_WRITE);
                if (r < 0)
                        return r;
        }
        FOREACH_TEXT(path, rules->readable) {
                r = landlock_allow_path(ruleset_fd, path, handled);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int raise_landlock(const ConfineRules *rules, bool *ret_has_landlock) {
        _cleanup_close_ int ruleset_fd = -EBADF;
        RulesetAttribute attribute = { 0 };
        size_t size = sizeof(uint64_t);
        long abi;
        int r;

        *ret_has_landlock = false;
        abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        if (abi < 1)
                return 0; /* not built in, or not switched on */
        attribute.handled_access_fs = landlock_rights((int) abi);
        if (abi >= 4) {
                size = 2 * sizeof(uint64_t);
                attribute.handled_access_net = rules->uses_network ? 0 : RIGHTS_NET_TCP;
        }
        if (abi >= 6) {
                size = 3 * sizeof(uint64_t);
                attribute.scoped = SCOPES_ALL;
        }
        ruleset_fd = (int) syscall(SYS_landlock_create_ruleset, &attribute, size, 0);
        if (ruleset_fd < 0)
                return -errno;
        r = landlock_fill(ruleset_fd, rules, attribute.handled_access_fs);
        if (r < 0)
                return r;
        if (syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
                return -errno;
        *ret_has_landlock = true;
        return 0;
}

static int drop_capabilities(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

        if (syscall(SYS_capset, &header, data) < 0)
                return -errno;
        return 0;
}

static int allow_calls(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n_calls) {
        int r;

        for (size_t i = 0; i < n_calls; i++) {
                /* Numbers below zero are calls this architecture does not have. */
                if (calls[i] < 0)
                        continue;
                r = seccomp_rule_add(filter, action, calls[i], 0);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Memory without PROT_EXEC, and signals only to itself (abort() and the sanitizers raise them). */
static int allow_with_arguments(scmp_filter_ctx filter, const ConfineRules *rules) {
        struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
        uint32_t pid = (uint32_t) getpid();
        int r;

        if (!rules->uses_network) {
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_executable);
                if (r < 0)
                        return r;
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_executable);
                if (r < 0)
                        return r;
        }
        r = seccomp_rule_add(
                        filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, pid));
        if (r < 0)
                return r;
        /* Limits may be read, not set: the third argument is NULL. */
        return seccomp_rule_add(
                        filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
}

static int allow_network(scmp_filter_ctx filter) {
        static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };
        const unsigned thread_flags =
                        0x00010100; /* CLONE_THREAD | CLONE_VM, sched.h of C hides them */
        int r;

        r = allow_calls(filter, SCMP_ACT_ALLOW, calls_network, ELEMENTSOF(calls_network));
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                r = seccomp_rule_add(
                                filter,
                                SCMP_ACT_ALLOW,
                                SCMP_SYS(socket),
                                1,
                                SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t) families[i]));
                if (r < 0)
                        return r;
        }
        /* libcurl looks names up in a thread; a process it cannot make. */
        return seccomp_rule_add(
                        filter,
                        SCMP_ACT_ALLOW,
                        SCMP_SYS(clone),
                        1,
                        SCMP_A0(SCMP_CMP_MASKED_EQ, thread_flags, thread_flags));
}

/* ioctls: what buffered input and sockets ask, and cloning file contents. */
static int allow_ioctls(scmp_filter_ctx filter, const ConfineRules *rules) {
        static const unsigned always[] = { 0x5401 /* TCGETS, isatty() */, 0x541b /* FIONREAD */ };
        static const unsigned network[] = { 0x5421 /* FIONBIO */ };
        static const unsigned writing[] = { 0x40049409 /* FICLONE */ };
        const struct {
                bool wanted;
                const unsigned *requests;
                size_t n_requests;
        } sets[] = {
                { true, always, ELEMENTSOF(always) },
                { rules->uses_network, network, ELEMENTSOF(network) },
                { rules->writes_files, writing, ELEMENTSOF(writing) },
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(sets); i++) {
                for (size_t k = 0; sets[i].wanted && k < sets[i].n_requests; k++) {
                        r = seccomp_rule_add(
                                        filter,
                                        SCMP_ACT_ALLOW,
                                        SCMP_SYS(ioctl),
                                        1,
                                        SCMP_A1(SCMP_CMP_EQ, sets[i].requests[k]));
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int fill_filter(scmp_filter_ctx filter, const ConfineRules *rules) {
        const uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
        int r;

        r = allow_calls(filter, SCMP_ACT_ALLOW, calls_common, ELEMENTSOF(calls_common));
        if (r < 0)
                return r;
        r = allow_with_arguments(filter, rules);
        if (r < 0)
                return r;
        r = allow_ioctls(filter, rules);
        if (r < 0)
                return r;
        if (rules->writes_files) {
                r = allow_calls(filter, SCMP_ACT_ALLOW, calls_writing, ELEMENTSOF(calls_writing));
                if (r < 0)
                        return r;
        }
        r = seccomp_rule_add(
                        filter, rules->makes_links ? SCMP_ACT_ALLOW : refuse, SCMP_SYS(linkat), 0);
        if (r < 0)
                return r;
        if (rules->uses_network)
                r = allow_network(filter);
        else {
                static const int sockets[] = {
                        SCMP_SYS(bind),
                        SCMP_SYS(connect),
                        SCMP_SYS(socket),
                        SCMP_SYS(socketpair),
                };
                r = allow_calls(filter, refuse, sockets, ELEMENTSOF(sockets));
        }
        if (r < 0)
                return r;
        return allow_calls(filter, refuse, calls_refused, ELEMENTSOF(calls_refused));
}

static int raise_seccomp(const ConfineRules *rules) {
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
        int r;

        if (!filter)
                return -ENOMEM;
        /* The list is walked once per call: let libseccomp make a tree of it. */
        (void) seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        r = fill_filter(filter, rules);
        if (r == 0)
                r = seccomp_load(filter);
        seccomp_release(filter);
        return r;
}

int confine(const ConfineRules *rules, bool *ret_has_landlock) {
        bool has_landlock = false;
        int r;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        r = raise_landlock(rules, &has_landlock);
        if (r < 0)
                return r;
        r = drop_capabilities();
        if (r < 0)
                return r;
        r = raise_seccomp(rules);
        if (r < 0)
                return r;
        if (ret_has_landlock)
                *ret_has_landlock = has_landlock;
        return 0;
}
