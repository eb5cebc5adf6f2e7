// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* entry_points.txt of a wheel: the programs it wants to have in bin/. */

#include "basic/fault.h"
#include "basic/text.h"
#include "package/unpack-request.h"

enum {
        ENTRY_POINTS_SIZE_MAX = 4 * 1024 * 1024,
        ENTRY_POINTS_MAX = 10000
};

/* True for a name that may appear in bin/: one component, no leading dot or dash, printable, not
 * one that belongs to the environment itself ("python3", "activate"). */
bool script_name_is_safe(Text name);

/* Reads [console_scripts] and [gui_scripts]; other sections are skipped. Module and function are
 * dotted identifiers, because they become program text. Sorted by name.
 * Ownership: the list is the caller's, as in UnpackAnswer.
 * Errors: -EBADMSG with FAULT_WHEEL_INVALID and the line: an unsafe name, a name twice, a value that is
 * no "module:function". Source: PyPA specification "Entry points". Fuzzed: tests/fuzz/fuzz-wheel.c. */
_must_use_ int entry_points_parse(
                Text text,
                const char *subject,
                ScriptEntry **ret,
                size_t *ret_n_scripts,
                Fault *fault);
