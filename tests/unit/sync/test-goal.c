// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/text.h"
#include "sync/goal.h"
#include "test.h"

static int check(GoalVerb verb, const char *requirement, bool frozen, bool locked) {
        _cleanup_(goal_freep) Goal *goal = goal_new(verb);
        ASSERT_NOT_NULL(goal);
        if (requirement)
                ASSERT_OK(strings_add(&goal->wish.requirements, requirement));
        goal->wish.frozen = frozen;
        goal->wish.locked = locked;
        return goal_check(goal, NULL);
}

TEST(goal_defaults_ask_the_index_of_the_build) {
        _cleanup_(goal_freep) Goal *goal = goal_new(GOAL_SYNC);
        ASSERT_NOT_NULL(goal->wish.index.index_url);
        ASSERT_TRUE(goal->wish.index.verify_tls);
        ASSERT_INT(goal->wish.index.n_requests_max, 10);
        ASSERT_OK(goal_check(goal, NULL));
}

TEST(goal_install_needs_a_name) {
        ASSERT_ERROR(check(GOAL_INSTALL, NULL, false, false), EINVAL);
        ASSERT_ERROR(check(GOAL_INSTALL, "", false, false), EINVAL);
        ASSERT_OK(check(GOAL_INSTALL, "rich", false, false));
        ASSERT_OK(check(GOAL_UPDATE, NULL, false, false));
}

TEST(goal_frozen_lock_cannot_be_changed) {
        ASSERT_ERROR(check(GOAL_INSTALL, "rich", true, false), EINVAL);
        ASSERT_ERROR(check(GOAL_UPDATE, NULL, false, true), EINVAL);
        ASSERT_ERROR(check(GOAL_SYNC, NULL, true, true), EINVAL);
        ASSERT_OK(check(GOAL_SYNC, NULL, true, false));
}

TEST(goal_run_needs_a_program) {
        ASSERT_ERROR(check(GOAL_RUN, NULL, false, false), EINVAL);
}

TEST(goal_verbs_have_names) {
        for (GoalVerb verb = 0; verb < _GOAL_VERB_MAX; verb++)
                ASSERT_TRUE(*goal_verb_to_string(verb));
        ASSERT_STREQ(goal_verb_to_string(GOAL_COMPLETE_VENV), "complete-venv");
}
