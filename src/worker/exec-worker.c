// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * blast-exec is started by blast-monitor as pid 1 of a new pid namespace, inside the generation's user and
 * mount namespaces (launch.h says with which descriptors). It goes through stages; each is left only
 * when it succeeded, and the first failure is told to the monitor as one fault:
 *
 *     READ       the request             must: nothing done yet          must not: parse anything foreign
 *     SEPARATE   namespaces, loopback    must: capabilities              must not: trust a path of before
 *     BUILD      root, /proc, /dev       must: sources checked by inode  must not: look below the project
 *     ENTER      pivot_root              must: the root is complete      must not: reach the host after it
 *     TERMINAL   pty of its own devpts   must: session leader, no tty    must not: keep the slave later
 *     CONFINE    limits, capabilities,   must: nothing left to mount     must not: need a privilege after it
 *                seccomp
 *     VERIFY     guarantees read back    must: fully confined            must not: report what was wished
 *     RUN        supervise.h
 *
 * As a helper it has no monitor: it makes its user and pid namespaces itself, its parent waits for pid 1
 * and ends with the same status; what went wrong is written to stderr (125).
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "environment/control.h"
#include "environment/isolate.h"
#include "environment/launch.h"
#include "environment/mount-apply.h"
#include "environment/supervise.h"

enum {
        REQUEST_SIZE_MAX = 4 * 1024 * 1024,
        EXIT_BLAST_FAILED = 125,
};

typedef enum Stage {
        STAGE_READ,
        STAGE_SEPARATE,
        STAGE_BUILD,
        STAGE_ENTER,
        STAGE_TERMINAL,
        STAGE_CONFINE,
        STAGE_VERIFY,
        STAGE_RUN,
        _STAGE_MAX,
} Stage;

typedef struct Exec {
        ExecRequest request;
        MountContext mounts;
        Guarantees guarantees;
        int source_fds[CHILD_FDS_MAX];
        int parent_fd; /* closed by the end of the parent */
        Supervisor supervisor;
} Exec;

static int stage_read(Exec *exec, Fault *fault) {
        const void *data = NULL;
        size_t size_bytes;
        sigset_t all;
        int r;

        /* Pid 1 takes all signals through a descriptor; the program starts with none blocked. */
        sigfillset(&all);
        if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
                return -errno;
        r = memfd_map_sealed(EXEC_FD_REQUEST, REQUEST_SIZE_MAX, &data, &size_bytes);
        if (r < 0)
                return r;
        r = exec_request_decode(data, size_bytes, &exec->request);
        (void) munmap((void *) data, size_bytes);
        if (r < 0)
                return r;
        exec->supervisor.request = &exec->request;
        if (!exec->request.is_helper) {
                exec->supervisor.channel_fd = EXEC_FD_CHANNEL;
                exec->parent_fd = EXEC_FD_CHANNEL;
        }
        return 0;
}

static int stage_separate(Exec *exec, Fault *fault) {
        int r;

        r = isolate_bind_to_parent(exec->parent_fd);
        if (r < 0)
                return r;
        r = isolate_namespaces(exec->request.hostname);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                FAULT_NOT_ENFORCEABLE,
                                NULL,
                                "The sandbox's namespaces cannot be made: %s.",
                                strerror(-r));
        for (size_t i = 0; i < exec->request.n_sources; i++) {
                exec->source_fds[i] = source_reopen(EXEC_FD_FIRST + (int) i);
                if (exec->source_fds[i] == -ESTALE)
                        return fault_set(
                                        fault,
                                        -ESTALE,
                                        FAULT_PROJECT_INVALID,
                                        NULL,
                                        "The project's directory was moved or deleted.");
                if (exec->source_fds[i] < 0)
                        return exec->source_fds[i];
        }
        return 0;
}

static int stage_build(Exec *exec, Fault *fault) {
        exec->mounts = (MountContext){
                .place = faccessat(AT_FDCWD, "/tmp", F_OK, 0) == 0 ? "/tmp" : "/usr",
                .source_fds = exec->source_fds,
                .n_sources = exec->request.n_sources,
                .root_fd = -EBADF,
        };
        return mount_list_apply(&exec->request.mounts, &exec->mounts, fault);
}

