// SPDX-License-Identifier: LGPL-2.1-or-later
#include "basic/memory.h"
#include "package/version-set.h"

enum {
        N_BUCKETS_FIRST = 1024
};

struct VersionSets {
        Arena *arena;
        const VersionSet **buckets;
        size_t n_buckets; /* a power of two */
        size_t n_sets;
        uint32_t *scratch;
        size_t n_scratch;
        const VersionSet *full;
        const VersionSet *any;
        bool has_failed;
};

static const VersionSet empty_set = { .n_bounds = 0 };

VersionSets *version_sets_free(VersionSets *sets) {
        if (!sets)
                return NULL;
        arena_free(sets->arena);
        free(sets->buckets);
        free(sets->scratch);
        free(sets);
        return NULL;
}

VersionSets *version_sets_new(void) {
        _cleanup_(version_sets_freep) VersionSets *sets = new0(VersionSets, 1);

        if (!sets)
                return NULL;
        sets->arena = arena_new();
        sets->n_buckets = N_BUCKETS_FIRST;
        sets->buckets = new0(const VersionSet *, sets->n_buckets);
        if (!sets->arena || !sets->buckets)
                return NULL;
        sets->full = version_set_make(sets, (uint32_t[]){ 0, VERSION_SET_END }, 2);
        sets->any = version_set_make(sets, (uint32_t[]){ 1, VERSION_SET_END }, 2);
        return sets->has_failed ? NULL : TAKE_PTR(sets);
}

bool version_sets_failed(const VersionSets *sets) {
        return sets->has_failed;
}

size_t version_sets_count(const VersionSets *sets) {
        return sets->n_sets;
}

static const VersionSet *fail(VersionSets *sets) {
        sets->has_failed = true;
        return &empty_set;
}

static uint32_t hash_bounds(const uint32_t *bounds, size_t n_bounds) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (size_t i = 0; i < n_bounds; i++) {
                hash ^= bounds[i];
                hash *= UINT64_C(0x9e3779b97f4a7c15);
                hash ^= hash >> 29;
        }
        return (uint32_t) (hash ^ hash >> 32);
}

static int grow(VersionSets *sets) {
        size_t n_buckets = sets->n_buckets * 2;
        const VersionSet **buckets = new0(const VersionSet *, n_buckets);

        if (!buckets)
                return -ENOMEM;
        for (size_t i = 0; i < sets->n_buckets; i++) {
                const VersionSet *next;

                for (const VersionSet *set = sets->buckets[i]; set; set = next) {
                        const VersionSet **bucket = &buckets[set->hash & (n_buckets - 1)];

                        next = set->next;
                        /* Interned values are const to everybody else; the chain is ours. */
                        ((VersionSet *) set)->next = *bucket;
                        *bucket = set;
                }
        }
        free(sets->buckets);
        sets->buckets = buckets;
        sets->n_buckets = n_buckets;
        return 0;
}

/* @bounds is in canonical form here. */
static const VersionSet *intern(VersionSets *sets, const uint32_t *bounds, size_t n_bounds) {
        uint32_t hash = hash_bounds(bounds, n_bounds);
        VersionSet *set;

        if (n_bounds == 0)
                return &empty_set;
        for (const VersionSet *old = sets->buckets[hash & (sets->n_buckets - 1)]; old;
             old = old->next)
                if (old->hash == hash && old->n_bounds == n_bounds &&
                    memcmp(old->bounds, bounds, n_bounds * sizeof(*bounds)) == 0)
                        return old;
        if (sets->n_sets >= sets->n_buckets && grow(sets) < 0)
                return fail(sets);
        set = arena_allocate(sets->arena, sizeof(*set) + n_bounds * sizeof(*bounds));
        if (!set)
                return fail(sets);
        set->hash = hash;
        set->n_bounds = (uint32_t) n_bounds;
        memcpy(set->bounds, bounds, n_bounds * sizeof(*bounds));
        set->next = sets->buckets[hash & (sets->n_buckets - 1)];
        sets->buckets[hash & (sets->n_buckets - 1)] = set;
        sets->n_sets++;
        return set;
}

static uint32_t *scratch(VersionSets *sets, size_t n) {
        if (ARRAY_RESERVE(sets->scratch, sets->n_scratch, n) < 0)
                return NULL;
        return sets->scratch;
}

/* Adds [from, to) behind what is there, joined to it where they touch. */
static size_t append(uint32_t *bounds, size_t n, uint32_t from, uint32_t to) {
        if (from >= to)
                return n;
        if (n > 0 && bounds[n - 1] >= from) {
                bounds[n - 1] = MAX(bounds[n - 1], to);
                return n;
        }
        bounds[n] = from;
        bounds[n + 1] = to;
        return n + 2;
}

