// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     directories ─▶ lock ─▶ coordinator ─▶ service ─▶ listen or join the bus ─▶ "ready" ─▶ loop
 *                     └─ another daemon listens: "ready" and where, success
 *
 * The loop ends by SIGTERM or SIGINT, or when nothing lives for the idle time: no connection, job,
 * run or open question. What ends tells so (service.h, on_activity); a one-shot timer is armed when
 * that leaves us idle, and disarmed when something begins: nothing polls.
 *
 * Leaving takes the start lock first (directories.c), so that a client that starts a new daemon waits
 * until this one's socket is gone. Running programs stay: they belong to their monitors, and the next
 * daemon finds them by their records.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/text.h"
#include "bus/service.h"
#include "config.h"
#include "daemon/daemon.h"
#include "daemon/directories.h"
#include "daemon/listen.h"
#include "sync/coordinator.h"

typedef struct Daemon {
        DaemonSettings settings;
        Directories directories;
        sd_event *event;
        sd_event_source *idle;
        Coordinator *coordinator;
        Service *service;
        Listener *listener;
        sd_bus *bus;
} Daemon;

static void daemon_done(Daemon *daemon) {
        daemon->listener = listener_free(daemon->listener);
        daemon->service = service_free(daemon->service);
        daemon->coordinator = coordinator_free(daemon->coordinator);
        daemon->idle = sd_event_source_disable_unref(daemon->idle);
        sd_bus_flush_close_unref(daemon->bus);
        sd_event_unref(daemon->event);
        directories_done(&daemon->directories);
        daemon->settings.ready_fd = fd_close(daemon->settings.ready_fd);
}

/* Tells the starter, once. It may have gone: then nobody cares. */
static void daemon_tell_starter(Daemon *daemon, const char *what, const char *sentence) {
        _cleanup_close_ int fd = TAKE_FD(daemon->settings.ready_fd);
        _cleanup_(freep) char *line = NULL;

        if (fd < 0)
                return;
        line = sentence ? string_format("%s %s\n", what, sentence) : string_format("%s\n", what);
        if (!line || file_write_all(fd, line, strlen(line)) < 0)
                log_debug("The starter is not waiting any more.");
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Daemon *daemon = userdata;

        log_info("Told to leave by SIG%s; running programs stay.",
                 sigabbrev_np((int) info->ssi_signo));
        return sd_event_exit(daemon->event, 0);
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
        Daemon *daemon = userdata;

        if (!service_is_idle(daemon->service))
                return 0;
        if (daemon->listener && listener_has_pending(daemon->listener))
                return 0;
        if (directories_leave(&daemon->directories, false) < 0)
                return sd_event_source_set_time_relative(source, daemon->settings.idle_usec) < 0
                                ? 0
                                : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        log_debug("Nothing lives, leaving.");
        return sd_event_exit(daemon->event, 0);
}

static void on_activity(void *userdata) {
        Daemon *daemon = userdata;
        int r;

        if (!daemon->idle)
                return;
        if (!service_is_idle(daemon->service)) {
                (void) sd_event_source_set_enabled(
                                daemon->idle, SD_EVENT_OFF); /* on_idle() asks again */
                return;
        }
        r = sd_event_source_set_time_relative(daemon->idle, daemon->settings.idle_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(daemon->idle, SD_EVENT_ONESHOT);
        if (r < 0)
                log_warning("Cannot arm the idle timer: %s, staying.", strerror(-r));
}

static void on_accepted(int fd, void *userdata) {
        Daemon *daemon = userdata;
        int r;

        r = service_add_peer(daemon->service, fd);
        if (r < 0)
                log_warning("Cannot serve a connection: %s, continuing.", strerror(-r));
}

static int daemon_prepare_loop(Daemon *daemon) {
        static const int signals[] = { SIGTERM, SIGINT };
        sigset_t set;
        int r;

        (void) sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void) sigaddset(&set, signals[i]);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGHUP, SIG_IGN); /* the terminal of the starter is not ours */

        r = sd_event_default(&daemon->event);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                r = sd_event_add_signal(daemon->event, NULL, signals[i], on_signal, daemon);
                if (r < 0)
                        return r;
        }
        return sd_event_set_watchdog(
                        daemon->event, true); /* only where WATCHDOG_USEC asks for it */
}

/* Developer builds can be stricter than life, for tests: never laxer. */
static AccessSettings access_settings(const Daemon *daemon) {
        AccessSettings settings = {
                .event = daemon->event,
                .service_uid = geteuid(),
        };
        const char *timeout = BLAST_DEVELOPER ? getenv("BLAST_POLKIT_TIMEOUT_MSEC") : NULL;
        uint64_t msec;

        if (timeout && text_to_u64(text_of(timeout), &msec) >= 0 && msec < 25000)
                settings.timeout_usec = msec * USEC_PER_MSEC;
        settings.asks_owner = BLAST_DEVELOPER && getenv("BLAST_POLKIT_ASKS_OWNER");
        return settings;
}

