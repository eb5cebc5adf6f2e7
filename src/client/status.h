// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What is: one environment in full, all of them in a table, the generations of one. */

#include "basic/macro.h"
#include "client/client.h"

_must_use_ int status_show(Client *client);
_must_use_ int status_show_all(Client *client);
_must_use_ int status_show_generations(Client *client);
