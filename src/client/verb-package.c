// SPDX-License-Identifier: LGPL-2.1-or-later

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "basic/memory.h"
#include "client/pager.h"
#include "client/project-files.h"
#include "client/show-table.h"
#include "client/verbs.h"

static Color change_color(const char *action) {
        if (streq(action, "install"))
                return COLOR_GREEN;
        if (streq(action, "remove"))
                return COLOR_RED;
        if (streq(action, "upgrade") || streq(action, "downgrade"))
                return COLOR_YELLOW;
        return COLOR_DIM;
}

static const char *change_sign(const char *action) {
        if (streq(action, "install"))
                return "+";
        if (streq(action, "remove"))
                return "-";
        return streq(action, "keep") ? " " : "~";
}

static void show_change(Client *client, const Change *change) {
        Show *show = &client->show;
        bool has_both = *change->old_version && *change->new_version &&
                        !streq(change->old_version, change->new_version);

        fprintf(stderr,
                " %s%s %s %s%s%s%s\n",
                show_color(show, stderr, change_color(change->action)),
                change_sign(change->action),
                change->package,
                change->old_version,
                has_both ? " → " : "",
                has_both || !*change->old_version ? change->new_version : "",
                show_color(show, stderr, COLOR_NONE));
}

static int print_changes_json(const JobResult *result) {
        json_t *changes = json_array(), *root;

        for (size_t i = 0; i < result->n_changes; i++) {
                const Change *change = &result->changes[i];
                json_t *item =
                                json_pack("{s:s, s:s, s:s?, s:s?}",
                                          "action",
                                          change->action,
                                          "name",
                                          change->package,
                                          "from",
                                          *change->old_version ? change->old_version : NULL,
                                          "to",
                                          *change->new_version ? change->new_version : NULL);
                if (!item || json_array_append_new(changes, item) < 0) {
                        json_decref(changes);
                        return -ENOMEM;
                }
        }
        root = json_pack("{s:s, s:o}", "result", result->result, "changes", changes);
        if (!root)
                return -ENOMEM;
        (void) json_dumpf(root, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(root);
        return 0;
}

/* "Installed 12 packages in 1.2 s.", "Installed 1, upgraded 2, removed 3 packages in 0.4 s." */
static int show_summary(Client *client, const JobResult *result) {
        static const struct {
                const char *action;
                const char *past;
        } kinds[] = {
                { "install", "installed" },
                { "upgrade", "upgraded" },
                { "downgrade", "downgraded" },
                { "remove", "removed" },
        };
        _cleanup_builder_ Builder line = {};
        _cleanup_(freep) char *text = NULL;
        char duration[32];
        size_t last = 0;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                size_t n = 0;
                for (size_t j = 0; j < result->n_changes; j++)
                        n += streq(result->changes[j].action, kinds[i].action);
                if (n > 0)
                        builder_add_format(
                                        &line, "%s%s %zu", last > 0 ? ", " : "", kinds[i].past, n);
                last = n > 0 ? n : last;
        }
        r = builder_finish(&line, &text);
        if (r < 0)
                return r;
        if (result->n_changes == 0)
                show_note(&client->show, "No packages, nothing to change.");
        else if (last == 0)
                show_note(&client->show,
                          "%zu package%s, nothing to change.",
                          result->n_changes,
                          result->n_changes == 1 ? "" : "s");
        else
                show_note(&client->show,
                          "%c%s package%s in %s.",
                          text[0] - 'a' + 'A',
                          text + 1,
                          last == 1 ? "" : "s",
                          format_duration(result->elapsed_usec, duration, sizeof(duration)));
        return 0;
}

int show_changes(Client *client, const JobResult *result) {
        FOREACH_TEXT(warning, result->warnings)
                show_warning(&client->show, "%s", warning);
        if (client->wants_json)
                return print_changes_json(result);
        if (client->is_dry_run && !text_is_empty(result->output)) {
                fputs(result->output, stdout);
                return 0;
        }
        if (client->show.is_quiet)
                return 0;
        for (size_t i = 0; i < result->n_changes; i++)
                if (!streq(result->changes[i].action, "keep"))
                        show_change(client, &result->changes[i]);
        return client->is_dry_run ? 0 : show_summary(client, result);
}

static int append_arguments(sd_bus_message *message, char *const *arguments) {
        return sd_bus_message_append_strv(message, (char **) arguments);
}

int sync_environment(Client *client, const char *method, char *const *arguments, JobResult *ret) {
        bool takes_list = !streq(method, "Environment.Sync") && !streq(method, "Environment.Lock");
        _cleanup_message_ sd_bus_message *message = NULL;
        int r;

        r = client_open_environment(client, false);
        if (r < 0)
                return r;
        r = client_message(client, client->environment, method, &message);
        if (r < 0)
                return r;
        if (takes_list) {
                r = append_arguments(message, arguments);
                if (r < 0)
                        return r;
        }
        r = client_append_options(client, message);
        if (r < 0)
                return r;
        r = client_run_job(client, message, ret);
        if (r < 0)
                return r;
        r = project_files_write(client, ret);
        if (r < 0)
                return r;
        if (client->is_dry_run || streq(method, "Environment.Lock"))
                return 0;
        return project_link_venv(client);
}

