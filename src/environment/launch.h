// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The values with which sandboxes are started: what a generation is made of, what one run needs, what
 * a helper needs. Knows nothing of projects, packages or the bus; carried out by privilege.h. */

#include <sys/types.h>

#include "basic/child.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/packet.h"
#include "environment/guarantee.h"
#include "environment/mount-list.h"

enum {
        LAUNCH_LAYERS_MAX = 500
};

/* One generation's overlays. All descriptors are borrowed directories.
 * @generation_fd holds pyvenv.cfg, bin/, .blast/ (upper, work, upper-bin, work-bin are made in it). */
typedef struct GenerationSpec {
        int generation_fd;
        const int *layer_fds; /* lower directories of site-packages, topmost first: the generation's own
                                    * stub, bytecode trees, trees' site-packages; at least 1 */
        size_t n_layers;      /* at most LAUNCH_LAYERS_MAX */
} GenerationSpec;

/* A generation's mounts, alive as long as one of these descriptors or a sandbox in it is. */
typedef struct GenerationMounts {
        int user_fd;  /* user namespace; negative where none was needed (root) */
        int mount_fd; /* mount namespace that holds the overlays */
        int lock_fd; /* flock on .blast/lock: nobody mounts the same upper twice while it is open */
        bool upper_is_volatile; /* the upper is on a tmpfs: lost with the last sandbox */
} GenerationMounts;

#define GENERATION_MOUNTS_NULL \
        ((GenerationMounts){ .user_fd = -EBADF, .mount_fd = -EBADF, .lock_fd = -EBADF })
void generation_mounts_done(GenerationMounts *mounts);
#define _cleanup_generation_mounts_ _cleanup_(generation_mounts_done)

/* Zero: not wished. */
typedef struct LimitSpec {
        uint64_t memory_max_bytes;
        uint64_t n_processes_max;
        uint64_t file_max_bytes;
        uint64_t scratch_max_bytes; /* of /tmp, of the empty home and of /dev/shm each; 0: a quarter of memory */
} LimitSpec;

/* One run of a program in a generation. Strings and descriptors are borrowed. */
typedef struct SandboxSpec {
        uint32_t number; /* of the run, unique in <runtime>/runs */
        const char *environment_id;
        uint32_t generation;
        char *const *argv; /* argv[0] is looked up in the sandbox's PATH unless it has a slash */
        const char *directory; /* absolute; NULL or absent inside: the project */
        char *const *environ; /* "NAME=value" as the caller has them; scrubbed by environ_scrub() */
        char *const *variables;    /* "NAME=value" from the spec, passed as they are; may be NULL */
        const char *home;          /* $HOME of the owner: empty inside but for what follows */
        const char *prefix;        /* "<project>/.venv": becomes VIRTUAL_ENV and the head of PATH */
        const char *site_packages; /* relative to the generation: "lib/python3.11/site-packages" */
        const char *python_prefix; /* base prefix of the interpreter: bound read-only */
        char *const *read_only_paths; /* further host paths, read-only where they exist; may be NULL */
        char *const *hidden_paths; /* host paths that must not be seen although their parent is */
        LimitSpec limits;
        bool wants_terminal;
        uint16_t terminal_rows;
        uint16_t terminal_columns;
        bool is_strict;   /* refuse when a guarantee does not hold */
        bool is_detached; /* no control socket; stdout and stderr go to "output" and the journal */

        int generation_fd;
        int project_fd; /* directory, read-write inside at its own path; negative: none */
        int run_fd;     /* empty directory <runtime>/runs/<number> */
        int stdio[3]; /* of the program; ignored with a terminal; negative: /dev/null (or captured) */
        int control_fd; /* SOCK_SEQPACKET, the monitor's end; negative when detached */
} SandboxSpec;

/* A throw-away sandbox: no project, no network, no control; the base, the named directories and
 * nothing else. Its pid 1 is gone when @child ends, whose exit status is the program's. */
typedef struct HelperDirectory {
        int fd; /* seen inside at its own absolute path */
        bool is_writable;
} HelperDirectory;

typedef struct HelperSpec {
        char *const *argv;    /* argv[0] absolute */
        char *const *environ; /* exact; NULL: PATH, LANG, HOME only */
        const char *home;     /* hidden */
        char *const *read_only_paths; /* host paths (an interpreter's prefix), where they exist; may be NULL */
        const HelperDirectory *directories;
        size_t n_directories;
        int stdio[3]; /* negative: /dev/null */
        uint64_t memory_max_bytes;
        uint64_t cpu_max_sec;
} HelperSpec;

