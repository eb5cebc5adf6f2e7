// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The system calls a sandboxed program may make: an allow list and a filter of arguments, compiled once
 * by libseccomp and handed on as a sealed memfd. What loads it (isolate.h) knows only its form. */

#include "basic/macro.h"

/* The programs of a sandbox: packed as SandboxFilter in isolate.h. Made at the first call (about
 * 5 ms), kept for the process's life; the descriptor is borrowed. Errors: -ENOMEM, those of memfd. */
_must_use_ int sandbox_filter(int *ret_fd);

/* The same for blast-monitor, once its sandbox runs: files it is led to, its sockets, its children; no
 * executable memory, no new process, no signal but through a pidfd it holds. */
_must_use_ int monitor_filter(int *ret_fd);

/* Sealed memfd made anew, for tests. */
_must_use_ int sandbox_filter_export(int *ret_fd);
