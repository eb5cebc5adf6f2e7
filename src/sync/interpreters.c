// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/digest.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "basic/packet.h"
#include "environment/copy.h"
#include "sync/interpreters.h"

enum {
        RECORD_MAGIC = 0x544e4942, /* "BINT" */
        RECORD_FORMAT = 1,
        RECORD_SIZE_MAX = 2 * 1024 * 1024,
};

struct Interpreters {
        int fd;
        InterpreterRecord *records;
        size_t n_records;
        size_t n_allocated;
};

static void record_done(InterpreterRecord *record) {
        free(record->path);
        free(record->signature);
        free(record->report);
        *record = (InterpreterRecord){};
}

Interpreters *interpreters_free(Interpreters *interpreters) {
        if (!interpreters)
                return NULL;
        for (size_t i = 0; i < interpreters->n_records; i++)
                record_done(&interpreters->records[i]);
        free(interpreters->records);
        (void) fd_close(interpreters->fd);
        free(interpreters);
        return NULL;
}

/* In memory only; takes the place of a record of the same path. */
static int
remember(Interpreters *interpreters, const char *path, const char *signature, const char *report) {
        InterpreterRecord record = {
                .path = strdup(path),
                .signature = strdup(signature),
                .report = strdup(report),
        };
        int r;

        r =
                        ARRAY_RESERVE(interpreters->records,
                                      interpreters->n_allocated,
                                      interpreters->n_records + 1);
        if (r < 0 || !record.path || !record.signature || !record.report) {
                record_done(&record);
                return -ENOMEM;
        }
        for (size_t i = 0; i < interpreters->n_records; i++)
                if (streq(interpreters->records[i].path, path)) {
                        record_done(&interpreters->records[i]);
                        interpreters->records[i] = record;
                        return 0;
                }
        interpreters->records[interpreters->n_records++] = record;
        return 0;
}

static int load(Interpreters *interpreters, const char *name) {
        _cleanup_(freep) char *data = NULL;
        PacketReader reader;
        size_t size;
        int r;

        r = file_read_at(interpreters->fd, name, RECORD_SIZE_MAX, &data, &size);
        if (r < 0)
                return r;
        r = packet_reader_init(&reader, data, size, RECORD_MAGIC, RECORD_FORMAT, NULL);
        if (r < 0)
                return r;
        const char *path = packet_get_string(&reader);
        const char *signature = packet_get_string(&reader);
        const char *report = packet_get_string(&reader);
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        return path && signature && report ? remember(interpreters, path, signature, report)
                                           : -EBADMSG;
}

int interpreters_open(int state_fd, Interpreters **ret) {
        _cleanup_(interpreters_freep) Interpreters *interpreters = new0(Interpreters, 1);
        _cleanup_(strings_freep) char **names = NULL;
        int r;

        if (!interpreters)
                return -ENOMEM;
        interpreters->fd = directory_open_or_make(state_fd, "interpreters", 0700);
        if (interpreters->fd < 0)
                return interpreters->fd;
        r = directory_list(interpreters->fd, &names);
        if (r < 0)
                return r;
        FOREACH_TEXT(name, names) {
                /* One that cannot be read is made again when it is needed. */
                r = name[0] == '.' ? 0 : load(interpreters, name);
                if (r == -ENOMEM)
                        return r;
        }
        *ret = TAKE_PTR(interpreters);
        return 0;
}

/* <signature>.<16 hex of the path>: the same file reached by two names reports two names. */
static int record_name(const char *path, const char *signature, char **ret) {
        char hex[DIGEST_HEX_SIZE];
        Digest digest;
        int r;

        r = digest_of_bytes(path, strlen(path), &digest);
        if (r < 0)
                return r;
        *ret = string_format("%s.%.16s", signature, digest_to_hex(&digest, hex));
        return *ret ? 0 : -ENOMEM;
}

int interpreters_add(
                Interpreters *interpreters,
                const char *path,
                const char *signature,
                const char *report) {
        _cleanup_packet_writer_ PacketWriter writer;
        _cleanup_(freep) char *name = NULL;
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        r = record_name(path, signature, &name);
        if (r < 0)
                return r;
        packet_writer_init(&writer, RECORD_MAGIC, RECORD_FORMAT);
        packet_put_string(&writer, path);
        packet_put_string(&writer, signature);
        packet_put_string(&writer, report);
        r = packet_writer_finish(&writer, &data, &size);
        if (r < 0)
                return r;
        r = file_replace_at(interpreters->fd, name, data, size, 0600);
        return r < 0 ? r : remember(interpreters, path, signature, report);
}

const InterpreterRecord *interpreters_get_all(const Interpreters *interpreters, size_t *ret_n) {
        *ret_n = interpreters->n_records;
        return interpreters->records;
}

int interpreters_sign(const char *path, char **ret) {
        struct stat status;

        if (stat(path, &status) < 0)
                return -errno;
        *ret =
                        string_format("%llx-%llx-%llx-%llx",
                                      (unsigned long long) status.st_dev,
                                      (unsigned long long) status.st_ino,
                                      (unsigned long long) status.st_size,
                                      (unsigned long long) status.st_mtim.tv_sec * NSEC_PER_SEC +
                                                      (unsigned long long) status.st_mtim.tv_nsec);
        return *ret ? 0 : -ENOMEM;
}
