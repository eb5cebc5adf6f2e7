// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A caller's wish as plain values: a verb, requirements and options. Made by the bus, consumed by
 * coordinator_start(); says nothing of how. */

#include <sys/types.h>

#include "basic/macro.h"
#include "package/request.h"

typedef enum GoalVerb {
        GOAL_SYNC,
        GOAL_INSTALL,
        GOAL_REMOVE,
        GOAL_UPDATE,
        GOAL_LOCK,
        GOAL_ROLLBACK,
        GOAL_COMPLETE_VENV,
        GOAL_RUN, /* a program whose output and status become the job's; see sync/run.h */
        GOAL_DELETE,
        GOAL_COLLECT, /* the only one without an environment */
        _GOAL_VERB_MAX,
        _GOAL_VERB_INVALID = -EINVAL,
} GoalVerb;

/* Fill in the fields of @wish that the caller may choose: requirements, groups, extras, python,
 * python_directories, index, exclude_newer, allow_prereleases, frozen, locked, no_default_groups. The
 * others (verb, project_name, kept_requirements, interpreters, has_project) are set by the job. */
typedef struct Goal {
        GoalVerb verb;
        uid_t owner;         /* the caller */
        bool is_dry_run;     /* plan only */
        uint32_t generation; /* GOAL_ROLLBACK; 0: the one before the current */
        ResolveRequest wish;
        char **argv;     /* GOAL_RUN */
        char **environ;  /* GOAL_RUN: NAME=value */
        char *directory; /* GOAL_RUN; NULL: the project */
        bool is_strict;  /* GOAL_RUN */
} Goal;

/* With the index settings of the build and no requirements. */
_must_use_ Goal *goal_new(GoalVerb verb);
Goal *goal_free(Goal *goal);

/* Errors: -EINVAL (FAULT_USAGE) options that contradict each other or miss their arguments. */
_must_use_ int goal_check(const Goal *goal, Fault *fault);

/* Whether it is answered by resolving. */
bool goal_is_resolved(const Goal *goal);

const char *goal_verb_to_string(GoalVerb verb); /* "sync", …, "complete-venv" */

DEFINE_CLEANUP(Goal, goal_free)
