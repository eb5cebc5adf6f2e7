// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/packet.h"
#include "environment/run-record.h"

enum {
        RUN_MAGIC = 0x4e555242,    /* "BRUN" */
        STATUS_MAGIC = 0x54535242, /* "BRST" */
        RUN_VERSION = 1,
        RUN_SIZE_MAX = 4 * 1024 * 1024,
};

void run_record_done(RunRecord *record) {
        free(record->environment_id);
        strings_free(record->argv);
        guarantees_done(&record->guarantees);
        *record = (RunRecord){};
}

void run_status_done(RunStatus *status) {
        fault_done(&status->fault);
}

int run_record_encode(const RunRecord *record, void **ret, size_t *ret_size_bytes) {
        _cleanup_packet_writer_ PacketWriter writer = {};

        packet_writer_init(&writer, RUN_MAGIC, RUN_VERSION);
        packet_put_u32(&writer, record->number);
        packet_put_u32(&writer, (uint32_t) record->state);
        packet_put_string(&writer, record->environment_id);
        packet_put_u32(&writer, record->generation);
        packet_put_strings(&writer, record->argv);
        packet_put_u64(&writer, record->started_usec);
        packet_put_u32(&writer, (uint32_t) record->monitor_pid);
        packet_put_u64(&writer, record->monitor_start_ticks);
        packet_put_u32(&writer, (uint32_t) record->sandbox_pid);
        packet_put_u64(&writer, record->sandbox_start_ticks);
        packet_put_bool(&writer, record->has_terminal);
        packet_put_bool(&writer, record->is_detached);
        packet_put_guarantees(&writer, &record->guarantees);
        return packet_writer_finish(&writer, ret, ret_size_bytes);
}

