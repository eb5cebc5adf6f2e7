// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Messages go to stderr, results to stdout, so that `blast list | grep` sees results only. The progress
 * line is redrawn in place and wiped before anything else is printed. Sentences hold text of others (names
 * in an index, output of workers): control characters in them never reach the terminal.
 */

#include <jansson.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "basic/memory.h"
#include "basic/text.h"
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

/* $COLUMNS, else the width of the terminal at @fd, else 0. */
static unsigned columns_of(int fd) {
        struct winsize size = {};
        uint64_t number;

        if (text_to_u64(text_of(getenv("COLUMNS")), &number) >= 0 && number > 0 &&
            number < UINT16_MAX)
                return (unsigned) number;
        return ioctl(fd, TIOCGWINSZ, &size) >= 0 ? size.ws_col : 0;
}

int show_init(Show *show, const char *color, bool is_quiet, Fault *fault) {
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
                .n_columns = columns_of(STDERR_FILENO) ?: 80,
                .n_table_columns = columns_of(STDOUT_FILENO),
        };
        return 0;
}

const char *show_color(const Show *show, FILE *stream, Color color) {
        return (stream == stdout ? show->color_stdout : show->color_stderr) ? sequences[color] : "";
}

size_t text_cut_width(const char *text, size_t width) {
        mbstate_t state = {};
        size_t length = strlen(text), position = 0, used = 0;

        while (position < length) {
                wchar_t character;
                size_t n = mbrtowc(&character, text + position, length - position, &state);
                if (n == 0 || n > length - position) { /* not text of this locale: count bytes */
                        size_t left = width - used;
                        return position + MIN(left, length - position);
                }
                int columns = wcwidth(character);
                if (columns > 0 && used + (size_t) columns > width)
                        break;
                used += columns > 0 ? (size_t) columns : 0;
                position += n;
        }
        return position;
}

size_t text_width(const char *text) {
        mbstate_t state = {};
        size_t width = 0;

        for (size_t left = strlen(text); left > 0;) {
                wchar_t character;
                size_t n = mbrtowc(&character, text, left, &state);
                if (n == 0 || n > left)
                        return width + left; /* not text of this locale: count bytes */
                int columns = wcwidth(character);
                width += columns > 0 ? (size_t) columns : 0;
                text += n;
                left -= n;
        }
        return width;
}

/* U+202A to U+202E and U+2066 to U+2069 turn the direction of what follows: text could read as another. */
static bool turns_direction(const unsigned char *c) {
        return c[0] == 0xe2 &&
                        ((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) ||
                         (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
}

/* Only new lines and tabs may move the cursor; C1 characters begin with 0xc2 in UTF-8. */
void show_defuse(char *text) {
        for (unsigned char *c = (unsigned char *) text; *c; c++)
                if ((*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f)
                        *c = '?';
                else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
                        *c = c[1] = '?';
                else if (turns_direction(c))
                        *c = c[1] = c[2] = '?';
}

_printf_(4, 0) static void print_line(
                Show *show,
                Color color,
                const char *word,
                const char *format,
                va_list arguments) {
        _cleanup_(freep) char *text = NULL;

        if (vasprintf(&text, format, arguments) < 0) {
                text = NULL;
                return; /* without memory there are no words */
        }
        show_defuse(text);
        show_progress_clear(show);
        if (word)
                fprintf(stderr,
                        "%s%s%s: ",
                        show_color(show, stderr, color),
                        word,
                        show_color(show, stderr, COLOR_NONE));
        fprintf(stderr, "%s\n", text);
}

void show_note(Show *show, const char *format, ...) {
        va_list arguments;

        if (show->is_quiet)
                return;
        va_start(arguments, format);
        print_line(show, COLOR_NONE, NULL, format, arguments);
        va_end(arguments);
}

void show_warning(Show *show, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        print_line(show, COLOR_YELLOW, "warning", format, arguments);
        va_end(arguments);
}

_printf_(4, 5) static void say(Show *show, Color color, const char *word, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        print_line(show, color, word, format, arguments);
        va_end(arguments);
}

void show_fault(Show *show, const Fault *fault) {
        const char *message = fault->message ?: "Something failed and did not say why.";

        /* The place is repeated only where the sentence does not name it. */
        if (fault->subject && !strstr(message, fault->subject))
                say(show, COLOR_RED, "error", "%s: %s", fault->subject, message);
        else
                say(show, COLOR_RED, "error", "%s", message);
        if (fault->hint)
                say(show, COLOR_BLUE, "hint", "%s", fault->hint);
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
        show_defuse(text);
        fprintf(stderr, "\r%.*s\x1b[K", (int) text_cut_width(text, show->n_columns - 1), text);
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

const char *format_duration(uint64_t usec, char *buffer, size_t size) {
        uint64_t seconds = usec / USEC_PER_SEC;

        if (seconds < 60)
                snprintf(buffer, size, "%.1f s", (double) usec / USEC_PER_SEC);
        else
                snprintf(buffer,
                         size,
                         "%u min %u s",
                         (unsigned) (seconds / 60),
                         (unsigned) (seconds % 60));
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
