// SPDX-License-Identifier: LGPL-2.1-or-later

#include <jansson.h>

#include "basic/fault.h"
#include "package/interpreter.h"
#include "package/pylock.h"
#include "test.h"

#define A64  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEAD "lock-version = \"1.0\"\ncreated-by = \"test\"\n"
#define WHEEL(name, digest) \
        "{url = \"https://files.example/x/" name "\", hashes = {sha256 = \"" digest "\"}}"

static Pylock *parse(const char *text) {
        _cleanup_fault_ Fault fault = {};
        Pylock *pylock = NULL;

        if (pylock_parse(text, strlen(text), "pylock.toml", &pylock, &fault) < 0)
                test_fail(__FILE__, __LINE__, "%s: %s", fault.subject, fault.message);
        return pylock;
}

static void refuse(const char *text, const char *place, const char *sentence) {
        _cleanup_(pylock_freep) Pylock *pylock = NULL;
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(pylock_parse(text, strlen(text), "pylock.toml", &pylock, &fault), EINVAL);
        ASSERT_STREQ(fault.message, sentence);
        ASSERT_STREQ(fault.subject, place);
        ASSERT_INT(fault.code, FAULT_LOCK_INVALID);
}

/* CPython 3.11.2 on x86_64 Linux. */
static void init_interpreter(Interpreter *ret) {
        static const char *const tags[] = {
                "cp311-cp311-manylinux_2_17_x86_64", "cp311-none-any", "py3-none-any", NULL
        };
        Arena *memory = arena_new();

        ASSERT_NOT_NULL(memory);
        *ret = (Interpreter){ .version = "3.11.2", .memory = memory };
        ASSERT_OK(version_parse(memory, text_of(ret->version), &ret->parsed_version));
        ASSERT_OK(tag_set_of_list(memory, tags, &ret->tags));
        ASSERT_OK(marker_environment_set(memory, &ret->markers, MARKER_SYS_PLATFORM, "linux"));
        ASSERT_OK(marker_environment_set(memory, &ret->markers, MARKER_PYTHON_VERSION, "3.11"));
}

static void interpreter_done(Interpreter *interpreter) {
        (void) arena_free(interpreter->memory);
}

static void refuse_to_choose(const char *text, int error, FaultCode code, const char *sentence) {
        _cleanup_(pylock_freep) Pylock *pylock = parse(text);
        _cleanup_(interpreter_done) Interpreter interpreter = {};
        _cleanup_(lock_freep) Lock *lock = NULL;
        _cleanup_fault_ Fault fault = {};

        init_interpreter(&interpreter);
        ASSERT_INT(pylock_to_lock(pylock, &interpreter, &lock, &fault), error);
        ASSERT_STREQ(fault.message, sentence);
        ASSERT_INT(fault.code, code);
}

static const char whole[] =
                "lock-version = \"1.0\"\n"
                "requires-python = \">=3.9\"\n"
                "created-by = \"blast\"\n"
                "\n"
                "[[packages]]\n"
                "name = \"a\"\n"
                "version = \"1.0\"\n"
                "dependencies = [\n"
                "    {name = \"b-c\"},\n"
                "    {name = \"windows-only\"},\n"
                "]\n"
                "index = \"https://index.example/simple\"\n"
                "wheels = [\n"
                "    {name = \"a-1.0-cp311-cp311-manylinux_2_17_x86_64.whl\", url = "
                "\"https://files.example/a-1.0-cp311-cp311-manylinux_2_17_x86_64.whl\", size = 7, hashes = {sha256 = \"" A64
                "\"}},\n"
                "    {name = \"a-1.0-py3-none-any.whl\", url = \"https://files.example/a-1.0-py3-none-any.whl\", hashes = "
                "{sha256 = \"" B64 "\"}},\n"
                "]\n"
                "\n"
                "[[packages]]\n"
                "name = \"b-c\"\n"
                "version = \"2.0\"\n"
                "requires-python = \">=3.8\"\n"
                "wheels = [\n"
                "    {name = \"b_c-2.0-py3-none-any.whl\", url = \"https://files.example/b_c-2.0-py3-none-any.whl\", hashes = "
                "{sha256 = \"" B64 "\"}},\n"
                "]\n"
                "\n"
                "[[packages]]\n"
                "name = \"windows-only\"\n"
                "version = \"1\"\n"
                "marker = \"sys_platform == 'win32'\"\n"
                "wheels = [\n"
                "    {name = \"windows_only-1-py3-none-any.whl\", url = \"https://files.example/windows_only-1-py3-none-any.whl\", "
                "hashes = {sha256 = \"" B64 "\"}},\n"
                "]\n"
                "\n"
                "[tool.blast]\n"
                "input-digest = \"" A64 "\"\n"
                "direct = [\n"
                "    \"a\",\n"
                "]\n";