static int stage_enter(Exec *exec, Fault *fault) {
        const ExecRequest *request = &exec->request;
        int r;

        r = mount_root_enter(exec->mounts.root_fd);
        if (r < 0)
                return r;
        exec->mounts.root_fd = fd_close(exec->mounts.root_fd);
        if ((!request->directory || chdir(request->directory) < 0) &&
            (!request->fallback_directory || chdir(request->fallback_directory) < 0) &&
            chdir("/") < 0)
                return -errno;
        return 0;
}

static int stage_terminal(Exec *exec, Fault *fault) {
        const struct winsize size = {
                .ws_row = exec->request.terminal_rows,
                .ws_col = exec->request.terminal_columns,
        };
        _cleanup_close_ int master_fd = -EBADF, slave_fd = -EBADF;
        int unlocked = 0, r;

        if (!exec->request.wants_terminal)
                return 0;
        master_fd = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (master_fd < 0 || ioctl(master_fd, TIOCSPTLCK, &unlocked) < 0)
                return -errno;
        slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave_fd < 0)
                return -errno;
        if (size.ws_row > 0 && size.ws_col > 0 && ioctl(slave_fd, TIOCSWINSZ, &size) < 0)
                return -errno;
        if (ioctl(slave_fd, TIOCSCTTY, 0) < 0)
                return -errno;
        r = control_send(EXEC_FD_CHANNEL, &(ControlMessage){ .kind = CONTROL_PTY }, master_fd);
        if (r < 0)
                return r;
        exec->supervisor.master_fd = TAKE_FD(master_fd);
        exec->supervisor.slave_fd = TAKE_FD(slave_fd);
        return 0;
}

