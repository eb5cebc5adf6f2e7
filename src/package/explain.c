// SPDX-License-Identifier: LGPL-2.1-or-later
#include "basic/memory.h"
#include "package/explain-reason.h"
#include "package/explain.h"
#include "package/resolver-internal.h"

/* How it works
 *
 *                 there is no solution
 *                  ╱               ╲
 *         "x cannot be used"    the project needs x (pyproject.toml:5)
 *            ╱        ╲
 *     x needs y>=2   the project needs y<2 (pyproject.toml:6)
 *
 * A conflict is a tree (with shared parts) of conclusions over reasons. It is told from the leaves to
 * the root, one sentence for each conclusion: "Because A, and B, C." A conclusion whose sides are both
 * conclusions needs a reference to one of them, (1); one that only hands a single further reason on
 * is folded into the next: "And because D, E." Source: dart-lang/pub, doc/solver.md, "Error
 * reporting".
 *
 * Trees of depth are cut where nobody could follow: the tree is walked with a list of its own on the heap,
 * never by recursion, so that its depth is bounded by memory only; at most LINES_MAX sentences are told. */

enum {
        LINES_MAX = 60
};

typedef struct Telling {
        Resolver *resolver;
        Builder text;
        uint32_t *n_uses; /* by incompatibility: how many conclusions rest on it */
        uint32_t *labels; /* by incompatibility: its number in brackets; 0: none */
        bool *is_told;
        uint32_t n_labels;
        uint32_t n_lines;
} Telling;

static const Incompatibility *get(const Telling *telling, uint32_t number) {
        return solver_incompatibility(telling->resolver->solver, number);
}

static bool is_conclusion(const Telling *telling, uint32_t number) {
        return get(telling, number)->cause == CAUSE_CONCLUSION;
}

/* "a >=2" */
static void add_subject(const Telling *telling, Builder *builder, const Term *term) {
        explain_add_versions(telling->resolver, builder, term->package, term->set);
}

/* "a >=2 cannot be used", "a <3 is needed", "a 1 needs b >=2", … */
static void add_conclusion(const Telling *telling, Builder *builder, const Incompatibility *item) {
        VersionSets *sets = solver_sets(telling->resolver->solver);
        const Term *positive[8], *negative[8];
        size_t n_positive = 0, n_negative = 0;

        for (size_t i = 0; i < item->n_terms; i++) {
                const Term *term = &item->terms[i];

                if (version_set_is_positive(term->set)) {
                        if (term->package != SOLVER_ROOT && n_positive < ELEMENTSOF(positive))
                                positive[n_positive++] = term;
                } else if (n_negative < ELEMENTSOF(negative))
                        negative[n_negative++] = term;
        }
        if (n_positive == 0 && n_negative == 0) {
                builder_add(builder, "there is no solution");
                return;
        }
        for (size_t i = 0; i < n_positive; i++) {
                builder_add(builder, i == 0 ? "" : i + 1 == n_positive ? " and " : ", ");
                add_subject(telling, builder, positive[i]);
        }
        if (n_negative == 0) {
                builder_add(builder, n_positive == 1 ? " cannot be used" : " do not go together");
                return;
        }
        builder_add(builder,
                    n_positive == 0                   ? "the project needs "
                                    : n_positive == 1 ? " needs "
                                                      : " need ");
        for (size_t i = 0; i < n_negative; i++) {
                Term term = { negative[i]->package,
                              version_set_complement(sets, negative[i]->set) };

                builder_add(builder, i == 0 ? "" : " or ");
                add_subject(telling, builder, &term);
        }
}

static void add_statement(const Telling *telling, Builder *builder, uint32_t number) {
        const Incompatibility *item = get(telling, number);

        if (item->cause == CAUSE_CONCLUSION)
                add_conclusion(telling, builder, item);
        else
                explain_add_reason(telling->resolver, builder, item);
        if (telling->labels[number] > 0)
                builder_add_format(builder, " (%u)", telling->labels[number]);
}

