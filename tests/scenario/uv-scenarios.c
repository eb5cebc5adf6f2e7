// SPDX-License-Identifier: LGPL-2.1-or-later

/* Runs every scenario of uv's resolver ($BLAST_CORPORA/uv-scenarios) and compares what is satisfiable and
 * which versions are chosen; explanations are not compared, ours have golden files of their own.
 *
 * Universal scenarios (one answer for all platforms) are run once for Linux, macOS, Windows and each
 * system that their markers speak of: satisfiable means that each of them has a solution, and every
 * version that is expected is chosen on one of them.
 *
 * The list named on the command line holds "<file> <reason>" of those that cannot hold here; they
 * are run all the same, and one that holds after all makes the test fail, so that the list stays short. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/table.h"
#include "package/toml.h"
#include "world.h"

enum {
        FILE_MAX = 1024 * 1024
};

static size_t n_run, n_listed, n_wrong;
static char **listed; /* "<file> <reason>" */

static _noreturn_ void die(const char *what, const char *about) {
        fprintf(stderr, "%s: %s\n", about, what);
        exit(1);
}

static bool is_true(const TomlValue *table, const char *key) {
        const TomlValue *value = toml_find(table, key);

        return value && value->type == TOML_BOOL && value->boolean;
}

static bool is_false(const TomlValue *table, const char *key) {
        const TomlValue *value = toml_find(table, key);

        return value && value->type == TOML_BOOL && !value->boolean;
}

typedef void (*AddFunction)(WorldRelease *release, const char *text);

static void add_each(WorldRelease *release, const TomlValue *list, AddFunction add) {
        for (size_t i = 0; list && i < list->array.n_items; i++)
                add(release, toml_string(list->array.items[i]));
}

static void
add_release(World *world, const char *name, const char *version, const TomlValue *table) {
        WorldRelease *release = world_add_release(world, name, version);
        const TomlValue *extras = toml_find(table, "extras");
        const char *python = toml_string(toml_find(table, "requires_python"));

        add_each(release, toml_find(table, "requires"), release_add_need);
        add_each(release, toml_find(table, "wheel_tags"), release_add_wheel);
        if (python)
                release_set_python(release, python);
        if (is_true(table, "yanked"))
                release_set_yanked(release, "");
        if (is_false(table, "wheel"))
                release_set_no_wheel(release);
        if (!is_false(table, "sdist"))
                release_add_source(release);
        for (size_t i = 0; extras && i < extras->table.n_entries; i++) {
                const TomlEntry *extra = extras->table.entries[i];

                release_add_extra(release, extra->name);
                for (size_t k = 0; k < extra->value->array.n_items; k++)
                        release_add_extra_need(
                                        release,
                                        extra->name,
                                        toml_string(extra->value->array.items[k]));
        }
}

static World *read_world(const TomlValue *root) {
        const TomlValue *packages = toml_find(root, "packages");
        const TomlValue *requires = toml_find(toml_find(root, "root"), "requires");
        World *world = world_new();

        for (size_t i = 0; packages && i < packages->table.n_entries; i++) {
                const TomlEntry *package = packages->table.entries[i];
                const TomlValue *versions = toml_find(package->value, "versions");

                for (size_t k = 0; versions && k < versions->table.n_entries; k++)
                        add_release(world,
                                    package->name,
                                    versions->table.entries[k]->name,
                                    versions->table.entries[k]->value);
        }
        for (size_t i = 0; requires && i < requires->array.n_items; i++)
                world_add_root(world,
                               toml_string(requires->array.items[i]),
                               "pyproject.toml",
                               false);
        return world;
}

/* The Python that is asked about: "3.9" is its first release, as uv has it. */
static void read_python(const TomlValue *root, char buffer[static 32]) {
        const TomlValue *options = toml_find(root, "resolver_options");
        const char *text = toml_string(toml_find(options, "python"));
        const char *lower = toml_string(toml_find(toml_find(root, "root"), "requires_python"));
        size_t n_dots = 0;

        if (!text && is_true(options, "universal") && lower && string_after(lower, ">=3."))
                text = string_after(lower, ">=");
        if (!text)
                text = toml_string(toml_find(toml_find(root, "environment"), "python"));
        if (!text)
                text = is_true(options, "universal") ? "3.13" : "3.12";
        for (const char *c = text; *c && *c != ','; c++)
                n_dots += *c == '.';
        snprintf(buffer, 32, "%.*s%s", (int) strcspn(text, ","), text, n_dots == 1 ? ".0" : "");
}

/* Whether a version is expected of @name; @ret_is_right: and this one. */
static bool is_expected(const TomlValue *expected, const char *name, const char *version) {
        const TomlValue *value = toml_find(expected, name);

        return value && toml_string(value) && streq(toml_string(value), version);
}

/* One line of a solution, "a 1.0 -> b": counts what was expected, complains about what was not. */
static bool compare_line(const TomlValue *expected, char *line, Table *found) {
        char *version = strchr(line, ' '), *end;

        if (string_after(line, "warning: ") || !version)
                return true;
        *version++ = '\0';
        end = strchr(version, ' ');
        if (end)
                *end = '\0';
        if (!is_expected(expected, line, version))
                return false;
        return table_put(found, toml_find_entry(expected, line)->name, line) >= 0;
}

static bool compare_packages(const TomlValue *expected, const char *text, Table *found) {
        _cleanup_(freep) char *copy = string_format("%s", text);
        bool is_right = true;
        char *next;

        for (char *line = copy; line && *line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                is_right = compare_line(expected, line, found) && is_right;
        }
        return is_right;
}

typedef struct Machines {
        WorldMachine items[16];
        char names[16][32];
        size_t n_items;
} Machines;

