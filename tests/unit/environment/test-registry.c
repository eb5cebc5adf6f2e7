// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/packet.h"
#include "basic/text.h"
#include "environment/registry.h"
#include "test.h"

typedef struct Ground {
        char path[PATH_MAX];
        int fd;
        int state_fd;
        char state_path[PATH_MAX + 16];
} Ground;

static void ground_open(Ground *ground) {
        const char *base = getenv("TMPDIR") ?: "/tmp";

        (void) snprintf(ground->path, sizeof(ground->path), "%s/test-registry-XXXXXX", base);
        ASSERT_NOT_NULL(mkdtemp(ground->path));
        ground->fd = open(ground->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(ground->fd);
        ground->state_fd = directory_open_or_make(ground->fd, "state", 0700);
        ASSERT_OK(ground->state_fd);
        (void) snprintf(ground->state_path, sizeof(ground->state_path), "%s/state", ground->path);
}

static void ground_close(Ground *ground) {
        char *slash = strrchr(ground->path, '/');
        *slash = '\0';
        int parent = open(ground->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(tree_remove_at(parent, slash + 1));
        (void) close(parent);
        (void) close(ground->fd);
        (void) close(ground->state_fd);
}

static Registry *open_registry(const Ground *ground) {
        Registry *registry = NULL;
        ASSERT_OK(registry_open(ground->state_fd, ground->state_path, NULL, &registry));
        return registry;
}

/* Makes or finds the environment of a directory of the ground; its id is kept in @ret_id. */
static int
ensure(Registry *registry,
       const Ground *ground,
       const char *project,
       const char *name,
       char ret_id[ENVIRONMENT_ID_SIZE]) {
        _cleanup_close_ int fd = directory_open_or_make(ground->fd, project, 0755);
        EnvironmentRecord *record = NULL;
        ASSERT_OK(fd);
        int r = registry_ensure(registry, fd, name, NULL, &record);
        if (r >= 0)
                memcpy(ret_id, record->id, ENVIRONMENT_ID_SIZE);
        return r;
}

TEST(registry_new_project_is_made_once) {
        Ground ground;
        char first[ENVIRONMENT_ID_SIZE], second[ENVIRONMENT_ID_SIZE];
        ground_open(&ground);
        _cleanup_(registry_freep) Registry *registry = open_registry(&ground);
        ASSERT_INT(ensure(registry, &ground, "one", "", first), 1);
        ASSERT_INT(ensure(registry, &ground, "one", "", second), 0);
        ASSERT_STREQ(first, second);
        ASSERT_INT(strlen(first), 16);
        ASSERT_INT(ensure(registry, &ground, "one", "test", second), 1);
        ASSERT_TRUE(strcmp(first, second) != 0);
        ground_close(&ground);
}

TEST(registry_opened_again_knows_its_environments) {
        Ground ground;
        char before[ENVIRONMENT_ID_SIZE], after[ENVIRONMENT_ID_SIZE];
        ground_open(&ground);
        Registry *registry = open_registry(&ground);
        ASSERT_OK(ensure(registry, &ground, "one", "", before));
        (void) registry_free(registry);
        registry = open_registry(&ground);
        ASSERT_INT(ensure(registry, &ground, "one", "", after), 0);
        ASSERT_STREQ(before, after);
        (void) registry_free(registry);
        ground_close(&ground);
}

TEST(registry_moved_project_is_followed) {
        Ground ground;
        char before[ENVIRONMENT_ID_SIZE], after[ENVIRONMENT_ID_SIZE];
        ground_open(&ground);
        Registry *registry = open_registry(&ground);
        ASSERT_OK(ensure(registry, &ground, "one", "", before));
        ASSERT_OK(renameat(ground.fd, "one", ground.fd, "two"));
        ASSERT_INT(ensure(registry, &ground, "two", "", after), 0);
        ASSERT_STREQ(before, after);
        ASSERT_TRUE(text_ends_with(text_of(registry_get(registry, after)->project_path), "/two"));
        (void) registry_free(registry);
        registry = open_registry(&ground); /* the record on disk followed, too */
        ASSERT_TRUE(text_ends_with(text_of(registry_get(registry, after)->project_path), "/two"));
        (void) registry_free(registry);
        ground_close(&ground);
}

TEST(registry_other_directory_at_the_same_path_is_another_environment) {
        Ground ground;
        char before[ENVIRONMENT_ID_SIZE], after[ENVIRONMENT_ID_SIZE];
        ground_open(&ground);
        _cleanup_(registry_freep) Registry *registry = open_registry(&ground);
        ASSERT_OK(ensure(registry, &ground, "one", "", before));
        ASSERT_OK(renameat(ground.fd, "one", ground.fd, "aside"));
        ASSERT_INT(ensure(registry, &ground, "one", "", after), 1);
        ASSERT_TRUE(strcmp(before, after) != 0);
        ground_close(&ground);
}

TEST(registry_deleted_project_is_an_orphan) {
        Ground ground;
        char id[ENVIRONMENT_ID_SIZE];
        _cleanup_fault_ Fault fault = {};
        ground_open(&ground);
        _cleanup_(registry_freep) Registry *registry = open_registry(&ground);
        ASSERT_OK(ensure(registry, &ground, "one", "", id));
        ASSERT_OK(tree_remove_at(ground.fd, "one"));
        ASSERT_ERROR(registry_open_project(registry_get(registry, id), &fault), ENOENT);
        ASSERT_INT(fault.code, FAULT_NO_ENVIRONMENT);
        ground_close(&ground);
}

TEST(registry_home_and_root_are_refused) {
        Ground ground;
        EnvironmentRecord *record;
        _cleanup_fault_ Fault of_root = {}, of_home = {};
        ground_open(&ground);
        _cleanup_(registry_freep) Registry *registry = open_registry(&ground);
        _cleanup_close_ int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_ERROR(registry_ensure(registry, root, "", &of_root, &record), EINVAL);
        ASSERT_INT(of_root.code, FAULT_PROJECT_INVALID);
        char *before = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
        ASSERT_OK(setenv("HOME", ground.path, 1));
        ASSERT_ERROR(registry_ensure(registry, ground.fd, "", &of_home, &record), EINVAL);
        ASSERT_INT(of_home.code, FAULT_PROJECT_INVALID);
        if (before)
                ASSERT_OK(setenv("HOME", before, 1));
        free(before);
        ground_close(&ground);
}

TEST(registry_strange_names_are_refused) {
        static const char *const names[] = { ".hidden", "a/b", "a b", "-x", "\xc3\xa9" };
        Ground ground;
        char id[ENVIRONMENT_ID_SIZE];
        ground_open(&ground);
        _cleanup_(registry_freep) Registry *registry = open_registry(&ground);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                ASSERT_ERROR(ensure(registry, &ground, "one", names[i], id), EINVAL);
        ASSERT_ERROR(ensure(registry, &ground, "a:b", "", id), EINVAL);
        ground_close(&ground);
}

TEST(registry_path_without_room_for_site_packages_is_refused) {
        Ground ground;
        EnvironmentRecord *record;
        _cleanup_fault_ Fault fault = {};
        char name[201];
        ground_open(&ground);
        _cleanup_(registry_freep) Registry *registry = open_registry(&ground);
        memset(name, 'x', 200);
        name[200] = '\0';
        int fd = dup(ground.fd);
        for (int i = 0; i < 17; i++) {
                int below = directory_open_or_make(fd, name, 0755);
                ASSERT_OK(below);
                (void) close(fd);
                fd = below;
        }
        ASSERT_ERROR(registry_ensure(registry, fd, "", &fault, &record), ENAMETOOLONG);
        ASSERT_INT(fault.code, FAULT_PATH_TOO_LONG);
        (void) close(fd);
        ground_close(&ground);
}

/* A record as a newer Blast may write it: the identity first, then what we do not know. */
static void make_newer(const Ground *ground, const char *id) {
        _cleanup_(freep) char *path = string_format("environments/%s/environment", id);
        _cleanup_(freep) char *data = NULL;
        size_t size;
        ASSERT_OK(file_read_at(ground->state_fd, path, 65536, &data, &size));
        data[4] = 2; /* the format behind the magic word, little endian */
        int fd = file_open_beneath(ground->state_fd, path, O_WRONLY | O_TRUNC, 0);
        ASSERT_OK(fd);
        ASSERT_OK(file_write_all(fd, data, size));
        ASSERT_OK(file_write_all(fd, "more", 4));
        (void) close(fd);
}

TEST(registry_newer_format_is_refused_with_a_sentence) {
        Ground ground;
        char id[ENVIRONMENT_ID_SIZE];
        EnvironmentRecord *record;
        _cleanup_fault_ Fault fault = {};
        ground_open(&ground);
        Registry *registry = open_registry(&ground);
        ASSERT_OK(ensure(registry, &ground, "one", "", id));
        (void) registry_free(registry);
        make_newer(&ground, id);
        registry = open_registry(&ground);
        _cleanup_close_ int fd = directory_open_or_make(ground.fd, "one", 0755);
        ASSERT_ERROR(registry_ensure(registry, fd, "", &fault, &record), EPROTONOSUPPORT);
        ASSERT_INT(fault.code, FAULT_FORMAT_TOO_NEW);
        (void) registry_free(registry);
        ground_close(&ground);
}

TEST(registry_broken_record_is_counted_and_left_alone) {
        Ground ground;
        char id[ENVIRONMENT_ID_SIZE];
        ground_open(&ground);
        Registry *registry = open_registry(&ground);
        ASSERT_OK(ensure(registry, &ground, "one", "", id));
        (void) registry_free(registry);
        _cleanup_(freep) char *path = string_format("environments/%s/environment", id);
        int fd = file_open_beneath(ground.state_fd, path, O_WRONLY | O_TRUNC, 0);
        ASSERT_OK(file_write_all(fd, "garbage!", 8));
        (void) close(fd);
        registry = open_registry(&ground);
        ASSERT_INT(registry_count_unreadable(registry), 1);
        ASSERT_NULL(registry_get(registry, id));
        ASSERT_OK(faccessat(ground.state_fd, path, F_OK, 0));
        (void) registry_free(registry);
        ground_close(&ground);
}

TEST(registry_removal_hides_at_once_and_is_found_after_a_crash) {
        Ground ground;
        char id[ENVIRONMENT_ID_SIZE];
        _cleanup_(freep) char *leftover = NULL;
        ground_open(&ground);
        Registry *registry = open_registry(&ground);
        ASSERT_OK(ensure(registry, &ground, "one", "", id));
        ASSERT_OK(registry_remove(registry, registry_get(registry, id), &leftover));
        ASSERT_NULL(registry_get(registry, id));
        (void) registry_free(registry);
        registry = open_registry(&ground);
        ASSERT_TRUE(strings_contain(registry_get_leftovers(registry), leftover));
        (void) registry_free(registry);
        ground_close(&ground);
}

TEST(registry_half_creation_is_swept) {
        Ground ground;
        ground_open(&ground);
        (void) registry_free(open_registry(&ground));
        int fd = directory_open_or_make(
                        ground.state_fd, "environments/.new-0123456789abcdef", 0700);
        ASSERT_OK(fd);
        (void) close(fd);
        (void) registry_free(open_registry(&ground));
        ASSERT_TRUE(faccessat(ground.state_fd, "environments/.new-0123456789abcdef", F_OK, 0) < 0);
        ground_close(&ground);
}
