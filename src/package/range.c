// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * All versions stand on one line, ordered by the bytes of their keys (version.c). A set is the list of
 * places on that line at which one goes in or out; complement is one flipped bit, and the binary
 * operations are one walk over both lists.
 *
 *     ──────┤ <1.0 ├───┬── 1.0.dev0 … 1.0rc1 ──┬── 1.0, 1.0+local ──┬── 1.0.post1 … ──┬───▶
 *                      CUT_FAMILY              CUT_VERSION          CUT_LOCALS        CUT_POSTS
 *
 * A cut is a string of bytes too: a version is behind it if its key is not smaller. Cuts lie at the
 * beginning of a family of versions; the end of one is written as the beginning of the next (behind
 * 1.0.post1 and its local versions lies 1.0.post2.dev0, the first of the family "1.0.post2"), and where
 * no next one exists as the family followed by VERSION_KEY_AFTER. The beginning of a family and its
 * first member are the same place and have the same bytes: the shorter. So two cuts between which no
 * version fits are always equal, empty pieces never arise, and equal sets have equal lists.
 * The first place of all, before 0.dev0, is no cut but the start of the line.
 *
 * Each cut remembers the version and the kind it was made from, only to be printed.
 */

#include "package/range.h"

typedef enum CutKind {
        CUT_FAMILY,       /* before V's pre-releases (final V) or V.dev0 (post-release V) */
        CUT_VERSION,      /* before V */
        CUT_EXACT,        /* behind V alone */
        CUT_LOCALS,       /* behind V and its local versions */
        CUT_POSTS,        /* behind V's post-releases */
        CUT_PREFIX_FIRST, /* before V.* */
        CUT_PREFIX_LAST,  /* behind V.* */
        CUT_PARENT_LAST,  /* behind V'.*, V' being V without its last number, for ~= */
} CutKind;

struct Cut {
        uint64_t key_start; /* first eight bytes of @key, as a number */
        const Version *version;
        CutKind kind;
        uint16_t key_size;
        uint8_t key[];
};

/* Two lists of cuts in step: after each step @cut is the place and the flags hold behind it. */
typedef struct Walk {
        const Cut *const *cuts_a;
        const Cut *const *cuts_b;
        size_t n_a, n_b;
        const Cut *cut;
        bool in_a, in_b;
} Walk;

typedef bool (*Combine)(bool in_a, bool in_b);

static const Cut *const *range_cuts(const Range *range) {
        return range->n_cuts <= RANGE_CUTS_INLINE ? range->few : range->many;
}

static int cut_compare(const Cut *a, const Cut *b) {
        int order;

        if (a == b)
                return 0;
        if (a->key_start != b->key_start)
                return a->key_start < b->key_start ? -1 : 1;
        order = memcmp(a->key, b->key, MIN(a->key_size, b->key_size));
        if (order == 0)
                order = (int) a->key_size - (int) b->key_size;
        return (order > 0) - (order < 0);
}

static bool is_behind(const Version *version, const Cut *cut) {
        int order;

        if (version->key_start != cut->key_start)
                return version->key_start > cut->key_start;
        order = memcmp(version->key, cut->key, MIN(version->key_size, cut->key_size));
        return order > 0 || (order == 0 && version->key_size >= cut->key_size);
}

/* Makes a cut of the first @size bytes of the version's key, then @tail. */
static const Cut *
cut_new(Arena *arena, CutKind kind, const Version *version, size_t size, Text tail) {
        Cut *cut = arena_allocate(arena, sizeof(Cut) + size + tail.length);

        if (!cut)
                return NULL;
        *cut = (Cut){
                .version = version,
                .kind = kind,
                .key_size = (uint16_t) (size + tail.length),
        };
        memcpy(cut->key, version->key, size);
        memcpy(cut->key + size, tail.data, tail.length);
        for (size_t i = 0; i < sizeof(cut->key_start); i++)
                cut->key_start = cut->key_start << 8 | (i < cut->key_size ? cut->key[i] : 0);
        return cut;
}

