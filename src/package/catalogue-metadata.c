// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>

#include "basic/memory.h"
#include "package/catalogue-internal.h"
#include "package/zip.h"

/* Metadata: the separate file beside a wheel, else the part of the wheel that holds it, else the wheel. What was read is kept in a flat
 * form under the digest of the wheel, so that no METADATA is parsed twice. */

enum {
        PACKET_MAGIC = 0x4d455441, /* "META" */
        PACKET_VERSION = 1,
        WHEEL_MEMBERS_MAX = 200000,
};

void catalogue_metadata_request(const Catalogue *catalogue, const Task *task, FetchRequest *ret) {
        const IndexFile *file = task->file;

        ret->kind = FETCH_METADATA;
        ret->size_max_bytes = METADATA_SIZE_MAX;
        ret->url = task->stage == WANTS_METADATA ? index_file_metadata_url(file)
                                                 : string_format("%s", file->url);
        switch (task->stage) {
        case WANTS_METADATA:
                ret->has_digest = file->has_metadata_digest;
                ret->digest = file->metadata_digest;
                break;
        case WANTS_TAIL:
                ret->length = task->tail_size;
                ret->size_max_bytes = WHEEL_TAIL_MAX;
                break;
        case WANTS_ENTRY:
                ret->offset = task->entry.offset;
                ret->length = wheel_entry_extent(&task->entry);
                ret->offset_from_start = true;
                ret->size_max_bytes = WHEEL_TAIL_MAX;
                break;
        case WANTS_WHEEL:
                ret->kind = FETCH_WHEEL;
                ret->has_digest = file->has_digest;
                ret->digest = file->digest;
                ret->size_max_bytes = 8 * GIBIBYTE;
                break;
        }
}

/* The key of what is kept: nothing that the index could change under the same key. */
static const char *key_of(const IndexFile *file, char buffer[static DIGEST_HEX_SIZE]) {
        return file->has_digest ? digest_to_hex(&file->digest, buffer) : NULL;
}

static void put_list(PacketWriter *writer, const char *const *list, size_t n) {
        packet_put_u32(writer, (uint32_t) n);
        for (size_t i = 0; i < n; i++)
                packet_put_string(writer, list[i]);
}

static const char *const *get_list(PacketReader *reader, Arena *arena, size_t *ret_n) {
        uint32_t n = packet_get_count(reader, 1);
        const char **list = arena_new_array(arena, const char *, (size_t) n + 1);

        for (uint32_t i = 0; list && i < n; i++) {
                list[i] = packet_get_string(reader);
                if (!list[i])
                        packet_reader_fail(reader, -EBADMSG);
        }
        *ret_n = list ? n : 0;
        return list;
}

static int encode(const Metadata *metadata, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, PACKET_MAGIC, PACKET_VERSION);
        packet_put_string(&writer, metadata->name);
        packet_put_string(&writer, metadata->version);
        packet_put_string(&writer, metadata->requires_python);
        put_list(&writer, metadata->requires_dist, metadata->n_requires_dist);
        put_list(&writer, metadata->provides_extra, metadata->n_provides_extra);
        return packet_writer_finish(&writer, ret, ret_size);
}

static int decode(const void *data, size_t size, Metadata **ret) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        PacketReader reader;
        Metadata *metadata;
        void *copy;
        uint32_t version;
        int r;

        copy = arena ? arena_allocate(arena, size) : NULL;
        metadata = new0(Metadata, 1);
        if (!copy || !metadata) {
                free(metadata);
                return -ENOMEM;
        }
        memcpy(copy, data, size);
        r = packet_reader_init(&reader, copy, size, PACKET_MAGIC, PACKET_VERSION, &version);
        if (r < 0) {
                free(metadata);
                return r;
        }
        metadata->name = packet_get_string(&reader);
        metadata->version = packet_get_string(&reader);
        metadata->requires_python = packet_get_string(&reader);
        metadata->requires_dist = get_list(&reader, arena, &metadata->n_requires_dist);
        metadata->provides_extra = get_list(&reader, arena, &metadata->n_provides_extra);
        r = packet_reader_finish(&reader);
        if (r >= 0 && (!metadata->name || !metadata->version))
                r = -EBADMSG;
        if (r < 0) {
                free(metadata);
                return r;
        }
        metadata->memory = TAKE_PTR(arena);
        *ret = metadata;
        return 0;
}

