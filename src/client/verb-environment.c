// SPDX-License-Identifier: LGPL-2.1-or-later

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "basic/memory.h"
#include "bus/names.h"
#include "client/arguments.h"
#include "client/show-table.h"
#include "client/status.h"
#include "client/verbs.h"

int verb_status(Client *client, char **arguments) {
        int r;

        if (client->wants_all) {
                r = client_connect(client);
                return r < 0 ? r : status_show_all(client);
        }
        r = client_open_environment(client, true);
        return r < 0 ? r : status_show(client);
}

/* "9", "KILL", "SIGKILL", "kill". Errors: -EINVAL. */
static int signal_from_text(const char *text) {
        uint64_t number;

        if (text_to_u64(text_of(text), &number) >= 0)
                return number > 0 && number < NSIG ? (int) number : -EINVAL;
        if (strncasecmp(text, "SIG", 3) == 0)
                text += 3;
        for (int i = 1; i < NSIG; i++) {
                const char *name = sigabbrev_np(i);
                if (name && strcasecmp(name, text) == 0)
                        return i;
        }
        return -EINVAL;
}

static int
kill_run(Client *client, const char *environment, uint32_t run, int signal, uint32_t *killed) {
        _cleanup_message_ sd_bus_message *message = NULL, *reply = NULL;
        uint32_t n;
        int r;

        r = client_message(client, environment, "Environment.Kill", &message);
        if (r < 0)
                return r;
        r = sd_bus_message_append(message, "ui", run, (int32_t) signal);
        if (r < 0)
                return r;
        r = client_send(client, message, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "u", &n);
        if (r < 0)
                return r;
        *killed += n;
        return 0;
}

static int kill_everywhere(Client *client, int signal, uint32_t *killed) {
        _cleanup_message_ sd_bus_message *message = NULL, *reply = NULL;
        const char *environment;
        int r;

        r = client_connect(client);
        if (r < 0)
                return r;
        r = client_message(client, BUS_PATH, "Manager.ListEnvironments", &message);
        if (r < 0)
                return r;
        r = client_send(client, message, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(osssuu)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(
                                reply, "(osssuu)", &environment, NULL, NULL, NULL, NULL, NULL)) >
               0) {
                r = kill_run(client, environment, 0, signal, killed);
                if (r < 0)
                        return r;
        }
        return r;
}

static int kill_chosen(Client *client, char **arguments, int signal, uint32_t *killed) {
        uint64_t run;
        int r;

        r = client_open_environment(client, true);
        if (r < 0)
                return r;
        if (!arguments)
                return kill_run(client, client->environment, 0, signal, killed);
        FOREACH_TEXT(argument, arguments) {
                if (text_to_u64(text_of(argument), &run) < 0 || run == 0 || run > UINT32_MAX)
                        return fault_set(
                                        &client->fault,
                                        -EINVAL,
                                        FAULT_USAGE,
                                        argument,
                                        "'%s' is not the number of a run; 'blast status' shows them.",
                                        argument);
                r = kill_run(client, client->environment, (uint32_t) run, signal, killed);
                if (r < 0)
                        return r;
        }
        return 0;
}

int verb_kill(Client *client, char **arguments) {
        int signal = client->signal ? signal_from_text(client->signal) : SIGTERM, r;
        uint32_t killed = 0;

        if (signal < 0)
                return fault_set(
                                &client->fault,
                                -EINVAL,
                                FAULT_USAGE,
                                client->signal,
                                "There is no signal '%s'.",
                                client->signal);
        r = client->wants_all ? kill_everywhere(client, signal, &killed)
                              : kill_chosen(client, arguments, signal, &killed);
        if (r < 0)
                return r;
        if (client->wants_json)
                printf("{\"signalled\": %u}\n", killed);
        else if (killed == 0)
                show_note(&client->show, "Nothing is running.");
        else
                show_note(&client->show,
                          "Sent SIG%s to %u program%s.",
                          sigabbrev_np(signal) ?: "?",
                          killed,
                          killed == 1 ? "" : "s");
        return 0;
}

static int show_generation(Client *client) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        uint32_t generation;
        int r;

        r = client_property(client, client->environment, "Environment.Generation", "u", &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "u", &generation);
        if (r < 0)
                return r;
        show_note(&client->show, "Generation %u is the current one.", generation);
        return 0;
}

int verb_rollback(Client *client, char **arguments) {
        _cleanup_message_ sd_bus_message *message = NULL;
        _cleanup_job_result_ JobResult result = {};
        uint64_t generation = 0;
        int r;

        if (arguments &&
            (text_to_u64(text_of(arguments[0]), &generation) < 0 || generation == 0 ||
             generation > UINT32_MAX))
                return fault_set(
                                &client->fault,
                                -EINVAL,
                                FAULT_USAGE,
                                arguments[0],
                                "'%s' is not the number of a generation; 'blast rollback --list' shows them.",
                                arguments[0]);
        r = client_open_environment(client, true);
        if (r < 0)
                return r;
        if (client->wants_list)
                return status_show_generations(client);
        r = client_message(client, client->environment, "Environment.Rollback", &message);
        if (r < 0)
                return r;
        r = sd_bus_message_append(message, "u", (uint32_t) generation);
        if (r < 0)
                return r;
        r = client_run_job(client, message, &result);
        if (r < 0)
                return r;
        if (result.n_changes > 0 || client->wants_json)
                r = show_changes(client, &result);
        return r < 0 ? r : show_generation(client);
}

int verb_config(Client *client, char **arguments) {
        static const char *const headers[] = { "KEY", "VALUE", "FROM" };
        int r = client_load_settings(client);

        if (r < 0)
                return r;
        if (client->wants_json) {
                json_t *list = json_array();
                for (size_t i = 0; i < client->settings.n_sources; i++) {
                        const SettingSource *source = &client->settings.sources[i];
                        json_t *item =
                                        json_pack("{s:s, s:s?, s:s}",
                                                  "key",
                                                  source->key,
                                                  "value",
                                                  source->value,
                                                  "origin",
                                                  source->origin);
                        if (!item || json_array_append_new(list, item) < 0) {
                                json_decref(list);
                                return -ENOMEM;
                        }
                }
                (void) json_dumpf(list, stdout, JSON_INDENT(2));
                putchar('\n');
                json_decref(list);
                return 0;
        }

        _cleanup_(show_table_freep) ShowTable *table =
                        show_table_new(&client->show, headers, ELEMENTSOF(headers));
        if (!table)
                return -ENOMEM;
        for (size_t i = 0; i < client->settings.n_sources; i++) {
                const SettingSource *source = &client->settings.sources[i];
                const char *const cells[] = { source->key, source->value, source->origin };
                for (size_t j = 0; j < ELEMENTSOF(cells); j++) {
                        r = show_table_add(table, j == 2 ? COLOR_DIM : COLOR_NONE, cells[j]);
                        if (r < 0)
                                return r;
                }
        }
        show_table_print(table);
        return 0;
}

int verb_help(Client *client, char **arguments) {
        const Verb *verb;
        int r;

        if (!arguments) {
                help_print_program();
                return 0;
        }
        r = verb_find_or_suggest(client, arguments[0], &verb);
        if (r < 0)
                return r;
        help_print_verb(verb);
        return 0;
}
