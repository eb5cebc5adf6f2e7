// SPDX-License-Identifier: LGPL-2.1-or-later

/* The real blast-unpack, behind its walls, on wheels made by tests/fakes/make-wheel.py. */

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "package/store.h"
#include "test.h"
#include "unpacking.h"

/* A cache of its own with a store and a wheel in it; removed at the end. */
typedef struct World {
        char path[64];
        int cache_fd;
        Store *store;
        int wheel_fd;
        char *filename;
        Digest digest;
} World;

static void world_done(World *world) {
        (void) store_free(world->store);
        (void) fd_close(world->cache_fd);
        (void) fd_close(world->wheel_fd);
        free(world->filename);
        if (world->path[0])
                ASSERT_OK(tree_remove_at(AT_FDCWD, world->path));
}

/* Runs make-wheel.py with the arguments given besides the directory; its path comes back. */
static void make_wheel(World *world, const char *const *arguments) {
        char *argv[32] = {
                getenv("PYTHON"),
                getenv("MAKE_WHEEL"),
                (char *) "--directory",
                world->path,
        };
        char output[256] = {};
        Child child = CHILD_NULL;
        int fds[2], status = 0;
        size_t n = 4;

        for (; arguments && *arguments; arguments++)
                argv[n++] = (char *) *arguments;
        ASSERT_OK(pipe2(fds, O_CLOEXEC));
        const ChildSpec spec = {
                .path = argv[0],
                .argv = argv,
                .stdio = { -1, fds[1], STDERR_FILENO },
                .uid = (uid_t) -1,
                .gid = (gid_t) -1,
        };
        ASSERT_OK(child_spawn(&spec, &child));
        (void) close(fds[1]);
        ASSERT_TRUE(read(fds[0], output, sizeof(output) - 1) > 0);
        (void) close(fds[0]);
        ASSERT_OK(child_wait(&child, &status));
        ASSERT_INT(status, 0);
        output[strcspn(output, "\n")] = '\0';
        world->wheel_fd = open(output, O_RDONLY | O_CLOEXEC);
        ASSERT_OK(world->wheel_fd);
        world->filename = strdup(strrchr(output, '/') + 1);
        ASSERT_OK(digest_of_fd(world->wheel_fd, &world->digest));
}

