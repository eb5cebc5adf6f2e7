// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Makes a generation from its draft: files, scripts, links and what is carried over from the one
 * before. Blocks on the disk, therefore called by blast-stage and by tests only. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "environment/generation.h"

/* Makes the generation and leaves it, durable, as generations/<number>, not yet current. What was
 * installed by hand into the upper of the predecessor is copied forward; @draft->record.carried and
 * .warnings say so. @directory_fd is the environment's, @trees_fd the store's.
 * Errors: -EEXIST the number is taken; -ENOSPC (FAULT_DISK_FULL); -ENAMETOOLONG (FAULT_PATH_TOO_LONG). */
_must_use_ int
generation_stage(int directory_fd, int trees_fd, GenerationDraft *draft, Fault *fault);
