// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A table on stdout: columns as wide as their cells. What is too long for the terminal in the last
 * column goes on in the next line, below itself. */

#include "client/show.h"

typedef struct ShowTable ShowTable;

_must_use_ ShowTable *show_table_new(Show *show, const char *const *headers, size_t n_columns);
ShowTable *show_table_free(ShowTable *table);
/* One cell, copied; rows fill from left to right. */
_must_use_ int show_table_add(ShowTable *table, Color color, const char *text);
void show_table_align_right(ShowTable *table, size_t column);
void show_table_print(ShowTable *table);

DEFINE_CLEANUP(ShowTable, show_table_free)
