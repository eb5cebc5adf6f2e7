// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     connect(<runtime>/bus) ── works ──▶ done
 *         │ refused or absent
 *         ▼
 *     spawn blastd --embedded --ready-fd=3, read "ready DIRECTORY" or "failed SENTENCE" ──▶ connect there
 *
 * Two clients may do this at once: both daemons try for the lock, the loser reports that it is ready
 * (somebody listens, and where) and leaves. The socket is reached through a descriptor of its directory because
 * socket paths end at 108 bytes and runtime directories need not (decision 1).
 */

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/child.h"
#include "basic/file.h"
#include "basic/text.h"
#include "client/start-daemon.h"
#include "config.h"

enum {
        READY_TIMEOUT_MSEC = 30 * 1000
};

static const char *home_directory(void) {
        const char *home = getenv("HOME");

        return text_is_empty(home) ? NULL : home;
}

/* The runtime directory, as src/daemon/directories.c finds it: $RUNTIME_DIRECTORY (as systemd gives
 * it), $XDG_RUNTIME_DIR/blast, <state>/run. */
static char *runtime_path(void) {
        const char *runtime = getenv("RUNTIME_DIRECTORY"), *user = getenv("XDG_RUNTIME_DIR");
        const char *state_directory = getenv("STATE_DIRECTORY"), *state = getenv("XDG_STATE_HOME");

        if (!text_is_empty(runtime))
                return strdup(runtime);
        if (!text_is_empty(user))
                return string_format("%s/blast", user);
        if (!text_is_empty(state_directory))
                return string_format("%s/run", state_directory);
        if (!text_is_empty(state))
                return string_format("%s/blast/run", state);
        return home_directory() ? string_format("%s/.local/state/blast/run", home_directory())
                                : NULL;
}

/* Errors: -ENOENT, -ECONNREFUSED nobody listens. */
static int socket_connect(const char *path) {
        _cleanup_close_ int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        if (directory < 0)
                return -errno;
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/bus", directory);
        if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;

        struct ucred peer = {};
        socklen_t size = sizeof(peer);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        if (peer.uid != geteuid())
                return -EPERM; /* somebody else's socket in our directory: do not talk to it */
        return TAKE_FD(fd);
}

/* The daemon of the installation, or of the build tree in developer builds. */
static const char *daemon_path(void) {
        if (BLAST_DEVELOPER &&
            faccessat(AT_FDCWD, BLAST_BUILD_DIR "/src/daemon/blastd", X_OK, 0) >= 0)
                return BLAST_BUILD_DIR "/src/daemon/blastd";
        return BLAST_LIBEXEC_DIR "/blastd";
}

/* Reads the one line that the daemon says when it listens (and in which directory), or when it failed. */
static int wait_until_ready(int fd, Fault *fault, char **ret_directory) {
        struct pollfd event = { .fd = fd, .events = POLLIN };
        char line[PATH_MAX + 16] = {};
        int r;

        do
                r = poll(&event, 1, READY_TIMEOUT_MSEC);
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return -errno;
        if (r == 0)
                return fault_set(
                                fault,
                                -ETIMEDOUT,
                                FAULT_NO_SERVICE,
                                NULL,
                                "The daemon was started but is not ready after %d s.",
                                READY_TIMEOUT_MSEC / 1000);

        ssize_t n = read(fd, line, sizeof(line) - 1);
        Text said = text_strip((Text){ line, n > 0 ? (size_t) n : 0 });
        if (text_starts_with(said, "ready /")) {
                size_t skip = strlen("ready ");
                *ret_directory = text_to_string((Text){ said.data + skip, said.length - skip });
                return *ret_directory ? 0 : -ENOMEM;
        }
        if (text_starts_with(said, "failed "))
                return fault_set(
                                fault,
                                -ESRCH,
                                FAULT_NO_SERVICE,
                                NULL,
                                "%.*s",
                                (int) (said.length - strlen("failed ")),
                                said.data + strlen("failed "));
        return fault_set(
                        fault,
                        -EPIPE,
                        FAULT_NO_SERVICE,
                        NULL,
                        "The daemon was started but ended before it was ready.");
}

