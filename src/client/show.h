// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* How things look: colours only where they are wanted, a progress line that disappears, JSON for
 * programs. Results go to stdout, everything else to stderr. */

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
        bool has_line;            /* a progress line stands there now */
        unsigned n_columns;       /* of the terminal, for the progress line */
        unsigned n_table_columns; /* for tables: those of stdout; 0: as many as they need */
        uint64_t line_usec;       /* when it was drawn last */
} Show;

/* @color: "always", "never", "auto" or NULL; NO_COLOR, CLICOLOR_FORCE and TERM=dumb are honoured. */
/* $COLUMNS wins over the terminal. */
_must_use_ int show_init(Show *show, const char *color, bool is_quiet, Fault *fault);

/* The escape sequence, or "" where colours are off. @stream is stdout or stderr. */
const char *show_color(const Show *show, FILE *stream, Color color);

/* Columns a text takes on a terminal; bytes where it is not text of this locale. */
_pure_ size_t text_width(const char *text);
/* The bytes of @text that take at most @width columns. */
_pure_ size_t text_cut_width(const char *text, size_t width);

/* Replaces characters that would control the terminal, for text of others. */
void show_defuse(char *text);

/* One line on stderr, "name: sentence" in the colour of its kind; quiet silences notes. */
_printf_(2, 3) void show_note(Show *show, const char *format, ...);
_printf_(2, 3) void show_warning(Show *show, const char *format, ...);
/* The whole fault: what, the place, what to do. */
void show_fault(Show *show, const Fault *fault);
void show_fault_json(const Fault *fault);

/* Replaces the progress line (only at a terminal, at most every 50 ms unless @now). */
_printf_(3, 4) void show_progress(Show *show, bool now, const char *format, ...);
void show_progress_clear(Show *show);

/* "0.8 s", "2 min 5 s". */
const char *format_duration(uint64_t usec, char *buffer, size_t size);
/* "12.3 MB"; the buffer is @size 16 or more. */
const char *format_bytes(uint64_t bytes, char *buffer, size_t size);
/* "3 min ago", "2026-01-31". */
const char *format_age(uint64_t realtime_usec, char *buffer, size_t size);
