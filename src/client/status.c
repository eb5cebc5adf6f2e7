// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Every view is built once as a JSON value from the replies of the service. --json prints that value;
 * the views for people are drawn from the same value, so the two can never disagree.
 */

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "basic/memory.h"
#include "bus/names.h"
#include "client/call.h"
#include "client/pager.h"
#include "client/show-table.h"
#include "client/status.h"

static int json_print(const json_t *value) {
        int r = json_dumpf(value, stdout, JSON_INDENT(2));

        putchar('\n');
        return r < 0 ? -EIO : 0;
}

static const char *text_at(const json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key)) ?: "";
}

static json_int_t number_at(const json_t *object, const char *key) {
        return json_integer_value(json_object_get(object, key));
}

/* One property of a simple type under its JSON name. */
static int
add_property(Client *client, json_t *object, const char *key, const char *property, char type) {
        const char signature[] = { type, '\0' };
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *text;
        uint32_t number;
        int r;

        r = client_property(client, client->environment, property, signature, &reply);
        if (r < 0)
                return r;
        r = type == 's' ? sd_bus_message_read(reply, "s", &text)
                        : sd_bus_message_read(reply, "u", &number);
        if (r < 0)
                return r;
        json_t *value = type == 's' ? json_string(text) : json_integer(number);
        return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

static int read_run(sd_bus_message *reply, json_t *runs) {
        _cleanup_(strings_freep) char **argv = NULL;
        uint32_t run, pid, generation;
        uint64_t started_usec;
        int r;

        r = sd_bus_message_read(reply, "uut", &run, &pid, &started_usec);
        if (r < 0)
                return r;
        r = sd_bus_message_read_strv(reply, &argv);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "u", &generation);
        if (r < 0)
                return r;

        json_auto_t *words = json_array();
        FOREACH_TEXT(word, argv)
                if (json_array_append_new(words, json_string(word)) < 0)
                        return -ENOMEM;
        json_t *item =
                        json_pack("{s:i, s:i, s:I, s:i, s:O}",
                                  "run",
                                  (int) run,
                                  "pid",
                                  (int) pid,
                                  "started_usec",
                                  (json_int_t) started_usec,
                                  "generation",
                                  (int) generation,
                                  "argv",
                                  words);
        return json_array_append_new(runs, item) < 0 ? -ENOMEM : 0;
}

static int add_runs(Client *client, json_t *object) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        json_t *runs = json_array();
        int r;

        if (json_object_set_new(object, "runs", runs) < 0)
                return -ENOMEM;
        r = client_property(client, client->environment, "Environment.Runs", "a(uutasu)", &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(uutasu)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(reply, 'r', "uutasu")) > 0) {
                r = read_run(reply, runs);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(reply);
                if (r < 0)
                        return r;
        }
        return r;
}

/* A property that is a list of rows of strings. */
static int
add_rows(Client *client,
         json_t *object,
         const char *key,
         const char *property,
         const char *const *columns,
         size_t n_columns) {
        char row_type[16] = {}, type[20];
        _cleanup_message_ sd_bus_message *reply = NULL;
        json_t *rows = json_array();
        int r;

        memset(row_type, 's', n_columns);
        snprintf(type, sizeof(type), "a(%s)", row_type);
        if (json_object_set_new(object, key, rows) < 0)
                return -ENOMEM;
        r = client_property(client, client->environment, property, type, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', NULL);
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(reply, 'r', row_type)) > 0) {
                json_t *row = json_object();
                if (json_array_append_new(rows, row) < 0)
                        return -ENOMEM;
                for (size_t i = 0; i < n_columns; i++) {
                        const char *text;
                        r = sd_bus_message_read(reply, "s", &text);
                        if (r < 0)
                                return r;
                        if (json_object_set_new(row, columns[i], json_string(text)) < 0)
                                return -ENOMEM;
                }
                r = sd_bus_message_exit_container(reply);
                if (r < 0)
                        return r;
        }
        return r;
}

