// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     SandboxSpec ─▶ check streams and project ─▶ RootSpec ─▶ MountList ─┐
 *                                     variables, limits, namespaces ─────┴▶ ExecRequest  ─▶ sealed memfd ─┐
 *                                                                           MonitorRequest ─▶ sealed memfd ┴▶ blast-monitor
 *
 *     HelperSpec ─▶ the same without generation, project and monitor ─▶ blast-exec
 *
 * Everything is decided here; blast-monitor and blast-exec only carry it out. Descriptors that are absent
 * are /dev/null, so that the numbers in launch.h stay fixed.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <syslog.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "environment/launch-sandbox.h"
#include "environment/namespace.h"
#include "environment/seccomp.h"
#include "environment/usage.h"

enum {
        SOURCE_PROJECT = 0,
        SCRATCH_DIVISOR = 4, /* of the machine's memory */
};

static int check_stream(int fd, Fault *fault) {
        struct stat status;
        int flags;

        if (fd < 0)
                return 0;
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fstat(fd, &status) < 0)
                return -errno;
        if ((flags & O_PATH) || S_ISDIR(status.st_mode))
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_USAGE,
                                NULL,
                                "A directory cannot be a standard stream: it would lead out of the sandbox.");
        return 0;
}

static uint64_t scratch_bytes(uint64_t wished) {
        struct sysinfo info;

        if (wished > 0)
                return wished;
        return sysinfo(&info) < 0 ? 256 * MEBIBYTE
                                  : (uint64_t) info.totalram * info.mem_unit / SCRATCH_DIVISOR;
}

static void closedirp(DIR **directory) {
        if (*directory)
                (void) closedir(*directory);
}

