// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * An option writes at its offset into the Client, so a new option is one row and one field. Options and
 * arguments may be mixed, "--" ends the options. A verb that takes a command stops at its first
 * argument: what follows belongs to the program that is run. --help is printed from the same rows.
 */

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "basic/memory.h"
#include "basic/text.h"
#include "client/arguments.h"
#include "client/client.h"

static const Option *option_in(const Option *options, const char *name, size_t length) {
        for (const Option *option = options; option && option->name; option++)
                if (strlen(option->name) == length && strncmp(option->name, name, length) == 0)
                        return option;
        return NULL;
}

/* The tables that count after @verb, the nearest first; the list ends with NULL. */
typedef struct OptionTables {
        const Option *list[4];
} OptionTables;

static OptionTables option_tables(const Verb *verb) {
        OptionTables tables = {};
        size_t n = 0;

        if (verb && verb->options)
                tables.list[n++] = verb->options;
        if (verb && verb->common_options)
                tables.list[n++] = verb->common_options;
        tables.list[n] = program_options;
        return tables;
}

static const Option *option_find(const Verb *verb, const char *name, size_t length) {
        OptionTables tables = option_tables(verb);

        for (size_t i = 0; tables.list[i]; i++) {
                const Option *option = option_in(tables.list[i], name, length);
                if (option)
                        return option;
        }
        return NULL;
}

static const Option *option_find_letter(const Verb *verb, char letter) {
        OptionTables tables = option_tables(verb);

        for (size_t i = 0; tables.list[i]; i++)
                for (const Option *option = tables.list[i]; option->name; option++)
                        if (option->letter == letter)
                                return option;
        return NULL;
}

static int option_apply(Client *client, const Option *option, const char *value) {
        void *target = (char *) client + option->offset;

        switch (option->kind) {
        case OPTION_FLAG:
                *(bool *) target = true;
                return 0;
        case OPTION_TEXT:
                *(const char **) target = value;
                return 0;
        case OPTION_LIST:
                return strings_add(target, value);
        }
        return -EINVAL;
}

typedef struct Parse {
        Client *client;
        const Verb *verb;
        CommandLine *line;
} Parse;

static int parse_value(Parse *parse, const Option *option, const char *given, const char **ret) {
        if (given) {
                *ret = given;
                return 0;
        }
        if (parse->line->position >= parse->line->argc)
                return fault_set(
                                &parse->client->fault,
                                -EINVAL,
                                FAULT_USAGE,
                                option->name,
                                "Option --%s wants a value: --%s %s.",
                                option->name,
                                option->name,
                                option->value);
        *ret = parse->line->argv[parse->line->position++];
        return 0;
}

/* Edits (insert, delete, replace) between two short words. Source: Levenshtein 1966. */
static unsigned word_distance(const char *a, const char *b) {
        enum {
                WORD_MAX = 32
        };
        size_t n = strlen(b);
        unsigned row[WORD_MAX + 1];

        if (strlen(a) > WORD_MAX || n > WORD_MAX)
                return UINT_MAX;
        for (unsigned j = 0; j <= n; j++)
                row[j] = j;
        for (unsigned i = 1; a[i - 1]; i++) {
                unsigned diagonal = row[0];
                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        unsigned above = row[j];
                        unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);
                        unsigned added = MIN(above, row[j - 1]) + 1;
                        row[j] = MIN(added, replaced);
                        diagonal = above;
                }
        }
        return row[n];
}

/* The option whose name is nearest, if one is near. */
static const Option *option_suggest(const Verb *verb, const char *name) {
        OptionTables tables = option_tables(verb);
        const Option *best = NULL;
        unsigned best_distance = 3;

        for (size_t i = 0; tables.list[i]; i++)
                for (const Option *option = tables.list[i]; option->name; option++) {
                        unsigned distance = word_distance(name, option->name);
                        if (distance < best_distance) {
                                best = option;
                                best_distance = distance;
                        }
                }
        return best;
}

static int parse_unknown(Parse *parse, const char *text) {
        Fault *fault = &parse->client->fault;
        bool is_long = text[1] == '-';
        _cleanup_(freep) char *name =
                        is_long ? text_to_string((Text){ text + 2, strcspn(text + 2, "=") }) : NULL;
        const Option *near = name ? option_suggest(parse->verb, name) : NULL;

        (void) fault_set(fault, -EINVAL, FAULT_USAGE, text, "There is no option '%s'.", text);
        if (near)
                fault_hint(fault, "Did you mean --%s?", near->name);
        else if (parse->verb)
                fault_hint(fault, "blast %s --help lists the options.", parse->verb->name);
        else
                fault_hint(fault, "blast --help lists the options.");
        return -EINVAL;
}

static int parse_long(Parse *parse, const char *text) {
        const char *equals = strchr(text, '='), *value = NULL;
        size_t length = equals ? (size_t) (equals - text) : strlen(text);
        const Option *option = option_find(parse->verb, text + 2, length - 2);
        int r;

        if (!option)
                return parse_unknown(parse, text);
        if (option->kind == OPTION_FLAG) {
                if (equals)
                        return fault_set(
                                        &parse->client->fault,
                                        -EINVAL,
                                        FAULT_USAGE,
                                        text,
                                        "Option --%s takes no value.",
                                        option->name);
                return option_apply(parse->client, option, NULL);
        }
        r = parse_value(parse, option, equals ? equals + 1 : NULL, &value);
        if (r < 0)
                return r;
        return option_apply(parse->client, option, value);
}

