// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *   stdin and stdout are terminals            anything else
 *   ------------------------------            -------------
 *   the program gets a terminal made inside;  pipes and files are handed over as they are;
 *   its master comes over the control socket; a terminal among them is replaced by a pipe
 *   our terminal is raw, Ctrl-C is a byte;    that we relay, so no program inside ever holds
 *   we relay both ways                        our terminal; signals we get are passed on
 *
 *   monitor says STOPPED  → restore the terminal, stop ourselves; after SIGCONT: raw again, CONTINUE
 *   monitor says EXITED   → relay what is left, leave with the status
 *   SIGWINCH              → copy the size to the master
 *   SIGINT … SIGTSTP      → SIGNAL to the monitor; that we stop, too, waits for its STOPPED
 *
 * In the background of the user's shell we neither read the terminal nor change its modes: the kernel
 * would stop us. A shell says nothing to a running job that it brings back, so a timer looks.
 *
 * The connection to the daemon is not needed while the program runs: it may restart meanwhile.
 */

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "client/call.h"
#include "client/relay.h"
#include "client/session.h"
#include "client/terminal.h"
#include "environment/control.h"
#include "environment/environ.h"

typedef struct Session {
        Client *client;
        Terminal terminal;
        int control;
        int master;      /* of the terminal inside; negative until it came */
        int ours[3];     /* our ends of pipes that stand in for a terminal */
        int theirs[3];   /* what the program gets as 0, 1, 2 */
        bool is_ours[3]; /* theirs[i] is a descriptor we made */
        bool wants_terminal;
        Relay *inward;         /* terminal → program */
        Relay *outward[3];     /* program → terminal; [0] is the master's */
        sd_event_source *look; /* while we are in the background */
        sd_event_source *sources[16];
        size_t n_sources;
        int status;
} Session;

enum {
        LOOK_INTERVAL_USEC = 250 * 1000
};

static const int passed_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP };

static void session_init(Session *session, Client *client) {
        *session = (Session){ .client = client, .control = -EBADF, .master = -EBADF };
        for (int i = 0; i < 3; i++) {
                session->ours[i] = -EBADF;
                session->theirs[i] = i;
        }
        session->wants_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
        terminal_init(&session->terminal, isatty(STDIN_FILENO) ? STDIN_FILENO : -EBADF);
}

static void close_theirs(Session *session) {
        for (int i = 0; i < 3; i++)
                if (session->is_ours[i]) {
                        session->theirs[i] = fd_close(session->theirs[i]);
                        session->is_ours[i] = false;
                }
}

static void session_done(Session *session) {
        terminal_restore(&session->terminal);
        (void) relay_free(session->inward);
        for (int i = 0; i < 3; i++)
                (void) relay_free(session->outward[i]);
        (void) sd_event_source_disable_unref(session->look);
        for (size_t i = 0; i < session->n_sources; i++)
                (void) sd_event_source_disable_unref(session->sources[i]);
        close_theirs(session);
        for (int i = 0; i < 3; i++)
                session->ours[i] = fd_close(session->ours[i]);
        session->master = fd_close(session->master);
        session->control = fd_close(session->control);
}

/* Descriptors for the program: ours, a pipe where ours is a terminal, /dev/null where ours is closed. */
static int prepare_stdio(Session *session) {
        for (int i = 0; i < 3; i++) {
                int pipe_fds[2];

                if (fcntl(i, F_GETFD) < 0 || (session->wants_terminal && isatty(i))) {
                        session->theirs[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
                        if (session->theirs[i] < 0)
                                return -errno;
                        session->is_ours[i] = true;
                        continue;
                }
                if (!isatty(i))
                        continue;
                if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                        return -errno;
                session->theirs[i] = pipe_fds[i == STDIN_FILENO ? 0 : 1];
                session->ours[i] = pipe_fds[i == STDIN_FILENO ? 1 : 0];
                session->is_ours[i] = true;
        }
        return 0;
}

static void on_input_ended(Relay *relay, void *userdata) {
        Session *session = userdata;

        /* End of our input: the program's input ends, too. */
        if (session->ours[STDIN_FILENO] >= 0)
                session->ours[STDIN_FILENO] = fd_close(session->ours[STDIN_FILENO]);
}

static int take_terminal(Session *session);

static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
        return take_terminal(userdata);
}

static int look_later(Session *session) {
        int r;

        if (!session->look)
                return sd_event_add_time_relative(
                                session->client->event,
                                &session->look,
                                CLOCK_MONOTONIC,
                                LOOK_INTERVAL_USEC,
                                0,
                                on_look,
                                session);
        r = sd_event_source_set_time_relative(session->look, LOOK_INTERVAL_USEC);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(session->look, SD_EVENT_ONESHOT);
}

