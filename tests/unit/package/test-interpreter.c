// SPDX-License-Identifier: LGPL-2.1-or-later

#include <sys/wait.h>

#include "basic/fault.h"
#include "config.h"
#include "package/interpreter-find.h"
#include "package/interpreter-record.h"
#include "package/interpreter.h"
#include "project-directory.h"
#include "test.h"

#define REPORT(version, implementation, more)                                                          \
        "{\"format\": 1, \"base_executable\": \"/usr/bin/python3.11\", \"version\": \"" version        \
        "\", \"implementation\": \"" implementation                                                    \
        "\", \"cache_tag\": \"cpython-311\", \"soabi\": null, \"abis\": [\"cp311\"], "                 \
        "\"is_free_threaded\": false, \"is_debug\": false, \"markers\": {"                             \
        "\"implementation_name\": \"cpython\", \"implementation_version\": \"3.11.2\", "               \
        "\"os_name\": \"posix\", \"platform_machine\": \"x86_64\", "                                   \
        "\"platform_python_implementation\": \"CPython\", \"platform_release\": \"6.1\", "             \
        "\"platform_system\": \"Linux\", \"platform_version\": \"#1 SMP\", "                           \
        "\"python_full_version\": \"3.11.2\", \"python_version\": \"3.11\", "                          \
        "\"sys_platform\": \"linux\"}, \"machine\": \"x86_64\", \"glibc\": \"2.36\", \"musl\": null, " \
        "\"prefix\": \"/usr\", \"base_prefix\": \"/usr\", \"stdlib\": \"/usr/lib/python3.11\", "       \
        "\"site_packages\": \"lib/python3.11/site-packages\", \"is_venv\": false, "                    \
        "\"is_externally_managed\": true" more "}"

static void refuse(const char *report, const char *sentence) {
        _cleanup_(interpreter_freep) Interpreter *interpreter = NULL;
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(interpreter_parse("/usr/bin/python3", report, &interpreter, &fault), EINVAL);
        ASSERT_STREQ(fault.message, sentence);
        ASSERT_STREQ(fault.subject, "/usr/bin/python3");
        ASSERT_INT(fault.code, FAULT_PYTHON_INVALID);
}

TEST(report_gives_markers_and_tags) {
        _cleanup_(interpreter_freep) Interpreter *interpreter = NULL;
        Tag best;

        ASSERT_OK(interpreter_parse(
                        "/usr/bin/python3",
                        REPORT("3.11.2", "cpython", ", \"new\": 1"),
                        &interpreter,
                        NULL));
        ASSERT_INT(interpreter->minor, 11);
        ASSERT_TRUE(interpreter->is_externally_managed);
        ASSERT_STREQ(interpreter->markers.values[MARKER_PYTHON_VERSION], "3.11");
        ASSERT_STREQ(interpreter->site_packages, "lib/python3.11/site-packages");
        best = tag_set_at(interpreter->tags, 0);
        ASSERT_STREQ(best.python, "cp311");
        ASSERT_STREQ(best.abi, "cp311");
        ASSERT_STREQ(tag_set_at(interpreter->tags, 1).platform, "manylinux_2_36_x86_64");
}

TEST(report_that_is_none_is_refused) {
        refuse("", "The interpreter gave no report about itself.");
        refuse("[]", "The interpreter gave no report about itself.");
        refuse("{\"format\": 2}", "The interpreter's report is not of the form that is read here.");
        refuse("{\"format\": 1}", "The interpreter's report has no usable 'version'.");
        refuse(REPORT("3.11.2", "pypy", ""),
               "This is the implementation 'pypy' of Python; only CPython can be used.");
        refuse(REPORT("3.7.16", "cpython", ""),
               "Python 3.7.16 is too old; at least 3.8 is needed.");
        refuse(REPORT("3.11", "cpython", ""), "'3.11' is not a version of Python.");
}

