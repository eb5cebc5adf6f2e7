// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

#include "client/show-table.h"
#include "test.h"

static const char *const headers[] = { "NAME", "SIZE", "WHY" };

/* Prints a table of three columns and gives back what it looked like. */
static const char *printed(Show *show, const char *const *cells, size_t n_cells) {
        static char text[4096];
        _cleanup_(show_table_freep) ShowTable *table = show_table_new(show, headers, 3);
        int file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), before = dup(STDOUT_FILENO);

        ASSERT_NOT_NULL(table);
        ASSERT_TRUE(file >= 0 && before >= 0);
        ASSERT_NOT_NULL(setlocale(LC_CTYPE, "C.UTF-8"));
        show_table_align_right(table, 1);
        for (size_t i = 0; i < n_cells; i++)
                ASSERT_OK(show_table_add(table, i % 3 == 0 ? COLOR_RED : COLOR_NONE, cells[i]));
        (void) fflush(stdout);
        ASSERT_OK(dup2(file, STDOUT_FILENO));
        show_table_print(table);
        (void) fflush(stdout);
        ASSERT_OK(dup2(before, STDOUT_FILENO));
        ssize_t n = pread(file, text, sizeof(text) - 1, 0);
        ASSERT_TRUE(n >= 0);
        text[n] = '\0';
        (void) close(file);
        (void) close(before);
        return text;
}

TEST(columns_are_as_wide_as_wide_characters) {
        const char *const cells[] = { "项目", "1", "x", "schön", "1000", "y" };
        Show show = {};

        ASSERT_STREQ(printed(&show, cells, 6),
                     "NAME   SIZE  WHY\n"
                     "项目      1  x\n"
                     "schön  1000  y\n");
}

TEST(nothing_stands_at_the_end_of_a_line) {
        const char *const cells[] = { "a", "", "", "b", "2", NULL };
        Show show = {};

        ASSERT_STREQ(printed(&show, cells, 6),
                     "NAME  SIZE  WHY\n"
                     "a\n"
                     "b        2\n");
}

TEST(last_column_goes_on_below_itself) {
        const char *const cells[] = { "a",
                                      "1",
                                      "it is longer than a line and wraps between words" };
        Show show = { .n_table_columns = 34 };

        ASSERT_STREQ(printed(&show, cells, 3),
                     "NAME  SIZE  WHY\n"
                     "a        1  it is longer than a\n"
                     "            line and wraps between\n"
                     "            words\n");
}

TEST(word_longer_than_the_line_is_cut) {
        const char *const cells[] = { "a", "1", "/a/path/without/any/space/in/it/项目" };
        Show show = { .n_table_columns = 32 };

        ASSERT_STREQ(printed(&show, cells, 3),
                     "NAME  SIZE  WHY\n"
                     "a        1  /a/path/without/any/\n"
                     "            space/in/it/项目\n");
}

TEST(narrow_terminals_and_pipes_get_whole_lines) {
        const char *const cells[] = { "a",
                                      "1",
                                      "it is longer than a line and wraps between words" };
        const char *wanted = "NAME  SIZE  WHY\n"
                             "a        1  it is longer than a line and wraps between words\n";
        Show narrow = { .n_table_columns = 20 }, pipe = {};

        ASSERT_STREQ(printed(&narrow, cells, 3), wanted);
        ASSERT_STREQ(printed(&pipe, cells, 3), wanted);
}

TEST(colours_do_not_count_as_width) {
        const char *const cells[] = { "a", "1", "x" };
        Show show = { .color_stdout = true };

        ASSERT_STREQ(printed(&show, cells, 3),
                     "\x1b[1mNAME\x1b[0m  \x1b[1mSIZE\x1b[0m  \x1b[1mWHY\x1b[0m\n"
                     "\x1b[31ma\x1b[0m        1  x\n");
}

TEST(cells_are_defused) {
        const char *const cells[] = { "a\x1b[2J", "1", "x" };
        Show show = {};

        ASSERT_NOT_NULL(strstr(printed(&show, cells, 3), "a?[2J"));
}
