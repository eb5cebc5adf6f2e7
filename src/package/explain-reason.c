// SPDX-License-Identifier: LGPL-2.1-or-later
#include "package/explain-reason.h"

void explain_add_versions(
                const Resolver *resolver,
                Builder *builder,
                uint32_t package,
                const VersionSet *set) {
        const Distribution *distribution = resolver->packages[package].distribution;
        bool is_any = set == version_set_any(solver_sets(resolver->solver));

        if (distribution && is_any && distribution->candidates->n_items > 1)
                builder_add(builder, "every version of ");
        resolver_add_name(resolver, builder, package);
        if (!distribution)
                return;
        if (version_set_is_empty(set))
                builder_add(builder, " in no version that exists");
        else if (is_any && distribution->candidates->n_items == 1)
                builder_add_format(builder, " %s", distribution->candidates->versions[0]->text);
        else if (!is_any) {
                builder_add_char(builder, ' ');
                resolver_add_set(resolver, builder, package, set);
        }
}

/* What is wrong with a requirement that nothing can fulfil. */
static void add_impossible(Builder *builder, const Detail *detail) {
        const Distribution *distribution = detail->distribution;
        const Candidates *candidates = distribution->candidates;

        if (candidates->n_items == 0)
                builder_add(builder, ", a package that is on no index");
        else if (detail->requirement->url && distribution->url &&
                 !streq(detail->requirement->url, distribution->url))
                builder_add(builder, ", while the project asks for another URL");
        else
                builder_add_format(
                                builder,
                                ", a version that does not exist (the newest is %s)",
                                candidates->versions[candidates->n_items - 1]->text);
}

static void add_requirement_text(Builder *builder, const Requirement *requirement) {
        Requirement bare = *requirement;

        /* The condition held, or it would not be here. */
        bare.marker = NULL;
        requirement_add_to(builder, &bare);
}

bool explain_is_wish(const Incompatibility *incompatibility) {
        return incompatibility->cause == CAUSE_DEPENDENCY &&
                        incompatibility->terms[0].package == SOLVER_ROOT;
}

void explain_add_wish(
                const Resolver *resolver,
                Builder *builder,
                const Incompatibility *incompatibility) {
        const Detail *detail = &resolver->details[incompatibility->detail];

        add_requirement_text(builder, detail->requirement);
        if (detail->origin)
                builder_add_format(builder, " (%s)", detail->origin);
}

static void
add_dependency(const Resolver *resolver, Builder *builder, const Incompatibility *item) {
        const Detail *detail = &resolver->details[item->detail];
        const Term *needing = &item->terms[0];

        explain_add_versions(resolver, builder, needing->package, needing->set);
        if (detail->kind == DETAIL_EXTRA) {
                builder_add(builder, " goes with the same version of ");
                resolver_add_name(resolver, builder, item->terms[1].package);
                return;
        }
        builder_add(builder, " needs ");
        explain_add_wish(resolver, builder, item);
        if (item->n_terms > 1 &&
            item->terms[1].set == version_set_full(solver_sets(resolver->solver)))
                add_impossible(builder, detail);
}

/* The system that a platform tag means, as people call it. */
static const char *system_of(Text platform) {
        static const struct {
                const char *prefix;
                const char *name;
        } systems[] = {
                { "manylinux", "Linux" }, { "linux", "Linux" },     { "musllinux", "Linux (musl)" },
                { "macosx", "macOS" },    { "win", "Windows" },     { "android", "Android" },
                { "ios", "iOS" },         { "pyodide", "Pyodide" }, { "emscripten", "Emscripten" },
                { "wasi", "WASI" },       { "any", "any system" },
        };

        for (size_t i = 0; i < ELEMENTSOF(systems); i++)
                if (text_starts_with(platform, systems[i].prefix))
                        return systems[i].name;
        return "other systems";
}

typedef struct Words {
        const char *items[6];
        size_t lengths[6];
        size_t n_items;
        bool has_more;
} Words;

static void words_add(Words *words, const char *data, size_t length) {
        for (size_t i = 0; i < words->n_items; i++)
                if (words->lengths[i] == length && memcmp(words->items[i], data, length) == 0)
                        return;
        if (words->n_items == ELEMENTSOF(words->items)) {
                words->has_more = true;
                return;
        }
        words->items[words->n_items] = data;
        words->lengths[words->n_items++] = length;
}

static void words_add_to(Builder *builder, const Words *words) {
        for (size_t i = 0; i < words->n_items; i++) {
                builder_add(builder,
                            i == 0                                                        ? ""
                                            : i + 1 == words->n_items && !words->has_more ? " and "
                                                                                          : ", ");
                builder_add_n(builder, words->items[i], words->lengths[i]);
        }
        if (words->has_more)
                builder_add(builder, " and others");
}

