// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>

#include "basic/memory.h"
#include "package/name.h"
#include "package/resolver-internal.h"

/* What a resolution is told (releases, metadata), and the list of what it will likely want. How it
 * works is said in resolver.c. */

int resolver_distribution(Resolver *resolver, const char *name, Distribution **ret) {
        Distribution *distribution = table_find(resolver->distributions, name);
        int r;

        if (distribution) {
                *ret = distribution;
                return 0;
        }
        distribution = arena_allocate(resolver->arena, sizeof(*distribution));
        if (!distribution)
                return -ENOMEM;
        *distribution = (Distribution){
                .name = arena_text(resolver->arena, name),
                .number = RESOLVER_NUMBER_NONE,
                .allowed = RANGE_FULL,
        };
        if (!distribution->name)
                return -ENOMEM;
        r = table_add(resolver->distributions, distribution->name, distribution);
        if (r < 0)
                return r;
        *ret = distribution;
        return 0;
}

bool resolver_applies(const Resolver *resolver, const Requirement *requirement, const char *extra) {
        MarkerEnvironment environment;

        if (!requirement->marker)
                return !extra;
        if (!extra)
                return marker_evaluate(requirement->marker, resolver->input.markers);
        /* What holds without the extra is told with the package itself. */
        if (!marker_uses(requirement->marker, MARKER_EXTRA))
                return false;
        environment = *resolver->input.markers;
        environment.values[MARKER_EXTRA] = extra;
        return marker_evaluate(requirement->marker, &environment);
}

static int want(Resolver *resolver, const ResolverStep *step) {
        int r;

        r = ARRAY_RESERVE(resolver->wanted, resolver->n_wanted_allocated, resolver->n_wanted + 1);
        if (r < 0)
                return r;
        resolver->wanted[resolver->n_wanted++] = *step;
        return 0;
}

bool resolver_next_wanted(Resolver *resolver, ResolverStep *ret) {
        if (resolver->wanted_position == resolver->n_wanted) {
                resolver->wanted_position = 0;
                resolver->n_wanted = 0;
                return false;
        }
        *ret = resolver->wanted[resolver->wanted_position++];
        return true;
}

int resolver_want_metadata(Resolver *resolver, Distribution *distribution, uint32_t version) {
        Release *release = &distribution->releases[version];
        const Candidate *candidate;
        int r;

        if (release->is_known || release->was_wanted)
                return 0;
        release->was_wanted = true;
        r = candidates_check(distribution->candidates, version, &candidate);
        if (r < 0)
                return r;
        return want(resolver,
                    &(ResolverStep){ .state = RESOLVER_NEEDS_METADATA,
                                     .name = distribution->name,
                                     .url = distribution->url,
                                     .version = version,
                                     .file = candidate->wheel });
}

static int guess(Resolver *resolver, Distribution *distribution) {
        uint32_t version;
        int r;

        r = candidates_find_best(distribution->candidates, distribution->hint, &version);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return resolver_want_metadata(resolver, distribution, version);
}

int resolver_expect(Resolver *resolver, const Requirement *requirement) {
        Distribution *distribution;
        bool is_narrower = true;
        Range range;
        int r;

        r = resolver_distribution(resolver, requirement->name, &distribution);
        if (r < 0)
                return r;
        r = range_of_specifiers(resolver->arena, &requirement->specifiers, &range);
        if (r < 0)
                return r;
        if (distribution->has_hint) {
                Range both;

                r = range_intersection(resolver->arena, distribution->hint, range, &both);
                if (r < 0)
                        return r;
                is_narrower = !range_equals(both, distribution->hint);
                /* Two that exclude each other: which one gives way is for the solver to find. */
                range = range_is_empty(both) ? distribution->hint : both;
        }
        distribution->hint = range;
        distribution->has_hint = true;
        if (distribution->candidates)
                return is_narrower ? guess(resolver, distribution) : 0;
        if (distribution->was_wanted)
                return 0;
        distribution->was_wanted = true;
        return want(resolver,
                    &(ResolverStep){ .state = RESOLVER_NEEDS_RELEASES,
                                     .name = distribution->name,
                                     .url = distribution->url });
}

bool resolver_has_releases(const Resolver *resolver, const char *name) {
        const Distribution *distribution = table_find(resolver->distributions, name);

        return distribution && distribution->candidates;
}

bool resolver_has_metadata(const Resolver *resolver, const char *name, uint32_t version) {
        const Distribution *distribution = table_find(resolver->distributions, name);

        return distribution && distribution->candidates &&
                        (distribution->releases[version].is_known ||
                         distribution->releases[version].refusal);
}

static void free_pages(IndexPage **pages, size_t n_pages) {
        for (size_t i = 0; i < n_pages; i++)
                index_page_free(pages[i]);
        free(pages);
}

int resolver_add_releases(Resolver *resolver, const char *name, IndexPage **pages, size_t n_pages) {
        Distribution *distribution;
        int r;

        r = resolver_distribution(resolver, name, &distribution);
        if (r < 0 || distribution->candidates) {
                free_pages(pages, n_pages);
                return r;
        }
        distribution->pages = pages;
        distribution->n_pages = n_pages;
        r =
                        candidates_new(resolver->rules,
                                       pages,
                                       n_pages,
                                       &distribution->wish,
                                       &distribution->candidates);
        if (r < 0)
                return r;
        distribution->releases = arena_new_array(
                        resolver->arena, Release, (size_t) distribution->candidates->n_items + 1);
        if (!distribution->releases)
                return -ENOMEM;
        return distribution->has_hint ? guess(resolver, distribution) : 0;
}

