// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "environment/control.h"
#include "test.h"

static void make_pair(int fds[static 2]) {
        ASSERT_OK(channel_pair(true, fds));
}

TEST(message_arrives_with_its_descriptor) {
        _cleanup_control_message_ ControlMessage message = {};
        int fds[2], passed = -EBADF;

        make_pair(fds);
        ASSERT_OK(control_send(fds[0], &(ControlMessage){ .kind = CONTROL_PTY }, fds[0]));
        ASSERT_INT(control_receive(fds[1], &message, &passed), 1);
        ASSERT_INT(message.kind, CONTROL_PTY);
        ASSERT_TRUE(passed >= 0 && passed != fds[0]);
        ASSERT_TRUE(fcntl(passed, F_GETFD) & FD_CLOEXEC);
        (void) close(passed);
        (void) close(fds[0]);
        (void) close(fds[1]);
}

TEST(descriptor_nobody_asked_for_is_closed) {
        _cleanup_control_message_ ControlMessage message = {};
        int fds[2], next, again;

        make_pair(fds);
        next = dup(fds[0]);
        (void) close(next);
        ASSERT_OK(control_send(fds[0], &(ControlMessage){ .kind = CONTROL_PTY }, fds[0]));
        ASSERT_INT(control_receive(fds[1], &message, NULL), 1);
        again = dup(fds[0]);
        ASSERT_INT(again, next);
        (void) close(again);
        (void) close(fds[0]);
        (void) close(fds[1]);
}

TEST(failure_keeps_its_sentence) {
        const ControlMessage sent = {
                .kind = CONTROL_FAILED,
                .fault = { .code = FAULT_COMMAND_NOT_FOUND,
                           .subject = (char *) "x",
                           .message = (char *) "No." },
        };
        _cleanup_control_message_ ControlMessage message = {};
        _cleanup_(freep) void *data = NULL;
        size_t size;

        ASSERT_OK(control_encode(&sent, &data, &size));
        ASSERT_OK(control_decode(data, size, &message));
        ASSERT_INT(message.fault.code, FAULT_COMMAND_NOT_FOUND);
        ASSERT_STREQ(message.fault.message, "No.");
}

TEST(guarantees_travel) {
        _cleanup_guarantees_ Guarantees rows = {};
        _cleanup_control_message_ ControlMessage message = {};
        _cleanup_(freep) void *data = NULL;
        size_t size;

        ASSERT_OK(guarantees_add(&rows, "a", GUARANTEE_WEAKER, "b", "c"));
        ASSERT_OK(control_encode(
                        &(ControlMessage){ .kind = CONTROL_READY, .guarantees = rows },
                        &data,
                        &size));
        ASSERT_OK(control_decode(data, size, &message));
        ASSERT_INT(message.guarantees.n_items, 1);
        ASSERT_INT(message.guarantees.items[0].state, GUARANTEE_WEAKER);
}

TEST(every_cut_of_a_message_is_refused) {
        const ControlMessage sent = { .kind = CONTROL_EXITED,
                                      .exit_kind = EXIT_SIGNAL,
                                      .exit_status = 9 };
        _cleanup_(freep) void *data = NULL;
        size_t size;

        ASSERT_OK(control_encode(&sent, &data, &size));
        for (size_t i = 0; i < size; i++) {
                _cleanup_control_message_ ControlMessage message = {};
                ASSERT_TRUE(control_decode(data, i, &message) < 0);
        }
}

TEST(message_with_impossible_signal_is_refused) {
        _cleanup_control_message_ ControlMessage message = {};
        _cleanup_(freep) void *data = NULL;
        size_t size;

        ASSERT_OK(control_encode(
                        &(ControlMessage){ .kind = CONTROL_SIGNAL, .signal = 1000 }, &data, &size));
        ASSERT_ERROR(control_decode(data, size, &message), EBADMSG);
}

TEST(peer_that_left_is_the_end) {
        _cleanup_control_message_ ControlMessage message = {};
        int fds[2];

        make_pair(fds);
        ASSERT_ERROR(control_receive(fds[0], &message, NULL), EAGAIN);
        (void) close(fds[1]);
        ASSERT_INT(control_receive(fds[0], &message, NULL), 0);
        ASSERT_ERROR(control_send_signal(fds[0], SIGTERM), EPIPE);
        (void) close(fds[0]);
}

TEST(exit_is_shown_as_a_shell_does) {
        ASSERT_INT(exit_to_shell_status(EXIT_CODE, 7), 7);
        ASSERT_INT(exit_to_shell_status(EXIT_SIGNAL, 15), 143);
}
