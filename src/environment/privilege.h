// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The counted verbs that need privilege: at most 12, each with its number and its reason. Arguments
 * are plain values and descriptors, no callbacks, no shared memory, so that a process boundary fits
 * here: in system mode they will be carried out by the root half, now by the same process.
 * All descriptors are borrowed unless said otherwise, all returned ones are CLOEXEC and the caller's. */

#include <sys/types.h>

#include "basic/child.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "environment/guarantee.h"
#include "environment/launch.h"
#include "environment/run-record.h"

enum {
        PRIVILEGE_VERBS = 12
};

/* How a worker is started: a name, descriptors, bounds. */
typedef struct WorkerSpec {
        const char *name;     /* "resolve", "fetch", "unpack", … : blast-<name> */
        char *const *environ; /* NULL: empty */
        const int *fds;       /* become 3, 4, … */
        size_t n_fds;
        uint64_t memory_max_bytes;
        uint64_t cpu_max_sec;
        uint64_t file_max_bytes;
        uint64_t n_files_max;
} WorkerSpec;

/* 1. worker_start: reason: ids are dropped to those of the environment's owner and limits are set before
 * anything foreign is read. The worker dies with its parent; stderr is the caller's, stdin and stdout are
 * /dev/null. */
_must_use_ int worker_start(const WorkerSpec *spec, Child *ret, Fault *fault);

/* 2. generation_mount: reason: mount(2), unshare(2). Makes the user (if not root) and mount namespace of
 * a generation with its overlays, once. Blocks for about 1 ms + 5 µs per layer.
 * Errors: -EBUSY its upper is mounted elsewhere (look for a living monitor: sandbox_adopt). */
_must_use_ int generation_mount(const GenerationSpec *spec, GenerationMounts *ret, Fault *fault);

/* 3. sandbox_start: reason: namespaces, mounts. Starts the monitor, which starts the sandbox; does not
 * wait for either. Whether the program could be executed is told on the control socket and in the
 * run's "status". The returned child's pidfd becomes readable when the run has ended.
 * Errors: -EINVAL a standard stream is a directory or O_PATH, the project cannot be shown. */
_must_use_ int
sandbox_start(const SandboxSpec *spec,
              const GenerationMounts *mounts,
              Child *ret_monitor,
              Fault *fault);

/* 4. sandbox_signal: reason: another uid's process. @monitor_pidfd as returned or adopted. SIGKILL kills
 * every process of the sandbox; other signals reach the program (terminal: the foreground group).
 * Errors: -ESRCH it has ended. */
_must_use_ int sandbox_signal(int monitor_pidfd, int signal);

/* 5. sandbox_adopt: reason: opening another uid's /proc/<pid>/ns. After a restart: verifies that the
 * monitor of @record still lives, opens its pidfd and, if @ret_mounts is not NULL, the namespaces of its
 * generation (@generation_fd is locked as in generation_mount; the lock is shared with the monitor).
 * Errors: -ESRCH the monitor is gone. */
_must_use_ int
sandbox_adopt(const RunRecord *record, int *ret_monitor_pidfd, GenerationMounts *ret_mounts);

/* 6. helper_start: reason: as 3. Runs a trusted program on data (the interpreter probe, the bytecode
 * compiler) in a sandbox without project and network. Wait with child_wait() or by pidfd. */
_must_use_ int helper_start(const HelperSpec *spec, Child *ret, Fault *fault);

/* 7. tree_publish: reason: the store belongs to another uid than who fills it. Makes everything in
 * @staging_fd/@name read-only (0555, 0444; executables keep x), fsyncs it and renames it to
 * @trees_fd/@id. Errors: -EEXIST the tree is there already (the staging copy is removed). */
_must_use_ int tree_publish(int staging_fd, const char *name, int trees_fd, const char *id);

/* 8. tree_remove: reason: as 7. Absent is success. */
_must_use_ int tree_remove(int trees_fd, const char *id);

/* 9. generation_remove: reason: uppers hold files of other uids. Refuses (-EBUSY) while it is mounted. */
_must_use_ int generation_remove(int generations_fd, const char *name);

typedef struct LimitUsage {
        uint64_t memory_bytes; /* UINT64_MAX: unknown */
        uint64_t n_processes;
        uint64_t cpu_usec;
} LimitUsage;

/* 10. limits_read: reason: cgroups and other uids' processes. */
_must_use_ int limits_read(int monitor_pidfd, LimitUsage *ret);

/* 11. project_open: reason: a path given by a caller is opened with the caller's uid, never by root [8].
 * The descriptor is a directory, O_RDONLY. Errors: those of open(2), as a fault too. */
_must_use_ int project_open(const char *path, uid_t uid, int *ret_fd, Fault *fault);
