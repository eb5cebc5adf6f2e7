// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     parent                         child (vfork semantics: the parent sleeps until exec)
 *     ------                         -----
 *     block signals
 *     clone(VFORK|PIDFD) ─────────▶  default signals, session, pdeathsig, limits
 *                                    move descriptors: 0-2, then 3 … 3+n, close_range() the rest
 *                                    drop groups, gid, uid
 *     sleeps                         unblock signals, execve()
 *     ◀── exec or the failed step's errno in shared memory
 *
 * The child shares the parent's memory while the parent is suspended (as after vfork(2), so the cost
 * does not grow with our size) but runs on a stack of its own; it makes system calls only.
 */

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/child.h"
#include "basic/file.h"
#include "basic/memory.h"

enum {
        FD_FIRST = 3
};

static int set_limit(int resource, uint64_t value) {
        const struct rlimit limit = { .rlim_cur = value, .rlim_max = value };

        if (value == 0)
                return 0;
        return prlimit(0, (__rlimit_resource_t) resource, &limit, NULL) < 0 ? -errno : 0;
}

static int set_limits(const ChildSpec *spec) {
        const struct {
                int resource;
                uint64_t value;
        } limits[] = {
                { RLIMIT_AS, spec->memory_max_bytes },
                { RLIMIT_CPU, spec->cpu_max_sec },
                { RLIMIT_FSIZE, spec->file_max_bytes },
                { RLIMIT_NOFILE, spec->n_files_max },
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                r = set_limit(limits[i].resource, limits[i].value);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Puts every descriptor at its place. All of them are lifted above the range of targets first, so
 * that no move overwrites one that is still to be moved. */
static int arrange_fds(const ChildSpec *spec) {
        int lifted[FD_FIRST + CHILD_FDS_MAX];
        int n = FD_FIRST + (int) spec->n_fds;

        for (int i = 0; i < n; i++) {
                int fd = i < FD_FIRST ? spec->stdio[i] : spec->fds[i - FD_FIRST];
                if (fd < 0 && i < FD_FIRST) {
                        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
                        if (fd < 0)
                                return -errno;
                }
                lifted[i] = fcntl(fd, F_DUPFD_CLOEXEC, n);
                if (lifted[i] < 0)
                        return -errno;
        }
        for (int i = 0; i < n; i++)
                if (dup2(lifted[i], i) < 0)
                        return -errno;
        return syscall(SYS_close_range, (unsigned) n, ~0U, 0) < 0 ? -errno : 0;
}

static int drop_ids(const ChildSpec *spec) {
        if (spec->uid == (uid_t) -1)
                return 0;
        /* Raw system calls: glibc's wrappers would signal all threads, of which there are none here
         * but whose list belongs to the sleeping parent. */
        if (syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
                return -errno;
        if (syscall(SYS_setresgid, spec->gid, spec->gid, spec->gid) < 0)
                return -errno;
        if (syscall(SYS_setresuid, spec->uid, spec->uid, spec->uid) < 0)
                return -errno;
        return 0;
}

static void reset_signals(void) {
        const struct sigaction standard = { .sa_handler = SIG_DFL };

        for (int i = 1; i < NSIG; i++)
                (void) sigaction(i, &standard, NULL); /* refused for SIGKILL and SIGSTOP */
}

static int child_prepare(const ChildSpec *spec, pid_t parent) {
        int r;

        reset_signals();
        if (spec->new_session && setsid() < 0)
                return -errno;
        r = arrange_fds(spec);
        if (r < 0)
                return r;
        r = set_limits(spec);
        if (r < 0)
                return r;
        r = drop_ids(spec);
        if (r < 0)
                return r;
        /* After the ids: changing them clears the death signal. */
        if (spec->dies_with_parent) {
                if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                        return -errno;
                if (getppid() != parent)
                        return -ESRCH;
        }
        return 0;
}

typedef struct Birth {
        const ChildSpec *spec;
        pid_t parent;
        int error; /* written by the child in shared memory before it ends */
} Birth;

static int child_main(void *userdata) {
        static char *const empty_environ[] = { NULL };
        Birth *birth = userdata;
        const ChildSpec *spec = birth->spec;
        sigset_t none;

        birth->error = child_prepare(spec, birth->parent);
        if (birth->error >= 0) {
                sigemptyset(&none);
                if (!spec->blocks_signals)
                        (void) sigprocmask(SIG_SETMASK, &none, NULL);
                (void) execve(spec->path, spec->argv, spec->environ ?: empty_environ);
                birth->error = -errno;
        }
        _exit(127);
}

int child_spawn(const ChildSpec *spec, Child *ret) {
        enum {
                STACK_SIZE = 64 * 1024
        };
        _cleanup_(freep) char *stack = memory_multiply(1, STACK_SIZE, false);
        Birth birth = { .spec = spec, .parent = getpid() };
        Child child = CHILD_NULL;
        sigset_t all, before;
        int r = 0;

        assert(spec->path && spec->path[0] == '/');
        assert(spec->n_fds <= CHILD_FDS_MAX);

        if (!stack)
                return -ENOMEM;
        sigfillset(&all);
        if (sigprocmask(SIG_SETMASK, &all, &before) < 0)
                return -errno;

        child.pid =
                        clone(child_main,
                              stack + STACK_SIZE,
                              CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                              &birth,
                              &child.pidfd);
        if (child.pid < 0)
                r = -errno;
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        if (r < 0)
                return r;

        if (birth.error < 0) {
                child_kill(&child);
                return birth.error;
        }
        *ret = child;
        return 0;
}

int child_wait(Child *child, int *ret_status) {
        int status = 0;
        pid_t pid;

        if (child->pid <= 0)
                return -ECHILD;
        do
                pid = waitpid(child->pid, &status, 0);
        while (pid < 0 && errno == EINTR);
        if (pid < 0)
                return -errno;

        (void) fd_close(child->pidfd);
        *child = CHILD_NULL;
        if (ret_status)
                *ret_status = status;
        return 0;
}

void child_kill(Child *child) {
        if (child->pid <= 0)
                return;
        (void) kill(child->pid, SIGKILL); /* not reaped yet, so the pid is still ours */
        if (child_wait(child, NULL) < 0)
                (void) fd_close(child->pidfd); /* somebody else reaped it */
        *child = CHILD_NULL;
}
