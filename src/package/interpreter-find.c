// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *   directories ─ expand "*" ─ list names ─ python3.N, python3 ─ ELF? not of a venv? ─ candidates ─ best that fits
 *
 * The version comes from the name ("python3.11"), from the name that a link leads to ("python3" →
 * "python3.11"), or from the directory of a version manager ("…/3.11.7/bin",
 * "…/cpython-3.11.7-linux-x86_64-gnu/bin"), which also tells the third number. A third number that
 * is not known is taken as one that might fit; the caller learns the truth from a probe and comes
 * back with the path excluded if it was wrong.
 *
 * Directories are opened once and their entries are looked at relative to that descriptor.
 * Everything that was seen is kept, so that a failure can say what there is. */

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fault.h"
#include "basic/file.h"
#include "package/interpreter-find.h"
#include "package/interpreter-wish.h"

enum {
        MICRO_MAX = 99
};

typedef struct Search {
        InterpreterCandidate *candidates;
        size_t n_candidates;
        size_t n_allocated;
} Search;

static void search_done(Search *search) {
        for (size_t i = 0; i < search->n_candidates; i++)
                interpreter_candidate_done(&search->candidates[i]);
        free(search->candidates);
}

void interpreter_candidate_done(InterpreterCandidate *candidate) {
        free(candidate->path);
        *candidate = (InterpreterCandidate){ .micro = -1 };
}

static bool is_program(int directory_fd, const char *name) {
        _cleanup_close_ int fd = -EBADF;
        struct stat status;
        char magic[4];

        fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
            !(status.st_mode & 0111))
                return false;

        return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
                        memcmp(magic, "\177ELF", 4) == 0;
}

/* "python3.11" to 3 and 11; "python3" gives minor 0 and true as well. */
static bool read_name(const char *name, uint32_t *ret_major, uint32_t *ret_minor) {
        const char *rest = string_after(name, "python3");
        size_t length;

        if (!rest)
                return false;
        *ret_major = 3;
        *ret_minor = 0;
        if (!*rest)
                return true;

        length = strspn(rest + 1, "0123456789");
        if (rest[0] != '.' || length == 0 || length > 3 || rest[1 + length] != '\0')
                return false;
        *ret_minor = (uint32_t) atoi(rest + 1);
        return true;
}

/* A name without version: where does it lead, or which neighbour is the same file? */
static void read_link_version(int directory_fd, const char *name, InterpreterCandidate *candidate) {
        struct stat status, other;
        char target[PATH_MAX], neighbour[32];
        uint32_t major, minor;
        const char *last;
        ssize_t length;

        candidate->major = 0;
        length = readlinkat(directory_fd, name, target, sizeof(target) - 1);
        if (length > 0) {
                target[length] = '\0';
                last = strrchr(target, '/');
                if (read_name(last ? last + 1 : target, &major, &minor) && minor > 0) {
                        candidate->major = major;
                        candidate->minor = minor;
                        return;
                }
        }

        if (fstatat(directory_fd, name, &status, 0) < 0)
                return;
        for (minor = INTERPRETER_MINOR_MIN; minor < 40; minor++) {
                (void) snprintf(neighbour, sizeof(neighbour), "python3.%u", minor);
                if (fstatat(directory_fd, neighbour, &other, 0) == 0 &&
                    other.st_dev == status.st_dev && other.st_ino == status.st_ino) {
                        candidate->major = 3;
                        candidate->minor = minor;
                        return;
                }
        }
}

/* "/x/versions/3.11.7/bin" and "/x/cpython-3.11.7-linux-…/bin" know the third number. */
static int read_directory_micro(const char *directory, const InterpreterCandidate *candidate) {
        _cleanup_(freep) char *copy = strdup(directory);
        int major, minor, micro;
        char *last, *name;

        last = copy ? strrchr(copy, '/') : NULL;
        if (!last)
                return -1;
        *last = '\0';
        last = strrchr(copy, '/');
        name = last ? last + 1 : copy;
        if (string_after(name, "cpython-")) {
                name += strlen("cpython-");
                name[strcspn(name, "-+")] = '\0';
        }

        if (!wish_parse_numbers(name, &major, &minor, &micro) ||
            (uint32_t) major != candidate->major || (uint32_t) minor != candidate->minor)
                return -1;
        return micro;
}

