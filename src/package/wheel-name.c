// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Names are cut at '-', which neither part may hold: name, version, perhaps a build tag (it begins with
 * a digit), python, ABI, platform. What comes out is safe to be a single component of a path.
 *
 * Why a wheel does not fit is found by asking the interpreter's tags first for any of the wheel's pythons,
 * then for one with any of its ABIs too; the first question without an answer names the part that the
 * sentence is about. Tags are put into words where they are well known, and shown as they are where not.
 *
 * Source: PyPA specifications "Binary distribution format" (PEP 427), "Source distribution format" (PEP
 * 625), "Platform compatibility tags" (PEP 425, 600, 656).
 */

#include <stdio.h>

#include "package/name.h"
#include "package/tag.h"

/* A wheel's or a machine's platform tag, as far as it can be put into words. */
typedef struct Platform {
        const char *system; /* "Windows", "macOS", "Linux" */
        Text machine;       /* empty: not known */
        LibcKind libc;
        uint32_t libc_major;
        uint32_t libc_minor;
} Platform;

static int name_fail(Fault *fault, Text filename, const char *reason) {
        return fault_set(
                        fault,
                        -EINVAL,
                        FAULT_WHEEL_INVALID,
                        NULL,
                        "'%.*s' is not the name of a distribution file: %s.",
                        (int) MIN(filename.length, (size_t) 200),
                        filename.data,
                        reason);
}

/* The distribution's name in a file name: '_' where '-' was, and never two of them. */
static int read_project(Arena *arena, Text text, const char **ret) {
        for (size_t i = 1; i < text.length; i++)
                if (text.data[i] == '_' && text.data[i - 1] == '_')
                        return -EINVAL;
        return name_normalize(arena, text, ret);
}

static int read_build(Arena *arena, Text text, WheelName *wheel) {
        size_t n_digits = 0;

        while (n_digits < text.length && text.data[n_digits] >= '0' && text.data[n_digits] <= '9')
                n_digits++;
        if (text_to_u64((Text){ text.data, n_digits }, &wheel->build_number) < 0)
                return -EINVAL;
        for (size_t i = n_digits; i < text.length; i++) {
                char c = text.data[i];

                if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '_' || c == '.'))
                        return -EINVAL;
        }
        wheel->has_build = true;
        wheel->build_suffix = arena_text_n(arena, text.data + n_digits, text.length - n_digits);
        return wheel->build_suffix ? 0 : -ENOMEM;
}

/* Cuts off the last @n_parts parts of @text, which stay with their '-' between them. */
static bool cut_last(Text *text, size_t n_parts, Text *ret) {
        for (size_t i = text->length; i-- > 0;) {
                if (text->data[i] != '-' || --n_parts > 0)
                        continue;
                *ret = (Text){ text->data + i + 1, text->length - i - 1 };
                text->length = i;
                return true;
        }
        return false;
}

static size_t count_dashes(Text text) {
        size_t n = 0;

        for (size_t i = 0; i < text.length; i++)
                n += text.data[i] == '-';
        return n;
}

int wheel_name_parse(Arena *arena, Text filename, const WheelName **ret, Fault *fault) {
        Text rest = filename, part, tags;
        size_t n_dashes;
        WheelName *wheel;
        int r;

        if (!text_ends_with(filename, ".whl"))
                return name_fail(fault, filename, "a wheel's name ends with .whl");
        rest.length -= strlen(".whl");
        n_dashes = count_dashes(rest);
        if ((n_dashes != 4 && n_dashes != 5) || !cut_last(&rest, 3, &tags))
                return name_fail(
                                fault,
                                filename,
                                "expected name-version-python-abi-platform with 5 or 6 parts");

        wheel = arena_new_array(arena, WheelName, 1);
        if (!wheel)
                return -ENOMEM;
        wheel->build_suffix = "";
        (void) text_cut(&rest, '-', &part); /* there is one */
        r = read_project(arena, part, &wheel->name);
        if (r == -EINVAL)
                return name_fail(fault, filename, "its first part is no project name");
        if (r >= 0) {
                (void) text_cut(&rest, '-', &part);
                r = version_parse(arena, part, &wheel->version);
                if (r == -EINVAL || r == -ERANGE)
                        return name_fail(fault, filename, "its second part is no version");
        }
        if (r >= 0 && n_dashes == 5) {
                r = read_build(arena, rest, wheel);
                if (r == -EINVAL)
                        return name_fail(
                                        fault,
                                        filename,
                                        "its build tag does not begin with a number");
        }
        if (r >= 0) {
                r = tag_parts_parse(arena, tags, &wheel->tags);
                if (r == -EINVAL)
                        return name_fail(fault, filename, "its compatibility tag is malformed");
        }
        if (r < 0)
                return r;
        *ret = wheel;
        return 0;
}

