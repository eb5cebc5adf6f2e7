// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/resolve-request.h"

enum {
        REQUEST_MAGIC = 0x51534552, /* "RESQ" */
        ANSWER_MAGIC = 0x41534552,  /* "RESA" */
        VERSION = 1,
        STRING_SIZE_MIN = 4,
};

static void interpreters_done(InterpreterRecord *interpreters, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(interpreters[i].path);
                free(interpreters[i].signature);
                free(interpreters[i].report);
        }
        free(interpreters);
}

void resolve_request_done(ResolveRequest *request) {
        char ***const lists[] = {
                &request->requirements, &request->kept_requirements,  &request->groups,
                &request->extras,       &request->python_directories,
        };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                (void) strings_free(*lists[i]);
        interpreters_done(request->interpreters, request->n_interpreters);
        index_settings_done(&request->index);
        free(request->project_name);
        free(request->python);
        free(request->exclude_newer);
        *request = (ResolveRequest){};
}

int resolve_request_encode(const ResolveRequest *request, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, REQUEST_MAGIC, VERSION);
        packet_put_u32(&writer, request->verb);
        packet_put_bool(&writer, request->has_project);
        packet_put_string(&writer, request->project_name);
        packet_put_strings(&writer, request->requirements);
        packet_put_strings(&writer, request->kept_requirements);
        packet_put_strings(&writer, request->groups);
        packet_put_strings(&writer, request->extras);
        packet_put_string(&writer, request->python);
        packet_put_strings(&writer, request->python_directories);
        packet_put_u32(&writer, (uint32_t) request->n_interpreters);
        for (size_t i = 0; i < request->n_interpreters; i++) {
                packet_put_string(&writer, request->interpreters[i].path);
                packet_put_string(&writer, request->interpreters[i].signature);
                packet_put_string(&writer, request->interpreters[i].report);
        }
        packet_put_index_settings(&writer, &request->index);
        packet_put_string(&writer, request->exclude_newer);
        packet_put_bool(&writer, request->allow_prereleases);
        packet_put_bool(&writer, request->frozen);
        packet_put_bool(&writer, request->locked);
        packet_put_bool(&writer, request->no_default_groups);
        return packet_writer_finish(&writer, ret, ret_size);
}

