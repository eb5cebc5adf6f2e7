// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>

#include "basic/text.h"
#include "client/progress.h"
#include "client/show.h"

enum {
        BAR_WIDTH = 20,
        BAR_COLUMNS_MIN = 90, /* of the terminal: on a narrow one the words matter more */
};

/* What people call what the service does. */
static const struct {
        const char *phase;
        const char *word;
} phase_words[] = {
        { "waiting", "Waiting for another job" },
        { "resolving", "Resolving" },
        { "probing", "Looking at" },
        { "fetching", "Downloading" },
        { "unpacking", "Unpacking" },
        { "staging", "Installing" },
        { "copying", "Copying" },
        { "running", "Running" },
        { "rolling back", "Rolling back" },
};

/* Wheels are unpacked as they come: as long as bytes are missing, that is what is waited for. */
static bool is_loading(const Progress *progress) {
        return progress->done_bytes < progress->total_bytes;
}

static const char *word_of(const Progress *progress) {
        if (is_loading(progress) && streq(progress->phase, "unpacking"))
                return "Downloading";
        for (size_t i = 0; i < ELEMENTSOF(phase_words); i++)
                if (streq(progress->phase, phase_words[i].phase))
                        return phase_words[i].word;
        return *progress->phase ? progress->phase : "Starting";
}

void progress_update(Progress *progress, uint64_t now_usec) {
        if (progress->transfer_usec == 0 && progress->done_bytes > 0)
                progress->transfer_usec = now_usec;
}

static void add_bar(Builder *line, uint64_t done, uint64_t total) {
        size_t full = (size_t) (BAR_WIDTH * MIN(done, total) / total);

        builder_add(line, " [");
        for (size_t i = 0; i < BAR_WIDTH; i++)
                builder_add_char(line, i < full ? '=' : i == full ? '>' : ' ');
        builder_add(line, "]");
}

static void add_transfer(Builder *line, const Progress *progress, uint64_t now_usec) {
        uint64_t elapsed = now_usec - progress->transfer_usec;
        char done[24], total[24], rate[24];

        builder_add_format(
                        line,
                        "  %s of %s",
                        format_bytes(progress->done_bytes, done, sizeof(done)),
                        format_bytes(progress->total_bytes, total, sizeof(total)));
        if (progress->transfer_usec > 0 && elapsed >= USEC_PER_SEC / 10)
                builder_add_format(
                                line,
                                "  %s/s",
                                format_bytes(progress->done_bytes * USEC_PER_SEC / elapsed,
                                             rate,
                                             sizeof(rate)));
}

char *progress_format(const Progress *progress, uint64_t now_usec, unsigned n_columns) {
        _cleanup_builder_ Builder line = {};
        uint64_t elapsed = now_usec - progress->started_usec;
        char duration[32], *text;

        builder_add(&line, word_of(progress));
        if (n_columns >= BAR_COLUMNS_MIN && is_loading(progress))
                add_bar(&line, progress->done_bytes, progress->total_bytes);
        else if (n_columns >= BAR_COLUMNS_MIN && progress->n_total > 0)
                add_bar(&line, progress->n_done, progress->n_total);
        if (progress->n_total > 0)
                builder_add_format(&line, " %u/%u", progress->n_done, progress->n_total);
        if (is_loading(progress))
                add_transfer(&line, progress, now_usec);
        else if (progress->n_total == 0 && elapsed >= USEC_PER_SEC)
                builder_add_format(
                                &line,
                                "  %s",
                                format_duration(elapsed, duration, sizeof(duration)));
        if (*progress->subject)
                builder_add_format(&line, "  %s", progress->subject);
        return builder_finish(&line, &text) < 0 ? NULL : text;
}
