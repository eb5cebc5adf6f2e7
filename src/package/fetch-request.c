// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/fetch-request.h"

enum {
        SETTINGS_MAGIC = 0x53584449, /* "IDXS" */
        REQUEST_MAGIC = 0x51544546,  /* "FETQ" */
        ANSWER_MAGIC = 0x41544546,   /* "FETA" */
        PROGRESS_MAGIC = 0x50544546, /* "FETP" */
        VERSION = 1,
};

void index_settings_done(IndexSettings *settings) {
        free(settings->index_url);
        (void) strings_free(settings->extra_index_urls);
        (void) strings_free(settings->find_links);
        (void) strings_free(settings->proxies);
        free(settings->certificate_file);
        *settings = (IndexSettings){};
}

int index_settings_copy(const IndexSettings *from, IndexSettings *ret) {
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        r = index_settings_encode(from, &data, &size);
        if (r < 0)
                return r;
        return index_settings_decode(data, size, ret);
}

void packet_put_index_settings(PacketWriter *writer, const IndexSettings *settings) {
        packet_put_string(writer, settings->index_url);
        packet_put_strings(writer, settings->extra_index_urls);
        packet_put_strings(writer, settings->find_links);
        packet_put_strings(writer, settings->proxies);
        packet_put_string(writer, settings->certificate_file);
        packet_put_u32(writer, settings->n_requests_max);
        packet_put_u32(writer, settings->timeout_sec);
        packet_put_u32(writer, settings->n_retries);
        packet_put_u64(writer, settings->page_age_max_sec);
        packet_put_bool(writer, settings->verify_tls);
        packet_put_bool(writer, settings->offline);
}

int packet_get_index_settings(PacketReader *reader, IndexSettings *ret) {
        int r;

        r = packet_get_string_copy(reader, &ret->index_url);
        if (r < 0)
                return r;
        r = packet_get_strings(reader, &ret->extra_index_urls);
        if (r < 0)
                return r;
        r = packet_get_strings(reader, &ret->find_links);
        if (r < 0)
                return r;
        r = packet_get_strings(reader, &ret->proxies);
        if (r < 0)
                return r;
        r = packet_get_string_copy(reader, &ret->certificate_file);
        if (r < 0)
                return r;
        ret->n_requests_max = packet_get_u32(reader);
        ret->timeout_sec = packet_get_u32(reader);
        ret->n_retries = packet_get_u32(reader);
        ret->page_age_max_sec = packet_get_u64(reader);
        ret->verify_tls = packet_get_bool(reader);
        ret->offline = packet_get_bool(reader);
        return reader->error;
}

int index_settings_encode(const IndexSettings *settings, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, SETTINGS_MAGIC, VERSION);
        packet_put_index_settings(&writer, settings);
        return packet_writer_finish(&writer, ret, ret_size);
}

int index_settings_decode(const void *data, size_t size, IndexSettings *ret) {
        _cleanup_(index_settings_done) IndexSettings settings = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, SETTINGS_MAGIC, VERSION, NULL);
        if (r < 0)
                return r;
        r = packet_get_index_settings(&reader, &settings);
        if (r < 0)
                return r;
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        *ret = TAKE(settings, (IndexSettings){});
        return 0;
}

void fetch_request_done(FetchRequest *request) {
        free(request->url);
        free(request->etag);
        free(request->last_modified);
        *request = (FetchRequest){};
}

int fetch_request_encode(const FetchRequest *request, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, REQUEST_MAGIC, VERSION);
        packet_put_u64(&writer, request->id);
        packet_put_u32(&writer, request->kind);
        packet_put_string(&writer, request->url);
        packet_put_string(&writer, request->etag);
        packet_put_string(&writer, request->last_modified);
        packet_put_bool(&writer, request->has_digest);
        packet_put_bytes(&writer, request->digest.bytes, DIGEST_SIZE);
        packet_put_u64(&writer, request->offset);
        packet_put_u64(&writer, request->length);
        packet_put_bool(&writer, request->offset_from_start);
        packet_put_u64(&writer, request->size_max_bytes);
        return packet_writer_finish(&writer, ret, ret_size);
}