int source_name_parse(Arena *arena, Text filename, const SourceName **ret, Fault *fault) {
        Text rest = filename, version;
        SourceName *source;
        int r;

        if (text_ends_with(filename, ".tar.gz"))
                rest.length -= strlen(".tar.gz");
        else if (text_ends_with(filename, ".zip"))
                rest.length -= strlen(".zip");
        else
                return name_fail(
                                fault, filename, "a source distribution ends with .tar.gz or .zip");
        if (!cut_last(&rest, 1, &version))
                return name_fail(fault, filename, "expected name-version");

        source = arena_new_array(arena, SourceName, 1);
        if (!source)
                return -ENOMEM;
        r = name_normalize(arena, rest, &source->name);
        if (r == -EINVAL)
                return name_fail(fault, filename, "its first part is no project name");
        if (r >= 0) {
                r = version_parse(arena, version, &source->version);
                if (r == -EINVAL || r == -ERANGE)
                        return name_fail(fault, filename, "its last part is no version");
        }
        if (r < 0)
                return r;
        *ret = source;
        return 0;
}

int wheel_name_rank(const TagSet *set, const WheelName *wheel) {
        const TagParts *tags = &wheel->tags;
        int best = -ENOENT;

        for (size_t i = 0; tags->pythons[i]; i++)
                for (size_t j = 0; tags->abis[j]; j++)
                        for (size_t k = 0; tags->platforms[k]; k++) {
                                Tag tag = { tags->pythons[i], tags->abis[j], tags->platforms[k] };
                                int rank = tag_set_find(set, tag);

                                if (rank >= 0 && (best < 0 || rank < best))
                                        best = rank;
                        }
        return best;
}

int wheel_name_compare_builds(const WheelName *a, const WheelName *b) {
        int order;

        if (a->has_build != b->has_build)
                return a->has_build ? 1 : -1;
        if (a->build_number != b->build_number)
                return a->build_number < b->build_number ? -1 : 1;
        order = strcmp(a->build_suffix, b->build_suffix);
        return (order > 0) - (order < 0);
}

int wheel_name_compare(const TagSet *set, const WheelName *a, const WheelName *b) {
        int rank_a = wheel_name_rank(set, a), rank_b = wheel_name_rank(set, b);

        /* What does not fit comes last. */
        if ((rank_a < 0) != (rank_b < 0))
                return rank_a < 0 ? 1 : -1;
        if (rank_a != rank_b)
                return rank_a < rank_b ? -1 : 1;
        return -wheel_name_compare_builds(a, b);
}

static bool list_has(const char *const *list, const char *item) {
        for (; *list; list++)
                if (streq(*list, item))
                        return true;
        return false;
}

/* "cp312" is CPython 3.12; "py3" is Python 3. */
static void add_python(Builder *builder, const char *python) {
        static const struct {
                const char *prefix;
                const char *name;
        } names[] = {
                { "cp", "CPython" },      { "pp", "PyPy" },   { "py", "Python" },
                { "graalpy", "GraalPy" }, { "jy", "Jython" }, { "ip", "IronPython" },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *digits = string_after(python, names[i].prefix);

                if (!digits || !*digits || strspn(digits, "0123456789") != strlen(digits))
                        continue;
                builder_add_format(
                                builder,
                                digits[1] ? "%s %c.%s" : "%s %c",
                                names[i].name,
                                digits[0],
                                digits + 1);
                return;
        }
        builder_add(builder, python);
}

static bool read_libc(const char *tag, const char *prefix, LibcKind libc, Platform *ret) {
        const char *rest = string_after(tag, prefix);
        unsigned major, minor;
        int n = 0;

        if (!rest || sscanf(rest, "%3u_%3u_%n", &major, &minor, &n) != 2 || n == 0)
                return false;
        *ret = (Platform){
                .system = "Linux",
                .machine = text_of(rest + n),
                .libc = libc,
                .libc_major = major,
                .libc_minor = minor,
        };
        return true;
}

static Platform platform_read(const char *tag) {
        static const struct {
                const char *prefix;
                uint32_t minor;
        } old[] = { { "manylinux2014_", 17 }, { "manylinux2010_", 12 }, { "manylinux1_", 5 } };
        Platform platform;
        const char *rest;

        if (read_libc(tag, "manylinux_", LIBC_GLIBC, &platform) ||
            read_libc(tag, "musllinux_", LIBC_MUSL, &platform))
                return platform;
        for (size_t i = 0; i < ELEMENTSOF(old); i++) {
                rest = string_after(tag, old[i].prefix);
                if (rest)
                        return (Platform){
                                .system = "Linux",
                                .machine = text_of(rest),
                                .libc = LIBC_GLIBC,
                                .libc_major = 2,
                                .libc_minor = old[i].minor,
                        };
        }
        rest = string_after(tag, "linux_");
        if (rest)
                return (Platform){ .system = "Linux", .machine = text_of(rest) };
        if (string_after(tag, "win"))
                return (Platform){ .system = "Windows" };
        if (string_after(tag, "macosx_"))
                return (Platform){ .system = "macOS" };
        if (string_after(tag, "ios_"))
                return (Platform){ .system = "iOS" };
        if (string_after(tag, "android_"))
                return (Platform){ .system = "Android" };
        return (Platform){};
}

