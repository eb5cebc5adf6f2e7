// SPDX-License-Identifier: LGPL-2.1-or-later

#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/log.h"
#include "client/arguments.h"
#include "client/verbs.h"
#include "config.h"

enum {
        EXIT_BLAST_FAILED = 125
}; /* of verbs that run a program: we failed, not the program */

#define FLAG(letter, name, field, help) \
        { letter, name, NULL, help, OPTION_FLAG, offsetof(Client, field) }
#define TEXT_OPTION(letter, name, value, field, help) \
        { letter, name, value, help, OPTION_TEXT, offsetof(Client, field) }
#define LIST_OPTION(letter, name, value, field, help) \
        { letter, name, value, help, OPTION_LIST, offsetof(Client, field) }

const Option program_options[] = {
        FLAG('h', "help", wants_help, "show this text"),
        FLAG(0, "version", wants_version, "show the version"),
        TEXT_OPTION('C',
                    "project",
                    "DIR",
                    project,
                    "the project directory, instead of where we are"),
        TEXT_OPTION(0, "name", "NAME", name, "one of several environments of the project"),
        FLAG(0, "json", wants_json, "results as JSON on stdout"),
        FLAG('q', "quiet", is_quiet, "only results, warnings and errors"),
        FLAG('v', "verbose", is_verbose, "also what was seen and not used"),
        TEXT_OPTION(0, "color", "WHEN", color, "always, never or auto"),
        FLAG(0, "no-pager", wants_no_pager, "do not pipe long output into a pager"),
        TEXT_OPTION(0,
                    "service",
                    "WHICH",
                    service,
                    "system or embedded; by default what is installed"),
        {},
};

#define PACKAGE_OPTIONS                                                                           \
        FLAG(0, "offline", is_offline, "use only what is in the cache"),                          \
                        FLAG(0,                                                                   \
                             "frozen",                                                            \
                             is_frozen,                                                           \
                             "take pylock.toml as it is, do not look at the project"),            \
                        FLAG(0,                                                                   \
                             "locked",                                                            \
                             is_locked,                                                           \
                             "fail if pylock.toml does not fit the project"),                     \
                        FLAG('n', "dry-run", is_dry_run, "print the plan and change nothing"),    \
                        TEXT_OPTION('p',                                                          \
                                    "python",                                                     \
                                    "VERSION",                                                    \
                                    python,                                                       \
                                    "3.12, '>=3.10' or the path of an interpreter"),              \
                        LIST_OPTION('g', "group", "GROUP", groups, "include a dependency group"), \
                        FLAG(0,                                                                   \
                             "no-default-groups",                                                 \
                             no_default_groups,                                                   \
                             "leave out the group dev"),                                          \
                        LIST_OPTION('e',                                                          \
                                    "extra",                                                      \
                                    "EXTRA",                                                      \
                                    extras,                                                       \
                                    "include an extra of the project"),                           \
                        FLAG(0, "prereleases", wants_prereleases, "allow pre-releases"),          \
                        TEXT_OPTION(0,                                                            \
                                    "exclude-newer",                                              \
                                    "DATE",                                                       \
                                    exclude_newer,                                                \
                                    "ignore files uploaded later (RFC 3339)"),                    \
                        TEXT_OPTION('i', "index-url", "URL", index_url, "the package index"),     \
                        LIST_OPTION(0,                                                            \
                                    "extra-index-url",                                            \
                                    "URL",                                                        \
                                    extra_index_urls,                                             \
                                    "another index, asked after it"),                             \
                        LIST_OPTION('f',                                                          \
                                    "find-links",                                                 \
                                    "PLACE",                                                      \
                                    find_links,                                                   \
                                    "a directory or page with wheels")

#define RUN_OPTIONS                                                           \
        FLAG(0, "no-sync", wants_no_sync, "run in the environment as it is"), \
                        FLAG(0,                                               \
                             "strict",                                        \
                             is_strict,                                       \
                             "refuse to run if a guarantee does not hold"),   \
                        LIST_OPTION(0,                                        \
                                    "env",                                    \
                                    "NAME=VALUE",                             \
                                    variables,                                \
                                    "a variable for the program")

