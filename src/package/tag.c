// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * A set is an array of tags, best first, and a hash table over it (open addressing, built once, at most
 * half full, never changed), so that a wheel's rank costs one probe for each tag its name stands for.
 *
 * Order for CPython 3.11 (packaging.tags, which pip follows):
 *
 *     cp311-cp311-<platform>…    built for exactly this interpreter
 *     cp311-abi3-<platform>…     stable ABI (abi3t in free-threaded builds)
 *     cp311-none-<platform>…
 *     cp310…cp32-abi3-<platform>…
 *     py311, py3, py310…py30-none-<platform>…
 *     cp311-none-any
 *     py311, py3, py310…py30-none-any
 *
 * <platform>… for Linux: linux_x86_64, then manylinux_2_36_x86_64 down to manylinux_2_5_x86_64
 * (2_17 for machines that came later) with the old names manylinux2014, manylinux2010, manylinux1 behind
 * 2_17, 2_12 and 2_5; or musllinux_1_2_x86_64 down to musllinux_1_0_x86_64.
 */

#include <stdarg.h>
#include <stdio.h>

#include "package/tag.h"

enum {
        TAGS_MAX = 100000,
        LIBC_MAJOR_MAX = 9,
        LIBC_MINOR_MAX = 199,
        GLIBC_MINOR_LAST =
                        50, /* of a major version that is no longer the newest: a guess, as packaging's */
        SLOT_FREE = 0,
};

struct TagSet {
        const Tag *items;
        size_t n_items;
        const uint32_t *slots; /* position + 1 */
        size_t n_slots;        /* a power of two */
};

/* Tags while they are collected; strings are in the arena. */
typedef struct Collector {
        Arena *arena;
        Tag *items;
        size_t n_items;
        size_t n_allocated;
} Collector;

/* Platform tags while they are collected, NULL-terminated. */
typedef struct PlatformList {
        Arena *arena;
        const char **items;
        size_t n_items;
        size_t n_allocated;
} PlatformList;

static void collector_done(Collector *collector) {
        free(collector->items);
}

static void platform_list_done(PlatformList *list) {
        free(list->items);
}

static bool is_tag_char(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        c == '_';
}

/* Alternatives with '.' between them. */
static int alternatives_parse(Arena *arena, Text text, const char *const **ret, size_t *ret_n) {
        size_t n_max = 1, n = 0;
        const char **items;
        Text part;

        for (size_t i = 0; i < text.length; i++)
                n_max += text.data[i] == '.';
        if (n_max > WHEEL_NAME_TAGS_MAX)
                return -EINVAL;
        items = arena_new_array(arena, const char *, n_max + 1);
        if (!items)
                return -ENOMEM;
        while (text_cut(&text, '.', &part)) {
                char *item = arena_text_n(arena, part.data, part.length);

                if (!item)
                        return -ENOMEM;
                if (part.length == 0)
                        return -EINVAL;
                for (size_t i = 0; i < part.length; i++) {
                        if (!is_tag_char(item[i]))
                                return -EINVAL;
                        if (item[i] >= 'A' && item[i] <= 'Z')
                                item[i] = (char) (item[i] - 'A' + 'a');
                }
                items[n++] = item;
        }
        *ret = items;
        *ret_n = n;
        return n > 0 ? 0 : -EINVAL;
}

int tag_parts_parse(Arena *arena, Text text, TagParts *ret) {
        const char *const *lists[3];
        size_t n_combinations = 1, n;
        Text part;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                if (!text_cut(&text, '-', &part))
                        return -EINVAL;
                r = alternatives_parse(arena, part, &lists[i], &n);
                if (r < 0)
                        return r;
                n_combinations *= n;
        }
        if (text.data || n_combinations > WHEEL_NAME_TAGS_MAX)
                return -EINVAL;
        for (const char *const *python = lists[0]; *python; python++)
                if (**python >= '0' && **python <= '9')
                        return -EINVAL; /* "2.7" is no interpreter */
        *ret = (TagParts){ .pythons = lists[0], .abis = lists[1], .platforms = lists[2] };
        return 0;
}

