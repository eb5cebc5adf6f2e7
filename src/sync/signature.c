// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * The files that matter: pyproject.toml, blast.toml, pylock.toml, .python-version and requirements*.txt at
 * the top of the project. For each: device, inode, size, mtime, ctime, and the digest of what it held.
 *
 *     description equal                     → as it was; nothing is read
 *     description differs, size equal       → read and compared by digest: touch(1), a checkout back and
 *                                             forth, and the files the client wrote after the job
 *     a file more, a file less, other size  → not as it was
 *
 * A file that was changed within RACY_NSEC before it was described may be changed once more without a
 * trace in its description (time stamps are as coarse as the timer tick), so such a description is not
 * believed and the digest decides.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/packet.h"
#include "environment/generation.h"
#include "sync/signature.h"

enum {
        SIGNATURE_MAGIC = 0x47495342, /* "BSIG" */
        SIGNATURE_FORMAT = 1,
        SIGNATURE_SIZE_MAX = 1024 * 1024,
        INPUT_SIZE_MAX = 16 * 1024 * 1024,
        INPUTS_MAX = 64,
};
#define RACY_NSEC      (UINT64_C(50) * 1000 * 1000)

#define SIGNATURE_NAME GENERATION_CONTROL "/signature"

typedef struct Description {
        uint64_t device;
        uint64_t inode;
        uint64_t size_bytes;
        uint64_t modified_nsec;
        uint64_t changed_nsec; /* 0: not to be believed */
} Description;

typedef struct Input {
        char *name;
        Description description;
        Digest digest;
} Input;

struct Signature {
        Digest options;
        Input *inputs; /* sorted by name */
        size_t n_inputs;
        size_t n_allocated;
};

Signature *signature_free(Signature *signature) {
        if (!signature)
                return NULL;
        for (size_t i = 0; i < signature->n_inputs; i++)
                free(signature->inputs[i].name);
        free(signature->inputs);
        free(signature);
        return NULL;
}

static bool is_input(const char *name) {
        static const char *const names[] = {
                "pyproject.toml", "blast.toml", "pylock.toml", ".python-version"
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(name, names[i]))
                        return true;
        return string_after(name, "requirements") && text_ends_with(text_of(name), ".txt");
}

