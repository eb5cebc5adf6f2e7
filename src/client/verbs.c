// SPDX-License-Identifier: LGPL-2.1-or-later

/* The command line as data: what it can say stands here and nowhere else. A new option is a row here
 * and a field of Client; --help, the man page and the completions follow. */

#include <limits.h>

#include "client/arguments.h"
#include "client/verbs.h"

#define FLAG(letter, name, field, help) \
        { letter, name, NULL, help, OPTION_FLAG, offsetof(Client, field) }
#define ONE(letter, name, value, field, help) \
        { letter, name, value, help, OPTION_TEXT, offsetof(Client, field) }
#define MANY(letter, name, value, field, help) \
        { letter, name, value, help, OPTION_LIST, offsetof(Client, field) }

const Option program_options[] = {
        FLAG('h', "help", wants_help, "show this text"),
        FLAG(0, "version", wants_version, "show the version"),
        ONE('C', "project", "DIR", project, "the project; by default where we are"),
        ONE(0, "name", "NAME", name, "one of several environments of the project"),
        FLAG(0, "json", wants_json, "results as JSON on stdout"),
        FLAG('q', "quiet", is_quiet, "only results, warnings and errors"),
        FLAG('v', "verbose", is_verbose, "also what was seen and not used"),
        ONE(0, "color", "WHEN", color, "always, never or auto"),
        FLAG(0, "no-pager", wants_no_pager, "do not pipe long output into a pager"),
        ONE(0, "service", "WHICH", service, "system or embedded; by default what is there"),
        {},
};

/* Of all verbs that resolve. */
static const Option package_options[] = {
        FLAG(0, "offline", is_offline, "use only what is in the cache"),
        FLAG(0, "frozen", is_frozen, "take pylock.toml as it is, whatever the project says"),
        FLAG(0, "locked", is_locked, "fail if pylock.toml does not fit the project"),
        FLAG('n', "dry-run", is_dry_run, "print the plan and change nothing"),
        ONE('p', "python", "VERSION", python, "3.12, '>=3.10' or the path of an interpreter"),
        MANY('g', "group", "GROUP", groups, "include a dependency group"),
        FLAG(0, "no-default-groups", no_default_groups, "leave out the group dev"),
        MANY('e', "extra", "EXTRA", extras, "include an extra of the project"),
        FLAG(0, "prereleases", wants_prereleases, "allow pre-releases"),
        ONE(0, "exclude-newer", "DATE", exclude_newer, "ignore files uploaded later"),
        ONE('i', "index-url", "URL", index_url, "the package index"),
        MANY(0, "extra-index-url", "URL", extra_index_urls, "another index, asked after it"),
        MANY('f', "find-links", "PLACE", find_links, "a directory or page with wheels"),
        {},
};

static const Option run_options[] = {
        FLAG(0, "no-sync", wants_no_sync, "run in the environment as it is"),
        FLAG(0, "strict", is_strict, "refuse to run if a guarantee does not hold"),
        MANY(0, "env", "NAME=VALUE", variables, "a variable for the program"),
        {},
};

static const Option remove_options[] = {
        FLAG(0, "environment", wants_environment_removed, "delete the project's whole environment"),
        {},
};

static const Option kill_options[] = {
        ONE('s', "signal", "SIGNAL", signal, "what to send instead of TERM"),
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
                        .name = "start",
                        .arguments = "[-- COMMAND...]",
                        .help = "make the environment and enter it",
                        .details = "Resolves and installs what the project asks for, then runs COMMAND inside the\n"
                                   "walls; without one, a shell at a terminal. The exit status is the program's;\n"
                                   "125: blast failed, 126: cannot be executed, 127: not found.",
                        .options = run_options,
                        .common_options = package_options,
                        .n_arguments_max = UINT_MAX,
                        .takes_command = true,
                        .run = verb_start,
        },
        {
                        .name = "run",
                        .arguments = "COMMAND...",
                        .help = "run a program in the environment",
                        .details = "Brings the environment up to date and runs COMMAND inside the walls; FILE.py is\n"
                                   "run by its Python. The exit status is the program's; 125: blast failed,\n"
                                   "126: cannot be executed, 127: not found.",
                        .options = run_options,
                        .common_options = package_options,
                        .n_arguments_min = 1,
                        .n_arguments_max = UINT_MAX,
                        .takes_command = true,
                        .run = verb_run,
        },
        {
                        .name = "install",
                        .arguments = "[REQUIREMENT...]",
                        .help = "add packages to the project",
                        .details = "Adds the requirements to pyproject.toml or requirements.txt (or remembers them\n"
                                   "where there is neither), resolves anew and installs. Without a requirement it\n"
                                   "installs what the project asks for.",
                        .common_options = package_options,
                        .n_arguments_max = UINT_MAX,
                        .run = verb_install,
        },
        {
                        .name = "remove",
                        .arguments = "[PACKAGE...]",
                        .help = "take packages out of the project",
                        .details = "Takes the packages out of the project and out of the environment, with what\n"
                                   "only they needed.",
                        .options = remove_options,
                        .common_options = package_options,
                        .n_arguments_max = UINT_MAX,
                        .run = verb_remove,
        },
        {
                        .name = "update",
                        .arguments = "[PACKAGE...]",
                        .help = "go to newer versions",
                        .details = "Forgets the locked versions of the packages (of all, without one) and resolves\n"
                                   "anew.",
                        .common_options = package_options,
                        .n_arguments_max = UINT_MAX,
                        .run = verb_update,
        },
        {
                        .name = "lock",
                        .arguments = "",
                        .help = "write pylock.toml and install nothing",
                        .details = "Resolves and writes pylock.toml (PEP 751) into the project.",
                        .common_options = package_options,
                        .run = verb_lock,
        },
        {
                        .name = "list",
                        .arguments = "",
                        .help = "show the installed packages",
                        .details = "Shows the packages of the current generation, and which of them the project\n"
                                   "asks for itself.",
                        .run = verb_list,
        },
        {
                        .name = "status",
                        .arguments = "",
                        .help = "show the environment, what runs in it, and what holds",
                        .details = "Shows the state, the running programs and every guarantee with the mechanism\n"
                                   "that holds it or the reason why it does not hold, as read back from inside the\n"
                                   "last sandbox.",
                        .options = status_options,
                        .run = verb_status,
        },
        {
                        .name = "kill",
                        .arguments = "[RUN...]",
                        .help = "end programs in the environment",
                        .details = "Sends a signal to the programs with these numbers (see status), or to all of\n"
                                   "the project.",
                        .options = kill_options,
                        .n_arguments_max = UINT_MAX,
                        .run = verb_kill,
        },
        {
                        .name = "rollback",
                        .arguments = "[GENERATION]",
                        .help = "go back to an earlier generation",
                        .details = "Makes an earlier generation the current one: the one before, or the one with\n"
                                   "this number. The project's files are not touched.",
                        .options = rollback_options,
                        .n_arguments_max = 1,
                        .run = verb_rollback,
        },
        {
                        .name = "config",
                        .arguments = "",
                        .help = "show settings and where they come from",
                        .details = "Shows the settings of index and network in force, and the file or variable that\n"
                                   "gave each.",
                        .run = verb_config,
        },
        {
                        .name = "help",
                        .arguments = "[VERB]",
                        .help = "show this overview, or what a verb does",
                        .details = "The same as 'blast --help' and 'blast VERB --help'.",
                        .n_arguments_max = 1,
                        .run = verb_help,
        },
        {},
};
