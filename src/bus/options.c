// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * An option is a row: name, D-Bus type, offset of the field of Goal it fills, range. The reader walks
 * the a{sv}, finds the row, demands exactly the row's type and puts the value into the field. The goal
 * came with the defaults of the build, so an option that is not given changes nothing.
 *
 * Bounds: 8 KiB per text, 4096 items per list, 1 MiB per argument in all; a text never holds a line
 * feed or another control character, so that no value can forge a line in a log or a request header.
 */

#include <string.h>

#include "basic/memory.h"
#include "basic/text.h"
#include "bus/options.h"

typedef struct OptionRow {
        const char *name;
        const char *type; /* b, s, as, u, t */
        size_t offset;    /* in Goal */
        uint64_t minimum; /* of u and t */
        uint64_t maximum;
} OptionRow;

#define FIELD(field) offsetof(Goal, field)

static const OptionRow goal_rows[] = {
        { "certificate-file", "s", FIELD(wish.index.certificate_file) },
        { "dry-run", "b", FIELD(is_dry_run) },
        { "exclude-newer", "s", FIELD(wish.exclude_newer) },
        { "extra-index-urls", "as", FIELD(wish.index.extra_index_urls) },
        { "extras", "as", FIELD(wish.extras) },
        { "find-links", "as", FIELD(wish.index.find_links) },
        { "proxies", "as", FIELD(wish.index.proxies) },
        { "frozen", "b", FIELD(wish.frozen) },
        { "groups", "as", FIELD(wish.groups) },
        { "index-url", "s", FIELD(wish.index.index_url) },
        { "locked", "b", FIELD(wish.locked) },
        { "no-default-groups", "b", FIELD(wish.no_default_groups) },
        { "offline", "b", FIELD(wish.index.offline) },
        { "page-age-max", "t", FIELD(wish.index.page_age_max_sec), 0, UINT32_MAX },
        { "prereleases", "b", FIELD(wish.allow_prereleases) },
        { "python", "s", FIELD(wish.python) },
        { "python-directories", "as", FIELD(wish.python_directories) },
        { "requests-max", "u", FIELD(wish.index.n_requests_max), 1, 100 },
        { "retries", "u", FIELD(wish.index.n_retries), 0, 100 },
        { "timeout", "u", FIELD(wish.index.timeout_sec), 1, 24 * 3600 },
        { "verify-tls", "b", FIELD(wish.index.verify_tls) },
};

static int check_text(const char *text, const char *subject, Fault *fault) {
        size_t length = strlen(text);

        if (length > OPTION_TEXT_MAX)
                return fault_set(
                                fault,
                                -E2BIG,
                                FAULT_LIMIT_EXCEEDED,
                                subject,
                                "The value of '%s' is longer than %d bytes.",
                                subject,
                                OPTION_TEXT_MAX);
        for (size_t i = 0; i < length; i++)
                if ((unsigned char) text[i] < ' ' || text[i] == '\x7f')
                        return fault_set(
                                        fault,
                                        -EINVAL,
                                        FAULT_USAGE,
                                        subject,
                                        "The value of '%s' holds a control character.",
                                        subject);
        return 0;
}

static int check_list(size_t n_items, size_t n_bytes, const char *subject, Fault *fault) {
        if (n_items > OPTION_LIST_MAX || n_bytes > REQUEST_BYTES_MAX)
                return fault_set(
                                fault,
                                -E2BIG,
                                FAULT_LIMIT_EXCEEDED,
                                subject,
                                "'%s' has more than %d items or %d bytes.",
                                subject,
                                OPTION_LIST_MAX,
                                REQUEST_BYTES_MAX);
        return 0;
}