int fetch_request_decode(const void *data, size_t size, FetchRequest *ret) {
        _cleanup_(fetch_request_done) FetchRequest request = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, REQUEST_MAGIC, VERSION, NULL);
        if (r < 0)
                return r;
        request.id = packet_get_u64(&reader);
        uint32_t kind = packet_get_u32(&reader);
        r = packet_get_string_copy(&reader, &request.url);
        if (r < 0)
                return r;
        r = packet_get_string_copy(&reader, &request.etag);
        if (r < 0)
                return r;
        r = packet_get_string_copy(&reader, &request.last_modified);
        if (r < 0)
                return r;
        request.has_digest = packet_get_bool(&reader);
        packet_get_array(&reader, request.digest.bytes, DIGEST_SIZE);
        request.offset = packet_get_u64(&reader);
        request.length = packet_get_u64(&reader);
        request.offset_from_start = packet_get_bool(&reader);
        request.size_max_bytes = packet_get_u64(&reader);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        if (kind >= _FETCH_KIND_MAX || !request.url)
                return -EBADMSG;
        request.kind = (FetchKind) kind;
        *ret = TAKE(request, (FetchRequest){});
        return 0;
}

void fetch_answer_done(FetchAnswer *answer) {
        fault_done(&answer->fault);
        free(answer->url);
        free(answer->content_type);
        free(answer->etag);
        free(answer->last_modified);
        *answer = (FetchAnswer){};
}

int fetch_answer_encode(const FetchAnswer *answer, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, ANSWER_MAGIC, VERSION);
        packet_put_u64(&writer, answer->id);
        packet_put_fault(&writer, &answer->fault);
        packet_put_u32(&writer, answer->status);
        packet_put_string(&writer, answer->url);
        packet_put_string(&writer, answer->content_type);
        packet_put_string(&writer, answer->etag);
        packet_put_string(&writer, answer->last_modified);
        packet_put_u64(&writer, answer->max_age_sec);
        packet_put_u64(&writer, answer->size_bytes);
        packet_put_u64(&writer, answer->total_bytes);
        packet_put_bytes(&writer, answer->digest.bytes, DIGEST_SIZE);
        packet_put_bool(&writer, answer->has_body);
        return packet_writer_finish(&writer, ret, ret_size);
}

static int get_answer_strings(PacketReader *reader, FetchAnswer *answer) {
        char **const texts[] = {
                &answer->url, &answer->content_type, &answer->etag, &answer->last_modified
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                r = packet_get_string_copy(reader, texts[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

int fetch_answer_decode(const void *data, size_t size, FetchAnswer *ret) {
        _cleanup_(fetch_answer_done) FetchAnswer answer = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, ANSWER_MAGIC, VERSION, NULL);
        if (r < 0)
                return r;
        answer.id = packet_get_u64(&reader);
        r = packet_get_fault(&reader, &answer.fault);
        if (r < 0)
                return r;
        answer.status = packet_get_u32(&reader);
        r = get_answer_strings(&reader, &answer);
        if (r < 0)
                return r;
        answer.max_age_sec = packet_get_u64(&reader);
        answer.size_bytes = packet_get_u64(&reader);
        answer.total_bytes = packet_get_u64(&reader);
        packet_get_array(&reader, answer.digest.bytes, DIGEST_SIZE);
        answer.has_body = packet_get_bool(&reader);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        *ret = TAKE(answer, (FetchAnswer){});
        return 0;
}

int fetch_progress_encode(const FetchProgress *progress, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, PROGRESS_MAGIC, VERSION);
        packet_put_u64(&writer, progress->id);
        packet_put_u64(&writer, progress->done_bytes);
        packet_put_u64(&writer, progress->total_bytes);
        return packet_writer_finish(&writer, ret, ret_size);
}

int fetch_progress_decode(const void *data, size_t size, FetchProgress *ret) {
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, PROGRESS_MAGIC, VERSION, NULL);
        if (r < 0)
                return r;
        const FetchProgress progress = {
                .id = packet_get_u64(&reader),
                .done_bytes = packet_get_u64(&reader),
                .total_bytes = packet_get_u64(&reader),
        };
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        *ret = progress;
        return 0;
}
