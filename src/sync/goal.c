// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>

#include "basic/memory.h"
#include "basic/text.h"
#include "config.h"
#include "sync/goal.h"

static const char *const verb_names[_GOAL_VERB_MAX] = {
        [GOAL_SYNC] = "sync",
        [GOAL_INSTALL] = "install",
        [GOAL_REMOVE] = "remove",
        [GOAL_UPDATE] = "update",
        [GOAL_LOCK] = "lock",
        [GOAL_ROLLBACK] = "rollback",
        [GOAL_COMPLETE_VENV] = "complete-venv",
        [GOAL_RUN] = "run",
        [GOAL_DELETE] = "delete",
        [GOAL_COLLECT] = "collect",
};

Goal *goal_new(GoalVerb verb) {
        _cleanup_(goal_freep) Goal *goal = new0(Goal, 1);

        assert(verb >= 0 && verb < _GOAL_VERB_MAX);

        if (!goal)
                return NULL;
        *goal = (Goal){
                .verb = verb,
                .owner = (uid_t) -1,
                .wish.index = {
                        .n_requests_max = 10,
                        .timeout_sec = 30,
                        .n_retries = 3,
                        .page_age_max_sec = 600,
                        .verify_tls = true,
                },
        };
        goal->wish.index.index_url = strdup(BLAST_INDEX_URL);
        if (!goal->wish.index.index_url)
                return NULL;
        /* Where a system keeps its interpreters; a client says where its user does. */
        if (strings_add(&goal->wish.python_directories, "/usr/local/bin") < 0 ||
            strings_add(&goal->wish.python_directories, "/usr/bin") < 0)
                return NULL;
        return TAKE_PTR(goal);
}

Goal *goal_free(Goal *goal) {
        if (!goal)
                return NULL;
        resolve_request_done(&goal->wish);
        (void) strings_free(goal->argv);
        (void) strings_free(goal->environ);
        free(goal->directory);
        free(goal);
        return NULL;
}

static int usage(Fault *fault, const Goal *goal, const char *sentence) {
        return fault_set(
                        fault,
                        -EINVAL,
                        FAULT_USAGE,
                        goal_verb_to_string(goal->verb),
                        "%s",
                        sentence);
}

int goal_check(const Goal *goal, Fault *fault) {
        const ResolveRequest *wish = &goal->wish;
        bool changes_lock = goal->verb == GOAL_INSTALL || goal->verb == GOAL_REMOVE ||
                        goal->verb == GOAL_UPDATE;

        if (wish->frozen && wish->locked)
                return usage(fault, goal, "'frozen' and 'locked' exclude each other.");
        if (changes_lock && (wish->frozen || wish->locked))
                return usage(fault, goal, "A lock that is to stay as it is cannot be changed.");
        if ((goal->verb == GOAL_INSTALL || goal->verb == GOAL_REMOVE) && !wish->requirements)
                return usage(fault, goal, "No package was named.");
        if (goal->verb == GOAL_RUN && !goal->argv)
                return usage(fault, goal, "No program was named.");
        FOREACH_TEXT(item, wish->requirements)
                if (text_is_empty(item))
                        return usage(fault, goal, "The name of a package is empty.");
        return 0;
}

bool goal_is_resolved(const Goal *goal) {
        return goal->verb <= GOAL_LOCK;
}

const char *goal_verb_to_string(GoalVerb verb) {
        return verb >= 0 && verb < _GOAL_VERB_MAX ? verb_names[verb] : "unknown";
}
