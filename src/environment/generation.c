// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     <id>/generations/.new-<n>      being staged (environment/stage.c)
 *     <id>/generations/<n>           complete and durable, never changed again but for lib/ (which appears
 *                                    by one rename), .blast/signature (replaced) and the uppers
 *     <id>/generations/.old-<n>.…    taken away, files still to be removed
 *     <id>/current                   link "generations/<n>", replaced by one rename
 *
 * Every state between two system calls is either the old or the new one; what starts with a dot
 * belongs to nobody after a crash and is swept.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/packet.h"
#include "environment/generation.h"

enum {
        RECORD_MAGIC = 0x4e454742, /* "BGEN" */
        DRAFT_MAGIC = 0x46415242,  /* "BRAF" */
        RECORD_FILE_MAX = 32 * 1024 * 1024,
        NUMBER_DIGITS_MAX = 10,
        /* What the longest file of a wheel may need below site-packages, and the names around it. */
        PATH_RESERVE = 1024,
};

#define GENERATIONS "generations"
#define CURRENT     "current"

void generation_record_done(GenerationRecord *record) {
        free(record->verb);
        free(record->project_path);
        free(record->project_name);
        free(record->prefix);
        free(record->python_path);
        free(record->python_version);
        free(record->python_tag);
        free(record->python_prefix);
        free(record->python_signature);
        free(record->site_packages);
        free(record->trees);
        free(record->lock);
        settings_done(&record->settings);
        (void) strings_free(record->kept_requirements);
        (void) strings_free(record->carried);
        (void) strings_free(record->warnings);
        *record = (GenerationRecord){};
}

static void put_record(PacketWriter *writer, const GenerationRecord *record) {
        packet_put_u32(writer, record->number);
        packet_put_u32(writer, record->predecessor);
        packet_put_u64(writer, record->created_usec);
        packet_put_string(writer, record->verb);
        packet_put_string(writer, record->project_path);
        packet_put_string(writer, record->project_name);
        packet_put_string(writer, record->prefix);
        packet_put_string(writer, record->python_path);
        packet_put_string(writer, record->python_version);
        packet_put_string(writer, record->python_tag);
        packet_put_string(writer, record->python_prefix);
        packet_put_string(writer, record->python_signature);
        packet_put_string(writer, record->site_packages);
        packet_put_u32(writer, (uint32_t) record->n_trees);
        for (size_t i = 0; i < record->n_trees; i++)
                packet_put_bytes(writer, record->trees[i].bytes, DIGEST_SIZE);
        packet_put_bytes(writer, record->lock, record->lock_size);
        packet_put_settings(writer, &record->settings);
        packet_put_strings(writer, record->kept_requirements);
        packet_put_strings(writer, record->carried);
        packet_put_strings(writer, record->warnings);
}

/* A text that must be there. */
static int get_text(PacketReader *reader, char **ret) {
        const char *text = packet_get_string(reader);

        if (!text) {
                packet_reader_fail(reader, -EBADMSG);
                return 0;
        }
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static int get_blob(PacketReader *reader, void **ret, size_t *ret_size) {
        const void *data = packet_get_bytes(reader, ret_size);

        *ret = memory_copy(data, MAX(*ret_size, (size_t) 1));
        return *ret ? 0 : -ENOMEM;
}

static int get_trees(PacketReader *reader, GenerationRecord *record) {
        uint32_t n = packet_get_count(reader, DIGEST_SIZE);

        record->trees = new0(Digest, MAX(n, 1U));
        if (!record->trees)
                return -ENOMEM;
        record->n_trees = n;
        for (uint32_t i = 0; i < n; i++)
                packet_get_array(reader, record->trees[i].bytes, DIGEST_SIZE);
        return 0;
}

static int get_record(PacketReader *reader, GenerationRecord *record) {
        int r = 0;

        record->number = packet_get_u32(reader);
        record->predecessor = packet_get_u32(reader);
        record->created_usec = packet_get_u64(reader);

        char **const texts[] = {
                &record->verb,          &record->project_path,  &record->project_name,
                &record->prefix,        &record->python_path,   &record->python_version,
                &record->python_tag,    &record->python_prefix, &record->python_signature,
                &record->site_packages,
        };
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(texts); i++)
                r = get_text(reader, texts[i]);
        if (r >= 0)
                r = get_trees(reader, record);
        if (r >= 0)
                r = get_blob(reader, &record->lock, &record->lock_size);
        if (r >= 0)
                r = packet_get_settings(reader, &record->settings);
        if (r >= 0)
                r = packet_get_strings(reader, &record->kept_requirements);
        if (r >= 0)
                r = packet_get_strings(reader, &record->carried);
        if (r >= 0)
                r = packet_get_strings(reader, &record->warnings);
        return r;
}

