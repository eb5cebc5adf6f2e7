// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     1. generations/.new-<n>/ is made and filled: pyvenv.cfg, bin/ (links to the interpreter, activate
 *        files, scripts of every tree), data files and headers of trees, .blast/
 *     2. what was installed by hand into the predecessor's upper is copied forward
 *     3. .blast/record is written, last, because it names what was carried
 *     4. the file system is flushed once (tree_sync())
 *     5. one rename to generations/<n>, fsync of the parent
 *
 * The first tree that brings a script or data file wins, in the order of the lock; the others are told
 * in the warnings. Nothing a wheel brings replaces pyvenv.cfg, the interpreter's links, the activate
 * files, lib/ or .blast/.
 *
 * Carried forward (decision 12): a top-level entry of the old upper that no tree of the new generation
 * has. A distribution that is now in the lock keeps nothing of what was installed by hand, its old
 * .dist-info neither. Whiteouts and changes of files of the trees stay behind.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/table.h"
#include "environment/copy.h"
#include "environment/stage.h"
#include "environment/venv-files.h"

typedef struct Stage {
        int environment_fd;
        int trees_fd;
        int fd;     /* .new-<n> */
        int bin_fd; /* .new-<n>/bin */
        GenerationDraft *draft;
        char name[32]; /* ".new-<n>" */
} Stage;

static void stage_done(Stage *stage) {
        (void) fd_close(stage->bin_fd);
        (void) fd_close(stage->fd);
}

static int write_file(int directory_fd, const char *name, const char *text, mode_t mode) {
        _cleanup_close_ int fd = file_open_beneath(
                        directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);

        return fd < 0 ? fd : file_write_all(fd, text, strlen(text));
}

static int warn(Stage *stage, char *sentence) {
        return sentence ? strings_consume(&stage->draft->record.warnings, sentence) : -ENOMEM;
}

static int stage_interpreter(Stage *stage) {
        const GenerationRecord *record = &stage->draft->record;
        _cleanup_(freep) char *python = realpath(record->python_path, NULL);
        _cleanup_(freep) char *config = NULL;
        char versioned[32];
        int r;

        if (!python)
                return -errno;
        r = venv_config_format(record, python, &config);
        if (r < 0)
                return r;
        r = write_file(stage->fd, "pyvenv.cfg", config, 0644);
        if (r < 0)
                return r;

        const char *minor = strchr(record->python_version, '.');
        size_t n = minor ? (size_t) (minor - record->python_version) + 1 + strcspn(minor + 1, ".")
                         : strlen(record->python_version);
        (void) snprintf(versioned,
                        sizeof(versioned),
                        "python%.*s",
                        (int) n,
                        record->python_version);
        if (symlinkat(python, stage->bin_fd, "python") < 0 ||
            symlinkat("python", stage->bin_fd, "python3") < 0 ||
            symlinkat("python", stage->bin_fd, versioned) < 0)
                return -errno;
        return symlinkat("lib", stage->fd, "lib64") < 0 ? -errno : 0;
}