/* "-q", "-qv", "-Cdir", "-C dir". */
static int parse_short(Parse *parse, const char *text) {
        int r;

        for (const char *letter = text + 1; *letter; letter++) {
                const Option *option = option_find_letter(parse->verb, *letter);
                const char *value = NULL;

                if (!option)
                        return parse_unknown(parse, text);
                if (option->kind != OPTION_FLAG) {
                        r = parse_value(parse, option, letter[1] ? letter + 1 : NULL, &value);
                        if (r < 0)
                                return r;
                }
                r = option_apply(parse->client, option, value);
                if (r < 0)
                        return r;
                if (value)
                        break;
        }
        return 0;
}

static int take_rest(Parse *parse) {
        int r = 0;

        while (r >= 0 && parse->line->position < parse->line->argc)
                r = strings_add(&parse->line->arguments,
                                parse->line->argv[parse->line->position++]);
        return r;
}

void command_line_done(CommandLine *line) {
        line->arguments = strings_free(line->arguments);
}

int arguments_parse(Client *client, const Verb *verb, CommandLine *line) {
        Parse parse = { client, verb, line };
        bool is_over = false;
        int r = 0;

        while (r >= 0 && !is_over && line->position < line->argc) {
                const char *text = line->argv[line->position];
                bool is_option = text[0] == '-' && text[1];

                if (!is_option && (!verb || verb->takes_command))
                        break; /* the verb itself, or the command */
                line->position++;
                if (streq(text, "--"))
                        is_over = true;
                else if (!is_option)
                        r = strings_add(&line->arguments, text);
                else if (text[1] == '-')
                        r = parse_long(&parse, text);
                else
                        r = parse_short(&parse, text);
        }
        return r >= 0 && verb ? take_rest(&parse) : r;
}

const Verb *verb_find(const char *name) {
        for (const Verb *verb = verbs; verb->name; verb++)
                if (streq(verb->name, name))
                        return verb;
        return NULL;
}

const char *verb_suggest(const char *name) {
        const char *best = NULL;
        unsigned best_distance = 3;

        for (const Verb *verb = verbs; verb->name; verb++) {
                unsigned distance = word_distance(name, verb->name);
                if (distance < best_distance) {
                        best = verb->name;
                        best_distance = distance;
                }
        }
        return best;
}

int verb_find_or_suggest(Client *client, const char *name, const Verb **ret) {
        const Verb *verb = verb_find(name);
        const char *near = verb ? NULL : verb_suggest(name);

        if (verb) {
                *ret = verb;
                return 0;
        }
        (void) fault_set(
                        &client->fault, -EINVAL, FAULT_USAGE, name, "There is no verb '%s'.", name);
        if (near)
                fault_hint(&client->fault, "Did you mean 'blast %s'?", near);
        else
                fault_hint(&client->fault, "'blast --help' lists them.");
        return -EINVAL;
}

static void print_option(const Option *option) {
        char left[64];

        snprintf(left,
                 sizeof(left),
                 "%s%c%s --%s%s%s",
                 option->letter ? "-" : " ",
                 option->letter ?: ' ',
                 option->letter ? "," : " ",
                 option->name,
                 option->value ? " " : "",
                 option->value ?: "");
        printf("  %-30s %s\n", left, option->help);
}

static void print_options(const char *title, const Option *options) {
        if (!options || !options->name)
                return;
        printf("\n%s\n", title);
        for (const Option *option = options; option->name; option++)
                print_option(option);
}

void help_print_program(void) {
        printf("Usage: blast [OPTION...] VERB [ARGUMENT...]\n\n"
               "A live, walled-in environment for the Python project you stand in.\n\nVerbs\n");
        for (const Verb *verb = verbs; verb->name; verb++) {
                char left[64];
                snprintf(left, sizeof(left), "%s %s", verb->name, verb->arguments);
                printf("  %-30s %s\n", left, verb->help);
        }
        print_options("Options", program_options);
        printf("\n'blast VERB --help' tells more; 'blast start' is where to begin.\n");
}

void help_print_verb(const Verb *verb) {
        printf("Usage: blast %s [OPTION...] %s\n\n%s\n",
               verb->name,
               verb->arguments,
               verb->details);
        print_options("Options", verb->options);
        print_options(verb->options ? "Options of packages" : "Options", verb->common_options);
        print_options("Options of every verb", program_options);
}

static void print_table_rows(const char *owner, const Option *options) {
        for (const Option *option = options; option && option->name; option++)
                printf("option\t%s\t%c\t%s\t%s\t%s\n",
                       owner,
                       option->letter ?: '-',
                       option->name,
                       option->value ?: "",
                       option->help);
}

static void print_statuses(void) {
        for (FaultCode code = FAULT_NONE + 1; code < _FAULT_MAX; code++)
                printf("status\t%d\t%s\n",
                       fault_code_to_exit_status(code),
                       fault_code_to_string(code));
}

void help_print_tables(void) {
        print_table_rows("", program_options);
        for (const Verb *verb = verbs; verb->name; verb++) {
                printf("verb\t%s\t%s\t%s\n", verb->name, verb->arguments, verb->help);
                for (const char *line = verb->details; *line;) {
                        size_t length = strcspn(line, "\n");
                        printf("details\t%s\t%.*s\n", verb->name, (int) length, line);
                        line += length + (line[length] == '\n');
                }
                print_table_rows(verb->name, verb->options);
                print_table_rows(verb->name, verb->common_options);
        }
        print_statuses();
}
