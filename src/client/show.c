// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Messages go to stderr, results to stdout, so that `blast list | grep` sees results only. The progress
 * line is redrawn in place and wiped before anything else is printed. A table is collected first and
 * printed once, because a column is as wide as its widest cell. The pager is a child with our stdout
 * piped into it; it is spawned by basic/child.c like everything else.
 */

#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "basic/child.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "client/show.h"

enum {
        PROGRESS_INTERVAL_USEC = 50 * 1000
};

static const char *const sequences[_COLOR_MAX] = {
        [COLOR_NONE] = "\x1b[0m",  [COLOR_BOLD] = "\x1b[1m",   [COLOR_DIM] = "\x1b[2m",
        [COLOR_RED] = "\x1b[31m",  [COLOR_GREEN] = "\x1b[32m", [COLOR_YELLOW] = "\x1b[33m",
        [COLOR_BLUE] = "\x1b[34m",
};

static bool stream_wants_color(int fd, const char *color) {
        const char *terminal = getenv("TERM");

        if (color && !streq(color, "auto"))
                return streq(color, "always");
        if (!text_is_empty(getenv("NO_COLOR")))
                return false;
        if (!text_is_empty(getenv("CLICOLOR_FORCE")))
                return true;
        return isatty(fd) && terminal && !streq(terminal, "dumb");
}

int show_init(Show *show, const char *color, bool is_quiet, Fault *fault) {
        struct winsize size = {};

        if (color && !streq(color, "auto") && !streq(color, "always") && !streq(color, "never"))
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_USAGE,
                                color,
                                "Option --color knows always, never and auto, not '%s'.",
                                color);

        *show = (Show){
                .color_stdout = stream_wants_color(STDOUT_FILENO, color),
                .color_stderr = stream_wants_color(STDERR_FILENO, color),
                .is_terminal = isatty(STDERR_FILENO),
                .is_quiet = is_quiet,
                .n_columns = 80,
        };
        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) >= 0 && size.ws_col > 0)
                show->n_columns = size.ws_col;
        return 0;
}

const char *show_color(const Show *show, FILE *stream, Color color) {
        return (stream == stdout ? show->color_stdout : show->color_stderr) ? sequences[color] : "";
}

static void
show_line(Show *show, Color color, const char *word, const char *format, va_list arguments) {
        show_progress_clear(show);
        fprintf(stderr,
                "%s%s%s: ",
                show_color(show, stderr, color),
                word,
                show_color(show, stderr, COLOR_NONE));
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
}

void show_note(Show *show, const char *format, ...) {
        va_list arguments;

        if (show->is_quiet)
                return;
        show_progress_clear(show);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
}

void show_warning(Show *show, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        show_line(show, COLOR_YELLOW, "warning", format, arguments);
        va_end(arguments);
}

static void show_error_line(Show *show, const char *format, ...)
                __attribute__((format(printf, 2, 3)));
static void show_error_line(Show *show, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        show_line(show, COLOR_RED, "error", format, arguments);
        va_end(arguments);
}

void show_fault(Show *show, const Fault *fault) {
        const char *message = fault->message ?: "Something failed and did not say why.";

        /* The place is repeated only where the sentence does not name it. */
        if (fault->subject && !strstr(message, fault->subject))
                show_error_line(show, "%s: %s", fault->subject, message);
        else
                show_error_line(show, "%s", message);
        if (fault->hint)
                fprintf(stderr,
                        "%shint%s: %s\n",
                        show_color(show, stderr, COLOR_BLUE),
                        show_color(show, stderr, COLOR_NONE),
                        fault->hint);
}

void show_fault_json(const Fault *fault) {
        json_t *object =
                        json_pack("{s:{s:s, s:s?, s:s?, s:s?}}",
                                  "error",
                                  "name",
                                  fault_code_to_error_name(fault->code),
                                  "subject",
                                  fault->subject,
                                  "message",
                                  fault->message,
                                  "hint",
                                  fault->hint);

        if (object)
                (void) json_dumpf(object, stdout, JSON_INDENT(2));
        fputc('\n', stdout);
        json_decref(object);
}

