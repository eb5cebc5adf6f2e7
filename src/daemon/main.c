// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/text.h"
#include "bus/introspect.h"
#include "config.h"
#include "daemon/daemon.h"

static DaemonSettings arg_settings = {
        .mode = _DAEMON_MODE_INVALID,
        .idle_usec = DAEMON_IDLE_SEC * USEC_PER_SEC,
        .ready_fd = -EBADF,
};
static bool arg_idle_given;
static bool arg_console;

enum {
        OPTION_EMBEDDED = 256,
        OPTION_BUS,
        OPTION_CONSOLE,
        OPTION_IDLE,
        OPTION_READY_FD,
        OPTION_INTROSPECT,
        OPTION_VERSION,
        OPTION_HELP,
};

static const struct option options[] = {
        { "embedded", no_argument, NULL, OPTION_EMBEDDED },
        { "bus", no_argument, NULL, OPTION_BUS },
        { "console", no_argument, NULL, OPTION_CONSOLE },
        { "idle-seconds", required_argument, NULL, OPTION_IDLE },
        { "ready-fd", required_argument, NULL, OPTION_READY_FD },
        { "bus-introspect", no_argument, NULL, OPTION_INTROSPECT },
        { "version", no_argument, NULL, OPTION_VERSION },
        { "help", no_argument, NULL, OPTION_HELP },
        {},
};

static int show_help(void) {
        printf("blastd --embedded|--bus [OPTIONS]\n\n"
               "Keeps Python environments and runs programs in them.\n\n"
               "  --embedded          serve one user on a private socket (blast starts this itself)\n"
               "  --bus               serve on the system bus as org.blast.Blast1\n"
               "  --console           for a person at a terminal: stay when nothing is alive\n"
               "  --idle-seconds=N    leave after N seconds without anything alive; 0: never\n"
               "                      (default: %d with --embedded, never with --bus)\n"
               "  --ready-fd=N        write \"ready DIRECTORY\" or \"failed REASON\" to descriptor N\n"
               "  --bus-introspect    print the D-Bus interfaces as XML\n"
               "  --version, --help\n\n"
               "Directories: STATE_DIRECTORY, CACHE_DIRECTORY, RUNTIME_DIRECTORY and\n"
               "CONFIGURATION_DIRECTORY, else those of the XDG specification.\n",
               DAEMON_IDLE_SEC);
        return 0;
}

static int show_introspection(void) {
        _cleanup_(freep) char *text = NULL;
        int r = introspect_all(&text);

        if (r >= 0 && fputs(text, stdout) < 0)
                r = -EIO;
        return r;
}

static int parse_number(const char *option, const char *text, uint64_t maximum, uint64_t *ret) {
        int r = text_to_u64(text_of(text), ret);

        if (r >= 0 && *ret <= maximum)
                return 0;
        fprintf(stderr, "blastd: '%s' is no value for --%s.\n", text, option);
        return -EINVAL;
}

static int parse_ready_fd(const char *text) {
        uint64_t number;
        int r;

        r = parse_number("ready-fd", text, INT16_MAX, &number);
        if (r < 0)
                return r;
        arg_settings.ready_fd = (int) number;
        if (fcntl(arg_settings.ready_fd, F_SETFD, FD_CLOEXEC) < 0) {
                fprintf(stderr, "blastd: descriptor %d is not open.\n", arg_settings.ready_fd);
                return -EBADF;
        }
        return 0;
}

static int parse_idle(const char *text) {
        uint64_t seconds;
        int r;

        r = parse_number("idle-seconds", text, INT32_MAX, &seconds);
        if (r < 0)
                return r;
        arg_settings.idle_usec = seconds > 0 ? seconds * USEC_PER_SEC : USEC_INFINITY;
        arg_idle_given = true;
        return 0;
}

/* Returns 1 to run the daemon, 0 when everything is done. */
static int parse_arguments(int argc, char *argv[]) {
        int r = 0;

        for (int c; r >= 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
                switch (c) {
                case OPTION_EMBEDDED:
                        arg_settings.mode = DAEMON_EMBEDDED;
                        break;
                case OPTION_BUS:
                        arg_settings.mode = DAEMON_BUS;
                        break;
                case OPTION_CONSOLE:
                        arg_console = true;
                        break;
                case OPTION_IDLE:
                        r = parse_idle(optarg);
                        break;
                case OPTION_READY_FD:
                        r = parse_ready_fd(optarg);
                        break;
                case OPTION_INTROSPECT:
                        return show_introspection();
                case OPTION_VERSION:
                        puts("blastd " BLAST_VERSION);
                        return 0;
                case OPTION_HELP:
                        return show_help();
                default:
                        return -EINVAL;
                }
        if (r < 0)
                return r;
        if (optind < argc || arg_settings.mode < 0) {
                fprintf(stderr, "blastd: say --embedded or --bus; --help tells more.\n");
                return -EINVAL;
        }
        if ((arg_settings.mode == DAEMON_BUS || arg_console) && !arg_idle_given)
                arg_settings.idle_usec = USEC_INFINITY;
        /* Started by a client: its terminal is not ours, and whoever reads its stderr waits for the end. */
        arg_settings.writes_log = arg_settings.mode == DAEMON_EMBEDDED &&
                        arg_settings.ready_fd >= 0 && !arg_console;
        return 1;
}

int main(int argc, char *argv[]) {
        _cleanup_fault_ Fault fault = {};
        int r;

        r = parse_arguments(argc, argv);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        log_open("blastd");
        r = daemon_run(&arg_settings, &fault);
        if (r >= 0)
                return EXIT_SUCCESS;
        if (arg_settings.ready_fd < 0) /* else the starter was told */
                log_error("%s", fault.message ?: strerror(-r));
        return EXIT_FAILURE;
}