static World make_world(const char *const *arguments) {
        World world = { .path = "/tmp/test-unpack-XXXXXX", .cache_fd = -EBADF, .wheel_fd = -EBADF };

        ASSERT_NOT_NULL(mkdtemp(world.path));
        world.cache_fd = open(world.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(world.cache_fd);
        ASSERT_OK(store_open(world.cache_fd, &world.store, NULL));
        make_wheel(&world, arguments);
        return world;
}

static Stage make_stage(World *world) {
        char name[STORE_NAME_SIZE];
        Stage stage = STAGE_NULL;

        store_tree_name(&world->digest, name);
        ASSERT_OK(store_stage(world->store, STORE_TREE, name, &stage, NULL));
        return stage;
}

static UnpackAnswer unpack_into(World *world, const Stage *stage) {
        const UnpackRequest request = {
                .filename = world->filename,
                .digest = world->digest,
                .size_max_bytes = UNPACK_SIZE_MAX_BYTES,
                .n_files_max = UNPACK_FILES_MAX,
                .is_flushed_later = true,
        };
        UnpackAnswer answer = {};

        ASSERT_OK(unpack_wheel(world->wheel_fd, &request, stage->fd, &answer));
        return answer;
}

static void assert_fault(const Fault *fault, FaultCode code, const char *needle) {
        if (fault->code != code || !strstr(fault->message, needle))
                test_fail(__FILE__,
                          __LINE__,
                          "the fault is %s: %s, wanted %s: …%s…",
                          fault_code_to_string(fault->code),
                          fault->message ? fault->message : "-",
                          fault_code_to_string(code),
                          needle);
}

/* The wheel broken in one way is refused with this, and no tree comes to be. */
static void check_break(const char *name, FaultCode code, const char *needle) {
        const char *const arguments[] = { "--break", name, NULL };
        _cleanup_(world_done) World world = make_world(arguments);
        _cleanup_stage_ Stage stage = make_stage(&world);
        _cleanup_(unpack_answer_done) UnpackAnswer answer = unpack_into(&world, &stage);

        assert_fault(&answer.fault, code, needle);
        ASSERT_NULL(answer.name);
        ASSERT_TRUE(faccessat(stage.fd, "facts", F_OK, 0) < 0);
}

static mode_t mode_of(int directory_fd, const char *path) {
        struct stat status;

        if (fstatat(directory_fd, path, &status, AT_SYMLINK_NOFOLLOW) < 0)
                test_fail(__FILE__, __LINE__, "'%s' is not there", path);
        return status.st_mode;
}

TEST(valid_wheel_becomes_a_read_only_tree_with_its_facts) {
        const char *const arguments[] = {
                "--script",  "hello=example.cli:main",
                "--file",    "boot.pth=import os",
                "--file",    "example/__pycache__/cli.cpython-311.pyc=evil",
                "--file",    "example-1.0.data/data/share/doc.txt=x",
                "--file",    "example-1.0.data/headers/example.h=y",
                "--file",    "example-1.0.dist-info/INSTALLER=pip",
                "--program", "example-1.0.data/scripts/tool=#!python",
                "--program", "example/run.sh=#!/bin/sh",
                NULL,
        };
        _cleanup_(world_done) World world = make_world(arguments);
        _cleanup_(unpack_answer_done) UnpackAnswer answer = {}, facts = {};
        _cleanup_close_ int tree_fd = -EBADF;
        _cleanup_(freep) char *record = NULL, *installer = NULL;
        Stage stage = make_stage(&world);
        char name[STORE_NAME_SIZE];

        answer = unpack_into(&world, &stage);
        ASSERT_STREQ(answer.fault.message, NULL);
        ASSERT_STREQ(answer.name, "example");
        ASSERT_STREQ(answer.version, "1.0");
        ASSERT_INT(answer.n_scripts, 1);
        ASSERT_STREQ(answer.scripts[0].module, "example.cli");
        ASSERT_STREQ(answer.data_scripts[0], "tool");
        ASSERT_STREQ(answer.startup_hooks[0], "boot.pth");
        ASSERT_TRUE(answer.has_data && answer.has_headers);
        ASSERT_INT(store_publish(world.store, &stage, 1, NULL), 1);
        store_tree_name(&world.digest, name);
        tree_fd = store_open_directory(world.store, STORE_TREE, name);
        ASSERT_OK(tree_fd);
        ASSERT_INT(mode_of(tree_fd, "site-packages"), S_IFDIR | 0555);
        ASSERT_INT(mode_of(tree_fd, "."), S_IFDIR | 0555);
        ASSERT_INT(mode_of(tree_fd, "site-packages/example/cli.py"), S_IFREG | 0444);
        ASSERT_INT(mode_of(tree_fd, "site-packages/example/run.sh"), S_IFREG | 0555);
        ASSERT_INT(mode_of(tree_fd, "scripts/tool"), S_IFREG | 0555);
        ASSERT_INT(mode_of(tree_fd, "data/share/doc.txt"), S_IFREG | 0444);
        ASSERT_INT(mode_of(tree_fd, "headers/example.h"), S_IFREG | 0444);
        ASSERT_TRUE(faccessat(tree_fd, "site-packages/example/__pycache__", F_OK, 0) < 0);
        ASSERT_OK(
                        file_read_at(tree_fd,
                                     "site-packages/example-1.0.dist-info/RECORD",
                                     1 << 20,
                                     &record,
                                     NULL));
        ASSERT_NOT_NULL(strstr(record, "\n../../../bin/hello,,\n"));
        ASSERT_NOT_NULL(strstr(record, "../../../share/doc.txt,sha256="));
        ASSERT_NULL(strstr(record, "__pycache__"));
        ASSERT_OK(
                        file_read_at(tree_fd,
                                     "site-packages/example-1.0.dist-info/INSTALLER",
                                     100,
                                     &installer,
                                     NULL));
        ASSERT_STREQ(installer, "blast\n");
        ASSERT_OK(store_load_facts(world.store, &world.digest, &facts));
        ASSERT_INT(facts.n_files, answer.n_files);
        ASSERT_STREQ(facts.scripts[0].name, "hello");
}

TEST(large_member_is_inflated_into_its_file) {
        const char *const arguments[] = { "--big", "20", NULL };
        _cleanup_(world_done) World world = make_world(arguments);
        _cleanup_stage_ Stage stage = make_stage(&world);
        _cleanup_(unpack_answer_done) UnpackAnswer answer = unpack_into(&world, &stage);
        struct stat status;

        ASSERT_STREQ(answer.fault.message, NULL);
        ASSERT_OK(fstatat(stage.fd, "site-packages/example/big.bin", &status, 0));
        ASSERT_INT(status.st_size, 20 * 1024 * 1024);
}

TEST(stored_members_are_taken) {
        const char *const arguments[] = { "--stored", NULL };
        _cleanup_(world_done) World world = make_world(arguments);
        _cleanup_stage_ Stage stage = make_stage(&world);
        _cleanup_(unpack_answer_done) UnpackAnswer answer = unpack_into(&world, &stage);

        ASSERT_STREQ(answer.fault.message, NULL);
}

TEST(broken_wheels_are_refused_each_with_its_reason) {
        static const struct {
                const char *name;
                FaultCode code;
                const char *needle;
        } breaks[] = {
                { "crc", FAULT_WHEEL_INVALID, "its checksum is wrong" },
                { "data-scheme", FAULT_WHEEL_INVALID, "a part that is not known" },
                { "data-venv", FAULT_WHEEL_INVALID, "files of the environment itself" },
                { "dist-info-missing", FAULT_WHEEL_INVALID, "no .dist-info directory" },
                { "dist-info-name", FAULT_METADATA_INVALID, "its name is 'another'" },
                { "dist-info-twice", FAULT_WHEEL_INVALID, "more than one directory" },
                { "duplicate", FAULT_WHEEL_INVALID, "is there twice" },
                { "entry-point", FAULT_WHEEL_INVALID, "'module:function'" },
                { "link", FAULT_WHEEL_INVALID, "is a link" },
                { "metadata-name", FAULT_METADATA_INVALID, "METADATA says its name is 'another'" },
                { "metadata-version", FAULT_METADATA_INVALID, "METADATA says version '9.9'" },
                { "prefix", FAULT_WHEEL_INVALID, "cannot be trusted" },
                { "record-digest", FAULT_HASH_MISMATCH, "another SHA-256 than RECORD" },
                { "record-extra", FAULT_WHEEL_INVALID, "'absent.py', which is not there" },
                { "record-missing", FAULT_WHEEL_INVALID, "no digest of 'unlisted.py'" },
                { "record-size", FAULT_HASH_MISMATCH, "another size than RECORD" },
                { "record-syntax", FAULT_WHEEL_INVALID, "a quote is never closed" },
                { "same-place", FAULT_WHEEL_INVALID, "the same place as another" },
                { "script-name", FAULT_WHEEL_INVALID, "cannot be used in bin/" },
                { "script-python", FAULT_WHEEL_INVALID, "cannot be used in bin/" },
                { "suffix", FAULT_WHEEL_INVALID, "no end record" },
                { "tag", FAULT_WHEEL_INVALID, "the tag py3-none-any" },
                { "traversal", FAULT_WHEEL_INVALID, "leads elsewhere" },
                { "truncated", FAULT_WHEEL_INVALID, "truncated" },
                { "wheel-version", FAULT_WHEEL_INVALID, "not 1.x" },
        };

        for (size_t i = 0; i < ELEMENTSOF(breaks); i++)
                check_break(breaks[i].name, breaks[i].code, breaks[i].needle);
}

TEST(wheel_with_another_digest_is_refused_before_it_is_opened) {
        _cleanup_(world_done) World world = make_world(NULL);
        _cleanup_stage_ Stage stage = make_stage(&world);
        _cleanup_(unpack_answer_done) UnpackAnswer answer = {};

        world.digest.bytes[0] ^= 1;
        answer = unpack_into(&world, &stage);
        assert_fault(&answer.fault, FAULT_HASH_MISMATCH, "was expected");
}

TEST(wheel_under_another_name_is_refused) {
        _cleanup_(world_done) World world = make_world(NULL);
        _cleanup_stage_ Stage stage = make_stage(&world);
        _cleanup_(unpack_answer_done) UnpackAnswer answer = {};

        free(world.filename);
        world.filename = strdup("popular-1.0-py3-none-any.whl");
        answer = unpack_into(&world, &stage);
        assert_fault(&answer.fault, FAULT_METADATA_INVALID, "its file name says 'popular'");
}

TEST(limits_of_the_request_are_kept) {
        const char *const arguments[] = { "--files", "10", NULL };
        _cleanup_(world_done) World world = make_world(arguments);
        const struct {
                uint64_t size;
                uint32_t n_files;
        } limits[] = { { UNPACK_SIZE_MAX_BYTES, 5 }, { 100, UNPACK_FILES_MAX } };

        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                _cleanup_stage_ Stage stage = make_stage(&world);
                _cleanup_(unpack_answer_done) UnpackAnswer answer = {};
                const UnpackRequest request = {
                        .filename = world.filename,
                        .digest = world.digest,
                        .size_max_bytes = limits[i].size,
                        .n_files_max = limits[i].n_files,
                };

                ASSERT_OK(unpack_wheel(world.wheel_fd, &request, stage.fd, &answer));
                assert_fault(&answer.fault, FAULT_LIMIT_EXCEEDED, "larger than allowed");
        }
}

