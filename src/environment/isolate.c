// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     isolate_user            (not root) ids fixed, all capabilities in the new namespace
 *       isolate_next_child    pid 1 comes next
 *         isolate_namespaces  mounts private, loopback up
 *           … mounts, pivot, terminal: the last things that need a capability …
 *             isolate_limits
 *               isolate_drop_capabilities   no_new_privs, five empty sets
 *                 isolate_filter            from here on only the allow list
 *
 * System calls are made directly, without libcap and libnl: every library would be loaded at every start of
 * a program. All writes to /proc are single write(2)s, as the kernel demands of id maps.
 */

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/file.h"
#include "environment/isolate.h"

static int write_file(const char *path, const char *text) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
        size_t length = strlen(text);

        if (fd < 0)
                return -errno;
        return write(fd, text, length) == (ssize_t) length ? 0 : -errno;
}

int isolate_user(void) {
        const uid_t uid = geteuid();
        const gid_t gid = getegid();
        char map[64];
        int r;

        if (unshare(CLONE_NEWUSER) < 0)
                return -errno;
        /* Before the group map, without which the kernel would not let us write one: groups that
         * deny access must not be dropped, see user_namespaces(7). */
        r = write_file("/proc/self/setgroups", "deny");
        if (r < 0 && r != -ENOENT)
                return r;
        (void) snprintf(map, sizeof(map), "%u %u 1", (unsigned) uid, (unsigned) uid);
        r = write_file("/proc/self/uid_map", map);
        if (r < 0)
                return r;
        (void) snprintf(map, sizeof(map), "%u %u 1", (unsigned) gid, (unsigned) gid);
        return write_file("/proc/self/gid_map", map);
}

int isolate_join(int user_fd, int mount_fd) {
        if (user_fd >= 0 && setns(user_fd, CLONE_NEWUSER) < 0)
                return -errno;
        return setns(mount_fd, CLONE_NEWNS) < 0 ? -errno : 0;
}

/* Sets IFF_UP on "lo", which is the first interface of every network namespace. */
static int loopback_up(void) {
        struct {
                struct nlmsghdr header;
                union {
                        struct ifinfomsg link;
                        struct nlmsgerr answer;
                };
        } message = {
                .header = {
                        .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                        .nlmsg_type = RTM_NEWLINK,
                        .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
                },
                .link = { .ifi_family = AF_UNSPEC, .ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP },
        };
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        ssize_t size;

        if (fd < 0)
                return -errno;
        if (send(fd, &message, message.header.nlmsg_len, 0) < 0)
                return -errno;
        size = recv(fd, &message, sizeof(message), 0);
        if (size < 0)
                return -errno;
        if ((size_t) size < sizeof(message.header) + sizeof(int) ||
            message.header.nlmsg_type != NLMSG_ERROR)
                return -EPROTO;
        return message.answer.error;
}

int isolate_namespaces(const char *hostname) {
        if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNET) < 0)
                return -errno;
        if (mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
                return -errno;
        if (hostname && sethostname(hostname, strlen(hostname)) < 0)
                return -errno;
        return loopback_up();
}

int isolate_next_child(void) {
        return unshare(CLONE_NEWPID) < 0 ? -errno : 0;
}

int isolate_bind_to_parent(int parent_fd) {
        struct pollfd parent = { .fd = parent_fd };

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return -errno;
        /* It may have died before: then its end of the socket is closed. (In a new pid namespace
         * getppid() is 0 whoever the parent is.) */
        if (parent_fd >= 0 && poll(&parent, 1, 0) > 0 && (parent.revents & (POLLHUP | POLLERR)))
                return -ESRCH;
        return 0;
}

static int set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        const struct __user_cap_data_struct sets[2] = {
                { (uint32_t) effective, (uint32_t) permitted, (uint32_t) inheritable },
                { (uint32_t) (effective >> 32),
                  (uint32_t) (permitted >> 32),
                  (uint32_t) (inheritable >> 32) },
        };

        return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

static int permitted_capabilities(uint64_t *ret) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct sets[2];

        if (syscall(SYS_capget, &header, sets) < 0)
                return -errno;
        *ret = (uint64_t) sets[1].permitted << 32 | sets[0].permitted;
        return 0;
}

