// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * <id>/journal is a text of lines "begin <verb> <number> <µs>" and "end <verb> <number> <µs>", appended with
 * one write each. A line without its newline was torn by a crash and counts as not written, which is right
 * for both: an intent that is not written has had no effect yet, an end that is not written is found again
 * by looking at `current`. For the same reason lines are not fsynced; the renames they speak of are.
 *
 *     begin, no end, current is <number>      what was begun is complete: "end" is added
 *     begin, no end, current is another       a new generation of that number was never chosen: hidden
 *
 * A rollback begins with a number that exists: "sync" and the like make, "rollback" only chooses, so
 * nothing is hidden after it.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"
#include "environment/generation.h"
#include "sync/journal.h"

#define JOURNAL_NAME "journal"

enum {
        JOURNAL_SIZE_MAX = 64 * 1024, /* from there it is begun anew */
        JOURNAL_READ_MAX = 1024 * 1024,
        LINE_MAX_BYTES = 128,
};

static int append(int directory_fd, const char *word, GoalVerb verb, uint32_t number, int flags) {
        _cleanup_close_ int fd = file_open_beneath(
                        directory_fd, JOURNAL_NAME, O_WRONLY | O_APPEND | O_CREAT | flags, 0600);
        _cleanup_(freep) char *line = NULL;
        struct timespec now;
        struct stat status;

        if (fd < 0)
                return fd;
        if (fstat(fd, &status) < 0)
                return -errno;
        (void) clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
        /* A torn line is ended by a newline of its own. */
        line = string_format(
                        "%s%s %s %u %" PRIu64 "\n",
                        status.st_size > 0 && streq(word, "begin") ? "\n" : "",
                        word,
                        goal_verb_to_string(verb),
                        number,
                        (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000);
        if (!line)
                return -ENOMEM;
        return file_write_all(fd, line, strlen(line));
}

int journal_begin(int directory_fd, GoalVerb verb, uint32_t number) {
        struct stat status;
        int flags = 0;

        if (fstatat(directory_fd, JOURNAL_NAME, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            status.st_size > JOURNAL_SIZE_MAX)
                flags = O_TRUNC; /* only ever between jobs: no intent is open */
        return append(directory_fd, "begin", verb, number, flags);
}

int journal_end(int directory_fd, GoalVerb verb, uint32_t number) {
        return append(directory_fd, "end", verb, number, 0);
}

typedef struct Intent {
        bool is_open;
        bool only_chooses;
        uint32_t number;
} Intent;

/* Lines that are not ours are passed over. */
static void read_line(Text line, Intent *intent) {
        Text word, verb, number;
        uint64_t value;

        if (!text_cut(&line, ' ', &word) || !text_cut(&line, ' ', &verb) ||
            !text_cut(&line, ' ', &number) || text_to_u64(number, &value) < 0 || value > UINT32_MAX)
                return;
        if (text_equals_string(word, "begin"))
                *intent = (Intent){
                        .is_open = true,
                        .only_chooses = text_equals_string(
                                        verb, goal_verb_to_string(GOAL_ROLLBACK)),
                        .number = (uint32_t) value,
                };
        else if (text_equals_string(word, "end") && intent->number == value)
                intent->is_open = false;
}

static int read_intent(int directory_fd, Intent *ret) {
        _cleanup_(freep) char *data = NULL;
        Intent intent = {};
        size_t size;
        Text rest, line;
        int r;

        r = file_read_at(directory_fd, JOURNAL_NAME, JOURNAL_READ_MAX, &data, &size);
        if (r == -ENOENT) {
                *ret = intent;
                return 0;
        }
        if (r < 0)
                return r;
        rest = (Text){ data, size };
        while (text_cut(&rest, '\n', &line))
                if (rest.data) /* a newline followed */
                        read_line(line, &intent);
        *ret = intent;
        return 0;
}

int journal_recover(int directory_fd) {
        _cleanup_(freep) char *leftover = NULL;
        Intent intent;
        uint32_t current;
        int r;

        r = read_intent(directory_fd, &intent);
        if (r < 0)
                return r;
        if (!intent.is_open)
                return JOURNAL_CLEAN;
        r = generation_get_current(directory_fd, &current);
        if (r < 0)
                return r;
        if (current != intent.number && !intent.only_chooses) {
                r = generation_hide(directory_fd, intent.number, &leftover);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        r = journal_end(directory_fd, GOAL_SYNC, intent.number);
        if (r < 0)
                return r;
        return current == intent.number ? JOURNAL_FINISHED : JOURNAL_UNDONE;
}
