// SPDX-License-Identifier: LGPL-2.1-or-later

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "basic/log.h"
#include "client/arguments.h"
#include "client/pager.h"
#include "client/verbs.h"
#include "config.h"

enum {
        EXIT_BLAST_FAILED = 125
}; /* of verbs that run a program: we failed, not the program */

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

static int print_version(void) {
        printf("blast %s\n", BLAST_VERSION);
        return 0;
}

static int dispatch(Client *client, int argc, char **argv, const Verb **ret_verb) {
        _cleanup_(command_line_done) CommandLine line = { argc, argv, .position = 1 };
        const Verb *verb;
        int r;

        r = arguments_parse(client, NULL, &line);
        if (r < 0)
                return r;
        if (client->wants_version)
                return print_version();
        if (line.position >= argc || client->wants_help) {
                help_print_program();
                return client->wants_help ? 0 : 2;
        }
        r = verb_find_or_suggest(client, argv[line.position++], &verb);
        if (r < 0)
                return r;
        *ret_verb = verb;
        r = arguments_parse(client, verb, &line);
        if (r < 0)
                return r;
        if (client->wants_help) {
                help_print_verb(verb);
                return 0;
        }
        r = count_check(client, verb, line.arguments);
        if (r < 0)
                return r;
        r = show_init(&client->show, client->color, client->is_quiet, &client->fault);
        if (r < 0)
                return r;
        client->show.wants_no_pager = client->wants_no_pager || client->wants_json;
        return verb->run(client, line.arguments);
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
        pager_close();
        return r;
}