TEST(text_read_and_written_is_the_same) {
        _cleanup_(pylock_freep) Pylock *pylock = parse(whole);
        _cleanup_(freep) char *text = NULL;

        ASSERT_OK(pylock_format(pylock, &text));
        ASSERT_STREQ(text, whole);
        ASSERT_TRUE(pylock->has_input_digest);
        ASSERT_NULL(pylock->warning);
}

TEST(order_of_packages_does_not_matter_to_the_writer) {
        _cleanup_(pylock_freep) Pylock *pylock = parse(whole);
        _cleanup_(freep) char *text = NULL;
        PylockPackage first = pylock->packages[0];
        PylockWheel wheel = pylock->packages[0].wheels[0];

        pylock->packages[0].wheels[0] = pylock->packages[0].wheels[1];
        pylock->packages[0].wheels[1] = wheel;
        first = pylock->packages[0];
        pylock->packages[0] = pylock->packages[2];
        pylock->packages[2] = first;
        ASSERT_OK(pylock_format(pylock, &text));
        ASSERT_STREQ(text, whole);
}

TEST(lock_has_what_the_interpreter_needs) {
        _cleanup_(pylock_freep) Pylock *pylock = parse(whole);
        _cleanup_(interpreter_done) Interpreter interpreter = {};
        _cleanup_(lock_freep) Lock *lock = NULL, *decoded = NULL;
        _cleanup_(freep) void *data = NULL;
        size_t size;

        init_interpreter(&interpreter);
        ASSERT_OK(pylock_to_lock(pylock, &interpreter, &lock, NULL));
        ASSERT_INT(lock->n_packages, 2);
        ASSERT_STREQ(lock->packages[0].filename, "a-1.0-cp311-cp311-manylinux_2_17_x86_64.whl");
        ASSERT_INT(lock->packages[0].size_bytes, 7);
        ASSERT_TRUE(lock->packages[0].is_direct);
        ASSERT_FALSE(lock->packages[1].is_direct);
        ASSERT_INT(lock->packages[0].n_needs, 1);
        ASSERT_INT(lock->packages[0].needs[0], 1);
        ASSERT_INT(lock->input_digest.bytes[0], 0xaa);

        /* What comes out is what the wire accepts. */
        ASSERT_OK(lock_encode(lock, &data, &size));
        ASSERT_OK(lock_decode(data, size, &decoded));
}

TEST(lock_converted_and_back_is_the_same) {
        _cleanup_(pylock_freep) Pylock *pylock = parse(whole), *made = NULL, *again = NULL;
        _cleanup_(interpreter_done) Interpreter interpreter = {};
        _cleanup_(lock_freep) Lock *lock = NULL, *second = NULL;
        _cleanup_(freep) char *text = NULL;

        init_interpreter(&interpreter);
        ASSERT_OK(pylock_to_lock(pylock, &interpreter, &lock, NULL));
        ASSERT_OK(pylock_from_lock(
                        lock, ">=3.9", "https://user:secret@index.example/simple", &made));
        ASSERT_OK(pylock_format(made, &text));
        ASSERT_NULL(strstr(text, "secret"));
        again = parse(text);
        ASSERT_OK(pylock_to_lock(again, &interpreter, &second, NULL));
        ASSERT_INT(second->n_packages, lock->n_packages);
        ASSERT_STREQ(second->packages[0].url, lock->packages[0].url);
        ASSERT_TRUE(digest_equals(&second->packages[1].digest, &lock->packages[1].digest));
        ASSERT_INT(second->packages[0].n_needs, 1);
}

