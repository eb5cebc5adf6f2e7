// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Changes the lines of a requirements file that name one package; every other byte stays. Private to
 * project-edit.c. */

#include "basic/macro.h"
#include "basic/text.h"
#include "package/requirement.h"

/* Replaces the line of the same name and marker, or adds one at the end. Returns 1 if @ret differs. */
_must_use_ int
requirements_edit_add(Text text, const Requirement *wanted, const char *requirement, char **ret);

/* Takes out all lines, with what continues them, that name the package. Returns 1 if @ret differs. */
_must_use_ int requirements_edit_remove(Text text, const char *name, char **ret);
