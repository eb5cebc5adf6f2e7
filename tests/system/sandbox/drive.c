// SPDX-License-Identifier: LGPL-2.1-or-later

/* A stand-in for blastd and the client in one: mounts a generation, starts one sandbox in it through the
 * counted verbs and is the other end of its control socket. Tests talk to it by arguments, read its
 * events as lines and send it commands as lines.
 *
 *     drive --generation DIR --layer DIR… --run DIR [--project DIR] [--home DIR] … -- argv…
 *
 * --events FD      started PID, stopped SIGNAL, continued, exited KIND STATUS, failed CODE MESSAGE
 * --commands FD    signal N, monitor N (by pidfd), continue, close (the control socket)
 * --guarantees FD  name state mechanism reason, separated by tabs, when the run has ended
 * Exit status: the program's as a shell gives it; 125 failed, 126, 127.
 */

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "environment/control.h"
#include "environment/mount-table.h"
#include "environment/privilege.h"

typedef struct Drive {
        const char *generation;
        const char *project;
        const char *run;
        char **layers;
        char **read_only_paths;
        char **hidden_paths;
        SandboxSpec spec;
        int events_fd;
        int commands_fd;
        int guarantees_fd;
        int control_fd;
        int master_fd;
        Child monitor;
        int exit_status;
        bool adopts; /* start a second sandbox through sandbox_adopt() */
        bool has_ended;
        unsigned n_repeats;
} Drive;

static Drive drive = {
        .events_fd = -EBADF,
        .commands_fd = -EBADF,
        .guarantees_fd = -EBADF,
        .control_fd = -EBADF,
        .master_fd = -EBADF,
        .monitor = { .pidfd = -EBADF },
        .exit_status = 125,
        .n_repeats = 1,
};

_noreturn_ static void die(const char *what, int error, const Fault *fault) {
        (void) fprintf(stderr,
                       "drive: %s: %s: %s\n",
                       what,
                       strerror(error < 0 ? -error : error),
                       fault && fault->message ? fault->message : "");
        exit(124);
}

static int open_directory(const char *path) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                die(path, errno, NULL);
        return fd;
}

enum {
        OPTION_GENERATION = 256,
        OPTION_LAYER,
        OPTION_RUN,
        OPTION_PROJECT,
        OPTION_HOME,
        OPTION_PREFIX,
        OPTION_SITE,
        OPTION_PYTHON,
        OPTION_DIRECTORY,
        OPTION_READ_ONLY,
        OPTION_HIDDEN,
        OPTION_TERMINAL,
        OPTION_DETACHED,
        OPTION_STRICT,
        OPTION_MEMORY,
        OPTION_PROCESSES,
        OPTION_FILE_MAX,
        OPTION_SCRATCH_MAX,
        OPTION_EVENTS,
        OPTION_COMMANDS,
        OPTION_GUARANTEES,
        OPTION_ADOPT,
        OPTION_REPEAT,
};

static const struct option options[] = {
        { "generation", required_argument, NULL, OPTION_GENERATION },
        { "layer", required_argument, NULL, OPTION_LAYER },
        { "run", required_argument, NULL, OPTION_RUN },
        { "project", required_argument, NULL, OPTION_PROJECT },
        { "home", required_argument, NULL, OPTION_HOME },
        { "prefix", required_argument, NULL, OPTION_PREFIX },
        { "site-packages", required_argument, NULL, OPTION_SITE },
        { "python-prefix", required_argument, NULL, OPTION_PYTHON },
        { "directory", required_argument, NULL, OPTION_DIRECTORY },
        { "read-only", required_argument, NULL, OPTION_READ_ONLY },
        { "hidden", required_argument, NULL, OPTION_HIDDEN },
        { "terminal", no_argument, NULL, OPTION_TERMINAL },
        { "detached", no_argument, NULL, OPTION_DETACHED },
        { "strict", no_argument, NULL, OPTION_STRICT },
        { "memory", required_argument, NULL, OPTION_MEMORY },
        { "processes", required_argument, NULL, OPTION_PROCESSES },
        { "file-max", required_argument, NULL, OPTION_FILE_MAX },
        { "scratch-max", required_argument, NULL, OPTION_SCRATCH_MAX },
        { "events", required_argument, NULL, OPTION_EVENTS },
        { "commands", required_argument, NULL, OPTION_COMMANDS },
        { "guarantees", required_argument, NULL, OPTION_GUARANTEES },
        { "adopt", no_argument, NULL, OPTION_ADOPT },
        { "repeat", required_argument, NULL, OPTION_REPEAT },
        {},
};

