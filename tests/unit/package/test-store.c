// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "package/store.h"
#include "test.h"

typedef struct World {
        char path[32];
        int cache_fd;
        Store *store;
} World;

static World make_world(void) {
        World world = { .path = "/tmp/test-store-XXXXXX" };

        ASSERT_NOT_NULL(mkdtemp(world.path));
        world.cache_fd = open(world.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(world.cache_fd);
        ASSERT_OK(store_open(world.cache_fd, &world.store, NULL));
        return world;
}

static void world_done(World *world) {
        (void) store_free(world->store);
        (void) close(world->cache_fd);
        ASSERT_OK(tree_remove_at(AT_FDCWD, world->path));
}

static Digest digest_of(const char *text) {
        Digest digest;

        ASSERT_OK(digest_of_bytes(text, strlen(text), &digest));
        return digest;
}

static Stage stage_tree(World *world, const Digest *digest, const char *content) {
        _cleanup_close_ int fd = -EBADF;
        char name[STORE_NAME_SIZE];
        Stage stage = STAGE_NULL;

        store_tree_name(digest, name);
        ASSERT_OK(store_stage(world->store, STORE_TREE, name, &stage, NULL));
        ASSERT_OK(mkdirat(stage.fd, "site-packages", 0755));
        fd = openat(stage.fd, "site-packages/x", O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
        ASSERT_OK(fd);
        ASSERT_OK(file_write_all(fd, content, strlen(content)));
        ASSERT_OK(fchmodat(stage.fd, "site-packages", 0555, 0));
        return stage;
}

static size_t count_entries(int directory_fd, const char *name) {
        _cleanup_close_ int fd = file_open_beneath(directory_fd, name, O_RDONLY | O_DIRECTORY, 0);
        struct stat status;

        ASSERT_OK(fd);
        ASSERT_OK(fstat(fd, &status));
        return status.st_nlink; /* 2 and one for each directory, where the file system counts */
}

TEST(stage_is_invisible_until_it_is_published) {
        _cleanup_(world_done) World world = make_world();
        Digest digest = digest_of("a");
        Stage stage = stage_tree(&world, &digest, "one");
        _cleanup_(freep) char *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        char name[STORE_NAME_SIZE];

        store_tree_name(&digest, name);
        ASSERT_FALSE(store_has(world.store, STORE_TREE, name));
        ASSERT_ERROR(store_open_directory(world.store, STORE_TREE, name), ENOENT);
        ASSERT_INT(store_publish(world.store, &stage, 1, NULL), 1);
        ASSERT_NULL(stage.store);
        ASSERT_TRUE(store_has(world.store, STORE_TREE, name));
        fd = store_open_directory(world.store, STORE_TREE, name);
        ASSERT_OK(fd);
        ASSERT_OK(file_read_at(fd, "site-packages/x", 10, &text, NULL));
        ASSERT_STREQ(text, "one");
}

TEST(loser_of_a_race_is_removed_and_the_first_stays) {
        _cleanup_(world_done) World world = make_world();
        Digest digest = digest_of("a");
        Stage stages[] = {
                stage_tree(&world, &digest, "one"),
                stage_tree(&world, &digest, "two"),
        };
        _cleanup_(freep) char *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        char name[STORE_NAME_SIZE];

        ASSERT_INT(store_publish(world.store, stages, 2, NULL), 1);
        store_tree_name(&digest, name);
        fd = store_open_directory(world.store, STORE_TREE, name);
        ASSERT_OK(file_read_at(fd, "site-packages/x", 10, &text, NULL));
        ASSERT_STREQ(text, "one");
        ASSERT_TRUE(count_entries(world.cache_fd, "staging") <= 2);
}

TEST(stage_that_is_given_up_leaves_nothing) {
        _cleanup_(world_done) World world = make_world();
        Digest digest = digest_of("a");
        Stage stage = stage_tree(&world, &digest, "one");

        stage_done(&stage);
        stage_done(&stage); /* harmless */
        ASSERT_TRUE(count_entries(world.cache_fd, "staging") <= 2);
}

TEST(sweep_removes_what_a_crash_left) {
        _cleanup_(world_done) World world = make_world();
        Digest digest = digest_of("a");
        Stage stage = stage_tree(&world, &digest, "one");

        (void) close(stage.fd); /* as if the process were gone */
        ASSERT_OK(mkdirat(world.cache_fd, "trash/0123", 0555));
        ASSERT_OK(store_sweep(world.store));
        ASSERT_TRUE(count_entries(world.cache_fd, "staging") <= 2);
        ASSERT_TRUE(count_entries(world.cache_fd, "trash") <= 2);
}

TEST(removing_a_tree_removes_its_bytecode_and_no_other) {
        _cleanup_(world_done) World world = make_world();
        _cleanup_(strings_freep) char **trees = NULL, **bytecode = NULL;
        const Digest digests[] = { digest_of("a"), digest_of("b") }, interpreter = digest_of("p");
        char name[STORE_NAME_SIZE];

        for (size_t i = 0; i < 2; i++) {
                Stage stage = stage_tree(&world, &digests[i], "x");

                ASSERT_INT(store_publish(world.store, &stage, 1, NULL), 1);
                ASSERT_OK(store_bytecode_name(&digests[i], "cpython-311", &interpreter, name));
                ASSERT_OK(store_stage(world.store, STORE_BYTECODE, name, &stage, NULL));
                ASSERT_INT(store_publish(world.store, &stage, 1, NULL), 1);
        }
        store_tree_name(&digests[0], name);
        ASSERT_OK(store_remove(world.store, STORE_TREE, name));
        ASSERT_OK(store_remove(world.store, STORE_TREE, name)); /* absent is success */
        ASSERT_OK(store_list(world.store, STORE_TREE, &trees));
        ASSERT_OK(store_list(world.store, STORE_BYTECODE, &bytecode));
        ASSERT_INT(strings_count(trees), 1);
        ASSERT_INT(strings_count(bytecode), 1);
        store_tree_name(&digests[1], name);
        ASSERT_STREQ(trees[0], name);
        ASSERT_NOT_NULL(string_after(bytecode[0], name));
        ASSERT_TRUE(count_entries(world.cache_fd, "trash") <= 2);
}

TEST(bytecode_name_holds_tree_tag_and_interpreter) {
        const Digest tree = digest_of("a"), interpreter = digest_of("p");
        char name[STORE_NAME_SIZE], hex[DIGEST_HEX_SIZE];

        ASSERT_OK(store_bytecode_name(&tree, "cpython-311", &interpreter, name));
        ASSERT_INT(strlen(name), 64 + 1 + 11 + 1 + 16);
        digest_to_hex(&interpreter, hex);
        ASSERT_INT(strncmp(name + 77, hex, 16), 0);
        ASSERT_ERROR(store_bytecode_name(&tree, "../x", &interpreter, name), EINVAL);
        ASSERT_ERROR(store_bytecode_name(&tree, "", &interpreter, name), EINVAL);
}

TEST(names_that_are_not_the_stores_are_not_found) {
        _cleanup_(world_done) World world = make_world();

        ASSERT_FALSE(store_has(world.store, STORE_TREE, ".."));
        ASSERT_FALSE(store_has(world.store, STORE_TREE, "../staging"));
        ASSERT_ERROR(store_open_directory(world.store, STORE_TREE, "../staging"), ENOENT);
}

TEST(tree_with_foreign_facts_is_reported) {
        _cleanup_(world_done) World world = make_world();
        Digest digest = digest_of("a");
        Stage stage = stage_tree(&world, &digest, "one");
        UnpackAnswer facts = {};

        ASSERT_ERROR(store_load_facts(world.store, &digest, &facts), ENOENT);
        ASSERT_OK(symlinkat("/etc/passwd", stage.fd, "other"));
        ASSERT_INT(store_publish(world.store, &stage, 1, NULL), 1);
        ASSERT_ERROR(store_load_facts(world.store, &digest, &facts), EBADMSG);
}
