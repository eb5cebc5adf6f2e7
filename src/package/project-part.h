// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What the readers of the project's files share. Private to project.c, pyproject.c and
 * project-settings.c, requirements-file.c. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/text.h"
#include "package/project.h"
#include "package/toml.h"

/* A fault about one line of a file; control characters in the sentence become '?'. Returns -EINVAL. */
_printf_(5, 6) int project_fail(
                Fault *fault,
                const char *file,
                uint32_t line,
                FaultCode code,
                const char *format,
                ...);

/* Adds a sentence to the project's warnings. */
_printf_(2, 3) _must_use_ int project_warn(Project *project, const char *format, ...);

/* Frees what is there and puts a copy. */
_must_use_ int project_replace_text(char **slot, const char *text);

/* Reads a whole file beneath the directory. Errors: -ENOENT it is absent (no fault); -EINVAL with a
 * fault for a link, something that is no file, or one that is too large; -ENOMEM. */
_must_use_ int project_read_file(
                int directory_fd,
                const char *name,
                size_t size_max,
                char **ret,
                size_t *ret_size,
                Fault *fault);

/* Where a requirement was written and what it belongs to. */
typedef struct RequirementPlace {
        const char *file;
        uint32_t line;
        const char *extra; /* normalised, or NULL */
        const char *group; /* normalised, or NULL */
        char *const *hashes;
        bool is_constraint;
} RequirementPlace;

/* Checks that @text is a requirement that can be had from an index and appends it.
 * Errors: -EINVAL with a fault PROJECT_SYNTAX or PROJECT_INVALID; -ENOMEM. */
_must_use_ int project_add_requirement(
                Project *project,
                const char *text,
                const RequirementPlace *place,
                Fault *fault);

/* Writes the normal form of a name, or says that it is none. */
_must_use_ int project_normalize_name(
                const char *text,
                const char *file,
                uint32_t line,
                const char *what,
                char **ret,
                Fault *fault);

/* Reads pyproject.toml into @project. Returns 1 if it names requirements ([project] or dependency groups), 0 if
 * it only gives settings, -ENOENT without a fault if there is none. Other errors: as
 * project_load(). */
_must_use_ int pyproject_load(int directory_fd, Project *project, Fault *fault);

#define PYPROJECT "pyproject.toml"

/* What pyproject.toml has of [tool.uv] (@uv may be NULL), after its groups have been read. */
_must_use_ int pyproject_read_uv(Project *project, const TomlValue *uv, Fault *fault);

/* Adds every item of @array at its line; @place says what they belong to, @key names the array in a
 * sentence. Errors: as project_add_requirement(). */
_must_use_ int pyproject_read_requirements(
                Project *project,
                const TomlValue *array,
                const char *key,
                const RequirementPlace *place,
                Fault *fault);

/* "'key' must be wanted, not a table." Returns -EINVAL. */
int pyproject_fail_type(Fault *fault, const TomlValue *value, const char *key, const char *wanted);