static int change_packages(Client *client, const char *method, char *const *arguments) {
        _cleanup_job_result_ JobResult result = {};
        int r;

        r = sync_environment(client, method, arguments, &result);
        if (r < 0)
                return r;
        return show_changes(client, &result);
}

int verb_install(Client *client, char **arguments) {
        return change_packages(
                        client, arguments ? "Environment.Install" : "Environment.Sync", arguments);
}

static int delete_environment(Client *client) {
        _cleanup_message_ sd_bus_message *message = NULL;
        _cleanup_job_result_ JobResult result = {};
        int r;

        r = client_open_environment(client, true);
        if (r < 0)
                return r;
        r = client_message(client, client->environment, "Environment.Delete", &message);
        if (r < 0)
                return r;
        r = client_run_job(client, message, &result);
        if (r < 0)
                return r;
        if (client->wants_json)
                return print_changes_json(&result);
        show_note(&client->show, "The environment of %s is deleted.", client->project_path);
        return 0;
}

int verb_remove(Client *client, char **arguments) {
        if (client->wants_environment_removed) {
                if (arguments)
                        return fault_set(
                                        &client->fault,
                                        -EINVAL,
                                        FAULT_USAGE,
                                        arguments[0],
                                        "Either packages or --environment can be removed, not both at once.");
                return delete_environment(client);
        }
        if (!arguments)
                return fault_set(
                                &client->fault,
                                -EINVAL,
                                FAULT_USAGE,
                                NULL,
                                "Name the packages to remove, or --environment for the whole environment.");
        return change_packages(client, "Environment.Remove", arguments);
}

int verb_update(Client *client, char **arguments) {
        return change_packages(client, "Environment.Update", arguments);
}

int verb_lock(Client *client, char **arguments) {
        _cleanup_job_result_ JobResult result = {};
        int r;

        r = sync_environment(client, "Environment.Lock", NULL, &result);
        if (r < 0)
                return r;
        r = show_changes(client, &result);
        if (r < 0)
                return r;
        if (!client->is_dry_run && result.n_files == 0)
                show_note(&client->show, "pylock.toml is up to date.");
        else if (!client->is_dry_run)
                show_note(&client->show, "Wrote pylock.toml.");
        return 0;
}

/* One row of ListPackages; text is borrowed from the reply. */
typedef struct PackageRow {
        const char *name, *version, *tree;
        int is_direct;
        uint64_t size_bytes;
} PackageRow;

static int read_package(sd_bus_message *reply, PackageRow *ret) {
        return sd_bus_message_read(
                        reply,
                        "(ssbts)",
                        &ret->name,
                        &ret->version,
                        &ret->is_direct,
                        &ret->size_bytes,
                        &ret->tree);
}

static int list_json(sd_bus_message *reply) {
        json_t *list = json_array();
        PackageRow row;
        int r;

        while ((r = read_package(reply, &row)) > 0) {
                json_t *item =
                                json_pack("{s:s, s:s, s:b, s:I, s:s}",
                                          "name",
                                          row.name,
                                          "version",
                                          row.version,
                                          "direct",
                                          row.is_direct,
                                          "size",
                                          (json_int_t) row.size_bytes,
                                          "tree",
                                          row.tree);
                if (!item || json_array_append_new(list, item) < 0) {
                        json_decref(list);
                        return -ENOMEM;
                }
        }
        if (r >= 0) {
                (void) json_dumpf(list, stdout, JSON_INDENT(2));
                putchar('\n');
        }
        json_decref(list);
        return r;
}

static int list_table(Client *client, sd_bus_message *reply) {
        static const char *const headers[] = { "PACKAGE", "VERSION", "SIZE", "" };
        _cleanup_(show_table_freep) ShowTable *table =
                        show_table_new(&client->show, headers, ELEMENTSOF(headers));
        PackageRow row;
        char size[24];
        int r;

        if (!table)
                return -ENOMEM;
        show_table_align_right(table, 2);
        while ((r = read_package(reply, &row)) > 0) {
                const char *const cells[] = {
                        row.name,
                        row.version,
                        row.size_bytes > 0 ? format_bytes(row.size_bytes, size, sizeof(size)) : "",
                        row.is_direct ? "asked for" : "",
                };
                for (size_t i = 0; i < ELEMENTSOF(cells); i++) {
                        r = show_table_add(table, i == 3 ? COLOR_DIM : COLOR_NONE, cells[i]);
                        if (r < 0)
                                return r;
                }
        }
        if (r < 0)
                return r;
        pager_open(&client->show);
        show_table_print(table);
        return 0;
}

int verb_list(Client *client, char **arguments) {
        _cleanup_message_ sd_bus_message *message = NULL, *reply = NULL;
        int r;

        r = client_open_environment(client, true);
        if (r < 0)
                return r;
        r = client_message(client, client->environment, "Environment.ListPackages", &message);
        if (r < 0)
                return r;
        r = client_send(client, message, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(ssbts)");
        if (r < 0)
                return r;
        return client->wants_json ? list_json(reply) : list_table(client, reply);
}