static int
collect(Collector *collector, const char *python, const char *abi, const char *platform) {
        int r;

        if (collector->n_items == TAGS_MAX)
                return -E2BIG;
        r = ARRAY_RESERVE(collector->items, collector->n_allocated, collector->n_items + 1);
        if (r < 0)
                return r;
        collector->items[collector->n_items++] = (Tag){ python, abi, platform };
        return 0;
}

static int collect_platforms(
                Collector *collector,
                const char *python,
                const char *abi,
                const char *const *platforms) {
        int r;

        for (; *platforms; platforms++) {
                r = collect(collector, python, abi, *platforms);
                if (r < 0)
                        return r;
        }
        return 0;
}

_printf_(2, 3) static const char *arena_format(Arena *arena, const char *format, ...) {
        char text[128];
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        return n >= 0 && (size_t) n < sizeof(text) ? arena_text(arena, text) : NULL;
}

static uint64_t tag_hash(const Tag *tag) {
        const char *parts[] = { tag->python, tag->abi, tag->platform };
        uint64_t hash = UINT64_C(
                        14695981039346656037); /* FNV-1a; the table is ours, not a stranger's */

        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                for (const char *c = parts[i];; c++) {
                        hash = (hash ^ (uint8_t) *c) * UINT64_C(1099511628211);
                        if (!*c)
                                break;
                }
        return hash ^ hash >> 32;
}

static bool tag_equals(const Tag *a, const Tag *b) {
        return streq(a->python, b->python) && streq(a->abi, b->abi) &&
                        streq(a->platform, b->platform);
}

int tag_set_find(const TagSet *set, Tag tag) {
        for (size_t slot = tag_hash(&tag) & (set->n_slots - 1);;
             slot = (slot + 1) & (set->n_slots - 1)) {
                uint32_t entry = set->slots[slot];

                if (entry == SLOT_FREE)
                        return -ENOENT;
                if (tag_equals(&set->items[entry - 1], &tag))
                        return (int) (entry - 1);
        }
}

/* Copies the collected tags without repetitions: the better place counts. */
static int tag_set_build(const Collector *collector, const TagSet **ret) {
        size_t n_slots = 16, n_items = 0;
        TagSet *set;
        uint32_t *slots;
        Tag *items;

        while (n_slots < 2 * collector->n_items + 2)
                n_slots *= 2;
        set = arena_new_array(collector->arena, TagSet, 1);
        items = arena_new_array(collector->arena, Tag, collector->n_items + 1);
        slots = arena_new_array(collector->arena, uint32_t, n_slots);
        if (!set || !items || !slots)
                return -ENOMEM;
        *set = (TagSet){ .items = items, .slots = slots, .n_slots = n_slots };

        for (size_t i = 0; i < collector->n_items; i++) {
                size_t slot = tag_hash(&collector->items[i]) & (n_slots - 1);

                if (tag_set_find(set, collector->items[i]) >= 0)
                        continue;
                while (slots[slot] != SLOT_FREE)
                        slot = (slot + 1) & (n_slots - 1);
                items[n_items] = collector->items[i];
                slots[slot] = (uint32_t) ++n_items;
        }
        set->n_items = n_items;
        *ret = set;
        return 0;
}

size_t tag_set_count(const TagSet *set) {
        return set->n_items;
}

Tag tag_set_at(const TagSet *set, size_t position) {
        return set->items[position];
}

/* "cp311t" and the like: compiled without the global lock. */
static bool is_free_threaded(const char *const *abis) {
        const char *flags = abis && abis[0] ? string_after(abis[0], "cp") : NULL;

        if (!flags)
                return false;
        return strchr(flags + strspn(flags, "0123456789"), 't') != NULL;
}

static bool is_stable_abi(const char *abi) {
        return streq(abi, "abi3") || streq(abi, "abi3t") || streq(abi, "none");
}

