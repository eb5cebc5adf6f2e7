// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What is said about one run over its SOCK_SEQPACKET control socket: between the client and the
 * monitor, and with the same packets between the monitor and the sandbox's first process. Plain
 * values and at most one descriptor; knows nothing of what is done about them. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "environment/guarantee.h"

typedef enum ControlKind {
        CONTROL_STARTED,   /* upwards: the program runs; @pid of the sandbox, seen from outside */
        CONTROL_PTY,       /* upwards: the master of the terminal travels along */
        CONTROL_STOPPED,   /* upwards: the program was stopped by @signal */
        CONTROL_CONTINUED, /* upwards: it runs again */
        CONTROL_EXITED,    /* upwards, last: @exit_kind and @exit_status */
        CONTROL_FAILED,    /* upwards, last: @fault says why nothing was started */
        CONTROL_READY,     /* pid 1 to monitor only: confined, @guarantees were read back */
        CONTROL_SIGNAL, /* downwards: deliver @signal to the program (terminal: foreground group) */
        CONTROL_CONTINUE, /* downwards: SIGCONT to everything that was stopped */
        CONTROL_HANGUP,   /* monitor to pid 1 only: the client is gone, SIGHUP to the session */
        _CONTROL_KIND_MAX,
        _CONTROL_KIND_INVALID = -EINVAL,
} ControlKind;

typedef enum ExitKind {
        EXIT_CODE,   /* ended by itself, @exit_status is its code */
        EXIT_SIGNAL, /* killed, @exit_status is the signal */
        _EXIT_KIND_MAX,
        _EXIT_KIND_INVALID = -EINVAL,
} ExitKind;

/* The last message of a run is EXITED or FAILED; then the monitor closes the socket. */
typedef struct ControlMessage {
        ControlKind kind;
        int32_t pid;
        int32_t signal;
        ExitKind exit_kind;
        int32_t exit_status;
        Fault fault;
        Guarantees guarantees;
} ControlMessage;

void control_message_done(ControlMessage *message);
#define _cleanup_control_message_ _cleanup_(control_message_done)

_must_use_ int control_encode(const ControlMessage *message, void **ret, size_t *ret_size_bytes);
/* Errors: -EBADMSG, -EPROTONOSUPPORT. Fuzzed: tests/fuzz/fuzz-control.c. */
_must_use_ int control_decode(const void *data, size_t size_bytes, ControlMessage *ret);

/* @pass_fd is borrowed; negative: none. Errors: -EPIPE the other side is gone, -EAGAIN. */
_must_use_ int control_send(int fd, const ControlMessage *message, int pass_fd);
_must_use_ int control_send_signal(int fd, int signal);

/* Returns 1 and a message, or 0 when the other side is gone. @ret_fd (may be NULL: a descriptor is
 * closed) is negative when none came along. Errors: -EAGAIN, -EPROTO, -EBADMSG. */
_must_use_ int control_receive(int fd, ControlMessage *ret, int *ret_fd);

const char *control_kind_to_string(ControlKind kind);
/* What a shell would return: the code, or 128 + signal. */
int exit_to_shell_status(ExitKind kind, int status);
