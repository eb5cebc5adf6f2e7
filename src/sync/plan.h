// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The difference between what is and what is wanted, as ordered steps: what a dry run prints, what a
 * job does, what GetResult lists as changes. Immutable after plan_new(). */

#include "basic/macro.h"
#include "package/lock.h"

typedef struct Plan Plan;

typedef enum PlanAction {
        PLAN_REMOVE,
        PLAN_INSTALL,
        PLAN_UPGRADE,
        PLAN_DOWNGRADE,
        PLAN_REPLACE, /* the same version from another file */
        PLAN_KEEP,
        _PLAN_ACTION_MAX,
        _PLAN_ACTION_INVALID = -EINVAL,
} PlanAction;

typedef struct PlanStep {
        PlanAction action;
        const char *name;
        const char *old_version;    /* "" with PLAN_INSTALL */
        const char *new_version;    /* "" with PLAN_REMOVE */
        const LockPackage *package; /* of the new lock; NULL with PLAN_REMOVE */
        bool is_stored;             /* its tree is in the store: nothing to fetch */
} PlanStep;

/* Why a generation is made although no package differs; a set of bits. */
typedef enum PlanCause {
        PLAN_CAUSE_PACKAGES = 1 << 0,
        PLAN_CAUSE_FIRST = 1 << 1,    /* there is none yet */
        PLAN_CAUSE_PYTHON = 1 << 2,   /* another interpreter */
        PLAN_CAUSE_MOVED = 1 << 3,    /* the project lies elsewhere */
        PLAN_CAUSE_SETTINGS = 1 << 4, /* the project's files say something else of the walls */
        PLAN_CAUSE_WISHES =
                        1 << 5, /* packages are asked for directly that were not, or the reverse */
} PlanCause;

/* Whether a tree is there already. */
typedef bool (*PlanIsStored)(const Digest *tree, void *userdata);

/* Compares two locks. @old may be NULL (nothing yet). Packages only; other causes are added with
 * plan_add_cause(). Steps are ordered: removals, then by name.
 * Ownership: both locks are borrowed and must outlive the plan. */
_must_use_ int
plan_new(const Lock *old, const Lock *new_lock, PlanIsStored is_stored, void *userdata, Plan **ret);
Plan *plan_free(Plan *plan);
void plan_add_cause(Plan *plan, PlanCause cause);

size_t plan_count(const Plan *plan);
const PlanStep *plan_get(const Plan *plan, size_t i);
uint32_t plan_get_causes(const Plan *plan);  /* 0: everything is as wanted */
size_t plan_count_missing(const Plan *plan); /* trees to fetch */
uint64_t plan_get_missing_bytes(const Plan *plan);

/* One line per step that changes something and a summary; golden-tested. */
_must_use_ int plan_format(const Plan *plan, char **ret);

/* "install", "remove", "upgrade", "downgrade", "replace", "keep". */
const char *plan_action_to_string(PlanAction action);

/* Order of two versions in normal form (PEP 440): -1, 0 or 1. Enough for values that our own workers
 * normalised; not a parser. */
int plan_compare_versions(const char *a, const char *b);

DEFINE_CLEANUP(Plan, plan_free)
