// SPDX-License-Identifier: LGPL-2.1-or-later

#include "package/tag.h"
#include "vectors.h"

static const char *const *
linux_platforms(Arena *arena, const char *machine, LibcKind libc, uint32_t major, uint32_t minor) {
        const char *const *platforms;

        ASSERT_OK(tag_linux_platforms(arena, machine, libc, major, minor, &platforms));
        return platforms;
}

static const TagSet *debian_12(Arena *arena) {
        static const char *const abis[] = { "cp311", NULL };
        TagInterpreter interpreter = {
                .implementation = "cp",
                .major = 3,
                .minor = 11,
                .abis = abis,
                .platforms = linux_platforms(arena, "x86_64", LIBC_GLIBC, 2, 36),
        };
        const TagSet *set;

        ASSERT_OK(tag_set_of_interpreter(arena, &interpreter, &set));
        return set;
}

static bool list_has(const char *const *list, const char *item) {
        for (; *list; list++)
                if (streq(*list, item))
                        return true;
        return false;
}

static void reads_parts(Arena *arena, json_t *parameters) {
        _cleanup_(freep) char *text =
                        string_format("%s-%s-%s",
                                      vector_string(parameters, "interpreter"),
                                      vector_string(parameters, "abi"),
                                      vector_string(parameters, "platform"));
        TagParts parts;

        ASSERT_OK(tag_parts_parse(arena, text_of(text), &parts));
        ASSERT_STREQ(parts.pythons[0], vector_string(parameters, "interpreter"));
        ASSERT_STREQ(parts.abis[0], vector_string(parameters, "abi"));
        ASSERT_STREQ(parts.platforms[0], vector_string(parameters, "platform"));
        ASSERT_NULL(parts.pythons[1]);
}

static WheelName thing(Arena *arena, json_t *name) {
        _cleanup_(freep) char *text = string_format("%s-none-any", json_string_value(name));
        WheelName wheel = {};

        ASSERT_OK(tag_parts_parse(arena, text_of(text), &wheel.tags));
        return wheel;
}

/* The supported tags rank the things; those without any fall out. Equal ranks keep their order. */
static void selects(Arena *arena, json_t *parameters) {
        json_t *things = json_object_get(parameters, "things"), *item;
        json_t *expected = json_object_get(parameters, "expected");
        char *supported[8] = {};
        const TagSet *set;
        size_t i, n = 0;

        json_array_foreach(json_object_get(parameters, "supported"), i, item) supported[i] =
                        string_format("%s-none-any", json_string_value(item));
        ASSERT_OK(tag_set_of_list(arena, (const char *const *) supported, &set));
        for (size_t j = 0; supported[j]; j++)
                free(supported[j]);

        for (int rank = 0; rank < (int) tag_set_count(set); rank++)
                json_array_foreach(things, i, item) {
                        WheelName wheel = thing(arena, item);

                        if (wheel_name_rank(set, &wheel) != rank)
                                continue;
                        ASSERT_STREQ(json_string_value(item),
                                     json_string_value(json_array_get(expected, n)));
                        n++;
                }
        ASSERT_INT(n, json_array_size(expected));
}

static void is_refused(Arena *arena, json_t *parameters) {
        TagParts parts;

        ASSERT_ERROR(tag_parts_parse(arena, text_of(vector_string(parameters, "tag")), &parts),
                     EINVAL);
}

static void is_interpreter(Arena *arena, json_t *parameters) {
        _cleanup_(freep) char *text =
                        string_format("%s-none-any", vector_string(parameters, "interpreter"));
        TagParts parts;

        ASSERT_OK(tag_parts_parse(arena, text_of(text), &parts));
}

static void names_version(Arena *arena, json_t *parameters) {
        static const char *const platforms[] = { "linux_x86_64", NULL };
        json_t *version = json_object_get(parameters, "version_info");
        TagInterpreter interpreter = {
                .implementation = "pp",
                .major = (uint32_t) json_integer_value(json_array_get(version, 0)),
                .minor = (uint32_t) json_integer_value(json_array_get(version, 1)),
                .platforms = platforms,
        };
        const TagSet *set;

        ASSERT_OK(tag_set_of_interpreter(arena, &interpreter, &set));
        ASSERT_STREQ(tag_set_at(set, 0).python + 2, vector_string(parameters, "version_str"));
}

