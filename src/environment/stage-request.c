// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/packet.h"
#include "basic/text.h"
#include "environment/stage-request.h"

enum {
        REQUEST_MAGIC = 0x51475342, /* "BSGQ" */
        ANSWER_MAGIC = 0x41475342,  /* "BSGA" */
        FORMAT = 1,
};

void stage_request_done(StageRequest *request) {
        generation_draft_done(&request->draft);
        free(request->name);
        (void) strings_free(request->names);
        *request = (StageRequest){};
}

/* One name of a directory entry: the worker must not be led elsewhere. */
static bool is_component(const char *name) {
        return *name && !strchr(name, '/') && !streq(name, ".") && !streq(name, "..");
}

int stage_request_encode(const StageRequest *request, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;
        _cleanup_(freep) void *draft = NULL;
        size_t draft_size = 0;
        int r;

        if (request->verb == STAGE_MAKE) {
                r = generation_draft_encode(&request->draft, &draft, &draft_size);
                if (r < 0)
                        return r;
        }
        packet_writer_init(&writer, REQUEST_MAGIC, FORMAT);
        packet_put_u32(&writer, request->verb);
        packet_put_u32(&writer, request->number);
        packet_put_string(&writer, request->name);
        packet_put_strings(&writer, request->names);
        packet_put_bytes(&writer, draft, draft_size);
        return packet_writer_finish(&writer, ret, ret_size);
}

static int get_request(PacketReader *reader, StageRequest *request) {
        size_t size;
        uint32_t verb = packet_get_u32(reader);
        int r;

        if (verb >= _STAGE_VERB_MAX)
                packet_reader_fail(reader, -EBADMSG);
        request->verb = verb;
        request->number = packet_get_u32(reader);
        const char *name = packet_get_string(reader);
        if (name && !is_component(name))
                packet_reader_fail(reader, -EBADMSG);
        if (name && !(request->name = strdup(name)))
                return -ENOMEM;
        r = packet_get_strings(reader, &request->names);
        if (r < 0)
                return r;
        FOREACH_TEXT(item, request->names)
                if (!is_component(item))
                        packet_reader_fail(reader, -EBADMSG);
        const void *draft = packet_get_bytes(reader, &size);
        r = packet_reader_finish(reader);
        if (r < 0 || request->verb != STAGE_MAKE)
                return r;
        return generation_draft_decode(draft, size, &request->draft);
}

int stage_request_decode(const void *data, size_t size, StageRequest *ret) {
        _cleanup_stage_request_ StageRequest request = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, REQUEST_MAGIC, FORMAT, NULL);
        if (r >= 0)
                r = get_request(&reader, &request);
        if (r < 0)
                return r;
        *ret = TAKE(request, (StageRequest){});
        return 0;
}

void stage_answer_done(StageAnswer *answer) {
        fault_done(&answer->fault);
        (void) strings_free(answer->carried);
        (void) strings_free(answer->warnings);
        *answer = (StageAnswer){};
}

int stage_answer_encode(const StageAnswer *answer, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, ANSWER_MAGIC, FORMAT);
        packet_put_fault(&writer, &answer->fault);
        packet_put_strings(&writer, answer->carried);
        packet_put_strings(&writer, answer->warnings);
        return packet_writer_finish(&writer, ret, ret_size);
}

int stage_answer_decode(const void *data, size_t size, StageAnswer *ret) {
        _cleanup_stage_answer_ StageAnswer answer = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, ANSWER_MAGIC, FORMAT, NULL);
        if (r >= 0)
                r = packet_get_fault(&reader, &answer.fault);
        if (r >= 0)
                r = packet_get_strings(&reader, &answer.carried);
        if (r >= 0)
                r = packet_get_strings(&reader, &answer.warnings);
        if (r >= 0)
                r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        *ret = TAKE(answer, (StageAnswer){});
        return 0;
}
