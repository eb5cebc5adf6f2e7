// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     blastd ─ starts ─▶ blast-monitor ─ starts ─▶ blast-exec = pid 1 of the sandbox ─▶ program
 *       ▲  pidfd, run/status files    ▲  channel: READY STARTED PTY STOPPED EXITED FAILED ▲
 *       └─ SIGRTMIN (value: signal) ─▶│                                                   │
 *     client ◀─ control socket ──────▶└─ SIGNAL CONTINUE HANGUP ──────────────────────────┘
 *
 * The monitor outlives blastd, so it owns what must outlive it: the record of the run, its status, the
 * terminal's master, the namespaces (re-found through /proc/<monitor>/ns). When it dies, the kernel kills
 * the sandbox (PR_SET_PDEATHSIG of pid 1).
 *
 *     STARTING ── STARTED ──▶ RUNNING ── EXITED, FAILED or end of pid 1 ──▶ status written ──▶ pid 1 reaped ──▶ leaves
 *                                │ control socket closed
 *                                └──▶ HANGUP, after GRACE_SEC SIGKILL
 *
 * The status is on disk before the client hears of the end, whatever the end was: also when the request
 * cannot be read. Signals are blocked from before the exec on, so that one that comes early waits.
 *
 * Once the sandbox runs, the monitor confines itself: no capability, no file outside the record of its
 * run (Landlock, where there is one), no process to start, no signal but to its own sandbox.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/child.h"
#include "basic/file.h"
#include "environment/capture.h"
#include "environment/control.h"
#include "environment/isolate.h"
#include "environment/launch.h"
#include "environment/run-record.h"

enum {
        REQUEST_SIZE_MAX = 4 * 1024 * 1024,
        GRACE_SEC = 5,
};

typedef struct Monitor {
        MonitorRequest request;
        RunRecord record;
        Child sandbox;
        Capture capture;
        int channel_fd; /* to pid 1; negative once it is gone */
        int control_fd; /* to the client; negative: detached or gone */
        int signal_fd;
        int master_fd;         /* kept, so that the terminal lives as long as its programs */
        uint64_t kill_at_usec; /* CLOCK_MONOTONIC; USEC_INFINITY: no */
        bool has_status;
} Monitor;

static uint64_t now_usec(clockid_t clock) {
        struct timespec now = {};

        (void) clock_gettime(clock, &now); /* cannot fail for these clocks */
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

static int read_request(Monitor *monitor) {
        const void *data = NULL;
        size_t size_bytes;
        int r;

        r = memfd_map_sealed(MONITOR_FD_REQUEST, REQUEST_SIZE_MAX, &data, &size_bytes);
        if (r < 0)
                return r;
        r = monitor_request_decode(data, size_bytes, &monitor->request);
        (void) munmap((void *) data, size_bytes);
        return r;
}

static int watch_signals(Monitor *monitor) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGRTMIN);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGPIPE);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        monitor->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return monitor->signal_fd < 0 ? -errno : 0;
}

static int write_record(Monitor *monitor) {
        const MonitorRequest *request = &monitor->request;
        RunRecord *record = &monitor->record;
        int r;

        *record = (RunRecord){
                .number = request->number,
                .generation = request->generation,
                .environment_id = strdup(request->environment_id ?: ""),
                .started_usec = now_usec(CLOCK_REALTIME),
                .monitor_pid = getpid(),
                .has_terminal = request->wants_terminal,
                .is_detached = request->is_detached,
        };
        if (!record->environment_id)
                return -ENOMEM;
        r = strings_copy(request->argv, &record->argv);
        if (r >= 0)
                r = process_start_ticks(record->monitor_pid, &record->monitor_start_ticks);
        return r < 0 ? r : run_record_store(MONITOR_FD_RUN, record);
}

/* Enters the generation and becomes able to make pid 1. Afterwards paths are resolved there. */
static int enter_generation(Monitor *monitor) {
        int r;

        r = isolate_join(
                        monitor->request.has_user_namespace ? MONITOR_FD_USER_NAMESPACE : -EBADF,
                        MONITOR_FD_MOUNT_NAMESPACE);
        if (r >= 0 && monitor->request.has_user_namespace)
                r = isolate_keep_capabilities();
        if (r >= 0)
                r = isolate_next_child();
        return r;
}