static int stage_activate(Stage *stage) {
        static const char *const names[_VENV_SHELL_MAX] = {
                [VENV_SHELL_POSIX] = "activate",
                [VENV_SHELL_CSH] = "activate.csh",
                [VENV_SHELL_FISH] = "activate.fish",
        };
        int r;

        for (VenvShell shell = 0; shell < _VENV_SHELL_MAX; shell++) {
                _cleanup_(freep) char *text = NULL;
                r = venv_activate_format(&stage->draft->record, shell, &text);
                if (r < 0)
                        return r;
                r = write_file(stage->bin_fd, names[shell], text, 0644);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int warn_taken(Stage *stage, const char *name) {
        return warn(stage,
                    string_format("The script '%s' is brought by more than one package; the first was kept.",
                                  name));
}

static int stage_script(Stage *stage, const GenerationScript *script) {
        _cleanup_(freep) char *text = NULL;
        int r;

        r = venv_script_format(stage->draft->record.prefix, script, &text);
        if (r == -EINVAL)
                return warn(stage,
                            string_format("The script '%s' has no valid entry point and was left out.",
                                          script->name));
        if (r < 0)
                return r;
        r = write_file(stage->bin_fd, script->name, text, 0755);
        return r == -EEXIST ? warn_taken(stage, script->name) : r;
}

/* Copies a script of the wheel; "#!python" in its first line becomes the environment's interpreter. */
static int copy_script(Stage *stage, int scripts_fd, const char *name) {
        static const char marker[] = "#!python";
        _cleanup_close_ int from = file_open_beneath(scripts_fd, name, O_RDONLY | O_NONBLOCK, 0);
        _cleanup_close_ int to = -EBADF;
        _cleanup_(freep) char *shebang = NULL;
        char head[256];
        int r;

        if (from < 0)
                return from;
        ssize_t n = pread(from, head, sizeof(head), 0);
        if (n < 0)
                return -errno;
        to = file_open_beneath(stage->bin_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0755);
        if (to < 0)
                return to == -EEXIST ? warn_taken(stage, name) : to;

        const char *end = memchr(head, '\n', (size_t) n);
        if (!end || (size_t) n < strlen(marker) || memcmp(head, marker, strlen(marker)) != 0)
                return copy_contents(from, to);

        r = venv_shebang_format(stage->draft->record.prefix, &shebang);
        if (r < 0)
                return r;
        r = file_write_all(to, shebang, strlen(shebang));
        if (r < 0)
                return r;
        if (lseek(from, end + 1 - head, SEEK_SET) < 0)
                return -errno;
        return copy_contents(from, to);
}

static int stage_data_scripts(Stage *stage, int tree_fd, const GenerationTree *tree) {
        _cleanup_close_ int scripts_fd = -EBADF;
        int r;

        if (!tree->data_scripts)
                return 0;
        scripts_fd = file_open_beneath(tree_fd, "scripts", O_RDONLY | O_DIRECTORY, 0);
        if (scripts_fd < 0)
                return scripts_fd;
        FOREACH_TEXT(name, tree->data_scripts) {
                r = copy_script(stage, scripts_fd, name);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool is_reserved(const char *name) {
        return streq(name, "pyvenv.cfg") || streq(name, "lib") || streq(name, "lib64") ||
                        streq(name, GENERATION_CONTROL);
}

/* data/ is copied over the prefix, all but the names that are not a wheel's to bring. */
static int stage_data(Stage *stage, int tree_fd, const GenerationTree *tree) {
        _cleanup_close_ int data_fd = -EBADF;
        _cleanup_(strings_freep) char **names = NULL;
        int r;

        if (!tree->has_data)
                return 0;
        data_fd = file_open_beneath(tree_fd, "data", O_RDONLY | O_DIRECTORY, 0);
        if (data_fd < 0)
                return data_fd;
        r = directory_list(data_fd, &names);
        if (r < 0)
                return r;
        FOREACH_TEXT(name, names) {
                r = is_reserved(name)
                                ? warn(stage,
                                       string_format("Data files of a wheel below '%s/' were left out.",
                                                     name))
                                : copy_tree(data_fd, name, stage->fd, name);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int stage_headers(Stage *stage, int tree_fd, const GenerationTree *tree) {
        _cleanup_close_ int directory_fd = -EBADF;
        const char *python = string_after(stage->draft->record.site_packages, "lib/");
        _cleanup_(freep) char *path = NULL;

        if (!tree->header_directory || !python)
                return 0;
        path = string_format("include/site/%.*s", (int) strcspn(python, "/"), python);
        if (!path)
                return -ENOMEM;
        directory_fd = directory_open_or_make(stage->fd, path, 0755);
        if (directory_fd < 0)
                return directory_fd;
        return copy_tree(tree_fd, "headers", directory_fd, tree->header_directory);
}

static int stage_tree(Stage *stage, const GenerationTree *tree) {
        _cleanup_close_ int tree_fd = -EBADF;
        int r;

        for (size_t i = 0; i < tree->n_scripts; i++) {
                r = stage_script(stage, &tree->scripts[i]);
                if (r < 0)
                        return r;
        }
        if (!tree->data_scripts && !tree->has_data && !tree->header_directory)
                return 0;

        tree_fd = file_open_beneath(stage->trees_fd, tree->name, O_RDONLY | O_DIRECTORY, 0);
        if (tree_fd < 0)
                return tree_fd;
        r = stage_data_scripts(stage, tree_fd, tree);
        if (r < 0)
                return r;
        r = stage_headers(stage, tree_fd, tree);
        if (r < 0)
                return r;
        return stage_data(stage, tree_fd, tree);
}

/* "rich" of "rich-13.7.1.dist-info", folded as PEP 503 does; NULL if it is no such directory. */
static int distribution_of(const char *entry, char **ret) {
        _cleanup_(freep) char *name = NULL;

        *ret = NULL;
        if (!text_ends_with(text_of(entry), ".dist-info"))
                return 0;
        name = string_lower(entry);
        if (!name)
                return -ENOMEM;
        name[strcspn(name, "-")] = '\0';
        for (char *c = name; *c; c++)
                if (*c == '.')
                        *c = '_';
        *ret = TAKE_PTR(name);
        return 0;
}

/* What the trees have at the top of site-packages, and the folded names of their distributions. */
static int
note_tree_entries(const Stage *stage, const GenerationTree *tree, Table *taken, char ***memory) {
        _cleanup_(freep) char *path = string_format("%s/site-packages", tree->name);
        _cleanup_(strings_freep) char **names = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!path)
                return -ENOMEM;
        fd = file_open_beneath(stage->trees_fd, path, O_RDONLY | O_DIRECTORY, 0);
        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return fd;
        r = directory_list(fd, &names);
        if (r < 0)
                return r;
        FOREACH_TEXT(name, names) {
                _cleanup_(freep) char *distribution = NULL;
                r = distribution_of(name, &distribution);
                if (r < 0)
                        return r;
                r = strings_add(memory, distribution ?: name);
                if (r < 0)
                        return r;
                r = table_put(taken, (*memory)[strings_count(*memory) - 1], taken);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool is_whiteout(int directory_fd, const char *name) {
        struct stat status;

        return fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
                        (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) &&
                         !S_ISLNK(status.st_mode));
}

/* Programs inside may make what no copy can be had of; the next generation must not fail for it. */
static bool cannot_be_copied(int error) {
        return error == -EACCES || error == -ELOOP || error == -ENAMETOOLONG || error == -EPERM;
}

static int carry_entries(Stage *stage, int old_fd, const char *upper, const Table *taken) {
        _cleanup_close_ int from_fd = file_open_beneath(old_fd, upper, O_RDONLY | O_DIRECTORY, 0);
        _cleanup_close_ int to_fd = directory_open_or_make(stage->fd, upper, 0755);
        _cleanup_(strings_freep) char **names = NULL;
        int r;

        if (to_fd < 0)
                return to_fd;
        if (from_fd < 0)
                return from_fd == -ENOENT ? 0 : from_fd;
        r = directory_list(from_fd, &names);
        if (r < 0)
                return r;
        FOREACH_TEXT(name, names) {
                _cleanup_(freep) char *distribution = NULL;
                r = distribution_of(name, &distribution);
                if (r < 0)
                        return r;
                if (streq(name, "__pycache__") || is_whiteout(from_fd, name) ||
                    (taken ? table_has(taken, distribution ?: name)
                           : faccessat(stage->bin_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0))
                        continue;
                r = copy_tree(from_fd, name, to_fd, name);
                if (cannot_be_copied(r)) {
                        r = tree_remove_at(to_fd, name);
                        if (r >= 0)
                                r = warn(stage,
                                         string_format("'%s', made inside the environment, cannot be "
                                                       "copied and stays behind.",
                                                       name));
                        if (r < 0)
                                return r;
                        continue;
                }
                if (r < 0)
                        return r;
                r = taken ? strings_add(&stage->draft->record.carried, name) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int stage_carried(Stage *stage) {
        _cleanup_(table_freep) Table *taken = table_new();
        _cleanup_(strings_freep) char **memory = NULL;
        _cleanup_close_ int old_fd = -EBADF;
        GenerationRecord *record = &stage->draft->record;
        int r;

        if (!taken)
                return -ENOMEM;
        if (record->predecessor == 0)
                return 0;
        old_fd = generation_open(stage->environment_fd, record->predecessor, NULL);
        if (old_fd < 0)
                return old_fd == -ENOENT ? 0 : old_fd;
        for (size_t i = 0; i < stage->draft->n_trees; i++) {
                r = note_tree_entries(stage, &stage->draft->trees[i], taken, &memory);
                if (r < 0)
                        return r;
        }
        r = carry_entries(stage, old_fd, GENERATION_UPPER, taken);
        if (r >= 0)
                r = carry_entries(stage, old_fd, GENERATION_UPPER_BIN, NULL);
        if (r < 0 || !record->carried)
                return r;
        return warn(stage,
                    string_format("%zu entries installed by hand inside the environment were carried "
                                  "forward; they are seen inside only, and are not in the lock ('blast install' puts them there).",
                                  strings_count(record->carried)));
}

static int stage_control(Stage *stage) {
        static const char *const directories[] = {
                GENERATION_STUB,      GENERATION_UPPER,    GENERATION_WORK,
                GENERATION_UPPER_BIN, GENERATION_WORK_BIN,
        };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                _cleanup_close_ int fd = directory_open_or_make(stage->fd, directories[i], 0755);
                if (fd < 0)
                        return fd;
        }
        return 0;
}

static int write_packet(Stage *stage, const char *name, const void *data, size_t size) {
        _cleanup_close_ int fd =
                        file_open_beneath(stage->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0644);

        return fd < 0 ? fd : file_write_all(fd, data, size);
}

static int stage_record(Stage *stage) {
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        if (stage->draft->signature_size > 0) {
                r =
                                write_packet(stage,
                                             GENERATION_CONTROL "/signature",
                                             stage->draft->signature,
                                             stage->draft->signature_size);
                if (r < 0)
                        return r;
        }
        r = generation_record_encode(&stage->draft->record, &data, &size);
        if (r < 0)
                return r;
        return write_packet(stage, GENERATION_CONTROL "/record", data, size);
}

static int stage_fill(Stage *stage) {
        int r;

        r = stage_control(stage);
        if (r < 0)
                return r;
        r = stage_interpreter(stage);
        if (r < 0)
                return r;
        r = stage_activate(stage);
        if (r < 0)
                return r;
        for (size_t i = 0; i < stage->draft->n_trees; i++) {
                r = stage_tree(stage, &stage->draft->trees[i]);
                if (r < 0)
                        return r;
        }
        r = stage_carried(stage);
        if (r < 0)
                return r;
        r = stage_record(stage);
        if (r < 0)
                return r;
        return tree_sync(stage->fd);
}

static int stage_open(Stage *stage, int generations_fd) {
        int r;

        (void) snprintf(stage->name, sizeof(stage->name), ".new-%u", stage->draft->record.number);
        r = tree_remove_at(generations_fd, stage->name);
        if (r < 0)
                return r;
        stage->fd = directory_open_or_make(generations_fd, stage->name, 0755);
        if (stage->fd < 0)
                return stage->fd;
        stage->bin_fd = directory_open_or_make(stage->fd, "bin", 0755);
        return stage->bin_fd < 0 ? stage->bin_fd : 0;
}

static int stage_publish(const Stage *stage, int generations_fd) {
        char number[16];

        (void) snprintf(number, sizeof(number), "%u", stage->draft->record.number);
        /* A directory is not renamed over another that has files; RENAME_NOREPLACE says it clearly. */
        if (renameat2(generations_fd, stage->name, generations_fd, number, RENAME_NOREPLACE) < 0)
                return -errno;
        return fsync(generations_fd) < 0 ? -errno : 0;
}

int generation_stage(int directory_fd, int trees_fd, GenerationDraft *draft, Fault *fault) {
        _cleanup_(stage_done) Stage stage = {
                .environment_fd = directory_fd,
                .trees_fd = trees_fd,
                .fd = -EBADF,
                .bin_fd = -EBADF,
                .draft = draft,
        };
        _cleanup_close_ int generations_fd =
                        directory_open_or_make(directory_fd, "generations", 0700);
        int r;

        if (generations_fd < 0)
                return generations_fd;
        r = stage_open(&stage, generations_fd);
        if (r >= 0)
                r = stage_fill(&stage);
        if (r >= 0)
                r = stage_publish(&stage, generations_fd);
        if (r >= 0)
                return 0;

        (void) !tree_remove_at(generations_fd, stage.name); /* else the next sweep does it */
        return fault_set(
                        fault,
                        r,
                        fault_code_from_errno(r),
                        NULL,
                        "Generation %u cannot be written: %s.",
                        draft->record.number,
                        strerror(-r));
}