static uint64_t now_usec(clockid_t clock) {
        struct timespec now = {};

        (void) clock_gettime(clock, &now);
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

void show_progress(Show *show, bool now, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list arguments;
        int r;

        if (!show->is_terminal || show->is_quiet)
                return;
        uint64_t time = now_usec(CLOCK_MONOTONIC);
        if (!now && show->has_line && time - show->line_usec < PROGRESS_INTERVAL_USEC)
                return;

        va_start(arguments, format);
        r = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (r < 0) {
                text = NULL;
                return;
        }
        fprintf(stderr, "\r%.*s\x1b[K", (int) show->n_columns - 1, text);
        fflush(stderr);
        show->has_line = true;
        show->line_usec = time;
}

void show_progress_clear(Show *show) {
        if (!show->has_line)
                return;
        fputs("\r\x1b[K", stderr);
        fflush(stderr);
        show->has_line = false;
}

const char *format_bytes(uint64_t bytes, char *buffer, size_t size) {
        static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
        double value = (double) bytes;
        size_t unit = 0;

        while (value >= 999.5 && unit + 1 < ELEMENTSOF(units)) {
                value /= 1000;
                unit++;
        }
        snprintf(buffer,
                 size,
                 unit > 0 && value < 99.95 ? "%.1f %s" : "%.0f %s",
                 value,
                 units[unit]);
        return buffer;
}

const char *format_age(uint64_t realtime_usec, char *buffer, size_t size) {
        uint64_t now = now_usec(CLOCK_REALTIME);
        uint64_t seconds = now > realtime_usec ? (now - realtime_usec) / USEC_PER_SEC : 0;

        if (seconds < 60)
                snprintf(buffer, size, "%u s ago", (unsigned) seconds);
        else if (seconds < 3600)
                snprintf(buffer, size, "%u min ago", (unsigned) (seconds / 60));
        else if (seconds < 48 * 3600)
                snprintf(buffer, size, "%u h ago", (unsigned) (seconds / 3600));
        else {
                time_t time = (time_t) (realtime_usec / USEC_PER_SEC);
                struct tm parts;
                if (!localtime_r(&time, &parts) || strftime(buffer, size, "%Y-%m-%d", &parts) == 0)
                        snprintf(buffer, size, "long ago");
        }
        return buffer;
}

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
        table->cells[table->n_cells++] = (Cell){ copy, color };
        return 0;
}

void show_table_align_right(ShowTable *table, size_t column) {
        table->is_right[column] = true;
}

/* Columns a text takes on a terminal. */
static size_t text_width(const char *text) {
        mbstate_t state = {};
        size_t width = 0;

        for (size_t left = strlen(text); left > 0;) {
                wchar_t character;
                size_t n = mbrtowc(&character, text, left, &state);
                if (n == 0 || n > left)
                        return width + left; /* not this locale's text: count bytes */
                int columns = wcwidth(character);
                width += columns > 0 ? (size_t) columns : 0;
                text += n;
                left -= n;
        }
        return width;
}

static void print_cell(const ShowTable *table, size_t i, size_t width) {
        const Cell *cell = &table->cells[i];
        size_t own = text_width(cell->text), gap = width > own ? width - own : 0;
        bool is_last = i % table->n_columns == table->n_columns - 1;
        const char *start = cell->color ? show_color(table->show, stdout, cell->color) : "";
        const char *end = cell->color ? show_color(table->show, stdout, COLOR_NONE) : "";

        if (table->is_right[i % table->n_columns])
                printf("%*s", (int) gap, "");
        printf("%s%s%s", start, cell->text, end);
        if (!is_last)
                printf("%*s", (int) (table->is_right[i % table->n_columns] ? 2 : gap + 2), "");
}

void show_table_print(ShowTable *table) {
        for (size_t i = 0; i < table->n_cells; i++) {
                size_t width = 0;
                for (size_t j = i % table->n_columns; j < table->n_cells; j += table->n_columns)
                        width = MAX(width, text_width(table->cells[j].text));
                print_cell(table, i, width);
                if (i % table->n_columns == table->n_columns - 1)
                        putchar('\n');
        }
}

static Child pager = { .pidfd = -EBADF };

void show_pager_open(Show *show) {
        extern char **environ;
        const char *command = getenv("BLAST_PAGER") ?: getenv("PAGER") ?: "less -FRX";
        char *const argv[] = { (char *) "sh", (char *) "-c", (char *) command, NULL };
        _cleanup_close_ int read_end = -EBADF, write_end = -EBADF;
        int pipe_fds[2];

        if (show->wants_no_pager || !isatty(STDOUT_FILENO) || pager.pid > 0 ||
            text_is_empty(command) || streq(command, "cat"))
                return;
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return; /* without a pager the text is still shown */
        read_end = pipe_fds[0];
        write_end = pipe_fds[1];

        const ChildSpec spec = {
                .path = "/bin/sh",
                .argv = argv,
                .environ = environ,
                .stdio = { read_end, STDOUT_FILENO, STDERR_FILENO },
                .uid = (uid_t) -1,
        };
        if (child_spawn(&spec, &pager) < 0)
                return;
        fflush(stdout);
        if (dup2(write_end, STDOUT_FILENO) < 0)
                child_kill(&pager);
}

void show_pager_close(void) {
        int status;

        if (pager.pid <= 0)
                return;
        fflush(stdout);
        (void) close(STDOUT_FILENO);
        (void) child_wait(&pager, &status); /* its status is nobody's business */
}
