// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * A lock file may hold packages for many platforms; a Lock is what one interpreter needs. Packages
 * whose marker does not hold are left out, each of the others gives its best wheel, and the names
 * of dependencies become indices. A dependency that was left out is one that is not needed here.
 *
 * `extras` in markers is empty and `dependency_groups` holds the default groups: what was asked
 * for decided what is in the file when it was written. */

#include "basic/fault.h"
#include "basic/table.h"
#include "package/interpreter.h"
#include "package/project-part.h"
#include "package/pylock.h"
#include "package/specifier.h"

#define PYLOCK "pylock.toml"

typedef struct Chooser {
        const Pylock *pylock;
        const Interpreter *interpreter;
        MarkerEnvironment environment;
        Arena *scratch;
        Fault *fault;
} Chooser;

static int holds(const Chooser *chooser, const char *text) {
        const Marker *marker;
        int r;

        if (!text)
                return true;
        r = marker_parse_for_lock(chooser->scratch, text_of(text), &marker, NULL, NULL);
        return r < 0 ? r : marker_evaluate(marker, &chooser->environment);
}

static int takes_python(const Chooser *chooser, const char *requires_python) {
        SpecifierSet set;
        int r;

        if (!requires_python)
                return true;
        r = specifier_set_parse(chooser->scratch, text_of(requires_python), &set, NULL, NULL);
        return r < 0 ? r : specifier_set_contains(&set, chooser->interpreter->parsed_version);
}