static int list_inputs(int project_fd, char ***ret) {
        _cleanup_(strings_freep) char **names = NULL;
        int fd = openat(project_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = 0;

        if (fd < 0)
                return -errno;
        DIR *directory = fdopendir(fd);
        if (!directory) {
                r = -errno;
                (void) fd_close(fd);
                return r;
        }
        for (struct dirent *entry; r >= 0 && (entry = readdir(directory));)
                if (is_input(entry->d_name))
                        r = strings_add(&names, entry->d_name);
        (void) closedir(directory);
        if (r < 0)
                return r;
        if (strings_count(names) > INPUTS_MAX)
                return -E2BIG;
        if (names)
                strings_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

static uint64_t to_nsec(struct timespec time) {
        return (uint64_t) time.tv_sec * NSEC_PER_SEC + (uint64_t) time.tv_nsec;
}

/* Links are followed, as the resolver follows them. */
static int describe(int project_fd, const char *name, Description *ret) {
        struct stat status;

        if (fstatat(project_fd, name, &status, 0) < 0)
                return -errno;
        *ret = (Description){
                .device = status.st_dev,
                .inode = status.st_ino,
                .size_bytes = (uint64_t) status.st_size,
                .modified_nsec = to_nsec(status.st_mtim),
                .changed_nsec = to_nsec(status.st_ctim),
        };
        return 0;
}

static void doubt_recent(Description *description) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
        if (description->changed_nsec + RACY_NSEC > to_nsec(now))
                description->changed_nsec = 0;
}

static bool description_equals(const Description *a, const Description *b) {
        return a->changed_nsec != 0 && a->device == b->device && a->inode == b->inode &&
                        a->size_bytes == b->size_bytes && a->modified_nsec == b->modified_nsec &&
                        a->changed_nsec == b->changed_nsec;
}

static int digest_of_file(int project_fd, const char *name, Digest *ret) {
        _cleanup_close_ int fd =
                        openat(project_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        _cleanup_(freep) char *data = NULL;
        size_t size;
        int r;

        if (fd < 0)
                return -errno;
        r = file_read_fd(fd, INPUT_SIZE_MAX, &data, &size);
        return r < 0 ? r : digest_of_bytes(data, size, ret);
}

/* Everything a resolution depends on besides files. Whether the network may be asked does not change
 * what is right, and 'locked' only asks whether it is. */
static int digest_of_options(const ResolveRequest *wish, Digest *ret) {
        _cleanup_packet_writer_ PacketWriter writer;
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        packet_writer_init(&writer, SIGNATURE_MAGIC, SIGNATURE_FORMAT);
        packet_put_strings(&writer, wish->groups);
        packet_put_strings(&writer, wish->extras);
        packet_put_string(&writer, wish->python);
        packet_put_strings(&writer, wish->python_directories);
        packet_put_string(&writer, wish->index.index_url);
        packet_put_strings(&writer, wish->index.extra_index_urls);
        packet_put_strings(&writer, wish->index.find_links);
        packet_put_string(&writer, wish->exclude_newer);
        packet_put_bool(&writer, wish->allow_prereleases);
        packet_put_bool(&writer, wish->frozen);
        packet_put_bool(&writer, wish->no_default_groups);
        r = packet_writer_finish(&writer, &data, &size);
        return r < 0 ? r : digest_of_bytes(data, size, ret);
}

static int add_input(Signature *signature, const char *name, Input **ret) {
        int r;

        r = ARRAY_RESERVE(signature->inputs, signature->n_allocated, signature->n_inputs + 1);
        if (r < 0)
                return r;
        Input *input = &signature->inputs[signature->n_inputs];
        *input = (Input){ .name = strdup(name) };
        if (!input->name)
                return -ENOMEM;
        signature->n_inputs++;
        *ret = input;
        return 0;
}

int signature_take(int project_fd, const ResolveRequest *wish, Signature **ret) {
        _cleanup_(signature_freep) Signature *signature = new0(Signature, 1);
        _cleanup_(strings_freep) char **names = NULL;
        Input *input;
        int r;

        if (!signature)
                return -ENOMEM;
        r = digest_of_options(wish, &signature->options);
        if (r < 0)
                return r;
        r = list_inputs(project_fd, &names);
        if (r < 0)
                return r;
        FOREACH_TEXT(name, names) {
                r = add_input(signature, name, &input);
                if (r < 0)
                        return r;
                r = describe(project_fd, name, &input->description);
                if (r < 0)
                        return r;
                r = digest_of_file(project_fd, name, &input->digest);
                if (r < 0)
                        return r;
                doubt_recent(&input->description);
        }
        *ret = TAKE_PTR(signature);
        return 0;
}

static int by_name(const void *a, const void *b) {
        return strcmp(((const Input *) a)->name, ((const Input *) b)->name);
}

static Input *find_input(const Signature *signature, const char *name) {
        for (size_t i = 0; i < signature->n_inputs; i++)
                if (streq(signature->inputs[i].name, name))
                        return &signature->inputs[i];
        return NULL;
}

int signature_expect(Signature *signature, const char *name, const char *text) {
        Input *input = find_input(signature, name);
        Digest digest;
        int r;

        if (!is_input(name))
                return 0;
        r = digest_of_bytes(text, strlen(text), &digest);
        if (r < 0)
                return r;
        if (!input) {
                r = add_input(signature, name, &input);
                if (r < 0)
                        return r;
        }
        input->digest = digest;
        input->description = (Description){ .size_bytes = strlen(text) };
        qsort(signature->inputs, signature->n_inputs, sizeof(*signature->inputs), by_name);
        return 0;
}

/* 1: equal, 2: equal, description renewed, 0: not. */
static int match_input(Input *input, int project_fd) {
        Description now;
        Digest digest;

        if (describe(project_fd, input->name, &now) < 0)
                return 0;
        if (description_equals(&input->description, &now))
                return 1;
        if (now.size_bytes != input->description.size_bytes ||
            digest_of_file(project_fd, input->name, &digest) < 0 ||
            !digest_equals(&digest, &input->digest))
                return 0;
        doubt_recent(&now);
        input->description = now;
        return 2;
}

int signature_match(Signature *signature, int project_fd, const ResolveRequest *wish) {
        _cleanup_(strings_freep) char **names = NULL;
        Digest options;
        size_t i = 0;
        int r, result = 1;

        r = digest_of_options(wish, &options);
        if (r < 0)
                return r;
        if (!digest_equals(&options, &signature->options))
                return 0;
        r = list_inputs(project_fd, &names);
        if (r < 0)
                return r;
        if (strings_count(names) != signature->n_inputs)
                return 0;
        FOREACH_TEXT(name, names) {
                Input *input = &signature->inputs[i++];
                r = streq(name, input->name) ? match_input(input, project_fd) : 0;
                if (r == 0)
                        return 0;
                result = MAX(result, r);
        }
        return result;
}

int signature_encode(const Signature *signature, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, SIGNATURE_MAGIC, SIGNATURE_FORMAT);
        packet_put_bytes(&writer, signature->options.bytes, DIGEST_SIZE);
        packet_put_u32(&writer, (uint32_t) signature->n_inputs);
        for (size_t i = 0; i < signature->n_inputs; i++) {
                const Input *input = &signature->inputs[i];
                packet_put_string(&writer, input->name);
                packet_put_u64(&writer, input->description.device);
                packet_put_u64(&writer, input->description.inode);
                packet_put_u64(&writer, input->description.size_bytes);
                packet_put_u64(&writer, input->description.modified_nsec);
                packet_put_u64(&writer, input->description.changed_nsec);
                packet_put_bytes(&writer, input->digest.bytes, DIGEST_SIZE);
        }
        return packet_writer_finish(&writer, ret, ret_size);
}

int signature_decode(const void *data, size_t size, Signature **ret) {
        _cleanup_(signature_freep) Signature *signature = new0(Signature, 1);
        PacketReader reader;
        Input *input;
        int r;

        if (!signature)
                return -ENOMEM;
        r = packet_reader_init(&reader, data, size, SIGNATURE_MAGIC, SIGNATURE_FORMAT, NULL);
        if (r < 0)
                return r;
        packet_get_array(&reader, signature->options.bytes, DIGEST_SIZE);
        uint32_t n = packet_get_count(&reader, 5 * sizeof(uint64_t) + DIGEST_SIZE);
        for (uint32_t i = 0; i < n; i++) {
                r = add_input(signature, packet_get_string(&reader) ?: "", &input);
                if (r < 0)
                        return r;
                input->description.device = packet_get_u64(&reader);
                input->description.inode = packet_get_u64(&reader);
                input->description.size_bytes = packet_get_u64(&reader);
                input->description.modified_nsec = packet_get_u64(&reader);
                input->description.changed_nsec = packet_get_u64(&reader);
                packet_get_array(&reader, input->digest.bytes, DIGEST_SIZE);
        }
        r = packet_reader_finish(&reader);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(signature);
        return 0;
}

int signature_store(int generation_fd, const Signature *signature) {
        static const char temporary[] = GENERATION_CONTROL "/.signature.new";
        _cleanup_(freep) void *data = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int r;

        r = signature_encode(signature, &data, &size);
        if (r < 0)
                return r;
        fd = file_open_beneath(generation_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        if (fd < 0)
                return fd;
        r = file_write_all(fd, data, size);
        if (r < 0)
                return r;
        return renameat(generation_fd, temporary, generation_fd, SIGNATURE_NAME) < 0 ? -errno : 0;
}

int signature_load(int generation_fd, Signature **ret) {
        _cleanup_(freep) char *data = NULL;
        size_t size;
        int r;

        r = file_read_at(generation_fd, SIGNATURE_NAME, SIGNATURE_SIZE_MAX, &data, &size);
        return r < 0 ? r : signature_decode(data, size, ret);
}
