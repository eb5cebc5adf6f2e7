// SPDX-License-Identifier: LGPL-2.1-or-later

#include <libmount/libmount.h>
#include <stdio.h>

#include "basic/memory.h"
#include "environment/mount-list.h"
#include "environment/mount-table.h"

static void table_freep(struct libmnt_table **table) {
        if (*table)
                mnt_unref_table(*table);
}

static void iterator_freep(struct libmnt_iter **iterator) {
        if (*iterator)
                mnt_free_iter(*iterator);
}

/* Parses @path and makes an iterator over it. */
static int
table_open(const char *path, struct libmnt_table **ret, struct libmnt_iter **ret_iterator) {
        struct libmnt_table *table = mnt_new_table_from_file(path);
        struct libmnt_iter *iterator;

        if (!table)
                return errno > 0 ? -errno : -ENOENT;
        iterator = mnt_new_iter(MNT_ITER_FORWARD);
        if (!iterator) {
                mnt_unref_table(table);
                return -ENOMEM;
        }
        *ret = table;
        *ret_iterator = iterator;
        return 0;
}

int mount_table_below(const char *path, char ***ret) {
        _cleanup_(table_freep) struct libmnt_table *table = NULL;
        _cleanup_(iterator_freep) struct libmnt_iter *iterator = NULL;
        _cleanup_(strings_freep) char **list = NULL;
        struct libmnt_fs *fs;
        int r;

        r = table_open("/proc/self/mountinfo", &table, &iterator);
        if (r < 0)
                return r;
        while (mnt_table_next_fs(table, iterator, &fs) == 0) {
                const char *target = mnt_fs_get_target(fs);
                if (!target || streq(target, path) || !path_is_below(target, path))
                        continue;
                r = strings_add(&list, target);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(list);
        return 0;
}

/* The first mount that breaks a rule, for the row's reason. */
typedef struct Offenders {
        char set_id[256];
        char device[256];
        char writable[256];
        size_t n_mounts;
} Offenders;

/* @name starts with "+": libmount reads a plain "nosuid" as "not suid", which is true of every mount. */
static bool has_option(struct libmnt_fs *fs, const char *name) {
        return mnt_fs_match_options(fs, name) == 1;
}

static void note(char place[static 256], const char *target) {
        if (place[0] == '\0')
                (void) snprintf(place, 256, "%s", target);
}

static bool may_be_writable(const char *target, const char *type) {
        static const char *const places[] = { "/proc", "/dev" };

        /* Memory of the sandbox's own, private uppers; and what the owner gave it: the project. */
        if (streq(type, "tmpfs") || streq(type, "overlay") || streq(type, "devpts"))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                if (path_is_below(target, places[i]))
                        return true;
        return !path_is_below(target, "/usr") && !path_is_below(target, "/etc") &&
                        !path_is_below(target, "/sys") && !streq(target, "/");
}

static void look_at(struct libmnt_fs *fs, Offenders *offenders) {
        const char *target = mnt_fs_get_target(fs), *type = mnt_fs_get_fstype(fs);

        if (!target || !type)
                return;
        offenders->n_mounts++;
        if (!has_option(fs, "+nosuid"))
                note(offenders->set_id, target);
        if (!has_option(fs, "+nodev") && !path_is_below(target, "/dev"))
                note(offenders->device, target);
        if (!has_option(fs, "+ro") && !may_be_writable(target, type))
                note(offenders->writable, target);
}

static int
add_row(Guarantees *rows,
        const char *name,
        const char *mechanism,
        const char *offender,
        bool is_known) {
        _cleanup_(freep) char *reason = NULL;

        if (!is_known)
                return guarantees_add(
                                rows,
                                name,
                                GUARANTEE_UNKNOWN,
                                mechanism,
                                "The mount table cannot be read.");
        if (offender[0] == '\0')
                return guarantees_add(rows, name, GUARANTEE_HELD, mechanism, "");
        reason = string_format("Not at '%s'.", offender);
        if (!reason)
                return -ENOMEM;
        return guarantees_add(rows, name, GUARANTEE_NOT_HELD, mechanism, reason);
}

int mount_table_guarantees(pid_t pid, Guarantees *rows) {
        _cleanup_(table_freep) struct libmnt_table *table = NULL;
        _cleanup_(iterator_freep) struct libmnt_iter *iterator = NULL;
        Offenders found = {};
        struct libmnt_fs *fs;
        char path[48];
        bool is_known;
        int r;

        (void) snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int) pid);
        r = table_open(path, &table, &iterator);
        if (r == -ENOMEM)
                return r;
        while (r >= 0 && mnt_table_next_fs(table, iterator, &fs) == 0)
                look_at(fs, &found);
        is_known = found.n_mounts > 0;
        r = add_row(rows, "set-id-ignored", "nosuid on every mount", found.set_id, is_known);
        if (r >= 0)
                r = add_row(rows,
                            "devices-ignored",
                            "nodev on every mount outside /dev",
                            found.device,
                            is_known);
        if (r >= 0)
                r = add_row(rows,
                            "system-mounts-read-only",
                            "ro on every mount of the base",
                            found.writable,
                            is_known);
        return r;
}

int guarantees_of_run(const RunRecord *record, Guarantees *ret) {
        _cleanup_guarantees_ Guarantees rows = {};
        int r;

        r = guarantees_copy(&record->guarantees, &rows);
        if (r >= 0 && record->sandbox_pid > 0)
                r = mount_table_guarantees(record->sandbox_pid, &rows);
        if (r < 0)
                return r;
        *ret = TAKE(rows, (Guarantees){});
        return 0;
}