/* What the sandbox's first process is told; encoded by privilege.c, decoded by blast-exec. */
typedef struct ExecRequest {
        uint32_t number;
        bool is_helper;
        bool wants_terminal;
        bool is_strict;
        uint16_t terminal_rows;
        uint16_t terminal_columns;
        char **argv;
        char **environ; /* complete */
        char *directory;
        char *fallback_directory;
        char *hostname;
        LimitSpec limits;
        uint64_t cpu_max_sec;
        MountList mounts; /* descriptors by index: EXEC_FD_FIRST + index */
        size_t n_sources;
        char *home;
        char *project;
        char *site_packages; /* absolute */
        char *limit_reason;  /* why cgroups hold no limit */
        bool has_user_namespace;
        bool upper_is_volatile;
        uint64_t namespaces_outside[6];
} ExecRequest;

/* Descriptors of blast-exec. */
enum {
        EXEC_FD_REQUEST = 3, /* sealed memfd */
        EXEC_FD_CHANNEL = 4, /* to the monitor; a helper has /dev/null here */
        EXEC_FD_FILTER = 5,  /* sealed memfd: seccomp program */
        EXEC_FD_LOCK = 6,    /* of the generation, held as long as pid 1 lives; helper: /dev/null */
        EXEC_FD_FIRST = 7,   /* sources of the mount list */
};

void exec_request_done(ExecRequest *request);
#define _cleanup_exec_request_ _cleanup_(exec_request_done)
_must_use_ int exec_request_encode(const ExecRequest *request, void **ret, size_t *ret_size_bytes);
_must_use_ int exec_request_decode(const void *data, size_t size_bytes, ExecRequest *ret);

/* What the monitor is told: the record it keeps, and the request it hands on unread. */
typedef struct MonitorRequest {
        uint32_t number;
        char *environment_id;
        uint32_t generation;
        char **argv;
        bool has_user_namespace;
        bool has_control;
        bool wants_terminal;
        bool is_detached;
        uint32_t n_sources;
} MonitorRequest;

/* Descriptors of blast-monitor; 0, 1 and 2 are the program's. */
enum {
        MONITOR_FD_REQUEST = 3,
        MONITOR_FD_EXEC_REQUEST = 4,
        MONITOR_FD_FILTER = 5,
        MONITOR_FD_LOCK = 6,
        MONITOR_FD_MOUNT_NAMESPACE = 7,
        MONITOR_FD_USER_NAMESPACE = 8, /* /dev/null where there is none */
        MONITOR_FD_RUN = 9,
        MONITOR_FD_CONTROL = 10,    /* /dev/null where there is none */
        MONITOR_FD_JOURNAL = 11,    /* stream for a detached run; /dev/null where there is none */
        MONITOR_FD_OWN_FILTER = 12, /* sealed memfd: what the monitor itself may still do */
        MONITOR_FD_SOURCES = 13,
};

void monitor_request_done(MonitorRequest *request);
#define _cleanup_monitor_request_ _cleanup_(monitor_request_done)
_must_use_ int
monitor_request_encode(const MonitorRequest *request, void **ret, size_t *ret_size_bytes);
_must_use_ int monitor_request_decode(const void *data, size_t size_bytes, MonitorRequest *ret);

/* The variables a program inside gets from those its caller has, @given: an allow list (TERM, LANG, LC_*,
 * TZ, COLORTERM, NO_COLOR, PYTHON* without paths, …), then @variables (may be NULL), HOME, PATH with
 * @prefix first, VIRTUAL_ENV (NULL: neither). Sockets, agents, credentials and loader variables never
 * pass. */
_must_use_ int
environ_scrub(char *const *given,
              char *const *variables,
              const char *home,
              const char *prefix,
              char ***ret);

/* Absolute path of the directory behind @fd, as the caller's mount namespace names it.
 * Errors: -ENOENT it was deleted, -ENOTDIR. */
_must_use_ int directory_path(int fd, char **ret);
/* Refuses projects that cannot be shown alone: /, the home, a parent of either, system directories. */
_must_use_ int
project_check(const char *project, const char *home, const char *generation, Fault *fault);

/* Refuses an interpreter that would open more than itself: @prefix, which it claims for itself and which
 * every sandbox then shows, must hold the program; and a program that lies in the project, where each
 * sandbox can write, may claim nothing outside of it.
 * Errors: -EPERM with FAULT_PYTHON_INVALID; what realpath(3) says of @python. */
_must_use_ int
python_check(const char *python, const char *prefix, const char *project, Fault *fault);

/* Where our programs lie: installed, or the build tree in developer builds. */
_must_use_ int program_path(const char *name, char **ret);