/* Strings of one kind after another; the first error ends it. */
static int get_string_copies(PacketReader *reader, char **const *texts, size_t n) {
        for (size_t i = 0; i < n; i++) {
                int r = packet_get_string_copy(reader, texts[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int get_interpreters(PacketReader *reader, ResolveRequest *request) {
        size_t n = packet_get_count(reader, 3 * STRING_SIZE_MIN);
        int r;

        request->interpreters = new0(InterpreterRecord, n);
        if (!request->interpreters)
                return -ENOMEM;
        request->n_interpreters = n;
        for (size_t i = 0; i < n; i++) {
                InterpreterRecord *record = &request->interpreters[i];
                char **const texts[] = { &record->path, &record->signature, &record->report };

                r = get_string_copies(reader, texts, ELEMENTSOF(texts));
                if (r < 0)
                        return r;
                if (!record->path || !record->signature || !record->report)
                        return -EBADMSG;
        }
        return 0;
}

static int get_request_strings(PacketReader *reader, ResolveRequest *request) {
        char ***const lists[] = { &request->requirements,
                                  &request->kept_requirements,
                                  &request->groups,
                                  &request->extras };
        int r;

        r = packet_get_string_copy(reader, &request->project_name);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                r = packet_get_strings(reader, lists[i]);
                if (r < 0)
                        return r;
        }
        r = packet_get_string_copy(reader, &request->python);
        if (r < 0)
                return r;
        return packet_get_strings(reader, &request->python_directories);
}

int resolve_request_decode(const void *data, size_t size, ResolveRequest *ret) {
        _cleanup_(resolve_request_done) ResolveRequest request = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, REQUEST_MAGIC, VERSION, NULL);
        if (r < 0)
                return r;
        uint32_t verb = packet_get_u32(&reader);
        request.has_project = packet_get_bool(&reader);
        r = get_request_strings(&reader, &request);
        if (r < 0)
                return r;
        r = get_interpreters(&reader, &request);
        if (r < 0)
                return r;
        r = packet_get_index_settings(&reader, &request.index);
        if (r < 0)
                return r;
        r = packet_get_string_copy(&reader, &request.exclude_newer);
        if (r < 0)
                return r;
        request.allow_prereleases = packet_get_bool(&reader);
        request.frozen = packet_get_bool(&reader);
        request.locked = packet_get_bool(&reader);
        request.no_default_groups = packet_get_bool(&reader);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        if (verb >= _RESOLVE_VERB_MAX)
                return -EBADMSG;
        request.verb = (ResolveVerb) verb;
        *ret = TAKE(request, (ResolveRequest){});
        return 0;
}

void resolve_answer_done(ResolveAnswer *answer) {
        char *const texts[] = {
                answer->project_name, answer->python_path,   answer->python_version,
                answer->python_tag,   answer->python_prefix, answer->site_packages,
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                free(texts[i]);
        for (size_t i = 0; i < answer->n_files; i++) {
                free(answer->files[i].name);
                free(answer->files[i].text);
        }
        free(answer->files);
        (void) strings_free(answer->kept_requirements);
        (void) strings_free(answer->warnings);
        settings_done(&answer->settings);
        (void) lock_free(answer->lock);
        fault_done(&answer->fault);
        *answer = (ResolveAnswer){};
}

int resolve_answer_encode(const ResolveAnswer *answer, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, ANSWER_MAGIC, VERSION);
        packet_put_u32(&writer, answer->outcome);
        packet_put_fault(&writer, &answer->fault);
        packet_put_string(&writer, answer->project_name);
        packet_put_string(&writer, answer->python_path);
        packet_put_string(&writer, answer->python_version);
        packet_put_string(&writer, answer->python_tag);
        packet_put_string(&writer, answer->python_prefix);
        packet_put_string(&writer, answer->site_packages);
        packet_put_settings(&writer, &answer->settings);
        packet_put_bool(&writer, answer->lock);
        if (answer->lock)
                packet_put_lock(&writer, answer->lock);
        packet_put_u32(&writer, (uint32_t) answer->n_files);
        for (size_t i = 0; i < answer->n_files; i++) {
                packet_put_string(&writer, answer->files[i].name);
                packet_put_string(&writer, answer->files[i].text);
        }
        packet_put_strings(&writer, answer->kept_requirements);
        packet_put_strings(&writer, answer->warnings);
        packet_put_bool(&writer, answer->lock_was_current);
        packet_put_u32(&writer, answer->n_decisions);
        return packet_writer_finish(&writer, ret, ret_size);
}

static int get_files(PacketReader *reader, ResolveAnswer *answer) {
        size_t n = packet_get_count(reader, 2 * STRING_SIZE_MIN);
        int r;

        answer->files = new0(ProjectFile, n);
        if (!answer->files)
                return -ENOMEM;
        answer->n_files = n;
        for (size_t i = 0; i < n; i++) {
                ProjectFile *file = &answer->files[i];
                char **const texts[] = { &file->name, &file->text };

                r = get_string_copies(reader, texts, ELEMENTSOF(texts));
                if (r < 0)
                        return r;
                if (!file->text || text_is_empty(file->name) || file->name[0] == '.' ||
                    strchr(file->name, '/'))
                        return -EBADMSG;
        }
        return 0;
}

static int get_answer_body(PacketReader *reader, ResolveAnswer *answer) {
        char **const texts[] = {
                &answer->project_name, &answer->python_path,   &answer->python_version,
                &answer->python_tag,   &answer->python_prefix, &answer->site_packages,
        };
        int r;

        r = get_string_copies(reader, texts, ELEMENTSOF(texts));
        if (r < 0)
                return r;
        r = packet_get_settings(reader, &answer->settings);
        if (r < 0)
                return r;
        if (packet_get_bool(reader)) {
                r = packet_get_lock(reader, &answer->lock);
                if (r < 0)
                        return r;
        }
        r = get_files(reader, answer);
        if (r < 0)
                return r;
        r = packet_get_strings(reader, &answer->kept_requirements);
        if (r < 0)
                return r;
        return packet_get_strings(reader, &answer->warnings);
}

int resolve_answer_decode(const void *data, size_t size, ResolveAnswer *ret) {
        _cleanup_(resolve_answer_done) ResolveAnswer answer = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, ANSWER_MAGIC, VERSION, NULL);
        if (r < 0)
                return r;
        uint32_t outcome = packet_get_u32(&reader);
        r = packet_get_fault(&reader, &answer.fault);
        if (r < 0)
                return r;
        r = get_answer_body(&reader, &answer);
        if (r < 0)
                return r;
        answer.lock_was_current = packet_get_bool(&reader);
        answer.n_decisions = packet_get_u32(&reader);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        if (outcome >= _RESOLVE_OUTCOME_MAX || (outcome == RESOLVE_SOLVED && !answer.lock) ||
            (outcome == RESOLVE_NEEDS_PROBE && !answer.python_path))
                return -EBADMSG;
        answer.outcome = (ResolveOutcome) outcome;
        *ret = TAKE(answer, (ResolveAnswer){});
        return 0;
}