static void run_probe(const char *python, char *ret, size_t size) {
        char command[1024];
        size_t length;
        FILE *stream;

        (void) snprintf(command,
                        sizeof(command),
                        "%s -I -S '%s/python/blast/probe.py'",
                        python,
                        BLAST_SOURCE_DIR);
        stream = popen(command, "r");
        ASSERT_NOT_NULL(stream);
        length = fread(ret, 1, size - 1, stream);
        ret[length] = '\0';
        ASSERT_INT(pclose(stream), 0);
}

TEST(probe_of_a_real_interpreter_is_understood) {
        _cleanup_(interpreter_freep) Interpreter *interpreter = NULL;
        _cleanup_fault_ Fault fault = {};
        char report[16384];

        if (access("/usr/bin/python3", X_OK) < 0 || !*BLAST_SOURCE_DIR) {
                test_skip("no /usr/bin/python3, or not built in developer mode");
                return;
        }
        run_probe("/usr/bin/python3", report, sizeof(report));
        if (interpreter_parse("/usr/bin/python3", report, &interpreter, &fault) < 0)
                test_fail(__FILE__, __LINE__, "%s", fault.message);
        ASSERT_TRUE(tag_set_count(interpreter->tags) > 100);
        ASSERT_INT(interpreter_check(
                                   interpreter,
                                   &(InterpreterRequest){ .requires_python = ">=3.8" },
                                   NULL),
                   0);
        ASSERT_ERROR(interpreter_check(
                                     interpreter, &(InterpreterRequest){ .python = "3.7" }, &fault),
                     ENOENT);
}

static void add_program(int directory_fd, const char *name, const char *content) {
        ASSERT_OK(file_replace_at(directory_fd, name, content, strlen(content), 0755));
}

/* bin: python3.9, python3 → python3.9, python3.7; shims: a script; versions/…: two of a version manager; venv. */
static void make_machine(const ProjectDirectory *directory, char ***ret_directories) {
        static const char *const names[] = { "bin",
                                             "shims",
                                             "versions/3.11.7/bin",
                                             "versions/cpython-3.12.1-linux/bin",
                                             "versions/pypy3.10/bin",
                                             "venv/bin" };
        char path[512], top[256];

        ASSERT_NOT_NULL(realpath(directory->path, path));
        (void) snprintf(top, sizeof(top), "%.255s", path);
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                _cleanup_close_ int fd = directory_open_or_make(directory->fd, names[i], 0755);

                ASSERT_OK(fd);
                switch (i) {
                case 0:
                        add_program(fd, "python3.9", "\177ELF");
                        add_program(fd, "python3.7", "\177ELF");
                        ASSERT_OK(symlinkat("python3.9", fd, "python3"));
                        break;
                case 1:
                        add_program(fd, "python3.13", "#!/bin/sh\n");
                        break;
                case 2:
                        add_program(fd, "python3.11", "\177ELF");
                        break;
                case 3:
                        add_program(fd, "python3.12", "\177ELF");
                        break;
                default:
                        add_program(fd, "python3.10", "\177ELF");
                }
        }
        project_directory_add(directory, "pyvenv.cfg", "");
        ASSERT_OK(renameat(directory->fd, "pyvenv.cfg", directory->fd, "venv/pyvenv.cfg"));
        for (size_t i = 0; i < 6; i++) {
                (void) snprintf(path,
                                sizeof(path),
                                "%s/%s",
                                top,
                                i == 2 ? "versions/*/bin" : names[i]);
                if (i < 3 || i == 5)
                        ASSERT_OK(strings_add(ret_directories, path));
        }
}

static void
find(char *const *directories, const char *python, const char *requires, const char *wanted) {
        _cleanup_interpreter_candidate_ InterpreterCandidate candidate = { .micro = -1 };
        const InterpreterRequest request = { .python = python, .requires_python = requires };
        _cleanup_fault_ Fault fault = {};
        int r;

        r = interpreter_find(&request, directories, &candidate, &fault);
        if (!wanted) {
                ASSERT_INT(r, -ENOENT);
                ASSERT_INT(fault.code, FAULT_NO_PYTHON);
                return;
        }
        if (r < 0)
                test_fail(__FILE__, __LINE__, "%s", fault.message);
        if (!strstr(candidate.path, wanted))
                test_fail(__FILE__, __LINE__, "found %s, wanted %s", candidate.path, wanted);
}