static const Cut *
cut_new_number(Arena *arena, CutKind kind, const Version *version, size_t size, uint64_t number) {
        uint8_t bytes[VERSION_NUMBER_SIZE_MAX];
        size_t n = version_encode_number(number, bytes);

        return cut_new(arena, kind, version, size, (Text){ (const char *) bytes, n });
}

static const Cut *cut_new_before(Arena *arena, const Version *version) {
        size_t size = version->public_size;

        if (version->local)
                size = version->key_size;
        else if (version->has_dev && version->dev == 0) {
                /* The first member of a family: its place is that of the family. */
                if (version->has_post)
                        size = version->post_size;
                else if (version->phase == VERSION_PHASE_DEV)
                        size = version->release_size;
                else
                        size = version->pre_size;
        }
        return cut_new(arena, CUT_VERSION, version, size, TEXT(""));
}

static const Cut *cut_new_family(Arena *arena, const Version *version) {
        if (version_is_prerelease(version))
                return cut_new_before(arena, version);
        return cut_new(arena,
                       CUT_FAMILY,
                       version,
                       version->has_post ? version->post_size : version->release_size,
                       TEXT(""));
}

static const Cut *cut_new_exact(Arena *arena, const Version *version) {
        static const char after = (char) VERSION_KEY_AFTER;

        return cut_new(arena, CUT_EXACT, version, version->key_size, (Text){ &after, 1 });
}

static const Cut *cut_new_locals(Arena *arena, const Version *version) {
        if (version->has_dev)
                return cut_new_number(
                                arena, CUT_LOCALS, version, version->post_size, version->dev + 1);
        if (version->has_post)
                return cut_new_number(
                                arena, CUT_LOCALS, version, version->pre_size, version->post + 1);
        return cut_new_number(arena, CUT_LOCALS, version, version->pre_size, 0);
}

static const Cut *cut_new_posts(Arena *arena, const Version *version) {
        static const char after = (char) VERSION_KEY_AFTER;

        if (version->has_dev || version->has_post)
                return cut_new_locals(arena, version);
        if (version->phase == VERSION_PHASE_FINAL)
                return cut_new(arena, CUT_POSTS, version, version->pre_size, (Text){ &after, 1 });
        return cut_new_number(
                        arena, CUT_POSTS, version, version->release_size + 1u, version->pre + 1);
}

/* Before the family that follows V.* when only the first @n_release numbers are looked at. */
static const Cut *
cut_new_prefix_last(Arena *arena, CutKind kind, const Version *version, size_t n_release) {
        uint8_t bytes[(VERSION_RELEASE_MAX + 1) * VERSION_NUMBER_SIZE_MAX + 1];
        size_t n = version_encode_number(version->epoch, bytes);

        for (size_t i = 0; i < n_release; i++)
                n += version_encode_number(
                                version->release[i] + (i + 1 == n_release ? 1 : 0), bytes + n);
        bytes[n++] = VERSION_KEY_END;
        return cut_new(arena, kind, version, 0, (Text){ (const char *) bytes, n });
}

/* Whether nothing lies before the cut: it is 0.dev0, or the family of 0. */
static bool is_start(const Cut *cut) {
        return cut->key_size == 2 && cut->key[0] == 1 && cut->key[1] == VERSION_KEY_END;
}

static int
range_make(Arena *arena, bool begins_inside, const Cut *const *cuts, size_t n_cuts, Range *ret) {
        Range range = { .begins_inside = begins_inside, .n_cuts = (uint32_t) n_cuts };
        const Cut **many;

        if (n_cuts <= RANGE_CUTS_INLINE) {
                for (size_t i = 0; i < n_cuts; i++)
                        range.few[i] = cuts[i];
                *ret = range;
                return 0;
        }
        many = arena_new_array(arena, const Cut *, n_cuts);
        if (!many)
                return -ENOMEM;
        memcpy(many, cuts, n_cuts * sizeof(*cuts));
        range.many = many;
        *ret = range;
        return 0;
}