/* uname's machine is what the probe reports; for a 32-bit interpreter the 32-bit name of it. */
static void names_machine(Arena *arena, json_t *parameters) {
        const char *machine = string_after(vector_string(parameters, "arch"), "linux-");
        json_t *expected = json_object_get(parameters, "expected"), *item;
        const char *const *platforms;
        size_t i;

        if (vector_bool(parameters, "is_32bit"))
                machine = streq(machine, "x86_64") ? "i686" : "armv8l";
        platforms = linux_platforms(arena, machine, LIBC_UNKNOWN, 0, 0);
        json_array_foreach(expected, i, item) ASSERT_STREQ(platforms[i], json_string_value(item));
        ASSERT_NULL(platforms[i]);
}

static void has_manylinux_2014(Arena *arena, json_t *parameters) {
        const char *machine = vector_string(parameters, "cross_arch");
        const char *const *platforms = linux_platforms(arena, machine, LIBC_GLIBC, 2, 30);
        _cleanup_(freep) char *own = string_format("manylinux2014_%s", machine);

        ASSERT_TRUE(list_has(platforms, own));
        ASSERT_TRUE(list_has(platforms, "manylinux_2_17_armv7l"));
        ASSERT_FALSE(list_has(platforms, "manylinux_2_16_armv7l"));
}

static void has_musllinux(Arena *arena, json_t *parameters) {
        const char *machine = vector_bool(parameters, "cross32") ? "armv8l" : "x86_64";
        const char *const *platforms = linux_platforms(arena, machine, LIBC_MUSL, 1, 1);
        _cleanup_(freep) char *newest = string_format("musllinux_1_1_%s", machine);
        _cleanup_(freep) char *oldest = string_format("musllinux_1_0_%s", machine);

        ASSERT_TRUE(list_has(platforms, newest));
        ASSERT_TRUE(list_has(platforms, oldest));
        for (; *platforms; platforms++)
                ASSERT_NULL(string_after(*platforms, "manylinux"));
}

static const TagSet *set_with_abis(Arena *arena, json_t *parameters, const char *implementation) {
        static const char *const platforms[] = { "plat", NULL };
        json_t *abis = json_object_get(parameters, "abis"), *item;
        const char *list[4] = { json_string_value(json_object_get(parameters, "abi")) };
        const TagSet *set;
        size_t i;

        abis = abis ? abis : json_object_get(parameters, "abi");
        json_array_foreach(abis, i, item) list[i] = json_string_value(item);
        ASSERT_OK(tag_set_of_interpreter(
                        arena,
                        &(TagInterpreter){
                                        .implementation = implementation,
                                        .major = 3,
                                        .minor = 1,
                                        .abis = list,
                                        .platforms = platforms,
                        },
                        &set));
        return set;
}

static void keeps_common_abis_once(Arena *arena, json_t *parameters) {
        const TagSet *set = set_with_abis(arena, parameters, "cp");

        ASSERT_STREQ(tag_set_at(set, 0).abi, "none");
        ASSERT_STREQ(tag_set_at(set, 1).python, "py31");
}

static void has_no_abi(Arena *arena, json_t *parameters) {
        const TagSet *set = set_with_abis(arena, parameters, "sillywalk");

        ASSERT_STREQ(tag_set_at(set, 0).python, "sillywalk31");
        ASSERT_STREQ(tag_set_at(set, 0).abi, "none");
        ASSERT_STREQ(tag_set_at(set, 1).python, "py31");
}