static int daemon_make_service(Daemon *daemon, Fault *fault) {
        const Directories *directories = &daemon->directories;
        const CoordinatorDirectories places = {
                .state_fd = directories->state.fd,
                .state_path = directories->state.path,
                .cache_fd = directories->cache.fd,
                .cache_path = directories->cache.path,
                .runtime_fd = directories->runtime.fd,
                .runtime_path = directories->runtime.path,
        };
        int r;

        r = coordinator_new(daemon->event, &places, fault, &daemon->coordinator);
        if (r < 0)
                return r;

        const ServiceSettings settings = {
                .event = daemon->event,
                .coordinator = daemon->coordinator,
                .mode = daemon->settings.mode == DAEMON_EMBEDDED ? "embedded" : "bus",
                .state_path = directories->state.path,
                .cache_path = directories->cache.path,
                .access = access_settings(daemon),
                .on_activity = on_activity,
                .userdata = daemon,
        };
        return service_new(&settings, &daemon->service);
}

static int daemon_open_transport(Daemon *daemon, Fault *fault) {
        int r;

        if (daemon->settings.mode == DAEMON_EMBEDDED)
                return listener_new(
                                daemon->event,
                                daemon->directories.runtime.fd,
                                on_accepted,
                                daemon,
                                fault,
                                &daemon->listener);

        r = sd_bus_open_system(&daemon->bus);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                FAULT_NO_SERVICE,
                                NULL,
                                "Cannot reach the system bus: %s.",
                                strerror(-r));
        r = service_join_bus(daemon->service, daemon->bus);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                FAULT_NO_SERVICE,
                                NULL,
                                "Cannot take the name on the bus: %s.",
                                strerror(-r));
        return 0;
}

static int daemon_start(Daemon *daemon, Fault *fault) {
        int r;

        r = daemon_prepare_loop(daemon);
        if (r < 0)
                return r;
        r = daemon_make_service(daemon, fault);
        if (r < 0)
                return r;
        r = daemon_open_transport(daemon, fault);
        if (r < 0)
                return r;
        if (daemon->settings.idle_usec != USEC_INFINITY) {
                r = sd_event_add_time_relative(
                                daemon->event,
                                &daemon->idle,
                                CLOCK_MONOTONIC,
                                daemon->settings.idle_usec,
                                USEC_PER_SEC,
                                on_idle,
                                daemon);
                if (r < 0)
                        return r;
        }
        directories_started(&daemon->directories);
        daemon_tell_starter(daemon, "ready", daemon->directories.runtime.path);
        (void) sd_notify(false, "READY=1"); /* there may be nobody to tell */
        log_debug("blastd %s serves '%s'.", BLAST_VERSION, daemon->directories.state.path);
        return 0;
}

/* Without it the daemon is well, but mute. */
static void daemon_open_log(Daemon *daemon) {
        enum {
                LOG_SIZE_MAX = 1024 * 1024
        };
        struct stat status;
        _cleanup_close_ int fd =
                        openat(daemon->directories.runtime.fd,
                               "log",
                               O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                               0600);

        if (fd >= 0 && fstat(fd, &status) >= 0 && status.st_size > LOG_SIZE_MAX)
                (void) ftruncate(fd, 0); /* it only grows more */
        if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
                log_warning("Cannot open '%s/log': %m, continuing.",
                            daemon->directories.runtime.path);
}

static int daemon_live(Daemon *daemon, Fault *fault) {
        int r;

        r = directories_open(&daemon->directories, fault);
        if (r < 0)
                return r;
        r = directories_lock(&daemon->directories, fault);
        if (r < 0)
                return r;
        if (r == 0) {
                if (daemon->settings.mode == DAEMON_BUS)
                        return fault_set(
                                        fault,
                                        -EBUSY,
                                        FAULT_BUSY,
                                        daemon->directories.state.path,
                                        "Another blastd serves '%s'.",
                                        daemon->directories.state.path);
                log_debug("Another blastd serves '%s' at '%s'.",
                          daemon->directories.state.path,
                          daemon->directories.runtime.path);
                daemon_tell_starter(daemon, "ready", daemon->directories.runtime.path);
                return 0;
        }
        if (daemon->settings.writes_log)
                daemon_open_log(daemon);
        r = daemon_start(daemon, fault);
        if (r < 0)
                return r;
        r = sd_event_loop(daemon->event);
        (void) sd_notify(false, "STOPPING=1"); /* as above */
        if (daemon->directories.start_fd < 0 && directories_leave(&daemon->directories, true) < 0)
                log_debug("Cannot take the start lock, leaving without.");
        if (r > 0) /* sd-bus left the loop: service_join_bus() asked for that */
                return fault_set(
                                fault,
                                -ECONNRESET,
                                FAULT_NO_SERVICE,
                                NULL,
                                "The system bus went away.");
        return r;
}

int daemon_run(const DaemonSettings *settings, Fault *fault) {
        _cleanup_(daemon_done) Daemon daemon = {
                .settings = *settings,
                .directories = DIRECTORIES_NULL,
        };
        int r;

        (void) umask(0077);
        if (chdir("/") < 0)
                return -errno;
        r = daemon_live(&daemon, fault);
        if (r < 0 && !fault_is_set(fault))
                fault_set(fault,
                          r,
                          fault_code_from_errno(r),
                          NULL,
                          "blastd failed: %s.",
                          strerror(-r));
        if (r < 0)
                daemon_tell_starter(&daemon, "failed", fault->message);
        return r < 0 ? r : 0;
}