int options_read_texts(sd_bus_message *message, const char *subject, char ***ret, Fault *fault) {
        _cleanup_(strings_freep) char **list = NULL;
        size_t n_items = 0, n_bytes = 0;
        const char *item;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(message, "s", &item)) > 0) {
                n_bytes += strlen(item);
                r = check_list(++n_items, n_bytes, subject, fault);
                if (r < 0)
                        return r;
                r = check_text(item, subject, fault);
                if (r < 0)
                        return r;
                if (!*item)
                        return fault_set(
                                        fault,
                                        -EINVAL,
                                        FAULT_USAGE,
                                        subject,
                                        "'%s' holds an empty text.",
                                        subject);
                r = strings_add(&list, item);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(message);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

static int
option_read_number(sd_bus_message *message, const OptionRow *row, void *field, Fault *fault) {
        uint32_t small = 0;
        uint64_t value = 0;
        bool is_wide = *row->type == 't';
        int r;

        r = is_wide ? sd_bus_message_read(message, "t", &value)
                    : sd_bus_message_read(message, "u", &small);
        if (r < 0)
                return r;
        if (!is_wide)
                value = small;
        if (value < row->minimum || value > row->maximum)
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_USAGE,
                                row->name,
                                "The option '%s' must be between %llu and %llu.",
                                row->name,
                                (unsigned long long) row->minimum,
                                (unsigned long long) row->maximum);
        if (is_wide)
                *(uint64_t *) field = value;
        else
                *(uint32_t *) field = small;
        return 0;
}

static int
option_read_text(sd_bus_message *message, const OptionRow *row, char **field, Fault *fault) {
        const char *text;
        int r;

        r = sd_bus_message_read(message, "s", &text);
        if (r < 0)
                return r;
        r = check_text(text, row->name, fault);
        if (r < 0)
                return r;

        char *copy = *text ? memory_copy(text, strlen(text) + 1)
                           : NULL; /* "" takes a default away */
        if (*text && !copy)
                return -ENOMEM;
        free(*field);
        *field = copy;
        return 0;
}

static int
option_read_list(sd_bus_message *message, const OptionRow *row, char ***field, Fault *fault) {
        char **list;
        int r;

        r = options_read_texts(message, row->name, &list, fault);
        if (r < 0)
                return r;
        strings_free(*field);
        *field = list;
        return 0;
}

static int option_read_bool(sd_bus_message *message, bool *field) {
        int value, r;

        r = sd_bus_message_read(message, "b", &value);
        if (r < 0)
                return r;
        *field = value;
        return 0;
}

static int
option_read_value(sd_bus_message *message, const OptionRow *row, Goal *goal, Fault *fault) {
        void *field = (char *) goal + row->offset;

        if (streq(row->type, "b"))
                return option_read_bool(message, field);
        if (streq(row->type, "s"))
                return option_read_text(message, row, field, fault);
        if (streq(row->type, "as"))
                return option_read_list(message, row, field, fault);
        return option_read_number(message, row, field, fault);
}

/* Enters the variant if it holds exactly @type. */
static int option_enter(sd_bus_message *message, const char *name, const char *type, Fault *fault) {
        const char *contents;
        int r;

        r = sd_bus_message_peek_type(message, NULL, &contents);
        if (r < 0)
                return r;
        if (!streq(contents, type))
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_USAGE,
                                name,
                                "The option '%s' has the D-Bus type '%s', not '%s'.",
                                name,
                                type,
                                contents);
        return sd_bus_message_enter_container(message, 'v', type);
}

/* Callbacks of the walk below get the message with the variant next; what they return ends it. */
typedef int (*OptionReader)(
                sd_bus_message *message,
                const char *name,
                void *userdata,
                Fault *fault);

static int
options_walk(sd_bus_message *message, OptionReader reader, void *userdata, Fault *fault) {
        _cleanup_(strings_freep) char **seen = NULL;
        const char *name;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read(message, "s", &name);
                if (r < 0)
                        return r;
                if (strings_contain(seen, name))
                        return fault_set(
                                        fault,
                                        -EINVAL,
                                        FAULT_USAGE,
                                        name,
                                        "The option '%.64s' is given twice.",
                                        name);
                r = reader(message, name, userdata, fault);
                if (r < 0)
                        return r;
                r = strings_add(&seen, name);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(message); /* the variant */
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(message);
}

static int option_unknown(const char *name, Fault *fault) {
        return fault_set(
                        fault,
                        -EINVAL,
                        FAULT_USAGE,
                        "options",
                        "There is no option '%.64s' in the options.",
                        name);
}