static int
collect_own_abis(Collector *collector, const TagInterpreter *interpreter, const char *python) {
        int r;

        for (const char *const *abi = interpreter->abis; abi && *abi; abi++) {
                if (is_stable_abi(*abi))
                        continue;
                r = collect_platforms(collector, python, *abi, interpreter->platforms);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int
collect_cpython(Collector *collector, const TagInterpreter *interpreter, const char *python) {
        const char *stable = is_free_threaded(interpreter->abis) ? "abi3t" : "abi3";
        bool has_stable = interpreter->major > 3 ||
                        (interpreter->major == 3 && interpreter->minor >= 2);
        int r;

        r = collect_own_abis(collector, interpreter, python);
        if (r >= 0 && has_stable)
                r = collect_platforms(collector, python, stable, interpreter->platforms);
        if (r >= 0)
                r = collect_platforms(collector, python, "none", interpreter->platforms);
        if (r < 0 || !has_stable)
                return r;
        for (uint32_t minor = interpreter->minor; minor-- > 2;) {
                python = arena_format(collector->arena, "cp%u%u", interpreter->major, minor);
                if (!python)
                        return -ENOMEM;
                r = collect_platforms(collector, python, stable, interpreter->platforms);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int
collect_generic(Collector *collector, const TagInterpreter *interpreter, const char *python) {
        int r;

        r = collect_own_abis(collector, interpreter, python);
        if (r < 0)
                return r;
        return collect_platforms(collector, python, "none", interpreter->platforms);
}

/* "py311", "py3", "py310" … "py30" for each of @platforms. */
static int
collect_pure(Collector *collector,
             const TagInterpreter *interpreter,
             const char *const *platforms) {
        int r;

        for (uint32_t step = 0; step < interpreter->minor + 2; step++) {
                const char *python;

                if (step == 1)
                        python = arena_format(collector->arena, "py%u", interpreter->major);
                else
                        python =
                                        arena_format(collector->arena,
                                                     "py%u%u",
                                                     interpreter->major,
                                                     step == 0 ? interpreter->minor
                                                               : interpreter->minor - (step - 1));
                if (!python)
                        return -ENOMEM;
                r = collect_platforms(collector, python, "none", platforms);
                if (r < 0)
                        return r;
        }
        return 0;
}

int tag_set_of_interpreter(Arena *arena, const TagInterpreter *interpreter, const TagSet **ret) {
        static const char *const any[] = { "any", NULL };
        _cleanup_(collector_done) Collector collector = { .arena = arena };
        bool is_cpython = streq(interpreter->implementation, "cp");
        bool is_pypy = streq(interpreter->implementation, "pp");
        const char *python;
        int r;

        if (interpreter->major > 99 || interpreter->minor > 999 ||
            strlen(interpreter->implementation) > 64)
                return -EINVAL;
        python =
                        arena_format(arena,
                                     "%s%u%u",
                                     interpreter->implementation,
                                     interpreter->major,
                                     interpreter->minor);
        if (!python)
                return -ENOMEM;

        if (is_cpython)
                r = collect_cpython(&collector, interpreter, python);
        else
                r = collect_generic(&collector, interpreter, python);
        if (r >= 0)
                r = collect_pure(&collector, interpreter, interpreter->platforms);
        if (r >= 0 && (is_cpython || is_pypy))
                r = collect(&collector, is_pypy ? "pp3" : python, "none", "any");
        if (r >= 0)
                r = collect_pure(&collector, interpreter, any);
        if (r < 0)
                return r;
        return tag_set_build(&collector, ret);
}

int tag_set_of_list(Arena *arena, const char *const *list, const TagSet **ret) {
        _cleanup_(collector_done) Collector collector = { .arena = arena };
        int r;

        for (; list && *list; list++) {
                TagParts parts;

                r = tag_parts_parse(arena, text_of(*list), &parts);
                if (r < 0)
                        return r;
                for (size_t i = 0; parts.pythons[i]; i++)
                        for (size_t j = 0; parts.abis[j]; j++) {
                                r = collect_platforms(
                                                &collector,
                                                parts.pythons[i],
                                                parts.abis[j],
                                                parts.platforms);
                                if (r < 0)
                                        return r;
                        }
        }
        return tag_set_build(&collector, ret);
}

_printf_(2, 3) static int platform_list_add(PlatformList *list, const char *format, ...) {
        char text[128];
        va_list arguments;
        int n, r;

        va_start(arguments, format);
        n = vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        if (n < 0 || (size_t) n >= sizeof(text))
                return -EINVAL;
        r = ARRAY_RESERVE(list->items, list->n_allocated, list->n_items + 2);
        if (r < 0)
                return r;
        list->items[list->n_items] = arena_text(list->arena, text);
        return list->items[list->n_items++] ? 0 : -ENOMEM;
}

/* The names that glibc versions had before PEP 600. */
static const char *old_manylinux(uint32_t major, uint32_t minor) {
        if (major != 2)
                return NULL;
        return minor == 17            ? "manylinux2014"
                        : minor == 12 ? "manylinux2010"
                        : minor == 5  ? "manylinux1"
                                      : NULL;
}

static bool has_manylinux(const char *machine) {
        static const char *const machines[] = {
                "x86_64",      "aarch64", "ppc64", "ppc64le", "s390x",
                "loongarch64", "riscv64", "i686",  "armv7l",  "armv8l",
        };

        for (size_t i = 0; i < ELEMENTSOF(machines); i++)
                if (streq(machines[i], machine))
                        return true;
        return false;
}

static int
add_manylinux(PlatformList *list, const char *machine, uint32_t major_max, uint32_t minor_max) {
        uint32_t oldest = streq(machine, "x86_64") || streq(machine, "i686") ? 5 : 17;
        int r;

        for (uint32_t major = major_max; major >= 2; major--) {
                uint32_t first = major == major_max ? minor_max : GLIBC_MINOR_LAST;
                uint32_t last = major == 2 ? oldest : 0;

                for (uint32_t minor = first + 1; minor-- > last;) {
                        const char *old = old_manylinux(major, minor);

                        r = platform_list_add(list, "manylinux_%u_%u_%s", major, minor, machine);
                        if (r >= 0 && old)
                                r = platform_list_add(list, "%s_%s", old, machine);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int
add_musllinux(PlatformList *list, const char *machine, uint32_t major, uint32_t minor_max) {
        int r;

        for (uint32_t minor = minor_max + 1; minor-- > 0;) {
                r = platform_list_add(list, "musllinux_%u_%u_%s", major, minor, machine);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool is_machine(const char *machine) {
        size_t length = strlen(machine);

        return length > 0 && length <= 64 &&
                        strspn(machine, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

int tag_linux_platforms(
                Arena *arena,
                const char *machine,
                LibcKind libc,
                uint32_t libc_major,
                uint32_t libc_minor,
                const char *const **ret) {
        _cleanup_(platform_list_done) PlatformList list = { .arena = arena };
        /* A 32-bit ARMv8 runs what was built for ARMv7. */
        const char *machines[] = { machine, streq(machine, "armv8l") ? "armv7l" : NULL, NULL };
        const char **copy;
        int r = 0;

        if (!is_machine(machine) ||
            (libc != LIBC_UNKNOWN && (libc_major > LIBC_MAJOR_MAX || libc_minor > LIBC_MINOR_MAX)))
                return -EINVAL;
        for (const char **at = machines; r >= 0 && *at; at++)
                r = platform_list_add(&list, "linux_%s", *at);
        for (const char **at = machines; r >= 0 && *at; at++) {
                if (libc == LIBC_GLIBC && has_manylinux(*at))
                        r = add_manylinux(&list, *at, libc_major, libc_minor);
                else if (libc == LIBC_MUSL)
                        r = add_musllinux(&list, *at, libc_major, libc_minor);
        }
        if (r < 0)
                return r;

        copy = arena_new_array(arena, const char *, list.n_items + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, list.items, list.n_items * sizeof(*copy));
        *ret = copy;
        return 0;
}