int generation_record_encode(const GenerationRecord *record, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, RECORD_MAGIC, GENERATION_FORMAT);
        put_record(&writer, record);
        return packet_writer_finish(&writer, ret, ret_size);
}

int generation_record_decode(const void *data, size_t size, GenerationRecord *ret) {
        GenerationRecord record = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, RECORD_MAGIC, GENERATION_FORMAT, NULL);
        if (r < 0)
                return r;
        r = get_record(&reader, &record);
        if (r >= 0)
                r = packet_reader_finish(&reader);
        if (r < 0) {
                generation_record_done(&record);
                return r;
        }
        *ret = record;
        return 0;
}

static void tree_done(GenerationTree *tree) {
        for (size_t i = 0; i < tree->n_scripts; i++) {
                free(tree->scripts[i].name);
                free(tree->scripts[i].module);
                free(tree->scripts[i].function);
        }
        free(tree->scripts);
        free(tree->header_directory);
        (void) strings_free(tree->data_scripts);
}

void generation_draft_done(GenerationDraft *draft) {
        generation_record_done(&draft->record);
        for (size_t i = 0; i < draft->n_trees; i++)
                tree_done(&draft->trees[i]);
        free(draft->trees);
        free(draft->signature);
        *draft = (GenerationDraft){};
}

static void put_tree(PacketWriter *writer, const GenerationTree *tree) {
        packet_put_string(writer, tree->name);
        packet_put_u32(writer, (uint32_t) tree->n_scripts);
        for (size_t i = 0; i < tree->n_scripts; i++) {
                packet_put_string(writer, tree->scripts[i].name);
                packet_put_string(writer, tree->scripts[i].module);
                packet_put_string(writer, tree->scripts[i].function);
        }
        packet_put_string(writer, tree->header_directory);
        packet_put_strings(writer, tree->data_scripts);
        packet_put_bool(writer, tree->has_data);
}

static int get_tree(PacketReader *reader, GenerationTree *tree) {
        const char *name = packet_get_string(reader);
        Digest digest;
        int r = 0;

        if (!name || digest_from_hex(text_of(name), &digest) < 0)
                packet_reader_fail(reader, -EBADMSG);
        else
                (void) digest_to_hex(&digest, tree->name);

        uint32_t n = packet_get_count(reader, 12);
        tree->scripts = new0(GenerationScript, MAX(n, 1U));
        if (!tree->scripts)
                return -ENOMEM;
        tree->n_scripts = n;
        for (uint32_t i = 0; r >= 0 && i < n; i++) {
                r = get_text(reader, &tree->scripts[i].name);
                if (r >= 0)
                        r = get_text(reader, &tree->scripts[i].module);
                if (r >= 0)
                        r = get_text(reader, &tree->scripts[i].function);
        }
        if (r < 0)
                return r;

        const char *headers = packet_get_string(reader);
        if (headers && !(tree->header_directory = strdup(headers)))
                return -ENOMEM;
        r = packet_get_strings(reader, &tree->data_scripts);
        tree->has_data = packet_get_bool(reader);
        return r;
}

int generation_draft_encode(const GenerationDraft *draft, void **ret, size_t *ret_size) {
        _cleanup_packet_writer_ PacketWriter writer;

        packet_writer_init(&writer, DRAFT_MAGIC, GENERATION_FORMAT);
        put_record(&writer, &draft->record);
        packet_put_u32(&writer, (uint32_t) draft->n_trees);
        for (size_t i = 0; i < draft->n_trees; i++)
                put_tree(&writer, &draft->trees[i]);
        packet_put_bytes(&writer, draft->signature, draft->signature_size);
        return packet_writer_finish(&writer, ret, ret_size);
}

