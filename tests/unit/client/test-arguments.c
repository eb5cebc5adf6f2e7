// SPDX-License-Identifier: LGPL-2.1-or-later

#include "client/arguments.h"
#include "client/client.h"
#include "test.h"

/* A command line that is parsed as main() does it: the options before the verb, the verb, the rest. */
typedef struct Parsed {
        Client client;
        CommandLine line;
        const Verb *verb;
        int r;
} Parsed;

static void parsed_done(Parsed *parsed) {
        command_line_done(&parsed->line);
        client_done(&parsed->client);
}

static void parse(Parsed *parsed, char **argv) {
        *parsed = (Parsed){};
        client_init(&parsed->client);
        parsed->line = (CommandLine){ (int) strings_count(argv), argv, .position = 0 };
        parsed->r = arguments_parse(&parsed->client, NULL, &parsed->line);
        if (parsed->r < 0 || parsed->line.position >= parsed->line.argc)
                return;
        parsed->verb = verb_find(argv[parsed->line.position++]);
        ASSERT_NOT_NULL(parsed->verb);
        parsed->r = arguments_parse(&parsed->client, parsed->verb, &parsed->line);
}

#define PARSE(...)                                      \
        _cleanup_(parsed_done) Parsed parsed;           \
        char *words[] = { __VA_ARGS__, (char *) NULL }; \
        parse(&parsed, words)

static void assert_arguments(const Parsed *parsed, const char *joined) {
        _cleanup_builder_ Builder builder = {};
        _cleanup_(freep) char *text = NULL;

        FOREACH_TEXT(argument, parsed->line.arguments)
                builder_add_format(&builder, "[%s]", argument);
        ASSERT_OK(builder_finish(&builder, &text));
        ASSERT_STREQ(text, joined);
}

static void assert_refused(const Parsed *parsed, const char *words) {
        ASSERT_ERROR(parsed->r, EINVAL);
        ASSERT_INT(parsed->client.fault.code, FAULT_USAGE);
        if (!strstr(parsed->client.fault.message, words))
                test_fail(__FILE__,
                          __LINE__,
                          "'%s' lacks '%s'",
                          parsed->client.fault.message,
                          words);
}

TEST(options_and_arguments_may_be_mixed) {
        PARSE((char *) "--json",
              (char *) "install",
              (char *) "a",
              (char *) "--offline",
              (char *) "b",
              (char *) "-q");

        ASSERT_OK(parsed.r);
        ASSERT_TRUE(parsed.client.wants_json && parsed.client.is_offline && parsed.client.is_quiet);
        assert_arguments(&parsed, "[a][b]");
}

TEST(two_dashes_end_the_options) {
        PARSE((char *) "install",
              (char *) "--",
              (char *) "--offline",
              (char *) "-q",
              (char *) "--");

        ASSERT_OK(parsed.r);
        ASSERT_FALSE(parsed.client.is_offline || parsed.client.is_quiet);
        assert_arguments(&parsed, "[--offline][-q][--]");
}

TEST(command_keeps_its_options) {
        PARSE((char *) "run",
              (char *) "--no-sync",
              (char *) "python",
              (char *) "--version",
              (char *) "-q",
              (char *) "--");

        ASSERT_OK(parsed.r);
        ASSERT_TRUE(parsed.client.wants_no_sync);
        ASSERT_FALSE(parsed.client.wants_version || parsed.client.is_quiet);
        assert_arguments(&parsed, "[python][--version][-q][--]");
}

TEST(command_behind_two_dashes_may_begin_with_a_dash) {
        PARSE((char *) "start",
              (char *) "--strict",
              (char *) "--",
              (char *) "-odd",
              (char *) "--json");

        ASSERT_OK(parsed.r);
        ASSERT_TRUE(parsed.client.is_strict);
        ASSERT_FALSE(parsed.client.wants_json);
        assert_arguments(&parsed, "[-odd][--json]");
}

