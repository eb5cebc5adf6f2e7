// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Talks to the service: connects, calls, follows a job to its end. Turns errors of the bus back into
 * faults. */

#include "basic/macro.h"
#include "client/client.h"

/* A change the job made or, in a dry run, would make. */
typedef struct Change {
        char *action; /* install, remove, upgrade, downgrade, keep */
        char *package;
        char *old_version;
        char *new_version;
} Change;

typedef struct TextFile {
        char *name;
        char *text;
} TextFile;

typedef struct JobResult {
        char *result; /* done, failed, cancelled */
        Change *changes;
        size_t n_changes;
        size_t n_changes_allocated;
        TextFile *files;
        size_t n_files;
        size_t n_files_allocated;
        char **warnings;
        char *output;
        int32_t exit_status;
        uint64_t elapsed_usec;
} JobResult;

void job_result_done(JobResult *result);
#define _cleanup_job_result_ _cleanup_(job_result_done)

/* Connects once: to the system service where there is one (and we are not root), else to the embedded
 * daemon. Fills client->fault. */
_must_use_ int client_connect(Client *client);

/* Opens the environment of the project; if it is @only_existing, a missing one is FAULT_NO_ENVIRONMENT. */
_must_use_ int client_open_environment(Client *client, bool only_existing);

/* A call with the reply in @ret (may be NULL); @method is "Manager.ListJobs", "Environment.Sync" or
 * "Job.Cancel". The message is made by client_message() and filled by the caller. */
_must_use_ int
client_message(Client *client, const char *path, const char *method, sd_bus_message **ret);
_must_use_ int client_send(Client *client, sd_bus_message *message, sd_bus_message **ret);
_must_use_ int
client_property(Client *client,
                const char *path,
                const char *property, /* "Environment.State" */
                const char *type,
                sd_bus_message **ret);
_must_use_ int
client_property_string(Client *client, const char *path, const char *property, char **ret);

/* Appends the a{sv} of options that the package verbs take. */
_must_use_ int client_append_options(Client *client, sd_bus_message *message);

/* Sends a message whose reply is a job, shows its progress until it has ended, and reads the result.
 * Ctrl-C cancels the job. A job that failed is -EIO with client->fault set. */
_must_use_ int client_run_job(Client *client, sd_bus_message *message, JobResult *ret);

#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)
