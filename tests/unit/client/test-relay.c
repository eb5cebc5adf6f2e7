// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "client/relay.h"
#include "test.h"

enum {
        LARGE = 1024 * 1024
};

static sd_event *loop(void) {
        sd_event *event;

        (void) signal(SIGPIPE, SIG_IGN);
        ASSERT_OK(sd_event_new(&event));
        return event;
}

static void turn(sd_event *event, int times) {
        for (int i = 0; i < times; i++)
                ASSERT_OK(sd_event_run(event, 1000));
}

static void make_pipe(int *read_end, int *write_end) {
        int fds[2];

        ASSERT_INT(pipe2(fds, O_CLOEXEC), 0);
        *read_end = fds[0];
        *write_end = fds[1];
}

static void count_end(Relay *relay, void *userdata) {
        (*(int *) userdata)++;
}

static void assert_read(int fd, const char *wanted) {
        char buffer[256] = {};
        ssize_t n = read(fd, buffer, sizeof(buffer) - 1);

        ASSERT_INT(n, strlen(wanted));
        ASSERT_STREQ(buffer, wanted);
}

TEST(bytes_and_the_end_pass_a_pipe) {
        _cleanup_(sd_event_unrefp) sd_event *event = loop();
        _cleanup_(relay_freep) Relay *relay = NULL;
        int in, source, sink, out, n_ends = 0;

        make_pipe(&in, &source);
        make_pipe(&sink, &out);
        ASSERT_OK(relay_new(event, in, out, count_end, &n_ends, &relay));
        ASSERT_INT(write(source, "hello", 5), 5);
        turn(event, 2);
        assert_read(sink, "hello");
        ASSERT_INT(n_ends, 0);
        (void) close(source);
        turn(event, 2);
        ASSERT_INT(n_ends, 1);
        (void) close(out);
        assert_read(sink, ""); /* nothing of ours keeps the target open after the end */
        (void) close(in);
        (void) close(sink);
}

TEST(file_is_read_to_its_end) {
        _cleanup_(sd_event_unrefp) sd_event *event = loop();
        _cleanup_(relay_freep) Relay *relay = NULL;
        _cleanup_close_ int file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        int sink, out, n_ends = 0;

        make_pipe(&sink, &out);
        ASSERT_INT(write(file, "text", 4), 4);
        ASSERT_INT(lseek(file, 0, SEEK_SET), 0);
        ASSERT_OK(relay_new(event, file, out, count_end, &n_ends, &relay));
        for (int i = 0; i < 20 && n_ends == 0; i++)
                turn(event, 1);
        ASSERT_INT(n_ends, 1);
        assert_read(sink, "text");
        (void) close(sink);
        (void) close(out);
}

TEST(file_takes_what_comes) {
        _cleanup_(sd_event_unrefp) sd_event *event = loop();
        _cleanup_(relay_freep) Relay *relay = NULL;
        _cleanup_close_ int file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        int in, source, n_ends = 0;

        make_pipe(&in, &source);
        ASSERT_OK(relay_new(event, in, file, count_end, &n_ends, &relay));
        ASSERT_INT(write(source, "text", 4), 4);
        (void) close(source);
        for (int i = 0; i < 20 && n_ends == 0; i++)
                turn(event, 1);
        ASSERT_INT(n_ends, 1);
        ASSERT_INT(lseek(file, 0, SEEK_SET), 0);
        assert_read(file, "text");
        (void) close(in);
}

/* A terminal's master is source of one relay and target of another, in one loop. */
TEST(one_descriptor_serves_both_directions) {
        _cleanup_(sd_event_unrefp) sd_event *event = loop();
        _cleanup_(relay_freep) Relay *inward = NULL, *outward = NULL;
        int both[2], in, source, sink, out;

        ASSERT_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both), 0);
        make_pipe(&in, &source);
        make_pipe(&sink, &out);
        ASSERT_OK(relay_new(event, in, both[0], NULL, NULL, &inward));
        ASSERT_OK(relay_new(event, both[0], out, NULL, NULL, &outward));
        ASSERT_INT(write(source, "typed", 5), 5);
        ASSERT_INT(write(both[1], "shown", 5), 5);
        turn(event, 6);
        assert_read(both[1], "typed");
        assert_read(sink, "shown");
        for (size_t i = 0; i < 6; i++)
                (void) close((int[]){ both[0], both[1], in, source, sink, out }[i]);
}