static int load_status(Client *client, json_t **ret) {
        static const char *const guarantee_columns[] = { "name", "state", "mechanism", "reason" };
        static const char *const key_columns[] = { "key", "place", "reason" };
        static const struct {
                const char *key;
                const char *property;
                char type;
        } simple[] = {
                { "id", "Environment.Id", 's' },
                { "name", "Environment.Name", 's' },
                { "project", "Environment.ProjectPath", 's' },
                { "state", "Environment.State", 's' },
                { "generation", "Environment.Generation", 'u' },
                { "prefix", "Environment.Prefix", 's' },
                { "python_version", "Environment.PythonVersion", 's' },
                { "python_path", "Environment.PythonPath", 's' },
                { "venv", "Environment.VenvState", 's' },
        };
        json_auto_t *object = json_object();
        int r;

        for (size_t i = 0; i < ELEMENTSOF(simple); i++) {
                r = add_property(client, object, simple[i].key, simple[i].property, simple[i].type);
                if (r < 0)
                        return r;
        }
        r = add_runs(client, object);
        if (r < 0)
                return r;
        r = add_rows(client,
                     object,
                     "guarantees",
                     "Environment.Guarantees",
                     guarantee_columns,
                     ELEMENTSOF(guarantee_columns));
        if (r < 0)
                return r;
        r = add_rows(client,
                     object,
                     "unenforced_keys",
                     "Environment.UnenforcedKeys",
                     key_columns,
                     ELEMENTSOF(key_columns));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

/* The first environment of a project has no name. */
static const char *name_of(const json_t *object) {
        const char *name = text_at(object, "name");

        return *name ? name : "default";
}

static Color state_color(const char *state) {
        if (streq(state, "held") || streq(state, "ready") || streq(state, "running") ||
            streq(state, "complete"))
                return COLOR_GREEN;
        if (streq(state, "not-held") || streq(state, "failed") || streq(state, "orphan"))
                return COLOR_RED;
        return COLOR_YELLOW;
}

/* Paths and commands are not ours to believe: nothing in them may speak to the terminal. */
static void print_text(const char *text) {
        _cleanup_(freep) char *copy = strdup(text ?: "");

        if (!copy)
                return; /* without memory there are no words */
        show_defuse(copy);
        fputs(copy, stdout);
}

static void print_field(Client *client, const char *label, Color color, const char *value) {
        printf("%s%12s%s  %s",
               show_color(&client->show, stdout, COLOR_DIM),
               label,
               show_color(&client->show, stdout, COLOR_NONE),
               color ? show_color(&client->show, stdout, color) : "");
        print_text(value);
        puts(color ? show_color(&client->show, stdout, COLOR_NONE) : "");
}

static void print_runs(Client *client, const json_t *runs) {
        json_t *run, *word;
        size_t i, j;
        char age[32];

        json_array_foreach(runs, i, run) {
                printf("%s%12s%s  %lld  pid %lld, %s:",
                       show_color(&client->show, stdout, COLOR_DIM),
                       i == 0 ? "running" : "",
                       show_color(&client->show, stdout, COLOR_NONE),
                       (long long) number_at(run, "run"),
                       (long long) number_at(run, "pid"),
                       format_age((uint64_t) number_at(run, "started_usec"), age, sizeof(age)));
                json_array_foreach(json_object_get(run, "argv"), j, word) {
                        putchar(' ');
                        print_text(json_string_value(word));
                }
                putchar('\n');
        }
}

/* What holds it; where it does not hold as it should, why. --verbose: what was read back, too. */
static char *guarantee_text(Client *client, const json_t *row) {
        const char *state = text_at(row, "state"), *reason = text_at(row, "reason");
        const char *mechanism = text_at(row, "mechanism");
        bool shows_reason = *reason && (client->is_verbose || !streq(state, "held"));

        if (shows_reason && (!*mechanism || streq(state, "not-held")))
                return strdup(reason);
        return string_format(
                        "%s%s%s", mechanism, shows_reason ? ". " : "", shows_reason ? reason : "");
}

static int print_guarantees(Client *client, const json_t *guarantees) {
        static const char *const headers[] = { "GUARANTEE", "STATE", "BY, OR WHY NOT" };
        _cleanup_(show_table_freep) ShowTable *table =
                        show_table_new(&client->show, headers, ELEMENTSOF(headers));
        json_t *row;
        size_t i;
        int r = 0;

        if (json_array_size(guarantees) == 0) {
                printf("\nNothing has run lately, so no guarantee has been read back: see again after 'blast run true'.\n");
                return 0;
        }
        if (!table)
                return -ENOMEM;
        json_array_foreach(guarantees, i, row) {
                const char *state = text_at(row, "state");
                _cleanup_(freep) char *text = guarantee_text(client, row);
                if (!text)
                        return -ENOMEM;
                r = show_table_add(table, COLOR_NONE, text_at(row, "name"));
                if (r >= 0)
                        r = show_table_add(table, state_color(state), state);
                if (r >= 0)
                        r = show_table_add(table, COLOR_NONE, text);
                if (r < 0)
                        return r;
        }
        putchar('\n');
        show_table_print(table);
        return 0;
}

static void print_unenforced(Client *client, const json_t *keys) {
        json_t *row;
        size_t i;

        json_array_foreach(keys, i, row)
                        printf("%s%s%s%s (%s) is not enforced: %s\n",
                               i == 0 ? "\n" : "",
                               show_color(&client->show, stdout, COLOR_YELLOW),
                               text_at(row, "key"),
                               show_color(&client->show, stdout, COLOR_NONE),
                               text_at(row, "place"),
                               text_at(row, "reason"));
}

static int print_status(Client *client, const json_t *object) {
        char python[512], generation[32];
        int r;

        snprintf(python,
                 sizeof(python),
                 "%s  %s",
                 text_at(object, "python_version"),
                 text_at(object, "python_path"));
        snprintf(generation,
                 sizeof(generation),
                 "%lld",
                 (long long) number_at(object, "generation"));
        pager_open(&client->show);
        print_field(client, "environment", COLOR_BOLD, name_of(object));
        print_field(client, "project", COLOR_NONE, text_at(object, "project"));
        print_field(client,
                    "state",
                    state_color(text_at(object, "state")),
                    text_at(object, "state"));
        print_field(client, "generation", COLOR_NONE, generation);
        print_field(client, "python", COLOR_NONE, python);
        print_field(client, "prefix", COLOR_NONE, text_at(object, "prefix"));
        print_field(client, ".venv", state_color(text_at(object, "venv")), text_at(object, "venv"));
        print_runs(client, json_object_get(object, "runs"));
        r = print_guarantees(client, json_object_get(object, "guarantees"));
        if (r < 0)
                return r;
        print_unenforced(client, json_object_get(object, "unenforced_keys"));
        printf("\nThese walls stand around programs started by blast.\n"
               ".venv/bin/python has none when an editor or you start it directly.\n");
        return 0;
}

int status_show(Client *client) {
        json_auto_t *object = NULL;
        int r = load_status(client, &object);

        if (r < 0)
                return r;
        return client->wants_json ? json_print(object) : print_status(client, object);
}

static int load_environments(Client *client, json_t **ret) {
        _cleanup_message_ sd_bus_message *message = NULL, *reply = NULL;
        json_auto_t *list = json_array();
        const char *path, *id, *name, *project;
        uint32_t generation, n_runs;
        int r;

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
                                reply,
                                "(osssuu)",
                                &path,
                                &id,
                                &name,
                                &project,
                                &generation,
                                &n_runs)) > 0) {
                json_t *item =
                                json_pack("{s:s, s:s, s:s, s:i, s:i}",
                                          "id",
                                          id,
                                          "name",
                                          name,
                                          "project",
                                          project,
                                          "generation",
                                          (int) generation,
                                          "runs",
                                          (int) n_runs);
                if (json_array_append_new(list, item) < 0)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

int status_show_all(Client *client) {
        static const char *const headers[] = { "NAME", "RUNNING", "GENERATION", "PROJECT" };
        _cleanup_(show_table_freep) ShowTable *table =
                        show_table_new(&client->show, headers, ELEMENTSOF(headers));
        json_auto_t *list = NULL;
        char runs[24], generation[24];
        json_t *item;
        size_t i;
        int r;

        r = load_environments(client, &list);
        if (r < 0)
                return r;
        if (client->wants_json)
                return json_print(list);
        if (!table)
                return -ENOMEM;
        json_array_foreach(list, i, item) {
                snprintf(runs, sizeof(runs), "%lld", (long long) number_at(item, "runs"));
                snprintf(generation,
                         sizeof(generation),
                         "%lld",
                         (long long) number_at(item, "generation"));
                const char *const cells[] = {
                        name_of(item), runs, generation, text_at(item, "project")
                };
                for (size_t j = 0; j < ELEMENTSOF(cells); j++) {
                        r = show_table_add(table, COLOR_NONE, cells[j]);
                        if (r < 0)
                                return r;
                }
        }
        show_table_align_right(table, 1);
        show_table_align_right(table, 2);
        pager_open(&client->show);
        show_table_print(table);
        return 0;
}

static int load_generations(Client *client, json_t **ret) {
        _cleanup_message_ sd_bus_message *message = NULL, *reply = NULL;
        json_auto_t *list = json_array();
        uint32_t number, n_packages;
        uint64_t created_usec;
        const char *verb;
        int is_current, r;

        r = client_message(client, client->environment, "Environment.ListGenerations", &message);
        if (r < 0)
                return r;
        r = client_send(client, message, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(utsub)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(
                                reply,
                                "(utsub)",
                                &number,
                                &created_usec,
                                &verb,
                                &n_packages,
                                &is_current)) > 0) {
                json_t *item =
                                json_pack("{s:i, s:I, s:s, s:i, s:b}",
                                          "generation",
                                          (int) number,
                                          "created_usec",
                                          (json_int_t) created_usec,
                                          "verb",
                                          verb,
                                          "packages",
                                          (int) n_packages,
                                          "current",
                                          is_current);
                if (json_array_append_new(list, item) < 0)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

int status_show_generations(Client *client) {
        static const char *const headers[] = { "GENERATION", "MADE BY", "PACKAGES", "WHEN", "" };
        _cleanup_(show_table_freep) ShowTable *table =
                        show_table_new(&client->show, headers, ELEMENTSOF(headers));
        json_auto_t *list = NULL;
        char number[24], packages[24], age[32];
        json_t *item;
        size_t i;
        int r;

        r = load_generations(client, &list);
        if (r < 0)
                return r;
        if (client->wants_json)
                return json_print(list);
        if (!table)
                return -ENOMEM;
        json_array_foreach(list, i, item) {
                snprintf(number, sizeof(number), "%lld", (long long) number_at(item, "generation"));
                snprintf(packages,
                         sizeof(packages),
                         "%lld",
                         (long long) number_at(item, "packages"));
                bool is_current = json_is_true(json_object_get(item, "current"));
                const char *const cells[] = {
                        number,
                        text_at(item, "verb"),
                        packages,
                        format_age((uint64_t) number_at(item, "created_usec"), age, sizeof(age)),
                        is_current ? "current" : "",
                };
                for (size_t j = 0; j < ELEMENTSOF(cells); j++) {
                        r = show_table_add(table, is_current ? COLOR_BOLD : COLOR_NONE, cells[j]);
                        if (r < 0)
                                return r;
                }
        }
        show_table_align_right(table, 0);
        show_table_align_right(table, 2);
        show_table_print(table);
        return 0;
}
