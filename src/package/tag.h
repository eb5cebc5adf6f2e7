// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Which built distributions run where: names of wheels (PEP 427), compatibility tags (PEP 425, 600,
 * 656), the order of preference of one interpreter, and why a wheel does not fit. Immutable arena
 * values; asks nothing of the machine. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "package/version.h"

/* That one name stands for: pythons times ABIs times platforms. */
enum {
        WHEEL_NAME_TAGS_MAX = 1024
};

/* A tag with its alternatives, "py2.py3-none-any": lower case, NULL-terminated lists. */
typedef struct TagParts {
        const char *const *pythons;
        const char *const *abis;
        const char *const *platforms;
} TagParts;

/* "name-version[-build]-python-abi-platform.whl" */
typedef struct WheelName {
        const char *name; /* normalised */
        const Version *version;
        uint64_t build_number;    /* 0 and "" without a build tag */
        const char *build_suffix; /* what follows the digits */
        bool has_build;
        TagParts tags;
} WheelName;

/* "name-version.tar.gz" or ".zip" */
typedef struct SourceName {
        const char *name; /* normalised */
        const Version *version;
} SourceName;

typedef struct Tag {
        const char *python;
        const char *abi;
        const char *platform;
} Tag;

/* An interpreter's tags, best first. */
typedef struct TagSet TagSet;

typedef enum LibcKind {
        LIBC_UNKNOWN,
        LIBC_GLIBC, /* manylinux (PEP 600 and its older names) */
        LIBC_MUSL,  /* musllinux (PEP 656) */
} LibcKind;

typedef struct TagInterpreter {
        const char *implementation; /* "cp", "pp" */
        uint32_t major, minor;
        const char *const *abis; /* of this implementation, best first: "cp311"; NULL-terminated */
        const char *const *platforms; /* best first, without "any": see tag_linux_platforms() */
} TagInterpreter;

/* Errors: -EINVAL with a fault that says which part is wrong, -ENOMEM. */
_must_use_ int wheel_name_parse(Arena *arena, Text filename, const WheelName **ret, Fault *fault);
_must_use_ int source_name_parse(Arena *arena, Text filename, const SourceName **ret, Fault *fault);

/* The platform tags of a Linux machine, best first: "linux_<machine>", then one of each C library version
 * from the given one down to the oldest that was ever defined, the older names beside theirs.
 * @machine is uname's ("x86_64"), or "i686" and "armv8l" for 32-bit programs on 64-bit kernels.
 * Source: PEP 600, PEP 656. Errors: -EINVAL no such machine or library version, -ENOMEM. */
_must_use_ int tag_linux_platforms(
                Arena *arena,
                const char *machine,
                LibcKind libc,
                uint32_t libc_major,
                uint32_t libc_minor,
                const char *const **ret);

/* In the order of packaging.tags: interpreter, then ABI, then platform; pure wheels last.
 * Errors: -EINVAL, -ENOMEM. */
_must_use_ int
tag_set_of_interpreter(Arena *arena, const TagInterpreter *interpreter, const TagSet **ret);
/* From a list, best first: "cp311-cp311-manylinux_2_17_x86_64", NULL-terminated. A tag with
 * alternatives ("py2.py3-none-any") stands for each. Errors: -EINVAL, -ENOMEM. */
_must_use_ int tag_set_of_list(Arena *arena, const char *const *list, const TagSet **ret);

/* Errors: -EINVAL not three parts, an empty one, a character no tag has, or more than
 * WHEEL_NAME_TAGS_MAX combinations; -ENOMEM. */
_must_use_ int tag_parts_parse(Arena *arena, Text text, TagParts *ret);

/* The place of one tag. Errors: -ENOENT. */
_must_use_ int tag_set_find(const TagSet *set, Tag tag);
size_t tag_set_count(const TagSet *set);
Tag tag_set_at(const TagSet *set, size_t position);

/* The place of the wheel's best tag in @set, 0 is best. Errors: -ENOENT it does not fit. */
_must_use_ int wheel_name_rank(const TagSet *set, const WheelName *wheel);

/* For sorting wheels of one version that fit, best first: rank, then the higher build tag. */
int wheel_name_compare(const TagSet *set, const WheelName *a, const WheelName *b);
_pure_ int wheel_name_compare_builds(const WheelName *a, const WheelName *b);

/* Appends why the wheel does not fit, as the second half of a sentence: "it is for CPython 3.12, not for
 * CPython 3.11", "it needs glibc 2.39, this system has 2.36", "it is for Windows". Nothing if it fits. */
void wheel_name_explain(Builder *builder, const TagSet *set, const WheelName *wheel);
