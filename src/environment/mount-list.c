// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     RootSpec ─▶ operations in any order ─▶ stable sort by target ─▶ "/" becomes read-only, last
 *
 * Sorting by path puts parents before what lies below them, so a project inside the (empty) home or inside
 * /tmp appears after the tmpfs that hides its surroundings, and a read-only interpreter inside a
 * writable project is bound after it. Nothing here looks at the disk.
 *
 *     /               tmpfs, read-only in the end     /tmp /var/tmp /run /dev/shm $HOME   tmpfs, writable
 *     /usr /bin …     the host's, read-only           <generation>     pieces, see docs/architecture.md
 *     /etc            filtered view of the host's     <project>        the host's, writable
 */

#include <stdio.h>
#include <sys/stat.h>

#include "basic/memory.h"
#include "environment/mount-list.h"

enum {
        RUN_BYTES = 16 * 1024 * 1024,
        SCRATCH_INODES = 256 * 1024,
        LIST_VERSION = 1,
};

static const char *const kind_names[_MOUNT_KIND_MAX] = {
        [MOUNT_DIRECTORY] = "directory", [MOUNT_LINK] = "link",       [MOUNT_TMPFS] = "tmpfs",
        [MOUNT_BIND] = "bind",           [MOUNT_SAME] = "same",       [MOUNT_OVERLAY] = "overlay",
        [MOUNT_PROC] = "proc",           [MOUNT_DEVICES] = "devices", [MOUNT_MASK] = "mask",
        [MOUNT_READ_ONLY] = "read-only",
};

static const char *const base_paths[] = {
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
};

/* What root could read although nobody else may; an ordinary user's sandbox could not read them anyway. */
static const char *const secret_paths[] = {
        "/etc/shadow",           "/etc/shadow-",     "/etc/gshadow", "/etc/gshadow-",
        "/etc/sudoers",          "/etc/sudoers.d",   "/etc/ssh",     "/etc/ssl/private",
        "/etc/security/opasswd", "/etc/krb5.keytab",
};

const char *mount_kind_to_string(MountKind kind) {
        return kind >= 0 && kind < _MOUNT_KIND_MAX ? kind_names[kind] : NULL;
}

static void mount_done(Mount *mount) {
        free(mount->target);
        free(mount->source);
        free(mount->lowers);
}

void mount_list_done(MountList *list) {
        for (size_t i = 0; i < list->n_items; i++)
                mount_done(list->items + i);
        free(list->items);
        *list = (MountList){};
}