static const Option package_options[] = { PACKAGE_OPTIONS, {} };
static const Option run_options[] = { RUN_OPTIONS, PACKAGE_OPTIONS, {} };
static const Option remove_options[] = {
        FLAG(0,
             "environment",
             wants_environment_removed,
             "delete the whole environment of the project"),
        PACKAGE_OPTIONS,
        {},
};
static const Option kill_options[] = {
        TEXT_OPTION('s', "signal", "SIGNAL", signal, "what to send instead of TERM"),
        FLAG('a', "all", wants_all, "in all environments"),
        {},
};
static const Option status_options[] = {
        FLAG('a', "all", wants_all, "a table of all environments"),
        {},
};
static const Option rollback_options[] = {
        FLAG('l', "list", wants_list, "show the generations and change nothing"),
        {},
};

const Verb verbs[] = {
        {
                        "start",
                        "[-- COMMAND...]",
                        "make the environment and enter it",
                        "Resolves and installs what the project asks for, then runs COMMAND inside the walls; without one, a\n"
                        "shell at a terminal. The exit status is the program's; 125: blast failed, 126: cannot be executed,\n"
                        "127: not found.",
                        run_options,
                        0,
                        UINT_MAX,
                        true,
                        verb_start,
        },
        {
                        "run",
                        "COMMAND...",
                        "run a program in the environment",
                        "Brings the environment up to date and runs COMMAND inside the walls; FILE.py is run by its Python.\n"
                        "The exit status is the program's; 125: blast failed, 126: cannot be executed, 127: not found.",
                        run_options,
                        1,
                        UINT_MAX,
                        true,
                        verb_run,
        },
        {
                        "install",
                        "[REQUIREMENT...]",
                        "add packages to the project",
                        "Adds the requirements to pyproject.toml or requirements.txt (or remembers them where there is neither),\n"
                        "resolves anew and installs. Without a requirement it installs what the project asks for.",
                        package_options,
                        0,
                        UINT_MAX,
                        false,
                        verb_install,
        },
        {
                        "remove",
                        "[PACKAGE...]",
                        "take packages out of the project",
                        "Takes the packages out of the project and out of the environment, with what only they needed.",
                        remove_options,
                        0,
                        UINT_MAX,
                        false,
                        verb_remove,
        },
        {
                        "update",
                        "[PACKAGE...]",
                        "go to newer versions",
                        "Forgets the locked versions of the packages (of all, without one) and resolves anew.",
                        package_options,
                        0,
                        UINT_MAX,
                        false,
                        verb_update,
        },
        {
                        "lock",
                        "",
                        "write pylock.toml and install nothing",
                        "Resolves and writes pylock.toml (PEP 751) into the project.",
                        package_options,
                        0,
                        0,
                        false,
                        verb_lock,
        },
        {
                        "list",
                        "",
                        "show the installed packages",
                        "Shows the packages of the current generation.",
                        NULL,
                        0,
                        0,
                        false,
                        verb_list,
        },
        {
                        "status",
                        "",
                        "show the environment, what runs in it, and what holds",
                        "Shows the state, the running programs and every guarantee with the mechanism that holds it or the\n"
                        "reason why it does not hold, as read back from inside the last sandbox.",
                        status_options,
                        0,
                        0,
                        false,
                        verb_status,
        },
        {
                        "kill",
                        "[RUN...]",
                        "end programs in the environment",
                        "Sends a signal to the programs with these numbers (see status), or to all of the project.",
                        kill_options,
                        0,
                        UINT_MAX,
                        false,
                        verb_kill,
        },
        {
                        "rollback",
                        "[GENERATION]",
                        "go back to an earlier generation",
                        "Makes an earlier generation the current one: the one before, or the one with this number. The project's\n"
                        "files are not touched.",
                        rollback_options,
                        0,
                        1,
                        false,
                        verb_rollback,
        },
        {
                        "config",
                        "",
                        "show settings and where they come from",
                        "Shows the settings of index and network in force, and the file or variable that gave each.",
                        NULL,
                        0,
                        0,
                        false,
                        verb_config,
        },
        {},
};

