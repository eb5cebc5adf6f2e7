// SPDX-License-Identifier: LGPL-2.1-or-later

#include <sys/socket.h>

#include <systemd/sd-bus.h>

#include "basic/file.h"
#include "basic/text.h"
#include "bus/options.h"
#include "test.h"

/* A sealed message with the options of @fill, as the reader meets it. */
typedef int (*Fill)(sd_bus_message *message);

static sd_bus *bus;

static sd_bus_message *message_of(Fill fill) {
        sd_bus_message *message;

        if (!bus) {
                int fds[2];

                ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0);
                ASSERT_OK(sd_bus_new(&bus));
                ASSERT_OK(sd_bus_set_fd(bus, fds[0], fds[0]));
                ASSERT_OK(sd_bus_start(bus));
        }
        ASSERT_OK(sd_bus_message_new_method_call(bus, &message, NULL, "/", "x.y", "Z"));
        ASSERT_OK(fill(message));
        ASSERT_OK(sd_bus_message_seal(message, 1, 0));
        ASSERT_OK(sd_bus_message_rewind(message, true));
        return message;
}

static void assert_refused(Fill fill, FaultCode code, const char *word) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = message_of(fill);
        _cleanup_fault_ Fault fault = {};
        Goal goal = {};

        ASSERT_TRUE(options_read_goal(message, &goal, &fault) < 0);
        ASSERT_INT(fault.code, code);
        ASSERT_NOT_NULL(strstr(fault.message, word));
        resolve_request_done(&goal.wish);
}

static int fill_all(sd_bus_message *message) {
        return sd_bus_message_append(
                        message,
                        "a{sv}",
                        8,
                        "offline",
                        "b",
                        1,
                        "python",
                        "s",
                        "3.11",
                        "groups",
                        "as",
                        2,
                        "dev",
                        "docs",
                        "requests-max",
                        "u",
                        7U,
                        "page-age-max",
                        "t",
                        UINT64_C(600),
                        "verify-tls",
                        "b",
                        0,
                        "dry-run",
                        "b",
                        1,
                        "index-url",
                        "s",
                        "https://index.example/simple");
}

TEST(options_of_every_type_reach_their_fields) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = message_of(fill_all);
        _cleanup_fault_ Fault fault = {};
        Goal goal = { .wish.index.verify_tls = true, .wish.index.n_retries = 3 };

        goal.wish.index.index_url = strdup("https://default.example/simple");
        ASSERT_OK(options_read_goal(message, &goal, &fault));
        ASSERT_TRUE(goal.wish.index.offline);
        ASSERT_TRUE(goal.is_dry_run);
        ASSERT_FALSE(goal.wish.index.verify_tls);
        ASSERT_STREQ(goal.wish.python, "3.11");
        ASSERT_STREQ(goal.wish.index.index_url, "https://index.example/simple");
        ASSERT_INT(strings_count(goal.wish.groups), 2);
        ASSERT_STREQ(goal.wish.groups[1], "docs");
        ASSERT_INT(goal.wish.index.n_requests_max, 7);
        ASSERT_INT(goal.wish.index.page_age_max_sec, 600);
        ASSERT_INT(goal.wish.index.n_retries, 3); /* not given: as it was */
        resolve_request_done(&goal.wish);
}

static int fill_nothing(sd_bus_message *message) {
        return sd_bus_message_append(message, "a{sv}", 0);
}

TEST(no_options_change_nothing) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = message_of(fill_nothing);
        Goal goal = { .wish.index.n_retries = 3 }, before = goal;

        ASSERT_OK(options_read_goal(message, &goal, NULL));
        ASSERT_INT(memcmp(&goal, &before, sizeof(goal)), 0);
}

static int fill_unknown(sd_bus_message *message) {
        return sd_bus_message_append(message, "a{sv}", 1, "colour", "s", "red");
}

static int fill_wrong_type(sd_bus_message *message) {
        return sd_bus_message_append(message, "a{sv}", 1, "retries", "t", UINT64_C(3));
}

static int fill_twice(sd_bus_message *message) {
        return sd_bus_message_append(message, "a{sv}", 2, "python", "s", "a", "python", "s", "b");
}

static int fill_line_feed(sd_bus_message *message) {
        return sd_bus_message_append(message, "a{sv}", 1, "extras", "as", 1, "a\nb");
}

static int fill_out_of_range(sd_bus_message *message) {
        return sd_bus_message_append(message, "a{sv}", 1, "timeout", "u", 0U);
}

static int fill_empty_item(sd_bus_message *message) {
        return sd_bus_message_append(message, "a{sv}", 1, "find-links", "as", 1, "");
}

TEST(wrong_options_are_refused_by_name) {
        assert_refused(fill_unknown, FAULT_USAGE, "'colour'");
        assert_refused(fill_wrong_type, FAULT_USAGE, "'retries'");
        assert_refused(fill_twice, FAULT_USAGE, "'python'");
        assert_refused(fill_line_feed, FAULT_USAGE, "'extras'");
        assert_refused(fill_out_of_range, FAULT_USAGE, "'timeout'");
        assert_refused(fill_empty_item, FAULT_USAGE, "'find-links'");
}

static int fill_long(sd_bus_message *message) {
        char text[OPTION_TEXT_MAX + 2];

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = 0;
        return sd_bus_message_append(message, "a{sv}", 1, "python", "s", text);
}

TEST(long_text_is_refused) {
        assert_refused(fill_long, FAULT_LIMIT_EXCEEDED, "'python'");
}

static int fill_run(sd_bus_message *message) {
        return sd_bus_message_append(
                        message, "a{sv}", 2, "tty", "b", 1, "terminal-size", "(qq)", 50, 132);
}

TEST(run_options_are_read) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = message_of(fill_run);
        RunOptions options;

        ASSERT_OK(options_read_run(message, &options, NULL));
        ASSERT_TRUE(options.wants_terminal);
        ASSERT_FALSE(options.is_strict);
        ASSERT_INT(options.n_rows, 50);
        ASSERT_INT(options.n_columns, 132);
}

static int fill_environ(sd_bus_message *message) {
        return sd_bus_message_append(message, "a{ss}", 2, "TERM", "xterm", "EMPTY", "");
}

static int fill_bad_environ(sd_bus_message *message) {
        return sd_bus_message_append(message, "a{ss}", 1, "A=B", "c");
}

TEST(variables_become_assignments) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *good = message_of(fill_environ);
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *bad = message_of(fill_bad_environ);
        _cleanup_(strings_freep) char **list = NULL;
        char **none;

        ASSERT_OK(options_read_environ(good, &list, NULL));
        ASSERT_STREQ(list[0], "TERM=xterm");
        ASSERT_STREQ(list[1], "EMPTY=");
        ASSERT_INT(options_read_environ(bad, &none, NULL), -EINVAL);
}

static int fill_directories(sd_bus_message *message) {
        return sd_bus_message_append(message, "sss", "", "/tmp", "tmp");
}

TEST(directory_is_absolute_or_left_out) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = message_of(fill_directories);
        _cleanup_(freep) char *empty = NULL, *absolute = NULL;
        char *relative;

        ASSERT_OK(options_read_directory(message, &empty, NULL));
        ASSERT_OK(options_read_directory(message, &absolute, NULL));
        ASSERT_NULL(empty);
        ASSERT_STREQ(absolute, "/tmp");
        ASSERT_INT(options_read_directory(message, &relative, NULL), -EINVAL);
}