/* The set from @first to @last, or its complement; NULL stands for no end on that side. */
static int
range_between(Arena *arena, const Cut *first, const Cut *last, bool is_complement, Range *ret) {
        bool begins_inside = !first || is_start(first);
        const Cut *cuts[2];
        size_t n = 0;

        if (!begins_inside)
                cuts[n++] = first;
        if (last && is_start(last))
                begins_inside = false; /* nothing lies before it */
        else if (last)
                cuts[n++] = last;
        return range_make(arena, begins_inside != is_complement, cuts, n, ret);
}

int range_of_version(Arena *arena, const Version *version, Range *ret) {
        const Cut *first = cut_new_before(arena, version);
        const Cut *last = first ? cut_new_exact(arena, version) : NULL;

        return last ? range_between(arena, first, last, false, ret) : -ENOMEM;
}

static int range_of_equal(Arena *arena, const Specifier *specifier, Range *ret) {
        bool is_complement = specifier->operator== SPECIFIER_NOT_EQUAL;
        const Version *of = specifier->version;
        const Cut *first, *last;

        if (specifier->is_prefix) {
                first = cut_new(arena, CUT_PREFIX_FIRST, of, of->release_size, TEXT(""));
                last = cut_new_prefix_last(arena, CUT_PREFIX_LAST, of, of->n_release);
        } else {
                first = cut_new_before(arena, of);
                last = of->local ? cut_new_exact(arena, of) : cut_new_locals(arena, of);
        }
        if (!first || !last)
                return -ENOMEM;
        return range_between(arena, first, last, is_complement, ret);
}

static int range_of_arbitrary(Arena *arena, const Specifier *specifier, Range *ret) {
        if (specifier->version)
                return range_of_version(arena, specifier->version, ret);
        *ret = RANGE_EMPTY;
        return 0;
}

int range_of_specifier(Arena *arena, const Specifier *specifier, Range *ret) {
        const Version *of = specifier->version;
        const Cut *first = NULL, *last = NULL;

        switch (specifier->operator) {
        case SPECIFIER_EQUAL:
        case SPECIFIER_NOT_EQUAL:
                return range_of_equal(arena, specifier, ret);
        case SPECIFIER_ARBITRARY:
                return range_of_arbitrary(arena, specifier, ret);
        case SPECIFIER_GREATER_EQUAL:
                first = cut_new_before(arena, of);
                break;
        case SPECIFIER_GREATER:
                first = cut_new_posts(arena, of);
                break;
        case SPECIFIER_LESS_EQUAL:
                last = cut_new_locals(arena, of);
                break;
        case SPECIFIER_LESS:
                last = cut_new_family(arena, of);
                break;
        case SPECIFIER_COMPATIBLE:
                first = cut_new_before(arena, of);
                last = first ? cut_new_prefix_last(arena, CUT_PARENT_LAST, of, of->n_release - 1u)
                             : NULL;
                if (!last)
                        return -ENOMEM;
                break;
        default:
                return -EINVAL;
        }
        if (!first && !last)
                return -ENOMEM;
        return range_between(arena, first, last, false, ret);
}

int range_of_specifiers(Arena *arena, const SpecifierSet *set, Range *ret) {
        Range all = RANGE_FULL;
        int r;

        for (size_t i = 0; i < set->n_items; i++) {
                Range one;

                r = range_of_specifier(arena, &set->items[i], &one);
                if (r >= 0)
                        r = range_intersection(arena, all, one, &all);
                if (r < 0)
                        return r;
        }
        *ret = all;
        return 0;
}

/* The cuts are borrowed from both ranges, which must stay where they are. */
static Walk walk_begin(const Range *a, const Range *b) {
        return (Walk){
                .cuts_a = range_cuts(a),
                .cuts_b = range_cuts(b),
                .n_a = a->n_cuts,
                .n_b = b->n_cuts,
                .in_a = a->begins_inside,
                .in_b = b->begins_inside,
        };
}

static bool walk_next(Walk *walk) {
        int order;

        if (walk->n_a == 0 && walk->n_b == 0)
                return false;
        if (walk->n_a == 0)
                order = 1;
        else if (walk->n_b == 0)
                order = -1;
        else
                order = cut_compare(*walk->cuts_a, *walk->cuts_b);

        if (order >= 0) {
                walk->cut = *walk->cuts_b++;
                walk->n_b--;
                walk->in_b = !walk->in_b;
        }
        if (order <= 0) {
                walk->cut = *walk->cuts_a++;
                walk->n_a--;
                walk->in_a = !walk->in_a;
        }
        return true;
}