/* Reasons that go without saying: that the project is wanted, that an extra goes with its package. */
static bool is_evident(const Telling *telling, uint32_t number) {
        const Incompatibility *item = get(telling, number);

        return item->cause == CAUSE_ROOT ||
                        (item->cause == CAUSE_DEPENDENCY &&
                         telling->resolver->details[item->detail].kind == DETAIL_EXTRA);
}

/* Ends the sentence "Because …" that the caller began with the conclusion @number. */
static void tell_end(Telling *telling, uint32_t number) {
        Builder conclusion = { 0 };

        telling->is_told[number] = true;
        if (telling->n_uses[number] > 1)
                telling->labels[number] = ++telling->n_labels;
        add_statement(telling, &conclusion, number);
        if (conclusion.failed || !conclusion.data)
                telling->text.failed = true;
        else
                builder_add_format(&telling->text, ", %s.\n", conclusion.data);
        builder_done(&conclusion);
        telling->n_lines++;
}

static void
tell_because(Telling *telling, const char *begin, uint32_t a, uint32_t b, uint32_t number) {
        bool has_first = a != RESOLVER_NUMBER_NONE && !is_evident(telling, a);
        bool has_second = b != RESOLVER_NUMBER_NONE && !is_evident(telling, b);

        builder_add(&telling->text, begin);
        if (has_first)
                add_statement(telling, &telling->text, a);
        if (has_first && has_second)
                builder_add(&telling->text, ", and ");
        if (has_second)
                add_statement(telling, &telling->text, b);
        tell_end(telling, number);
}

/* What remains to be told of one conclusion. */
typedef struct Task {
        uint32_t number;
        uint32_t stage;
} Task;

typedef struct Tasks {
        Task *items;
        size_t n_items;
        size_t n_allocated;
} Tasks;

static int push(Tasks *tasks, uint32_t number) {
        int r;

        r = ARRAY_RESERVE(tasks->items, tasks->n_allocated, tasks->n_items + 1);
        if (r < 0)
                return r;
        tasks->items[tasks->n_items++] = (Task){ .number = number };
        return 0;
}

/* A conclusion of which one side is a reason. If its other side rests on a conclusion and a reason and is
 * used nowhere else, the two reasons are told at once and the step between is left out. */
static bool
find_fold(const Telling *telling, uint32_t number, uint32_t *ret_inner, uint32_t *ret_reason) {
        const Incompatibility *item = get(telling, number);
        bool is_left = is_conclusion(telling, item->left);

        if (is_left == is_conclusion(telling, item->right))
                return false;
        *ret_inner = is_left ? item->left : item->right;
        *ret_reason = is_left ? item->right : item->left;
        return true;
}

/* One more step of telling @task; pushes what must be told before. Returns 1 when it is finished. */
static int tell_step(Telling *telling, Tasks *tasks, size_t position) {
        Task *task = &tasks->items[position];
        uint32_t number = task->number, inner, reason;
        const Incompatibility *item = get(telling, number);
        uint32_t first = RESOLVER_NUMBER_NONE, second = RESOLVER_NUMBER_NONE;
        int r;

        if (telling->is_told[number])
                return 1;
        if (is_conclusion(telling, item->left) && !telling->is_told[item->left])
                first = item->left;
        if (is_conclusion(telling, item->right) && !telling->is_told[item->right])
                second = item->right;
        if (first != RESOLVER_NUMBER_NONE && second != RESOLVER_NUMBER_NONE) {
                /* Both sides are trees: the first gets a number to be named by. */
                if (telling->n_uses[first] == 1)
                        telling->n_uses[first] = 2;
                r = push(tasks, first);
                return r < 0 ? r : 0;
        }
        if (task->stage == 0 && (first != RESOLVER_NUMBER_NONE || second != RESOLVER_NUMBER_NONE)) {
                task->stage = 1;
                r = push(tasks, first != RESOLVER_NUMBER_NONE ? first : second);
                return r < 0 ? r : 0;
        }
        if (task->stage == 0)
                tell_because(telling, "Because ", item->left, item->right, number);
        else if (find_fold(telling, number, &inner, &reason)) {
                if (is_evident(telling, reason))
                        tell_because(telling,
                                     "So",
                                     RESOLVER_NUMBER_NONE,
                                     RESOLVER_NUMBER_NONE,
                                     number);
                else
                        tell_because(telling, "And because ", reason, RESOLVER_NUMBER_NONE, number);
        } else {
                /* The side told just before needs no name. */
                uint32_t other = telling->labels[item->left] > 0 ? item->left : item->right;

                tell_because(telling, "And because ", other, RESOLVER_NUMBER_NONE, number);
        }
        return 1;
}