static void take_text(const char **slot) {
        *slot = optarg;
}

static void take_item(char ***list) {
        if (strings_add(list, optarg) < 0)
                die("strings_add", ENOMEM, NULL);
}

static bool take_path(int option) {
        switch (option) {
        case OPTION_GENERATION:
                return take_text(&drive.generation), true;
        case OPTION_LAYER:
                return take_item(&drive.layers), true;
        case OPTION_RUN:
                return take_text(&drive.run), true;
        case OPTION_PROJECT:
                return take_text(&drive.project), true;
        case OPTION_HOME:
                return take_text(&drive.spec.home), true;
        case OPTION_PREFIX:
                return take_text(&drive.spec.prefix), true;
        case OPTION_SITE:
                return take_text(&drive.spec.site_packages), true;
        case OPTION_PYTHON:
                return take_text(&drive.spec.python_prefix), true;
        case OPTION_DIRECTORY:
                return take_text(&drive.spec.directory), true;
        case OPTION_READ_ONLY:
                return take_item(&drive.read_only_paths), true;
        case OPTION_HIDDEN:
                return take_item(&drive.hidden_paths), true;
        default:
                return false;
        }
}

static void take_value(int option) {
        LimitSpec *limits = &drive.spec.limits;
        uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;

        switch (option) {
        case OPTION_TERMINAL:
                drive.spec.wants_terminal = true;
                break;
        case OPTION_DETACHED:
                drive.spec.is_detached = true;
                break;
        case OPTION_STRICT:
                drive.spec.is_strict = true;
                break;
        case OPTION_ADOPT:
                drive.adopts = true;
                break;
        case OPTION_MEMORY:
                limits->memory_max_bytes = number;
                break;
        case OPTION_PROCESSES:
                limits->n_processes_max = number;
                break;
        case OPTION_FILE_MAX:
                limits->file_max_bytes = number;
                break;
        case OPTION_SCRATCH_MAX:
                limits->scratch_max_bytes = number;
                break;
        case OPTION_EVENTS:
                drive.events_fd = (int) number;
                break;
        case OPTION_COMMANDS:
                drive.commands_fd = (int) number;
                break;
        case OPTION_GUARANTEES:
                drive.guarantees_fd = (int) number;
                break;
        case OPTION_REPEAT:
                drive.n_repeats = (unsigned) number;
                break;
        default:
                exit(124);
        }
}

static void mount_generation(GenerationMounts *mounts) {
        _cleanup_(freep) int *fds = new (int, strings_count(drive.layers) + 1);
        _cleanup_fault_ Fault fault = {};
        GenerationSpec spec = { .generation_fd = drive.spec.generation_fd, .layer_fds = fds };
        int r;

        if (!fds)
                die("layers", ENOMEM, NULL);
        FOREACH_TEXT(path, drive.layers)
                fds[spec.n_layers++] = open_directory(path);
        r = generation_mount(&spec, mounts, &fault);
        if (r < 0)
                die("generation_mount", r, &fault);
        for (size_t i = 0; i < spec.n_layers; i++)
                (void) fd_close(fds[i]);
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...) {
        va_list arguments;

        if (drive.events_fd < 0)
                return;
        va_start(arguments, format);
        (void) vdprintf(drive.events_fd, format, arguments);
        va_end(arguments);
}

static void on_failed(const Fault *fault) {
        drive.exit_status = fault->code == FAULT_COMMAND_NOT_FOUND    ? 127
                        : fault->code == FAULT_COMMAND_NOT_EXECUTABLE ? 126
                                                                      : 125;
        say("failed %s %s\n", fault_code_to_string(fault->code), fault->message);
        if (drive.events_fd < 0)
                (void) fprintf(stderr,
                               "drive: %s: %s\n",
                               fault_code_to_string(fault->code),
                               fault->message);
}

static void on_control(void) {
        _cleanup_control_message_ ControlMessage message = {};
        int fd = -EBADF, r = control_receive(drive.control_fd, &message, &fd);

        if (r <= 0) {
                drive.control_fd = fd_close(drive.control_fd);
                return;
        }
        switch (message.kind) {
        case CONTROL_STARTED:
                say("started %d\n", message.pid);
                break;
        case CONTROL_PTY:
                drive.master_fd = fd;
                break;
        case CONTROL_STOPPED:
                say("stopped %d\n", message.signal);
                break;
        case CONTROL_CONTINUED:
                say("continued\n");
                break;
        case CONTROL_EXITED:
                drive.has_ended = true;
                drive.exit_status = exit_to_shell_status(message.exit_kind, message.exit_status);
                say("exited %s %d\n",
                    message.exit_kind == EXIT_SIGNAL ? "signal" : "code",
                    message.exit_status);
                break;
        case CONTROL_FAILED:
                drive.has_ended = true;
                on_failed(&message.fault);
                break;
        default:
                die("control", EPROTO, NULL);
        }
}

