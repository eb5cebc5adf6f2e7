// SPDX-License-Identifier: LGPL-2.1-or-later

/* Loads the filter in a child process and tries. */

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "environment/isolate.h"
#include "environment/seccomp.h"
#include "test.h"

/* The errno of @attempt behind a filter, 0 if it got through. */
static int behind(int (*filter)(int *), long (*attempt)(void)) {
        int fd = -EBADF, status;
        pid_t pid;

        ASSERT_OK(filter(&fd));
        pid = fork();
        ASSERT_TRUE(pid >= 0);
        if (pid == 0) {
                if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || isolate_filter(fd) < 0)
                        _exit(255);
                errno = 0;
                _exit(attempt() < 0 ? errno : 0);
        }
        ASSERT_INT(waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static int behind_filter(long (*attempt)(void)) {
        return behind(sandbox_filter, attempt);
}

static long try_pid(void) {
        return syscall(SYS_getppid);
}
static long try_clone3(void) {
        return syscall(SYS_clone3, NULL, 0);
}
static long try_unknown(void) {
        return syscall(4000);
}
static long try_set_id_in_memory(void) {
        const uint64_t how[3] = { O_CREAT | O_WRONLY, S_ISUID | 0755, 0 };
        return syscall(SYS_openat2, AT_FDCWD, "/nonexistent/file", how, sizeof(how));
}
static long try_mount(void) {
        return syscall(SYS_mount, NULL, NULL, NULL, 0, NULL);
}
static long try_packet(void) {
        return socket(AF_PACKET, SOCK_DGRAM, 0);
}
static long try_unix(void) {
        return socket(AF_UNIX, SOCK_STREAM, 0);
}
static long try_hidden_family(void) {
        return syscall(SYS_socket, (1L << 32) | AF_NETLINK, SOCK_DGRAM, 0);
}
static long try_inject(void) {
        return syscall(SYS_ioctl, 0, (1L << 32) | TIOCSTI, "x");
}
static long try_set_id(void) {
        return syscall(SYS_chmod, "/nonexistent", S_ISUID | 0755);
}
static long try_mode(void) {
        return syscall(SYS_chmod, "/nonexistent", 0755);
}
static long try_namespace(void) {
        return unshare(CLONE_NEWUSER);
}
static long try_files(void) {
        return unshare(CLONE_FILES);
}
static long try_personality(void) {
        return syscall(SYS_personality, 0x0040000UL);
}
static long try_personality_query(void) {
        return syscall(SYS_personality, 0xffffffffUL);
}

TEST(filter_lets_ordinary_calls_through) {
        ASSERT_INT(behind_filter(try_pid), 0);
        ASSERT_INT(behind_filter(try_unix), 0);
        ASSERT_INT(behind_filter(try_files), 0);
        ASSERT_INT(behind_filter(try_personality_query), 0);
        ASSERT_INT(behind_filter(try_mode), ENOENT);
}

TEST(filter_says_that_unknown_calls_do_not_exist) {
        ASSERT_INT(behind_filter(try_clone3), ENOSYS);
        ASSERT_INT(behind_filter(try_unknown), ENOSYS);
}

TEST(set_id_mode_in_memory_cannot_pass_the_filter_unseen) {
        ASSERT_INT(behind_filter(try_set_id_in_memory), ENOSYS);
}

TEST(filter_refuses_by_number) {
        ASSERT_INT(behind_filter(try_mount), EPERM);
}

TEST(filter_refuses_by_argument) {
        ASSERT_INT(behind_filter(try_packet), EAFNOSUPPORT);
        ASSERT_INT(behind_filter(try_set_id), EPERM);
        ASSERT_INT(behind_filter(try_namespace), EPERM);
        ASSERT_INT(behind_filter(try_personality), EPERM);
}

TEST(filter_is_not_misled_by_high_bits) {
        ASSERT_INT(behind_filter(try_hidden_family), EAFNOSUPPORT);
        ASSERT_INT(behind_filter(try_inject), EPERM);
}

static long try_clock(void) {
        struct timespec now;
        return syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
}
static long try_kill(void) {
        return syscall(SYS_kill, getppid(), 0);
}
static long try_exec(void) {
        return syscall(SYS_execve, "/nonexistent", NULL, NULL);
}
static long try_code(void) {
        return syscall(SYS_mmap,
                       NULL,
                       4096,
                       PROT_READ | PROT_EXEC,
                       MAP_PRIVATE | MAP_ANONYMOUS,
                       -1,
                       0);
}
static long try_memory(void) {
        return syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

TEST(monitor_keeps_what_it_watches_with_only) {
        ASSERT_INT(behind(monitor_filter, try_clock), 0);
        ASSERT_INT(behind(monitor_filter, try_memory), 0);
        ASSERT_INT(behind(monitor_filter, try_code), ENOSYS);
        ASSERT_INT(behind(monitor_filter, try_kill), ENOSYS);
        ASSERT_INT(behind(monitor_filter, try_exec), ENOSYS);
        ASSERT_INT(behind(monitor_filter, try_unix), ENOSYS);
        ASSERT_INT(behind(monitor_filter, try_namespace), ENOSYS);
}

TEST(filter_is_made_once) {
        int first = -EBADF, second = -EBADF;

        ASSERT_OK(sandbox_filter(&first));
        ASSERT_OK(sandbox_filter(&second));
        ASSERT_INT(first, second);
}

TEST(filter_that_is_no_filter_is_refused) {
        int fd = memfd_create("x", MFD_CLOEXEC);

        ASSERT_TRUE(fd >= 0);
        ASSERT_ERROR(isolate_filter(fd), EPERM); /* not sealed */
        (void) close(fd);
}
