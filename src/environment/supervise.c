// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     pid 1, leader of the session, holds the terminal ── fork ──▶ program, leader of its process group
 *       │  poll: SIGCHLD (signalfd), channel to the monitor
 *       ├─ a child ended, stopped, went on ─▶ reap; of the program: tell the monitor
 *       ├─ SIGNAL n ─▶ terminal and n comes from its keys: foreground group; else the program's group
 *       ├─ HANGUP ─▶ SIGHUP and SIGCONT to both groups
 *       └─ program ended ─▶ SIGKILL to all others, reap them, tell the monitor
 *
 * The program is in the session of pid 1 but in a group of its own: its parent is then in the same session,
 * so its group is no orphan and Ctrl-Z stops it (POSIX 11.1.4). Pid 1 blocks all signals; as the
 * first process of a pid namespace it could not be killed from inside anyway.
 */

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"
#include "environment/control.h"
#include "environment/isolate.h"
#include "environment/supervise.h"

static const char *find_variable(char *const *list, const char *prefix) {
        FOREACH_TEXT(variable, list) {
                const char *value = string_after(variable, prefix);
                if (value)
                        return value;
        }
        return NULL;
}

/* Executes @name in @directory. Returns the errno if it says more than @error: a file that exists but
 * cannot be executed counts more than one that is absent. */
static int execute_in(const ExecRequest *request, const char *directory, size_t length, int error) {
        char path[4096];
        int n = snprintf(path, sizeof(path), "%.*s/%s", (int) length, directory, request->argv[0]);

        if (length == 0 || n < 0 || (size_t) n >= sizeof(path))
                return error;
        (void) execve(path, request->argv, request->environ);
        return errno == ENOENT || errno == ENOTDIR ? error : errno;
}

/* The same, but the program sees its whole path as argv[0]. */
static int execute_as(const ExecRequest *request, const char *directory) {
        char *name = request->argv[0], *path = string_format("%s/%s", directory, name);

        if (!path)
                return ENOMEM;
        request->argv[0] = path;
        (void) execve(path, request->argv, request->environ);
        request->argv[0] = name;
        free(path);
        return errno;
}

/* Searches as execvp(3) does, but in the program's own PATH. The environment's bin/ is tried by itself
 * before: a project whose path holds a colon cannot be written in PATH. */
static int execute(const ExecRequest *request) {
        const char *environment = find_variable(request->environ, "VIRTUAL_ENV=");
        Text rest = text_of(find_variable(request->environ, "PATH=") ?: ""), part;
        int error = ENOENT;

        if (strchr(request->argv[0], '/')) {
                (void) execve(request->argv[0], request->argv, request->environ);
                return errno;
        }
        if (environment) {
                _cleanup_(freep) char *directory = string_format("%s/bin", environment);
                if (!directory)
                        return ENOMEM;
                /* Then an interpreter could not find itself there either, unless it is told. */
                if (strchr(directory, ':'))
                        (void) execute_as(
                                        request, directory); /* the next line explains a failure */
                error = execute_in(request, directory, strlen(directory), error);
        }
        while (text_cut(&rest, ':', &part))
                error = execute_in(request, part.data, part.length, error);
        return error;
}

