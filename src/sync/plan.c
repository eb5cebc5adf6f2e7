// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Two locks, both sorted by name, are walked side by side like two sorted lists: a name that only the old
 * one has is removed, one that only the new one has is installed, and where both have it the versions say
 * upgrade or downgrade, the digests say replace, and equality says keep. Removals are put first, so that
 * what is printed reads in the order in which it matters.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "basic/memory.h"
#include "basic/text.h"
#include "sync/plan.h"

struct Plan {
        PlanStep *steps;
        size_t n_steps;
        uint32_t causes;
        size_t n_missing;
        uint64_t missing_bytes;
};

static const char *const action_names[_PLAN_ACTION_MAX] = {
        [PLAN_REMOVE] = "remove",       [PLAN_INSTALL] = "install", [PLAN_UPGRADE] = "upgrade",
        [PLAN_DOWNGRADE] = "downgrade", [PLAN_REPLACE] = "replace", [PLAN_KEEP] = "keep",
};

/* One piece of a version: a number, or the rank of a word. In normal form "1.2.dev3", "1.2a1", "1.2" and
 * "1.2.post1" are ordered by what follows the release: dev < a < b < rc < (nothing) < post. */
typedef struct Piece {
        int rank;
        uint64_t number;
} Piece;

enum {
        RANK_DEV,
        RANK_A,
        RANK_B,
        RANK_RC,
        RANK_END,
        RANK_POST,
};

static uint64_t take_number(const char **text) {
        uint64_t number = 0;

        for (; **text >= '0' && **text <= '9'; (*text)++)
                number = number > UINT64_MAX / 10 - 1 ? number
                                                      : number * 10 + (uint64_t) (**text - '0');
        return number;
}

/* The word at @text with its number, moved past; RANK_END where the version or its local part ends. */
static Piece take_piece(const char **text) {
        static const struct {
                const char *word;
                int rank;
        } words[] = {
                { "a", RANK_A },        { "b", RANK_B },      { "rc", RANK_RC },
                { ".post", RANK_POST }, { ".dev", RANK_DEV },
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                const char *rest = string_after(*text, words[i].word);
                if (!rest)
                        continue;
                *text = rest;
                Piece piece = { words[i].rank, take_number(text) };
                return piece;
        }
        return (Piece){ RANK_END, 0 };
}

static int compare_numbers(uint64_t a, uint64_t b) {
        return a < b ? -1 : a > b;
}

static uint64_t take_epoch(const char **text) {
        const char *mark = strchr(*text, '!');
        uint64_t epoch = mark ? take_number(text) : 0;

        if (mark)
                *text = mark + 1;
        return epoch;
}

/* "1.2" and "1.2.0" are equal: missing numbers count as 0. */
static int compare_releases(const char **a, const char **b) {
        bool has_a = true, has_b = true;

        while (has_a || has_b) {
                int order = compare_numbers(has_a ? take_number(a) : 0, has_b ? take_number(b) : 0);
                if (order != 0)
                        return order;
                has_a = has_a && **a == '.' && (*a)[1] >= '0' && (*a)[1] <= '9';
                has_b = has_b && **b == '.' && (*b)[1] >= '0' && (*b)[1] <= '9';
                *a += has_a;
                *b += has_b;
        }
        return 0;
}

/* Pieces of the local part: numbers are greater than words, words compare as text, more is greater. */
static int compare_locals(const char *a, const char *b) {
        while (*a && *b) {
                bool is_number_a = *a >= '0' && *a <= '9', is_number_b = *b >= '0' && *b <= '9';
                size_t n_a = strcspn(a, "."), n_b = strcspn(b, ".");
                int order = is_number_a != is_number_b ? (is_number_a ? 1 : -1)
                                : is_number_a ? compare_numbers(take_number(&(const char *){ a }),
                                                                take_number(&(const char *){ b }))
                                              : text_compare((Text){ a, n_a }, (Text){ b, n_b });
                if (order != 0)
                        return order;
                a += n_a + (a[n_a] == '.');
                b += n_b + (b[n_b] == '.');
        }
        return *a ? 1 : *b ? -1 : 0;
}

int plan_compare_versions(const char *a, const char *b) {
        int order = compare_numbers(take_epoch(&a), take_epoch(&b));

        if (order == 0)
                order = compare_releases(&a, &b);
        while (order == 0) {
                Piece left = take_piece(&a), right = take_piece(&b);
                if (left.rank != right.rank)
                        return left.rank < right.rank ? -1 : 1;
                if (left.rank == RANK_END)
                        break;
                order = compare_numbers(left.number, right.number);
        }
        if (order != 0)
                return order;
        return compare_locals(a + (*a == '+'), b + (*b == '+'));
}

static PlanStep step_between(const LockPackage *old, const LockPackage *package) {
        PlanAction action = PLAN_KEEP;

        if (!old)
                action = PLAN_INSTALL;
        else if (!package)
                action = PLAN_REMOVE;
        else if (!streq(old->version, package->version))
                action = plan_compare_versions(old->version, package->version) < 0 ? PLAN_UPGRADE
                                                                                   : PLAN_DOWNGRADE;
        else if (!digest_equals(&old->digest, &package->digest))
                action = PLAN_REPLACE;
        return (PlanStep){
                .action = action,
                .name = package ? package->name : old->name,
                .old_version = old ? old->version : "",
                .new_version = package ? package->version : "",
                .package = package,
        };
}

static void plan_add(Plan *plan, const LockPackage *old, const LockPackage *package) {
        PlanStep step = step_between(old, package);

        if (step.action != PLAN_KEEP)
                plan->causes |= PLAN_CAUSE_PACKAGES;
        if (old && package && old->is_direct != package->is_direct)
                plan->causes |= PLAN_CAUSE_WISHES;
        plan->steps[plan->n_steps++] = step;
}

