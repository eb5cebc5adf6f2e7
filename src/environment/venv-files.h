// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The texts of the files that make a directory a venv: pyvenv.cfg, activate scripts, the wrappers of
 * console scripts. Pure functions of a generation's record. */

#include "basic/macro.h"
#include "environment/generation.h"

/* @python_path is the interpreter's file itself, not a link to it. */
_must_use_ int
venv_config_format(const GenerationRecord *record, const char *python_path, char **ret);

typedef enum VenvShell {
        VENV_SHELL_POSIX, /* sh, bash, zsh: bin/activate */
        VENV_SHELL_CSH,   /* bin/activate.csh */
        VENV_SHELL_FISH,  /* bin/activate.fish */
        _VENV_SHELL_MAX,
} VenvShell;

_must_use_ int venv_activate_format(const GenerationRecord *record, VenvShell shell, char **ret);

/* The first line of a script run by the environment's interpreter; where the path is too long for
 * the kernel or holds a space, two lines that /bin/sh and Python both read their way (as pip does). */
_must_use_ int venv_shebang_format(const char *prefix, char **ret);

/* Errors: -EINVAL module or function is no dotted identifier. */
_must_use_ int venv_script_format(const char *prefix, const GenerationScript *script, char **ret);
