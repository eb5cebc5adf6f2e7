// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What is mounted, read back from the kernel's own table (mountinfo) with libmount. */

#include <sys/types.h>

#include "basic/macro.h"
#include "environment/guarantee.h"
#include "environment/run-record.h"

/* Mount points of the calling process strictly below @path, in the order of the table. */
_must_use_ int mount_table_below(const char *path, char ***ret);

/* One row per fact of the mount table of process @pid (pid 1 of a sandbox): no set-id programs and no
 * devices anywhere, everything but the named places read-only. Unreadable: rows say unknown. */
_must_use_ int mount_table_guarantees(pid_t pid, Guarantees *rows);

/* All rows of a run: what its first process read back from inside, and the mount table as it is now. */
_must_use_ int guarantees_of_run(const RunRecord *record, Guarantees *ret);