static int spawn_sandbox(Monitor *monitor) {
        int fds[CHILD_FDS_MAX], channel[2] = { -EBADF, -EBADF }, r;
        _cleanup_close_ int their_end = -EBADF, write_fd = -EBADF;
        _cleanup_(freep) char *path = NULL;
        char *const argv[] = { (char *) "blast-exec", NULL };
        size_t n_fds = 0;

        r = program_path("blast-exec", &path);
        if (r >= 0)
                r = channel_pair(false, channel);
        if (r < 0)
                return r;
        monitor->channel_fd = channel[0];
        their_end = channel[1];
        if (monitor->request.is_detached) {
                r = capture_start(&monitor->capture, MONITOR_FD_RUN, MONITOR_FD_JOURNAL, &write_fd);
                if (r < 0)
                        return r;
        }
        fds[n_fds++] = MONITOR_FD_EXEC_REQUEST;
        fds[n_fds++] = their_end;
        fds[n_fds++] = MONITOR_FD_FILTER;
        fds[n_fds++] = MONITOR_FD_LOCK;
        for (uint32_t i = 0; i < monitor->request.n_sources; i++)
                fds[n_fds++] = MONITOR_FD_SOURCES + (int) i;
        const ChildSpec child = {
                .path = path,
                .argv = argv,
                .stdio = { STDIN_FILENO,
                           write_fd >= 0 ? write_fd : STDOUT_FILENO,
                           write_fd >= 0 ? write_fd : STDERR_FILENO },
                .fds = fds,
                .n_fds = n_fds,
                .uid = (uid_t) -1,
                .gid = (gid_t) -1,
                .new_session = true,
                .blocks_signals = true,
        };
        return child_spawn(&child, &monitor->sandbox);
}

/* The program's streams and everything only needed to start it. */
static int release(void) {
        static const int fds[] = { MONITOR_FD_REQUEST,
                                   MONITOR_FD_EXEC_REQUEST,
                                   MONITOR_FD_FILTER,
                                   MONITOR_FD_MOUNT_NAMESPACE,
                                   MONITOR_FD_USER_NAMESPACE };
        _cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null_fd < 0)
                return -errno;
        for (int i = 0; i < 3; i++)
                if (dup2(null_fd, i) < 0)
                        return -errno;
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                (void) fd_close(fds[i]);
        return 0;
}

static int give_up_privileges(void) {
        int r;

        r = isolate_drop_capabilities();
        if (r < 0)
                return r;
        /* blastd finds the namespaces through our /proc entry, which entering them closed to it. */
        if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
                return -errno;
        r = isolate_files(MONITOR_FD_RUN);
        if (r < 0 && r != -EOPNOTSUPP)
                return r;
        r = isolate_filter(MONITOR_FD_OWN_FILTER);
        (void) fd_close(MONITOR_FD_OWN_FILTER);
        return r;
}

static int start(Monitor *monitor) {
        int r;

        r = enter_generation(monitor);
        if (r >= 0)
                r = spawn_sandbox(monitor);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < monitor->request.n_sources; i++)
                (void) fd_close(MONITOR_FD_SOURCES + (int) i);
        monitor->record.sandbox_pid = monitor->sandbox.pid;
        r = process_start_ticks(monitor->sandbox.pid, &monitor->record.sandbox_start_ticks);
        if (r >= 0)
                r = release();
        return r < 0 ? r : give_up_privileges();
}

/* To the client, if there is one; that it is gone is noticed by poll(). */
static void tell(const Monitor *monitor, const ControlMessage *message, int pass_fd) {
        if (monitor->control_fd >= 0)
                (void) control_send(monitor->control_fd, message, pass_fd);
}

