// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * One pass over the files in the order of the archive, one file at a time:
 *
 *   inflate into the buffer ─▶ CRC-32 ─▶ SHA-256 against RECORD ─▶ open O_EXCL, write, close
 *
 * Nothing is written before its digest was right. Three system calls for a file: it is created with its
 * final mode (the descriptor can write all the same), in a directory that stays open while members
 * of one directory follow each other, as they do in wheels. Directories are made once, through a
 * table of those that exist, and get 0555 at the end, because without privilege nothing can be made in
 * a directory without write permission. The staging directory is empty and nobody else's, so two
 * files for one place show as EEXIST, and a file in the place of a directory as ENOTDIR.
 *
 * Members above MAPPED_SIZE_MIN are inflated into a shared mapping of their own file: the pages are
 * the page cache, so that a library of 1 GiB needs no second gigabyte of memory. fallocate() comes before,
 * because a full disk would otherwise be a SIGBUS. Such a file exists before its digest is known;
 * a wrong one fails the whole wheel and its staging directory, as every other error does.
 *
 * Flushing is the caller's (unpack-worker.c says how).
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/table.h"
#include "package/wheel.h"

enum {
        MAPPED_SIZE_MIN = 16 * 1024 * 1024,
        PATH_SIZE_MAX = ZIP_NAME_MAX + 32 /* with the name of the scheme */
};

typedef struct Unpacking {
        Wheel *wheel;
        int staging_fd;
        Fault *fault;
        Hasher *hasher;
        uint8_t *buffer;
        size_t buffer_size;
        Arena *arena;
        Table *directories;    /* path below staging → itself; insertion order, parents first */
        const char *directory; /* the one that is open */
        int directory_fd;
        Builder record; /* RECORD as installed */
        UnpackAnswer *answer;
} Unpacking;

static void unpacking_done(Unpacking *unpacking) {
        (void) hasher_free(unpacking->hasher);
        (void) table_free(unpacking->directories);
        (void) arena_free(unpacking->arena);
        (void) fd_close(unpacking->directory_fd);
        builder_done(&unpacking->record);
        free(unpacking->buffer);
}

static int refuse(Unpacking *unpacking, FaultCode code, const char *path, const char *reason) {
        return fault_set(
                        unpacking->fault,
                        -EBADMSG,
                        code,
                        wheel_get_subject(unpacking->wheel),
                        "The wheel cannot be installed: '%s' %s.",
                        path,
                        reason);
}

/* What a failed system call on @path means. */
static int explain(Unpacking *unpacking, int r, const char *path) {
        switch (r) {
        case -EEXIST:
        case -ENOTDIR:
        case -EISDIR:
        case -ELOOP:
                return refuse(unpacking,
                              FAULT_WHEEL_INVALID,
                              path,
                              "goes to the same place as another of its files");
        case -EFBIG:
                return fault_set(
                                unpacking->fault,
                                r,
                                FAULT_LIMIT_EXCEEDED,
                                wheel_get_subject(unpacking->wheel),
                                "'%s' is larger than a file may be.",
                                path);
        case -ENOMEM:
                return r;
        default:
                return fault_set(
                                unpacking->fault,
                                r,
                                fault_code_from_errno(r),
                                wheel_get_subject(unpacking->wheel),
                                "Cannot write '%s' of the wheel: %s.",
                                path,
                                strerror(-r));
        }
}

/* --- directories ------------------------------------------------------------------------------ */

static int open_directory(Unpacking *unpacking, const char *path) {
        if (!*path)
                path = ".";
        return file_open_beneath(unpacking->staging_fd, path, O_PATH | O_DIRECTORY, 0);
}

/* Makes one directory whose parent is there. */
static int make_directory(Unpacking *unpacking, const char *path) {
        _cleanup_close_ int parent_fd = -EBADF;
        const char *slash = strrchr(path, '/');
        const char *parent = "";
        int r;

        if (slash) {
                parent = arena_text_n(unpacking->arena, path, (size_t) (slash - path));
                if (!parent)
                        return -ENOMEM;
        }
        parent_fd = open_directory(unpacking, parent);
        if (parent_fd < 0)
                return parent_fd;
        if (mkdirat(parent_fd, slash ? slash + 1 : path, 0755) < 0)
                return -errno;
        r = table_add(unpacking->directories, path, (void *) path);
        return r;
}