static void add_machine(Machines *machines, Text name) {
        char *copy = machines->names[machines->n_items];

        for (size_t i = 0; i < machines->n_items; i++)
                if (text_equals_string(name, machines->items[i].sys_platform))
                        return;
        if (machines->n_items == ELEMENTSOF(machines->items))
                return;
        snprintf(copy, sizeof(machines->names[0]), "%.*s", (int) name.length, name.data);
        machines->items[machines->n_items++] = (WorldMachine){
                .sys_platform = copy,
                .machine = streq(copy, "darwin")       ? "arm64"
                                : streq(copy, "win32") ? "AMD64"
                                                       : "x86_64",
                .implementation = "cpython",
        };
}

/* The common systems, and those that the markers name. */
static void find_machines(const char *text, Machines *ret) {
        static const char name[] = "sys_platform == '";

        *ret = (Machines){ .n_items = 0 };
        add_machine(ret, TEXT("linux"));
        add_machine(ret, TEXT("darwin"));
        add_machine(ret, TEXT("win32"));
        for (const char *at = strstr(text, name); at; at = strstr(at + 1, name)) {
                const char *value = at + strlen(name);

                add_machine(ret, (Text){ value, strcspn(value, "'") });
        }
        if (strstr(text, "pypy"))
                ret->items[ret->n_items++] = (WorldMachine){
                        .sys_platform = "linux",
                        .machine = "x86_64",
                        .implementation = "pypy",
                };
}

static bool run_scenario(const TomlValue *root, const char *text) {
        const TomlValue *options = toml_find(root, "resolver_options");
        const TomlValue *expected = toml_find(root, "expected");
        const TomlValue *packages = toml_find(expected, "packages");
        bool is_universal = is_true(options, "universal"), is_satisfiable = true, is_right = true;
        _cleanup_(world_freep) World *world = read_world(root);
        _cleanup_(table_freep) Table *found = table_new();
        char python[32];
        Machines machines;

        read_python(root, python);
        find_machines(text, &machines);
        for (size_t i = 0; i < (is_universal ? machines.n_items : 1); i++) {
                WorldQuestion question = {
                        .machine = machines.items[i],
                        .allow_prereleases = is_true(options, "prereleases"),
                };
                _cleanup_(freep) char *answer = NULL;
                bool is_solved;

                question.machine.python = python;
                answer = world_resolve(world, &question, &is_solved);
                is_satisfiable = is_satisfiable && is_solved;
                if (is_solved && packages)
                        is_right = compare_packages(packages, answer, found) && is_right;
        }
        if (is_satisfiable && packages && table_count(found) != packages->table.n_entries)
                is_right = false;
        return is_right && is_satisfiable == is_true(expected, "satisfiable");
}

static const char *reason_of(const char *name) {
        FOREACH_TEXT(line, listed) {
                const char *rest = string_after(line, name);

                if (rest && *rest == ' ')
                        return rest + 1;
        }
        return NULL;
}

static void run_file(int directory_fd, const char *folder, const char *name) {
        _cleanup_(toml_freep) TomlDocument *document = NULL;
        _cleanup_fault_ Fault fault = { 0 };
        _cleanup_(freep) char *path = string_format("%s/%s", folder, name), *text = NULL;
        const char *reason = reason_of(path);
        size_t size;
        bool is_right;

        if (file_read_at(directory_fd, path, FILE_MAX, &text, &size) < 0 ||
            toml_parse(text, size, path, &document, &fault) < 0)
                die(fault.message ? fault.message : "cannot be read", path);
        n_run++;
        is_right = run_scenario(toml_get_root(document), text);
        if (reason) {
                n_listed++;
                printf("%s: %s\n", path, is_right ? "holds, take it off the list" : reason);
        } else if (!is_right)
                printf("%s: WRONG\n", path);
        n_wrong += is_right == (reason != NULL) ? 1 : 0;
}

static void run_folder(int directory_fd, const char *root, const char *folder) {
        _cleanup_(freep) char *path = string_format("%s/%s", root, folder);
        struct dirent **entries;
        int n = scandir(path, &entries, NULL, alphasort);

        for (int i = 0; i < n; i++) {
                if (text_ends_with(text_of(entries[i]->d_name), ".toml"))
                        run_file(directory_fd, folder, entries[i]->d_name);
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
}

static void read_list(const char *path) {
        FILE *file = fopen(path, "re");
        char line[512];

        if (!file)
                die(strerror(errno), path);
        while (fgets(line, sizeof(line), file)) {
                line[strcspn(line, "\n")] = '\0';
                if (line[0] != '\0' && line[0] != '#' && strings_add(&listed, line) < 0)
                        abort();
        }
        fclose(file);
}

int main(int argc, char **argv) {
        const char *corpora = getenv("BLAST_CORPORA");
        _cleanup_(freep) char *root = string_format("%s/uv-scenarios", corpora ? corpora : ".");
        _cleanup_close_ int directory_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent **entries;
        int n;

        if (directory_fd < 0) {
                printf("skipped: no corpora\n");
                return 77;
        }
        if (argc != 2)
                die("the list of those that cannot hold is missing", argv[0]);
        read_list(argv[1]);
        n = scandir(root, &entries, NULL, alphasort);
        for (int i = 0; i < n; i++) {
                if (entries[i]->d_name[0] != '.')
                        run_folder(directory_fd, root, entries[i]->d_name);
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
        if (n_listed != strings_count(listed))
                die("a scenario of the list does not exist", argv[1]);
        strings_free(listed);
        printf("%zu scenarios, %zu that cannot hold here, %zu wrong\n", n_run, n_listed, n_wrong);
        return n_run == 0 || n_wrong > 0;
}
