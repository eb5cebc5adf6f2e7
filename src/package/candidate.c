// SPDX-License-Identifier: LGPL-2.1-or-later
#include "basic/table.h"
#include "package/candidate.h"
#include "package/specifier.h"

/* How it works
 *
 * A page is turned into versions in three passes: read the version of each file (files of one version
 * mostly stand together and spell it alike, then it is read once), sort files by version, cut the
 * sorted list into items. Files themselves are looked at only when the solver asks about a version:
 * most versions of most packages never are.
 *
 * What is asked again and again is remembered by text: whether a requires-python allows this
 * interpreter, and the rank of a wheel's tags. A package with a thousand wheels has a few dozen
 * different ones of each.
 *
 * Order of preference: the version of the older lock, then final releases, newest first, then
 * pre-releases (so that these are taken where nothing else fits, PEP 440), then all of those again whose
 * upper bound on Python excludes this one: such bounds are often guesses (uv ignores them), yet a version
 * without the contradiction is better. */

/* Remembered under a text; values are small numbers + 1, as a table cannot tell 0 from absent. */
enum {
        PYTHON_NO = 1,
        PYTHON_YES,
        PYTHON_ABOVE,
        RANK_NONE = 1,
        RANK_FIRST,
};

struct CandidateRules {
        Arena *arena;
        CandidateRulesInput input;
        Table *pythons;
        Table *ranks;
};

CandidateRules *candidate_rules_free(CandidateRules *rules) {
        if (!rules)
                return NULL;
        rules->pythons = table_free(rules->pythons);
        rules->ranks = table_free(rules->ranks);
        return NULL;
}

CandidateRules *candidate_rules_new(Arena *arena, const CandidateRulesInput *input) {
        CandidateRules *rules = arena_allocate(arena, sizeof(*rules));

        if (!rules)
                return NULL;
        rules->arena = arena;
        rules->input = *input;
        rules->pythons = table_new();
        rules->ranks = table_new();
        if (!rules->pythons || !rules->ranks)
                return candidate_rules_free(rules);
        return rules;
}

static bool is_upper_bound(const Specifier *specifier) {
        return specifier->operator== SPECIFIER_LESS || specifier->operator== SPECIFIER_LESS_EQUAL;
}

/* As much of the clause as bounds Python from below. */
static bool allows_from_below(const Specifier *specifier, const Version *python) {
        switch (specifier->operator) {
        case SPECIFIER_COMPATIBLE:
        case SPECIFIER_EQUAL:
                return version_compare(python, specifier->version) >= 0;
        default:
                return is_upper_bound(specifier) || specifier_contains(specifier, python);
        }
}

