// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * <state>/environments/<id>/environment is a packet whose first fields (identity) keep their order in
 * every format for ever, so that an older Blast still knows which project a newer record belongs to
 * and can refuse with a sentence instead of making a second environment beside it.
 *
 *     create   .new-<id>/ with its record, made durable, renamed to <id>/
 *     remove   <id>/ renamed to .old-<id>.<random>/, whose files go later
 *     open     the rest of an interrupted create is swept; those of removals, which may be large, are
 *              listed for the caller (registry_get_leftovers())
 *
 * registry_match() is the table of the header as code. A device number alone proves nothing (overlay,
 * btrfs and nfs number theirs anew at each mount), an inode alone neither (they are reused): the time
 * of birth tells two directories with one inode number apart, where the file system keeps it.
 */

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "basic/digest.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "basic/packet.h"
#include "environment/generation.h"
#include "environment/place.h"
#include "environment/registry.h"

enum {
        RECORD_MAGIC = 0x564e4542, /* "BENV" */
        RECORD_SIZE_MAX = 64 * 1024,
};

#define RECORD_NAME "environment"
#define NEW_PREFIX  ".new-"
#define OLD_PREFIX  ".old-"

struct Registry {
        int fd; /* of <state>/environments */
        char *path;
        EnvironmentRecord **records;
        size_t n_records;
        size_t n_allocated;
        size_t n_unreadable;
        char **leftovers; /* names of removed environments whose files are still there */
};

static uint64_t now_usec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

static EnvironmentRecord *record_free(EnvironmentRecord *record) {
        if (!record)
                return NULL;
        (void) fd_close(record->directory_fd);
        free(record->name);
        free(record->project_path);
        free(record->path);
        free(record);
        return NULL;
}
DEFINE_CLEANUP(EnvironmentRecord, record_free)

static int record_encode(const EnvironmentRecord *record, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, RECORD_MAGIC, REGISTRY_FORMAT);
        /* Identity: these six keep their order in every format. */
        packet_put_string(&writer, record->name);
        packet_put_string(&writer, record->project_path);
        packet_put_u64(&writer, record->device);
        packet_put_u64(&writer, record->inode);
        packet_put_u64(&writer, record->born_nsec);
        packet_put_u64(&writer, record->created_usec);
        return packet_writer_finish(&writer, ret, ret_size);
}

static int record_decode(const void *data, size_t size, EnvironmentRecord *record) {
        PacketReader reader;
        uint32_t format;
        int r;

        r = packet_reader_init(&reader, data, size, RECORD_MAGIC, UINT32_MAX, &format);
        if (r < 0)
                return r;

        const char *name = packet_get_string(&reader);
        const char *path = packet_get_string(&reader);
        record->device = packet_get_u64(&reader);
        record->inode = packet_get_u64(&reader);
        record->born_nsec = packet_get_u64(&reader);
        record->created_usec = packet_get_u64(&reader);
        record->format = format;
        /* What a newer format holds behind the identity is not ours to judge. */
        r = format > REGISTRY_FORMAT ? reader.error : packet_reader_finish(&reader);
        if (r < 0)
                return r;
        if (!name || !path || path[0] != '/')
                return -EBADMSG;

        record->name = strdup(name);
        record->project_path = strdup(path);
        return record->name && record->project_path ? 0 : -ENOMEM;
}

static bool id_is_valid(const char *id) {
        return strlen(id) == ENVIRONMENT_ID_SIZE - 1 &&
                        strspn(id, "0123456789abcdef") == strlen(id);
}

static int registry_load(Registry *registry, const char *id) {
        _cleanup_(record_freep) EnvironmentRecord *record = new0(EnvironmentRecord, 1);
        _cleanup_(freep) char *data = NULL;
        size_t size;
        int r;

        if (!record)
                return -ENOMEM;
        record->directory_fd = file_open_beneath(registry->fd, id, O_RDONLY | O_DIRECTORY, 0);
        if (record->directory_fd < 0)
                return record->directory_fd;

        r = file_read_at(record->directory_fd, RECORD_NAME, RECORD_SIZE_MAX, &data, &size);
        if (r < 0)
                return r;
        r = record_decode(data, size, record);
        if (r < 0)
                return r;

        memcpy(record->id, id, ENVIRONMENT_ID_SIZE);
        record->path = string_format("%s/%s", registry->path, id);
        if (!record->path)
                return -ENOMEM;
        r = ARRAY_RESERVE(registry->records, registry->n_allocated, registry->n_records + 1);
        if (r < 0)
                return r;
        registry->records[registry->n_records++] = TAKE_PTR(record);
        return 0;
}

