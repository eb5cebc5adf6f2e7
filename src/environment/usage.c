// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "environment/usage.h"

enum {
        PROCESSES_MAX = 100000,
};

/* A file of procfs or cgroupfs: its size is unknown, and one read gives it whole. */
static int read_small(const char *path, char *data, size_t size) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t length;

        if (fd < 0)
                return -errno;
        length = read(fd, data, size - 1);
        if (length < 0)
                return -errno;
        data[length] = '\0';
        return 0;
}

static int explain(char **ret, const char *sentence) {
        *ret = strdup(sentence);
        return *ret ? 0 : -ENOMEM;
}

int limits_unavailable(char **ret) {
        _cleanup_(freep) char *directory = NULL, *file = NULL;
        char groups[4096], controllers[512];
        char *line, *end;

        if (read_small("/proc/self/cgroup", groups, sizeof(groups)) < 0)
                return explain(ret, "This kernel has no cgroups.");
        line = strstr(groups, "0::/");
        if (!line)
                return explain(ret, "There is no cgroup v2 hierarchy.");
        end = strchr(line, '\n');
        if (end)
                *end = '\0';
        directory = string_format("/sys/fs/cgroup%s", line + 3);
        if (!directory)
                return -ENOMEM;
        file = string_format("%s/cgroup.controllers", directory);
        if (!file)
                return -ENOMEM;
        if (read_small(file, controllers, sizeof(controllers)) < 0)
                return explain(ret, "No cgroup v2 hierarchy is mounted at /sys/fs/cgroup.");
        if (!strstr(controllers, "memory") || !strstr(controllers, "pids"))
                return explain(ret,
                               "No cgroup v2 controllers for memory and processes are given to us.");
        if (faccessat(AT_FDCWD, directory, W_OK, 0) < 0)
                return explain(ret, "Our own cgroup is not writable.");
        return explain(ret, "Our own cgroup holds processes, so no controller can be given on.");
}

int pidfd_get_pid(int pidfd, pid_t *ret) {
        char path[48], data[1024];
        const char *line;
        long pid;
        int r;

        (void) snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
        r = read_small(path, data, sizeof(data));
        if (r < 0)
                return r;
        line = strstr(data, "\nPid:");
        if (!line)
                return -EBADF;
        pid = strtol(line + strlen("\nPid:"), NULL, 10);
        if (pid <= 0)
                return -ESRCH;
        *ret = (pid_t) pid;
        return 0;
}

/* Adds what one process uses. One that ended meanwhile adds nothing. */
static int add_process(pid_t pid, LimitUsage *usage) {
        char path[48], data[1024];
        const char *rest;
        uint64_t ticks = 0, pages = 0;
        int r;

        (void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
        r = read_small(path, data, sizeof(data));
        if (r < 0)
                return r == -ENOENT ? -ESRCH : r;
        rest = strrchr(data, ')');
        /* Fields 14 to 17: user and system time, own and of reaped children; 24: resident pages. */
        for (int field = 3; rest && field <= 24; field++) {
                rest = strchr(rest + 1, ' ');
                if (!rest)
                        return -EBADMSG;
                if (field >= 14 && field <= 17)
                        ticks += strtoull(rest + 1, NULL, 10);
                if (field == 24)
                        pages = strtoull(rest + 1, NULL, 10);
        }
        usage->n_processes++;
        usage->memory_bytes += pages * (uint64_t) sysconf(_SC_PAGESIZE);
        usage->cpu_usec += ticks * USEC_PER_SEC / (uint64_t) sysconf(_SC_CLK_TCK);
        return 0;
}

int limits_usage(pid_t pid, LimitUsage *ret) {
        _cleanup_(freep) pid_t *queue = NULL;
        size_t n_allocated = 0, n_queued = 0;
        LimitUsage usage = {};
        int r;

        r = ARRAY_RESERVE(queue, n_allocated, 1);
        if (r < 0)
                return r;
        queue[n_queued++] = pid;
        for (size_t i = 0; i < n_queued && n_queued < PROCESSES_MAX; i++) {
                char path[64], data[4096];
                r = add_process(queue[i], &usage);
                if (r < 0 && i == 0)
                        return r;
                (void) snprintf(path,
                                sizeof(path),
                                "/proc/%d/task/%d/children",
                                (int) queue[i],
                                (int) queue[i]);
                if (read_small(path, data, sizeof(data)) < 0)
                        continue;
                for (char *at = data, *end; *at; at = end) {
                        long child = strtol(at, &end, 10);
                        if (end == at)
                                break;
                        r = ARRAY_RESERVE(queue, n_allocated, n_queued + 1);
                        if (r < 0)
                                return r;
                        queue[n_queued++] = (pid_t) child;
                }
        }
        *ret = usage;
        return 0;
}