bool path_is_below(const char *path, const char *parent) {
        size_t length = strlen(parent);

        while (length > 0 && parent[length - 1] == '/')
                length--;
        return strncmp(path, parent, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Adds a copy of @mount (without lowers). */
static int list_add(MountList *list, const Mount *mount) {
        _cleanup_(freep) char *target = strdup(mount->target);
        _cleanup_(freep) char *source = mount->source ? strdup(mount->source) : NULL;
        int r;

        if (!target || (mount->source && !source))
                return -ENOMEM;
        if (list->n_items >= MOUNT_LIST_MAX)
                return -E2BIG;
        r = ARRAY_RESERVE(list->items, list->n_allocated, list->n_items + 1);
        if (r < 0)
                return r;
        list->items[list->n_items] = *mount;
        list->items[list->n_items].target = TAKE_PTR(target);
        list->items[list->n_items].source = TAKE_PTR(source);
        list->n_items++;
        return 0;
}

static int add_directory(MountList *list, const char *target, uint32_t mode) {
        return list_add(list,
                        &(Mount){ .kind = MOUNT_DIRECTORY,
                                  .target = (char *) target,
                                  .mode = mode });
}

static int add_tmpfs(MountList *list, const char *target, uint64_t size_bytes, uint32_t mode) {
        const Mount mount = {
                .kind = MOUNT_TMPFS,
                .target = (char *) target,
                .size_bytes = size_bytes,
                .n_inodes = SCRATCH_INODES,
                .mode = mode,
        };
        return list_add(list, &mount);
}

static int add_same(MountList *list, const char *path) {
        const Mount mount = {
                .kind = MOUNT_SAME,
                .flags = MOUNT_FLAG_READ_ONLY | MOUNT_FLAG_OPTIONAL,
                .target = (char *) path,
                .source = (char *) path,
        };
        return list_add(list, &mount);
}

static int
add_bind(MountList *list, const char *target, const char *source, uint32_t index, uint32_t flags) {
        const Mount mount = {
                .kind = MOUNT_BIND,
                .flags = flags,
                .target = (char *) target,
                .source = (char *) source,
                .index = index,
        };
        return list_add(list, &mount);
}

static int add_mask(MountList *list, const char *target) {
        const Mount mount = { .kind = MOUNT_MASK,
                              .flags = MOUNT_FLAG_OPTIONAL,
                              .target = (char *) target };
        return list_add(list, &mount);
}

static int add_base(MountList *list, const RootSpec *spec) {
        _cleanup_(freep) char *etc = NULL;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(base_paths) && r >= 0; i++)
                r = add_same(list, base_paths[i]);
        if (r < 0)
                return r;

        if (spec->hides_secrets) {
                etc = string_format("%s/.blast/mount/etc", spec->generation);
                if (!etc)
                        return -ENOMEM;
                r = add_bind(list, "/etc", etc, MOUNT_INDEX_NONE, MOUNT_FLAG_READ_ONLY);
        } else {
                r = add_same(list, "/etc");
                for (size_t i = 0; i < ELEMENTSOF(secret_paths) && r >= 0; i++)
                        r = add_mask(list, secret_paths[i]);
        }
        return r;
}

static int add_system(MountList *list, const RootSpec *spec) {
        uint64_t scratch = spec->scratch_max_bytes;
        int r;

        r = list_add(list, &(Mount){ .kind = MOUNT_PROC, .target = (char *) "/proc" });
        if (r >= 0)
                r = list_add(list, &(Mount){ .kind = MOUNT_DEVICES, .target = (char *) "/dev" });
        if (r >= 0)
                r = add_tmpfs(list, "/dev/shm", scratch, 01777);
        if (r >= 0)
                r = add_tmpfs(list, "/run", RUN_BYTES, 0755);
        if (r >= 0)
                r = add_tmpfs(list, "/tmp", scratch, 01777);
        if (r >= 0)
                r = add_tmpfs(list, "/var/tmp", scratch, 01777);
        if (r >= 0)
                r = add_same(list,
                             "/sys/devices/system/cpu"); /* how many there are: OpenBLAS, torch */
        if (r >= 0 && spec->home && !streq(spec->home, "/"))
                r = add_tmpfs(list, spec->home, scratch, 0700);
        return r;
}

bool path_is_in_base(const char *path) {
        for (size_t i = 0; i < ELEMENTSOF(base_paths); i++)
                if (path_is_below(path, base_paths[i]))
                        return true;
        return false;
}

/* One piece of the generation, from @source_directory/@source to the same place inside. */
static int
add_piece(MountList *list,
          const RootSpec *spec,
          const char *name,
          const char *source_directory,
          const char *source,
          uint32_t flags) {
        _cleanup_(freep) char *target = string_format("%s/%s", spec->generation, name);
        _cleanup_(freep) char *from = string_format("%s/%s", source_directory, source);

        if (!target || !from)
                return -ENOMEM;
        return add_bind(list, target, from, MOUNT_INDEX_NONE, flags);
}

static int add_generation_links(MountList *list, const RootSpec *spec) {
        int r = 0;

        for (char *const *pair = spec->entry_links; pair && pair[0] && pair[1] && r >= 0;
             pair += 2) {
                _cleanup_(freep) char *target = string_format("%s/%s", spec->generation, pair[0]);
                if (!target)
                        return -ENOMEM;
                r = list_add(list,
                             &(Mount){ .kind = MOUNT_LINK, .target = target, .source = pair[1] });
        }
        if (r < 0 || !spec->current_link)
                return r;

        /* Relative to the directory of the link, as it is outside. */
        const char *slash = strrchr(spec->current_link, '/');
        size_t length = slash ? (size_t) (slash - spec->current_link) + 1 : 0;
        const char *text = strncmp(spec->current_link, spec->generation, length) == 0
                        ? spec->generation + length
                        : spec->generation;
        const Mount link = {
                .kind = MOUNT_LINK,
                .target = (char *) spec->current_link,
                .source = (char *) text,
        };
        return list_add(list, &link);
}

static int add_generation(MountList *list, const RootSpec *spec) {
        _cleanup_(freep) char *stage = NULL;
        int r;

        if (!spec->generation)
                return 0;
        stage = string_format("%s/.blast/mount", spec->generation);
        if (!stage)
                return -ENOMEM;
        r = add_directory(list, spec->generation, 0755);
        FOREACH_TEXT(entry, spec->entries) {
                if (r < 0)
                        return r;
                r = add_piece(list,
                              spec,
                              entry,
                              spec->generation,
                              entry,
                              MOUNT_FLAG_READ_ONLY | MOUNT_FLAG_OPTIONAL);
        }
        if (r >= 0)
                r = add_piece(list, spec, "bin", stage, "bin", 0);
        if (r >= 0 && spec->site_packages)
                r = add_piece(list, spec, spec->site_packages, stage, "site", 0);
        if (r >= 0)
                r = add_generation_links(list, spec);
        return r;
}

static int add_paths(MountList *list, const RootSpec *spec) {
        int r = 0;

        /* Bound even where they are links: what they lead to need not be shown elsewhere. */
        if (spec->python_prefix && !path_is_in_base(spec->python_prefix))
                r = add_bind(list,
                             spec->python_prefix,
                             spec->python_prefix,
                             MOUNT_INDEX_NONE,
                             MOUNT_FLAG_READ_ONLY | MOUNT_FLAG_OPTIONAL);
        FOREACH_TEXT(path, spec->read_only_paths) {
                if (r >= 0 && !path_is_in_base(path))
                        r = add_bind(list,
                                     path,
                                     path,
                                     MOUNT_INDEX_NONE,
                                     MOUNT_FLAG_READ_ONLY | MOUNT_FLAG_OPTIONAL);
        }
        for (size_t i = 0; i < spec->n_directories && r >= 0; i++)
                r = add_bind(list,
                             spec->directories[i].path,
                             NULL,
                             spec->directories[i].index,
                             spec->directories[i].is_writable ? 0 : MOUNT_FLAG_READ_ONLY);
        if (r >= 0 && spec->project)
                r = add_bind(list, spec->project, NULL, spec->project_index, 0);
        FOREACH_TEXT(path, spec->hidden_paths) {
                if (r >= 0)
                        r = add_mask(list, path);
        }
        return r;
}

/* Order of paths in which '/' comes before every other byte: parents, then what lies below them. */
static int compare_paths(const char *a, const char *b) {
        for (; *a && *a == *b; a++, b++)
                ;
        if (*a == *b)
                return 0;
        if (*a == '\0' || *b == '\0')
                return *a == '\0' ? -1 : 1;
        if (*a == '/' || *b == '/')
                return *a == '/' ? -1 : 1;
        return (unsigned char) *a < (unsigned char) *b ? -1 : 1;
}

/* Stable: of two operations on one target the one added later comes later. */
static void list_sort(MountList *list) {
        for (size_t i = 1; i < list->n_items; i++) {
                Mount mount = list->items[i];
                size_t j = i;
                for (; j > 0 && compare_paths(list->items[j - 1].target, mount.target) > 0; j--)
                        list->items[j] = list->items[j - 1];
                list->items[j] = mount;
        }
}

int mount_list_for_root(const RootSpec *spec, MountList *ret) {
        _cleanup_mount_list_ MountList list = {};
        int r;

        r = add_base(&list, spec);
        if (r >= 0)
                r = add_system(&list, spec);
        if (r >= 0)
                r = add_generation(&list, spec);
        if (r >= 0)
                r = add_paths(&list, spec);
        if (r < 0)
                return r;
        list_sort(&list);
        r = list_add(&list, &(Mount){ .kind = MOUNT_READ_ONLY, .target = (char *) "/" });
        if (r < 0)
                return r;
        *ret = TAKE(list, (MountList){});
        return 0;
}

static int add_overlay(MountList *list, const Mount *wanted, uint32_t first, size_t n_lowers) {
        uint32_t *lowers = new (uint32_t, n_lowers);
        int r;

        if (!lowers)
                return -ENOMEM;
        for (size_t i = 0; i < n_lowers; i++)
                lowers[i] = first + (uint32_t) i;
        r = list_add(list, wanted);
        if (r < 0) {
                free(lowers);
                return r;
        }
        list->items[list->n_items - 1].lowers = lowers;
        list->items[list->n_items - 1].n_lowers = n_lowers;
        return 0;
}

/* What is below /etc and not for everybody is hidden; files that a container engine mounted there are
 * brought back, because an overlay looks through to what they cover. */
static int add_etc(MountList *list, const OverlaySpec *spec, uint32_t flags) {
        const Mount etc = {
                .kind = MOUNT_OVERLAY,
                .flags = flags | MOUNT_FLAG_READ_ONLY,
                .target = (char *) "/etc",
                .index = MOUNT_INDEX_NONE,
                .upper = MOUNT_INDEX_NONE,
                .work = MOUNT_INDEX_NONE,
        };
        int r;

        if (spec->etc_is_bound) {
                r = add_bind(list, "/etc", NULL, OVERLAY_INDEX_ETC, MOUNT_FLAG_READ_ONLY);
                for (size_t i = 0; i < ELEMENTSOF(secret_paths) && r >= 0; i++)
                        r = add_mask(list, secret_paths[i]);
                return r;
        }
        r = add_overlay(list, &etc, OVERLAY_INDEX_HIDDEN, 2);
        FOREACH_TEXT(path, spec->etc_mounts) {
                if (r >= 0)
                        r = add_bind(list,
                                     path,
                                     path,
                                     MOUNT_INDEX_NONE,
                                     MOUNT_FLAG_READ_ONLY | MOUNT_FLAG_OPTIONAL);
        }
        return r;
}

int mount_list_for_generation(const OverlaySpec *spec, MountList *ret) {
        const uint32_t flags = spec->is_in_user_namespace ? MOUNT_FLAG_USERXATTR : 0;
        const Mount bin = {
                .kind = MOUNT_OVERLAY,
                .flags = flags,
                .target = (char *) "/bin",
                .index = MOUNT_INDEX_NONE,
                .upper = OVERLAY_INDEX_UPPER_BIN,
                .work = OVERLAY_INDEX_WORK_BIN,
        };
        const Mount site = {
                .kind = MOUNT_OVERLAY,
                .flags = flags,
                .target = (char *) "/site",
                .index = MOUNT_INDEX_NONE,
                .upper = OVERLAY_INDEX_UPPER,
                .work = OVERLAY_INDEX_WORK,
        };
        _cleanup_mount_list_ MountList list = {};
        int r;

        if (spec->n_layers == 0 || spec->n_layers > MOUNT_LOWERS_MAX)
                return -E2BIG;
        r = add_overlay(&list, &bin, OVERLAY_INDEX_BIN, 1);
        if (r >= 0)
                r = add_etc(&list, spec, flags);
        if (r >= 0)
                r = add_overlay(&list, &site, OVERLAY_INDEX_LAYERS, spec->n_layers);
        if (r < 0)
                return r;
        *ret = TAKE(list, (MountList){});
        return 0;
}

static void format_lowers(Builder *text, const Mount *mount) {
        builder_add(text, " lowers=");
        for (size_t i = 0; i < mount->n_lowers; i++)
                builder_add_format(text, "%s%u", i > 0 ? "," : "", mount->lowers[i]);
        if (mount->upper != MOUNT_INDEX_NONE)
                builder_add_format(text, " upper=%u work=%u", mount->upper, mount->work);
        if (mount->flags & MOUNT_FLAG_USERXATTR)
                builder_add(text, " userxattr");
}

static void format_mount(Builder *text, const Mount *mount) {
        builder_add_format(text, "%s %s", mount_kind_to_string(mount->kind), mount->target);
        if (mount->kind == MOUNT_LINK)
                builder_add_format(text, " -> %s", mount->source);
        else if (mount->source && !streq(mount->source, mount->target))
                builder_add_format(text, " from %s", mount->source);
        if (mount->kind == MOUNT_BIND && !mount->source)
                builder_add_format(text, " from fd %u", mount->index);
        if (mount->kind == MOUNT_TMPFS)
                builder_add_format(
                                text,
                                " size=%llu inodes=%llu",
                                (unsigned long long) mount->size_bytes,
                                (unsigned long long) mount->n_inodes);
        if (mount->kind == MOUNT_OVERLAY)
                format_lowers(text, mount);
        if (mount->mode != 0)
                builder_add_format(text, " mode=%04o", mount->mode);
        if (mount->flags & MOUNT_FLAG_READ_ONLY)
                builder_add(text, " read-only");
        if (mount->flags & MOUNT_FLAG_OPTIONAL)
                builder_add(text, " optional");
        if (mount->flags & MOUNT_FLAG_NOEXEC)
                builder_add(text, " noexec");
        builder_add_char(text, '\n');
}

int mount_list_format(const MountList *list, char **ret) {
        _cleanup_builder_ Builder text = {};

        for (size_t i = 0; i < list->n_items; i++)
                format_mount(&text, list->items + i);
        return builder_finish(&text, ret);
}

void packet_put_mount_list(PacketWriter *writer, const MountList *list) {
        packet_put_u32(writer, LIST_VERSION);
        packet_put_u32(writer, (uint32_t) list->n_items);
        for (size_t i = 0; i < list->n_items; i++) {
                const Mount *mount = list->items + i;
                packet_put_u32(writer, (uint32_t) mount->kind);
                packet_put_u32(writer, mount->flags);
                packet_put_string(writer, mount->target);
                packet_put_string(writer, mount->source);
                packet_put_u32(writer, mount->index);
                packet_put_u32(writer, mount->upper);
                packet_put_u32(writer, mount->work);
                packet_put_u64(writer, mount->size_bytes);
                packet_put_u64(writer, mount->n_inodes);
                packet_put_u32(writer, mount->mode);
                packet_put_u32(writer, (uint32_t) mount->n_lowers);
                for (size_t k = 0; k < mount->n_lowers; k++)
                        packet_put_u32(writer, mount->lowers[k]);
        }
}

/* A target is absolute, without "." and ".." components, so that no walk can leave the new root. */
static bool target_is_sound(const char *target) {
        if (!target || target[0] != '/')
                return false;
        for (const char *at = target; at; at = strchr(at + 1, '/')) {
                size_t length = strcspn(at + 1, "/");
                if ((length == 1 && at[1] == '.') || (length == 2 && at[1] == '.' && at[2] == '.'))
                        return false;
        }
        return true;
}

static int get_mount(PacketReader *reader, MountList *list) {
        Mount mount = {};
        uint32_t kind = packet_get_u32(reader), n_lowers;
        int r;

        mount.flags = packet_get_u32(reader);
        mount.target = (char *) packet_get_string(reader);
        mount.source = (char *) packet_get_string(reader);
        mount.index = packet_get_u32(reader);
        mount.upper = packet_get_u32(reader);
        mount.work = packet_get_u32(reader);
        mount.size_bytes = packet_get_u64(reader);
        mount.n_inodes = packet_get_u64(reader);
        mount.mode = packet_get_u32(reader);
        n_lowers = packet_get_count(reader, sizeof(uint32_t));
        if (kind >= _MOUNT_KIND_MAX || (mount.flags & ~(uint32_t) _MOUNT_FLAGS_ALL) ||
            n_lowers > MOUNT_LOWERS_MAX || mount.mode > 07777 || !target_is_sound(mount.target))
                packet_reader_fail(reader, -EBADMSG);
        if (reader->error < 0)
                return reader->error;
        mount.kind = (MountKind) kind;
        r = list_add(list, &mount);
        if (r < 0 || n_lowers == 0)
                return r;

        Mount *added = list->items + list->n_items - 1;
        added->lowers = new (uint32_t, n_lowers);
        if (!added->lowers)
                return -ENOMEM;
        for (; added->n_lowers < n_lowers; added->n_lowers++)
                added->lowers[added->n_lowers] = packet_get_u32(reader);
        return 0;
}

int packet_get_mount_list(PacketReader *reader, MountList *ret) {
        _cleanup_mount_list_ MountList list = {};
        uint32_t version = packet_get_u32(reader), n = packet_get_count(reader, 40);
        int r;

        if (version != LIST_VERSION || n > MOUNT_LIST_MAX)
                packet_reader_fail(reader, -EBADMSG);
        for (uint32_t i = 0; i < n && reader->error >= 0; i++) {
                r = get_mount(reader, &list);
                if (r < 0)
                        return r;
        }
        if (reader->error < 0)
                return reader->error;
        *ret = TAKE(list, (MountList){});
        return 0;
}
