// SPDX-License-Identifier: LGPL-2.1-or-later

/* Golden files: tests/scenario/mounts/<case>.list. BLAST_GOLDEN_UPDATE=1 writes them anew. */

#include "basic/file.h"
#include "environment/mount-list.h"
#include "test.h"

#define GENERATION "/home/u/.local/state/blast/environments/i/generations/7"

static void check_golden(const char *name, const MountList *list) {
        _cleanup_(freep) char *found = NULL;
        const char *directory = getenv("BLAST_SCENARIOS");
        char path[1024], wanted[16384];
        size_t size;
        FILE *file;

        ASSERT_OK(mount_list_format(list, &found));
        ASSERT_NOT_NULL(directory);
        (void) snprintf(path, sizeof(path), "%s/mounts/%s.list", directory, name);
        if (getenv("BLAST_GOLDEN_UPDATE")) {
                file = fopen(path, "we");
                ASSERT_NOT_NULL(file);
                ASSERT_TRUE(fputs(found, file) >= 0);
                ASSERT_INT(fclose(file), 0);
                return;
        }
        file = fopen(path, "re");
        if (!file)
                test_fail(__FILE__, __LINE__, "no golden file %s", path);
        size = fread(wanted, 1, sizeof(wanted) - 1, file);
        (void) fclose(file);
        wanted[size] = '\0';
        ASSERT_STREQ(found, wanted);
}

static RootSpec ordinary_root(void) {
        static char *entries[] = { (char *) "pyvenv.cfg", (char *) "share", NULL };
        static char *links[] = { (char *) "lib64", (char *) "lib", NULL };

        return (RootSpec){
                .home = "/home/u",
                .project = "/home/u/src/shop",
                .generation = GENERATION,
                .current_link = "/home/u/.local/state/blast/environments/i/current",
                .site_packages = "lib/python3.11/site-packages",
                .entries = entries,
                .entry_links = links,
                .python_prefix = "/usr",
                .scratch_max_bytes = 1 << 30,
                .hides_secrets = true,
        };
}

TEST(root_of_ordinary_project) {
        _cleanup_mount_list_ MountList list = {};
        const RootSpec spec = ordinary_root();

        ASSERT_OK(mount_list_for_root(&spec, &list));
        check_golden("ordinary-project", &list);
}

TEST(root_shows_project_in_tmp_and_interpreter_in_home) {
        static char *hidden[] = { (char *) "/tmp/a b/.env", NULL };
        static char *shown[] = { (char *) "/opt/data", (char *) "/usr/share/dict", NULL };
        _cleanup_mount_list_ MountList list = {};
        RootSpec spec = ordinary_root();

        spec.project = "/tmp/a b";
        spec.python_prefix = "/home/u/.pyenv/versions/3.12.1";
        spec.hidden_paths = hidden;
        spec.read_only_paths = shown;
        ASSERT_OK(mount_list_for_root(&spec, &list));
        check_golden("project-in-tmp", &list);
}

TEST(root_of_helper_has_no_project) {
        static const struct RootDirectory directories[] = {
                { .path = "/home/u/.cache/blast/trees/aa", .index = 0 },
                { .path = "/home/u/.cache/blast/staging/x", .index = 1, .is_writable = true },
        };
        const RootSpec spec = {
                .home = "/home/u",
                .directories = directories,
                .n_directories = 2,
                .scratch_max_bytes = 1 << 20,
        };
        _cleanup_mount_list_ MountList list = {};

        ASSERT_OK(mount_list_for_root(&spec, &list));
        check_golden("helper", &list);
}

TEST(generation_stacks_layers) {
        static char *etc[] = { (char *) "/etc/hosts", NULL };
        const OverlaySpec spec = { .n_layers = 3, .is_in_user_namespace = true, .etc_mounts = etc };
        _cleanup_mount_list_ MountList list = {};

        ASSERT_OK(mount_list_for_generation(&spec, &list));
        check_golden("generation", &list);
}

TEST(generation_without_overlay_over_etc_masks_secrets) {
        const OverlaySpec spec = { .n_layers = 1, .etc_is_bound = true };
        _cleanup_mount_list_ MountList list = {};

        ASSERT_OK(mount_list_for_generation(&spec, &list));
        check_golden("generation-etc-bound", &list);
}

TEST(generation_refuses_too_many_layers) {
        _cleanup_mount_list_ MountList list = {};

        ASSERT_ERROR(mount_list_for_generation(&(OverlaySpec){ .n_layers = 501 }, &list), E2BIG);
        ASSERT_ERROR(mount_list_for_generation(&(OverlaySpec){}, &list), E2BIG);
}

TEST(list_survives_its_packet) {
        const OverlaySpec spec = { .n_layers = 500, .is_in_user_namespace = true };
        _cleanup_mount_list_ MountList list = {}, copy = {};
        _cleanup_packet_writer_ PacketWriter writer = {};
        _cleanup_(freep) char *before = NULL, *after = NULL;
        _cleanup_(freep) void *data = NULL;
        PacketReader reader;
        size_t size;

        ASSERT_OK(mount_list_for_generation(&spec, &list));
        packet_writer_init(&writer, 1, 1);
        packet_put_mount_list(&writer, &list);
        ASSERT_OK(packet_writer_finish(&writer, &data, &size));
        ASSERT_OK(packet_reader_init(&reader, data, size, 1, 1, NULL));
        ASSERT_OK(packet_get_mount_list(&reader, &copy));
        ASSERT_OK(packet_reader_finish(&reader));
        ASSERT_OK(mount_list_format(&list, &before));
        ASSERT_OK(mount_list_format(&copy, &after));
        ASSERT_STREQ(after, before);
}

/* A list with one operation whose target is @target, as a packet. */
static int decode_target(const char *target) {
        Mount mount = { .kind = MOUNT_DIRECTORY, .target = (char *) target };
        const MountList list = { .items = &mount, .n_items = 1 };
        _cleanup_mount_list_ MountList copy = {};
        _cleanup_packet_writer_ PacketWriter writer = {};
        _cleanup_(freep) void *data = NULL;
        PacketReader reader;
        size_t size;

        packet_writer_init(&writer, 1, 1);
        packet_put_mount_list(&writer, &list);
        ASSERT_OK(packet_writer_finish(&writer, &data, &size));
        ASSERT_OK(packet_reader_init(&reader, data, size, 1, 1, NULL));
        return packet_get_mount_list(&reader, &copy);
}

TEST(list_with_unsound_target_is_refused) {
        ASSERT_OK(decode_target("/a/..b/.c"));
        ASSERT_ERROR(decode_target("relative"), EBADMSG);
        ASSERT_ERROR(decode_target("/a/../b"), EBADMSG);
        ASSERT_ERROR(decode_target("/a/."), EBADMSG);
        ASSERT_ERROR(decode_target("/.."), EBADMSG);
}

TEST(path_is_below_compares_whole_components) {
        ASSERT_TRUE(path_is_below("/a/b", "/a"));
        ASSERT_TRUE(path_is_below("/a", "/a/"));
        ASSERT_TRUE(path_is_below("/a", "/"));
        ASSERT_FALSE(path_is_below("/ab", "/a"));
        ASSERT_FALSE(path_is_below("/a", "/a/b"));
}