/* Reads the terminal, raw if the program has one of its own, as soon as we are in the foreground. */
static int take_terminal(Session *session) {
        int r;

        if (!terminal_is_foreground(&session->terminal)) {
                relay_pause(session->inward, true);
                return look_later(session);
        }
        if (session->master >= 0) {
                r = terminal_set_raw(&session->terminal);
                if (r < 0)
                        return r;
                terminal_copy_size(&session->terminal, session->master);
        }
        relay_pause(session->inward, false);
        return 0;
}

static int start_relays(Session *session) {
        sd_event *event = session->client->event;
        int r = 0;

        if (session->ours[STDIN_FILENO] >= 0) {
                r = relay_new(event,
                              STDIN_FILENO,
                              session->ours[STDIN_FILENO],
                              on_input_ended,
                              session,
                              &session->inward);
                if (r < 0)
                        return r;
                r = take_terminal(session);
        }
        for (int i = STDOUT_FILENO; i <= STDERR_FILENO && r >= 0; i++)
                if (session->ours[i] >= 0)
                        r = relay_new(event, session->ours[i], i, NULL, NULL, &session->outward[i]);
        return r;
}

static int on_terminal(Session *session, int master) {
        sd_event *event = session->client->event;
        int r;

        if (session->master >= 0) {
                (void) fd_close(master);
                return -EPROTO; /* one terminal per run */
        }
        session->master = master;
        terminal_copy_size(&session->terminal, master);
        r = relay_new(event, STDIN_FILENO, master, NULL, NULL, &session->inward);
        if (r < 0)
                return r;
        r = relay_new(event, master, STDOUT_FILENO, NULL, NULL, &session->outward[0]);
        if (r < 0)
                return r;
        return take_terminal(session);
}

static int go_on(Session *session) {
        const ControlMessage message = { .kind = CONTROL_CONTINUE };
        int r = take_terminal(session);

        return r < 0 ? r : control_send(session->control, &message, -EBADF);
}

/* Stops our whole group as the terminal would, until SIGCONT. The kernel does not do it where no shell
 * could continue us (an orphaned group): then this returns at once. */
static void stop_group(void) {
        sigset_t stop, before;

        sigemptyset(&stop);
        sigaddset(&stop, SIGTSTP);
        (void) kill(0, SIGTSTP);
        (void) sigprocmask(SIG_UNBLOCK, &stop, &before);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
}

/* The program was stopped: stop with it, so that the user's shell takes over. */
static int stop_ourselves(Session *session) {
        relay_pause(session->inward, true);
        for (int i = 0; i < 3; i++)
                relay_drain(session->outward[i]);
        terminal_restore(&session->terminal);
        stop_group();
        return go_on(session);
}

static int leave(Session *session, int status) {
        session->status = status;
        for (int i = 0; i < 3; i++)
                relay_drain(session->outward[i]);
        terminal_restore(&session->terminal);
        return sd_event_exit(session->client->event, 0);
}

static int on_message(Session *session, ControlMessage *message, int *fd) {
        switch (message->kind) {
        case CONTROL_PTY:
                return *fd >= 0 ? on_terminal(session, TAKE_FD(*fd)) : -EPROTO;
        case CONTROL_STOPPED:
                return stop_ourselves(session);
        case CONTROL_EXITED:
                return leave(session,
                             exit_to_shell_status(message->exit_kind, message->exit_status));
        case CONTROL_FAILED:
                fault_done(&session->client->fault);
                session->client->fault = TAKE(message->fault, (Fault){});
                return leave(session, -EIO);
        default:
                return 0;
        }
}

static int on_control(sd_event_source *source, int socket, uint32_t events, void *userdata) {
        Session *session = userdata;
        _cleanup_control_message_ ControlMessage message = {};
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = control_receive(session->control, &message, &fd);
        if (r == -EAGAIN)
                return 0;
        if (r <= 0) {
                (void) fault_set(
                                &session->client->fault,
                                -ECONNRESET,
                                FAULT_WORKER_FAILED,
                                "blast-monitor",
                                "The monitor of the sandbox ended unexpectedly; the program was killed.");
                return leave(session, -ECONNRESET);
        }
        return on_message(session, &message, &fd);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Session *session = userdata;
        int signal = (int) info->ssi_signo;

        if (signal == SIGWINCH) {
                if (session->master >= 0)
                        terminal_copy_size(&session->terminal, session->master);
                return 0;
        }
        if (signal == SIGCONT)
                return go_on(session);
        (void) control_send_signal(session->control, signal); /* it is gone: EXITED comes */
        return 0;
}