static void plan_look_for_trees(Plan *plan, PlanIsStored is_stored, void *userdata) {
        for (size_t i = 0; i < plan->n_steps; i++) {
                PlanStep *step = &plan->steps[i];
                if (!step->package)
                        continue;
                step->is_stored = is_stored(&step->package->digest, userdata);
                if (step->is_stored)
                        continue;
                plan->n_missing++;
                plan->missing_bytes += step->package->size_bytes;
        }
}

static int by_order(const void *a, const void *b) {
        const PlanStep *left = a, *right = b;

        if ((left->action == PLAN_REMOVE) != (right->action == PLAN_REMOVE))
                return left->action == PLAN_REMOVE ? -1 : 1;
        return strcmp(left->name, right->name);
}

int plan_new(const Lock *old,
             const Lock *new_lock,
             PlanIsStored is_stored,
             void *userdata,
             Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = new0(Plan, 1);
        size_t i = 0, j = 0, n_old = old ? old->n_packages : 0;

        if (!plan)
                return -ENOMEM;
        plan->steps = new0(PlanStep, n_old + new_lock->n_packages + 1);
        if (!plan->steps)
                return -ENOMEM;
        if (!old)
                plan->causes |= PLAN_CAUSE_FIRST;

        while (i < n_old || j < new_lock->n_packages) {
                const LockPackage *left = i < n_old ? &old->packages[i] : NULL;
                const LockPackage *right = j < new_lock->n_packages ? &new_lock->packages[j] : NULL;
                int order = !left ? 1 : !right ? -1 : strcmp(left->name, right->name);

                plan_add(plan, order <= 0 ? left : NULL, order >= 0 ? right : NULL);
                i += order <= 0;
                j += order >= 0;
        }
        qsort(plan->steps, plan->n_steps, sizeof(*plan->steps), by_order);
        plan_look_for_trees(plan, is_stored, userdata);

        *ret = TAKE_PTR(plan);
        return 0;
}

Plan *plan_free(Plan *plan) {
        if (!plan)
                return NULL;
        free(plan->steps);
        free(plan);
        return NULL;
}

void plan_add_cause(Plan *plan, PlanCause cause) {
        plan->causes |= (uint32_t) cause;
}

size_t plan_count(const Plan *plan) {
        return plan->n_steps;
}

const PlanStep *plan_get(const Plan *plan, size_t i) {
        assert(i < plan->n_steps);

        return &plan->steps[i];
}

uint32_t plan_get_causes(const Plan *plan) {
        return plan->causes;
}

size_t plan_count_missing(const Plan *plan) {
        return plan->n_missing;
}

uint64_t plan_get_missing_bytes(const Plan *plan) {
        return plan->missing_bytes;
}

static void add_size(Builder *builder, uint64_t size_bytes) {
        if (size_bytes >= MEBIBYTE)
                builder_add_format(builder, "%.1f MiB", (double) size_bytes / (double) MEBIBYTE);
        else
                builder_add_format(builder, "%" PRIu64 " KiB", (size_bytes + 1023) / KIBIBYTE);
}

static void add_step(Builder *builder, const PlanStep *step) {
        builder_add_format(builder, "%-9s %s", plan_action_to_string(step->action), step->name);
        if (*step->old_version)
                builder_add_format(builder, " %s", step->old_version);
        if (*step->old_version && *step->new_version)
                builder_add(builder, " ->");
        if (*step->new_version)
                builder_add_format(builder, " %s", step->new_version);
        if (step->package && !step->is_stored) {
                builder_add(builder, "  (download");
                if (step->package->size_bytes > 0) {
                        builder_add(builder, " ");
                        add_size(builder, step->package->size_bytes);
                }
                builder_add(builder, ")");
        }
        builder_add(builder, "\n");
}

static void add_causes(Builder *builder, uint32_t causes) {
        static const struct {
                PlanCause cause;
                const char *sentence;
        } sentences[] = {
                { PLAN_CAUSE_PYTHON, "The interpreter changes.\n" },
                { PLAN_CAUSE_MOVED, "The project has moved.\n" },
                { PLAN_CAUSE_SETTINGS, "The settings of the walls change.\n" },
                { PLAN_CAUSE_WISHES, "What is asked for directly changes.\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(sentences); i++)
                if (causes & (uint32_t) sentences[i].cause)
                        builder_add(builder, sentences[i].sentence);
}

int plan_format(const Plan *plan, char **ret) {
        _cleanup_builder_ Builder builder = {};
        size_t n_kept = 0, n_changed = 0;

        for (size_t i = 0; i < plan->n_steps; i++) {
                const PlanStep *step = &plan->steps[i];
                bool is_silent = step->action == PLAN_KEEP && step->is_stored;

                n_kept += step->action == PLAN_KEEP;
                n_changed += step->action != PLAN_KEEP;
                if (!is_silent)
                        add_step(&builder, step);
        }
        add_causes(&builder, plan->causes);
        if (plan->causes == 0 && plan->n_missing == 0)
                builder_add(&builder, "Nothing to do. ");
        builder_add_format(&builder, "%zu to change, %zu to keep", n_changed, n_kept);
        if (plan->n_missing > 0) {
                builder_add_format(&builder, ", %zu to download", plan->n_missing);
                if (plan->missing_bytes > 0) {
                        builder_add(&builder, " (");
                        add_size(&builder, plan->missing_bytes);
                        builder_add(&builder, ")");
                }
        }
        builder_add(&builder, ".\n");
        return builder_finish(&builder, ret);
}

const char *plan_action_to_string(PlanAction action) {
        return action >= 0 && action < _PLAN_ACTION_MAX ? action_names[action] : "unknown";
}
