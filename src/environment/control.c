// SPDX-License-Identifier: LGPL-2.1-or-later

#include <signal.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "basic/packet.h"
#include "environment/control.h"

enum {
        CONTROL_MAGIC = 0x4c544342, /* "BCTL" */
        CONTROL_VERSION = 1,
        CONTROL_SIZE_MAX = 128 * 1024,
};

static const char *const kind_names[_CONTROL_KIND_MAX] = {
        [CONTROL_STARTED] = "started",   [CONTROL_PTY] = "pty",
        [CONTROL_STOPPED] = "stopped",   [CONTROL_CONTINUED] = "continued",
        [CONTROL_EXITED] = "exited",     [CONTROL_FAILED] = "failed",
        [CONTROL_READY] = "ready",       [CONTROL_SIGNAL] = "signal",
        [CONTROL_CONTINUE] = "continue", [CONTROL_HANGUP] = "hangup",
};

void control_message_done(ControlMessage *message) {
        fault_done(&message->fault);
        guarantees_done(&message->guarantees);
}

int control_encode(const ControlMessage *message, void **ret, size_t *ret_size_bytes) {
        _cleanup_packet_writer_ PacketWriter writer = {};

        packet_writer_init(&writer, CONTROL_MAGIC, CONTROL_VERSION);
        packet_put_u32(&writer, (uint32_t) message->kind);
        packet_put_u32(&writer, (uint32_t) message->pid);
        packet_put_u32(&writer, (uint32_t) message->signal);
        packet_put_u32(&writer, (uint32_t) message->exit_kind);
        packet_put_u32(&writer, (uint32_t) message->exit_status);
        packet_put_fault(&writer, &message->fault);
        packet_put_guarantees(&writer, &message->guarantees);
        return packet_writer_finish(&writer, ret, ret_size_bytes);
}

int control_decode(const void *data, size_t size_bytes, ControlMessage *ret) {
        _cleanup_control_message_ ControlMessage message = {};
        PacketReader reader;
        uint32_t kind, exit_kind;
        int r;

        r = packet_reader_init(&reader, data, size_bytes, CONTROL_MAGIC, CONTROL_VERSION, NULL);
        if (r < 0)
                return r;
        kind = packet_get_u32(&reader);
        message.pid = (int32_t) packet_get_u32(&reader);
        message.signal = (int32_t) packet_get_u32(&reader);
        exit_kind = packet_get_u32(&reader);
        message.exit_status = (int32_t) packet_get_u32(&reader);
        r = packet_get_fault(&reader, &message.fault);
        if (r < 0)
                return r;
        r = packet_get_guarantees(&reader, &message.guarantees);
        if (r < 0)
                return r;
        if (kind >= _CONTROL_KIND_MAX || exit_kind >= _EXIT_KIND_MAX || message.signal < 0 ||
            message.signal > SIGRTMAX)
                packet_reader_fail(&reader, -EBADMSG);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        message.kind = (ControlKind) kind;
        message.exit_kind = (ExitKind) exit_kind;
        *ret = TAKE(message, (ControlMessage){});
        return 0;
}

int control_send(int fd, const ControlMessage *message, int pass_fd) {
        _cleanup_(freep) void *data = NULL;
        size_t size_bytes;
        int r;

        r = control_encode(message, &data, &size_bytes);
        if (r < 0)
                return r;
        return channel_send(fd, data, size_bytes, &pass_fd, pass_fd < 0 ? 0 : 1);
}

int control_send_signal(int fd, int signal) {
        return control_send(
                        fd, &(ControlMessage){ .kind = CONTROL_SIGNAL, .signal = signal }, -EBADF);
}

int control_receive(int fd, ControlMessage *ret, int *ret_fd) {
        _cleanup_(freep) char *buffer = malloc(CONTROL_SIZE_MAX);
        _cleanup_close_ int passed_fd = -EBADF;
        size_t n_fds = 0;
        ssize_t size;
        int r;

        if (!buffer)
                return -ENOMEM;
        size = channel_receive(fd, buffer, CONTROL_SIZE_MAX, &passed_fd, 1, &n_fds);
        if (size == -ECONNRESET)
                size = 0; /* it left without reading everything: gone all the same */
        if (size <= 0)
                return (int) size;
        if (n_fds == 0)
                passed_fd = -EBADF;
        r = control_decode(buffer, (size_t) size, ret);
        if (r < 0)
                return r;
        if (ret_fd)
                *ret_fd = TAKE_FD(passed_fd);
        return 1;
}

const char *control_kind_to_string(ControlKind kind) {
        return kind >= 0 && kind < _CONTROL_KIND_MAX ? kind_names[kind] : NULL;
}

int exit_to_shell_status(ExitKind kind, int status) {
        return kind == EXIT_SIGNAL ? 128 + status : status;
}