static int range_combine(Arena *arena, Range a, Range b, Combine combine, Range *ret) {
        const Cut *few[32];
        _cleanup_(freep) const Cut **many = NULL;
        const Cut **cuts = few;
        bool begins_inside = combine(a.begins_inside, b.begins_inside), is_inside = begins_inside;
        size_t n = 0;

        if ((size_t) a.n_cuts + b.n_cuts > ELEMENTSOF(few)) {
                cuts = many = new (const Cut *, (size_t) a.n_cuts + b.n_cuts);
                if (!many)
                        return -ENOMEM;
        }
        for (Walk walk = walk_begin(&a, &b); walk_next(&walk);)
                if (combine(walk.in_a, walk.in_b) != is_inside) {
                        is_inside = !is_inside;
                        cuts[n++] = walk.cut;
                }
        return range_make(arena, begins_inside, cuts, n, ret);
}

static bool in_either(bool in_a, bool in_b) {
        return in_a || in_b;
}

static bool in_both(bool in_a, bool in_b) {
        return in_a && in_b;
}

static bool in_first_only(bool in_a, bool in_b) {
        return in_a && !in_b;
}

int range_union(Arena *arena, Range a, Range b, Range *ret) {
        return range_combine(arena, a, b, in_either, ret);
}

int range_intersection(Arena *arena, Range a, Range b, Range *ret) {
        return range_combine(arena, a, b, in_both, ret);
}

int range_difference(Arena *arena, Range a, Range b, Range *ret) {
        return range_combine(arena, a, b, in_first_only, ret);
}

bool range_equals(Range a, Range b) {
        const Cut *const *cuts_a = range_cuts(&a), *const *cuts_b = range_cuts(&b);

        if (a.begins_inside != b.begins_inside || a.n_cuts != b.n_cuts)
                return false;
        for (size_t i = 0; i < a.n_cuts; i++)
                if (cut_compare(cuts_a[i], cuts_b[i]) != 0)
                        return false;
        return true;
}

/* Whether @combine holds nowhere. */
static bool never(Range a, Range b, Combine combine) {
        if (combine(a.begins_inside, b.begins_inside))
                return false;
        for (Walk walk = walk_begin(&a, &b); walk_next(&walk);)
                if (combine(walk.in_a, walk.in_b))
                        return false;
        return true;
}

bool range_is_subset(Range inner, Range outer) {
        return never(inner, outer, in_first_only);
}

bool range_is_disjoint(Range a, Range b) {
        return never(a, b, in_both);
}

bool range_contains(Range range, const Version *version) {
        const Cut *const *cuts = range_cuts(&range);
        size_t low = 0, high = range.n_cuts; /* cuts before @low are passed, from @high on not */

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (is_behind(version, cuts[middle]))
                        low = middle + 1;
                else
                        high = middle;
        }
        return range.begins_inside != (low % 2 == 1);
}

void range_mark(Range range, const Version *const *versions, size_t n_versions, bool *ret_members) {
        const Cut *const *cuts = range_cuts(&range);
        size_t n_passed = 0;

        for (size_t i = 0; i < n_versions; i++) {
                while (n_passed < range.n_cuts && is_behind(versions[i], cuts[n_passed]))
                        n_passed++;
                ret_members[i] = range.begins_inside != (n_passed % 2 == 1);
        }
}

static bool same_version(const Cut *first, const Cut *last) {
        return first->version == last->version || version_equals(first->version, last->version);
}

/* V for cuts that enclose one version as a user sees it, V.* for a family of releases; else false. */
static bool add_point(Builder *builder, const char *operator, const Cut * first, const Cut *last) {
        bool is_one = first->kind == CUT_VERSION &&
                        (last->kind == CUT_LOCALS || last->kind == CUT_EXACT);
        bool is_prefix = first->kind == CUT_PREFIX_FIRST && last->kind == CUT_PREFIX_LAST &&
                        first->version->n_release == last->version->n_release;

        if ((!is_one && !is_prefix) || !same_version(first, last))
                return false;
        builder_add(builder, operator);
        builder_add(builder, last->version->text);
        if (is_prefix)
                builder_add(builder, ".*");
        return true;
}

