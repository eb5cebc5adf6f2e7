// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/unpack-request.h"

enum {
        REQUEST_MAGIC = 0x51504e55, /* "UNPQ" */
        ANSWER_MAGIC = 0x41504e55,  /* "UNPA" */
        VERSION = 1,
        SCRIPT_SIZE_MIN = 3 * 4 + 1,
};

void unpack_request_done(UnpackRequest *request) {
        free(request->filename);
        *request = (UnpackRequest){};
}

int unpack_request_encode(const UnpackRequest *request, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, REQUEST_MAGIC, VERSION);
        packet_put_string(&writer, request->filename);
        packet_put_bytes(&writer, request->digest.bytes, DIGEST_SIZE);
        packet_put_u64(&writer, request->size_max_bytes);
        packet_put_u32(&writer, request->n_files_max);
        packet_put_bool(&writer, request->is_flushed_later);
        return packet_writer_finish(&writer, ret, ret_size);
}

int unpack_request_decode(const void *data, size_t size, UnpackRequest *ret) {
        _cleanup_(unpack_request_done) UnpackRequest request = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, REQUEST_MAGIC, VERSION, NULL);
        if (r < 0)
                return r;
        r = packet_get_string_copy(&reader, &request.filename);
        if (r < 0)
                return r;
        packet_get_array(&reader, request.digest.bytes, DIGEST_SIZE);
        request.size_max_bytes = packet_get_u64(&reader);
        request.n_files_max = packet_get_u32(&reader);
        request.is_flushed_later = packet_get_bool(&reader);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        if (!request.filename)
                return -EBADMSG;
        *ret = TAKE(request, (UnpackRequest){});
        return 0;
}

void unpack_answer_done(UnpackAnswer *answer) {
        for (size_t i = 0; i < answer->n_scripts; i++) {
                free(answer->scripts[i].name);
                free(answer->scripts[i].module);
                free(answer->scripts[i].function);
        }
        free(answer->scripts);
        (void) strings_free(answer->data_scripts);
        (void) strings_free(answer->startup_hooks);
        free(answer->name);
        free(answer->version);
        fault_done(&answer->fault);
        *answer = (UnpackAnswer){};
}

int unpack_answer_encode(const UnpackAnswer *answer, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, ANSWER_MAGIC, VERSION);
        packet_put_fault(&writer, &answer->fault);
        packet_put_string(&writer, answer->name);
        packet_put_string(&writer, answer->version);
        packet_put_u32(&writer, (uint32_t) answer->n_scripts);
        for (size_t i = 0; i < answer->n_scripts; i++) {
                packet_put_string(&writer, answer->scripts[i].name);
                packet_put_string(&writer, answer->scripts[i].module);
                packet_put_string(&writer, answer->scripts[i].function);
                packet_put_bool(&writer, answer->scripts[i].is_gui);
        }
        packet_put_strings(&writer, answer->data_scripts);
        packet_put_bool(&writer, answer->has_data);
        packet_put_bool(&writer, answer->has_headers);
        packet_put_strings(&writer, answer->startup_hooks);
        packet_put_u64(&writer, answer->n_files);
        packet_put_u64(&writer, answer->size_bytes);
        return packet_writer_finish(&writer, ret, ret_size);
}

static bool script_is_valid(const ScriptEntry *script) {
        return script->name && script->name[0] && script->name[0] != '.' &&
                        script->name[0] != '-' && !strchr(script->name, '/') && script->module;
}

static int get_scripts(PacketReader *reader, UnpackAnswer *answer) {
        size_t n = packet_get_count(reader, SCRIPT_SIZE_MIN);
        int r;

        answer->scripts = new0(ScriptEntry, n);
        if (!answer->scripts)
                return -ENOMEM;
        for (; answer->n_scripts < n; answer->n_scripts++) {
                ScriptEntry *script = &answer->scripts[answer->n_scripts];
                char **const texts[] = { &script->name, &script->module, &script->function };

                for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                        r = packet_get_string_copy(reader, texts[i]);
                        if (r < 0) {
                                answer->n_scripts++; /* what it holds is freed with the rest */
                                return r;
                        }
                }
                script->is_gui = packet_get_bool(reader);
                if (!script_is_valid(script))
                        packet_reader_fail(reader, -EBADMSG);
        }
        return reader->error;
}

int unpack_answer_decode(const void *data, size_t size, UnpackAnswer *ret) {
        _cleanup_(unpack_answer_done) UnpackAnswer answer = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, ANSWER_MAGIC, VERSION, NULL);
        if (r < 0)
                return r;
        r = packet_get_fault(&reader, &answer.fault);
        if (r < 0)
                return r;
        r = packet_get_string_copy(&reader, &answer.name);
        if (r < 0)
                return r;
        r = packet_get_string_copy(&reader, &answer.version);
        if (r < 0)
                return r;
        r = get_scripts(&reader, &answer);
        if (r < 0)
                return r;
        r = packet_get_strings(&reader, &answer.data_scripts);
        if (r < 0)
                return r;
        answer.has_data = packet_get_bool(&reader);
        answer.has_headers = packet_get_bool(&reader);
        r = packet_get_strings(&reader, &answer.startup_hooks);
        if (r < 0)
                return r;
        answer.n_files = packet_get_u64(&reader);
        answer.size_bytes = packet_get_u64(&reader);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        *ret = TAKE(answer, (UnpackAnswer){});
        return 0;
}