static void reset_signals(void) {
        const struct sigaction standard = { .sa_handler = SIG_DFL };
        sigset_t none;

        for (int i = 1; i < NSIG; i++)
                (void) sigaction(i, &standard, NULL); /* refused for SIGKILL and SIGSTOP */
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static int take_terminal(const Supervisor *supervisor) {
        for (int fd = 0; fd < 3; fd++)
                if (dup2(supervisor->slave_fd, fd) < 0)
                        return -errno;
        /* From a background group this raises SIGTTOU, which is still blocked. */
        return tcsetpgrp(0, getpid()) < 0 ? -errno : 0;
}

_noreturn_ static void program_main(const Supervisor *supervisor, int report_fd) {
        int r = 0;

        if (setpgid(0, 0) < 0)
                r = -errno;
        if (r >= 0 && supervisor->slave_fd >= 0)
                r = take_terminal(supervisor);
        /* Nothing but the three streams is left to the program, whatever else happens to be open. */
        if (r >= 0 && syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
                r = -errno;
        if (r >= 0) {
                reset_signals();
                r = -execute(supervisor->request);
        }
        (void) write(report_fd, &r, sizeof(r)); /* a closed pipe would mean that pid 1 is gone */
        _exit(127);
}

static int explain_exec(const ExecRequest *request, int error, Fault *fault) {
        const char *name = request->argv[0];

        if (error == -ENOENT || error == -ENOTDIR) {
                (void) fault_set(
                                fault,
                                error,
                                FAULT_COMMAND_NOT_FOUND,
                                name,
                                "There is no program '%s' in the sandbox.",
                                name);
                if (strchr(name, '/'))
                        fault_hint(fault,
                                   "The file, or the interpreter in its first line, does not exist inside.");
                return error;
        }
        return fault_set(
                        fault,
                        error,
                        FAULT_COMMAND_NOT_EXECUTABLE,
                        name,
                        "The program '%s' cannot be executed: %s.",
                        name,
                        strerror(-error));
}

/* The streams belong to the program: while pid 1 held a pipe, its reader would never see the end. */
static int release_streams(Supervisor *supervisor) {
        _cleanup_close_ int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        for (int i = 0; i < 3; i++)
                if (dup2(fd, i) < 0)
                        return -errno;
        supervisor->slave_fd = fd_close(supervisor->slave_fd);
        return 0;
}

int supervise_start(Supervisor *supervisor, Fault *fault) {
        _cleanup_close_ int read_fd = -EBADF;
        int fds[2], error = 0, r;
        ssize_t size;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        read_fd = fds[0];
        supervisor->program = isolate_fork();
        if (supervisor->program == 0)
                program_main(supervisor, fds[1]);
        (void) fd_close(fds[1]);
        if (supervisor->program < 0)
                return supervisor->program;
        (void) setpgid(supervisor->program,
                       supervisor->program); /* here too: a signal may come before it ran */
        r = release_streams(supervisor);
        if (r < 0)
                return r;
        do
                size = read(read_fd, &error, sizeof(error));
        while (size < 0 && errno == EINTR);
        if (size == (ssize_t) sizeof(error))
                return explain_exec(supervisor->request, error, fault);
        return 0; /* closed by the exec */
}

static int tell(const Supervisor *supervisor, const ControlMessage *message) {
        return supervisor->channel_fd < 0 ? 0
                                          : control_send(supervisor->channel_fd, message, -EBADF);
}

static void signal_group(pid_t group, int signal) {
        if (group > 1)
                (void) kill(-group, signal); /* it may have ended already */
}

static pid_t foreground_group(const Supervisor *supervisor) {
        pid_t group = 0;

        if (supervisor->master_fd < 0 || ioctl(supervisor->master_fd, TIOCGPGRP, &group) < 0)
                return 0;
        return group;
}

static bool comes_from_keys(int signal) {
        return signal == SIGINT || signal == SIGQUIT || signal == SIGTSTP || signal == SIGWINCH;
}

static void signal_both(const Supervisor *supervisor, int signal) {
        pid_t foreground = foreground_group(supervisor);

        signal_group(foreground, signal);
        if (foreground != supervisor->program)
                signal_group(supervisor->program, signal);
}

static void deliver(const Supervisor *supervisor, int signal) {
        pid_t foreground = foreground_group(supervisor);

        if (signal == SIGKILL)
                (void) kill(-1, SIGKILL);
        else if (foreground > 1 && comes_from_keys(signal))
                signal_group(foreground, signal);
        else
                signal_group(supervisor->program, signal);
}

/* Returns 0 when the monitor is gone. */
static int on_channel(Supervisor *supervisor) {
        _cleanup_control_message_ ControlMessage message = {};
        int r;

        r = control_receive(supervisor->channel_fd, &message, NULL);
        if (r <= 0)
                return r;
        switch (message.kind) {
        case CONTROL_SIGNAL:
                deliver(supervisor, message.signal);
                break;
        case CONTROL_CONTINUE:
                signal_both(supervisor, SIGCONT);
                break;
        case CONTROL_HANGUP:
                signal_both(supervisor, SIGHUP);
                signal_both(supervisor, SIGCONT);
                break;
        default:
                break;
        }
        return 1;
}

static int on_child(Supervisor *supervisor, const siginfo_t *info) {
        switch (info->si_code) {
        case CLD_STOPPED:
        case CLD_TRAPPED:
                return tell(supervisor,
                            &(ControlMessage){ .kind = CONTROL_STOPPED,
                                               .signal = info->si_status });
        case CLD_CONTINUED:
                return tell(supervisor, &(ControlMessage){ .kind = CONTROL_CONTINUED });
        default:
                supervisor->has_ended = true;
                supervisor->status = info->si_code == CLD_EXITED ? W_EXITCODE(info->si_status, 0)
                                                                 : W_EXITCODE(0, info->si_status);
                return 0;
        }
}

/* Collects everything there is to collect. */
static int reap(Supervisor *supervisor) {
        for (;;) {
                siginfo_t info = {};
                int r;
                if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) < 0)
                        return errno == ECHILD ? 0 : -errno;
                if (info.si_pid == 0)
                        return 0;
                if (info.si_pid != supervisor->program || supervisor->has_ended)
                        continue;
                r = on_child(supervisor, &info);
                if (r < 0 && r != -EPIPE)
                        return r;
        }
}

/* Nothing of the sandbox runs any more when its end is told. */
static void take_down(void) {
        (void) kill(-1, SIGKILL);
        while (waitid(P_ALL, 0, &(siginfo_t){}, WEXITED) == 0 || errno == EINTR)
                ;
}

static int tell_end(const Supervisor *supervisor) {
        ControlMessage message = { .kind = CONTROL_EXITED };

        if (WIFSIGNALED(supervisor->status)) {
                message.exit_kind = EXIT_SIGNAL;
                message.exit_status = WTERMSIG(supervisor->status);
        } else
                message.exit_status = WEXITSTATUS(supervisor->status);
        return tell(supervisor, &message);
}

int supervise_run(Supervisor *supervisor) {
        _cleanup_close_ int signal_fd = -EBADF;
        sigset_t child;
        int r;

        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signal_fd < 0)
                return -errno;
        for (;;) {
                struct signalfd_siginfo ignored;
                struct pollfd fds[] = {
                        { .fd = signal_fd, .events = POLLIN },
                        { .fd = supervisor->channel_fd, .events = POLLIN }, /* negative: ignored */
                };

                r = reap(supervisor);
                if (r < 0 || supervisor->has_ended)
                        break;
                if (poll(fds, ELEMENTSOF(fds), -1) < 0 && errno != EINTR)
                        return -errno;
                if (fds[0].revents)
                        (void) read(signal_fd, &ignored, sizeof(ignored)); /* reap() asks for all */
                if (fds[1].revents) {
                        r = on_channel(supervisor);
                        if (r <= 0)
                                break;
                }
        }
        take_down();
        return supervisor->has_ended ? tell_end(supervisor) : r;
}