/* "2" of ==1.* and ~=1.4: the release that follows. */
static void add_next_release(Builder *builder, const Version *version, size_t n_release) {
        if (version->epoch > 0)
                builder_add_format(builder, "%llu!", (unsigned long long) version->epoch);
        for (size_t i = 0; i < n_release; i++)
                builder_add_format(
                                builder,
                                "%s%llu",
                                i > 0 ? "." : "",
                                (unsigned long long) version->release[i] + (i + 1 == n_release));
}

/* @is_lower: the cut begins a piece, else it ends one. */
static void add_bound(Builder *builder, const Cut *cut, bool is_lower) {
        size_t n_release = cut->version->n_release;

        switch (cut->kind) {
        case CUT_PARENT_LAST:
                n_release--;
                __attribute__((fallthrough));
        case CUT_PREFIX_LAST:
                builder_add(builder, is_lower ? ">=" : "<");
                add_next_release(builder, cut->version, n_release);
                break;
        case CUT_EXACT:
        case CUT_LOCALS:
        case CUT_POSTS:
                builder_add(builder, is_lower ? ">" : "<=");
                builder_add(builder, cut->version->text);
                break;
        default:
                builder_add(builder, is_lower ? ">=" : "<");
                builder_add(builder, cut->version->text);
        }
}

/* One piece from cut @first (-1: the start of the line), with the points left out of it; returns the
 * number of cuts that were used up. */
static size_t add_piece(Builder *builder, const Cut *const *cuts, size_t n_cuts, bool from_start) {
        const char *separator = "";
        size_t used = from_start ? 0 : 1;

        if (!from_start && n_cuts >= 2 && add_point(builder, "==", cuts[0], cuts[1]))
                return 2;
        if (!from_start) {
                add_bound(builder, cuts[0], true);
                separator = ",";
        }
        while (used + 1 < n_cuts) {
                size_t length = builder->length;

                builder_add(builder, separator);
                if (!add_point(builder, "!=", cuts[used], cuts[used + 1])) {
                        if (!builder->failed && builder->data)
                                builder->data[builder->length = length] = '\0';
                        break;
                }
                separator = ",";
                used += 2;
        }
        if (used < n_cuts) {
                builder_add(builder, separator);
                add_bound(builder, cuts[used], false);
                used++;
        }
        return used;
}

void range_add_to(Builder *builder, Range range) {
        const Cut *const *cuts = range_cuts(&range);
        size_t used = 0;

        if (range.n_cuts == 0) {
                builder_add(builder, range.begins_inside ? "any version" : "no version");
                return;
        }
        if (range.begins_inside)
                used = add_piece(builder, cuts, range.n_cuts, true);
        while (used < range.n_cuts) {
                if (used > 0)
                        builder_add(builder, " or ");
                used += add_piece(builder, cuts + used, range.n_cuts - used, false);
        }
}

int range_simplify(
                Arena *arena,
                Range range,
                const Version *const *versions,
                size_t n_versions,
                Range *ret) {
        const Cut *const *cuts = range_cuts(&range);
        _cleanup_(freep) const Cut **kept = NULL;
        bool begins_inside = range.begins_inside;
        size_t n_kept = 0, passed = 0, last_passed = 0;

        kept = new (const Cut *, range.n_cuts + 1u);
        if (!kept)
                return -ENOMEM;
        for (size_t i = 0; i < range.n_cuts; i++) {
                while (passed < n_versions && !is_behind(versions[passed], cuts[i]))
                        passed++;
                if (passed == n_versions)
                        break; /* nothing exists behind it */
                if (passed == 0)
                        begins_inside = !begins_inside; /* nothing exists before it */
                else if (passed == last_passed) {
                        n_kept--; /* in and out again between two neighbours */
                        last_passed = 0;
                } else {
                        kept[n_kept++] = cuts[i];
                        last_passed = passed;
                }
        }
        return range_make(arena, begins_inside, kept, n_kept, ret);
}
