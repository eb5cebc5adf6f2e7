// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* One run of the command line: what was asked for, the connection to the service, how to print.
 * Unprivileged; everything that changes an environment is done by the service. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "basic/fault.h"
#include "basic/macro.h"
#include "client/settings.h"
#include "client/show.h"

typedef struct Client {
        /* Options, see program_options and the tables of the verbs. */
        bool wants_json;
        bool is_quiet;
        bool is_verbose;
        bool wants_help;
        bool wants_version;
        bool is_offline;
        bool is_frozen;
        bool is_locked;
        bool is_dry_run;
        bool wants_prereleases;
        bool no_default_groups;
        bool wants_all;
        bool wants_no_sync;
        bool wants_no_pager;
        bool is_strict;
        bool wants_environment_removed;
        bool wants_list;
        const char *color;
        const char *service;
        const char *project;
        const char *name;
        const char *python;
        const char *exclude_newer;
        const char *index_url;
        const char *signal;
        char **groups;
        char **extras;
        char **extra_index_urls;
        char **find_links;
        char **variables;

        Show show;
        ClientSettings settings;
        bool has_settings;
        sd_event *event;
        sd_bus *bus;
        bool is_private;    /* the connection is to the embedded daemon's own socket */
        int project_fd;     /* the project directory, O_PATH free: readable */
        char *project_path; /* absolute */
        char *environment;  /* object path, once opened */
        Fault fault;        /* why the verb failed */
} Client;

void client_init(Client *client);
void client_done(Client *client);

/* Opens the project directory (--project or where we are) once. */
_must_use_ int client_open_project(Client *client);
/* Reads index settings of this user once and lays the options over them. */
_must_use_ int client_load_settings(Client *client);