/* RLIMIT_FSIZE stands for every way in which a file cannot grow: the worker lives to tell. */
TEST(file_that_may_not_grow_is_a_fault_and_no_death) {
        const char *const arguments[] = {
                "--file", "example/long.py=0123456789", "--big", "1", NULL
        };
        _cleanup_(world_done) World world = make_world(arguments);
        _cleanup_stage_ Stage stage = make_stage(&world);
        _cleanup_(unpack_answer_done) UnpackAnswer answer = {};
        const int fds[] = { world.wheel_fd, stage.fd };
        const UnpackRequest request = {
                .filename = world.filename,
                .digest = world.digest,
                .size_max_bytes = UNPACK_SIZE_MAX_BYTES,
                .n_files_max = UNPACK_FILES_MAX,
        };
        _cleanup_(freep) void *packet = NULL;
        const void *data = NULL;
        Unpacking unpacking;
        size_t size = 0;

        ASSERT_OK(unpack_request_encode(&request, &packet, &size));
        ASSERT_OK(unpacking_start(packet, size, fds, 2, 4096, &unpacking));
        ASSERT_OK(unpacking_finish(&unpacking, &data, &size, NULL));
        ASSERT_OK(unpack_answer_decode(data, size, &answer));
        (void) munmap((void *) data, size);
        assert_fault(&answer.fault, FAULT_LIMIT_EXCEEDED, "larger than a file may be");
}