const VersionSet *version_set_make(VersionSets *sets, const uint32_t *bounds, size_t n_bounds) {
        uint32_t *made = scratch(sets, n_bounds + 2);
        size_t n = 0;

        assert(n_bounds % 2 == 0);
        if (!made)
                return fail(sets);
        for (size_t i = 0; i < n_bounds; i += 2)
                n = append(made, n, bounds[i], bounds[i + 1]);
        return intern(sets, made, n);
}

const VersionSet *version_set_empty(VersionSets *sets) {
        return &empty_set;
}

const VersionSet *version_set_full(VersionSets *sets) {
        return sets->full;
}

const VersionSet *version_set_any(VersionSets *sets) {
        return sets->any;
}

const VersionSet *version_set_single(VersionSets *sets, uint32_t version, uint32_t n_versions) {
        uint32_t bounds[2] = { version + 1, version + 2 };

        if (version + 1 == n_versions)
                bounds[1] = VERSION_SET_END;
        return intern(sets, bounds, 2);
}

const VersionSet *version_set_complement(VersionSets *sets, const VersionSet *set) {
        uint32_t *made = scratch(sets, (size_t) set->n_bounds + 2), from = 0;
        size_t n = 0;

        if (!made)
                return fail(sets);
        for (size_t i = 0; i < set->n_bounds; i += 2) {
                n = append(made, n, from, set->bounds[i]);
                from = set->bounds[i + 1];
        }
        return intern(sets, made, append(made, n, from, VERSION_SET_END));
}

const VersionSet *
version_set_intersect(VersionSets *sets, const VersionSet *a, const VersionSet *b) {
        uint32_t *made;
        size_t n = 0;

        if (a == b || b == sets->full)
                return a;
        if (a == sets->full)
                return b;
        made = scratch(sets, (size_t) a->n_bounds + b->n_bounds + 2);
        if (!made)
                return fail(sets);
        for (size_t i = 0, k = 0; i < a->n_bounds && k < b->n_bounds;) {
                n = append(made,
                           n,
                           MAX(a->bounds[i], b->bounds[k]),
                           MIN(a->bounds[i + 1], b->bounds[k + 1]));
                if (a->bounds[i + 1] < b->bounds[k + 1])
                        i += 2;
                else
                        k += 2;
        }
        return intern(sets, made, n);
}

const VersionSet *version_set_union(VersionSets *sets, const VersionSet *a, const VersionSet *b) {
        uint32_t *made;
        size_t n = 0;

        if (a == b)
                return a;
        made = scratch(sets, (size_t) a->n_bounds + b->n_bounds + 2);
        if (!made)
                return fail(sets);
        for (size_t i = 0, k = 0; i < a->n_bounds || k < b->n_bounds;)
                if (k >= b->n_bounds || (i < a->n_bounds && a->bounds[i] <= b->bounds[k])) {
                        n = append(made, n, a->bounds[i], a->bounds[i + 1]);
                        i += 2;
                } else {
                        n = append(made, n, b->bounds[k], b->bounds[k + 1]);
                        k += 2;
                }
        return intern(sets, made, n);
}

bool version_set_has(const VersionSet *set, uint32_t version) {
        uint32_t low = 0, high = set->n_bounds;

        /* The number of bounds at or below the state is odd inside an interval. */
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (set->bounds[middle] <= version + 1)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low % 2 == 1;
}

bool version_set_is_subset(const VersionSet *set, const VersionSet *of) {
        if (set == of)
                return true;
        for (size_t i = 0, k = 0; i < set->n_bounds; i += 2) {
                while (k < of->n_bounds && of->bounds[k + 1] < set->bounds[i + 1])
                        k += 2;
                if (k >= of->n_bounds || of->bounds[k] > set->bounds[i])
                        return false;
        }
        return true;
}

bool version_set_is_disjoint(const VersionSet *a, const VersionSet *b) {
        for (size_t i = 0, k = 0; i < a->n_bounds && k < b->n_bounds;) {
                if (MAX(a->bounds[i], b->bounds[k]) < MIN(a->bounds[i + 1], b->bounds[k + 1]))
                        return false;
                if (a->bounds[i + 1] < b->bounds[k + 1])
                        i += 2;
                else
                        k += 2;
        }
        return true;
}

uint32_t version_set_size(const VersionSet *set, uint32_t n_versions) {
        uint32_t n = 0;

        for (size_t i = 0; i < set->n_bounds; i += 2) {
                uint32_t from = MAX(set->bounds[i], 1U);
                uint32_t to = MIN(set->bounds[i + 1], n_versions + 1);

                n += to > from ? to - from : 0;
        }
        return n;
}