TEST(tag_vectors_of_packaging_hold) {
        static const char probe[] = "asks the running interpreter; python/blast/probe.py does";
        static const char other[] = "not a platform that Blast runs on";
        static const Vector table[] = {
                { "platform_tags", NULL, "which function of the library is called" },
                { "pickle_tag_roundtrip", reads_parts },
                { "create_compatible_tags_selector", selects },
                { "empty_component_raises", is_refused },
                { "invalid_interpreter_raises", is_refused },
                { "identifier_interpreter_is_valid", is_interpreter },
                { "invalid_component_count_raises", is_refused },
                { "sys_version_info", names_version },
                { "architectures", NULL, other },
                { "binary_formats", NULL, other },
                { "arch_detection", NULL, other },
                { "macos_11", NULL, other },
                { "linux_platforms_32_64bit_on_64bit_os", names_machine },
                { "linux_platforms_manylinux2014_armhf_abi", has_manylinux_2014 },
                { "linux_platforms_musllinux", has_musllinux },
                { "linux_platforms_not_manylinux_abi",
                  NULL,
                  "reads the ELF header of the interpreter" },
                { "debug", NULL, probe },
                { "_debug_cp38", NULL, probe },
                { "pymalloc", NULL, probe },
                { "wide_unicode", NULL, "of Python 2 and 3.2" },
                { "skip_redundant_abis", keeps_common_abis_once },
                { "_generic_abi_error", NULL, probe },
                { "_generic_abi_cpython_missing_version", NULL, probe },
                { "abi_unspecified", has_no_abi },
                { "interpreter_name", NULL, "package/interpreter.c accepts CPython alone" },
                { "linux_use_manylinux_compatible",
                  NULL,
                  "a Python module that vetoes tags, run by the library" },
                { "32bit_interpreter", NULL, probe },
        };

        vectors_run("tags.json", table, ELEMENTSOF(table));
}

static void expect_at(const TagSet *set, size_t position, const char *wanted) {
        Tag tag = tag_set_at(set, position);
        char text[128];

        snprintf(text, sizeof(text), "%s-%s-%s", tag.python, tag.abi, tag.platform);
        ASSERT_STREQ(text, wanted);
}

TEST(tag_set_of_debian_12_has_order_of_packaging) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const TagSet *set = debian_12(arena);
        /* 36 - 5 + 1 versions, three old names, and linux_x86_64 itself. */
        size_t n_platforms = 32 + 3 + 1, n_pure = 13;

        ASSERT_INT(tag_set_count(set), n_platforms * (3 + 9 + n_pure) + 1 + n_pure);
        expect_at(set, 0, "cp311-cp311-linux_x86_64");
        expect_at(set, 1, "cp311-cp311-manylinux_2_36_x86_64");
        expect_at(set, 20, "cp311-cp311-manylinux_2_17_x86_64");
        expect_at(set, 21, "cp311-cp311-manylinux2014_x86_64");
        expect_at(set, n_platforms - 1, "cp311-cp311-manylinux1_x86_64");
        expect_at(set, n_platforms, "cp311-abi3-linux_x86_64");
        expect_at(set, 2 * n_platforms, "cp311-none-linux_x86_64");
        expect_at(set, 3 * n_platforms, "cp310-abi3-linux_x86_64");
        expect_at(set, 11 * n_platforms, "cp32-abi3-linux_x86_64");
        expect_at(set, 12 * n_platforms, "py311-none-linux_x86_64");
        expect_at(set, 13 * n_platforms, "py3-none-linux_x86_64");
        expect_at(set, 25 * n_platforms, "cp311-none-any");
        expect_at(set, 25 * n_platforms + 1, "py311-none-any");
        expect_at(set, 25 * n_platforms + 2, "py3-none-any");
        expect_at(set, tag_set_count(set) - 1, "py30-none-any");
        for (size_t i = 0; i < tag_set_count(set); i++)
                ASSERT_INT(tag_set_find(set, tag_set_at(set, i)), i);
        ASSERT_ERROR(tag_set_find(set, (Tag){ "cp312", "abi3", "linux_x86_64" }), ENOENT);
}