/* What the interpreter runs on: its newest C library tag if it has one. */
static Platform platform_of_set(const TagSet *set) {
        Platform best = {};

        for (size_t i = 0; i < tag_set_count(set); i++) {
                Platform platform = platform_read(tag_set_at(set, i).platform);

                if (platform.libc != LIBC_UNKNOWN)
                        return platform; /* sets begin with the newest */
                if (!best.system)
                        best = platform;
        }
        return best;
}

/* The platform of the wheel that is nearest to this one: same machine, then the oldest library. */
static Platform nearest_platform(const WheelName *wheel, const Platform *here) {
        Platform best = {};

        for (const char *const *tag = wheel->tags.platforms; *tag; tag++) {
                Platform platform = platform_read(*tag);
                bool is_same_kind = here->system && platform.system &&
                                streq(platform.system, here->system) &&
                                text_equals(platform.machine, here->machine);
                bool is_best_same_kind = here->system && best.system &&
                                streq(best.system, here->system) &&
                                text_equals(best.machine, here->machine);

                if (!best.system || (is_same_kind && !is_best_same_kind) ||
                    (is_same_kind && platform.libc == here->libc &&
                     (best.libc != here->libc || platform.libc_minor < best.libc_minor)))
                        best = platform;
        }
        return best;
}

static void explain_platform(Builder *builder, const TagSet *set, const WheelName *wheel) {
        Platform here = platform_of_set(set), there = nearest_platform(wheel, &here);

        if (!there.system || !here.system) {
                builder_add_format(
                                builder,
                                "it is for %s, which this platform is not",
                                wheel->tags.platforms[0]);
                return;
        }
        if (!streq(there.system, here.system)) {
                builder_add_format(builder, "it is for %s, not for %s", there.system, here.system);
                return;
        }
        if (!text_equals(there.machine, here.machine)) {
                builder_add(builder, "it is for ");
                builder_add_text(builder, there.machine);
                builder_add(builder, " machines, this one is ");
                builder_add_text(builder, here.machine);
                return;
        }
        if (there.libc != here.libc || there.libc == LIBC_UNKNOWN) {
                builder_add_format(
                                builder,
                                "it is for systems with %s",
                                there.libc == LIBC_MUSL ? "musl (such as Alpine), not glibc"
                                                : there.libc == LIBC_GLIBC
                                                ? "glibc, not musl"
                                                : "an unknown C library");
                return;
        }
        builder_add_format(
                        builder,
                        "it needs %s %u.%u, this system has %u.%u",
                        there.libc == LIBC_MUSL ? "musl" : "glibc",
                        there.libc_major,
                        there.libc_minor,
                        here.libc_major,
                        here.libc_minor);
}

void wheel_name_explain(Builder *builder, const TagSet *set, const WheelName *wheel) {
        const char *own = tag_set_count(set) > 0 ? tag_set_at(set, 0).python : "";
        bool has_python = false, has_abi = false;

        if (wheel_name_rank(set, wheel) >= 0)
                return;
        for (size_t i = 0; i < tag_set_count(set); i++) {
                Tag tag = tag_set_at(set, i);
                bool fits = list_has(wheel->tags.pythons, tag.python);

                /* Older versions are only here for their stable ABI: a wheel for one is not for us. */
                has_python = has_python ||
                                (fits &&
                                 (streq(tag.python, own) || string_after(tag.python, "py")));
                has_abi = has_abi || (fits && list_has(wheel->tags.abis, tag.abi));
        }
        if (has_abi) {
                explain_platform(builder, set, wheel);
                return;
        }
        if (has_python) {
                builder_add_format(
                                builder,
                                "it needs the ABI %s, which this Python has not",
                                wheel->tags.abis[0]);
                return;
        }
        builder_add(builder, "it is for ");
        for (size_t i = 0; wheel->tags.pythons[i]; i++) {
                if (i > 0)
                        builder_add(builder, wheel->tags.pythons[i + 1] ? ", " : " and ");
                add_python(builder, wheel->tags.pythons[i]);
        }
        builder_add(builder, ", not for ");
        add_python(builder, own);
}
