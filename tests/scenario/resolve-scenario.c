// SPDX-License-Identifier: LGPL-2.1-or-later

/* Runs the golden files of one directory. A file has three parts:
 *
 *   @GIVEN
 *   a 1.0                     a release; what follows it is about it
 *       needs b>=2
 *       extra x               "needs" with a marker on it is enough to make it count
 *       python >=3.8
 *       wheel cp39-cp39-win_amd64
 *       source                has a source file as well
 *       no-wheel
 *       yanked too slow
 *       uploaded 2024-01-01T00:00:00Z
 *   lock a 1.0                an older lock
 *   @WHEN
 *   python 3.11.2
 *   need a>=1 at pyproject.toml:5
 *   constraint b<3 at limits.txt:1
 *   prereleases
 *   trace
 *   @THEN
 *   what comes out, literally
 *
 * BLAST_UPDATE=1 writes what came out into the file instead of comparing. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "world.h"

enum {
        FILE_MAX = 1024 * 1024
};

typedef struct Scenario {
        World *world;
        WorldRelease *release;
        WorldQuestion question;
        char *memory[8]; /* texts the question borrows */
        size_t n_memory;
} Scenario;

static _noreturn_ void bad_line(const char *file, const char *line) {
        fprintf(stderr, "%s: cannot read '%s'\n", file, line);
        exit(1);
}

static bool read_release_line(Scenario *scenario, const char *line) {
        static const struct {
                const char *word;
                void (*act)(WorldRelease *release, const char *value);
        } words[] = {
                { "needs ", release_add_need },    { "extra ", release_add_extra },
                { "python ", release_set_python }, { "wheel ", release_add_wheel },
                { "yanked ", release_set_yanked }, { "uploaded ", release_set_uploaded },
        };

        if (streq(line, "source")) {
                release_add_source(scenario->release);
                return true;
        }
        if (streq(line, "no-wheel")) {
                release_set_no_wheel(scenario->release);
                return true;
        }
        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                const char *value = string_after(line, words[i].word);

                if (!value)
                        continue;
                words[i].act(scenario->release, value);
                return true;
        }
        return false;
}

static bool read_given(Scenario *scenario, char *line) {
        const char *rest = string_after(line, "lock ");
        char *space;

        if (line[0] == ' ')
                return scenario->release && read_release_line(scenario, line + strspn(line, " "));
        space = strchr(rest ? rest : line, ' ');
        if (!space)
                return false;
        *space = '\0';
        if (rest)
                world_add_preference(scenario->world, rest, space + 1);
        else
                scenario->release = world_add_release(scenario->world, line, space + 1);
        return true;
}

static bool read_when(Scenario *scenario, char *line) {
        const char *value;
        char *at = strstr(line, " at ");

        if (at)
                *at = '\0';
        if ((value = string_after(line, "need ")))
                world_add_root(scenario->world, value, at ? at + 4 : NULL, false);
        else if ((value = string_after(line, "constraint ")))
                world_add_root(scenario->world, value, at ? at + 4 : NULL, true);
        else if ((value = string_after(line, "python ")))
                scenario->question.machine.python = scenario->memory[scenario->n_memory++] =
                                string_format("%s", value);
        else if ((value = string_after(line, "exclude-newer-sec ")))
                scenario->question.exclude_newer_usec = atoll(value) * (int64_t) USEC_PER_SEC;
        else if (streq(line, "prereleases"))
                scenario->question.allow_prereleases = true;
        else if (streq(line, "trace"))
                scenario->question.has_trace = true;
        else
                return false;
        return true;
}

/* Reads up to @THEN and returns where the expected text begins. */
static const char *read_scenario(Scenario *scenario, const char *file, char *text) {
        bool (*reader)(Scenario * scenario, char *line) = NULL;
        char *next;

        for (char *line = text; line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                if (streq(line, "@GIVEN"))
                        reader = read_given;
                else if (streq(line, "@WHEN"))
                        reader = read_when;
                else if (streq(line, "@THEN"))
                        return next ? next : "";
                else if (line[0] != '\0' && line[0] != '#' && (!reader || !reader(scenario, line)))
                        bad_line(file, line);
        }
        bad_line(file, "@THEN is missing");
}

static int update(int directory_fd, const char *name, const char *original, const char *found) {
        _cleanup_(freep) char *text = NULL;
        const char *then = strstr(original, "@THEN\n");

        text = string_format("%.*s@THEN\n%s", (int) (then - original), original, found);
        return file_replace_at(directory_fd, name, text, strlen(text), 0644);
}

static bool run_file(int directory_fd, const char *name) {
        _cleanup_(freep) char *text = NULL, *original = NULL, *found = NULL;
        Scenario scenario = {
                .world = world_new(),
                .question.machine = { "3.11.2", "linux", "x86_64", "cpython" },
        };
        const char *wanted;
        size_t size;
        bool is_right;

        if (file_read_at(directory_fd, name, FILE_MAX, &text, &size) < 0)
                bad_line(name, "the file");
        original = string_format("%s", text);
        wanted = read_scenario(&scenario, name, text);
        found = world_resolve(scenario.world, &scenario.question, NULL);
        is_right = streq(found, wanted);
        if (!is_right && getenv("BLAST_UPDATE"))
                is_right = update(directory_fd, name, original, found) >= 0;
        if (!is_right)
                printf("%s: wanted\n%s--- found\n%s---\n", name, wanted, found);
        world_free(scenario.world);
        for (size_t i = 0; i < scenario.n_memory; i++)
                free(scenario.memory[i]);
        return is_right;
}

int main(int argc, char **argv) {
        _cleanup_close_ int directory_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        size_t n_run = 0, n_wrong = 0;
        struct dirent **entries;
        int n;

        if (argc != 2 || directory_fd < 0)
                bad_line(argc > 1 ? argv[1] : "arguments", "a directory");
        n = scandir(argv[1], &entries, NULL, alphasort);
        for (int i = 0; i < n; i++) {
                if (text_ends_with(text_of(entries[i]->d_name), ".test") &&
                    (argc == 2 || streq(argv[2], entries[i]->d_name))) {
                        n_run++;
                        n_wrong += !run_file(directory_fd, entries[i]->d_name);
                }
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
        printf("%zu scenarios, %zu wrong\n", n_run, n_wrong);
        return n_run == 0 || n_wrong > 0;
}