static int tell(Telling *telling, uint32_t number) {
        _cleanup_(freep) Task *items = NULL;
        Tasks tasks = { 0 };
        int r;

        r = push(&tasks, number);
        while (r >= 0 && tasks.n_items > 0) {
                items = tasks.items;
                r = tell_step(telling, &tasks, tasks.n_items - 1);
                items = tasks.items;
                if (r > 0)
                        tasks.n_items--;
        }
        items = tasks.items;
        return r < 0 ? r : 0;
}

/* Everything below @number, each once, in the order of their numbers: a conclusion comes after its
 * sides. @ret_uses counts how many conclusions rest on each; 0: not below. */
static int find_below(const Resolver *resolver, uint32_t number, uint32_t **ret_uses) {
        _cleanup_(freep) uint32_t *n_uses = new0(uint32_t, (size_t) number + 1);

        if (!n_uses)
                return -ENOMEM;
        n_uses[number] = 1;
        for (uint32_t i = number + 1; i-- > 0;) {
                const Incompatibility *item = solver_incompatibility(resolver->solver, i);

                if (n_uses[i] == 0 || item->cause != CAUSE_CONCLUSION)
                        continue;
                n_uses[item->left]++;
                n_uses[item->right]++;
        }
        *ret_uses = TAKE_PTR(n_uses);
        return 0;
}

/* The code by what lies at the leaves. */
static FaultCode code_of(const Resolver *resolver, const uint32_t *n_uses, uint32_t n) {
        FaultCode code = FAULT_UNSOLVABLE;

        for (uint32_t i = 0; i < n; i++) {
                const Incompatibility *item = solver_incompatibility(resolver->solver, i);
                const Detail *detail;

                if (n_uses[i] == 0 || item->detail == 0)
                        continue;
                detail = &resolver->details[item->detail];
                if (detail->kind == DETAIL_REQUIREMENT &&
                    detail->distribution->candidates->n_items == 0)
                        return FAULT_INDEX_NOT_FOUND;
                if (detail->kind == DETAIL_CANDIDATE &&
                    (detail->state == CANDIDATE_WRONG_WHEEL ||
                     detail->state == CANDIDATE_SOURCE_ONLY))
                        code = FAULT_NO_MATCHING_WHEEL;
        }
        return code;
}

/* What the fault is about: the requirement of the project that comes first in the conflict. */
static const char *subject_of(const Resolver *resolver, const uint32_t *n_uses, uint32_t n) {
        for (uint32_t i = 0; i < n; i++) {
                const Incompatibility *item = solver_incompatibility(resolver->solver, i);

                if (n_uses[i] > 0 && item->cause == CAUSE_DEPENDENCY &&
                    item->terms[0].package == SOLVER_ROOT)
                        return resolver->details[item->detail].requirement->name;
        }
        return NULL;
}

/* Leaves the head and the end of a text that nobody would read to the end. */
static void shorten(Builder *text, uint32_t n_lines) {
        Builder made = { 0 };
        uint32_t line = 0;

        for (const char *at = text->data; at && *at;) {
                const char *end = strchr(at, '\n');
                size_t length = end ? (size_t) (end - at) + 1 : strlen(at);

                line++;
                if (line <= LINES_MAX / 2 || line > n_lines - LINES_MAX / 2)
                        builder_add_n(&made, at, length);
                else if (line == LINES_MAX / 2 + 1)
                        builder_add_format(&made, "… (%u more steps)\n", n_lines - LINES_MAX);
                at += length;
        }
        builder_done(text);
        *text = made;
}