TEST(kill_in_the_middle_leaves_no_tree_and_the_next_start_sweeps) {
        const char *const arguments[] = { "--files", "3000", "--lines", "200", NULL };
        _cleanup_(world_done) World world = make_world(arguments);
        _cleanup_(strings_freep) char **names = NULL;
        Stage stage = make_stage(&world);
        const int fds[] = { world.wheel_fd, stage.fd };
        const UnpackRequest request = {
                .filename = world.filename,
                .digest = world.digest,
                .size_max_bytes = UNPACK_SIZE_MAX_BYTES,
                .n_files_max = UNPACK_FILES_MAX,
        };
        _cleanup_(freep) void *packet = NULL;
        const void *data = NULL;
        Unpacking unpacking;
        char name[STORE_NAME_SIZE];
        size_t size = 0;

        ASSERT_OK(unpack_request_encode(&request, &packet, &size));
        ASSERT_OK(unpacking_start(packet, size, fds, 2, 0, &unpacking));
        /* As soon as the first module is there, the others are not. */
        while (faccessat(stage.fd, "site-packages/example/part0", F_OK, 0) < 0)
                (void) usleep(200);
        ASSERT_OK(kill(unpacking.child.pid, SIGKILL));
        ASSERT_ERROR(unpacking_finish(&unpacking, &data, &size, NULL), EPIPE);
        ASSERT_TRUE(faccessat(stage.fd, "facts", F_OK, 0) < 0);
        store_tree_name(&world.digest, name);
        ASSERT_FALSE(store_has(world.store, STORE_TREE, name));
        /* The daemon died, too: its stage is never done. */
        (void) close(stage.fd);
        ASSERT_OK(store_sweep(world.store));
        ASSERT_OK(store_list(world.store, STORE_TREE, &names));
        ASSERT_INT(strings_count(names), 0);
        stage = make_stage(&world);
        ASSERT_TRUE(faccessat(stage.fd, "site-packages", F_OK, 0) < 0);
        stage_done(&stage);
}