static int judge_python(CandidateRules *rules, const char *text, uintptr_t *ret) {
        const Version *python = rules->input.python;
        SpecifierSet set;
        int r;

        *ret = PYTHON_YES;
        r = specifier_set_parse(rules->arena, text_of(text), &set, NULL, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        if (specifier_set_contains(&set, python))
                return 0;
        *ret = PYTHON_ABOVE;
        for (size_t i = 0; i < set.n_items; i++)
                if (!allows_from_below(&set.items[i], python))
                        *ret = PYTHON_NO;
        return 0;
}

int candidate_rules_allow_python(
                CandidateRules *rules,
                const char *text,
                bool *ret_is_above_bound) {
        uintptr_t known;
        int r;

        *ret_is_above_bound = false;
        if (text_is_empty(text) || !rules->input.python)
                return 1;
        known = (uintptr_t) table_find(rules->pythons, text);
        if (known == 0) {
                const char *key = arena_text(rules->arena, text);

                if (!key)
                        return -ENOMEM;
                r = judge_python(rules, key, &known);
                if (r < 0)
                        return r;
                r = table_add(rules->pythons, key, (void *) known);
                if (r < 0)
                        return r;
        }
        *ret_is_above_bound = known == PYTHON_ABOVE;
        return known != PYTHON_NO;
}

/* The rank of the tags as they stand in a file name, best 0; -ENOENT where they do not fit. */
static int rank_of_tags(CandidateRules *rules, Text tags) {
        uintptr_t known = (uintptr_t) table_find_text(rules->ranks, tags);
        _cleanup_builder_ Builder builder = { 0 };
        const WheelName *wheel;
        const char *key;
        int r;

        if (known > 0)
                return known == RANK_NONE ? -ENOENT : (int) (known - RANK_FIRST);
        builder_add(&builder, "a-0-");
        builder_add_text(&builder, tags);
        builder_add(&builder, ".whl");
        key = arena_text_n(rules->arena, tags.data, tags.length);
        if (builder.failed || !key)
                return -ENOMEM;
        r = wheel_name_parse(rules->arena, (Text){ builder.data, builder.length }, &wheel, NULL);
        if (r == -ENOMEM)
                return r;
        if (r >= 0)
                r = wheel_name_rank(rules->input.tags, wheel);
        known = r < 0 ? RANK_NONE : (uintptr_t) r + RANK_FIRST;
        if (table_add(rules->ranks, key, (void *) known) == -ENOMEM)
                return -ENOMEM;
        return r < 0 ? -ENOENT : r;
}

typedef struct FileVersion {
        const Version *version;
        const IndexFile *file;
        uint32_t position; /* on the pages */
} FileVersion;

static int compare_file_versions(const void *a, const void *b) {
        const FileVersion *x = a, *y = b;
        int order = version_compare(x->version, y->version);

        if (order == 0)
                order = (x->position > y->position) - (x->position < y->position);
        return order;
}

static int
read_versions(CandidateRules *rules,
              IndexPage *const *pages,
              size_t n_pages,
              FileVersion *files,
              size_t *ret_n) {
        const Version *version = NULL;
        Text text = { NULL, 0 };
        size_t n = 0;
        int r;

        for (size_t i = 0; i < n_pages; i++)
                for (size_t k = 0; k < pages[i]->n_files; k++) {
                        const IndexFile *file = &pages[i]->files[k];

                        if (!text.data || !text_equals(text, file->version)) {
                                text = file->version;
                                r = version_parse(rules->arena, text, &version);
                                if (r == -ENOMEM)
                                        return r;
                                if (r < 0)
                                        version = NULL;
                        }
                        if (!version)
                                continue;
                        files[n] = (FileVersion){ version, file, (uint32_t) n };
                        n++;
                }
        *ret_n = n;
        return 0;
}

static bool is_ascending(const FileVersion *files, size_t n) {
        for (size_t i = 1; i < n; i++)
                if (files[i].version != files[i - 1].version &&
                    version_compare(files[i].version, files[i - 1].version) < 0)
                        return false;
        return true;
}

/* Whether an earlier page already had the file. */
static bool is_repeated(const Candidate *item, const IndexFile *file) {
        for (size_t i = 0; i < item->n_files; i++)
                if (streq(item->files[i]->filename, file->filename))
                        return true;
        return false;
}

/* Cuts the sorted files into one item per version. */
static int group_files(Candidates *made, const FileVersion *files, size_t n, bool has_repeats) {
        Arena *arena = made->rules->arena;
        const IndexFile **sorted = arena_new_array(arena, const IndexFile *, n + 1);

        made->items = arena_new_array(arena, Candidate, n + 1);
        if (!sorted || !made->items)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                Candidate *item = &made->items[made->n_items - (made->n_items > 0)];

                if (made->n_items == 0 ||
                    (item->version != files[i].version &&
                     version_compare(item->version, files[i].version) != 0)) {
                        item = &made->items[made->n_items++];
                        *item = (Candidate){
                                .version = files[i].version,
                                .files = &sorted[i],
                        };
                } else if (has_repeats && is_repeated(item, files[i].file))
                        continue;
                ((const IndexFile **) item->files)[item->n_files++] = files[i].file;
        }
        return 0;
}