int generation_draft_decode(const void *data, size_t size, GenerationDraft *ret) {
        GenerationDraft draft = {};
        PacketReader reader;
        int r;

        r = packet_reader_init(&reader, data, size, DRAFT_MAGIC, GENERATION_FORMAT, NULL);
        if (r < 0)
                return r;
        r = get_record(&reader, &draft.record);
        if (r >= 0) {
                uint32_t n = packet_get_count(&reader, DIGEST_HEX_SIZE);
                draft.trees = new0(GenerationTree, MAX(n, 1U));
                r = draft.trees ? 0 : -ENOMEM;
                for (; r >= 0 && draft.n_trees < n; draft.n_trees++)
                        r = get_tree(&reader, &draft.trees[draft.n_trees]);
        }
        if (r >= 0)
                r = get_blob(&reader, &draft.signature, &draft.signature_size);
        if (r >= 0)
                r = packet_reader_finish(&reader);
        if (r < 0) {
                generation_draft_done(&draft);
                return r;
        }
        *ret = draft;
        return 0;
}

static void number_path(uint32_t number, char ret[static 32]) {
        (void) snprintf(ret, 32, GENERATIONS "/%u", number);
}

static int number_parse(const char *name, uint32_t *ret) {
        uint64_t number;

        if (strlen(name) > NUMBER_DIGITS_MAX || name[0] == '0' ||
            text_to_u64(text_of(name), &number) < 0 || number == 0 || number > UINT32_MAX)
                return -EINVAL;
        *ret = (uint32_t) number;
        return 0;
}

static int no_generation(uint32_t number, Fault *fault) {
        return fault_set(
                        fault,
                        -ENOENT,
                        FAULT_NO_GENERATION,
                        NULL,
                        "The environment has no generation %u.",
                        number);
}

int generation_open(int directory_fd, uint32_t number, Fault *fault) {
        char path[32];
        int fd;

        number_path(number, path);
        fd = file_open_beneath(directory_fd, path, O_RDONLY | O_DIRECTORY, 0);
        return fd == -ENOENT ? no_generation(number, fault) : fd;
}

int generation_choose(int directory_fd, uint32_t number, Fault *fault) {
        _cleanup_close_ int fd = generation_open(directory_fd, number, fault);
        char target[32];

        if (fd < 0)
                return fd;
        number_path(number, target);
        return link_replace_at(directory_fd, CURRENT, target);
}

int generation_get_current(int directory_fd, uint32_t *ret_number) {
        char target[64];
        ssize_t n = readlinkat(directory_fd, CURRENT, target, sizeof(target));

        if (n < 0 && errno == ENOENT) {
                *ret_number = 0;
                return 0;
        }
        if (n < 0)
                return -errno;
        if (n == (ssize_t) sizeof(target))
                return -EBADMSG;
        target[n] = '\0';

        const char *name = string_after(target, GENERATIONS "/");
        return name && number_parse(name, ret_number) >= 0 ? 0 : -EBADMSG;
}

int generation_load(int directory_fd, uint32_t number, Fault *fault, GenerationRecord *ret) {
        _cleanup_close_ int fd = generation_open(directory_fd, number, fault);
        _cleanup_(freep) char *data = NULL;
        size_t size;
        int r;

        if (fd < 0)
                return fd;
        r = file_read_at(fd, GENERATION_CONTROL "/record", RECORD_FILE_MAX, &data, &size);
        if (r >= 0)
                r = generation_record_decode(data, size, ret);
        if (r == -EPROTONOSUPPORT)
                return fault_set(
                                fault,
                                r,
                                FAULT_FORMAT_TOO_NEW,
                                NULL,
                                "Generation %u was written by a newer Blast than this one.",
                                number);
        if (r < 0 && r != -ENOMEM)
                return fault_set(
                                fault,
                                -EBADMSG,
                                FAULT_NO_GENERATION,
                                NULL,
                                "The record of generation %u cannot be read: %s.",
                                number,
                                strerror(-r));
        return r;
}

