// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* One function per verb of the command line. Each returns an exit status, or a negative errno with
 * client->fault set. */

#include "client/call.h"
#include "client/client.h"

int verb_start(Client *client, char **arguments);
int verb_run(Client *client, char **arguments);
int verb_install(Client *client, char **arguments);
int verb_remove(Client *client, char **arguments);
int verb_update(Client *client, char **arguments);
int verb_lock(Client *client, char **arguments);
int verb_list(Client *client, char **arguments);
int verb_status(Client *client, char **arguments);
int verb_kill(Client *client, char **arguments);
int verb_rollback(Client *client, char **arguments);
int verb_config(Client *client, char **arguments);
int verb_help(Client *client, char **arguments);

/* Brings the environment up to date with the project: what start, run and the package verbs share.
 * @method is "Environment.Sync" and the like; @arguments are its list of strings (NULL: none). */
_must_use_ int
sync_environment(Client *client, const char *method, char *const *arguments, JobResult *ret);
/* Shows what a job changed: a table at a terminal, JSON if asked for. */
_must_use_ int show_changes(Client *client, const JobResult *result);