TEST(tag_set_of_free_threaded_python_takes_abi3t_not_abi3) {
        static const char *const abis[] = { "cp315t", NULL },
                                 *const platforms[] = { "linux_x86_64", NULL };
        _cleanup_(arena_freep) Arena *arena = arena_new();
        TagInterpreter interpreter = { "cp", 3, 15, abis, platforms };
        const TagSet *set;

        ASSERT_OK(tag_set_of_interpreter(arena, &interpreter, &set));
        ASSERT_OK(tag_set_find(set, (Tag){ "cp315", "cp315t", "linux_x86_64" }));
        ASSERT_OK(tag_set_find(set, (Tag){ "cp314", "abi3t", "linux_x86_64" }));
        ASSERT_ERROR(tag_set_find(set, (Tag){ "cp315", "abi3", "linux_x86_64" }), ENOENT);
}

TEST(tag_set_of_pypy_is_generic) {
        static const char *const abis[] = { "pypy39_pp73", NULL },
                                 *const platforms[] = { "linux_x86_64", NULL };
        _cleanup_(arena_freep) Arena *arena = arena_new();
        TagInterpreter interpreter = { "pp", 3, 9, abis, platforms };
        const TagSet *set;

        ASSERT_OK(tag_set_of_interpreter(arena, &interpreter, &set));
        expect_at(set, 0, "pp39-pypy39_pp73-linux_x86_64");
        ASSERT_OK(tag_set_find(set, (Tag){ "pp3", "none", "any" }));
        ASSERT_ERROR(tag_set_find(set, (Tag){ "pp39", "abi3", "linux_x86_64" }), ENOENT);
}

TEST(tag_platforms_of_nonsense_are_refused) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const char *const *platforms;

        ASSERT_ERROR(tag_linux_platforms(arena, "", LIBC_GLIBC, 2, 36, &platforms), EINVAL);
        ASSERT_ERROR(tag_linux_platforms(arena, "../x", LIBC_GLIBC, 2, 36, &platforms), EINVAL);
        ASSERT_ERROR(tag_linux_platforms(arena, "x86_64", LIBC_GLIBC, 2, 4000000000, &platforms),
                     EINVAL);
}

static const WheelName *wheel(Arena *arena, const char *filename) {
        _cleanup_fault_ Fault fault = {};
        const WheelName *name = NULL;

        if (wheel_name_parse(arena, text_of(filename), &name, &fault) < 0)
                test_fail(__FILE__, __LINE__, "%s", fault.message);
        return name;
}

TEST(wheel_name_is_cut_into_its_parts) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const WheelName *name = wheel(
                        arena,
                        "Foo_Bar.baz-1.0+cu118-12abc-cp311.PY3-abi3.none-manylinux2014_x86_64.any.whl");

        ASSERT_STREQ(name->name, "foo-bar-baz");
        ASSERT_STREQ(name->version->text, "1.0+cu118");
        ASSERT_TRUE(name->has_build);
        ASSERT_INT(name->build_number, 12);
        ASSERT_STREQ(name->build_suffix, "abc");
        ASSERT_STREQ(name->tags.pythons[1], "py3");
        ASSERT_STREQ(name->tags.abis[1], "none");
        ASSERT_STREQ(name->tags.platforms[1], "any");
        ASSERT_NULL(name->tags.platforms[2]);
        ASSERT_FALSE(wheel(arena, "a-1-py3-none-any.whl")->has_build);
}

TEST(wheel_name_that_is_no_file_name_is_refused) {
        static const char *const names[] = {
                "../a-1-py3-none-any.whl",
                "a-1-py3-none-../any.whl",
                "a/b-1-py3-none-any.whl",
                "a-1-1/2-py3-none-any.whl",
                "a-1-99999999999999999999-py3-none-any.whl",
                ".whl",
                "----.whl",
                "",
        };
        _cleanup_(arena_freep) Arena *arena = arena_new();

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const WheelName *name;

                ASSERT_ERROR(wheel_name_parse(arena, text_of(names[i]), &name, NULL), EINVAL);
        }
}