/* Names of the generation that are shown as they are, and its links as pairs. */
static int
list_entries(int generation_fd, const char *site_packages, char ***ret_entries, char ***ret_links) {
        _cleanup_(strings_freep) char **entries = NULL, **links = NULL;
        _cleanup_(closedirp) DIR *directory = NULL;
        int fd = openat(generation_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
        size_t first = site_packages ? strcspn(site_packages, "/") : 0;

        if (fd < 0)
                return -errno;
        directory = fdopendir(fd);
        if (!directory) {
                (void) fd_close(fd);
                return -ENOMEM;
        }
        for (const struct dirent *entry; (entry = readdir(directory));) {
                const char *name = entry->d_name;
                char target[4096];
                ssize_t length;

                if (name[0] == '.' || streq(name, "bin"))
                        continue;
                if (first > 0 && strlen(name) == first && strncmp(name, site_packages, first) == 0)
                        continue;
                length = readlinkat(generation_fd, name, target, sizeof(target) - 1);
                if (length < 0) {
                        r = strings_add(&entries, name);
                } else {
                        target[length] = '\0';
                        r = strings_add(&links, name);
                        if (r >= 0)
                                r = strings_add(&links, target);
                }
                if (r < 0)
                        return r;
        }
        if (entries)
                strings_sort(entries);
        *ret_entries = TAKE_PTR(entries);
        *ret_links = TAKE_PTR(links);
        return 0;
}

/* ".../<id>/generations/<n>" has ".../<id>/current" beside it; NULL for any other place. */
static int find_current_link(const char *generation, char **ret) {
        const char *last = strrchr(generation, '/');
        const size_t length = strlen("/generations");

        *ret = NULL;
        if (!last || (size_t) (last - generation) < length ||
            strncmp(last - length, "/generations", length) != 0)
                return 0;
        *ret = string_format(
                        "%.*s/current", (int) (last - generation - (ptrdiff_t) length), generation);
        return *ret ? 0 : -ENOMEM;
}

/* The interpreter's prefix may be reached through links: where they lead to is shown as well. */
static int add_prefix(char ***paths, const char *prefix) {
        _cleanup_(freep) char *resolved = prefix ? canonicalize_file_name(prefix) : NULL;

        if (!resolved || streq(resolved, prefix))
                return 0;
        return strings_add(paths, resolved);
}

/* A place that holds the home must not be shown whole. */
static int check_shown(const char *path, const char *home, Fault *fault) {
        if (!path || !home || streq(home, "/") || !path_is_below(home, path))
                return 0;
        return fault_set(
                        fault,
                        -EINVAL,
                        FAULT_PYTHON_INVALID,
                        path,
                        "'%s' cannot be shown in the sandbox: the home directory '%s' lies in it.",
                        path,
                        home);
}

static int
sandbox_mounts(const SandboxSpec *spec,
               const char *generation,
               const char *project,
               MountList *ret,
               Fault *fault) {
        _cleanup_(strings_freep) char **entries = NULL, **links = NULL, **paths = NULL;
        _cleanup_(freep) char *current = NULL;
        int r;

        r = list_entries(spec->generation_fd, spec->site_packages, &entries, &links);
        if (r >= 0)
                r = find_current_link(generation, &current);
        if (r >= 0)
                r = strings_copy(spec->read_only_paths, &paths);
        /* What lies in the project is shown with it. Looked up here it could lead anywhere: programs in
         * other sandboxes may write there, even now. */
        const bool is_own = spec->python_prefix && project &&
                        path_is_below(spec->python_prefix, project);
        const char *prefix = is_own ? NULL : spec->python_prefix;
        if (r >= 0)
                r = add_prefix(&paths, prefix);
        if (r >= 0)
                r = check_shown(prefix, spec->home, fault);
        FOREACH_TEXT(path, paths) {
                if (r >= 0)
                        r = check_shown(path, spec->home, fault);
        }
        if (r < 0)
                return r;
        const RootSpec root = {
                .home = spec->home,
                .project = project,
                .project_index = SOURCE_PROJECT,
                .generation = generation,
                .current_link = current,
                .site_packages = spec->site_packages,
                .entries = entries,
                .entry_links = links,
                .python_prefix = prefix,
                .read_only_paths = paths,
                .hidden_paths = spec->hidden_paths,
                .scratch_max_bytes = scratch_bytes(spec->limits.scratch_max_bytes),
                .hides_secrets = true,
        };
        return mount_list_for_root(&root, ret);
}

static char *copy_or_null(const char *text, int *r) {
        char *copy = text ? strdup(text) : NULL;

        if (text && !copy)
                *r = -ENOMEM;
        return copy;
}

static int fill_exec_request(
                const SandboxSpec *spec,
                const GenerationMounts *mounts,
                const char *generation,
                const char *project,
                ExecRequest *request,
                Fault *fault) {
        int r = 0;

        *request = (ExecRequest){
                .number = spec->number,
                .wants_terminal = spec->wants_terminal,
                .is_strict = spec->is_strict,
                .terminal_rows = spec->terminal_rows,
                .terminal_columns = spec->terminal_columns,
                .limits = spec->limits,
                .n_sources = project ? 1 : 0,
                .has_user_namespace = mounts->user_fd >= 0,
                .upper_is_volatile = mounts->upper_is_volatile,
        };
        request->directory = copy_or_null(spec->directory ?: project, &r);
        request->fallback_directory = copy_or_null(project ?: spec->home, &r);
        request->home = copy_or_null(spec->home, &r);
        request->project = copy_or_null(project, &r);
        request->hostname = copy_or_null("blast", &r);
        request->site_packages = spec->site_packages
                        ? string_format("%s/%s", generation, spec->site_packages)
                        : NULL;
        if (r < 0 || (spec->site_packages && !request->site_packages))
                return -ENOMEM;
        namespaces_identify(request->namespaces_outside);
        r = strings_copy(spec->argv, &request->argv);
        if (r >= 0)
                r =
                                environ_scrub(spec->environ,
                                              spec->variables,
                                              spec->home,
                                              spec->prefix,
                                              &request->environ);
        if (r >= 0)
                r = limits_unavailable(&request->limit_reason);
        if (r >= 0)
                r = sandbox_mounts(spec, generation, project, &request->mounts, fault);
        return r;
}

static int seal_exec_request(const ExecRequest *request) {
        _cleanup_(freep) void *data = NULL;
        size_t size_bytes;
        int r;

        r = exec_request_encode(request, &data, &size_bytes);
        return r < 0 ? r : memfd_new_sealed("blast-exec-request", data, size_bytes);
}

static int
seal_monitor_request(const SandboxSpec *spec, const GenerationMounts *mounts, bool has_project) {
        const MonitorRequest request = {
                .number = spec->number,
                .environment_id = (char *) spec->environment_id,
                .generation = spec->generation,
                .argv = (char **) spec->argv,
                .has_user_namespace = mounts->user_fd >= 0,
                .has_control = spec->control_fd >= 0,
                .wants_terminal = spec->wants_terminal,
                .is_detached = spec->is_detached,
                .n_sources = has_project ? 1 : 0,
        };
        _cleanup_(freep) void *data = NULL;
        size_t size_bytes;
        int r;

        r = monitor_request_encode(&request, &data, &size_bytes);
        return r < 0 ? r : memfd_new_sealed("blast-monitor-request", data, size_bytes);
}

/* The journal where one answers; the monitor's "output" file has the text in any case. */
static int open_journal(const SandboxSpec *spec) {
        int fd = spec->is_detached ? sd_journal_stream_fd("blast", LOG_INFO, false) : -EBADF;

        return fd < 0 ? -EBADF : fd;
}

static int
spawn_monitor(const SandboxSpec *spec,
              const GenerationMounts *mounts,
              int exec_fd,
              int monitor_fd,
              Child *ret) {
        _cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC),
                            journal_fd = open_journal(spec);
        _cleanup_(freep) char *path = NULL;
        char *const argv[] = { (char *) "blast-monitor", NULL };
        int filter_fd, own_filter_fd, r;

        if (null_fd < 0)
                return -errno;
        r = sandbox_filter(&filter_fd);
        if (r >= 0)
                r = monitor_filter(&own_filter_fd);
        if (r >= 0)
                r = program_path("blast-monitor", &path);
        if (r < 0)
                return r;
        const int fds[] = {
                monitor_fd,
                exec_fd,
                filter_fd,
                mounts->lock_fd >= 0 ? mounts->lock_fd : null_fd,
                mounts->mount_fd,
                mounts->user_fd >= 0 ? mounts->user_fd : null_fd,
                spec->run_fd,
                spec->control_fd >= 0 ? spec->control_fd : null_fd,
                journal_fd >= 0 ? journal_fd : null_fd,
                own_filter_fd,
                spec->project_fd,
        };
        const ChildSpec child = {
                .path = path,
                .argv = argv,
                .stdio = { spec->wants_terminal ? -EBADF : spec->stdio[0],
                           spec->wants_terminal ? -EBADF : spec->stdio[1],
                           spec->wants_terminal ? -EBADF : spec->stdio[2] },
                .fds = fds,
                .n_fds = ELEMENTSOF(fds) - (spec->project_fd < 0 ? 1 : 0),
                .uid = (uid_t) -1,
                .gid = (gid_t) -1,
                .new_session = true,
                .blocks_signals = true,
        };
        return child_spawn(&child, ret);
}

