// SPDX-License-Identifier: LGPL-2.1-or-later
#include "basic/memory.h"
#include "package/incompatibility.h"

struct Incompatibilities {
        Arena *arena;
        VersionSets *sets;
        Incompatibility **items;
        size_t n_items;
        size_t n_allocated;
        Term *scratch;
        size_t n_scratch;
};

Incompatibilities *incompatibilities_free(Incompatibilities *all) {
        if (!all)
                return NULL;
        arena_free(all->arena);
        free(all->items);
        free(all->scratch);
        free(all);
        return NULL;
}

Incompatibilities *incompatibilities_new(VersionSets *sets) {
        _cleanup_(incompatibilities_freep) Incompatibilities *all = new0(Incompatibilities, 1);

        if (!all)
                return NULL;
        all->sets = sets;
        all->arena = arena_new();
        return all->arena ? TAKE_PTR(all) : NULL;
}

uint32_t incompatibilities_count(const Incompatibilities *all) {
        return (uint32_t) all->n_items;
}

Incompatibility *incompatibilities_get(const Incompatibilities *all, uint32_t number) {
        assert(number < all->n_items);
        return all->items[number];
}

int incompatibilities_add(
                Incompatibilities *all,
                CauseKind cause,
                uint32_t detail,
                const Term *terms,
                size_t n_terms,
                uint32_t *ret) {
        Incompatibility *item;
        int r;

        r = ARRAY_RESERVE(all->items, all->n_allocated, all->n_items + 1);
        if (r < 0)
                return r;
        item = arena_allocate(all->arena, sizeof(*item) + n_terms * sizeof(*terms));
        if (!item)
                return -ENOMEM;
        item->cause = cause;
        item->detail = detail;
        item->n_terms = (uint32_t) n_terms;
        if (n_terms > 0)
                memcpy(item->terms, terms, n_terms * sizeof(*terms));
        *ret = (uint32_t) all->n_items;
        all->items[all->n_items++] = item;
        return 0;
}

const VersionSet *incompatibility_find(const Incompatibility *incompatibility, uint32_t package) {
        for (size_t i = 0; i < incompatibility->n_terms; i++)
                if (incompatibility->terms[i].package == package)
                        return incompatibility->terms[i].set;
        return NULL;
}

/* Few terms: insertion keeps them ascending, so that conclusions print the same every time. */
static size_t term_insert(Term *terms, size_t n, Term term) {
        size_t i = n;

        for (; i > 0 && terms[i - 1].package > term.package; i--)
                terms[i] = terms[i - 1];
        terms[i] = term;
        return n + 1;
}

static Term *term_find(Term *terms, size_t n, uint32_t package) {
        for (size_t i = 0; i < n; i++)
                if (terms[i].package == package)
                        return &terms[i];
        return NULL;
}

int incompatibilities_conclude(
                Incompatibilities *all,
                uint32_t left,
                uint32_t right,
                uint32_t package,
                uint32_t *ret) {
        const Incompatibility *sides[2] = { all->items[left], all->items[right] };
        const VersionSet *open;
        size_t n = 0;
        int r;

        r =
                        ARRAY_RESERVE(all->scratch,
                                      all->n_scratch,
                                      (size_t) sides[0]->n_terms + sides[1]->n_terms + 1);
        if (r < 0)
                return r;
        for (size_t side = 0; side < 2; side++)
                for (size_t i = 0; i < sides[side]->n_terms; i++) {
                        Term term = sides[side]->terms[i];
                        Term *same = term_find(all->scratch, n, term.package);

                        /* A term that always holds says nothing. */
                        if (term.package == package || term.set == version_set_full(all->sets))
                                continue;
                        if (same)
                                same->set = version_set_intersect(all->sets, same->set, term.set);
                        else
                                n = term_insert(all->scratch, n, term);
                }
        open = version_set_union(
                        all->sets,
                        incompatibility_find(sides[0], package),
                        incompatibility_find(sides[1], package));
        if (open != version_set_full(all->sets))
                n = term_insert(all->scratch, n, (Term){ package, open });
        r = incompatibilities_add(all, CAUSE_CONCLUSION, 0, all->scratch, n, ret);
        if (r < 0)
                return r;
        all->items[*ret]->left = left;
        all->items[*ret]->right = right;
        return 0;
}
