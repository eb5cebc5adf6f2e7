// SPDX-License-Identifier: LGPL-2.1-or-later

/* A real blast-fetch behind its walls, with two peers, against the fake index. */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/child.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "config.h"
#include "fake-index.h"
#include "package/fetch-channel.h"
#include "package/index.h"
#include "package/url.h"
#include "test.h"

typedef struct Worker {
        Child child;
        int peers[2]; /* blastd's, blast-resolve's */
} Worker;

static Worker worker_start(const IndexSettings *settings) {
        const char *folder = getenv("BLAST_WORKERS");
        _cleanup_(freep) char *path =
                        string_format("%s/blast-fetch", folder ?: BLAST_BUILD_DIR "/src/worker");
        _cleanup_(freep) void *request = NULL;
        int first[2], second[2], request_fd;
        Worker worker;
        size_t size;

        if (access(path, X_OK) < 0)
                test_skip("blast-fetch is not built");
        ASSERT_OK(index_settings_encode(settings, &request, &size));
        request_fd = memfd_new_sealed("request", request, size);
        ASSERT_OK(request_fd);
        ASSERT_OK(channel_pair(false, first));
        ASSERT_OK(channel_pair(false, second));
        char *argv[] = { path, NULL }, *variables[] = { NULL };
        const int fds[] = { request_fd, first[1], fake_index_need()->download_fd, second[1] };
        const ChildSpec spec = {
                .path = path,
                .argv = argv,
                .environ = variables,
                .stdio = { -1, -1, STDERR_FILENO },
                .fds = fds,
                .n_fds = ELEMENTSOF(fds),
                .uid = (uid_t) -1,
                .gid = (gid_t) -1,
                .dies_with_parent = true,
        };
        ASSERT_OK(child_spawn(&spec, &worker.child));
        close(request_fd);
        close(first[1]);
        close(second[1]);
        worker.peers[0] = first[0];
        worker.peers[1] = second[0];
        return worker;
}

static void worker_stop(Worker *worker) {
        struct pollfd poll_fd = { .fd = worker->child.pidfd, .events = POLLIN };
        int status;

        close(worker->peers[0]);
        close(worker->peers[1]);
        /* Without peers it leaves by itself, whatever was under way. */
        ASSERT_INT(poll(&poll_fd, 1, 5000), 1);
        ASSERT_OK(child_wait(&worker->child, &status));
        ASSERT_INT(status, 0);
}

static const IndexSettings defaults = {
        .n_requests_max = 10,
        .timeout_sec = 10,
        .verify_tls = true,
};

static void ask(int fd, uint64_t id, FetchKind kind, char *url) {
        ASSERT_OK(fetch_channel_ask(fd, &(FetchRequest){ .id = id, .kind = kind, .url = url }));
}

/* The next answer; progress is passed over. */
static FetchAnswer hear(int fd, int *ret_body_fd) {
        FetchAnswer answer = {};
        FetchProgress progress;
        int r;

        *ret_body_fd = -EBADF;
        do {
                r = fetch_channel_receive(fd, &answer, ret_body_fd, &progress);
                ASSERT_OK(r);
        } while (r == 0);
        return answer;
}