static int count_check(Client *client, const Verb *verb, char **arguments) {
        size_t n = strings_count(arguments);

        if (n >= verb->n_arguments_min && n <= verb->n_arguments_max)
                return 0;
        (void) fault_set(
                        &client->fault,
                        -EINVAL,
                        FAULT_USAGE,
                        verb->name,
                        n < verb->n_arguments_min ? "'blast %s' wants more: blast %s %s."
                                                  : "'blast %s' takes less: blast %s %s.",
                        verb->name,
                        verb->name,
                        verb->arguments);
        return -EINVAL;
}

static int find_verb(Client *client, const char *name, const Verb **ret) {
        const Verb *verb = verb_find(name);

        if (!verb) {
                const char *near = verb_suggest(name);
                (void) fault_set(
                                &client->fault,
                                -EINVAL,
                                FAULT_USAGE,
                                name,
                                "There is no verb '%s'.",
                                name);
                fault_hint(&client->fault,
                           near ? "Did you mean 'blast %s'?" : "'blast --help' lists them.",
                           near);
                return -EINVAL;
        }
        *ret = verb;
        return 0;
}

static int print_version(void) {
        printf("blast %s\n", BLAST_VERSION);
        return 0;
}

static int dispatch(Client *client, int argc, char **argv, const Verb **ret_verb) {
        _cleanup_(strings_freep) char **arguments = NULL;
        const Verb *verb;
        int position = 1, r;

        r = arguments_parse(client, NULL, argc, argv, &position, &arguments, &client->fault);
        if (r < 0)
                return r;
        if (client->wants_version)
                return print_version();
        if (position >= argc || client->wants_help) {
                help_print_program();
                return client->wants_help ? 0 : 2;
        }
        r = find_verb(client, argv[position++], &verb);
        if (r < 0)
                return r;
        *ret_verb = verb;
        r = arguments_parse(client, verb, argc, argv, &position, &arguments, &client->fault);
        if (r < 0)
                return r;
        if (client->wants_help) {
                help_print_verb(verb);
                return 0;
        }
        r = count_check(client, verb, arguments);
        if (r < 0)
                return r;
        r = show_init(&client->show, client->color, client->is_quiet, &client->fault);
        if (r < 0)
                return r;
        client->show.wants_no_pager = client->wants_no_pager || client->wants_json;
        return verb->run(client, arguments);
}

/* The exit status of a failure, told to the user on the way. */
static int report(Client *client, const Verb *verb, int r) {
        if (!fault_is_set(&client->fault))
                (void) fault_set(
                                &client->fault,
                                r,
                                fault_code_from_errno(r),
                                NULL,
                                "%s.",
                                strerror(-r));
        show_progress_clear(&client->show);
        if (client->wants_json && !(verb && verb->takes_command))
                show_fault_json(&client->fault);
        else
                show_fault(&client->show, &client->fault);

        int status = fault_code_to_exit_status(client->fault.code);
        bool is_ours = status == 126 || status == 127 || status == 2;
        return verb && verb->takes_command && !is_ours ? EXIT_BLAST_FAILED : status;
}

int main(int argc, char *argv[]) {
        _cleanup_(client_done) Client client;
        const Verb *verb = NULL;
        int r;

        setlocale(LC_CTYPE, ""); /* only to know how wide characters are */
        log_open("blast");
        client_init(&client);
        (void) show_init(&client.show, NULL, false, NULL);
        if (argc == 2 && streq(argv[1], "--help-tables")) {
                help_print_tables();
                return 0;
        }
        r = dispatch(&client, argc, argv, &verb);
        if (r < 0)
                r = report(&client, verb, r);
        show_pager_close();
        return r;
}