int isolate_keep_capabilities(void) {
        uint64_t all;
        int r;

        r = permitted_capabilities(&all);
        if (r >= 0)
                r = set_capabilities(all, all, all);
        if (r < 0)
                return r;
        for (unsigned long i = 0; i < 64; i++)
                if ((all & (UINT64_C(1) << i)) &&
                    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
                        return -errno;
        return 0;
}

int isolate_drop_capabilities(void) {
        const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                        SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                        SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        /* Without CAP_SETPCAP (already dropped, or never had) these two cannot be done, and need not. */
        if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0 && errno != EPERM)
                return -errno;
        for (unsigned long i = 0; i < 64; i++)
                if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
                        if (errno == EINVAL) /* beyond the last capability of this kernel */
                                break;
                        if (errno != EPERM)
                                return -errno;
                }
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
                return -errno;
        return set_capabilities(0, 0, 0);
}

/* Lowers the limit; a lower one that stands already is kept. */
static int lower_limit(int resource, uint64_t value) {
        struct rlimit limit;

        if (prlimit(0, (__rlimit_resource_t) resource, NULL, &limit) < 0)
                return -errno;
        limit.rlim_max = MIN(limit.rlim_max, (rlim_t) value);
        limit.rlim_cur = MIN(limit.rlim_cur, limit.rlim_max);
        return prlimit(0, (__rlimit_resource_t) resource, &limit, NULL) < 0 ? -errno : 0;
}

int isolate_limits(const LimitSpec *limits, uint64_t cpu_max_sec) {
        const struct {
                int resource;
                uint64_t value;
        } pairs[] = {
                { RLIMIT_DATA, limits->memory_max_bytes },
                { RLIMIT_NPROC, limits->n_processes_max },
                { RLIMIT_FSIZE, limits->file_max_bytes },
                { RLIMIT_CPU, cpu_max_sec },
        };
        int r;

        (void) umask(0022);
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                if (pairs[i].value == 0)
                        continue;
                r = lower_limit(pairs[i].resource, pairs[i].value);
                if (r < 0)
                        return r;
        }
        /* Not 0: that stops files, but not a core_pattern with a pipe, see core(5). */
        return lower_limit(RLIMIT_CORE, 1);
}

int isolate_files(int directory_fd) {
        const uint64_t abi_1 = (UINT64_C(1) << 13) - 1;
        const struct landlock_ruleset_attr ruleset = { .handled_access_fs = abi_1 };
        const struct landlock_path_beneath_attr rule = {
                .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                LANDLOCK_ACCESS_FS_REMOVE_FILE,
                .parent_fd = directory_fd,
        };
        _cleanup_close_ int fd = -EBADF;

        fd =
                        (int) syscall(SYS_landlock_create_ruleset,
                                      &ruleset,
                                      sizeof(ruleset.handled_access_fs),
                                      0);
        if (fd < 0)
                return errno == ENOSYS || errno == EOPNOTSUPP ? -EOPNOTSUPP : -errno;
        if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ||
            syscall(SYS_landlock_restrict_self, fd, 0) < 0)
                return -errno;
        return 0;
}

static int load_programs(const SandboxFilter *filter) {
        struct sock_fprog program;
        size_t first = 0;

        if (filter->n_programs == 0 || filter->n_programs > FILTER_PROGRAMS)
                return -EBADMSG;
        for (uint32_t i = 0; i < filter->n_programs; i++) {
                if (filter->n_instructions[i] > FILTER_INSTRUCTIONS_MAX - first)
                        return -EBADMSG;
                program = (struct sock_fprog){
                        .len = (unsigned short) filter->n_instructions[i],
                        .filter = (struct sock_filter *) filter->instructions + first,
                };
                if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
                        return -errno;
                first += filter->n_instructions[i];
        }
        return 0;
}

int isolate_filter(int filter_fd) {
        const void *data = NULL;
        size_t size_bytes = 0;
        int r;

        r = memfd_map_sealed(filter_fd, sizeof(SandboxFilter), &data, &size_bytes);
        if (r < 0)
                return r;
        r = size_bytes == sizeof(SandboxFilter) ? load_programs(data) : -EBADMSG;
        (void) munmap((void *) data, size_bytes);
        return r;
}

pid_t isolate_fork(void) {
        pid_t pid = fork();

        return pid < 0 ? -errno : pid;
}