static int by_creation(const void *a, const void *b) {
        const EnvironmentRecord *left = *(EnvironmentRecord *const *) a;
        const EnvironmentRecord *right = *(EnvironmentRecord *const *) b;

        if (left->created_usec != right->created_usec)
                return left->created_usec < right->created_usec ? -1 : 1;
        return strcmp(left->id, right->id);
}

static int registry_load_all(Registry *registry) {
        int fd = openat(registry->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (fd < 0)
                return -errno;
        DIR *directory = fdopendir(fd);
        if (!directory) {
                r = -errno;
                (void) fd_close(fd);
                return r;
        }

        r = 0;
        for (struct dirent *entry; r != -ENOMEM && (entry = readdir(directory));) {
                if (string_after(entry->d_name, NEW_PREFIX) &&
                    tree_remove_at(registry->fd, entry->d_name) < 0)
                        continue; /* tried again next time */
                if (string_after(entry->d_name, OLD_PREFIX)) {
                        r = strings_add(&registry->leftovers, entry->d_name);
                        continue;
                }
                if (!id_is_valid(entry->d_name))
                        continue;
                r = registry_load(registry, entry->d_name);
                if (r < 0)
                        registry->n_unreadable++;
        }
        (void) closedir(directory);
        if (r == -ENOMEM)
                return r;
        if (registry->n_records > 1)
                qsort(registry->records,
                      registry->n_records,
                      sizeof(*registry->records),
                      by_creation);
        return 0;
}

int registry_open(int state_fd, const char *state_path, Fault *fault, Registry **ret) {
        _cleanup_(registry_freep) Registry *registry = new0(Registry, 1);
        int r;

        if (!registry)
                return -ENOMEM;
        registry->fd = directory_open_or_make(state_fd, "environments", 0700);
        if (registry->fd < 0)
                return fault_set(
                                fault,
                                registry->fd,
                                fault_code_from_errno(registry->fd),
                                state_path,
                                "The directory of the environments cannot be opened: %s.",
                                strerror(-registry->fd));
        registry->path = string_format("%s/environments", state_path);
        if (!registry->path)
                return -ENOMEM;
        r = registry_load_all(registry);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(registry);
        return 0;
}

Registry *registry_free(Registry *registry) {
        if (!registry)
                return NULL;
        for (size_t i = 0; i < registry->n_records; i++)
                (void) record_free(registry->records[i]);
        free(registry->records);
        free(registry->path);
        (void) strings_free(registry->leftovers);
        (void) fd_close(registry->fd);
        free(registry);
        return NULL;
}

static int name_check(const char *name, Fault *fault) {
        static const char allowed[] =
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

        if (!*name)
                return 0;
        if (strlen(name) <= ENVIRONMENT_NAME_MAX && isalnum((unsigned char) name[0]) &&
            strspn(name, allowed) == strlen(name))
                return 0;
        return fault_set(
                        fault,
                        -EINVAL,
                        FAULT_USAGE,
                        name,
                        "A name of an environment has at most %d letters, digits, '.', '_' and '-' "
                        "and starts with a letter or digit.",
                        ENVIRONMENT_NAME_MAX);
}

static bool has_same_birth(const EnvironmentRecord *record, const Place *place) {
        return record->inode == place->inode &&
                        (record->born_nsec == 0 || place->born_nsec == 0 ||
                         record->born_nsec == place->born_nsec);
}

typedef enum Match {
        MATCH_NONE,
        MATCH_SAME,
        MATCH_RENUMBERED, /* the same directory under a new device number */
        MATCH_MOVED,
} Match;

static Match record_match(const EnvironmentRecord *record, const Place *place) {
        if (!has_same_birth(record, place))
                return MATCH_NONE;
        if (streq(record->project_path, place->path))
                return record->device == place->device ? MATCH_SAME : MATCH_RENUMBERED;
        if (record->device != place->device)
                return MATCH_NONE;
        return place_is_at(place, record->project_path) ? MATCH_SAME : MATCH_MOVED;
}

static EnvironmentRecord *
registry_match(const Registry *registry, const Place *place, const char *name, Match *ret_match) {
        EnvironmentRecord *best = NULL;
        Match best_match = MATCH_NONE;

        for (size_t i = 0; i < registry->n_records; i++) {
                EnvironmentRecord *record = registry->records[i];
                if (!streq(record->name, name))
                        continue;
                Match match = record_match(record, place);
                if (match != MATCH_NONE && (best_match == MATCH_NONE || match < best_match)) {
                        best = record;
                        best_match = match;
                }
        }
        *ret_match = best_match;
        return best;
}

static int record_store(const EnvironmentRecord *record, int directory_fd) {
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        r = record_encode(record, &data, &size);
        if (r < 0)
                return r;
        return file_replace_at(directory_fd, RECORD_NAME, data, size, 0600);
}

/* Writes the new place of a project; the record in memory changes only if that worked. */
static int record_follow(EnvironmentRecord *record, const Place *place) {
        EnvironmentRecord changed = *record;
        int r;

        changed.device = place->device;
        changed.born_nsec = place->born_nsec;
        changed.project_path = strdup(place->path);
        if (!changed.project_path)
                return -ENOMEM;
        r = record_store(&changed, record->directory_fd);
        if (r < 0) {
                free(changed.project_path);
                return r;
        }
        free(record->project_path);
        *record = changed;
        return 0;
}

static int registry_look_up(
                Registry *registry,
                const Place *place,
                const char *name,
                Fault *fault,
                EnvironmentRecord **ret) {
        Match match;
        EnvironmentRecord *record = registry_match(registry, place, name, &match);
        int r;

        if (!record)
                return -ENOENT;
        if (record->format > REGISTRY_FORMAT)
                return fault_set(
                                fault,
                                -EPROTONOSUPPORT,
                                FAULT_FORMAT_TOO_NEW,
                                record->path,
                                "The environment of '%s' was written by a newer Blast (format %u, "
                                "this one knows %d).",
                                place->path,
                                record->format,
                                REGISTRY_FORMAT);
        if (match == MATCH_MOVED || match == MATCH_RENUMBERED) {
                r = record_follow(record, place);
                if (r < 0)
                        return r;
        }
        *ret = record;
        return 0;
}

int registry_find(
                Registry *registry,
                int project_fd,
                const char *name,
                Fault *fault,
                EnvironmentRecord **ret) {
        Place place;
        int r;

        r = name_check(name, fault);
        if (r < 0)
                return r;
        r = place_inspect(project_fd, fault, &place);
        if (r < 0)
                return r;
        r = registry_look_up(registry, &place, name, fault, ret);
        if (r == -ENOENT)
                return fault_set(
                                fault,
                                r,
                                FAULT_NO_ENVIRONMENT,
                                place.path,
                                "'%s' has no environment%s%s%s yet.",
                                place.path,
                                *name ? " '" : "",
                                name,
                                *name ? "'" : "");
        return r;
}

/* The id says nothing to anybody: a digest of the identity, and of the time, because the same
 * directory may get an environment, lose it and get another while runs of the first still end. */
static int record_choose_id(const Registry *registry, EnvironmentRecord *record) {
        _cleanup_(freep) void *data = NULL;
        char hex[DIGEST_HEX_SIZE];
        Digest digest;
        size_t size;
        int r;

        do {
                r = record_encode(record, &data, &size);
                if (r < 0)
                        return r;
                r = digest_of_bytes(data, size, &digest);
                if (r < 0)
                        return r;
                free(TAKE_PTR(data));
                (void) digest_to_hex(&digest, hex);
                memcpy(record->id, hex, ENVIRONMENT_ID_SIZE - 1);
                record->created_usec++;
        } while (registry_get(registry, record->id));
        return 0;
}

static int
record_new(const Registry *registry,
           const Place *place,
           const char *name,
           EnvironmentRecord **ret) {
        _cleanup_(record_freep) EnvironmentRecord *record = new0(EnvironmentRecord, 1);
        int r;

        if (!record)
                return -ENOMEM;
        *record = (EnvironmentRecord){
                .name = strdup(name),
                .project_path = strdup(place->path),
                .directory_fd = -EBADF,
                .device = place->device,
                .inode = place->inode,
                .born_nsec = place->born_nsec,
                .created_usec = now_usec(),
                .format = REGISTRY_FORMAT,
        };
        if (!record->name || !record->project_path)
                return -ENOMEM;
        r = record_choose_id(registry, record);
        if (r < 0)
                return r;
        record->path = string_format("%s/%s", registry->path, record->id);
        if (!record->path)
                return -ENOMEM;
        *ret = TAKE_PTR(record);
        return 0;
}

/* Fills .new-<id> and puts it in its place. */
static int registry_create(Registry *registry, EnvironmentRecord *record) {
        char staging[sizeof(NEW_PREFIX) + ENVIRONMENT_ID_SIZE];
        int r;

        (void) snprintf(staging, sizeof(staging), NEW_PREFIX "%s", record->id);
        record->directory_fd = directory_open_or_make(registry->fd, staging, 0700);
        if (record->directory_fd < 0)
                return record->directory_fd;
        if (mkdirat(record->directory_fd, "generations", 0700) < 0)
                return -errno;
        r = record_store(record, record->directory_fd);
        if (r < 0)
                return r;
        if (renameat(registry->fd, staging, registry->fd, record->id) < 0)
                return -errno;
        return fsync(registry->fd) < 0 ? -errno : 0;
}

int registry_ensure(
                Registry *registry,
                int project_fd,
                const char *name,
                Fault *fault,
                EnvironmentRecord **ret) {
        _cleanup_(record_freep) EnvironmentRecord *record = NULL;
        Place place;
        int r;

        r = name_check(name, fault);
        if (r < 0)
                return r;
        r = place_inspect(project_fd, fault, &place);
        if (r < 0)
                return r;
        r = registry_look_up(registry, &place, name, fault, ret);
        if (r != -ENOENT)
                return r;

        r = record_new(registry, &place, name, &record);
        if (r < 0)
                return r;
        r = generation_check_paths(record->path, place.path, fault);
        if (r < 0)
                return r;
        r = ARRAY_RESERVE(registry->records, registry->n_allocated, registry->n_records + 1);
        if (r < 0)
                return r;
        r = registry_create(registry, record);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                fault_code_from_errno(r),
                                record->path,
                                "The environment cannot be made: %s.",
                                strerror(-r));
        *ret = record;
        registry->records[registry->n_records++] = TAKE_PTR(record);
        return 1;
}