static int finish(Catalogue *catalogue, Task *task, Metadata *metadata) {
        CatalogueAnswer answer = { .metadata = metadata };
        int r;

        r = catalogue_finish(catalogue, task, &answer);
        metadata_free(answer.metadata);
        return r;
}

static int refuse(Catalogue *catalogue, Task *task, const char *reason) {
        CatalogueAnswer answer = { .refusal = string_format("%s", reason) };
        int r;

        if (!answer.refusal)
                return -ENOMEM;
        r = catalogue_finish(catalogue, task, &answer);
        free(answer.refusal);
        return r;
}

int catalogue_metadata_begin(Catalogue *catalogue, Task *task) {
        char hex[DIGEST_HEX_SIZE];
        const char *key = key_of(task->file, hex);
        _cleanup_(freep) char *packet = NULL;
        bool is_local = string_after(task->file->url, "file:") && catalogue->input.fetch_fd >= 0;
        Cache *cache = task->wants_digest ? NULL : catalogue_cache(catalogue);
        Fault fault = { 0 };
        size_t size;
        int r;

        if (cache && key &&
            cache_find_value(cache, CACHE_METADATA_PARSED, key, &packet, &size) >= 0) {
                Metadata *metadata;

                r = decode(packet, size, &metadata);
                if (r == -ENOMEM)
                        return r;
                if (r >= 0)
                        return finish(catalogue, task, metadata);
        }
        if (!catalogue_is_offline(catalogue) || is_local) {
                /* Without a digest the wheel is needed in any case; a local one costs nothing. */
                if (!task->file->has_digest || string_after(task->file->url, "file:"))
                        task->stage = WANTS_WHEEL;
                else if (!task->file->has_metadata) {
                        task->stage = WANTS_TAIL;
                        task->tail_size = WHEEL_TAIL_SIZE;
                }
                return catalogue_send(catalogue, task);
        }
        (void) fault_set(
                        &fault,
                        -ENETUNREACH,
                        FAULT_OFFLINE,
                        task->name,
                        "The metadata of '%s' is not known here, and the network may not be used.",
                        task->file->filename);
        fault_hint(&fault, "Try again without --offline.");
        return catalogue_finish_with_fault(catalogue, task, &fault);
}

static bool is_metadata_name(const char *name) {
        const char *slash = strchr(name, '/');

        return slash && streq(slash, "/METADATA") && slash - name > 10 &&
                        memcmp(slash - 10, ".dist-info", 10) == 0;
}

/* METADATA out of a whole wheel. */
static int
read_wheel(const IndexFile *file, const char *body, size_t size, char **ret, Fault *fault) {
        static const ZipLimits limits = { 64 * GIBIBYTE, WHEEL_MEMBERS_MAX };
        _cleanup_(zip_freep) Zip *zip = NULL;
        int r;

        r = zip_open(body, size, &limits, file->filename, &zip, fault);
        if (r < 0)
                return r;
        for (size_t i = 0; i < zip_count(zip); i++)
                if (is_metadata_name(zip_get(zip, i)->name))
                        return zip_read_text(zip, zip_get(zip, i), METADATA_SIZE_MAX, ret, fault);
        return fault_set(
                        fault,
                        -EBADMSG,
                        FAULT_METADATA_INVALID,
                        file->filename,
                        "It has no METADATA.");
}

static int take_text(Catalogue *catalogue, Task *task, const char *text, size_t size) {
        char hex[DIGEST_HEX_SIZE], reason[1024];
        const char *key = key_of(task->file, hex);
        _cleanup_(freep) void *packet = NULL;
        _cleanup_fault_ Fault fault = { 0 };
        Metadata *metadata;
        size_t packet_size;
        int r;

        r = metadata_parse(text, size, task->file->filename, &metadata, &fault);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                (void) snprintf(reason,
                                sizeof(reason),
                                "its metadata cannot be read (%s)",
                                fault.message ? fault.message : "");
                return refuse(catalogue, task, reason);
        }
        r = key && catalogue_cache(catalogue) ? encode(metadata, &packet, &packet_size) : -ENOENT;
        if (r >= 0)
                r = cache_store_value(
                                catalogue_cache(catalogue),
                                CACHE_METADATA_PARSED,
                                key,
                                packet,
                                packet_size);
        /* A cache that cannot be written is only slow. */
        if (r == -ENOMEM) {
                metadata_free(metadata);
                return r;
        }
        return finish(catalogue, task, metadata);
}

