// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <unistd.h>

#include "environment/launch.h"
#include "test.h"

static bool has_variable(char *const *list, const char *variable) {
        return strings_contain(list, variable);
}

TEST(variables_are_scrubbed) {
        char *environ_given[] = {
                (char *) "LANG=de_DE.UTF-8",
                (char *) "LC_ALL=C",
                (char *) "TERM=xterm",
                (char *) "PATH=/evil",
                (char *) "HOME=/evil",
                (char *) "SSH_AUTH_SOCK=/x",
                (char *) "LD_PRELOAD=/x.so",
                (char *) "PYTHONPATH=/x",
                (char *) "PYTHONUTF8=1",
                (char *) "LANGUAGES=no",
                (char *) "no equals sign",
                (char *) "GITHUB_TOKEN=x",
                NULL,
        };
        char *variables[] = { (char *) "DATABASE=local", NULL };
        _cleanup_(strings_freep) char **list = NULL;

        ASSERT_OK(environ_scrub(environ_given, variables, "/home/u", "/p/.venv", &list));
        ASSERT_TRUE(has_variable(list, "HOME=/home/u"));
        ASSERT_TRUE(has_variable(list, "VIRTUAL_ENV=/p/.venv"));
        ASSERT_TRUE(has_variable(
                        list,
                        "PATH=/p/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
        ASSERT_TRUE(has_variable(list, "DATABASE=local"));
        ASSERT_TRUE(has_variable(list, "LANG=de_DE.UTF-8"));
        ASSERT_TRUE(has_variable(list, "LC_ALL=C"));
        ASSERT_TRUE(has_variable(list, "TERM=xterm"));
        ASSERT_TRUE(has_variable(list, "PYTHONUTF8=1"));
        ASSERT_INT(strings_count(list), 8);
}

TEST(deleted_directory_has_no_path) {
        char path[] = "/tmp/blast-test-XXXXXX";
        _cleanup_(freep) char *found = NULL;
        int fd;

        ASSERT_NOT_NULL(mkdtemp(path));
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(directory_path(fd, &found));
        ASSERT_STREQ(found, path);
        ASSERT_INT(rmdir(path), 0);
        free(TAKE_PTR(found));
        ASSERT_ERROR(directory_path(fd, &found), ENOENT);
        (void) close(fd);
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        ASSERT_ERROR(directory_path(fd, &found), ENOTDIR);
        (void) close(fd);
}

static int check(const char *project) {
        _cleanup_fault_ Fault fault = {};
        int r =
                        project_check(project,
                                      "/home/u",
                                      "/home/u/.local/state/blast/environments/i/generations/1",
                                      &fault);

        ASSERT_TRUE((r < 0) == fault_is_set(&fault));
        return r;
}

TEST(project_may_not_contain_what_is_hidden) {
        ASSERT_OK(check("/home/u/p"));
        ASSERT_OK(check("/tmp/p"));
        ASSERT_OK(check("/usr/local/src/p"));
        ASSERT_OK(check("/home/u/.local/share/p"));
        ASSERT_ERROR(check("/"), EINVAL);
        ASSERT_ERROR(check("/home"), EINVAL);
        ASSERT_ERROR(check("/home/u"), EINVAL);
        ASSERT_ERROR(check("/home/u/.local"), EINVAL);
        ASSERT_ERROR(check("/tmp"), EINVAL);
        ASSERT_ERROR(check("/var"), EINVAL);
        ASSERT_ERROR(check("/proc/1"), EINVAL);
        ASSERT_ERROR(check("/dev/shm"), EINVAL);
}

/* An interpreter at @python, below a fresh directory, claims @prefix; the project is "p" there. */
static int claim(const char *python, const char *prefix) {
        _cleanup_fault_ Fault fault = {};
        char base[] = "/var/tmp/blast-test-XXXXXX", from[128], to[64], project[64];
        int r;

        ASSERT_NOT_NULL(mkdtemp(base));
        (void) snprintf(from,
                        sizeof(from),
                        "mkdir -p %s/p/bin %s/.ssh %s/py/bin",
                        base,
                        base,
                        base);
        ASSERT_INT(system(from), 0);
        (void) snprintf(from, sizeof(from), "%s/%s", base, python);
        ASSERT_INT(close(open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0755)), 0);
        (void) snprintf(to,
                        sizeof(to),
                        "%s%s%s",
                        prefix[0] == '/' ? "" : base,
                        prefix[0] == '/' ? "" : "/",
                        prefix);
        (void) snprintf(project, sizeof(project), "%s/p", base);
        r = python_check(from, to, project, &fault);
        ASSERT_TRUE((r < 0) == fault_is_set(&fault));
        (void) snprintf(from, sizeof(from), "rm -rf %s", base);
        ASSERT_INT(system(from), 0);
        return r;
}

TEST(interpreter_cannot_claim_a_secret_as_its_prefix) {
        ASSERT_ERROR(claim("p/bin/python3.11", ".ssh"), EPERM);
        ASSERT_ERROR(claim("py/bin/python3.11", ".ssh"), EPERM);
        ASSERT_ERROR(claim("p/python3.11", ""), EPERM);
        ASSERT_ERROR(claim("py/bin/python3.11", "/var"), EPERM);
        ASSERT_ERROR(claim("py/bin/python3.11", "absent"), EPERM);
        ASSERT_OK(claim("p/bin/python3.11", "p"));
        ASSERT_OK(claim("p/bin/python3.11", "/usr"));
        ASSERT_OK(claim("py/bin/python3.11", "py"));
}

TEST(exec_request_survives_its_packet) {
        char *argv[] = { (char *) "x", NULL };
        ExecRequest request = {
                .number = 7,
                .wants_terminal = true,
                .terminal_rows = 24,
                .argv = argv,
                .directory = (char *) "/p",
                .limits = { .memory_max_bytes = 1,
                            .n_processes_max = 2,
                            .file_max_bytes = 3,
                            .scratch_max_bytes = 4 },
                .cpu_max_sec = 5,
                .n_sources = 1,
                .namespaces_outside = { 1, 2, 3, 4, 5, 6 },
        };
        _cleanup_exec_request_ ExecRequest decoded = {};
        _cleanup_(freep) void *data = NULL;
        size_t size;

        ASSERT_OK(exec_request_encode(&request, &data, &size));
        ASSERT_OK(exec_request_decode(data, size, &decoded));
        ASSERT_INT(decoded.number, 7);
        ASSERT_TRUE(decoded.wants_terminal);
        ASSERT_STREQ(decoded.argv[0], "x");
        ASSERT_INT(decoded.limits.memory_max_bytes, 1);
        ASSERT_INT(decoded.limits.scratch_max_bytes, 4);
        ASSERT_INT(decoded.namespaces_outside[5], 6);
        for (size_t i = 0; i < size; i++) {
                _cleanup_exec_request_ ExecRequest cut = {};
                ASSERT_TRUE(exec_request_decode(data, i, &cut) < 0);
        }
}

TEST(request_without_program_is_refused) {
        _cleanup_exec_request_ ExecRequest decoded = {};
        _cleanup_(freep) void *data = NULL;
        size_t size;

        ASSERT_OK(exec_request_encode(&(ExecRequest){}, &data, &size));
        ASSERT_ERROR(exec_request_decode(data, size, &decoded), EBADMSG);
}
