// SPDX-License-Identifier: LGPL-2.1-or-later
#include "basic/memory.h"
#include "package/resolver-internal.h"

/* What a resolution gives: the packages of the solution, warnings, and the words for its numbers, as
 * the trace and explain.c use them. */

void resolver_add_name(const Resolver *resolver, Builder *builder, uint32_t package) {
        const SolverPackage *item = &resolver->packages[package];

        if (!item->distribution) {
                builder_add(builder, "the project");
                return;
        }
        builder_add(builder, item->distribution->name);
        if (item->extra)
                builder_add_format(builder, "[%s]", item->extra);
}

static void
add_interval(Builder *builder, const Candidates *candidates, uint32_t from, uint32_t to) {
        /* From and to are states, one above the number of the version. */
        uint32_t first = MAX(from, 1U) - 1;
        uint32_t end = MIN(to, candidates->n_items + 1) - 1;

        if (end == first + 1)
                builder_add(builder, candidates->versions[first]->text);
        else if (first == 0)
                builder_add_format(builder, "<%s", candidates->versions[end]->text);
        else if (end == candidates->n_items)
                builder_add_format(builder, ">=%s", candidates->versions[first]->text);
        else if (end == first + 2)
                builder_add_format(
                                builder,
                                "%s or %s",
                                candidates->versions[first]->text,
                                candidates->versions[first + 1]->text);
        else
                builder_add_format(
                                builder,
                                ">=%s,<%s",
                                candidates->versions[first]->text,
                                candidates->versions[end]->text);
}

void resolver_add_set(
                const Resolver *resolver,
                Builder *builder,
                uint32_t package,
                const VersionSet *set) {
        const Distribution *distribution = resolver->packages[package].distribution;

        if (!distribution || set == version_set_any(solver_sets(resolver->solver)) ||
            version_set_is_empty(set))
                return;
        for (size_t i = 0; i < set->n_bounds; i += 2) {
                if (i > 0)
                        builder_add(builder, " or ");
                if (i == 12 && set->n_bounds > 16) {
                        builder_add_format(builder, "%u more", (set->n_bounds - (unsigned) i) / 2);
                        break;
                }
                add_interval(builder, distribution->candidates, set->bounds[i], set->bounds[i + 1]);
        }
}

/* "a 1.0", "not a >=2". */
static void add_term(const Resolver *resolver, Builder *builder, const Term *term) {
        VersionSets *sets = solver_sets(resolver->solver);
        const VersionSet *set = term->set;
        size_t length;

        if (!version_set_is_positive(set)) {
                builder_add(builder, "not ");
                set = version_set_complement(sets, set);
        }
        resolver_add_name(resolver, builder, term->package);
        if (version_set_is_empty(set)) {
                builder_add(builder, " (no version)");
                return;
        }
        length = builder->length;
        builder_add_char(builder, ' ');
        resolver_add_set(resolver, builder, term->package, set);
        if (builder->length == length + 1 && !builder->failed)
                builder->data[--builder->length] = '\0';
}

static void add_incompatibility(const Resolver *resolver, Builder *builder, uint32_t number) {
        const Incompatibility *item = solver_incompatibility(resolver->solver, number);

        for (size_t i = 0; i < item->n_terms; i++) {
                builder_add(builder, i == 0 ? "" : ", ");
                add_term(resolver, builder, &item->terms[i]);
        }
        builder_add_char(builder, '\n');
}

void resolver_note(void *userdata, const SolverNote *note) {
        const Resolver *resolver = userdata;
        Builder *trace = resolver->input.trace;
        const Distribution *distribution = resolver->packages[note->package].distribution;

        switch (note->event) {
        case SOLVER_DECIDED:
                builder_add_format(trace, "%u decide ", note->level);
                resolver_add_name(resolver, trace, note->package);
                if (distribution)
                        builder_add_format(
                                        trace,
                                        " %s",
                                        distribution->candidates->versions[note->version]->text);
                builder_add_char(trace, '\n');
                break;
        case SOLVER_EXCLUDED:
                builder_add(trace, "exclude ");
                add_incompatibility(resolver, trace, note->number);
                break;
        case SOLVER_LEARNT:
                builder_add(trace, "learn never ");
                add_incompatibility(resolver, trace, note->number);
                break;
        case SOLVER_WENT_BACK:
                builder_add_format(trace, "back to %u\n", note->level);
                break;
        case SOLVER_PRIORITISED:
        case SOLVER_DEPRIORITISED:
                builder_add(trace, note->event == SOLVER_PRIORITISED ? "sooner " : "later ");
                resolver_add_name(resolver, trace, note->package);
                builder_add_char(trace, '\n');
                break;
        }
}