TEST(lock_of_another_tool_is_read) {
        _cleanup_(pylock_freep) Pylock *pylock = parse(
                        HEAD
                        "[[packages]]\nname = 'A_b'\nversion = '1.0+x'\nwheels = ["
                        "{url = 'https://u:p@files.example/a_b-1.0%2Bx-py3-none-any.whl?q=1', upload-time = 2024-01-01T00:00:00Z, "
                        "size = 1, hashes = {sha256 = '" A64 "', md5 = 'x'}}]\n"
                        "[packages.sdist]\nurl = 'x'\n"
                        "[[packages]]\nname = 'c'\ndependencies = [{name = 'A.b', version = '1'}]\n"
                        "vcs = {type = 'git'}\nmarker = \"'x' in extras and 'y' not in dependency_groups\"\n");

        ASSERT_STREQ(pylock->packages[0].name, "a-b");
        ASSERT_STREQ(pylock->packages[0].wheels[0].filename, "a_b-1.0+x-py3-none-any.whl");
        ASSERT_NULL(strstr(pylock->packages[0].wheels[0].url, "u:p"));
        ASSERT_FALSE(pylock->packages[0].is_direct);
        ASSERT_TRUE(pylock->packages[1].is_direct);
}

TEST(lock_that_is_none_is_refused) {
        refuse("a = \n", "pylock.toml:1:5", "A value is missing here; strings need quotes.");
        refuse("created-by = 'x'\n", "pylock.toml:1", "'lock-version' is missing.");
        refuse("lock-version = '0.9'\n",
               "pylock.toml:1",
               "'0.9' is not a version of lock files that can be read here.");
        refuse("lock-version = 1.0\n", "pylock.toml:1", "'lock-version' must be a string.");
        refuse("lock-version = '1.0'\n", "pylock.toml:1", "'created-by' is missing.");
        refuse(HEAD, "pylock.toml:1", "'packages' is missing.");
        refuse(HEAD "[[packages]]\n", "pylock.toml:3", "'name' is missing.");
        refuse(HEAD "[[packages]]\nname = 'a b'\n", "pylock.toml:3", "'a b' is not a name.");
        refuse(HEAD "[[packages]]\nname = 'a'\nversion = 'x'\n",
               "pylock.toml:5",
               "'x' is not a version.");
        refuse(HEAD "[[packages]]\nname = 'a'\nmarker = 'x'\n",
               "pylock.toml:3",
               "'x' is not a marker.");
        refuse(HEAD "[[packages]]\nname = 'a'\nversion = '1'\nwheels = [{}]\n",
               "pylock.toml:6",
               "The wheel has no 'url'; paths are not supported.");
        refuse(HEAD
               "[[packages]]\nname = 'a'\nversion = '1'\nwheels = [{url = 'https://x/b-1-py3-none-any.whl'}]\n",
               "pylock.toml:6",
               "The wheel 'b-1-py3-none-any.whl' is not one of a 1.");
        refuse(HEAD
               "[[packages]]\nname = 'a'\nversion = '1'\nwheels = [{url = 'https://x/a-1-py3-none-any.whl'}]\n",
               "pylock.toml:6",
               "The wheel 'a-1-py3-none-any.whl' has no usable SHA-256.");
        refuse(HEAD
               "[[packages]]\nname = 'a'\nversion = '1'\nwheels = [{url = 'https://x/y', name = '../a-1-py3-none-any.whl'}]\n",
               "pylock.toml:6",
               "'../a-1-py3-none-any.whl' is not the file name of a wheel.");
        refuse(HEAD "packages = []\n[tool.blast]\ninput-digest = 'x'\n",
               "pylock.toml:5",
               "'input-digest' must have 64 hexadecimal digits.");
}

TEST(lock_version_decides) {
        _cleanup_(pylock_freep) Pylock *newer =
                        parse("lock-version = '1.7'\ncreated-by = 'x'\npackages = []\n");
        _cleanup_(pylock_freep) Pylock *pylock = NULL;
        static const char text[] = "lock-version = '2.0'\n";
        _cleanup_fault_ Fault fault = {};

        ASSERT_NOT_NULL(newer->warning);
        ASSERT_ERROR(pylock_parse(text, strlen(text), "pylock.toml", &pylock, &fault),
                     EPROTONOSUPPORT);
        ASSERT_INT(fault.code, FAULT_FORMAT_TOO_NEW);
}