TEST(two_peers_are_served_and_get_what_they_asked_for) {
        (void) fake_index_need();
        Worker worker = worker_start(&defaults);
        _cleanup_(freep) char *page = fake_index_url("/simple/demo/");
        _cleanup_(freep) char *wheel = fake_index_url("/files/demo/" FAKE_WHEEL);
        const void *body;
        size_t size;
        int body_fd;

        ask(worker.peers[1], 1, FETCH_PAGE, page);
        ask(worker.peers[0], 2, FETCH_WHEEL, wheel);

        FetchAnswer answer = hear(worker.peers[1], &body_fd);
        ASSERT_NULL(answer.fault.message);
        ASSERT_INT(answer.id, 1);
        ASSERT_OK(memfd_map_sealed(body_fd, 1 << 20, &body, &size));
        ASSERT_INT(size, answer.size_bytes);
        (void) munmap((void *) body, size);
        fd_close(body_fd);
        fetch_answer_done(&answer);

        answer = hear(worker.peers[0], &body_fd);
        ASSERT_NULL(answer.fault.message);
        ASSERT_INT(answer.id, 2);
        ASSERT_INT(fcntl(body_fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        Digest digest;
        ASSERT_OK(digest_of_fd(body_fd, &digest));
        ASSERT_TRUE(digest_equals(&digest, &answer.digest));
        fd_close(body_fd);
        fetch_answer_done(&answer);
        worker_stop(&worker);
}

TEST(peer_that_leaves_does_not_disturb_the_other) {
        (void) fake_index_need();
        Worker worker = worker_start(&defaults);
        _cleanup_(freep) char *hang = fake_index_url("/fault/hang:3/simple/demo/");
        _cleanup_(freep) char *page = fake_index_url("/simple/demo/");
        int body_fd;

        for (uint64_t i = 0; i < 20; i++)
                ask(worker.peers[1], i, FETCH_PAGE, hang);
        close(worker.peers[1]);
        worker.peers[1] = -1;
        /* All places were taken by the one that left. */
        ask(worker.peers[0], 7, FETCH_PAGE, page);
        FetchAnswer answer = hear(worker.peers[0], &body_fd);
        ASSERT_NULL(answer.fault.message);
        ASSERT_INT(answer.id, 7);
        fd_close(body_fd);
        fetch_answer_done(&answer);
        worker_stop(&worker);
}

TEST(faults_cross_with_sentence_and_hint) {
        (void) fake_index_need();
        Worker worker = worker_start(&defaults);
        _cleanup_(freep) char *absent = fake_index_url("/simple/absent/");
        int body_fd;

        ask(worker.peers[0], 1, FETCH_PAGE, absent);
        FetchAnswer answer = hear(worker.peers[0], &body_fd);
        ASSERT_INT(answer.fault.code, FAULT_INDEX_NOT_FOUND);
        ASSERT_STREQ(answer.fault.subject, absent);
        ASSERT_INT(body_fd, -EBADF);
        fetch_answer_done(&answer);
        worker_stop(&worker);
}

TEST(names_are_resolved_behind_the_walls) {
        (void) fake_index_need();
        Worker worker = worker_start(&defaults);
        _cleanup_(freep) char *page = fake_index_url("/simple/demo/");
        const char *port = strchr(page + strlen("http://"), ':');
        _cleanup_(freep) char *named = string_format("http://localhost%s", port);
        int body_fd;

        ask(worker.peers[0], 1, FETCH_PAGE, named);
        FetchAnswer answer = hear(worker.peers[0], &body_fd);
        ASSERT_NULL(answer.fault.message);
        fd_close(body_fd);
        fetch_answer_done(&answer);
        worker_stop(&worker);
}

TEST(only_named_places_are_read) {
        const FakeIndex *fake = fake_index_need();
        _cleanup_(freep) char *place = url_from_path(fake->directory);
        char *links[] = { place, NULL };
        IndexSettings settings = defaults;
        int body_fd;

        settings.find_links = links;
        Worker worker = worker_start(&settings);
        ask(worker.peers[0], 1, FETCH_PAGE, place);
        FetchAnswer answer = hear(worker.peers[0], &body_fd);
        ASSERT_NULL(answer.fault.message);
        ASSERT_STREQ(answer.content_type, INDEX_TYPE_DIRECTORY);
        fd_close(body_fd);
        fetch_answer_done(&answer);

        ask(worker.peers[0], 2, FETCH_METADATA, (char *) "file:///etc/passwd");
        answer = hear(worker.peers[0], &body_fd);
        if (answer.fault.code == FAULT_NONE)
                printf("not held: this kernel has no Landlock\n");
        else
                ASSERT_INT(answer.fault.code, FAULT_ACCESS_DENIED);
        fd_close(body_fd);
        fetch_answer_done(&answer);
        worker_stop(&worker);
}

TEST(garbage_from_a_peer_ends_that_peer) {
        (void) fake_index_need();
        Worker worker = worker_start(&defaults);
        char byte;

        ASSERT_OK(channel_send(worker.peers[0], "garbage", 7, NULL, 0));
        /* Its end stays open, but nobody reads it any more; the other peer still is served. */
        _cleanup_(freep) char *page = fake_index_url("/simple/demo/");
        int body_fd;
        ask(worker.peers[1], 1, FETCH_PAGE, page);
        FetchAnswer answer = hear(worker.peers[1], &body_fd);
        ASSERT_NULL(answer.fault.message);
        fd_close(body_fd);
        fetch_answer_done(&answer);
        ASSERT_INT(recv(worker.peers[0], &byte, 1, 0), 0);
        worker_stop(&worker);
}

TEST(many_requests_at_once_are_all_answered) {
        (void) fake_index_need();
        Worker worker = worker_start(&defaults);
        _cleanup_(freep) char *page = fake_index_url("/simple/demo/");
        enum {
                N = 300
        };
        bool seen[N] = {};
        int flags = fcntl(worker.peers[0], F_GETFL);
        size_t n_sent = 0, n_heard = 0;

        ASSERT_OK(fcntl(worker.peers[0], F_SETFL, flags | O_NONBLOCK));
        while (n_heard < N) {
                struct pollfd poll_fd = { .fd = worker.peers[0],
                                          .events = POLLIN | (n_sent < N ? POLLOUT : 0) };
                FetchAnswer answer = {};
                FetchProgress progress;
                int body_fd = -EBADF, r;

                ASSERT_INT(poll(&poll_fd, 1, 10000), 1);
                if (n_sent < N) {
                        FetchRequest request = { .id = n_sent, .kind = FETCH_PAGE, .url = page };
                        r = fetch_channel_ask(worker.peers[0], &request);
                        ASSERT_TRUE(r >= 0 || r == -EAGAIN);
                        n_sent += r >= 0;
                }
                r = fetch_channel_receive(worker.peers[0], &answer, &body_fd, &progress);
                ASSERT_TRUE(r >= 0 || r == -EAGAIN);
                if (r != 1)
                        continue;
                ASSERT_NULL(answer.fault.message);
                ASSERT_FALSE(seen[answer.id]);
                seen[answer.id] = true;
                n_heard++;
                fd_close(body_fd);
                fetch_answer_done(&answer);
        }
        worker_stop(&worker);
}