TEST(confinement_test_finds_every_attempt_refused) {
        char *argv[] = { (char *) "blast-unpack", (char *) "--confinement-test", NULL };
        char output[2048] = {};
        Child child = CHILD_NULL;
        int fds[2], status = 0;
        size_t n = 0;

        ASSERT_OK(pipe2(fds, O_CLOEXEC));
        const ChildSpec spec = {
                .path = getenv("BLAST_UNPACK"),
                .argv = argv,
                .stdio = { -1, fds[1], STDERR_FILENO },
                .uid = (uid_t) -1,
                .gid = (gid_t) -1,
        };
        ASSERT_OK(child_spawn(&spec, &child));
        (void) close(fds[1]);
        for (ssize_t k; (k = read(fds[0], output + n, sizeof(output) - 1 - n)) > 0;)
                n += (size_t) k;
        (void) close(fds[0]);
        ASSERT_OK(child_wait(&child, &status));
        ASSERT_INT(status, 0);
        static const char *const lines[] = {
                "internet-socket refused", "unix-socket refused",
                "exec refused EPERM",      "fork refused",
                "trace refused EPERM",     "unknown-call refused ENOSYS",
        };
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                if (!strstr(output, lines[i]))
                        test_fail(__FILE__, __LINE__, "no '%s' in: %s", lines[i], output);
        }
        if (strstr(output, "landlock yes"))
                ASSERT_NOT_NULL(strstr(output, "open-file refused EACCES"));
        ASSERT_NULL(strstr(output, "POSSIBLE"));
}

/* Publishes the world's wheel and copies it as @link_mode says. */
static MaterialiseAnswer
copy_tree(World *world, LinkMode link_mode, int destination_fd, const char *destination) {
        _cleanup_(unpack_answer_done) UnpackAnswer unpacked = {};
        MaterialiseAnswer answer = {};
        char name[STORE_NAME_SIZE], source[STORE_NAME_SIZE + 32];

        store_tree_name(&world->digest, name);
        if (!store_has(world->store, STORE_TREE, name)) {
                Stage stage = make_stage(world);

                unpacked = unpack_into(world, &stage);
                ASSERT_STREQ(unpacked.fault.message, NULL);
                ASSERT_INT(store_publish(world->store, &stage, 1, NULL), 1);
        }
        (void) snprintf(source, sizeof(source), "%s/site-packages", name);
        MaterialiseItem items[] = {
                { .source = source, .destination = (char *) destination },
                { .is_bytecode = true, .source = (char *) "absent", .destination = (char *) "" },
        };
        const MaterialiseRequest request = {
                .items = items,
                .n_items = ELEMENTSOF(items),
                .link_mode = link_mode,
                .is_flushed = true,
        };
        ASSERT_OK(materialise_trees(
                        &request,
                        destination_fd,
                        store_get_directory(world->store, STORE_TREE),
                        store_get_directory(world->store, STORE_BYTECODE),
                        &answer));
        return answer;
}

TEST(copies_for_editors_belong_to_their_user_and_leave_the_store_alone) {
        const char *const arguments[] = { "--program", "example/run.sh=x", "--big", "1", NULL };
        _cleanup_(world_done) World world = make_world(arguments);
        static const LinkMode modes[] = { LINK_CLONE, LINK_COPY };

        for (size_t i = 0; i < ELEMENTSOF(modes); i++) {
                _cleanup_(materialise_answer_done) MaterialiseAnswer answer = {};
                _cleanup_close_ int fd = -EBADF;
                struct stat status;

                fd = directory_open_or_make(world.cache_fd, i == 0 ? "a" : "b", 0755);
                ASSERT_OK(fd);
                answer = copy_tree(&world, modes[i], fd, "lib/site-packages");
                ASSERT_STREQ(answer.fault.message, NULL);
                ASSERT_INT(answer.n_linked, 0);
                ASSERT_INT(answer.n_files, 8);
                ASSERT_INT(mode_of(fd, "lib/site-packages/example/cli.py"), S_IFREG | 0644);
                ASSERT_INT(mode_of(fd, "lib/site-packages/example/run.sh"), S_IFREG | 0755);
                ASSERT_OK(fstatat(fd, "lib/site-packages/example/big.bin", &status, 0));
                ASSERT_INT(status.st_size, 1024 * 1024);
                ASSERT_INT(status.st_nlink, 1);
        }
}

TEST(hard_links_are_made_only_when_asked_for) {
        _cleanup_(world_done) World world = make_world(NULL);
        _cleanup_(materialise_answer_done) MaterialiseAnswer answer = {};
        _cleanup_close_ int fd = directory_open_or_make(world.cache_fd, "a", 0755);

        answer = copy_tree(&world, LINK_HARD, fd, "");
        ASSERT_STREQ(answer.fault.message, NULL);
        ASSERT_INT(answer.n_linked, answer.n_files);
        ASSERT_INT(mode_of(fd, "example/cli.py"), S_IFREG | 0444);
}
