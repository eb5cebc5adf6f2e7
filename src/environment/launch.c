// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "environment/launch.h"

enum {
        EXEC_MAGIC = 0x43455842,    /* "BXEC" */
        MONITOR_MAGIC = 0x4e4f4d42, /* "BMON" */
        LAUNCH_VERSION = 1,
};

void generation_mounts_done(GenerationMounts *mounts) {
        mounts->user_fd = fd_close(mounts->user_fd);
        mounts->mount_fd = fd_close(mounts->mount_fd);
        mounts->lock_fd = fd_close(mounts->lock_fd);
}

void exec_request_done(ExecRequest *request) {
        strings_free(request->argv);
        strings_free(request->environ);
        free(request->directory);
        free(request->fallback_directory);
        free(request->hostname);
        free(request->home);
        free(request->project);
        free(request->site_packages);
        free(request->limit_reason);
        mount_list_done(&request->mounts);
        *request = (ExecRequest){};
}

int exec_request_encode(const ExecRequest *request, void **ret, size_t *ret_size_bytes) {
        _cleanup_packet_writer_ PacketWriter writer = {};

        packet_writer_init(&writer, EXEC_MAGIC, LAUNCH_VERSION);
        packet_put_u32(&writer, request->number);
        packet_put_bool(&writer, request->is_helper);
        packet_put_bool(&writer, request->wants_terminal);
        packet_put_bool(&writer, request->is_strict);
        packet_put_u32(&writer, request->terminal_rows);
        packet_put_u32(&writer, request->terminal_columns);
        packet_put_strings(&writer, request->argv);
        packet_put_strings(&writer, request->environ);
        packet_put_string(&writer, request->directory);
        packet_put_string(&writer, request->fallback_directory);
        packet_put_string(&writer, request->hostname);
        packet_put_u64(&writer, request->limits.memory_max_bytes);
        packet_put_u64(&writer, request->limits.n_processes_max);
        packet_put_u64(&writer, request->limits.file_max_bytes);
        packet_put_u64(&writer, request->limits.scratch_max_bytes);
        packet_put_u64(&writer, request->cpu_max_sec);
        packet_put_mount_list(&writer, &request->mounts);
        packet_put_u32(&writer, (uint32_t) request->n_sources);
        packet_put_string(&writer, request->home);
        packet_put_string(&writer, request->project);
        packet_put_string(&writer, request->site_packages);
        packet_put_string(&writer, request->limit_reason);
        packet_put_bool(&writer, request->has_user_namespace);
        packet_put_bool(&writer, request->upper_is_volatile);
        for (size_t i = 0; i < ELEMENTSOF(request->namespaces_outside); i++)
                packet_put_u64(&writer, request->namespaces_outside[i]);
        return packet_writer_finish(&writer, ret, ret_size_bytes);
}

/* Strings of one packet; after a failure the rest is skipped, so that decoders check once. */
static void get_string(PacketReader *reader, char **ret) {
        const char *text = packet_get_string(reader);

        if (!text || reader->error < 0)
                return;
        *ret = strdup(text);
        if (!*ret)
                packet_reader_fail(reader, -ENOMEM);
}

static void get_strings(PacketReader *reader, char ***ret) {
        int r = packet_get_strings(reader, ret);

        if (r < 0)
                packet_reader_fail(reader, r);
}

static void get_limits(PacketReader *reader, LimitSpec *ret) {
        *ret = (LimitSpec){
                .memory_max_bytes = packet_get_u64(reader),
        };
        ret->n_processes_max = packet_get_u64(reader);
        ret->file_max_bytes = packet_get_u64(reader);
        ret->scratch_max_bytes = packet_get_u64(reader);
}

static void get_mounts(PacketReader *reader, ExecRequest *request) {
        int r = packet_get_mount_list(reader, &request->mounts);

        if (r < 0)
                packet_reader_fail(reader, r);
        request->n_sources = packet_get_u32(reader);
        if (request->n_sources > CHILD_FDS_MAX)
                packet_reader_fail(reader, -EBADMSG);
}

int exec_request_decode(const void *data, size_t size_bytes, ExecRequest *ret) {
        _cleanup_exec_request_ ExecRequest request = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size_bytes, EXEC_MAGIC, LAUNCH_VERSION, NULL);
        if (r < 0)
                return r;
        request.number = packet_get_u32(&reader);
        request.is_helper = packet_get_bool(&reader);
        request.wants_terminal = packet_get_bool(&reader);
        request.is_strict = packet_get_bool(&reader);
        request.terminal_rows = (uint16_t) packet_get_u32(&reader);
        request.terminal_columns = (uint16_t) packet_get_u32(&reader);
        get_strings(&reader, &request.argv);
        get_strings(&reader, &request.environ);
        get_string(&reader, &request.directory);
        get_string(&reader, &request.fallback_directory);
        get_string(&reader, &request.hostname);
        get_limits(&reader, &request.limits);
        request.cpu_max_sec = packet_get_u64(&reader);
        get_mounts(&reader, &request);
        get_string(&reader, &request.home);
        get_string(&reader, &request.project);
        get_string(&reader, &request.site_packages);
        get_string(&reader, &request.limit_reason);
        request.has_user_namespace = packet_get_bool(&reader);
        request.upper_is_volatile = packet_get_bool(&reader);
        for (size_t i = 0; i < ELEMENTSOF(request.namespaces_outside); i++)
                request.namespaces_outside[i] = packet_get_u64(&reader);
        if (strings_count(request.argv) == 0)
                packet_reader_fail(&reader, -EBADMSG);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        *ret = TAKE(request, (ExecRequest){});
        return 0;
}

void monitor_request_done(MonitorRequest *request) {
        free(request->environment_id);
        strings_free(request->argv);
        *request = (MonitorRequest){};
}

int monitor_request_encode(const MonitorRequest *request, void **ret, size_t *ret_size_bytes) {
        _cleanup_packet_writer_ PacketWriter writer = {};

        packet_writer_init(&writer, MONITOR_MAGIC, LAUNCH_VERSION);
        packet_put_u32(&writer, request->number);
        packet_put_string(&writer, request->environment_id);
        packet_put_u32(&writer, request->generation);
        packet_put_strings(&writer, request->argv);
        packet_put_bool(&writer, request->has_user_namespace);
        packet_put_bool(&writer, request->has_control);
        packet_put_bool(&writer, request->wants_terminal);
        packet_put_bool(&writer, request->is_detached);
        packet_put_u32(&writer, request->n_sources);
        return packet_writer_finish(&writer, ret, ret_size_bytes);
}

int monitor_request_decode(const void *data, size_t size_bytes, MonitorRequest *ret) {
        _cleanup_monitor_request_ MonitorRequest request = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size_bytes, MONITOR_MAGIC, LAUNCH_VERSION, NULL);
        if (r < 0)
                return r;
        request.number = packet_get_u32(&reader);
        get_string(&reader, &request.environment_id);
        request.generation = packet_get_u32(&reader);
        get_strings(&reader, &request.argv);
        request.has_user_namespace = packet_get_bool(&reader);
        request.has_control = packet_get_bool(&reader);
        request.wants_terminal = packet_get_bool(&reader);
        request.is_detached = packet_get_bool(&reader);
        request.n_sources = packet_get_u32(&reader);
        if (request.n_sources > CHILD_FDS_MAX - MONITOR_FD_SOURCES)
                packet_reader_fail(&reader, -EBADMSG);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        *ret = TAKE(request, (MonitorRequest){});
        return 0;
}