/* One sentence where two reasons are all: the project's wish, and what stands against it. */
static bool tell_plainly(Telling *telling, const Incompatibility *conflict) {
        const Incompatibility *wish = get(telling, conflict->left);
        const Incompatibility *other = get(telling, conflict->right);
        size_t start = telling->text.length;

        if (!explain_is_wish(wish)) {
                const Incompatibility *swap = wish;

                wish = other;
                other = swap;
        }
        if (!explain_is_wish(wish) || other->cause == CAUSE_CONCLUSION)
                return false;
        explain_add_reason(telling->resolver, &telling->text, wish);
        if (explain_is_wish(other)) {
                builder_add(&telling->text, " and ");
                explain_add_wish(telling->resolver, &telling->text, other);
                builder_add(&telling->text, ", which exclude each other");
        } else if (other->cause != CAUSE_ROOT) {
                builder_add(&telling->text, ", but ");
                explain_add_reason(telling->resolver, &telling->text, other);
        }
        builder_add(&telling->text, ".\n");
        if (!telling->text.failed)
                telling->text.data[start] = 'T';
        return true;
}

static int tell_all(Telling *telling, uint32_t conflict) {
        const Incompatibility *item = get(telling, conflict);
        int r;

        if (item->cause != CAUSE_CONCLUSION) {
                add_statement(telling, &telling->text, conflict);
                builder_add(&telling->text, ".\n");
                return 0;
        }
        if (tell_plainly(telling, item))
                return 0;
        r = tell(telling, conflict);
        if (r < 0)
                return r;
        if (telling->n_lines > LINES_MAX)
                shorten(&telling->text, telling->n_lines);
        return 0;
}

int explain_conflict(Resolver *resolver, Fault *fault) {
        _cleanup_(freep) uint32_t *n_uses = NULL, *labels = NULL;
        _cleanup_(freep) bool *is_told = NULL;
        _cleanup_(freep) char *text = NULL;
        Telling telling = { .resolver = resolver };
        uint32_t conflict = resolver->conflict;
        int r;

        r = find_below(resolver, conflict, &n_uses);
        if (r < 0)
                return r;
        labels = new0(uint32_t, (size_t) conflict + 1);
        is_told = new0(bool, (size_t) conflict + 1);
        if (!labels || !is_told)
                return -ENOMEM;
        telling.n_uses = n_uses;
        telling.labels = labels;
        telling.is_told = is_told;
        r = tell_all(&telling, conflict);
        if (r < 0) {
                builder_done(&telling.text);
                return r;
        }
        r = builder_finish(&telling.text, &text);
        if (r < 0)
                return r;
        if (*text)
                text[strlen(text) - 1] = '\0';
        (void) fault_set(
                        fault,
                        -ENOENT,
                        code_of(resolver, n_uses, conflict + 1),
                        subject_of(resolver, n_uses, conflict + 1),
                        "%s",
                        text);
        return 0;
}

int explain_culprits(Resolver *resolver, const ResolverRoot ***ret, size_t *ret_n) {
        _cleanup_(freep) uint32_t *n_uses = NULL;
        const ResolverRoot **roots = arena_new_array(
                        resolver->arena, const ResolverRoot *, resolver->input.n_roots + 1);
        size_t n = 0;
        int r;

        if (!roots)
                return -ENOMEM;
        r = find_below(resolver, resolver->conflict, &n_uses);
        if (r < 0)
                return r;
        for (size_t i = 0; i < resolver->input.n_roots; i++)
                for (uint32_t k = 0; k <= resolver->conflict; k++) {
                        const Incompatibility *item = solver_incompatibility(resolver->solver, k);

                        if (n_uses[k] == 0 || item->cause != CAUSE_DEPENDENCY ||
                            resolver->details[item->detail].requirement !=
                                            resolver->input.roots[i].requirement)
                                continue;
                        roots[n++] = &resolver->input.roots[i];
                        break;
                }
        *ret = roots;
        *ret_n = n;
        return 0;
}
