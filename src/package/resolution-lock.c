// SPDX-License-Identifier: LGPL-2.1-or-later
#include "basic/file.h"
#include "package/name.h"
#include "package/resolution-internal.h"

/* The lock in the project: whether it is current, and its new text. */

#define PYLOCK_NAME "pylock.toml"

int resolution_read_pylock(Resolution *resolution) {
        size_t size;
        int r;

        if (resolution->input->project_fd < 0)
                return 0;
        r =
                        file_read_at(resolution->input->project_fd,
                                     PYLOCK_NAME,
                                     PYLOCK_SIZE_MAX,
                                     &resolution->pylock_text,
                                     &size);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return fault_set(
                                resolution->fault,
                                r,
                                fault_code_from_errno(r),
                                PYLOCK_NAME,
                                "Cannot read " PYLOCK_NAME ": %s.",
                                strerror(-r));
        r =
                        pylock_parse(resolution->pylock_text,
                                     size,
                                     PYLOCK_NAME,
                                     &resolution->pylock,
                                     resolution->fault);
        if (r == -EINVAL)
                fault_hint(resolution->fault, "Delete it, and it is made anew.");
        return r;
}

/* Whether the lock was made for machines like this one. */
static bool fits_environment(const Resolution *resolution) {
        const Pylock *pylock = resolution->pylock;

        for (size_t i = 0; i < pylock->n_environments; i++) {
                const Marker *marker;

                if (marker_parse_for_lock(
                                    resolution->arena,
                                    text_of(pylock->environments[i]),
                                    &marker,
                                    NULL,
                                    NULL) >= 0 &&
                    marker_evaluate(marker, &resolution->interpreter->markers))
                        return true;
        }
        return pylock->n_environments == 0;
}

static int fail_missing(Resolution *resolution) {
        (void) fault_set(
                        resolution->fault,
                        -ENOENT,
                        FAULT_LOCK_MISSING,
                        PYLOCK_NAME,
                        "The project has no " PYLOCK_NAME ", which was to be used as it is.");
        fault_hint(resolution->fault, "'blast lock' makes one.");
        return -ENOENT;
}

static int fail_outdated(Resolution *resolution, const char *reason) {
        (void) fault_set(
                        resolution->fault,
                        -ESTALE,
                        FAULT_LOCK_OUTDATED,
                        PYLOCK_NAME,
                        "The lock is not up to date: %s.",
                        reason);
        fault_hint(resolution->fault, "'blast lock' brings it up to date.");
        return -ESTALE;
}

static int use_it(Resolution *resolution, const Digest *digest) {
        int r;

        r =
                        pylock_to_lock(resolution->pylock,
                                       resolution->interpreter,
                                       &resolution->answer->lock,
                                       resolution->fault);
        if (r < 0)
                return r;
        resolution->answer->lock->input_digest = *digest;
        resolution->answer->lock_was_current = true;
        return 1;
}

int resolution_use_pylock(Resolution *resolution) {
        const ResolveRequest *request = resolution->request;
        const Pylock *pylock = resolution->pylock;
        const char *reason = NULL;
        Digest digest;
        int r;

        if (!pylock && (request->frozen || request->locked))
                return fail_missing(resolution);
        if (!pylock || request->verb != RESOLVE_SYNC)
                return 0;
        r = resolution_digest(resolution, &digest);
        if (r < 0)
                return r;
        if (request->frozen)
                return use_it(resolution, &digest);
        if (!pylock->has_input_digest)
                reason = "it does not say what it was made from";
        else if (!digest_equals(&pylock->input_digest, &digest))
                reason = "the project asks for something else by now";
        else if (!fits_environment(resolution))
                reason = "it was made for another platform or Python";
        if (!reason) {
                _cleanup_fault_ Fault fault = { 0 };

                r = pylock_to_lock(
                                pylock, resolution->interpreter, &resolution->answer->lock, &fault);
                if (r >= 0) {
                        resolution->answer->lock->input_digest = digest;
                        resolution->answer->lock_was_current = true;
                        return 1;
                }
                if (r == -ENOMEM)
                        return r;
                reason = "not all of its packages have a wheel for this platform and Python";
        }
        return request->locked ? fail_outdated(resolution, reason) : 0;
}

/* A condition that holds on machines which need the same packages. */
static int describe_environment(const Resolution *resolution, Pylock *pylock) {
        const MarkerEnvironment *markers = &resolution->interpreter->markers;
        static const MarkerVariable variables[] = {
                MARKER_IMPLEMENTATION_NAME,
                MARKER_PLATFORM_MACHINE,
                MARKER_PYTHON_VERSION,
                MARKER_SYS_PLATFORM,
        };
        _cleanup_builder_ Builder builder = { 0 };
        const char **environments = arena_new_array(pylock->memory, const char *, 2);

        if (!environments)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(variables); i++)
                if (markers->values[variables[i]])
                        builder_add_format(
                                        &builder,
                                        "%s%s == '%s'",
                                        builder.length > 0 ? " and " : "",
                                        marker_variable_to_string(variables[i]),
                                        markers->values[variables[i]]);
        if (builder.failed)
                return -ENOMEM;
        environments[0] = arena_text(pylock->memory, builder.data);
        if (!environments[0])
                return -ENOMEM;
        pylock->environments = environments;
        pylock->n_environments = 1;
        return 0;
}

int resolution_write_pylock(Resolution *resolution, const Digest *digest) {
        _cleanup_(pylock_freep) Pylock *pylock = NULL;
        _cleanup_(freep) char *text = NULL;
        ResolveAnswer *answer = resolution->answer;
        const char *index = resolution->index_urls ? resolution->index_urls[0] : NULL;
        int r;

        /* Nothing is put into a directory that has no project. */
        if (resolution->project.source == PROJECT_NONE)
                return 0;
        if (strings_count(resolution->index_urls) > 1)
                index = NULL;
        r = pylock_from_lock(answer->lock, resolution->project.requires_python, index, &pylock);
        if (r < 0)
                return r;
        r = describe_environment(resolution, pylock);
        if (r < 0)
                return r;
        pylock->has_input_digest = true;
        pylock->input_digest = *digest;
        pylock->exclude_newer = resolution->request->exclude_newer;
        r = pylock_format(pylock, &text);
        if (r < 0)
                return r;
        if (resolution->pylock_text && streq(resolution->pylock_text, text))
                return 0;
        return resolution_add_file(answer, PYLOCK_NAME, TAKE_PTR(text));
}