TEST(slow_reader_slows_the_source_and_loses_nothing) {
        _cleanup_(sd_event_unrefp) sd_event *event = loop();
        _cleanup_(relay_freep) Relay *relay = NULL;
        _cleanup_(freep) char *sent = new0(char, LARGE);
        size_t n_sent = 0, n_read = 0;
        int in, source, sink, out, n_ends = 0;

        ASSERT_NOT_NULL(sent);
        for (size_t i = 0; i < LARGE; i++)
                sent[i] = (char) (i * 7 + i / 256);
        make_pipe(&in, &source);
        make_pipe(&sink, &out);
        ASSERT_OK(fcntl(source, F_SETFL, O_NONBLOCK));
        ASSERT_OK(fcntl(sink, F_SETFL, O_NONBLOCK));
        ASSERT_OK(relay_new(event, in, out, count_end, &n_ends, &relay));

        for (int i = 0; i < 100; i++) { /* nobody reads: it stops taking */
                ssize_t n = write(source, sent + n_sent, LARGE - n_sent);
                n_sent += n > 0 ? (size_t) n : 0;
                turn(event, 1);
        }
        ASSERT_TRUE(n_sent < LARGE);
        while (n_read < LARGE) {
                char buffer[777];
                ssize_t n = write(source, sent + n_sent, LARGE - n_sent);
                n_sent += n > 0 ? (size_t) n : 0;
                n = read(sink, buffer, sizeof(buffer));
                if (n > 0) {
                        ASSERT_INT(memcmp(buffer, sent + n_read, (size_t) n), 0);
                        n_read += (size_t) n;
                }
                turn(event, 1);
        }
        for (size_t i = 0; i < 4; i++)
                (void) close((int[]){ in, source, sink, out }[i]);
}

TEST(reader_that_leaves_ends_the_relay) {
        _cleanup_(sd_event_unrefp) sd_event *event = loop();
        _cleanup_(relay_freep) Relay *relay = NULL;
        int in, source, sink, out, n_ends = 0;

        make_pipe(&in, &source);
        make_pipe(&sink, &out);
        ASSERT_OK(relay_new(event, in, out, count_end, &n_ends, &relay));
        (void) close(sink);
        ASSERT_INT(write(source, "x", 1), 1);
        turn(event, 3);
        ASSERT_INT(n_ends, 1);
        turn(event, 1); /* it is silent now, and may be paused and drained */
        relay_pause(relay, false);
        relay_drain(relay);
        ASSERT_INT(n_ends, 1);
        for (size_t i = 0; i < 3; i++)
                (void) close((int[]){ in, source, out }[i]);
}

TEST(pause_holds_the_source_and_drain_takes_everything) {
        _cleanup_(sd_event_unrefp) sd_event *event = loop();
        _cleanup_(relay_freep) Relay *relay = NULL;
        int in, source, sink, out;

        make_pipe(&in, &source);
        make_pipe(&sink, &out);
        ASSERT_OK(fcntl(sink, F_SETFL, O_NONBLOCK));
        ASSERT_OK(relay_new(event, in, out, NULL, NULL, &relay));
        relay_pause(relay, true);
        ASSERT_INT(write(source, "held", 4), 4);
        turn(event, 2);
        ASSERT_INT(read(sink, (char[8]){}, 8), -1);
        relay_drain(relay);
        assert_read(sink, "held");
        relay_pause(relay, false);
        ASSERT_INT(write(source, "more", 4), 4);
        turn(event, 2);
        assert_read(sink, "more");
        for (size_t i = 0; i < 4; i++)
                (void) close((int[]){ in, source, sink, out }[i]);
}

TEST(drain_waits_for_a_target_that_is_full_and_does_not_block) {
        _cleanup_(sd_event_unrefp) sd_event *event = loop();
        _cleanup_(relay_freep) Relay *relay = NULL;
        int in, source, sink, out;
        char buffer[8192] = {};

        make_pipe(&in, &source);
        make_pipe(&sink, &out);
        ASSERT_OK(fcntl(out, F_SETPIPE_SZ, 4096));
        ASSERT_OK(fcntl(out, F_SETFL, O_NONBLOCK));
        ASSERT_INT(write(source, buffer, sizeof(buffer)), sizeof(buffer));
        (void) close(source);
        pid_t reader = fork(); /* reads late and slowly */
        ASSERT_TRUE(reader >= 0);
        if (reader == 0) {
                size_t total = 0;
                (void) close(out);
                (void) usleep(100000);
                for (ssize_t n; (n = read(sink, buffer, sizeof(buffer))) > 0;)
                        total += (size_t) n;
                _exit(total == sizeof(buffer) ? 0 : 1);
        }
        ASSERT_OK(relay_new(event, in, out, NULL, NULL, &relay));
        relay_drain(relay);
        relay = relay_free(relay);
        (void) close(out);
        int status;
        ASSERT_INT(waitpid(reader, &status, 0), reader);
        ASSERT_INT(status, 0);
        (void) close(in);
        (void) close(sink);
}