TEST(wheel_name_with_too_many_combinations_is_refused) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        _cleanup_builder_ Builder text = {};
        const WheelName *name;

        builder_add(&text, "a-1-");
        for (int part = 0; part < 3; part++)
                for (int i = 0; i < 20; i++)
                        builder_add_format(
                                        &text,
                                        "t%d%s",
                                        i,
                                        i < 19                     ? "."
                                                        : part < 2 ? "-"
                                                                   : ".whl");
        ASSERT_ERROR(wheel_name_parse(arena, text_of(text.data), &name, NULL), EINVAL);
}

TEST(source_name_is_cut_at_last_dash) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const SourceName *name;

        ASSERT_OK(source_name_parse(arena, TEXT("zope-interface-5.0.tar.gz"), &name, NULL));
        ASSERT_STREQ(name->name, "zope-interface");
        ASSERT_STREQ(name->version->text, "5.0");
        ASSERT_ERROR(source_name_parse(arena, TEXT("a-1.0.tar.bz2"), &name, NULL), EINVAL);
}

static void expect_order(const char *better, const char *worse) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const TagSet *set = debian_12(arena);

        if (wheel_name_compare(set, wheel(arena, better), wheel(arena, worse)) >= 0)
                test_fail(__FILE__, __LINE__, "%s is not better than %s", better, worse);
        if (wheel_name_compare(set, wheel(arena, worse), wheel(arena, better)) <= 0)
                test_fail(__FILE__, __LINE__, "%s is better than %s", worse, better);
}

TEST(wheel_name_nearest_to_interpreter_is_best) {
        expect_order("a-1-cp311-cp311-manylinux_2_17_x86_64.whl",
                     "a-1-cp311-abi3-manylinux_2_17_x86_64.whl");
        expect_order("a-1-cp311-cp311-manylinux_2_28_x86_64.whl",
                     "a-1-cp311-cp311-manylinux_2_17_x86_64.whl");
        expect_order("a-1-cp37-abi3-manylinux2014_x86_64.whl", "a-1-py3-none-any.whl");
        expect_order("a-1-py3-none-any.whl", "a-1-cp312-cp312-manylinux_2_17_x86_64.whl");
        expect_order("a-1-2-py3-none-any.whl", "a-1-1-py3-none-any.whl");
        expect_order("a-1-1-py3-none-any.whl", "a-1-py3-none-any.whl");
        expect_order("a-1-1b-py3-none-any.whl", "a-1-1a-py3-none-any.whl");
        expect_order("a-1-py2.py3-none-any.whl", "a-1-py30-none-any.whl");
}

static void expect_reason(const char *filename, const char *wanted) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const TagSet *set = debian_12(arena);

        ASSERT_STREQ(VECTOR_TEXT(arena, wheel_name_explain, set, wheel(arena, filename)), wanted);
}

TEST(wheel_name_that_does_not_fit_is_explained) {
        expect_reason("a-1-cp312-cp312-manylinux_2_17_x86_64.whl",
                      "it is for CPython 3.12, not for CPython 3.11");
        expect_reason("a-1-cp39.pp39-none-any.whl",
                      "it is for CPython 3.9 and PyPy 3.9, not for CPython 3.11");
        expect_reason("a-1-py2-none-any.whl", "it is for Python 2, not for CPython 3.11");
        expect_reason("a-1-cp311-cp311t-manylinux_2_17_x86_64.whl",
                      "it needs the ABI cp311t, which this Python has not");
        expect_reason("a-1-cp311-cp311-win_amd64.whl", "it is for Windows, not for Linux");
        expect_reason("a-1-cp311-cp311-macosx_11_0_arm64.whl", "it is for macOS, not for Linux");
        expect_reason("a-1-cp311-cp311-manylinux_2_39_x86_64.whl",
                      "it needs glibc 2.39, this system has 2.36");
        expect_reason("a-1-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl",
                      "it is for aarch64 machines, this one is x86_64");
        expect_reason("a-1-cp311-cp311-musllinux_1_2_x86_64.whl",
                      "it is for systems with musl (such as Alpine), not glibc");
        expect_reason("a-1-cp311-cp311-plan9.whl", "it is for plan9, which this platform is not");
        expect_reason("a-1-py3-none-any.whl", "");
}