static int finish(Monitor *monitor, ControlMessage *message) {
        RunStatus status = {
                .number = monitor->request.number,
                .fault = message->fault, /* borrowed */
                .exit_kind = message->exit_kind,
                .exit_status = message->exit_status,
                .ended_usec = now_usec(CLOCK_REALTIME),
        };
        int r;

        if (monitor->has_status)
                return 0;
        monitor->has_status = true;
        r = run_status_store(MONITOR_FD_RUN, &status);
        tell(monitor, message, -EBADF);
        return r;
}

static void kill_sandbox(const Monitor *monitor) {
        if (monitor->sandbox.pid > 0)
                (void) syscall(SYS_pidfd_send_signal, monitor->sandbox.pidfd, SIGKILL, NULL, 0);
}

static void pass_down(Monitor *monitor, ControlKind kind, int signal) {
        if (kind == CONTROL_SIGNAL && signal == SIGKILL)
                kill_sandbox(monitor);
        else if (monitor->channel_fd >= 0)
                (void) control_send(
                                monitor->channel_fd,
                                &(ControlMessage){ .kind = kind, .signal = signal },
                                -EBADF);
}

static void schedule_kill(Monitor *monitor) {
        if (monitor->kill_at_usec == USEC_INFINITY)
                monitor->kill_at_usec = now_usec(CLOCK_MONOTONIC) + GRACE_SEC * USEC_PER_SEC;
}

static int on_channel(Monitor *monitor) {
        _cleanup_control_message_ ControlMessage message = {};
        _cleanup_close_ int passed_fd = -EBADF;
        int r;

        r = control_receive(monitor->channel_fd, &message, &passed_fd);
        if (r <= 0) {
                monitor->channel_fd = fd_close(monitor->channel_fd);
                return r;
        }
        switch (message.kind) {
        case CONTROL_PTY:
                tell(monitor, &message, passed_fd);
                monitor->master_fd = TAKE_FD(passed_fd);
                return 0;
        case CONTROL_READY:
                guarantees_done(&monitor->record.guarantees);
                monitor->record.guarantees = TAKE(message.guarantees, (Guarantees){});
                return 0;
        case CONTROL_STARTED:
                message.pid = monitor->sandbox.pid;
                tell(monitor, &message, -EBADF);
                monitor->record.state = RUN_RUNNING;
                return run_record_store(MONITOR_FD_RUN, &monitor->record);
        case CONTROL_STOPPED:
        case CONTROL_CONTINUED:
                tell(monitor, &message, -EBADF);
                return 0;
        case CONTROL_EXITED:
        case CONTROL_FAILED:
                return finish(monitor, &message);
        default:
                return -EPROTO;
        }
}

static void on_control(Monitor *monitor) {
        _cleanup_control_message_ ControlMessage message = {};
        int r;

        r = control_receive(monitor->control_fd, &message, NULL);
        if (r == -EAGAIN)
                return;
        if (r <= 0) { /* gone, or no longer speaking our language */
                monitor->control_fd = fd_close(monitor->control_fd);
                pass_down(monitor, CONTROL_HANGUP, 0);
                schedule_kill(monitor);
        } else if (message.kind == CONTROL_SIGNAL || message.kind == CONTROL_CONTINUE)
                pass_down(monitor, message.kind, message.signal);
}

static void on_signal(Monitor *monitor) {
        struct signalfd_siginfo info;

        while (read(monitor->signal_fd, &info, sizeof(info)) == (ssize_t) sizeof(info)) {
                int signal = (int) info.ssi_signo;
                if (signal == SIGRTMIN)
                        pass_down(monitor, CONTROL_SIGNAL, info.ssi_int);
                else if (signal == SIGTERM) { /* the machine goes down */
                        pass_down(monitor, CONTROL_SIGNAL, SIGTERM);
                        schedule_kill(monitor);
                }
        }
}