EnvironmentRecord *registry_get(const Registry *registry, const char *id) {
        for (size_t i = 0; i < registry->n_records; i++)
                if (streq(registry->records[i]->id, id))
                        return registry->records[i];
        return NULL;
}

EnvironmentRecord *registry_next(const Registry *registry, size_t *position) {
        return *position < registry->n_records ? registry->records[(*position)++] : NULL;
}

size_t registry_count_unreadable(const Registry *registry) {
        return registry->n_unreadable;
}

char *const *registry_get_leftovers(const Registry *registry) {
        return registry->leftovers;
}

int registry_get_fd(const Registry *registry) {
        return registry->fd;
}

int registry_open_project(const EnvironmentRecord *record, Fault *fault) {
        _cleanup_close_ int fd =
                        open(record->project_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOCTTY);
        struct stat status;

        if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
                return fault_set(
                                fault,
                                -errno,
                                fault_code_from_errno(-errno),
                                record->project_path,
                                "The project directory cannot be opened: %m.");
        if (fd >= 0 && fstat(fd, &status) >= 0 && status.st_ino == record->inode)
                return TAKE_FD(fd);
        return fault_set(
                        fault,
                        -ENOENT,
                        FAULT_NO_ENVIRONMENT,
                        record->project_path,
                        "The project of this environment is no longer at '%s'.",
                        record->project_path);
}

int registry_remove(Registry *registry, EnvironmentRecord *record, char **ret_leftover) {
        _cleanup_(freep) char *leftover = NULL;
        uint64_t random;
        size_t i;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return -EIO;
        leftover = string_format(OLD_PREFIX "%s.%016llx", record->id, (unsigned long long) random);
        if (!leftover)
                return -ENOMEM;
        if (renameat(registry->fd, record->id, registry->fd, leftover) < 0)
                return -errno;
        if (fsync(registry->fd) < 0)
                return -errno;

        for (i = 0; registry->records[i] != record; i++)
                assert(i + 1 < registry->n_records);
        registry->n_records--;
        memmove(registry->records + i,
                registry->records + i + 1,
                (registry->n_records - i) * sizeof(*registry->records));
        (void) record_free(record);
        *ret_leftover = TAKE_PTR(leftover);
        return 0;
}
