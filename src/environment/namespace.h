// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The namespaces of a generation: made once, with its overlays mounted, then joined by every sandbox.
 * Held by descriptors; found again through a process that lives in them. */

#include <sys/types.h>

#include "basic/fault.h"
#include "basic/macro.h"
#include "environment/launch.h"

/* Does the caller lack CAP_SYS_ADMIN, so that only a user namespace lets it mount? */
bool namespace_needs_user(void);

/* Errors: -EBUSY the generation's upper is mounted elsewhere. See generation_mount(). */
_must_use_ int namespace_new(const GenerationSpec *spec, GenerationMounts *ret, Fault *fault);

/* Opens the namespaces of process @pid, which must be a monitor, and shares its lock.
 * Errors: -ESRCH it is gone. */
_must_use_ int namespace_of_monitor(pid_t pid, GenerationMounts *ret);

/* Takes the lock of the generation for as long as the descriptor is open, or says -EBUSY. A shared
 * lock goes beside other shared ones; the exclusive one turns into a shared one atomically. */
_must_use_ int generation_lock(int generation_fd, bool is_shared);