static void on_command(void) {
        char line[64];
        size_t length = 0;

        while (length < sizeof(line) - 1 && read(drive.commands_fd, line + length, 1) == 1 &&
               line[length] != '\n')
                length++;
        line[length] = '\0';
        if (length == 0)
                drive.commands_fd = fd_close(drive.commands_fd);
        else if (strncmp(line, "signal ", 7) == 0)
                (void) control_send_signal(drive.control_fd, atoi(line + 7));
        else if (strncmp(line, "monitor ", 8) == 0)
                (void) sandbox_signal(drive.monitor.pidfd, atoi(line + 8));
        else if (streq(line, "continue"))
                (void) control_send(
                                drive.control_fd,
                                &(ControlMessage){ .kind = CONTROL_CONTINUE },
                                -EBADF);
        else if (streq(line, "close"))
                drive.control_fd = fd_close(drive.control_fd);
}

/* Returns false at the end of @from. */
static bool copy_some(int from, int to) {
        char data[4096];
        ssize_t size = read(from, data, sizeof(data));

        return size > 0 && file_write_all(to, data, (size_t) size) >= 0;
}

static void follow(void) {
        bool reads_input = drive.spec.wants_terminal;

        while (!drive.has_ended) {
                struct pollfd fds[] = {
                        { .fd = drive.control_fd, .events = POLLIN },
                        { .fd = drive.commands_fd, .events = POLLIN },
                        { .fd = drive.monitor.pidfd, .events = POLLIN },
                        { .fd = drive.master_fd, .events = POLLIN },
                        { .fd = reads_input && drive.master_fd >= 0 ? STDIN_FILENO : -1,
                          .events = POLLIN },
                };
                if (poll(fds, ELEMENTSOF(fds), -1) < 0)
                        continue;
                if (fds[0].revents)
                        on_control();
                if (fds[1].revents)
                        on_command();
                if (fds[3].revents & POLLIN)
                        (void) copy_some(drive.master_fd, STDOUT_FILENO);
                if (fds[4].revents)
                        reads_input = copy_some(STDIN_FILENO, drive.master_fd);
                if (fds[2].revents && !(fds[0].revents && drive.control_fd >= 0))
                        break;
        }
        /* What the terminal still holds. */
        while (drive.master_fd >= 0) {
                struct pollfd rest = { .fd = drive.master_fd, .events = POLLIN };
                if (poll(&rest, 1, 0) <= 0 || !(rest.revents & POLLIN) ||
                    !copy_some(drive.master_fd, STDOUT_FILENO))
                        break;
        }
        drive.master_fd = fd_close(drive.master_fd);
}

static void start(const GenerationMounts *mounts, uint32_t number) {
        _cleanup_fault_ Fault fault = {};
        int channel[2] = { -EBADF, -EBADF }, r;

        drive.has_ended = false;
        drive.spec.number = number;
        if (!drive.spec.is_detached && channel_pair(false, channel) < 0)
                die("channel_pair", errno, NULL);
        drive.control_fd = channel[0];
        drive.spec.control_fd = channel[1];
        r = sandbox_start(&drive.spec, mounts, &drive.monitor, &fault);
        (void) fd_close(channel[1]);
        if (r < 0) {
                on_failed(&fault);
                exit(drive.exit_status);
        }
}

static void print_guarantees(void) {
        _cleanup_run_record_ RunRecord record = {};
        _cleanup_guarantees_ Guarantees rows = {};
        int r = run_record_load(drive.spec.run_fd, &record);

        if (r >= 0)
                r = guarantees_of_run(&record, &rows);
        if (r < 0)
                die("guarantees", r, NULL);
        for (size_t i = 0; i < rows.n_items; i++)
                (void) dprintf(drive.guarantees_fd,
                               "%s\t%s\t%s\t%s\n",
                               rows.items[i].name,
                               guarantee_state_to_string(rows.items[i].state),
                               rows.items[i].mechanism,
                               rows.items[i].reason);
}