static int
take_wheel(Catalogue *catalogue, Task *task, const FetchAnswer *answer, const char *body) {
        _cleanup_(freep) char *text = NULL;
        _cleanup_fault_ Fault fault = { 0 };
        char reason[1024];
        int r;

        catalogue->digest = answer->digest;
        catalogue->digest_size_bytes = answer->size_bytes;
        if (task->wants_digest)
                return refuse(catalogue, task, "");
        r = read_wheel(task->file, body, answer->size_bytes, &text, &fault);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                (void) snprintf(reason,
                                sizeof(reason),
                                "its wheel cannot be read (%s)",
                                fault.message ? fault.message : "");
                return refuse(catalogue, task, reason);
        }
        return take_text(catalogue, task, text, strlen(text));
}

/* A server that knows no ranges sends everything. */
static int take_whole(Catalogue *catalogue, Task *task, const char *body, size_t size) {
        _cleanup_(freep) char *text = NULL;
        int r;

        r = read_wheel(task->file, body, size, &text, NULL);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                task->stage = WANTS_WHEEL;
                return catalogue_send(catalogue, task);
        }
        return take_text(catalogue, task, text, strlen(text));
}

/* Goes on with a part of the wheel: reads the metadata, or asks for the part that holds it. */
static int
take_part(Catalogue *catalogue, Task *task, const FetchAnswer *answer, const char *body) {
        WheelPart part = {
                .data = (const uint8_t *) body,
                .size = answer->size_bytes,
                .total_bytes = answer->total_bytes,
        };
        _cleanup_(freep) char *text = NULL;
        uint64_t needed;
        size_t size;
        int r;

        if (answer->status != 206)
                return take_whole(catalogue, task, body, answer->size_bytes);
        if (task->stage == WANTS_ENTRY) {
                part.offset = task->entry.offset;
                r = wheel_entry_read(&task->entry, &part, &text, &size);
        } else {
                part.offset = part.total_bytes - MIN(part.size, part.total_bytes);
                r = wheel_tail_find(&part, &task->entry, &needed);
                if (r == -ERANGE && needed > task->tail_size) {
                        task->tail_size = needed;
                        return catalogue_send(catalogue, task);
                }
                if (r >= 0)
                        r = wheel_entry_read(&task->entry, &part, &text, &size);
                if (r == -ERANGE) {
                        task->stage = WANTS_ENTRY;
                        return catalogue_send(catalogue, task);
                }
        }
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                task->stage = WANTS_WHEEL;
                return catalogue_send(catalogue, task);
        }
        return take_text(catalogue, task, text, size);
}

/* What another way may still give. */
static bool may_retry(const Task *task, FaultCode code) {
        switch (code) {
        case FAULT_INDEX_NOT_FOUND:
        case FAULT_ACCESS_DENIED: /* what object stores answer for a file that is not there */
                return task->stage == WANTS_METADATA;
        case FAULT_LIMIT_EXCEEDED:
        case FAULT_INDEX_INVALID:
        case FAULT_HASH_MISMATCH:
                return task->stage != WANTS_WHEEL;
        default:
                return false;
        }
}

int catalogue_metadata_on_answer(
                Catalogue *catalogue,
                Task *task,
                FetchAnswer *answer,
                const char *body) {
        const char *bytes = body ? body : "";

        if (fault_is_set(&answer->fault) && may_retry(task, answer->fault.code)) {
                task->stage = task->stage == WANTS_METADATA ? WANTS_TAIL : WANTS_WHEEL;
                task->tail_size = WHEEL_TAIL_SIZE;
                return catalogue_send(catalogue, task);
        }
        if (answer->fault.code == FAULT_INDEX_NOT_FOUND && !task->wants_digest)
                return refuse(catalogue, task, "the index names its file but does not have it");
        if (fault_is_set(&answer->fault))
                return catalogue_finish_with_fault(catalogue, task, &answer->fault);
        switch (task->stage) {
        case WANTS_METADATA:
                return take_text(catalogue, task, bytes, answer->size_bytes);
        case WANTS_TAIL:
        case WANTS_ENTRY:
                return take_part(catalogue, task, answer, bytes);
        case WANTS_WHEEL:
                return take_wheel(catalogue, task, answer, bytes);
        }
        return -EINVAL;
}
