// SPDX-License-Identifier: LGPL-2.1-or-later

/* Plans, and the golden files of tests/scenario/plan: "@GIVEN old|new|stored" (name version letter [direct]
 * [bytes] on each line; of stored, letters), "@WHEN plan", "@THEN" and what is printed. */

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "config.h"
#include "sync/plan.h"
#include "test.h"

typedef struct World {
        LockPackage old_packages[64];
        LockPackage new_packages[64];
        Lock old;
        Lock new;
        bool has_old;
        bool is_stored[256];
        char *wanted;
        char **memory; /* owns the words */
} World;

static const char *keep(World *world, Text word) {
        ASSERT_OK(strings_consume(&world->memory, text_to_string(word)));
        return world->memory[strings_count(world->memory) - 1];
}

static void read_package(World *world, Lock *lock, Text line) {
        LockPackage *package = &lock->packages[lock->n_packages++];
        Text word;

        ASSERT_TRUE(lock->n_packages < 64);
        *package = (LockPackage){};
        ASSERT_TRUE(text_cut(&line, ' ', &word));
        package->name = keep(world, word);
        ASSERT_TRUE(text_cut(&line, ' ', &word));
        package->version = keep(world, word);
        ASSERT_TRUE(text_cut(&line, ' ', &word));
        package->digest.bytes[0] = (uint8_t) word.data[0];
        while (text_cut(&line, ' ', &word))
                if (text_equals_string(word, "direct"))
                        package->is_direct = true;
                else
                        ASSERT_OK(text_to_u64(word, &package->size_bytes));
}

static void read_world(World *world, Text text) {
        Lock *lock = NULL;
        Text line;

        while (text_cut(&text, '\n', &line)) {
                if (text_equals_string(line, "@GIVEN old")) {
                        lock = &world->old;
                        world->has_old = true;
                } else if (text_equals_string(line, "@GIVEN new"))
                        lock = &world->new;
                else if (text_equals_string(line, "@GIVEN stored"))
                        lock = NULL;
                else if (text_equals_string(line, "@THEN")) {
                        world->wanted = text_to_string(text);
                        return;
                } else if (text_starts_with(line, "@") || text_starts_with(line, "#") ||
                           line.length == 0)
                        continue;
                else if (lock)
                        read_package(world, lock, line);
                else
                        for (size_t i = 0; i < line.length; i++)
                                world->is_stored[(uint8_t) line.data[i]] = true;
        }
}

static bool is_stored(const Digest *tree, void *userdata) {
        const World *world = userdata;
        return world->is_stored[tree->bytes[0]];
}

static void run_scenario(int directory_fd, const char *name) {
        static World world;
        _cleanup_(freep) char *data = NULL, *found = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        size_t size;

        world = (World){};
        world.old.packages = world.old_packages;
        world.new.packages = world.new_packages;
        ASSERT_OK(file_read_at(directory_fd, name, 65536, &data, &size));
        read_world(&world, (Text){ data, size });
        ASSERT_NOT_NULL(world.wanted);
        ASSERT_OK(plan_new(
                        world.has_old ? &world.old : NULL, &world.new, is_stored, &world, &plan));
        ASSERT_OK(plan_format(plan, &found));
        if (strcmp(found, world.wanted) != 0)
                test_fail(__FILE__, __LINE__, "%s: found\n%swanted\n%s", name, found, world.wanted);
        free(world.wanted);
        (void) strings_free(world.memory);
}

TEST(plan_golden_files_are_printed_as_written) {
        int fd = open(BLAST_SOURCE_DIR "/tests/scenario/plan", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        size_t n = 0;

        ASSERT_OK(fd);
        DIR *directory = fdopendir(fd);
        for (struct dirent *entry; (entry = readdir(directory));)
                if (text_ends_with(text_of(entry->d_name), ".test")) {
                        run_scenario(fd, entry->d_name);
                        n++;
                }
        (void) closedir(directory);
        ASSERT_TRUE(n >= 5);
}

TEST(plan_versions_are_ordered_as_in_pep_440) {
        static const char *const ascending[] = {
                "1.0.dev1",  "1.0a1.dev2", "1.0a1",     "1.0a2", "1.0b1",   "1.0rc1",
                "1.0",       "1.0+abc",    "1.0+abc.5", "1.0+5", "1.0+5.1", "1.0.post1.dev1",
                "1.0.post1", "1.0.1",      "1.2",       "1.10",  "2024.1",  "1!0.1",
        };

        for (size_t i = 0; i < ELEMENTSOF(ascending); i++)
                for (size_t j = 0; j < ELEMENTSOF(ascending); j++) {
                        int wanted = i < j ? -1 : i > j;
                        if (plan_compare_versions(ascending[i], ascending[j]) != wanted)
                                test_fail(__FILE__,
                                          __LINE__,
                                          "%s against %s",
                                          ascending[i],
                                          ascending[j]);
                }
        ASSERT_INT(plan_compare_versions("1.0", "1.0.0"), 0);
        ASSERT_INT(plan_compare_versions("99999999999999999999999", "1"), 1);
}

TEST(plan_of_equal_locks_has_no_cause) {
        LockPackage packages[] = { { .name = "a", .version = "1", .digest.bytes = { 'a' } } };
        const Lock lock = { .packages = packages, .n_packages = 1 };
        static World world;
        _cleanup_(plan_freep) Plan *plan = NULL;

        world.is_stored['a'] = true;
        ASSERT_OK(plan_new(&lock, &lock, is_stored, &world, &plan));
        ASSERT_INT(plan_get_causes(plan), 0);
        ASSERT_INT(plan_count(plan), 1);
        plan_add_cause(plan, PLAN_CAUSE_MOVED);
        ASSERT_INT(plan_get_causes(plan), PLAN_CAUSE_MOVED);
}
