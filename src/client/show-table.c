// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>

#include "basic/memory.h"
#include "client/show-table.h"

enum {
        GAP = 2,             /* between columns */
        LAST_WIDTH_MIN = 20, /* less is not worth a wrapped column */
};

typedef struct Cell {
        char *text;
        Color color;
} Cell;

struct ShowTable {
        Show *show;
        size_t n_columns;
        Cell *cells; /* the first row is the header */
        size_t n_cells;
        size_t n_allocated;
        bool *is_right;
};

ShowTable *show_table_new(Show *show, const char *const *headers, size_t n_columns) {
        _cleanup_(show_table_freep) ShowTable *table = new0(ShowTable, 1);

        if (!table)
                return NULL;
        table->show = show;
        table->n_columns = n_columns;
        table->is_right = new0(bool, n_columns);
        if (!table->is_right)
                return NULL;
        for (size_t i = 0; i < n_columns; i++)
                if (show_table_add(table, COLOR_BOLD, headers[i]) < 0)
                        return NULL;
        return TAKE_PTR(table);
}

ShowTable *show_table_free(ShowTable *table) {
        if (!table)
                return NULL;

        for (size_t i = 0; i < table->n_cells; i++)
                free(table->cells[i].text);
        free(table->cells);
        free(table->is_right);
        free(table);
        return NULL;
}

int show_table_add(ShowTable *table, Color color, const char *text) {
        int r = ARRAY_RESERVE(table->cells, table->n_allocated, table->n_cells + 1);

        if (r < 0)
                return r;
        char *copy = strdup(text ?: "");
        if (!copy)
                return -ENOMEM;
        show_defuse(copy);
        table->cells[table->n_cells++] = (Cell){ copy, color };
        return 0;
}

void show_table_align_right(ShowTable *table, size_t column) {
        table->is_right[column] = true;
}

/* Returns the columns it took, with the gap behind it unless it is the last of its row. */
static size_t
print_cell(const ShowTable *table, const Cell *cell, size_t column, size_t width, bool is_end) {
        size_t gap = width - text_width(cell->text);
        const char *start = cell->color ? show_color(table->show, stdout, cell->color) : "";
        const char *end = cell->color ? show_color(table->show, stdout, COLOR_NONE) : "";
        bool is_right = table->is_right[column];

        printf("%*s%s%s%s", is_right ? (int) gap : 0, "", start, cell->text, end);
        if (!is_end)
                printf("%*s", (is_right ? 0 : (int) gap) + GAP, "");
        return width + GAP;
}

/* The bytes of the next line of @text, cut between words if there is a place for that. */
static size_t next_line(const char *text, size_t width) {
        size_t fits = text_cut_width(text, width), end = fits;

        if (!text[fits])
                return fits;
        while (end > 0 && text[end] != ' ')
                end--;
        return end > 0 ? end : MAX(fits, (size_t) 1);
}

/* The last cell of a row, which may go on below itself from column @indent on. */
static void print_last_cell(const ShowTable *table, const Cell *cell, size_t indent) {
        size_t columns = table->show->n_table_columns;
        bool wraps = columns >= indent + LAST_WIDTH_MIN;
        const char *start = cell->color ? show_color(table->show, stdout, cell->color) : "";
        const char *end = cell->color ? show_color(table->show, stdout, COLOR_NONE) : "";
        const char *text = cell->text;

        for (bool is_first = true; is_first || *text; is_first = false) {
                size_t length = wraps ? next_line(text, columns - indent) : strlen(text);

                printf("%*s%s%.*s%s\n",
                       is_first ? 0 : (int) indent,
                       "",
                       start,
                       (int) length,
                       text,
                       end);
                text += length;
                text += strspn(text, " ");
        }
}

static size_t column_width(const ShowTable *table, size_t column) {
        size_t width = 0;

        for (size_t i = column; i < table->n_cells; i += table->n_columns)
                width = MAX(width, text_width(table->cells[i].text));
        return width;
}

static bool is_rest_empty(const ShowTable *table, size_t row, size_t column) {
        while (column < table->n_columns && !*table->cells[row + column].text)
                column++;
        return column == table->n_columns;
}

static void print_row(const ShowTable *table, size_t row) {
        size_t last = table->n_columns - 1, indent = 0;

        for (size_t i = 0; i < last; i++) {
                bool is_end = is_rest_empty(table, row, i + 1);
                indent += print_cell(
                                table, &table->cells[row + i], i, column_width(table, i), is_end);
                if (is_end) {
                        putchar('\n');
                        return;
                }
        }
        print_last_cell(table, &table->cells[row + last], indent);
}

void show_table_print(ShowTable *table) {
        for (size_t row = 0; row + table->n_columns <= table->n_cells; row += table->n_columns)
                print_row(table, row);
}