/* The daemon outlives the shell that started it. It gets what it reads and no password of an index, which
 * comes with each request that needs it. */
static bool daemon_may_know(const char *variable) {
        static const char *const names[] = {
                "HOME=",
                "PATH=",
                "LANG=",
                "TZ=",
                "USER=",
                "LOGNAME=",
                "XDG_",
                "LC_",
                "BLAST_",
                "DBUS_",
                "ASAN_OPTIONS=",
                "LSAN_OPTIONS=",
                "UBSAN_OPTIONS=",
                "MALLOC_",
                "STATE_DIRECTORY=",
                "CACHE_DIRECTORY=",
                "LOGS_DIRECTORY=",
                "RUNTIME_DIRECTORY=",
                "CONFIGURATION_DIRECTORY=",
        };
        static const char *const secrets[] = {
                "BLAST_INDEX_URL=",
                "BLAST_EXTRA_INDEX_URLS=",
                "BLAST_FIND_LINKS=",
        };

        for (size_t i = 0; i < ELEMENTSOF(secrets); i++)
                if (string_after(variable, secrets[i]))
                        return false;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (string_after(variable, names[i]))
                        return true;
        return false;
}

static int daemon_start(Fault *fault, char **ret_directory) {
        _cleanup_(strings_freep) char **variables = NULL;
        extern char **environ;
        char *const argv[] = {
                (char *) "blastd", (char *) "--embedded", (char *) "--ready-fd=3", NULL
        };
        int pipe_fds[2], r = 0;
        Child child = CHILD_NULL;

        FOREACH_TEXT(variable, environ) {
                if (r >= 0 && daemon_may_know(variable))
                        r = strings_add(&variables, variable);
        }
        if (r < 0)
                return r;
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;
        _cleanup_close_ int ready = pipe_fds[0];
        _cleanup_close_ int write_end = pipe_fds[1];

        const ChildSpec spec = {
                .path = daemon_path(),
                .argv = argv,
                .environ = variables,
                .stdio = { -EBADF, -EBADF, STDERR_FILENO },
                .fds = &write_end,
                .n_fds = 1,
                .uid = (uid_t) -1,
                .new_session = true,
        };
        r = child_spawn(&spec, &child);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                FAULT_NO_SERVICE,
                                spec.path,
                                "The daemon cannot be started: %s.",
                                strerror(-r));
        (void) fd_close(child.pidfd); /* it outlives us; init reaps it */
        write_end = fd_close(write_end);

        return wait_until_ready(ready, fault, ret_directory);
}

int daemon_connect(Fault *fault) {
        _cleanup_(freep) char *path = runtime_path(), *directory = NULL;
        int fd, r;

        if (!path)
                return fault_set(
                                fault,
                                -ENOENT,
                                FAULT_NO_SERVICE,
                                "HOME",
                                "Neither XDG_RUNTIME_DIR nor HOME is set, so there is no place for the daemon's socket.");
        fd = socket_connect(path);
        if (fd >= 0)
                return fd;
        if (fd != -ENOENT && fd != -ECONNREFUSED)
                return fault_set(
                                fault,
                                fd,
                                FAULT_NO_SERVICE,
                                path,
                                "The daemon's socket cannot be used: %s.",
                                strerror(-fd));
        r = daemon_start(fault, &directory);
        if (r < 0)
                return r;
        fd = socket_connect(directory);
        if (fd < 0)
                return fault_set(
                                fault,
                                fd,
                                FAULT_NO_SERVICE,
                                directory,
                                "The daemon says it is ready but cannot be reached: %s.",
                                strerror(-fd));
        return fd;
}