static int on_goal_option(sd_bus_message *message, const char *name, void *userdata, Fault *fault) {
        for (size_t i = 0; i < ELEMENTSOF(goal_rows); i++) {
                const OptionRow *row = goal_rows + i;

                if (!streq(row->name, name))
                        continue;

                int r = option_enter(message, name, row->type, fault);
                return r < 0 ? r : option_read_value(message, row, userdata, fault);
        }
        return option_unknown(name, fault);
}

static int goal_check_options(const Goal *goal, Fault *fault) {
        if (goal->wish.index.certificate_file && *goal->wish.index.certificate_file != '/')
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_USAGE,
                                "certificate-file",
                                "The option 'certificate-file' is not an absolute path.");
        FOREACH_TEXT(directory, goal->wish.python_directories)
                if (*directory != '/')
                        return fault_set(
                                        fault,
                                        -EINVAL,
                                        FAULT_USAGE,
                                        "python-directories",
                                        "The option 'python-directories' holds a path that is not "
                                        "absolute.");
        return 0;
}

int options_read_goal(sd_bus_message *message, Goal *goal, Fault *fault) {
        int r;

        r = options_walk(message, on_goal_option, goal, fault);
        if (r < 0)
                return r;
        return goal_check_options(goal, fault);
}

static int on_run_option(sd_bus_message *message, const char *name, void *userdata, Fault *fault) {
        RunOptions *options = userdata;
        int r;

        if (streq(name, "tty") || streq(name, "strict")) {
                r = option_enter(message, name, "b", fault);
                if (r < 0)
                        return r;
                return option_read_bool(
                                message,
                                *name == 't' ? &options->wants_terminal : &options->is_strict);
        }
        if (streq(name, "terminal-size")) {
                r = option_enter(message, name, "(qq)", fault);
                if (r < 0)
                        return r;
                return sd_bus_message_read(message, "(qq)", &options->n_rows, &options->n_columns);
        }
        return option_unknown(name, fault);
}

int options_read_run(sd_bus_message *message, RunOptions *ret, Fault *fault) {
        RunOptions options = { .n_rows = 24, .n_columns = 80 };
        int r;

        r = options_walk(message, on_run_option, &options, fault);
        if (r < 0)
                return r;
        *ret = options;
        return 0;
}

int options_read_arguments(sd_bus_message *message, char ***ret, Fault *fault) {
        _cleanup_(strings_freep) char **list = NULL;
        size_t n_bytes = 0;
        int r;

        r = sd_bus_message_read_strv(message, &list);
        if (r < 0)
                return r;
        FOREACH_TEXT(item, list)
                n_bytes += strlen(item) + 1;
        r = check_list(strings_count(list), n_bytes, "argv", fault);
        if (r < 0)
                return r;
        if (!list || text_is_empty(list[0]))
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_USAGE,
                                "argv",
                                "There is no program in 'argv'.");
        *ret = TAKE_PTR(list);
        return 0;
}

int options_read_environ(sd_bus_message *message, char ***ret, Fault *fault) {
        _cleanup_(strings_freep) char **list = NULL;
        size_t n_items = 0, n_bytes = 0;
        const char *name, *value;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{ss}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(message, "{ss}", &name, &value)) > 0) {
                n_bytes += strlen(name) + strlen(value) + 2;
                r = check_list(++n_items, n_bytes, "environ", fault);
                if (r < 0)
                        return r;
                if (!*name || strchr(name, '='))
                        return fault_set(
                                        fault,
                                        -EINVAL,
                                        FAULT_USAGE,
                                        "environ",
                                        "'environ' holds a variable without a proper name.");
                r = strings_consume(&list, string_format("%s=%s", name, value));
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(message);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

int options_read_directory(sd_bus_message *message, char **ret, Fault *fault) {
        const char *text;
        int r;

        r = sd_bus_message_read(message, "s", &text);
        if (r < 0)
                return r;
        if (!*text) {
                *ret = NULL;
                return 0;
        }
        if (*text != '/' || strlen(text) >= 4096)
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_USAGE,
                                "directory",
                                "'directory' is not an absolute path.");
        *ret = memory_copy(text, strlen(text) + 1);
        return *ret ? 0 : -ENOMEM;
}