TEST(search_takes_the_newest_that_fits) {
        _cleanup_project_directory_ ProjectDirectory directory;
        _cleanup_(strings_freep) char **directories = NULL;

        project_directory_init(&directory);
        make_machine(&directory, &directories);
        find(directories, NULL, NULL, "/versions/cpython-3.12.1-linux/bin/python3.12");
        find(directories, NULL, "<3.12", "/versions/3.11.7/bin/python3.11");
        find(directories, "3.9", NULL, "/bin/python3");
        find(directories, "python3.11", NULL, "/versions/3.11.7/bin/python3.11");
        find(directories, "3.11.7", NULL, "/versions/3.11.7/bin/python3.11");
        find(directories, "3.11.8", NULL, NULL);
        find(directories, ">=3.8,<3.10", NULL, "/bin/python3");
        find(directories, "cpython-3.12", ">=3.8", "3.12.1");
        find(directories, "3.12", "<3.12", NULL);
}

TEST(search_passes_over_shims_environments_and_what_is_too_old) {
        _cleanup_project_directory_ ProjectDirectory directory;
        _cleanup_(strings_freep) char **directories = NULL;

        project_directory_init(&directory);
        make_machine(&directory, &directories);
        find(directories, "3.13", NULL, NULL);
        find(directories, "3.10", NULL, NULL);
        find(directories, "3.7", NULL, NULL);
}

TEST(search_says_what_was_wanted_and_what_is_there) {
        _cleanup_interpreter_candidate_ InterpreterCandidate candidate = { .micro = -1 };
        const InterpreterRequest request = {
                .python = "3.14",
                .python_origin = ".python-version:1",
                .requires_python = ">=3.9",
                .requires_python_origin = "pyproject.toml:4",
        };
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(interpreter_find(&request, NULL, &candidate, &fault), ENOENT);
        ASSERT_STREQ(fault.subject, ".python-version:1");
        ASSERT_STREQ(fault.message,
                     "No Python '3.14' (.python-version:1) within '>=3.9' (requires-python in pyproject.toml:4) was "
                     "found; there is none at all.");
}

TEST(request_that_cannot_be_read_is_refused) {
        _cleanup_interpreter_candidate_ InterpreterCandidate candidate = { .micro = -1 };
        const InterpreterRequest request = { .python = "pypy3.10", .python_origin = "--python" };
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(interpreter_find(&request, NULL, &candidate, &fault), EINVAL);
        ASSERT_INT(fault.code, FAULT_PROJECT_INVALID);
        ASSERT_STREQ(fault.subject, "--python");
}

TEST(signature_follows_links_and_changes_with_the_file) {
        _cleanup_project_directory_ ProjectDirectory directory;
        _cleanup_(freep) char *a = NULL, *b = NULL, *c = NULL;
        char path[128];

        project_directory_init(&directory);
        project_directory_add(&directory, "python3.11", "one");
        ASSERT_OK(symlinkat("python3.11", directory.fd, "python3"));
        (void) snprintf(path, sizeof(path), "%s/python3.11", directory.path);
        ASSERT_OK(interpreter_signature(path, &a));
        (void) snprintf(path, sizeof(path), "%s/python3", directory.path);
        ASSERT_OK(interpreter_signature(path, &b));
        ASSERT_STREQ(a, b);
        project_directory_add(&directory, "python3.11", "other");
        ASSERT_OK(interpreter_signature(path, &c));
        ASSERT_TRUE(strcmp(a, c) != 0);
        ASSERT_NULL(strchr(a, '/'));
}
