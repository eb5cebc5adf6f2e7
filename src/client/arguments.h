// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Command lines as data: a verb is a table row with a table of options; parsing, --help, completions
 * and the man page are made from the same tables. */

#include "basic/fault.h"
#include "basic/macro.h"

typedef struct Client Client;

typedef enum OptionKind {
        OPTION_FLAG, /* sets a bool */
        OPTION_TEXT, /* sets a borrowed string */
        OPTION_LIST, /* adds to a list of strings; may be given again */
} OptionKind;

typedef struct Option {
        char letter;       /* 0: none */
        const char *name;  /* without the dashes */
        const char *value; /* "DIR"; NULL for a flag */
        const char *help;
        OptionKind kind;
        size_t offset; /* of the target in Client */
} Option;

typedef struct Verb {
        const char *name;
        const char *arguments;        /* "[PACKAGE...]" */
        const char *help;             /* one line of the overview */
        const char *details;          /* paragraphs of `blast VERB --help` and of the man page */
        const Option *options;        /* ends with a row without a name; may be NULL */
        const Option *common_options; /* shared with other verbs; may be NULL */
        unsigned n_arguments_min;
        unsigned n_arguments_max; /* UINT_MAX: any number */
        bool takes_command;       /* what follows the first argument, or "--", is not ours */
        int (*run)(Client *client, char **arguments);
} Verb;

extern const Option program_options[];
extern const Verb verbs[]; /* ends with a row without a name */

/* A command line and how far it was read. */
typedef struct CommandLine {
        int argc;
        char **argv; /* borrowed */
        int position;
        char **arguments; /* what is left without the options */
} CommandLine;

void command_line_done(CommandLine *line);

/* Parses the options of @verb (NULL: those before the verb) from the line's position on.
 * Errors: -EINVAL (FAULT_USAGE in client->fault). */
_must_use_ int arguments_parse(Client *client, const Verb *verb, CommandLine *line);

const Verb *verb_find(const char *name);
/* The same for people: a name that is none is FAULT_USAGE with a suggestion. */
_must_use_ int verb_find_or_suggest(Client *client, const char *name, const Verb **ret);
/* The verb whose name is nearest, for "did you mean"; NULL if none is near. */
const char *verb_suggest(const char *name);

void help_print_program(void);
void help_print_verb(const Verb *verb);
/* Everything about the command line in one stable text form, for tools that make the man page and the
 * completions: "verb\t…", "option\t…" and "status\t…" lines. */
void help_print_tables(void);
