// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"
#include "client/start-daemon.h"
#include "test.h"

static char top[] = "/tmp/blast-test-start-XXXXXX";

static void remove_top(void) {
        (void) tree_remove_at(AT_FDCWD, top);
}

static void begin(void) {
        static bool is_made;

        if (!is_made) {
                ASSERT_NOT_NULL(mkdtemp(top));
                is_made = true;
                (void) atexit(remove_top);
        }
        clearenv();
}

/* Somebody listens in <top>/<relative>/bus; an absolute path of that directory goes to @variable. */
static int listen_at(const char *relative) {
        char link[FD_PATH_SIZE];
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int base = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int directory = directory_open_or_make(base, relative, 0700);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ASSERT_TRUE(directory >= 0 && fd >= 0);
        (void) unlinkat(directory, "bus", 0);
        (void) snprintf(address.sun_path,
                        sizeof(address.sun_path),
                        "%s/bus",
                        fd_path(directory, link));
        ASSERT_INT(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        ASSERT_INT(listen(fd, 8), 0);
        return fd;
}

static void set_variable(const char *name, const char *relative) {
        _cleanup_(freep) char *path = string_format("%s/%s", top, relative);

        ASSERT_NOT_NULL(path);
        setenv(name, path, 1);
}

/* The client reaches the listener, nobody else's daemon. */
static void assert_reaches(int listener) {
        _cleanup_fault_ Fault fault = {};
        _cleanup_close_ int fd = daemon_connect(&fault);

        if (fd < 0)
                test_fail(__FILE__, __LINE__, "not connected: %s", fault.message);
        ASSERT_OK(fcntl(listener, F_SETFL, O_NONBLOCK));
        _cleanup_close_ int other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        ASSERT_TRUE(other >= 0);
}

TEST(runtime_directory_is_found_in_its_order) {
        static const struct {
                const char *variable, *value, *place;
        } rows[] = {
                { "HOME", "home", "home/.local/state/blast/run" },
                { "XDG_STATE_HOME", "xdg-state", "xdg-state/blast/run" },
                { "STATE_DIRECTORY", "state", "state/run" },
                { "XDG_RUNTIME_DIR", "xdg-run", "xdg-run/blast" },
                { "RUNTIME_DIRECTORY", "run", "run" },
        };

        begin();
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) { /* each wins over all before it */
                _cleanup_close_ int listener = listen_at(rows[i].place);
                set_variable(rows[i].variable, rows[i].value);
                assert_reaches(listener);
        }
}

TEST(empty_variables_do_not_count) {
        begin();
        _cleanup_close_ int listener = listen_at("somewhere/blast");

        set_variable("XDG_RUNTIME_DIR", "somewhere");
        setenv("RUNTIME_DIRECTORY", "", 1);
        assert_reaches(listener);
}

TEST(path_longer_than_a_socket_address_works) {
        begin();
        _cleanup_builder_ Builder builder = {};
        _cleanup_(freep) char *relative = NULL;

        for (int i = 0; i < 20; i++)
                builder_add(&builder, "a-long-name/");
        builder_add(&builder, "end");
        ASSERT_OK(builder_finish(&builder, &relative));
        _cleanup_close_ int listener = listen_at(relative);
        set_variable("RUNTIME_DIRECTORY", relative);
        assert_reaches(listener);
}

TEST(nowhere_to_look_is_told) {
        _cleanup_fault_ Fault fault = {};

        begin();
        ASSERT_ERROR(daemon_connect(&fault), ENOENT);
        ASSERT_INT(fault.code, FAULT_NO_SERVICE);
        ASSERT_NOT_NULL(strstr(fault.message, "HOME"));
}

TEST(directory_that_is_none_is_told_and_nothing_started) {
        _cleanup_fault_ Fault fault = {};
        _cleanup_(freep) char *path = NULL;

        begin();
        path = string_format("%s/plain", top);
        ASSERT_NOT_NULL(path);
        int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        ASSERT_TRUE(file >= 0);
        (void) close(file);
        setenv("RUNTIME_DIRECTORY", path, 1);
        ASSERT_ERROR(daemon_connect(&fault), ENOTDIR);
        ASSERT_STREQ(fault.subject, path);
}

TEST(socket_of_somebody_else_is_not_talked_to) {
        _cleanup_fault_ Fault fault = {};

        if (geteuid() != 0)
                test_skip("two uids need root");
        begin();
        set_variable("RUNTIME_DIRECTORY", "foreign");
        ASSERT_INT(seteuid(0), 0);
        _cleanup_close_ int listener = -EBADF;
        {
                ASSERT_INT(chmod(top, 0777), 0);
                ASSERT_INT(seteuid(54321), 0); /* who listens is who the other side sees */
                listener = listen_at("foreign");
                ASSERT_INT(seteuid(0), 0);
        }
        ASSERT_ERROR(daemon_connect(&fault), EPERM);
}