static int compare_packages(const void *a, const void *b) {
        return strcmp(((const ResolverPackage *) a)->name, ((const ResolverPackage *) b)->name);
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static uint32_t decision_of(const Resolver *resolver, uint32_t number) {
        return number == RESOLVER_NUMBER_NONE ? PARTIAL_SOLUTION_NONE
                                              : solver_decision(resolver->solver, number);
}

static bool
counts_here(const Resolver *resolver,
            const Distribution *distribution,
            const Requirement *requirement) {
        if (resolver_applies(resolver, requirement, NULL))
                return true;
        for (const Extra *extra = distribution->extras; extra; extra = extra->next)
                if (decision_of(resolver, extra->number) != PARTIAL_SOLUTION_NONE &&
                    resolver_applies(resolver, requirement, extra->name))
                        return true;
        return false;
}

static int
add_needs(const Resolver *resolver, const Distribution *distribution, ResolverPackage *package) {
        const Release *release = &distribution->releases[package->number];
        const char **needs =
                        arena_new_array(resolver->arena, const char *, release->n_requirements + 1);
        size_t n = 0, n_kept = 0;

        if (!needs)
                return -ENOMEM;
        for (size_t i = 0; i < release->n_requirements; i++) {
                const Requirement *requirement = release->requirements[i];

                if (!streq(requirement->name, distribution->name) &&
                    counts_here(resolver, distribution, requirement))
                        needs[n++] = requirement->name;
        }
        qsort(needs, n, sizeof(*needs), compare_names);
        for (size_t i = 0; i < n; i++)
                if (n_kept == 0 || !streq(needs[n_kept - 1], needs[i]))
                        needs[n_kept++] = needs[i];
        package->needs = needs;
        package->n_needs = n_kept;
        return 0;
}

int resolver_packages(Resolver *resolver, const ResolverPackage **ret, size_t *ret_n) {
        ResolverPackage *packages = arena_new_array(
                        resolver->arena, ResolverPackage, table_count(resolver->distributions) + 1);
        const Distribution *distribution;
        const char *name;
        size_t n = 0;
        int r;

        if (!packages)
                return -ENOMEM;
        TABLE_FOREACH(resolver->distributions, name, distribution) {
                uint32_t number = decision_of(resolver, distribution->number);
                const Candidate *candidate;

                if (number == PARTIAL_SOLUTION_NONE)
                        continue;
                r = candidates_check(distribution->candidates, number, &candidate);
                if (r < 0)
                        return r;
                packages[n] = (ResolverPackage){
                        .name = distribution->name,
                        .url = distribution->url,
                        .version = candidate->version,
                        .wheel = candidate->wheel,
                        .number = number,
                        .is_direct = distribution->is_direct,
                };
                r = add_needs(resolver, distribution, &packages[n++]);
                if (r < 0)
                        return r;
        }
        qsort(packages, n, sizeof(*packages), compare_packages);
        *ret = packages;
        *ret_n = n;
        return 0;
}

static bool has_extra(const Release *release, const char *name) {
        for (const char *const *extra = release->extras; extra && *extra; extra++)
                if (streq(*extra, name))
                        return true;
        return false;
}

static int warn_of(const Resolver *resolver, const Distribution *distribution, char ***warnings) {
        uint32_t number = decision_of(resolver, distribution->number);
        const Candidate *candidate;
        int r = 0;

        if (number == PARTIAL_SOLUTION_NONE)
                return 0;
        candidate = &distribution->candidates->items[number];
        for (const Extra *extra = distribution->extras; extra && r >= 0; extra = extra->next)
                if (decision_of(resolver, extra->number) != PARTIAL_SOLUTION_NONE &&
                    !has_extra(&distribution->releases[number], extra->name))
                        r = strings_consume(
                                        warnings,
                                        string_format("%s %s has no extra '%s'; it is left out.",
                                                      distribution->name,
                                                      candidate->version->text,
                                                      extra->name));
        if (r >= 0 && candidate->is_above_bound)
                r = strings_consume(
                                warnings,
                                string_format("%s %s says it is for Python %s, and this is %s; no other "
                                              "version fits, so it is taken all the same.",
                                              distribution->name,
                                              candidate->version->text,
                                              candidate->wheel->requires_python,
                                              resolver->input.python->text));
        if (r >= 0 && candidate->wheel->yanked)
                r = strings_consume(
                                warnings,
                                string_format("%s %s was withdrawn by its authors%s%.300s.",
                                              distribution->name,
                                              candidate->version->text,
                                              *candidate->wheel->yanked ? ": " : "",
                                              candidate->wheel->yanked));
        return r;
}

int resolver_warnings(Resolver *resolver, char ***ret) {
        _cleanup_(strings_freep) char **warnings = NULL;
        const Distribution *distribution;
        const char *name;
        int r;

        TABLE_FOREACH(resolver->distributions, name, distribution) {
                r = warn_of(resolver, distribution, &warnings);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(warnings);
        return 0;
}