static int
add_candidate(Search *search, int directory_fd, const char *directory, const char *name) {
        InterpreterCandidate candidate = { .micro = -1 };
        int r;

        if (!read_name(name, &candidate.major, &candidate.minor) || !is_program(directory_fd, name))
                return 0;
        if (search->n_candidates >= INTERPRETER_CANDIDATES_MAX)
                return 0;

        if (candidate.minor == 0)
                read_link_version(directory_fd, name, &candidate);
        candidate.micro = read_directory_micro(directory, &candidate);
        candidate.path = string_format("%s/%s", directory, name);
        if (!candidate.path)
                return -ENOMEM;

        r = ARRAY_RESERVE(search->candidates, search->n_allocated, search->n_candidates + 1);
        if (r < 0) {
                interpreter_candidate_done(&candidate);
                return r;
        }
        search->candidates[search->n_candidates++] = candidate;
        return 0;
}

static bool is_interpreter_name(const char *name) {
        uint32_t major, minor;

        return read_name(name, &major, &minor);
}

/* Where version managers put CPython; other implementations stand beside it under their names. */
static bool is_version_name(const char *name) {
        return isdigit((unsigned char) name[0]) || string_after(name, "cpython-");
}

static int read_names(DIR *stream, bool (*is_wanted)(const char *name), char ***names) {
        int r;

        for (size_t n = 0; n < INTERPRETER_DIRECTORY_MAX; n++) {
                const struct dirent *entry = readdir(stream);

                if (!entry)
                        return 0;
                if (!is_wanted(entry->d_name))
                        continue;
                r = strings_add(names, entry->d_name);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* Sorted, so that the answer does not depend on the file system. */
static int list_names(int directory_fd, bool (*is_wanted)(const char *name), char ***ret) {
        _cleanup_(strings_freep) char **names = NULL;
        DIR *stream;
        int fd, r;

        fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        stream = fdopendir(fd);
        if (!stream) {
                r = -errno;
                (void) fd_close(fd);
                return r;
        }

        r = read_names(stream, is_wanted, &names);
        (void) closedir(stream);
        if (r < 0)
                return r;

        if (names)
                strings_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

/* Directories that are not there or cannot be read hold no interpreter. */
static int open_directory(const char *path) {
        return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int search_directory(Search *search, const char *directory) {
        _cleanup_(strings_freep) char **names = NULL;
        _cleanup_close_ int fd = open_directory(directory);
        int r;

        /* The interpreter of a virtual environment is a link to one that will be found elsewhere. */
        if (fd < 0 || faccessat(fd, "../pyvenv.cfg", F_OK, 0) == 0)
                return 0;

        r = list_names(fd, is_interpreter_name, &names);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        FOREACH_TEXT(name, names) {
                r = add_candidate(search, fd, directory, name);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* A pattern: every entry of /athat may be one of CPython. */
static int search_pattern(Search *search, const char *pattern) {
        const char *star = strchr(pattern, '*');
        _cleanup_(strings_freep) char **names = NULL;
        _cleanup_(freep) char *parent = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        parent = text_to_string((Text){ pattern, (size_t) (star - pattern) });
        if (!parent)
                return -ENOMEM;
        fd = open_directory(parent);
        if (fd < 0)
                return 0;
        r = list_names(fd, is_version_name, &names);
        if (r < 0)
                return r == -ENOMEM ? r : 0;

        FOREACH_TEXT(name, names) {
                _cleanup_(freep) char *directory = NULL;

                directory = string_format("%s%s%s", parent, name, star + 1);
                if (!directory)
                        return -ENOMEM;
                r = search_directory(search, directory);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int search_directories(Search *search, char *const *directories) {
        int r;

        FOREACH_TEXT(directory, directories) {
                r = strchr(directory, '*') ? search_pattern(search, directory)
                                           : search_directory(search, directory);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* Positive if @a is the better choice; what was found first stands first. */
static int
compare_candidates(const Wish *wish, const InterpreterCandidate *a, const InterpreterCandidate *b) {
        if (a->major != b->major)
                return a->major > b->major ? 1 : -1;
        if (a->minor != b->minor)
                return a->minor > b->minor ? 1 : -1;
        if (wish->micro >= 0 || wish->has_specifiers)
                return (a->micro >= 0) - (b->micro >= 0);
        return 0;
}

static int
choose(const Search *search,
       const Wish *wish,
       char *const *excluded,
       const InterpreterCandidate **ret) {
        const InterpreterCandidate *best = NULL;
        int r;

        for (size_t i = 0; i < search->n_candidates; i++) {
                const InterpreterCandidate *candidate = &search->candidates[i];

                if (strings_contain(excluded, candidate->path))
                        continue;
                if (candidate->major > 0) {
                        if (candidate->minor < INTERPRETER_MINOR_MIN)
                                continue;
                        r = wish_fits(wish,
                                      (int) candidate->major,
                                      (int) candidate->minor,
                                      candidate->micro);
                        if (r < 0)
                                return r;
                        if (r == 0)
                                continue;
                }
                if (!best || compare_candidates(wish, candidate, best) > 0)
                        best = candidate;
        }

        *ret = best;
        return 0;
}

static int fail_not_found(const InterpreterRequest *request, const Search *search, Fault *fault) {
        _cleanup_builder_ Builder wish = {}, found = {};
        const char *origin = request->python_origin ?: request->requires_python_origin;

        wish_describe(&wish, request);
        for (size_t i = 0; i < search->n_candidates && i < 12; i++) {
                const InterpreterCandidate *candidate = &search->candidates[i];

                builder_add_format(&found, "%s%s", found.length > 0 ? ", " : "", candidate->path);
                if (candidate->micro >= 0)
                        builder_add_format(
                                        &found,
                                        " (%u.%u.%d)",
                                        candidate->major,
                                        candidate->minor,
                                        candidate->micro);
        }
        if (wish.failed || found.failed)
                return -ENOMEM;

        (void) fault_set(
                        fault,
                        -ENOENT,
                        FAULT_NO_PYTHON,
                        origin,
                        "No Python%s was found; %s%s.",
                        wish.data ?: "",
                        found.length > 0 ? "there is " : "there is none at all",
                        found.data ?: "");
        fault_hint(fault, "Install that Python, or name the path of one with --python.");
        return -ENOENT;
}

/* A path is taken as it is; what it is, the probe tells. */
static int take_path(const InterpreterRequest *request, InterpreterCandidate *ret, Fault *fault) {
        InterpreterCandidate candidate = { .micro = -1 };
        uint32_t major, minor;

        if (!is_program(AT_FDCWD, request->python) ||
            strings_contain(request->excluded, request->python))
                return fault_set(
                                fault,
                                -ENOENT,
                                FAULT_NO_PYTHON,
                                request->python_origin ?: request->python,
                                "'%s' is not a program that could be a Python.",
                                request->python);

        candidate.path = strdup(request->python);
        if (!candidate.path)
                return -ENOMEM;
        if (read_name(strrchr(request->python, '/') + 1, &major, &minor) && minor > 0) {
                candidate.major = major;
                candidate.minor = minor;
        }

        *ret = candidate;
        return 0;
}

static int
find_in(const InterpreterRequest *request,
        const Wish *wish,
        char *const *directories,
        InterpreterCandidate *ret,
        Fault *fault) {
        _cleanup_(search_done) Search search = {};
        const InterpreterCandidate *best;
        char *path;
        int r;

        r = search_directories(&search, directories);
        if (r < 0)
                return r;
        r = choose(&search, wish, request->excluded, &best);
        if (r < 0)
                return r;
        if (!best)
                return fail_not_found(request, &search, fault);

        path = strdup(best->path);
        if (!path)
                return -ENOMEM;
        *ret = *best;
        ret->path = path;
        return 0;
}

int interpreter_find(
                const InterpreterRequest *request,
                char *const *directories,
                InterpreterCandidate *ret,
                Fault *fault) {
        _cleanup_(arena_freep) Arena *memory = arena_new();
        Wish wish = WISH_ANY(memory);
        int r;

        if (!memory)
                return -ENOMEM;
        r = wish_read(request, &wish, fault);
        if (r < 0)
                return r;

        return wish.path ? take_path(request, ret, fault)
                         : find_in(request, &wish, directories, ret, fault);
}

int interpreter_check(
                const Interpreter *interpreter,
                const InterpreterRequest *request,
                Fault *fault) {
        _cleanup_(arena_freep) Arena *memory = arena_new();
        Wish wish = WISH_ANY(memory);
        const uint64_t *release = interpreter->parsed_version->release;
        _cleanup_builder_ Builder text = {};
        bool fits;
        int r;

        if (!memory)
                return -ENOMEM;
        r = wish_read(request, &wish, fault);
        if (r < 0)
                return r;

        fits = (wish.major < 0 || (uint64_t) wish.major == release[0]) &&
                        (wish.minor < 0 || (uint64_t) wish.minor == release[1]) &&
                        (wish.micro < 0 || (uint64_t) wish.micro == release[2]) &&
                        specifier_set_contains(&wish.specifiers, interpreter->parsed_version) &&
                        specifier_set_contains(&wish.bounds, interpreter->parsed_version);
        if (fits)
                return 0;

        wish_describe(&text, request);
        if (text.failed)
                return -ENOMEM;
        return fault_set(
                        fault,
                        -ENOENT,
                        FAULT_NO_PYTHON,
                        request->python_origin ?: request->requires_python_origin,
                        "%s is Python %s, which is not the wanted%s.",
                        interpreter->path,
                        interpreter->version,
                        text.data ?: "");
}