static int check_environment(const Chooser *chooser) {
        const Pylock *pylock = chooser->pylock;
        int r;

        r = takes_python(chooser, pylock->requires_python);
        if (r < 0)
                return r;
        if (r == 0)
                return project_fail(
                                chooser->fault,
                                PYLOCK,
                                0,
                                FAULT_LOCK_INVALID,
                                "The lock is for Python %s, this is %s.",
                                pylock->requires_python,
                                chooser->interpreter->version);

        for (size_t i = 0; i < pylock->n_environments; i++) {
                r = holds(chooser, pylock->environments[i]);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        if (pylock->n_environments == 0)
                return 0;
        return project_fail(
                        chooser->fault,
                        PYLOCK,
                        0,
                        FAULT_LOCK_INVALID,
                        "The lock is for other environments than this one (%s).",
                        pylock->environments[0]);
}

static int
fail_no_wheel(const Chooser *chooser, const PylockPackage *package, const WheelName *last) {
        _cleanup_builder_ Builder reason = {};

        if (last) {
                builder_add(&reason, ": ");
                wheel_name_explain(&reason, chooser->interpreter->tags, last);
        }
        if (reason.failed)
                return -ENOMEM;

        (void) project_fail(
                        chooser->fault,
                        PYLOCK,
                        package->line,
                        package->n_wheels > 0 ? FAULT_NO_MATCHING_WHEEL : FAULT_LOCK_INVALID,
                        package->n_wheels > 0
                                        ? "No wheel of %s %s in the lock fits Python %s here%s."
                                        : "%s %s is in the lock without a wheel, and Python %s "
                                          "needs one%s.",
                        package->name,
                        package->version ?: "",
                        chooser->interpreter->version,
                        reason.data ?: "");
        return package->n_wheels > 0 ? -ENOENT : -EINVAL;
}

static int
choose_wheel(const Chooser *chooser, const PylockPackage *package, const PylockWheel **ret) {
        const PylockWheel *best = NULL;
        const WheelName *best_name = NULL, *name = NULL;
        int r;

        for (size_t i = 0; i < package->n_wheels; i++) {
                const PylockWheel *wheel = &package->wheels[i];

                r = wheel_name_parse(chooser->scratch, text_of(wheel->filename), &name, NULL);
                if (r < 0)
                        return r;
                if (wheel_name_rank(chooser->interpreter->tags, name) < 0)
                        continue;
                if (!best || wheel_name_compare(chooser->interpreter->tags, name, best_name) < 0) {
                        best = wheel;
                        best_name = name;
                }
        }

        if (!best)
                return fail_no_wheel(chooser, package, name);
        *ret = best;
        return 0;
}

static int compare_by_name(const void *a, const void *b) {
        return strcmp((*(const PylockPackage *const *) a)->name,
                      (*(const PylockPackage *const *) b)->name);
}

/* The packages that are needed, sorted. */
static int select_packages(const Chooser *chooser, const PylockPackage **selected, size_t *ret_n) {
        size_t n = 0;
        int r;

        for (size_t i = 0; i < chooser->pylock->n_packages; i++) {
                const PylockPackage *package = &chooser->pylock->packages[i];

                r = holds(chooser, package->marker);
                if (r < 0)
                        return r;
                if (r > 0)
                        selected[n++] = package;
        }
        qsort(selected, n, sizeof(*selected), compare_by_name);

        for (size_t i = 1; i < n; i++)
                if (streq(selected[i]->name, selected[i - 1]->name))
                        return project_fail(
                                        chooser->fault,
                                        PYLOCK,
                                        selected[i]->line,
                                        FAULT_LOCK_INVALID,
                                        "The lock gives two versions of '%s' to one environment.",
                                        selected[i]->name);
        *ret_n = n;
        return 0;
}

static int
fill_package(const Chooser *chooser,
             const PylockPackage *package,
             Arena *memory,
             LockPackage *ret) {
        const PylockWheel *wheel;
        int r;

        r = takes_python(chooser, package->requires_python);
        if (r < 0)
                return r;
        if (r == 0)
                return project_fail(
                                chooser->fault,
                                PYLOCK,
                                package->line,
                                FAULT_LOCK_INVALID,
                                "%s %s in the lock is for Python %s, this is %s.",
                                package->name,
                                package->version ?: "",
                                package->requires_python,
                                chooser->interpreter->version);
        r = choose_wheel(chooser, package, &wheel);
        if (r < 0)
                return r;

        *ret = (LockPackage){
                .name = arena_text(memory, package->name),
                .version = arena_text(memory, package->version),
                .filename = arena_text(memory, wheel->filename),
                .url = arena_text(memory, wheel->url),
                .digest = wheel->digest,
                .size_bytes = wheel->size_bytes,
                .is_direct = package->is_direct,
        };
        return ret->name && ret->version && ret->filename && ret->url ? 0 : -ENOMEM;
}

static int
fill_needs(const PylockPackage *package, const Table *positions, Arena *memory, LockPackage *ret) {
        uint32_t *needs;

        if (package->n_dependencies == 0)
                return 0;
        needs = arena_new_array(memory, uint32_t, package->n_dependencies);
        if (!needs)
                return -ENOMEM;

        for (size_t i = 0; i < package->n_dependencies; i++) {
                uintptr_t position = (uintptr_t) table_find(positions, package->dependencies[i]);

                /* 0 is "not here", so positions count from 1. */
                if (position > 0)
                        needs[ret->n_needs++] = (uint32_t) (position - 1);
        }
        ret->needs = needs;
        return 0;
}

static int fill_lock(const Chooser *chooser, const PylockPackage **selected, Lock *lock) {
        _cleanup_(table_freep) Table *positions = table_new();
        int r;

        if (!positions)
                return -ENOMEM;
        lock->packages = arena_new_array(lock->memory, LockPackage, lock->n_packages + 1);
        if (!lock->packages)
                return -ENOMEM;

        for (size_t i = 0; i < lock->n_packages; i++) {
                r = table_add(positions, selected[i]->name, (void *) (uintptr_t) (i + 1));
                if (r < 0)
                        return r;
                r = fill_package(chooser, selected[i], lock->memory, &lock->packages[i]);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < lock->n_packages; i++) {
                r = fill_needs(selected[i], positions, lock->memory, &lock->packages[i]);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int choose(const Chooser *chooser, Lock **ret) {
        _cleanup_(freep) const PylockPackage **selected = NULL;
        _cleanup_(lock_freep) Lock *lock = NULL;
        int r;

        r = check_environment(chooser);
        if (r < 0)
                return r;

        selected = new0(const PylockPackage *, chooser->pylock->n_packages + 1);
        lock = new0(Lock, 1);
        if (!selected || !lock)
                return -ENOMEM;
        lock->memory = arena_new();
        if (!lock->memory)
                return -ENOMEM;
        lock->input_digest = chooser->pylock->input_digest;

        r = select_packages(chooser, selected, &lock->n_packages);
        if (r < 0)
                return r;
        r = fill_lock(chooser, selected, lock);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(lock);
        return 0;
}

int pylock_to_lock(const Pylock *pylock, const Interpreter *interpreter, Lock **ret, Fault *fault) {
        static const char *const nothing[] = { NULL };
        _cleanup_(arena_freep) Arena *scratch = arena_new();
        Chooser chooser = {
                .pylock = pylock,
                .interpreter = interpreter,
                .environment = interpreter->markers,
                .scratch = scratch,
                .fault = fault,
        };
        const char **groups;

        if (!scratch)
                return -ENOMEM;
        groups = arena_new_array(scratch, const char *, pylock->n_default_groups + 1);
        if (!groups)
                return -ENOMEM;
        if (pylock->n_default_groups > 0)
                memcpy(groups, pylock->default_groups, pylock->n_default_groups * sizeof(*groups));

        chooser.environment.extras = nothing;
        chooser.environment.dependency_groups = groups;
        return choose(&chooser, ret);
}

static int
convert_package(const Lock *lock,
                const LockPackage *from,
                const char *index_url,
                Pylock *pylock,
                PylockPackage *ret) {
        Arena *memory = pylock->memory;

        *ret = (PylockPackage){
                .name = arena_text(memory, from->name),
                .version = arena_text(memory, from->version),
                .index = index_url,
                .dependencies = arena_new_array(memory, const char *, from->n_needs + 1),
                .wheels = arena_new_array(memory, PylockWheel, 1),
                .n_wheels = 1,
                .is_direct = from->is_direct,
        };
        if (!ret->name || !ret->version || !ret->dependencies || !ret->wheels)
                return -ENOMEM;

        ret->wheels[0] = (PylockWheel){
                .filename = arena_text(memory, from->filename),
                .url = arena_text(memory, from->url),
                .size_bytes = from->size_bytes,
                .digest = from->digest,
        };
        if (!ret->wheels[0].filename || !ret->wheels[0].url)
                return -ENOMEM;

        for (size_t i = 0; i < from->n_needs; i++) {
                ret->dependencies[i] = arena_text(memory, lock->packages[from->needs[i]].name);
                if (!ret->dependencies[i])
                        return -ENOMEM;
                ret->n_dependencies++;
        }
        return 0;
}

int pylock_from_lock(
                const Lock *lock,
                const char *requires_python,
                const char *index_url,
                Pylock **ret) {
        _cleanup_(pylock_freep) Pylock *pylock = pylock_new();
        int r;

        if (!pylock)
                return -ENOMEM;
        pylock->lock_version = "1.0";
        pylock->created_by = "blast";
        pylock->has_input_digest = true;
        pylock->input_digest = lock->input_digest;
        pylock->packages = arena_new_array(pylock->memory, PylockPackage, lock->n_packages + 1);
        pylock->requires_python =
                        requires_python ? arena_text(pylock->memory, requires_python) : NULL;
        index_url = index_url ? arena_text(pylock->memory, index_url) : NULL;
        if (!pylock->packages)
                return -ENOMEM;

        for (size_t i = 0; i < lock->n_packages; i++) {
                r = convert_package(
                                lock, &lock->packages[i], index_url, pylock, &pylock->packages[i]);
                if (r < 0)
                        return r;
        }
        pylock->n_packages = lock->n_packages;

        *ret = TAKE_PTR(pylock);
        return 0;
}
