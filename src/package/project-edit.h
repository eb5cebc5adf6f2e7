// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Changes the requirements written in pyproject.toml or requirements.txt and leaves every other byte
 * as it was: comments, order, quotes, line ends. Text in, text out; touches no file. */

#include "basic/macro.h"
#include "basic/text.h"

typedef struct Fault Fault;

typedef enum ProjectEditKind {
        PROJECT_EDIT_PYPROJECT,
        PROJECT_EDIT_REQUIREMENTS,
        _PROJECT_EDIT_KIND_MAX,
        _PROJECT_EDIT_KIND_INVALID = -EINVAL,
} ProjectEditKind;

/* Adds @requirement (PEP 508) to the project's dependencies; one of the same name and marker is
 * replaced. @text is the file's present content; pyproject.toml without a [project] table gets one
 * with @project_name, without `dependencies` the array is added. Returns 1 if @ret differs from
 * @text, else 0.
 * Errors: -EINVAL with a fault PROJECT_SYNTAX (the file or the requirement) or PROJECT_INVALID
 * (dependencies are dynamic); -ENOMEM. */
_must_use_ int project_edit_add(
                ProjectEditKind kind,
                Text text,
                const char *project_name,
                const char *requirement,
                char **ret,
                Fault *fault);

/* Takes every requirement named @name out of the dependencies. Returns 1 if @ret differs, 0 if there
 * was none. Errors: as above. */
_must_use_ int
project_edit_remove(ProjectEditKind kind, Text text, const char *name, char **ret, Fault *fault);