/* By the first wheel: files of one version rarely differ in what they ask of Python. */
static int mark_above_bound(Candidates *made) {
        for (uint32_t i = 0; i < made->n_items; i++)
                for (size_t k = 0; k < made->items[i].n_files; k++) {
                        const IndexFile *file = made->items[i].files[k];
                        int r;

                        if (file->kind != INDEX_FILE_WHEEL)
                                continue;
                        r = candidate_rules_allow_python(
                                        made->rules,
                                        file->requires_python,
                                        &made->items[i].is_above_bound);
                        if (r < 0)
                                return r;
                        break;
                }
        return 0;
}

static int tier_of(const Candidates *made, uint32_t number) {
        const Candidate *item = &made->items[number];
        int tier = item->is_above_bound ? 2 : 0;

        if (made->wish.preferred && version_equals(made->wish.preferred, item->version))
                return -1;
        if (!made->rules->input.allow_prereleases && version_is_prerelease(item->version))
                tier++;
        return tier;
}

static int sort_by_preference(Candidates *made) {
        uint32_t n = 0;

        made->order = arena_new_array(made->rules->arena, uint32_t, (size_t) made->n_items + 1);
        if (!made->order)
                return -ENOMEM;
        for (int tier = -1; tier <= 3; tier++)
                for (uint32_t i = made->n_items; i-- > 0;)
                        if (tier_of(made, i) == tier)
                                made->order[n++] = i;
        return 0;
}

int candidates_new(
                CandidateRules *rules,
                IndexPage *const *pages,
                size_t n_pages,
                const CandidateWish *wish,
                Candidates **ret) {
        _cleanup_(freep) FileVersion *files = NULL;
        Candidates *made = arena_allocate(rules->arena, sizeof(*made));
        size_t n = 0;
        int r;

        for (size_t i = 0; i < n_pages; i++)
                n += pages[i]->n_files;
        files = new (FileVersion, n + 1);
        if (!made || !files)
                return -ENOMEM;
        made->rules = rules;
        made->wish = *wish;
        r = read_versions(rules, pages, n_pages, files, &n);
        if (r < 0)
                return r;
        if (!is_ascending(files, n))
                qsort(files, n, sizeof(*files), compare_file_versions);
        r = group_files(made, files, n, n_pages > 1);
        if (r < 0)
                return r;
        made->versions = arena_new_array(rules->arena, const Version *, (size_t) made->n_items + 1);
        if (!made->versions)
                return -ENOMEM;
        for (uint32_t i = 0; i < made->n_items; i++)
                made->versions[i] = made->items[i].version;
        r = mark_above_bound(made);
        if (r < 0)
                return r;
        r = sort_by_preference(made);
        if (r < 0)
                return r;
        *ret = made;
        return 0;
}

static bool has_wanted_hash(const IndexFile *file, char *const *hashes) {
        char hex[DIGEST_HEX_SIZE];

        if (!hashes)
                return true;
        if (!file->has_digest)
                return false;
        digest_to_hex(&file->digest, hex);
        FOREACH_TEXT(hash, hashes) {
                const char *value = string_after(hash, "sha256:");

                if (value && strcasecmp(value, hex) == 0)
                        return true;
        }
        return false;
}

static bool is_too_new(const CandidateRules *rules, const IndexFile *file) {
        if (rules->input.exclude_newer_usec == 0)
                return false;
        /* A local file has no date of upload; from an index a missing one is not to be trusted. */
        if (file->upload_usec == 0)
                return !string_after(file->url, "file:");
        return file->upload_usec >= rules->input.exclude_newer_usec;
}

/* What speaks against one file. */
static int
judge_file(const Candidates *candidates,
           const Candidate *item,
           const IndexFile *file,
           int *ret_rank,
           CandidateState *ret) {
        CandidateRules *rules = candidates->rules;
        const CandidateWish *wish = &candidates->wish;
        bool is_above_bound;
        int r;

        *ret = CANDIDATE_SOURCE_ONLY;
        if (file->kind != INDEX_FILE_WHEEL)
                return 0;
        *ret = CANDIDATE_WRONG_WHEEL;
        *ret_rank = rank_of_tags(rules, file->tags);
        if (*ret_rank < 0)
                return *ret_rank == -ENOENT ? 0 : *ret_rank;
        *ret = CANDIDATE_WRONG_PYTHON;
        r = candidate_rules_allow_python(rules, file->requires_python, &is_above_bound);
        if (r <= 0)
                return r;
        if (!has_wanted_hash(file, wish->hashes))
                *ret = CANDIDATE_WRONG_HASH;
        else if (is_too_new(rules, file))
                *ret = CANDIDATE_TOO_NEW;
        else if (file->yanked && !(wish->pinned && range_contains(*wish->pinned, item->version)) &&
                 !(wish->preferred && version_equals(wish->preferred, item->version)))
                *ret = CANDIDATE_YANKED;
        else
                *ret = CANDIDATE_USABLE;
        return 0;
}