/* Whether programs for the platform could run here, whatever version of its C library it wants. */
static bool is_our_platform(const Resolver *resolver, Text platform) {
        const TagSet *tags = resolver->input.tags;
        const char *best = tag_set_count(tags) > 0 ? tag_set_at(tags, 0).platform : "";
        const char *machine = resolver->input.markers->values[MARKER_PLATFORM_MACHINE];
        bool is_ours = streq(system_of(text_of(best)), system_of(platform));

        if (text_equals_string(platform, "any"))
                return true;
        return is_ours && (!machine || text_ends_with(platform, machine));
}

/* Which systems the wheels of these versions are for, and which Pythons on ours. */
static void
collect_wheels(const Resolver *resolver,
               const Candidates *candidates,
               const VersionSet *set,
               Words *systems,
               Words *pythons) {
        for (uint32_t i = candidates->n_items; i-- > 0;) {
                const Candidate *item = &candidates->items[i];

                for (size_t k = 0; k < item->n_files && version_set_has(set, i); k++) {
                        Text rest = item->files[k]->tags, python, abi, platform;

                        if (item->files[k]->kind != INDEX_FILE_WHEEL ||
                            !text_cut(&rest, '-', &python) || !text_cut(&rest, '-', &abi))
                                continue;
                        while (text_cut(&rest, '.', &platform)) {
                                const char *system = system_of(platform);

                                words_add(systems, system, strlen(system));
                                if (is_our_platform(resolver, platform))
                                        words_add(pythons, python.data, python.length);
                        }
                }
        }
}

static void
add_wheels(const Resolver *resolver,
           Builder *builder,
           const Candidates *candidates,
           const VersionSet *set) {
        Words systems = { 0 }, pythons = { 0 };

        collect_wheels(resolver, candidates, set, &systems, &pythons);
        if (pythons.n_items > 0) {
                builder_add_format(
                                builder,
                                " has no wheel for Python %s (there are wheels for ",
                                resolver->input.python->text);
                words_add_to(builder, &pythons);
        } else {
                builder_add(builder, " has no wheel for this machine (there are wheels for ");
                words_add_to(builder, &systems);
        }
        builder_add_char(builder, ')');
}

static void add_yanked(Builder *builder, const Candidates *candidates, const VersionSet *set) {
        builder_add(builder, " was withdrawn by its authors");
        for (uint32_t i = candidates->n_items; i-- > 0;) {
                const Candidate *item = &candidates->items[i];

                for (size_t k = 0; k < item->n_files && version_set_has(set, i); k++)
                        if (item->files[k]->yanked && *item->files[k]->yanked) {
                                builder_add_format(builder, " (%.200s)", item->files[k]->yanked);
                                return;
                        }
        }
}

static void add_unusable(const Resolver *resolver, Builder *builder, const Incompatibility *item) {
        const Detail *detail = &resolver->details[item->detail];
        const Candidates *candidates = detail->distribution->candidates;
        const VersionSet *set = item->terms[0].set;

        explain_add_versions(resolver, builder, item->terms[0].package, set);
        if (detail->kind == DETAIL_REFUSED) {
                builder_add_format(builder, " cannot be used (%s)", detail->text);
                return;
        }
        switch (detail->state) {
        case CANDIDATE_OUTSIDE:
                builder_add_format(
                                builder,
                                " is excluded by a constraint (%s)",
                                detail->distribution->constraint_origin
                                                ? detail->distribution->constraint_origin
                                                : "of the project");
                break;
        case CANDIDATE_YANKED:
                add_yanked(builder, candidates, set);
                break;
        case CANDIDATE_TOO_NEW:
                builder_add(builder,
                            " was uploaded after the date up to which releases are looked at");
                break;
        case CANDIDATE_WRONG_HASH:
                builder_add(builder, " has no file with one of the hashes that the project names");
                break;
        case CANDIDATE_WRONG_PYTHON:
                builder_add_format(
                                builder,
                                " needs Python %s (this is %s)",
                                detail->text,
                                resolver->input.python->text);
                break;
        case CANDIDATE_WRONG_WHEEL:
                add_wheels(resolver, builder, candidates, set);
                break;
        default:
                builder_add(builder, " exists only as source, which Blast does not build");
        }
}

void explain_add_reason(
                const Resolver *resolver,
                Builder *builder,
                const Incompatibility *incompatibility) {
        switch (incompatibility->cause) {
        case CAUSE_DEPENDENCY:
                add_dependency(resolver, builder, incompatibility);
                break;
        case CAUSE_UNUSABLE:
                /* A package that needs itself in another version. */
                if (resolver->details[incompatibility->detail].kind == DETAIL_REQUIREMENT)
                        add_dependency(resolver, builder, incompatibility);
                else
                        add_unusable(resolver, builder, incompatibility);
                break;
        case CAUSE_ROOT:
        case CAUSE_CONCLUSION:
                builder_add(builder, "the project is wanted");
        }
}