static int get_string(PacketReader *reader, char **ret) {
        const char *text = packet_get_string(reader);

        if (!text)
                return 0;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

int run_record_decode(const void *data, size_t size_bytes, RunRecord *ret) {
        _cleanup_run_record_ RunRecord record = {};
        PacketReader reader;
        uint32_t state;
        int r;

        r = packet_reader_init(&reader, data, size_bytes, RUN_MAGIC, RUN_VERSION, NULL);
        if (r < 0)
                return r;
        record.number = packet_get_u32(&reader);
        state = packet_get_u32(&reader);
        r = get_string(&reader, &record.environment_id);
        if (r < 0)
                return r;
        record.generation = packet_get_u32(&reader);
        r = packet_get_strings(&reader, &record.argv);
        if (r < 0)
                return r;
        record.started_usec = packet_get_u64(&reader);
        record.monitor_pid = (pid_t) packet_get_u32(&reader);
        record.monitor_start_ticks = packet_get_u64(&reader);
        record.sandbox_pid = (pid_t) packet_get_u32(&reader);
        record.sandbox_start_ticks = packet_get_u64(&reader);
        record.has_terminal = packet_get_bool(&reader);
        record.is_detached = packet_get_bool(&reader);
        r = packet_get_guarantees(&reader, &record.guarantees);
        if (r < 0)
                return r;
        if (state >= _RUN_STATE_MAX || record.monitor_pid < 0 || record.sandbox_pid < 0)
                packet_reader_fail(&reader, -EBADMSG);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        record.state = (RunState) state;
        *ret = TAKE(record, (RunRecord){});
        return 0;
}

int run_status_encode(const RunStatus *status, void **ret, size_t *ret_size_bytes) {
        _cleanup_packet_writer_ PacketWriter writer = {};

        packet_writer_init(&writer, STATUS_MAGIC, RUN_VERSION);
        packet_put_u32(&writer, status->number);
        packet_put_fault(&writer, &status->fault);
        packet_put_u32(&writer, (uint32_t) status->exit_kind);
        packet_put_u32(&writer, (uint32_t) status->exit_status);
        packet_put_u64(&writer, status->ended_usec);
        return packet_writer_finish(&writer, ret, ret_size_bytes);
}

int run_status_decode(const void *data, size_t size_bytes, RunStatus *ret) {
        _cleanup_run_status_ RunStatus status = {};
        PacketReader reader;
        uint32_t kind;
        int r;

        r = packet_reader_init(&reader, data, size_bytes, STATUS_MAGIC, RUN_VERSION, NULL);
        if (r < 0)
                return r;
        status.number = packet_get_u32(&reader);
        r = packet_get_fault(&reader, &status.fault);
        if (r < 0)
                return r;
        kind = packet_get_u32(&reader);
        status.exit_status = (int32_t) packet_get_u32(&reader);
        status.ended_usec = packet_get_u64(&reader);
        if (kind >= _EXIT_KIND_MAX)
                packet_reader_fail(&reader, -EBADMSG);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        status.exit_kind = (ExitKind) kind;
        *ret = TAKE(status, (RunStatus){});
        return 0;
}

static int replace_at(int run_fd, const char *name, const void *data, size_t size_bytes) {
        _cleanup_close_ int fd = -EBADF;
        char temporary[32];
        int r;

        (void) snprintf(temporary, sizeof(temporary), ".%s.new", name);
        fd = openat(run_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = file_write_all(fd, data, size_bytes);
        if (r < 0)
                return r;
        return renameat(run_fd, temporary, run_fd, name) < 0 ? -errno : 0;
}

int run_record_store(int run_fd, const RunRecord *record) {
        _cleanup_(freep) void *data = NULL;
        size_t size_bytes;
        int r;

        r = run_record_encode(record, &data, &size_bytes);
        return r < 0 ? r : replace_at(run_fd, "run", data, size_bytes);
}

int run_record_load(int run_fd, RunRecord *ret) {
        _cleanup_(freep) char *data = NULL;
        size_t size_bytes;
        int r;

        r = file_read_at(run_fd, "run", RUN_SIZE_MAX, &data, &size_bytes);
        return r < 0 ? r : run_record_decode(data, size_bytes, ret);
}

int run_status_store(int run_fd, const RunStatus *status) {
        _cleanup_(freep) void *data = NULL;
        size_t size_bytes;
        int r;

        r = run_status_encode(status, &data, &size_bytes);
        return r < 0 ? r : replace_at(run_fd, "status", data, size_bytes);
}

int run_status_load(int run_fd, RunStatus *ret) {
        _cleanup_(freep) char *data = NULL;
        size_t size_bytes;
        int r;

        r = file_read_at(run_fd, "status", RUN_SIZE_MAX, &data, &size_bytes);
        return r < 0 ? r : run_status_decode(data, size_bytes, ret);
}

int run_output_read(int run_fd, char **ret, size_t *ret_size_bytes) {
        _cleanup_(freep) char *data = NULL;
        size_t size_bytes = 0, start;
        int r;

        r = file_read_at(run_fd, "output", 2 * RUN_OUTPUT_MAX_BYTES, &data, &size_bytes);
        if (r == -ENOENT)
                data = strdup("");
        else if (r < 0)
                return r;
        if (!data)
                return -ENOMEM;
        start = size_bytes > RUN_OUTPUT_TAIL_BYTES ? size_bytes - RUN_OUTPUT_TAIL_BYTES : 0;
        memmove(data, data + start, size_bytes - start + 1);
        *ret_size_bytes = size_bytes - start;
        *ret = TAKE_PTR(data);
        return 0;
}

int process_start_ticks(pid_t pid, uint64_t *ret) {
        _cleanup_close_ int fd = -EBADF;
        char path[32], data[1024];
        const char *rest;
        ssize_t size;

        (void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        size = read(fd, data, sizeof(data) - 1);
        if (size < 0)
                return -errno;
        data[size] = '\0';
        /* The name in the second field may hold spaces and parentheses: count from the last one. */
        rest = strrchr(data, ')');
        for (int i = 0; rest && i < 20; i++)
                rest = strchr(rest + 1, ' ');
        if (!rest)
                return -EBADMSG;
        *ret = strtoull(rest + 1, NULL, 10);
        return 0;
}

int process_open_verified(pid_t pid, uint64_t start_ticks) {
        _cleanup_close_ int fd = -EBADF;
        uint64_t ticks = 0;
        int r;

        if (pid <= 0)
                return -ESRCH;
        fd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0)
                return -errno;
        /* Once the pidfd is open the number cannot be reused unnoticed, so looking now is enough. */
        r = process_start_ticks(pid, &ticks);
        if (r < 0)
                return r;
        if (ticks != start_ticks)
                return -ESRCH;
        return TAKE_FD(fd);
}