/* Of two that fit, the one with the better tags, then the higher build number. */
static bool
is_better(const Arena *arena,
          const IndexFile *file,
          int rank,
          const IndexFile *than,
          int than_rank) {
        const WheelName *a, *b;

        if (!than || rank != than_rank)
                return !than || rank < than_rank;
        if (wheel_name_parse((Arena *) arena, text_of(file->filename), &a, NULL) < 0 ||
            wheel_name_parse((Arena *) arena, text_of(than->filename), &b, NULL) < 0)
                return false;
        return wheel_name_compare_builds(a, b) > 0;
}

static int check(Candidates *candidates, Candidate *item) {
        int best_rank = 0;
        int r;

        item->is_checked = true;
        item->state = CANDIDATE_SOURCE_ONLY;
        for (size_t i = 0; i < item->n_files; i++) {
                const IndexFile *file = item->files[i];
                CandidateState state;
                int rank = 0;

                r = judge_file(candidates, item, file, &rank, &state);
                if (r < 0)
                        return r;
                if (state < item->state) {
                        item->state = state;
                        item->needs_python = state == CANDIDATE_WRONG_PYTHON ? file->requires_python
                                                                             : NULL;
                }
                if (state == CANDIDATE_USABLE &&
                    is_better(candidates->rules->arena, file, rank, item->wheel, best_rank)) {
                        item->wheel = file;
                        best_rank = rank;
                }
        }
        if (item->state == CANDIDATE_USABLE && candidates->wish.allowed &&
            !range_contains(*candidates->wish.allowed, item->version)) {
                item->state = CANDIDATE_OUTSIDE;
                item->wheel = NULL;
        }
        return 0;
}

int candidates_check(Candidates *candidates, uint32_t number, const Candidate **ret) {
        Candidate *item = &candidates->items[number];
        int r;

        if (!item->is_checked) {
                r = check(candidates, item);
                if (r < 0)
                        return r;
        }
        *ret = item;
        return 0;
}

int candidates_match(
                const Candidates *candidates,
                VersionSets *sets,
                Range range,
                const VersionSet **ret) {
        _cleanup_(freep) bool *members = NULL;
        _cleanup_(freep) uint32_t *bounds = NULL;
        uint32_t n_items = candidates->n_items;
        size_t n = 0;

        if (n_items == 0 || range_is_full(range)) {
                *ret = n_items == 0 ? version_set_empty(sets) : version_set_any(sets);
                return 0;
        }
        members = new (bool, n_items);
        bounds = new (uint32_t, (size_t) n_items * 2);
        if (!members || !bounds)
                return -ENOMEM;
        range_mark(range, candidates->versions, n_items, members);
        for (uint32_t i = 0; i < n_items; i++)
                if (members[i]) {
                        bounds[n++] = i + 1;
                        bounds[n++] = i + 1 == n_items ? VERSION_SET_END : i + 2;
                }
        *ret = version_set_make(sets, bounds, n);
        return 0;
}

int candidates_find_best(Candidates *candidates, Range range, uint32_t *ret) {
        for (uint32_t i = 0; i < candidates->n_items; i++) {
                uint32_t number = candidates->order[i];
                const Candidate *item;
                int r;

                if (!range_contains(range, candidates->versions[number]))
                        continue;
                r = candidates_check(candidates, number, &item);
                if (r < 0)
                        return r;
                if (item->state == CANDIDATE_USABLE) {
                        *ret = number;
                        return 0;
                }
        }
        return -ENOENT;
}