static int watch_signals(Session *session) {
        static const int own[] = { SIGWINCH, SIGCONT };
        sd_event *event = session->client->event;
        sigset_t set;
        int r;

        (void) signal(SIGPIPE, SIG_IGN); /* a relay sees EPIPE */
        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(passed_signals) + ELEMENTSOF(own); i++) {
                int signal = i < ELEMENTSOF(passed_signals) ? passed_signals[i]
                                                            : own[i - ELEMENTSOF(passed_signals)];
                sigaddset(&set, signal);
                if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                        return -errno;
                r = sd_event_add_signal(
                                event,
                                &session->sources[session->n_sources],
                                signal,
                                on_signal,
                                session);
                if (r < 0)
                        return r;
                session->n_sources++;
        }
        return 0;
}

/* D-Bus carries UTF-8 only; what is not is left out. */
static int append_variable(sd_bus_message *message, const char *variable) {
        const char *equals = strchr(variable, '=');

        if (!equals || utf8_check(variable, strlen(variable), NULL) < 0)
                return 0;
        _cleanup_(freep) char *name =
                        text_to_string((Text){ variable, (size_t) (equals - variable) });
        if (!name)
                return -ENOMEM;
        return sd_bus_message_append(message, "{ss}", name, equals + 1);
}

static bool is_given(char *const *variables, const char *variable) {
        size_t length = strcspn(variable, "=");

        FOREACH_TEXT(item, variables)
                if (strncmp(item, variable, length + 1) == 0)
                        return true;
        return false;
}

/* What --env says, and of our own environment what may be inherited. */
static int append_environ(sd_bus_message *message, char *const *given) {
        extern char **environ;
        int r;

        r = sd_bus_message_open_container(message, 'a', "{ss}");
        FOREACH_TEXT(variable, given)
                if (r >= 0)
                        r = append_variable(message, variable);
        FOREACH_TEXT(variable, environ)
                if (r >= 0 && environ_may_pass(variable) && !is_given(given, variable))
                        r = append_variable(message, variable);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(message);
}

static int append_run_options(Session *session, sd_bus_message *message) {
        struct winsize size = {};
        int r;

        r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r < 0)
                return r;
        if (session->wants_terminal) {
                r = sd_bus_message_append(message, "{sv}", "tty", "b", 1);
                if (r < 0)
                        return r;
                if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) >= 0) {
                        r = sd_bus_message_append(
                                        message,
                                        "{sv}",
                                        "terminal-size",
                                        "(qq)",
                                        size.ws_row,
                                        size.ws_col);
                        if (r < 0)
                                return r;
                }
        }
        if (session->client->is_strict) {
                r = sd_bus_message_append(message, "{sv}", "strict", "b", 1);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(message);
}

static int append_stdio(Session *session, sd_bus_message *message) {
        int r;

        r = sd_bus_message_open_container(message, 'a', "h");
        for (int i = 0; i < 3 && r >= 0; i++)
                r = sd_bus_message_append(message, "h", session->theirs[i]);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(message);
}

static int start(Session *session, char *const *argv) {
        Client *client = session->client;
        _cleanup_message_ sd_bus_message *message = NULL;
        _cleanup_(freep) char *directory = getcwd(NULL, 0);
        int ends[2], r;

        r = channel_pair(false, ends);
        if (r < 0)
                return r;
        session->control = ends[0];
        _cleanup_close_ int other = ends[1];

        r = client_message(client, client->environment, "Environment.RunFd", &message);
        if (r < 0)
                return r;
        r = sd_bus_message_append_strv(message, (char **) argv);
        if (r < 0)
                return r;
        r = sd_bus_message_append(message, "s", directory ?: client->project_path);
        if (r < 0)
                return r;
        r = append_environ(message, client->variables);
        if (r < 0)
                return r;
        r = append_stdio(session, message);
        if (r < 0)
                return r;
        r = sd_bus_message_append(message, "h", other);
        if (r < 0)
                return r;
        r = append_run_options(session, message);
        if (r < 0)
                return r;
        return client_send(client, message, NULL);
}

static int run(Session *session, char *const *argv) {
        Client *client = session->client;
        int r;

        r = prepare_stdio(session);
        if (r < 0)
                return r;
        r = watch_signals(session); /* before the program can ask for one */
        if (r < 0)
                return r;
        r = start(session, argv);
        if (r < 0)
                return r;
        close_theirs(session);
        r =
                        sd_event_add_io(client->event,
                                        &session->sources[session->n_sources],
                                        session->control,
                                        EPOLLIN,
                                        on_control,
                                        session);
        if (r < 0)
                return r;
        session->n_sources++;
        r = start_relays(session);
        if (r < 0)
                return r;
        /* The daemon may go away now; its messages do not matter any more. */
        r = sd_bus_detach_event(client->bus);
        if (r < 0)
                return r;
        r = sd_event_loop(client->event);
        return r < 0 ? r : session->status;
}

int session_run(Client *client, char *const *argv) {
        _cleanup_(session_done) Session session;

        session_init(&session, client);
        return run(&session, argv);
}