TEST(lock_that_does_not_fit_here_is_refused) {
        refuse_to_choose(
                        HEAD "[[packages]]\nname = 'a'\nversion = '1'\nwheels = [" WHEEL(
                                        "a-1-cp312-cp312-win_amd64.whl", A64) "]\n",
                        -ENOENT,
                        FAULT_NO_MATCHING_WHEEL,
                        "No wheel of a 1 in the lock fits Python 3.11.2 here: it is for CPython 3.12, not for CPython 3.11.");
        refuse_to_choose(
                        HEAD "[[packages]]\nname = 'a'\nversion = '1'\n",
                        -EINVAL,
                        FAULT_LOCK_INVALID,
                        "a 1 is in the lock without a wheel, and Python 3.11.2 needs one.");
        refuse_to_choose(
                        "requires-python = '>=3.12'\n" HEAD "packages = []\n",
                        -EINVAL,
                        FAULT_LOCK_INVALID,
                        "The lock is for Python >=3.12, this is 3.11.2.");
        refuse_to_choose(
                        "environments = [\"sys_platform == 'win32'\"]\n" HEAD "packages = []\n",
                        -EINVAL,
                        FAULT_LOCK_INVALID,
                        "The lock is for other environments than this one (sys_platform == 'win32').");
        refuse_to_choose(
                        HEAD "[[packages]]\nname = 'a'\nversion = '1'\nwheels = [" WHEEL(
                                        "a-1-py3-none-any.whl",
                                        A64) "]\n"
                                             "[[packages]]\nname = 'a'\nversion = '2'\nwheels = [" WHEEL(
                                                             "a-2-py3-none-any.whl", A64) "]\n",
                        -EINVAL,
                        FAULT_LOCK_INVALID,
                        "The lock gives two versions of 'a' to one environment.");
}

TEST(url_loses_its_credentials) {
        static const char *const pairs[][2] = {
                { "https://u:p@h.example/x@y", "https://h.example/x@y" },
                { "https://u@h.example", "https://h.example" },
                { "https://h.example/a@b", "https://h.example/a@b" },
                { "https://a@b@h.example/", "https://h.example/" },
                { "file:///a@b", "file:///a@b" },
        };

        for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
                char *plain = pylock_url_without_credentials(pairs[i][0]);

                ASSERT_STREQ(plain, pairs[i][1]);
                free(plain);
        }
}

static const json_t *find_cases(const json_t *root, const char *name) {
        const json_t *check;
        size_t i;

        json_array_foreach(json_object_get(root, "checks"), i, check) if (
                        strcmp(json_string_value(json_object_get(check, "check")), name) ==
                        0) return json_object_get(json_array_get(json_object_get(check, "parameters"), 0), "cases");
        test_fail(__FILE__, __LINE__, "the vectors have no check '%s'", name);
}

TEST(vectors_of_packaging_hold) {
        const char *path = test_corpus("packaging-vectors/pylock.json");
        const json_t *item;
        json_t *root;
        size_t i;

        if (!path) {
                test_skip("no corpora");
                return;
        }
        root = json_load_file(path, 0, NULL);
        ASSERT_NOT_NULL(root);
        json_array_foreach(find_cases(root, "pylock_file_name"), i, item)
                        ASSERT_INT(pylock_name_is_valid(json_string_value(json_array_get(item, 0))),
                                   json_is_true(json_array_get(item, 1)));
        json_array_foreach(find_cases(root, "pylock_version"), i, item) {
                char text[256];

                (void) snprintf(text,
                                sizeof(text),
                                "lock-version = '%s'\ncreated-by = 'x'\npackages = []\n",
                                json_string_value(item));
                (void) pylock_free(parse(text));
        }
        json_array_foreach(find_cases(root, "pylock_unsupported_version"), i, item) {
                _cleanup_(pylock_freep) Pylock *pylock = NULL;
                char text[256];

                (void) snprintf(text,
                                sizeof(text),
                                "lock-version = '%s'\ncreated-by = 'x'\npackages = []\n",
                                json_string_value(item));
                ASSERT_TRUE(pylock_parse(text, strlen(text), "pylock.toml", &pylock, NULL) < 0);
        }
        json_decref(root);
}
