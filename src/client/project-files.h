// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What the client changes in the project, as the user: files a job answered with, and the link
 * .venv. Nothing that is not ours is ever replaced. */

#include "basic/macro.h"
#include "client/call.h"

/* Replaces the files one by one, each atomically. Errors: client->fault names the file. */
_must_use_ int project_files_write(Client *client, const JobResult *result);

/* Makes .venv lead to the environment. A directory or a foreign link in its place stays: one warning. */
_must_use_ int project_link_venv(Client *client);
/* The same where the environment's prefix is known. */
_must_use_ int project_link_venv_to(Client *client, const char *prefix);