TEST(values_are_taken_in_every_form) {
        PARSE((char *) "install",
              (char *) "-p3.11",
              (char *) "-i",
              (char *) "https://a.example",
              (char *) "--exclude-newer=2024-01-01",
              (char *) "--name",
              (char *) "--odd",
              (char *) "-qnC",
              (char *) "/tmp",
              (char *) "-");

        ASSERT_OK(parsed.r);
        ASSERT_STREQ(parsed.client.python, "3.11");
        ASSERT_STREQ(parsed.client.index_url, "https://a.example");
        ASSERT_STREQ(parsed.client.exclude_newer, "2024-01-01");
        ASSERT_STREQ(parsed.client.name, "--odd");
        ASSERT_STREQ(parsed.client.project, "/tmp");
        ASSERT_TRUE(parsed.client.is_quiet && parsed.client.is_dry_run);
        assert_arguments(&parsed, "[-]");
}

TEST(lists_grow) {
        PARSE((char *) "install",
              (char *) "-g",
              (char *) "test",
              (char *) "--group=docs",
              (char *) "-gextra");

        ASSERT_OK(parsed.r);
        ASSERT_INT(strings_count(parsed.client.groups), 3);
        ASSERT_STREQ(parsed.client.groups[0], "test");
        ASSERT_STREQ(parsed.client.groups[2], "extra");
}

TEST(empty_value_is_a_value) {
        PARSE((char *) "install", (char *) "--name=", (char *) "");

        ASSERT_OK(parsed.r);
        ASSERT_STREQ(parsed.client.name, "");
        assert_arguments(&parsed, "[]");
}

TEST(unknown_option_is_named) {
        PARSE((char *) "install", (char *) "--frobnicate=1");

        assert_refused(&parsed, "--frobnicate");
        ASSERT_NOT_NULL(strstr(parsed.client.fault.hint, "blast install --help"));
}

TEST(unknown_letter_is_refused_among_known_ones) {
        PARSE((char *) "install", (char *) "-qZ");

        assert_refused(&parsed, "-qZ");
}

TEST(option_of_another_verb_is_unknown) {
        PARSE((char *) "list", (char *) "--offline");

        assert_refused(&parsed, "--offline");
}

TEST(beginning_of_an_option_is_not_enough) {
        PARSE((char *) "install", (char *) "--off");

        assert_refused(&parsed, "--off");
        ASSERT_NOT_NULL(strstr(parsed.client.fault.hint, "--help"));
}

TEST(option_that_is_nearly_right_is_suggested) {
        PARSE((char *) "install", (char *) "--pyton=3");

        assert_refused(&parsed, "--pyton=3");
        ASSERT_STREQ(parsed.client.fault.hint, "Did you mean --python?");
}

TEST(missing_value_is_told) {
        PARSE((char *) "install", (char *) "--python");

        assert_refused(&parsed, "--python VERSION");
}

TEST(flag_with_a_value_is_refused) {
        PARSE((char *) "--json=yes", (char *) "list");

        assert_refused(&parsed, "--json takes no value");
}

TEST(verbs_that_are_nearly_right_are_suggested) {
        ASSERT_STREQ(verb_suggest("instal"), "install");
        ASSERT_STREQ(verb_suggest("staus"), "status");
        ASSERT_STREQ(verb_suggest("upgate"), "update");
        ASSERT_NULL(verb_suggest("frobnicate"));
        ASSERT_NULL(verb_suggest("a-word-that-is-longer-than-any-verb-could-be"));
        ASSERT_NULL(verb_find("instal"));
}

/* A letter or name that means two things in one verb would hide one of them. */
TEST(options_of_a_verb_are_unique) {
        for (const Verb *verb = verbs; verb->name; verb++) {
                const Option *const tables[] = { verb->options,
                                                 verb->common_options,
                                                 program_options };
                unsigned n_letters[128] = {};
                _cleanup_(strings_freep) char **names = NULL;

                for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                        for (const Option *option = tables[i]; option && option->name; option++) {
                                if (option->letter &&
                                    n_letters[(unsigned char) option->letter]++ > 0)
                                        test_fail(__FILE__,
                                                  __LINE__,
                                                  "%s has two -%c",
                                                  verb->name,
                                                  option->letter);
                                if (strings_contain(names, option->name))
                                        test_fail(__FILE__,
                                                  __LINE__,
                                                  "%s has two --%s",
                                                  verb->name,
                                                  option->name);
                                ASSERT_OK(strings_add(&names, option->name));
                                ASSERT_INT(option->kind == OPTION_FLAG, option->value == NULL);
                        }
        }
}
