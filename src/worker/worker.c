// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *   map request (3) ─▶ prepare ─▶ confine ─▶ run ─▶ send sealed answer over the socket (4) ─▶ exit 0
 *
 * The parent has set limits, ids and descriptors before exec (basic/child.h). Only prepare runs before the
 * walls stand; it reads a packet of our own and no foreign text. Exit status: 0 when an answer was
 * sent (it may hold a Fault) or the role served until its peers left, 1 when there is none to send.
 *
 * The process ends by _exit(): behind the walls no exit handler of a library has anything left to
 * do, and the leak checker of sanitizer builds could not start its tracer. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "basic/log.h"
#include "basic/packet.h"
#include "basic/text.h"
#include "package/request.h"
#include "worker/worker.h"

/* One thing a worker must not be able to do; returns 0 if it could, else the negative errno. */
typedef struct Attempt {
        const char *name;
        int (*try)(void);
        bool needs_landlock;
        bool is_for_network; /* may be possible for the role that has the network */
} Attempt;

static int result_of(long value) {
        return value < 0 ? -errno : 0;
}

static int try_open(void) {
        return result_of(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int try_write(void) {
        return result_of(open("/tmp/.blast-confinement", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int try_directory(void) {
        return result_of(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int try_internet_socket(void) {
        return result_of(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int try_unix_socket(void) {
        return result_of(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int try_packet_socket(void) {
        return result_of(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int try_exec(void) {
        char *argv[] = { (char *) "true", NULL };

        (void) execv("/bin/true", argv); /* returns only when it fails */
        return -errno;
}

static int try_fork(void) {
        /* The raw call, so that no handler of the C library runs in a child that should not be. */
        long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

        if (pid == 0)
                _exit(0);
        return result_of(pid);
}

static int try_trace(void) {
        return result_of(syscall(SYS_ptrace, 0, 0, 0, 0));
}

static int try_signal(void) {
        return result_of(syscall(SYS_kill, getppid(), 0));
}

static int try_namespace(void) {
        return result_of(syscall(SYS_unshare, 0));
}

static int try_unknown_call(void) {
        return result_of(syscall(0x7fff, 0));
}

static const Attempt attempts[] = {
        { "open-file", try_open, true, false },
        { "create-file", try_write, true, false },
        { "open-directory", try_directory, true, false },
        { "internet-socket", try_internet_socket, false, true },
        { "unix-socket", try_unix_socket, false, true },
        { "packet-socket", try_packet_socket, false, false },
        { "exec", try_exec, false, false },
        { "fork", try_fork, false, false },
        { "trace", try_trace, false, false },
        { "signal", try_signal, false, false },
        { "namespace", try_namespace, false, false },
        { "unknown-call", try_unknown_call, false, false },
};

static int confinement_test(const WorkerRole *role) {
        _cleanup_confine_rules_ ConfineRules rules = {
                .uses_network = role->uses_network,
                .writes_files = role->writes_files,
        };
        bool has_landlock, all_refused = true;
        int r;

        r = confine(&rules, &has_landlock);
        if (r < 0) {
                fprintf(stderr, "%s: cannot confine: %s\n", role->name, strerror(-r));
                return EXIT_FAILURE;
        }
        printf("landlock %s\n", has_landlock ? "yes" : "no");
        (void) fflush(stdout);
        for (size_t i = 0; i < ELEMENTSOF(attempts); i++) {
                const Attempt *attempt = &attempts[i];
                const char *verdict = "refused";

                r = attempt->try();
                if (r == 0 && attempt->is_for_network && role->uses_network)
                        verdict = "granted";
                else if (r == 0 && attempt->needs_landlock && !has_landlock)
                        verdict = "not-held";
                else if (r == 0) {
                        verdict = "POSSIBLE";
                        all_refused = false;
                }
                printf("%s %s %s\n", attempt->name, verdict, r < 0 ? strerrorname_np(-r) : "-");
                (void) fflush(stdout);
        }
        return all_refused ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int send_answer(const WorkerRole *role, const void *answer, size_t size_bytes) {
        _cleanup_close_ int fd = -EBADF;
        ssize_t n;

        fd = memfd_new_sealed(role->name, answer, size_bytes);
        if (fd < 0)
                return fd;
        /* The answer must not be lost because progress filled the socket: wait for room. */
        for (;;) {
                struct pollfd poll_fd = { .fd = WORKER_FD_ANSWER, .events = POLLOUT };

                n = channel_send(WORKER_FD_ANSWER, "A", 1, &fd, 1);
                if (n != -EAGAIN)
                        return n < 0 ? (int) n : 0;
                if (poll(&poll_fd, 1, -1) < 0 && errno != EINTR)
                        return -errno;
        }
}

void worker_progress(const void *packet, size_t size_bytes) {
        ssize_t n = send(WORKER_FD_ANSWER, packet, size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

        (void) n; /* news only */
}

static int serve(const WorkerRole *role, const void *request, size_t request_size, void **state) {
        _cleanup_confine_rules_ ConfineRules rules = {
                .uses_network = role->uses_network,
                .writes_files = role->writes_files,
        };
        _cleanup_(freep) void *answer = NULL;
        size_t answer_size = 0;
        int r;

        if (role->prepare) {
                r = role->prepare(request, request_size, &rules, state);
                if (r < 0) {
                        log_error("%s: cannot use its request: %s.", role->name, strerror(-r));
                        return r;
                }
        }
        r = confine(&rules, NULL);
        if (r < 0) {
                log_error("%s: cannot confine itself: %s.", role->name, strerror(-r));
                return r;
        }
        r = role->run(*state, &answer, &answer_size);
        if (r < 0) {
                log_error("%s: failed without an answer: %s.", role->name, strerror(-r));
                return r;
        }
        if (!answer)
                return 0;
        r = send_answer(role, answer, answer_size);
        if (r < 0)
                log_error("%s: cannot send its answer: %s.", role->name, strerror(-r));
        return r;
}

int worker_main(const WorkerRole *role, int argc, char **argv) {
        const void *request = NULL;
        size_t request_size = 0;
        void *state = NULL;
        int r;

        log_open(role->name);
        if (argc == 2 && streq(argv[1], "--confinement-test"))
                _exit(confinement_test(role));
        if (argc != 1) {
                fprintf(stderr,
                        "%s is started by blastd. By hand it knows only --confinement-test.\n",
                        role->name);
                return EXIT_FAILURE;
        }
        r = memfd_map_sealed(WORKER_FD_REQUEST, PACKET_SIZE_MAX, &request, &request_size);
        if (r < 0) {
                log_error("%s: cannot map its request: %s.", role->name, strerror(-r));
                return EXIT_FAILURE;
        }
        r = serve(role, request, request_size, &state);
        if (role->done)
                role->done(state);
        (void) munmap((void *) request, request_size);
        _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}