static int
start_sandbox(const SandboxSpec *spec,
              const GenerationMounts *mounts,
              Child *ret_monitor,
              Fault *fault) {
        _cleanup_(freep) char *generation = NULL, *project = NULL;
        _cleanup_exec_request_ ExecRequest request = {};
        _cleanup_close_ int exec_fd = -EBADF, monitor_fd = -EBADF;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(spec->stdio) && r >= 0 && !spec->wants_terminal; i++)
                r = check_stream(spec->stdio[i], fault);
        if (r >= 0)
                r = directory_path(spec->generation_fd, &generation);
        if (r >= 0 && spec->project_fd >= 0) {
                r = directory_path(spec->project_fd, &project);
                if (r >= 0)
                        r = project_check(project, spec->home, generation, fault);
        }
        if (r >= 0)
                r = fill_exec_request(spec, mounts, generation, project, &request, fault);
        if (r >= 0)
                r = exec_fd = seal_exec_request(&request);
        if (r >= 0)
                r = monitor_fd = seal_monitor_request(spec, mounts, project != NULL);
        return r < 0 ? r : spawn_monitor(spec, mounts, exec_fd, monitor_fd, ret_monitor);
}

int launch_sandbox(
                const SandboxSpec *spec,
                const GenerationMounts *mounts,
                Child *ret_monitor,
                Fault *fault) {
        int r;

        if (strings_count(spec->argv) == 0)
                return fault_set(fault, -EINVAL, FAULT_USAGE, NULL, "There is no program to run.");
        r = start_sandbox(spec, mounts, ret_monitor, fault);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                fault_code_from_errno(r),
                                NULL,
                                "The sandbox cannot be started: %s.",
                                strerror(-r));
        return 0;
}

