// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The intents of one environment: what a job is about to make of its generations, and that it has. What
 * lies between two entries after a crash is undone or finished by journal_recover(). */

#include "basic/macro.h"
#include "sync/goal.h"

/* Notes that generation @number is about to be made or chosen. */
_must_use_ int journal_begin(int directory_fd, GoalVerb verb, uint32_t number);
/* Notes that it is done, or was given up. */
_must_use_ int journal_end(int directory_fd, GoalVerb verb, uint32_t number);

typedef enum JournalFinding {
        JOURNAL_CLEAN,    /* no intent was open */
        JOURNAL_FINISHED, /* what was begun had become current: it stays */
        JOURNAL_UNDONE,   /* it had not: a generation that was made for it is hidden */
        _JOURNAL_FINDING_MAX,
        _JOURNAL_FINDING_INVALID = -EINVAL,
} JournalFinding;

/* After a crash: leaves the environment in the state before the open intent, or after it. Files that
 * belong to nobody then start with a dot (generation_sweep()). Returns a JournalFinding. */
_must_use_ int journal_recover(int directory_fd);
