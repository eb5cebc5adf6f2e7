// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* How things look: colours only where they are wanted, tables that fit the terminal, a progress line
 * that disappears, JSON for programs. Results go to stdout, everything else to stderr. */

#include <stdio.h>

#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/text.h"

typedef enum Color {
        COLOR_NONE,
        COLOR_BOLD,
        COLOR_DIM,
        COLOR_RED,
        COLOR_GREEN,
        COLOR_YELLOW,
        COLOR_BLUE,
        _COLOR_MAX,
} Color;

typedef struct Show {
        bool color_stdout;
        bool color_stderr;
        bool is_terminal; /* stderr: a progress line makes sense */
        bool is_quiet;
        bool wants_no_pager;
        bool has_line; /* a progress line stands there now */
        unsigned n_columns;
        uint64_t line_usec; /* when it was drawn last */
} Show;

/* @color: "always", "never", "auto" or NULL; NO_COLOR, CLICOLOR_FORCE and TERM=dumb are honoured. */
_must_use_ int show_init(Show *show, const char *color, bool is_quiet, Fault *fault);

/* The escape sequence, or "" where colours are off. @stream is stdout or stderr. */
const char *show_color(const Show *show, FILE *stream, Color color);

/* One line on stderr, "name: sentence" in the colour of its kind; quiet silences notes. */
_printf_(2, 3) void show_note(Show *show, const char *format, ...);
_printf_(2, 3) void show_warning(Show *show, const char *format, ...);
/* The whole fault: what, the place, what to do. */
void show_fault(Show *show, const Fault *fault);
void show_fault_json(const Fault *fault);

/* Replaces the progress line (only at a terminal, at most every 50 ms unless @now). */
_printf_(3, 4) void show_progress(Show *show, bool now, const char *format, ...);
void show_progress_clear(Show *show);

/* "12.3 MB"; the buffer is @size 16 or more. */
const char *format_bytes(uint64_t bytes, char *buffer, size_t size);
/* "3 min ago", "2026-01-31". */
const char *format_age(uint64_t realtime_usec, char *buffer, size_t size);

/* A table on stdout: columns as wide as their cells; the last one may be cut at a terminal. */
typedef struct ShowTable ShowTable;
_must_use_ ShowTable *show_table_new(Show *show, const char *const *headers, size_t n_columns);
ShowTable *show_table_free(ShowTable *table);
/* One cell, copied; rows fill from left to right. */
_must_use_ int show_table_add(ShowTable *table, Color color, const char *text);
void show_table_align_right(ShowTable *table, size_t column);
void show_table_print(ShowTable *table);

/* Starts the pager for what follows on stdout, as systemctl and git do ($BLAST_PAGER, $PAGER, less);
 * nothing where stdout is no terminal. */
void show_pager_open(Show *show);
void show_pager_close(void);

DEFINE_CLEANUP(ShowTable, show_table_free)