static int set_refusal(Resolver *resolver, Release *release, const char *reason) {
        release->refusal = arena_text(resolver->arena, reason);
        return release->refusal ? 0 : -ENOMEM;
}

int resolver_refuse(Resolver *resolver, const char *name, uint32_t version, const char *reason) {
        Distribution *distribution = table_find(resolver->distributions, name);

        return set_refusal(resolver, &distribution->releases[version], reason);
}

_printf_(3,
         4) static int refuse_with(Resolver *resolver, Release *release, const char *format, ...) {
        char reason[1024];
        va_list list;

        va_start(list, format);
        (void) vsnprintf(reason, sizeof(reason), format, list); /* cut where it is too long */
        va_end(list);
        return set_refusal(resolver, release, reason);
}

bool resolver_refuses_url(const Resolver *resolver, const Requirement *requirement) {
        const Distribution *distribution = table_find(resolver->distributions, requirement->name);

        return requirement->url &&
                        !(distribution && distribution->url &&
                          streq(distribution->url, requirement->url));
}

static bool
applies_to_any(const Resolver *resolver,
               const Distribution *distribution,
               const Requirement *requirement) {
        if (resolver_applies(resolver, requirement, NULL))
                return true;
        for (const Extra *extra = distribution->extras; extra; extra = extra->next)
                if (resolver_applies(resolver, requirement, extra->name))
                        return true;
        return false;
}

/* Reads what the version needs. A requirement that nobody can read makes the version unusable only if
 * it could count here. */
static int read_requirements(Resolver *resolver, const Metadata *metadata, Release *release) {
        const Requirement **items = arena_new_array(
                        resolver->arena, const Requirement *, metadata->n_requires_dist + 1);
        int r;

        if (!items)
                return -ENOMEM;
        for (size_t i = 0; i < metadata->n_requires_dist; i++) {
                const char *text = metadata->requires_dist[i];
                const Requirement *requirement;
                _cleanup_fault_ Fault fault = { 0 };

                r = requirement_parse(resolver->arena, text_of(text), &requirement, NULL, &fault);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        return refuse_with(
                                        resolver,
                                        release,
                                        "its metadata has a requirement that cannot be read, '%.200s'",
                                        text);
                items[release->n_requirements++] = requirement;
        }
        release->requirements = items;
        return 0;
}

static int read_extras(Resolver *resolver, const Metadata *metadata, Release *release) {
        const char **extras = arena_new_array(
                        resolver->arena, const char *, metadata->n_provides_extra + 1);
        size_t n = 0;

        if (!extras)
                return -ENOMEM;
        for (size_t i = 0; i < metadata->n_provides_extra; i++)
                if (name_normalize(resolver->arena,
                                   text_of(metadata->provides_extra[i]),
                                   &extras[n]) == 0)
                        n++;
        release->extras = extras;
        return 0;
}

static int
expect_requirements(Resolver *resolver, const Distribution *distribution, Release *release) {
        int r;

        for (size_t i = 0; i < release->n_requirements; i++) {
                const Requirement *requirement = release->requirements[i];
                Distribution *needed;

                /* Known by name in any case: an extra may make it count later. */
                r = resolver_distribution(resolver, requirement->name, &needed);
                if (r >= 0 && applies_to_any(resolver, distribution, requirement) &&
                    !resolver_refuses_url(resolver, requirement))
                        r = resolver_expect(resolver, requirement);
                if (r < 0)
                        return r;
        }
        return 0;
}

int resolver_add_metadata(
                Resolver *resolver,
                const char *name,
                uint32_t version,
                const Metadata *metadata) {
        Distribution *distribution = table_find(resolver->distributions, name);
        const Candidate *candidate = &distribution->candidates->items[version];
        Release *release = &distribution->releases[version];
        bool is_above_bound;
        const Version *said;
        int r;

        if (release->is_known || release->refusal)
                return 0;
        if (!name_equals(text_of(metadata->name), text_of(name)))
                return refuse_with(
                                resolver,
                                release,
                                "its metadata is that of '%.100s'",
                                metadata->name);
        r = version_parse(resolver->arena, text_of(metadata->version), &said);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !version_equals(said, candidate->version))
                return refuse_with(
                                resolver,
                                release,
                                "its metadata is that of version '%.100s'",
                                metadata->version);
        r = candidate_rules_allow_python(
                        resolver->rules, metadata->requires_python, &is_above_bound);
        if (r < 0)
                return r;
        if (r == 0)
                return refuse_with(
                                resolver,
                                release,
                                "it needs Python %s, and this is %s",
                                metadata->requires_python,
                                resolver->input.python->text);
        r = read_requirements(resolver, metadata, release);
        if (r >= 0 && !release->refusal)
                r = read_extras(resolver, metadata, release);
        if (r >= 0 && !release->refusal)
                r = expect_requirements(resolver, distribution, release);
        release->is_known = r >= 0;
        return r;
}
