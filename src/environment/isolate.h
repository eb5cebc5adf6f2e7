// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A process taking its own powers away, one stage after the other. Each stage says what must have
 * happened before and what is impossible after it. Links nothing beyond the C library. */

#include <linux/filter.h>
#include <sys/types.h>

#include "basic/macro.h"
#include "environment/launch.h"

enum {
        FILTER_PROGRAMS = 2,
        FILTER_INSTRUCTIONS_MAX = 4096
};

/* The form in which seccomp programs travel: one after the other in @instructions. */
typedef struct SandboxFilter {
        uint32_t n_programs;
        uint32_t n_instructions[FILTER_PROGRAMS];
        struct sock_filter instructions[FILTER_INSTRUCTIONS_MAX];
} SandboxFilter;

/* User namespace in which the caller's own ids, and no others, exist; the caller has all capabilities in
 * it. Errors: -EPERM, -ENOSPC where the machine forbids user namespaces. */
_must_use_ int isolate_user(void);

/* Moves the caller into a generation's namespaces, in which it has all capabilities afterwards.
 * @user_fd is negative where there is none. */
_must_use_ int isolate_join(int user_fd, int mount_fd);

/* New mount, ipc, uts, cgroup and net namespaces for the caller; nothing mounted in them is seen outside.
 * Needs: CAP_SYS_ADMIN in its user namespace. After it: the loopback interface is up and alone. */
_must_use_ int isolate_namespaces(const char *hostname);

/* The next child of the caller is pid 1 of a new pid namespace. */
_must_use_ int isolate_next_child(void);

/* Kills the caller when its parent dies. Needs: ids already final. @parent_fd is a socket whose other
 * end only the parent holds: -ESRCH if it is closed already. Negative: not checked. */
_must_use_ int isolate_bind_to_parent(int parent_fd);

/* Keeps all capabilities over the next execve(2), for ids other than 0. */
_must_use_ int isolate_keep_capabilities(void);
/* Empties all five capability sets for good and forbids set-id programs. Must not: run before mounts. */
_must_use_ int isolate_drop_capabilities(void);

/* Limits that stand in for cgroups; 0: unchanged. Core dumps are off, files are made
 * with the usual mask. */
_must_use_ int isolate_limits(const LimitSpec *limits, uint64_t cpu_max_sec);

/* From here on files can be opened, made and replaced below @directory_fd only, by means of Landlock.
 * Needs: no_new_privs. Errors: -EOPNOTSUPP where the kernel has none. */
_must_use_ int isolate_files(int directory_fd);

/* Loads the programs of @filter_fd (sealed memfd). Needs: no_new_privs. After it: no namespaces, mounts,
 * tracing, keys, raw sockets. */
_must_use_ int isolate_filter(int filter_fd);

/* fork(2) for the program and for a helper's pid 1. Returns 0 in the child. */
_must_use_ pid_t isolate_fork(void);
