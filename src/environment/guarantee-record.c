// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <stdio.h>

#include "basic/file.h"
#include "environment/guarantee-record.h"

enum {
        RECORD_MAGIC = 0x52415547, /* "GUAR" */
        RECORD_VERSION = 1,
        RECORD_SIZE_MAX = 64 * 1024,
};

#define RECORD_NAME     "guarantees"
#define UNFINISHED_NAME ".guarantees"

int guarantee_record_store(int directory_fd, const Guarantees *guarantees) {
        _cleanup_packet_writer_ PacketWriter writer;
        _cleanup_(freep) void *data = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int r;

        packet_writer_init(&writer, RECORD_MAGIC, RECORD_VERSION);
        packet_put_guarantees(&writer, guarantees);
        r = packet_writer_finish(&writer, &data, &size);
        if (r < 0)
                return r;
        fd = file_open_beneath(directory_fd, UNFINISHED_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0)
                return fd;
        r = file_write_all(fd, data, size);
        if (r < 0)
                return r;
        return renameat(directory_fd, UNFINISHED_NAME, directory_fd, RECORD_NAME) < 0 ? -errno : 0;
}

int guarantee_record_load(int directory_fd, Guarantees *ret) {
        _cleanup_guarantees_ Guarantees guarantees = {};
        _cleanup_(freep) char *data = NULL;
        PacketReader reader;
        size_t size;
        int r;

        r = file_read_at(directory_fd, RECORD_NAME, RECORD_SIZE_MAX, &data, &size);
        if (r < 0)
                return r;
        r = packet_reader_init(&reader, data, size, RECORD_MAGIC, RECORD_VERSION, NULL);
        if (r < 0)
                return r;
        r = packet_get_guarantees(&reader, &guarantees);
        if (r < 0)
                return r;
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        *ret = TAKE(guarantees, (Guarantees){});
        return 0;
}
