// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/materialise-request.h"

enum {
        REQUEST_MAGIC = 0x5154414d,  /* "MATQ" */
        ANSWER_MAGIC = 0x4154414d,   /* "MATA" */
        PROGRESS_MAGIC = 0x5054414d, /* "MATP" */
        VERSION = 1,
        ITEM_SIZE_MIN = 1 + 2 * 4,
};

void materialise_request_done(MaterialiseRequest *request) {
        for (size_t i = 0; i < request->n_items; i++) {
                free(request->items[i].source);
                free(request->items[i].destination);
        }
        free(request->items);
        *request = (MaterialiseRequest){};
}

int materialise_request_encode(const MaterialiseRequest *request, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, REQUEST_MAGIC, VERSION);
        packet_put_u32(&writer, (uint32_t) request->n_items);
        for (size_t i = 0; i < request->n_items; i++) {
                packet_put_bool(&writer, request->items[i].is_bytecode);
                packet_put_string(&writer, request->items[i].source);
                packet_put_string(&writer, request->items[i].destination);
        }
        packet_put_u32(&writer, (uint32_t) request->link_mode);
        packet_put_bool(&writer, request->is_flushed);
        return packet_writer_finish(&writer, ret, ret_size);
}

static bool path_is_beneath(const char *path, bool may_be_empty) {
        Text rest, part;

        if (!path)
                return false;
        if (!*path)
                return may_be_empty;
        rest = text_of(path);
        while (text_cut(&rest, '/', &part)) {
                if (part.length == 0 || text_equals_string(part, ".") ||
                    text_equals_string(part, ".."))
                        return false;
        }
        return true;
}

static int get_items(PacketReader *reader, MaterialiseRequest *request) {
        size_t n = packet_get_count(reader, ITEM_SIZE_MIN);
        int r;

        request->items = new0(MaterialiseItem, n);
        if (!request->items)
                return -ENOMEM;
        for (; request->n_items < n && reader->error == 0;) {
                MaterialiseItem *item = &request->items[request->n_items++];

                item->is_bytecode = packet_get_bool(reader);
                r = packet_get_string_copy(reader, &item->source);
                if (r < 0)
                        return r;
                r = packet_get_string_copy(reader, &item->destination);
                if (r < 0)
                        return r;
                if (!path_is_beneath(item->source, false) ||
                    !path_is_beneath(item->destination, true))
                        packet_reader_fail(reader, -EBADMSG);
        }
        return reader->error;
}

int materialise_request_decode(const void *data, size_t size, MaterialiseRequest *ret) {
        _cleanup_(materialise_request_done) MaterialiseRequest request = {};
        PacketReader reader;
        uint32_t link_mode;
        int r;

        r = packet_reader_init(&reader, data, size, REQUEST_MAGIC, VERSION, NULL);
        if (r < 0)
                return r;
        r = get_items(&reader, &request);
        if (r < 0)
                return r;
        link_mode = packet_get_u32(&reader);
        request.is_flushed = packet_get_bool(&reader);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        if (link_mode >= _LINK_MODE_MAX)
                return -EBADMSG;
        request.link_mode = (LinkMode) link_mode;
        *ret = TAKE(request, (MaterialiseRequest){});
        return 0;
}

void materialise_answer_done(MaterialiseAnswer *answer) {
        fault_done(&answer->fault);
        *answer = (MaterialiseAnswer){};
}

int materialise_answer_encode(const MaterialiseAnswer *answer, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, ANSWER_MAGIC, VERSION);
        packet_put_fault(&writer, &answer->fault);
        packet_put_u64(&writer, answer->n_files);
        packet_put_u64(&writer, answer->n_cloned);
        packet_put_u64(&writer, answer->n_linked);
        packet_put_u64(&writer, answer->size_bytes);
        return packet_writer_finish(&writer, ret, ret_size);
}

int materialise_answer_decode(const void *data, size_t size, MaterialiseAnswer *ret) {
        _cleanup_(materialise_answer_done) MaterialiseAnswer answer = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, ANSWER_MAGIC, VERSION, NULL);
        if (r < 0)
                return r;
        r = packet_get_fault(&reader, &answer.fault);
        if (r < 0)
                return r;
        answer.n_files = packet_get_u64(&reader);
        answer.n_cloned = packet_get_u64(&reader);
        answer.n_linked = packet_get_u64(&reader);
        answer.size_bytes = packet_get_u64(&reader);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        *ret = TAKE(answer, (MaterialiseAnswer){});
        return 0;
}

int materialise_progress_encode(const MaterialiseProgress *progress, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, PROGRESS_MAGIC, VERSION);
        packet_put_u64(&writer, progress->n_items_done);
        packet_put_u64(&writer, progress->n_files_done);
        packet_put_u64(&writer, progress->done_bytes);
        return packet_writer_finish(&writer, ret, ret_size);
}

int materialise_progress_decode(const void *data, size_t size, MaterialiseProgress *ret) {
        MaterialiseProgress progress = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, PROGRESS_MAGIC, VERSION, NULL);
        if (r < 0)
                return r;
        progress.n_items_done = packet_get_u64(&reader);
        progress.n_files_done = packet_get_u64(&reader);
        progress.done_bytes = packet_get_u64(&reader);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        *ret = progress;
        return 0;
}