static int helper_mounts(const HelperSpec *spec, char **paths, MountList *ret) {
        _cleanup_(freep) struct RootDirectory *directories =
                        new0(struct RootDirectory, spec->n_directories + 1);
        RootSpec root = {
                .home = spec->home,
                .read_only_paths = spec->read_only_paths,
                .directories = directories,
                .n_directories = spec->n_directories,
                .scratch_max_bytes = scratch_bytes(0),
        };

        if (!directories)
                return -ENOMEM;
        for (size_t i = 0; i < spec->n_directories; i++)
                directories[i] = (struct RootDirectory){
                        .path = paths[i],
                        .index = (uint32_t) i,
                        .is_writable = spec->directories[i].is_writable,
                };
        return mount_list_for_root(&root, ret);
}

static int fill_helper_request(const HelperSpec *spec, char **paths, ExecRequest *request) {
        int r = 0;

        *request = (ExecRequest){
                .is_helper = true,
                .limits = { .memory_max_bytes = spec->memory_max_bytes },
                .cpu_max_sec = spec->cpu_max_sec,
                .n_sources = spec->n_directories,
                .has_user_namespace = namespace_needs_user(),
        };
        request->directory = copy_or_null("/", &r);
        request->fallback_directory = copy_or_null("/", &r);
        request->home = copy_or_null(spec->home, &r);
        request->hostname = copy_or_null("blast", &r);
        if (r < 0)
                return r;
        namespaces_identify(request->namespaces_outside);
        r = strings_copy(spec->argv, &request->argv);
        if (r >= 0 && spec->environ)
                r = strings_copy(spec->environ, &request->environ);
        else if (r >= 0)
                r = environ_scrub(NULL, NULL, spec->home, NULL, &request->environ);
        if (r >= 0)
                r = limits_unavailable(&request->limit_reason);
        if (r >= 0)
                r = helper_mounts(spec, paths, &request->mounts);
        return r;
}

static int spawn_helper(const HelperSpec *spec, int exec_fd, Child *ret) {
        _cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        _cleanup_(freep) char *path = NULL;
        char *const argv[] = { (char *) "blast-exec", NULL };
        int fds[CHILD_FDS_MAX], filter_fd, r;
        size_t n_fds = 0;

        if (null_fd < 0)
                return -errno;
        if (spec->n_directories > CHILD_FDS_MAX - EXEC_FD_FIRST)
                return -E2BIG;
        r = sandbox_filter(&filter_fd);
        if (r >= 0)
                r = program_path("blast-exec", &path);
        if (r < 0)
                return r;
        fds[n_fds++] = exec_fd;
        fds[n_fds++] = null_fd; /* channel */
        fds[n_fds++] = filter_fd;
        fds[n_fds++] = null_fd; /* lock */
        for (size_t i = 0; i < spec->n_directories; i++)
                fds[n_fds++] = spec->directories[i].fd;
        const ChildSpec child = {
                .path = path,
                .argv = argv,
                .stdio = { spec->stdio[0], spec->stdio[1], spec->stdio[2] },
                .fds = fds,
                .n_fds = n_fds,
                .uid = (uid_t) -1,
                .gid = (gid_t) -1,
                .dies_with_parent = true,
                .new_session = true,
        };
        return child_spawn(&child, ret);
}

static int start_helper(const HelperSpec *spec, Child *ret) {
        _cleanup_(strings_freep) char **paths = NULL;
        _cleanup_exec_request_ ExecRequest request = {};
        _cleanup_close_ int exec_fd = -EBADF;
        int r = 0;

        for (size_t i = 0; i < spec->n_directories && r >= 0; i++) {
                char *path = NULL;
                r = directory_path(spec->directories[i].fd, &path);
                if (r >= 0)
                        r = strings_consume(&paths, path);
        }
        if (r >= 0)
                r = fill_helper_request(spec, paths, &request);
        if (r >= 0)
                r = exec_fd = seal_exec_request(&request);
        return r < 0 ? r : spawn_helper(spec, exec_fd, ret);
}

int launch_helper(const HelperSpec *spec, Child *ret, Fault *fault) {
        int r;

        if (strings_count(spec->argv) == 0 || spec->argv[0][0] != '/')
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_INTERNAL,
                                NULL,
                                "A helper is named by its absolute path.");
        r = start_helper(spec, ret);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                fault_code_from_errno(r),
                                spec->argv[0],
                                "The helper '%s' cannot be started: %s.",
                                spec->argv[0],
                                strerror(-r));
        return 0;
}