/* Makes @path and its parents, as far as they are not there. */
static int make_directories(Unpacking *unpacking, const char *path) {
        int r;

        if (!*path || table_has(unpacking->directories, path))
                return 0;
        for (const char *end = path; *end; end++) {
                const char *part;

                if (end[1] != '/' && end[1] != '\0')
                        continue;
                part = arena_text_n(unpacking->arena, path, (size_t) (end + 1 - path));
                if (!part)
                        return -ENOMEM;
                if (table_has(unpacking->directories, part))
                        continue;
                r = make_directory(unpacking, part);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Makes sure that the directory of @path is the open one; @ret_name is the last component. */
static int enter_directory(Unpacking *unpacking, const char *path, const char **ret_name) {
        const char *slash = strrchr(path, '/');
        size_t length = slash ? (size_t) (slash - path) : 0;
        int fd, r;

        *ret_name = slash ? slash + 1 : path;
        if (unpacking->directory_fd >= 0 && strlen(unpacking->directory) == length &&
            memcmp(unpacking->directory, path, length) == 0)
                return 0;
        unpacking->directory_fd = fd_close(unpacking->directory_fd);
        unpacking->directory = arena_text_n(unpacking->arena, path, length);
        if (!unpacking->directory)
                return -ENOMEM;
        r = make_directories(unpacking, unpacking->directory);
        if (r < 0)
                return r;
        fd = open_directory(unpacking, unpacking->directory);
        if (fd < 0)
                return fd;
        unpacking->directory_fd = fd;
        return 0;
}

static int close_directories(Unpacking *unpacking) {
        const char *path;
        void *value;

        unpacking->directory_fd = fd_close(unpacking->directory_fd);
        TABLE_FOREACH(unpacking->directories, path, value) {
                /* Beneath: no link exists in what we made. */
                if (fchmodat(unpacking->staging_fd, path, 0555, 0) < 0)
                        return explain(unpacking, -errno, path);
        }
        return 0;
}

/* --- files ------------------------------------------------------------------------------------ */

static int create_file(Unpacking *unpacking, const char *path, int access, mode_t mode) {
        const char *name = NULL;
        int fd, r;

        r = enter_directory(unpacking, path, &name);
        if (r < 0)
                return explain(unpacking, r, path);
        fd = openat(unpacking->directory_fd,
                    name,
                    access | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    mode);
        return fd < 0 ? explain(unpacking, -errno, path) : fd;
}

static int
write_file(Unpacking *unpacking,
           const char *path,
           mode_t mode,
           const void *data,
           size_t size_bytes) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = create_file(unpacking, path, O_WRONLY, mode);
        if (fd < 0)
                return fd;
        r = file_write_all(fd, data, size_bytes);
        if (r < 0)
                return explain(unpacking, r, path);
        unpacking->answer->n_files++;
        unpacking->answer->size_bytes += size_bytes;
        return 0;
}

/* Inflates into @buffer and compares with CRC-32 and RECORD. */
static int read_checked(Unpacking *unpacking, const WheelFile *file, void *buffer) {
        Digest digest;
        int r;

        r = zip_read(wheel_get_zip(unpacking->wheel), file->member, buffer, unpacking->fault);
        if (r < 0)
                return r;
        if (!file->record)
                return 0;
        r = hasher_add(unpacking->hasher, buffer, file->member->size);
        if (r < 0)
                return r;
        r = hasher_finish(unpacking->hasher, &digest);
        if (r < 0)
                return r;
        if (!digest_equals(&digest, &file->record->digest))
                return refuse(unpacking,
                              FAULT_HASH_MISMATCH,
                              file->member->name,
                              "has another SHA-256 than RECORD says");
        return 0;
}

static int reserve_buffer(Unpacking *unpacking, size_t size_bytes) {
        uint8_t *buffer;

        if (size_bytes <= unpacking->buffer_size && unpacking->buffer)
                return 0;
        /* Not realloc: the old content is of no use. */
        free(TAKE_PTR(unpacking->buffer));
        unpacking->buffer_size = 0;
        size_bytes = MAX(size_bytes + size_bytes / 2, (size_t) (256 * KIBIBYTE));
        buffer = new (uint8_t, size_bytes);
        if (!buffer)
                return -ENOMEM;
        unpacking->buffer = buffer;
        unpacking->buffer_size = size_bytes;
        return 0;
}

static int
unpack_mapped(Unpacking *unpacking, const WheelFile *file, const char *path, mode_t mode) {
        size_t size = file->member->size;
        _cleanup_close_ int fd = -EBADF;
        void *map;
        int r;

        fd = create_file(unpacking, path, O_RDWR, mode);
        if (fd < 0)
                return fd;
        if (fallocate(fd, 0, 0, (off_t) size) < 0) {
                /* A file system that cannot reserve cannot promise: write instead. */
                if (errno != EOPNOTSUPP)
                        return explain(unpacking, -errno, path);
                r = reserve_buffer(unpacking, size);
                if (r < 0)
                        return r;
                r = read_checked(unpacking, file, unpacking->buffer);
                if (r < 0)
                        return r;
                r = file_write_all(fd, unpacking->buffer, size);
        } else {
                map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                if (map == MAP_FAILED)
                        return explain(unpacking, -errno, path);
                r = read_checked(unpacking, file, map);
                (void) munmap(map, size);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return explain(unpacking, r, path);
        unpacking->answer->n_files++;
        unpacking->answer->size_bytes += size;
        return 0;
}

static int unpack_file(Unpacking *unpacking, const WheelFile *file) {
        mode_t mode = file->is_executable ? 0555 : 0444;
        char path[PATH_SIZE_MAX];
        int r;

        (void) snprintf(path,
                        sizeof(path),
                        "%s/%s",
                        wheel_scheme_to_string(file->scheme),
                        file->path);
        if (file->scheme != WHEEL_NOWHERE && file->member->size >= MAPPED_SIZE_MIN)
                return unpack_mapped(unpacking, file, path, mode);
        r = reserve_buffer(unpacking, file->member->size);
        if (r < 0)
                return r;
        r = read_checked(unpacking, file, unpacking->buffer);
        if (r < 0 || file->scheme == WHEEL_NOWHERE)
                return r;
        return write_file(unpacking, path, mode, unpacking->buffer, file->member->size);
}

/* --- what is told about the tree -------------------------------------------------------------- */

/* Code that Python runs at every start, or imports before anything else: top level only. */
static bool is_startup_hook(const WheelFile *file) {
        Text path = text_of(file->path);

        if (file->scheme != WHEEL_SITE_PACKAGES)
                return false;
        if (text_starts_with(path, "sitecustomize/") || text_starts_with(path, "usercustomize/"))
                return true;
        if (memchr(path.data, '/', path.length))
                return false;
        return text_ends_with(path, ".pth") || text_ends_with(path, ".start") ||
                        text_starts_with(path, "sitecustomize.") ||
                        text_starts_with(path, "usercustomize.");
}

static int add_facts(Unpacking *unpacking, const WheelFile *file) {
        UnpackAnswer *answer = unpacking->answer;

        answer->has_data = answer->has_data || file->scheme == WHEEL_DATA;
        answer->has_headers = answer->has_headers || file->scheme == WHEEL_HEADERS;
        if (file->scheme == WHEEL_SCRIPTS)
                return strings_add(&answer->data_scripts, file->path);
        if (is_startup_hook(file))
                return strings_add(&answer->startup_hooks, file->path);
        return 0;
}

/* RECORD as installed, relative to lib/pythonX.Y/site-packages. Scripts have no digest: their first line
 * is written later. Headers are not listed: their place has the version of Python in it, and a tree
 * serves several. */
static void add_record(Unpacking *unpacking, const WheelFile *file) {
        char path[PATH_SIZE_MAX];

        switch (file->scheme) {
        case WHEEL_SITE_PACKAGES:
                record_add_line(&unpacking->record,
                                file->path,
                                file->record ? &file->record->digest : NULL,
                                file->member->size);
                break;
        case WHEEL_SCRIPTS:
                (void) snprintf(path, sizeof(path), "../../../bin/%s", file->path);
                record_add_line(&unpacking->record, path, NULL, 0);
                break;
        case WHEEL_DATA:
                (void) snprintf(path, sizeof(path), "../../../%s", file->path);
                record_add_line(&unpacking->record,
                                path,
                                &file->record->digest,
                                file->member->size);
                break;
        default:
                break;
        }
}

static int copy_scripts(Unpacking *unpacking) {
        UnpackAnswer *answer = unpacking->answer;
        const ScriptEntry *scripts;
        size_t n_scripts;

        scripts = wheel_get_scripts(unpacking->wheel, &n_scripts);
        answer->scripts = new0(ScriptEntry, n_scripts + 1);
        if (!answer->scripts)
                return -ENOMEM;
        for (size_t i = 0; i < n_scripts; i++) {
                ScriptEntry *copy = &answer->scripts[answer->n_scripts++];
                char path[PATH_SIZE_MAX];

                *copy = (ScriptEntry){
                        .name = strdup(scripts[i].name),
                        .module = strdup(scripts[i].module),
                        .function = strdup(scripts[i].function),
                        .is_gui = scripts[i].is_gui,
                };
                if (!copy->name || !copy->module || !copy->function)
                        return -ENOMEM;
                (void) snprintf(path, sizeof(path), "../../../bin/%s", copy->name);
                record_add_line(&unpacking->record, path, NULL, 0);
        }
        return 0;
}

/* What importlib.metadata and other installers look for. REQUESTED would be true of one environment and
 * not of another, and direct_url.json is for what did not come from an index; both stay away. */
static int write_information(Unpacking *unpacking) {
        static const char installer[] = "blast\n";
        const char *information = wheel_get_information(unpacking->wheel);
        _cleanup_(freep) char *record = NULL;
        char path[PATH_SIZE_MAX];
        Digest digest;
        int r;

        (void) snprintf(path, sizeof(path), "site-packages/%s/INSTALLER", information);
        r = write_file(unpacking, path, 0444, installer, strlen(installer));
        if (r < 0)
                return r;
        r = digest_of_bytes(installer, strlen(installer), &digest);
        if (r < 0)
                return r;
        record_add_line(&unpacking->record,
                        path + strlen("site-packages/"),
                        &digest,
                        strlen(installer));
        (void) snprintf(path, sizeof(path), "site-packages/%s/RECORD", information);
        record_add_line(&unpacking->record, path + strlen("site-packages/"), NULL, 0);
        r = builder_finish(&unpacking->record, &record);
        if (r < 0)
                return r;
        return write_file(unpacking, path, 0444, record, strlen(record));
}

static int unpack_all(Unpacking *unpacking) {
        int r;

        for (size_t i = 0; i < wheel_count_files(unpacking->wheel); i++) {
                const WheelFile *file = wheel_get_file(unpacking->wheel, i);

                r = unpack_file(unpacking, file);
                if (r < 0)
                        return r;
                r = add_facts(unpacking, file);
                if (r < 0)
                        return r;
                add_record(unpacking, file);
        }
        r = copy_scripts(unpacking);
        if (r < 0)
                return r;
        r = write_information(unpacking);
        if (r < 0)
                return r;
        if (unpacking->answer->data_scripts)
                strings_sort(unpacking->answer->data_scripts);
        if (unpacking->answer->startup_hooks)
                strings_sort(unpacking->answer->startup_hooks);
        return close_directories(unpacking);
}

int wheel_unpack(Wheel *wheel, int staging_fd, UnpackAnswer *ret, Fault *fault) {
        _cleanup_(unpack_answer_done) UnpackAnswer answer = {};
        _cleanup_(unpacking_done) Unpacking unpacking = {
                .wheel = wheel,
                .staging_fd = staging_fd,
                .fault = fault,
                .hasher = hasher_new(),
                .arena = arena_new(),
                .directories = table_new(),
                .directory_fd = -EBADF,
                .answer = &answer,
        };
        int r;

        if (!unpacking.hasher || !unpacking.arena || !unpacking.directories)
                return -ENOMEM;
        answer.name = strdup(wheel_get_name(wheel));
        answer.version = strdup(wheel_get_version(wheel));
        if (!answer.name || !answer.version)
                return -ENOMEM;
        r = unpack_all(&unpacking);
        if (r < 0)
                return r;
        *ret = TAKE(answer, (UnpackAnswer){});
        return 0;
}