static void wait_until_running(RunRecord *ret) {
        for (int i = 0; i < 500; i++) {
                if (run_record_load(drive.spec.run_fd, ret) >= 0 && ret->state == RUN_RUNNING)
                        return;
                run_record_done(ret);
                (void) nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
        }
        die("the run did not start", ETIMEDOUT, NULL);
}

/* As blastd after a restart: forget the mounts, find them again through the monitor, start another. */
static void adopt(GenerationMounts *mounts) {
        _cleanup_run_record_ RunRecord record = {};
        int pidfd, r;

        wait_until_running(&record);
        generation_mounts_done(mounts);
        *mounts = GENERATION_MOUNTS_NULL;
        r = sandbox_adopt(&record, &pidfd, mounts);
        if (r < 0)
                die("sandbox_adopt", r, NULL);
        (void) fd_close(pidfd);
}

static double now_msec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

/* The first sandbox keeps running while the second, started in what was found again, is followed. */
static void run_adopted(GenerationMounts *mounts, char **argv) {
        char *const sleeper[] = { (char *) "sleep", (char *) "30", NULL };
        Child first;
        int first_control;

        drive.spec.argv = sleeper;
        start(mounts, 1);
        first = drive.monitor;
        first_control = drive.control_fd;
        adopt(mounts);
        drive.spec.argv = argv;
        start(mounts, 2);
        follow();
        (void) child_wait(&drive.monitor, NULL);
        (void) sandbox_signal(first.pidfd, SIGKILL);
        (void) child_wait(&first, NULL);
        (void) fd_close(first_control);
}

static void run_once(const GenerationMounts *mounts, uint32_t number, double *ret_msec) {
        double begin = now_msec();

        start(mounts, number);
        if (drive.guarantees_fd >= 0 && !drive.spec.is_detached) {
                _cleanup_run_record_ RunRecord record = {};
                wait_until_running(&record);
                print_guarantees();
        }
        follow();
        *ret_msec = now_msec() - begin;
        (void) child_wait(&drive.monitor, NULL);
        drive.control_fd = fd_close(drive.control_fd);
}

static int compare_doubles(const void *a, const void *b) {
        double left = *(const double *) a, right = *(const double *) b;

        return left < right ? -1 : left > right;
}

static void run_all(GenerationMounts *mounts) {
        _cleanup_(freep) double *times = new (double, drive.n_repeats);

        if (!times)
                die("times", ENOMEM, NULL);
        for (unsigned i = 0; i < drive.n_repeats; i++)
                run_once(mounts, i + 1, times + i);
        if (drive.n_repeats < 2)
                return;
        qsort(times, drive.n_repeats, sizeof(*times), compare_doubles);
        (void) fprintf(stderr,
                       "median %.2f ms, p90 %.2f ms, n=%u\n",
                       times[drive.n_repeats / 2],
                       times[drive.n_repeats * 9 / 10],
                       drive.n_repeats);
}

static void complete(char **argv) {
        drive.spec.environment_id = "test";
        drive.spec.generation = 1;
        drive.spec.argv = argv;
        drive.spec.environ = environ;
        drive.spec.read_only_paths = drive.read_only_paths;
        drive.spec.hidden_paths = drive.hidden_paths;
        drive.spec.terminal_rows = 33;
        drive.spec.terminal_columns = 99;
        drive.spec.generation_fd = open_directory(drive.generation);
        drive.spec.project_fd = drive.project ? open_directory(drive.project) : -EBADF;
        drive.spec.run_fd = open_directory(drive.run);
        for (int i = 0; i < 3; i++)
                drive.spec.stdio[i] = drive.spec.is_detached ? -EBADF : i;
}

int main(int argc, char **argv) {
        GenerationMounts mounts = GENERATION_MOUNTS_NULL;
        double begin;
        int option;

        while ((option = getopt_long(argc, argv, "+", options, NULL)) >= 0)
                if (!take_path(option))
                        take_value(option);
        if (!drive.generation || !drive.run || optind >= argc)
                return 124;
        complete(argv + optind);
        begin = now_msec();
        mount_generation(&mounts);
        if (drive.n_repeats > 1)
                (void) fprintf(stderr, "generation_mount %.2f ms\n", now_msec() - begin);
        if (drive.adopts)
                run_adopted(&mounts, argv + optind);
        else
                run_all(&mounts);
        generation_mounts_done(&mounts);
        strings_free(drive.layers);
        strings_free(drive.read_only_paths);
        strings_free(drive.hidden_paths);
        return drive.exit_status;
}