static int by_number(const void *a, const void *b) {
        uint32_t left = *(const uint32_t *) a, right = *(const uint32_t *) b;

        return left < right ? -1 : left > right;
}

/* Calls @visit for each name in generations/; stops at its first error. */
static int
each_name(int directory_fd,
          int (*visit)(int fd, const char *name, void *userdata),
          void *userdata) {
        int fd = file_open_beneath(directory_fd, GENERATIONS, O_RDONLY | O_DIRECTORY, 0);
        int r = 0;

        if (fd < 0)
                return fd;
        DIR *directory = fdopendir(fd);
        if (!directory) {
                r = -errno;
                (void) fd_close(fd);
                return r;
        }
        for (struct dirent *entry; r >= 0 && (entry = readdir(directory));)
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                        r = visit(fd, entry->d_name, userdata);
        (void) closedir(directory);
        return r;
}

typedef struct Numbers {
        uint32_t *items;
        size_t n_items;
        size_t n_allocated;
} Numbers;

static int collect_number(int fd, const char *name, void *userdata) {
        Numbers *numbers = userdata;
        uint32_t number;
        int r;

        if (number_parse(name, &number) < 0)
                return 0;
        r = ARRAY_RESERVE(numbers->items, numbers->n_allocated, numbers->n_items + 1);
        if (r < 0)
                return r;
        numbers->items[numbers->n_items++] = number;
        return 0;
}

int generation_list(int directory_fd, uint32_t **ret, size_t *ret_n) {
        Numbers numbers = {};
        int r;

        r = each_name(directory_fd, collect_number, &numbers);
        if (r < 0) {
                free(numbers.items);
                return r;
        }
        if (numbers.n_items > 1)
                qsort(numbers.items, numbers.n_items, sizeof(*numbers.items), by_number);
        *ret = numbers.items;
        *ret_n = numbers.n_items;
        return 0;
}

int generation_hide(int directory_fd, uint32_t number, char **ret_leftover) {
        _cleanup_(freep) char *leftover = NULL, *target = NULL;
        char path[32];
        uint32_t current;
        uint64_t random;
        int r;

        r = generation_get_current(directory_fd, &current);
        if (r < 0)
                return r;
        if (current == number)
                return -EBUSY;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return -EIO;
        leftover = string_format(".old-%u.%016llx", number, (unsigned long long) random);
        target = leftover ? string_format(GENERATIONS "/%s", leftover) : NULL;
        if (!target)
                return -ENOMEM;
        number_path(number, path);
        if (renameat(directory_fd, path, directory_fd, target) < 0)
                return -errno;
        *ret_leftover = TAKE_PTR(leftover);
        return 0;
}

static int sweep_name(int fd, const char *name, void *userdata) {
        return name[0] == '.' ? tree_remove_at(fd, name) : 0;
}

int generation_sweep(int directory_fd) {
        return each_name(directory_fd, sweep_name, NULL);
}

static int find_leftover(int fd, const char *name, void *userdata) {
        return name[0] == '.' ? -EEXIST : 0;
}

bool generation_needs_sweep(int directory_fd) {
        return each_name(directory_fd, find_leftover, NULL) == -EEXIST;
}

int generation_check_paths(const char *path, const char *project_path, Fault *fault) {
        const char *longest = strlen(path) > strlen(project_path) ? path : project_path;

        if (strlen(longest) + PATH_RESERVE <= GENERATION_PATH_MAX)
                return 0;
        return fault_set(
                        fault,
                        -ENAMETOOLONG,
                        FAULT_PATH_TOO_LONG,
                        longest,
                        "The path has %zu bytes; with what lies below site-packages it would pass the "
                        "limit of %d. Paths up to %d bytes work.",
                        strlen(longest),
                        GENERATION_PATH_MAX,
                        GENERATION_PATH_MAX - PATH_RESERVE);
}

bool generation_has_copy(int generation_fd) {
        return faccessat(generation_fd, "lib", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
