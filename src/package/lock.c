// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/lock.h"

enum {
        LOCK_MAGIC = 0x4b434c42, /* "BLCK" */
        LOCK_VERSION = 1,
        PACKAGE_SIZE_MIN = 4 * 4 + 4 + DIGEST_SIZE + 8 + 1 + 4, /* of one package in a packet */
};

Lock *lock_free(Lock *lock) {
        if (!lock)
                return NULL;

        (void) arena_free(lock->memory);
        free(lock);
        return NULL;
}

void packet_put_lock(PacketWriter *writer, const Lock *lock) {
        packet_put_bytes(writer, lock->input_digest.bytes, DIGEST_SIZE);
        packet_put_u32(writer, (uint32_t) lock->n_packages);
        for (size_t i = 0; i < lock->n_packages; i++) {
                const LockPackage *package = &lock->packages[i];

                packet_put_string(writer, package->name);
                packet_put_string(writer, package->version);
                packet_put_string(writer, package->filename);
                packet_put_string(writer, package->url);
                packet_put_bytes(writer, package->digest.bytes, DIGEST_SIZE);
                packet_put_u64(writer, package->size_bytes);
                packet_put_bool(writer, package->is_direct);
                packet_put_u32(writer, (uint32_t) package->n_needs);
                for (size_t j = 0; j < package->n_needs; j++)
                        packet_put_u32(writer, package->needs[j]);
        }
}

static bool is_word(char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* PEP 503: lower case letters and digits, single dashes between them. */
static bool name_is_normalised(const char *name) {
        char before = '-';

        if (!name || strlen(name) > 255)
                return false;
        for (const char *c = name; *c; c++) {
                if (!is_word(*c) && (*c != '-' || before == '-'))
                        return false;
                before = *c;
        }
        return before != '-';
}

/* One component of a path, without control characters, not hidden. */
static bool filename_is_safe(const char *filename) {
        if (!filename || !filename[0] || filename[0] == '.' || strlen(filename) > 255)
                return false;
        for (const char *c = filename; *c; c++)
                if (*c == '/' || (unsigned char) *c < ' ' || *c == 0x7f)
                        return false;
        return true;
}

static bool package_is_valid(const LockPackage *package) {
        return name_is_normalised(package->name) && filename_is_safe(package->filename) &&
                        package->version && filename_is_safe(package->version) && package->url;
}

/* A copy of a string of the packet; a fault of memory marks the packet as bad. */
static const char *take_string(PacketReader *reader, Arena *memory) {
        const char *text = packet_get_string(reader);

        if (!text) {
                packet_reader_fail(reader, -EBADMSG);
                return "";
        }
        const char *copy = arena_text(memory, text);
        if (!copy)
                packet_reader_fail(reader, -ENOMEM);
        return copy;
}

static void
get_needs(PacketReader *reader, Arena *memory, size_t n_packages, LockPackage *package) {
        package->n_needs = packet_get_count(reader, sizeof(uint32_t));
        if (package->n_needs == 0)
                return;

        uint32_t *needs = arena_new_array(memory, uint32_t, package->n_needs);
        if (!needs) {
                packet_reader_fail(reader, -ENOMEM);
                return;
        }
        for (size_t i = 0; i < package->n_needs; i++) {
                needs[i] = packet_get_u32(reader);
                if (needs[i] >= n_packages)
                        packet_reader_fail(reader, -EBADMSG);
        }
        package->needs = needs;
}

static void get_package(PacketReader *reader, Lock *lock, LockPackage *package) {
        Arena *memory = lock->memory;

        package->name = take_string(reader, memory);
        package->version = take_string(reader, memory);
        package->filename = take_string(reader, memory);
        package->url = take_string(reader, memory);
        packet_get_array(reader, package->digest.bytes, DIGEST_SIZE);
        package->size_bytes = packet_get_u64(reader);
        package->is_direct = packet_get_bool(reader);
        get_needs(reader, memory, lock->n_packages, package);
        if (reader->error == 0 && !package_is_valid(package))
                packet_reader_fail(reader, -EBADMSG);
}

int packet_get_lock(PacketReader *reader, Lock **ret) {
        _cleanup_(lock_freep) Lock *lock = new0(Lock, 1);

        if (!lock)
                return -ENOMEM;
        lock->memory = arena_new();
        if (!lock->memory)
                return -ENOMEM;

        packet_get_array(reader, lock->input_digest.bytes, DIGEST_SIZE);
        lock->n_packages = packet_get_count(reader, PACKAGE_SIZE_MIN);
        if (lock->n_packages > LOCK_PACKAGES_MAX)
                packet_reader_fail(reader, -EBADMSG);
        if (reader->error < 0)
                return reader->error;

        lock->packages = arena_new_array(lock->memory, LockPackage, lock->n_packages);
        if (!lock->packages)
                return -ENOMEM;
        for (size_t i = 0; i < lock->n_packages && reader->error == 0; i++) {
                get_package(reader, lock, &lock->packages[i]);
                if (i > 0 && reader->error == 0 &&
                    strcmp(lock->packages[i - 1].name, lock->packages[i].name) >= 0)
                        packet_reader_fail(reader, -EBADMSG);
        }
        if (reader->error < 0)
                return reader->error;
        *ret = TAKE_PTR(lock);
        return 0;
}

int lock_encode(const Lock *lock, void **ret, size_t *ret_size_bytes) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, LOCK_MAGIC, LOCK_VERSION);
        packet_put_lock(&writer, lock);
        return packet_writer_finish(&writer, ret, ret_size_bytes);
}

int lock_decode(const void *data, size_t size_bytes, Lock **ret) {
        _cleanup_(lock_freep) Lock *lock = NULL;
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size_bytes, LOCK_MAGIC, LOCK_VERSION, NULL);
        if (r < 0)
                return r;
        r = packet_get_lock(&reader, &lock);
        if (r < 0)
                return r;
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(lock);
        return 0;
}

const LockPackage *lock_find(const Lock *lock, const char *name) {
        size_t low = 0, high = lock->n_packages;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(lock->packages[middle].name, name);
                if (order == 0)
                        return &lock->packages[middle];
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}
