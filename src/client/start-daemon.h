// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Reaches the embedded daemon of this user: its private socket, and the daemon itself when nobody
 * listens there. */

#include "basic/fault.h"
#include "basic/macro.h"

/* A connected stream socket. Starts blastd if needed and waits until it listens.
 * Errors: -ENOENT no runtime directory can be had, FAULT_NO_SERVICE the daemon did not come up. */
_must_use_ int daemon_connect(Fault *fault);
