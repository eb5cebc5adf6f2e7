// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

#include "basic/file.h"
#include "client/show.h"
#include "test.h"

/* What is written to a stream is caught in a file. */
typedef struct Catch {
        FILE *stream;
        int before;
        int file;
} Catch;

static Catch catch_begin(FILE *stream) {
        Catch catch = { stream,
                        dup(fileno(stream)),
                        open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) };

        ASSERT_TRUE(catch.before >= 0 && catch.file >= 0);
        (void) fflush(stream);
        ASSERT_OK(dup2(catch.file, fileno(stream)));
        return catch;
}

static const char *catch_end(Catch *catch) {
        static char text[4096];

        (void) fflush(catch->stream);
        ASSERT_OK(dup2(catch->before, fileno(catch->stream)));
        ssize_t n = pread(catch->file, text, sizeof(text) - 1, 0);
        ASSERT_TRUE(n >= 0);
        text[n] = '\0';
        (void) close(catch->before);
        (void) close(catch->file);
        return text;
}

static Show show_with(const char *color) {
        Show show;

        ASSERT_OK(show_init(&show, color, false, NULL));
        return show;
}

static void forget_environment(void) {
        static const char *const names[] = { "NO_COLOR", "CLICOLOR_FORCE", "COLUMNS" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                unsetenv(names[i]);
        setenv("TERM", "xterm", 1);
}

TEST(colours_are_off_where_no_terminal_is) {
        forget_environment();
        Catch out = catch_begin(stdout);
        Show show = show_with(NULL);
        (void) catch_end(&out);

        ASSERT_FALSE(show.color_stdout);
        ASSERT_STREQ(show_color(&show, stdout, COLOR_RED), "");
}

TEST(colours_may_be_forced_and_forbidden) {
        forget_environment();
        ASSERT_TRUE(show_with("always").color_stdout && show_with("always").color_stderr);
        setenv("CLICOLOR_FORCE", "1", 1);
        ASSERT_TRUE(show_with(NULL).color_stdout);
        ASSERT_FALSE(show_with("never").color_stdout);
        setenv("NO_COLOR", "1", 1);
        ASSERT_FALSE(show_with(NULL).color_stdout || show_with("auto").color_stderr);
        ASSERT_TRUE(show_with("always").color_stdout); /* an option is nearer than a variable */
        setenv("NO_COLOR", "", 1);                     /* empty does not count */
        ASSERT_TRUE(show_with(NULL).color_stdout);
        forget_environment();
}

TEST(colour_with_another_word_is_refused) {
        _cleanup_fault_ Fault fault = {};
        Show show;

        ASSERT_ERROR(show_init(&show, "sometimes", false, &fault), EINVAL);
        ASSERT_INT(fault.code, FAULT_USAGE);
}

TEST(columns_of_the_variable_win) {
        forget_environment();
        setenv("COLUMNS", "61", 1);
        ASSERT_INT(show_with(NULL).n_columns, 61);
        ASSERT_INT(show_with(NULL).n_table_columns, 61);
        setenv("COLUMNS", "many", 1);
        ASSERT_TRUE(show_with(NULL).n_columns >= 1);
        forget_environment();
}

TEST(widths_are_those_of_a_terminal) {
        ASSERT_NOT_NULL(setlocale(LC_CTYPE, "C.UTF-8"));
        ASSERT_INT(text_width("abc"), 3);
        ASSERT_INT(text_width("schön"), 5);
        ASSERT_INT(text_width("项目"), 4);
        ASSERT_INT(text_width("e\xcc\x81"), 1); /* a combining accent */
        ASSERT_INT(text_width("a\xff\xff"), 3); /* no UTF-8: bytes */
        ASSERT_INT(text_cut_width("项目x", 3), strlen("项"));
        ASSERT_INT(text_cut_width("项目x", 4), strlen("项目"));
        ASSERT_INT(text_cut_width("abc", 0), 0);
        ASSERT_INT(text_cut_width("abc", 9), 3);
        ASSERT_INT(text_cut_width("a\xff\xff\xff", 2), 2);
}

TEST(text_of_others_cannot_move_the_cursor) {
        char text[] = "a\x1b[2J\r\b\x7f\tb\nc \xc2\x9b"
                      "1A sch\xc3\xb6n";

        show_defuse(text);
        ASSERT_STREQ(text,
                     "a?[2J???\tb\nc ??"
                     "1A sch\xc3\xb6n");
}

TEST(fault_says_what_where_and_what_next) {
        _cleanup_fault_ Fault fault = {};
        Show show = show_with("never");

        (void) fault_set(
                        &fault, -EINVAL, FAULT_PROJECT_SYNTAX, "pyproject.toml:3", "It is broken.");
        fault_hint(&fault, "Mend \x1b[1mit.");
        Catch out = catch_begin(stderr);
        show_fault(&show, &fault);
        ASSERT_STREQ(catch_end(&out),
                     "error: pyproject.toml:3: It is broken.\nhint: Mend ?[1mit.\n");
}

TEST(fault_that_names_its_place_does_not_repeat_it) {
        _cleanup_fault_ Fault fault = {};
        Show show = show_with("always");

        (void) fault_set(&fault, -EINVAL, FAULT_USAGE, "numpy", "There is no 'numpy'.");
        Catch out = catch_begin(stderr);
        show_fault(&show, &fault);
        ASSERT_STREQ(catch_end(&out), "\x1b[31merror\x1b[0m: There is no 'numpy'.\n");
}

TEST(fault_as_json_holds_the_bus_name) {
        _cleanup_fault_ Fault fault = {};

        (void) fault_set(&fault, -EINVAL, FAULT_HASH_MISMATCH, "a \"b\"", "No.");
        Catch out = catch_begin(stdout);
        show_fault_json(&fault);
        const char *text = catch_end(&out);
        ASSERT_NOT_NULL(strstr(text, "\"name\": \"org.blast.Blast1.Error.HashMismatch\""));
        ASSERT_NOT_NULL(strstr(text, "\"subject\": \"a \\\"b\\\"\""));
        ASSERT_NOT_NULL(strstr(text, "\"hint\": null"));
}

TEST(notes_are_quiet_and_warnings_are_not) {
        Show show;

        ASSERT_OK(show_init(&show, "never", true, NULL));
        Catch out = catch_begin(stderr);
        show_note(&show, "a note");
        show_warning(&show, "%d warnings", 2);
        ASSERT_STREQ(catch_end(&out), "warning: 2 warnings\n");
}

TEST(progress_is_cut_to_the_terminal_and_wiped) {
        Show show = show_with("never");

        ASSERT_NOT_NULL(setlocale(LC_CTYPE, "C.UTF-8"));
        show.is_terminal = true;
        show.n_columns = 6;
        Catch out = catch_begin(stderr);
        show_progress(&show, true, "项目 is long");
        show_note(&show, "done");
        ASSERT_STREQ(catch_end(&out), "\r项目 \x1b[K\r\x1b[Kdone\n");

        show.is_terminal = false;
        out = catch_begin(stderr);
        show_progress(&show, true, "unseen");
        show_progress_clear(&show);
        ASSERT_STREQ(catch_end(&out), "");
}

TEST(sizes_and_times_are_short) {
        char buffer[32];

        ASSERT_STREQ(format_bytes(0, buffer, sizeof(buffer)), "0 B");
        ASSERT_STREQ(format_bytes(999, buffer, sizeof(buffer)), "999 B");
        ASSERT_STREQ(format_bytes(1000, buffer, sizeof(buffer)), "1.0 kB");
        ASSERT_STREQ(format_bytes(12345678, buffer, sizeof(buffer)), "12.3 MB");
        ASSERT_STREQ(format_bytes(999960, buffer, sizeof(buffer)), "1.0 MB");
        ASSERT_STREQ(format_bytes(UINT64_MAX, buffer, sizeof(buffer)), "18446744 TB");
        ASSERT_STREQ(format_duration(1234567, buffer, sizeof(buffer)), "1.2 s");
        ASSERT_STREQ(format_duration(125 * USEC_PER_SEC, buffer, sizeof(buffer)), "2 min 5 s");
        ASSERT_STREQ(format_age(0, buffer, sizeof(buffer)), "1970-01-01");
}
