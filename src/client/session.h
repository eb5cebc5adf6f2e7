// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* One program running in a sandbox, seen from the user's terminal: gives it our descriptors or a
 * terminal of its own, relays, passes signals on, and ends with its status. */

#include "basic/macro.h"
#include "client/client.h"

/* Starts @argv in the opened environment and stays until it ends.
 * Returns the exit status a shell would give; client->fault and a negative errno if nothing ran. */
_must_use_ int session_run(Client *client, char *const *argv);