/* Pid 1 has ended: with it everything else in the sandbox. */
static int on_end(Monitor *monitor) {
        ControlMessage message = { .kind = CONTROL_EXITED,
                                   .exit_kind = EXIT_SIGNAL,
                                   .exit_status = SIGKILL };
        int status = 0, r;

        while (monitor->channel_fd >= 0 && !monitor->has_status) {
                r = on_channel(monitor); /* what it said last */
                if (r < 0)
                        break;
        }
        r = child_wait(&monitor->sandbox, &status);
        if (r < 0)
                return r;
        if (WIFSIGNALED(status))
                message.exit_status = WTERMSIG(status);
        r = finish(monitor, &message);
        while (monitor->capture.pipe_fd >= 0 && capture_step(&monitor->capture) > 0) {
                struct pollfd rest = { .fd = monitor->capture.pipe_fd, .events = POLLIN };
                if (poll(&rest, 1, 0) <= 0)
                        break;
        }
        return r;
}

static int timeout_msec(const Monitor *monitor) {
        uint64_t now = now_usec(CLOCK_MONOTONIC);

        if (monitor->kill_at_usec == USEC_INFINITY)
                return -1;
        return monitor->kill_at_usec <= now
                        ? 0
                        : (int) ((monitor->kill_at_usec - now) / USEC_PER_MSEC + 1);
}

static int step(Monitor *monitor) {
        struct pollfd fds[] = {
                { .fd = monitor->sandbox.pidfd, .events = POLLIN },
                { .fd = monitor->channel_fd, .events = POLLIN },
                { .fd = monitor->control_fd, .events = POLLIN },
                { .fd = monitor->signal_fd, .events = POLLIN },
                { .fd = monitor->capture.pipe_fd, .events = POLLIN },
        };
        int r = 0;

        if (poll(fds, ELEMENTSOF(fds), timeout_msec(monitor)) < 0)
                return errno == EINTR ? 0 : -errno;
        if (monitor->kill_at_usec <= now_usec(CLOCK_MONOTONIC)) {
                monitor->kill_at_usec = USEC_INFINITY;
                kill_sandbox(monitor);
        }
        if (fds[1].revents)
                r = on_channel(monitor);
        if (r >= 0 && fds[2].revents)
                on_control(monitor);
        if (r >= 0 && fds[3].revents)
                on_signal(monitor);
        if (r >= 0 && fds[4].revents && capture_step(&monitor->capture) <= 0)
                capture_done(&monitor->capture);
        if (r >= 0 && fds[0].revents)
                r = on_end(monitor);
        return r;
}

static int run(Monitor *monitor) {
        int r;

        r = start(monitor);
        while (r >= 0 && monitor->sandbox.pid > 0)
                r = step(monitor);
        return r;
}

static int fail(Monitor *monitor, int error) {
        ControlMessage message = { .kind = CONTROL_FAILED };
        int r;

        kill_sandbox(monitor);
        if (monitor->sandbox.pid > 0)
                (void) child_wait(&monitor->sandbox, NULL); /* how it ended is our doing */
        (void) fault_set(
                        &message.fault,
                        error,
                        fault_code_from_errno(error),
                        NULL,
                        "The monitor of the sandbox failed: %s.",
                        strerror(-error));
        r = finish(monitor, &message);
        control_message_done(&message);
        return r < 0 ? r : error;
}

int main(void) {
        static Monitor monitor = {
                .sandbox = { .pidfd = -EBADF },
                .capture = { .pipe_fd = -EBADF, .output_fd = -EBADF },
                .channel_fd = -EBADF,
                .control_fd = -EBADF,
                .signal_fd = -EBADF,
                .master_fd = -EBADF,
                .kill_at_usec = USEC_INFINITY,
        };
        struct stat status;
        int r;

        /* Known without the request, so that its failure can be told, too. */
        if (fstat(MONITOR_FD_CONTROL, &status) == 0 && S_ISSOCK(status.st_mode))
                monitor.control_fd = MONITOR_FD_CONTROL;
        r = watch_signals(&monitor);
        if (r >= 0)
                r = read_request(&monitor);
        if (r >= 0)
                r = write_record(&monitor);
        if (r >= 0)
                r = run(&monitor);
        if (r < 0)
                r = fail(&monitor, r);
        _exit(r < 0); /* leak checkers could not run behind the filter */
}
