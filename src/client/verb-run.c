// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>
#include <unistd.h>

#include "client/session.h"
#include "client/verbs.h"

/* "app.py …" means "python app.py …", as people expect of `run`. */
static int command_of(char **arguments, char ***ret) {
        _cleanup_(strings_freep) char **command = NULL;
        int r;

        if (text_ends_with(text_of(arguments[0]), ".py")) {
                r = strings_add(&command, "python");
                if (r < 0)
                        return r;
        }
        FOREACH_TEXT(argument, arguments) {
                r = strings_add(&command, argument);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(command);
        return 0;
}

/* A status of 125 says that blast failed, not the program (as docker and systemd-run do). */
static int run_command(Client *client, char **arguments) {
        _cleanup_(strings_freep) char **command = NULL;
        int r;

        r = command_of(arguments, &command);
        if (r < 0)
                return r;
        return session_run(client, command);
}

static int prepare(Client *client) {
        _cleanup_job_result_ JobResult result = {};
        bool wants_json = client->wants_json;
        int r;

        if (client->wants_no_sync)
                return client_open_environment(client, true);
        r = sync_environment(client, "Environment.Sync", NULL, &result);
        if (r < 0)
                return r;

        /* Before a program only what changed is worth a line, and stdout belongs to the program. */
        client->wants_json = false;
        for (size_t i = 0; i < result.n_changes; i++)
                if (!streq(result.changes[i].action, "keep")) {
                        r = show_changes(client, &result);
                        client->wants_json = wants_json;
                        return r;
                }
        FOREACH_TEXT(warning, result.warnings)
                show_warning(&client->show, "%s", warning);
        client->wants_json = wants_json;
        return 0;
}

int verb_run(Client *client, char **arguments) {
        int r;

        if (client->is_dry_run)
                return verb_install(client, NULL);
        r = prepare(client);
        if (r < 0)
                return r;
        return run_command(client, arguments);
}

/* Without a command: a shell inside at a terminal, else just the environment and what it is. */
int verb_start(Client *client, char **arguments) {
        const char *shell = getenv("SHELL");
        char *interactive[] = { (char *) (text_is_empty(shell) ? "/bin/sh" : shell), NULL };
        int r;

        if (client->is_dry_run)
                return verb_install(client, NULL);
        r = prepare(client);
        if (r < 0)
                return r;
        if (arguments)
                return run_command(client, arguments);
        if (client->wants_json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
                return verb_status(client, NULL);
        show_note(&client->show, "A shell inside the environment; 'exit' leaves it.");
        return session_run(client, interactive);
}