static int stage_confine(Exec *exec, Fault *fault) {
        int r;

        r = isolate_limits(&exec->request.limits, exec->request.cpu_max_sec);
        if (r >= 0)
                r = isolate_drop_capabilities();
        if (r >= 0)
                r = isolate_filter(EXEC_FD_FILTER);
        /* A program of the same uid must not write into pid 1, which holds the channel. */
        if (r >= 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                r = -errno;
        return r;
}

static int stage_verify(Exec *exec, Fault *fault) {
        const ExecRequest *request = &exec->request;
        GuaranteeWish wish = {
                .home = request->home,
                .project = request->project,
                .site_packages = request->site_packages,
                .has_user_namespace = request->has_user_namespace,
                .upper_is_volatile = request->upper_is_volatile,
                .proc_is_partial = exec->mounts.proc_is_partial,
                .memory_max_bytes = request->limits.memory_max_bytes,
                .n_processes_max = request->limits.n_processes_max,
                .file_max_bytes = request->limits.file_max_bytes,
                .limit_reason = request->limit_reason,
        };
        const char *missing = NULL;
        ControlMessage message = { .kind = CONTROL_READY };
        int r;

        if (request->is_helper)
                return 0; /* nobody would read them */
        memcpy(wish.namespaces_outside,
               request->namespaces_outside,
               sizeof(wish.namespaces_outside));
        r = guarantees_read_back(&wish, &exec->guarantees);
        if (r < 0)
                return r;
        message.guarantees = exec->guarantees; /* borrowed */
        r = control_send(EXEC_FD_CHANNEL, &message, -EBADF);
        if (r < 0)
                return r;
        if (request->is_strict && guarantees_miss_strict(&exec->guarantees, &missing))
                return fault_set(
                                fault,
                                -EOPNOTSUPP,
                                FAULT_NOT_ENFORCEABLE,
                                missing,
                                "The policy is 'strict', but '%s' cannot be guaranteed here: %s",
                                missing,
                                guarantees_find(&exec->guarantees, missing)->reason);
        return 0;
}

static int stage_run(Exec *exec, Fault *fault) {
        int r;

        r = supervise_start(&exec->supervisor, fault);
        if (r < 0)
                return r;
        if (exec->supervisor.channel_fd >= 0) {
                r =
                                control_send(exec->supervisor.channel_fd,
                                             &(ControlMessage){ .kind = CONTROL_STARTED },
                                             -EBADF);
                if (r < 0)
                        return r;
        }
        return supervise_run(&exec->supervisor);
}

static const struct {
        const char *name;
        int (*run)(Exec *exec, Fault *fault);
} stages[_STAGE_MAX] = {
        [STAGE_READ] = { "reading the request", stage_read },
        [STAGE_SEPARATE] = { "making namespaces", stage_separate },
        [STAGE_BUILD] = { "building the root", stage_build },
        [STAGE_ENTER] = { "entering the root", stage_enter },
        [STAGE_TERMINAL] = { "opening the terminal", stage_terminal },
        [STAGE_CONFINE] = { "dropping privileges", stage_confine },
        [STAGE_VERIFY] = { "reading the guarantees back", stage_verify },
        [STAGE_RUN] = { "running the program", stage_run },
};

static int report(const Exec *exec, Stage stage, int error, Fault *fault) {
        const ControlMessage message = { .kind = CONTROL_FAILED, .fault = *fault }; /* borrowed */

        if (!exec->request.is_helper)
                return control_send(EXEC_FD_CHANNEL, &message, -EBADF);
        (void) dprintf(STDERR_FILENO, "blast-exec: %s\n", fault->message ?: strerror(-error));
        return 0;
}

static int run_stages(Exec *exec, Stage first) {
        _cleanup_fault_ Fault fault = {};
        int r;

        for (Stage stage = first; stage < _STAGE_MAX; stage++) {
                r = stages[stage].run(exec, &fault);
                if (r >= 0)
                        continue;
                (void) fault_set(
                                &fault,
                                r,
                                fault_code_from_errno(r),
                                NULL,
                                "The sandbox failed while %s: %s.",
                                stages[stage].name,
                                strerror(-r));
                (void) report(exec, stage, r, &fault); /* nobody is left to tell otherwise */
                return EXIT_BLAST_FAILED;
        }
        return exit_to_shell_status(
                        WIFSIGNALED(exec->supervisor.status) ? EXIT_SIGNAL : EXIT_CODE,
                        WIFSIGNALED(exec->supervisor.status)
                                        ? WTERMSIG(exec->supervisor.status)
                                        : WEXITSTATUS(exec->supervisor.status));
}

static int wait_for(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return EXIT_BLAST_FAILED;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Makes pid 1 by itself; returns the exit status. */
static int run_helper(Exec *exec) {
        int fds[2], r = 0;
        pid_t pid;

        if (exec->request.has_user_namespace)
                r = isolate_user();
        if (r >= 0)
                r = isolate_next_child();
        if (r >= 0 && pipe2(fds, O_CLOEXEC) < 0)
                r = -errno;
        if (r < 0) {
                (void) dprintf(STDERR_FILENO,
                               "blast-exec: namespaces cannot be made: %s.\n",
                               strerror(-r));
                return EXIT_BLAST_FAILED;
        }
        pid = isolate_fork();
        if (pid < 0)
                return EXIT_BLAST_FAILED;
        if (pid > 0) {
                (void) fd_close(fds[0]);
                return wait_for(pid);
        }
        (void) fd_close(fds[1]);
        exec->parent_fd = fds[0];
        if (setsid() < 0)
                return EXIT_BLAST_FAILED;
        return run_stages(exec, STAGE_SEPARATE);
}

int main(void) {
        static Exec exec = {
                .parent_fd = -EBADF,
                .supervisor = { .channel_fd = -EBADF, .master_fd = -EBADF, .slave_fd = -EBADF },
        };
        _cleanup_fault_ Fault fault = {};
        int r;

        r = stage_read(&exec, &fault);
        if (r < 0) {
                (void) dprintf(STDERR_FILENO,
                               "blast-exec: the request cannot be read: %s.\n",
                               strerror(-r));
                return EXIT_BLAST_FAILED;
        }
        r = exec.request.is_helper ? run_helper(&exec) : run_stages(&exec, STAGE_SEPARATE);
        _exit(r); /* leak checkers could not run behind the filter */
}
