// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     pid 1 of the sandbox, confined ─▶ guarantees_read_back() ─▶ rows ─▶ monitor ─▶ "run" record
 *
 * Each row asks the kernel: the namespace links, /proc/self/status, statvfs(2), an access that must fail, a
 * connect that must be refused. A check that cannot be made says "unknown", never "held". A limit that
 * nobody asked for has no row: it is no promise, so strict misses nothing. The refusals accepted are a set of errnos: which one comes depends on the wall that stands first.
 *
 * The table of mounts is not looked at here: it is read with libmount from outside (mount-table.c), because
 * loading that library would cost every start of a program more than all of these rows.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "environment/guarantee.h"

static const char *const state_names[_GUARANTEE_STATE_MAX] = {
        [GUARANTEE_HELD] = "held",
        [GUARANTEE_WEAKER] = "weaker",
        [GUARANTEE_NOT_HELD] = "not-held",
        [GUARANTEE_UNKNOWN] = "unknown",
};

static const char *const namespace_names[6] = { "mnt", "pid", "ipc", "uts", "cgroup", "net" };

const char *guarantee_state_to_string(GuaranteeState state) {
        return state >= 0 && state < _GUARANTEE_STATE_MAX ? state_names[state] : NULL;
}

static void guarantee_done(Guarantee *row) {
        free(row->name);
        free(row->mechanism);
        free(row->reason);
}

void guarantees_done(Guarantees *guarantees) {
        for (size_t i = 0; i < guarantees->n_items; i++)
                guarantee_done(guarantees->items + i);
        free(guarantees->items);
        *guarantees = (Guarantees){};
}

int guarantees_add(
                Guarantees *guarantees,
                const char *name,
                GuaranteeState state,
                const char *mechanism,
                const char *reason) {
        Guarantee row;
        int r;

        if (guarantees->n_items >= GUARANTEES_MAX)
                return -E2BIG;
        r = ARRAY_RESERVE(guarantees->items, guarantees->n_allocated, guarantees->n_items + 1);
        if (r < 0)
                return r;
        row = (Guarantee){
                .name = strdup(name),
                .state = state,
                .mechanism = strdup(mechanism ?: ""),
                .reason = strdup(reason ?: ""),
        };
        if (!row.name || !row.mechanism || !row.reason) {
                guarantee_done(&row);
                return -ENOMEM;
        }
        guarantees->items[guarantees->n_items++] = row;
        return 0;
}

const Guarantee *guarantees_find(const Guarantees *guarantees, const char *name) {
        for (size_t i = 0; i < guarantees->n_items; i++)
                if (streq(guarantees->items[i].name, name))
                        return guarantees->items + i;
        return NULL;
}

int guarantees_copy(const Guarantees *from, Guarantees *ret) {
        _cleanup_guarantees_ Guarantees copy = {};
        int r;

        for (size_t i = 0; i < from->n_items; i++) {
                const Guarantee *row = from->items + i;
                r = guarantees_add(&copy, row->name, row->state, row->mechanism, row->reason);
                if (r < 0)
                        return r;
        }
        *ret = TAKE(copy, (Guarantees){});
        return 0;
}

bool guarantees_miss_strict(const Guarantees *guarantees, const char **ret_name) {
        for (size_t i = 0; i < guarantees->n_items; i++) {
                const Guarantee *row = guarantees->items + i;
                if (row->state != GUARANTEE_NOT_HELD && row->state != GUARANTEE_UNKNOWN)
                        continue;
                if (ret_name)
                        *ret_name = row->name;
                return true;
        }
        return false;
}

void packet_put_guarantees(PacketWriter *writer, const Guarantees *guarantees) {
        packet_put_u32(writer, (uint32_t) guarantees->n_items);
        for (size_t i = 0; i < guarantees->n_items; i++) {
                packet_put_string(writer, guarantees->items[i].name);
                packet_put_u32(writer, (uint32_t) guarantees->items[i].state);
                packet_put_string(writer, guarantees->items[i].mechanism);
                packet_put_string(writer, guarantees->items[i].reason);
        }
}

int packet_get_guarantees(PacketReader *reader, Guarantees *ret) {
        _cleanup_guarantees_ Guarantees rows = {};
        uint32_t n = packet_get_count(reader, 4);
        int r;

        if (n > GUARANTEES_MAX)
                packet_reader_fail(reader, -EBADMSG);
        for (uint32_t i = 0; i < n && reader->error >= 0; i++) {
                const char *name = packet_get_string(reader);
                uint32_t state = packet_get_u32(reader);
                const char *mechanism = packet_get_string(reader);
                const char *reason = packet_get_string(reader);
                if (!name || state >= _GUARANTEE_STATE_MAX) {
                        packet_reader_fail(reader, -EBADMSG);
                        break;
                }
                r = guarantees_add(&rows, name, (GuaranteeState) state, mechanism, reason);
                if (r < 0)
                        return r;
        }
        if (reader->error < 0)
                return reader->error;
        *ret = TAKE(rows, (Guarantees){});
        return 0;
}

void namespaces_identify(uint64_t ret[static 6]) {
        for (size_t i = 0; i < ELEMENTSOF(namespace_names); i++) {
                char path[32];
                struct stat status;
                (void) snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace_names[i]);
                ret[i] = stat(path, &status) < 0 ? 0 : status.st_ino;
        }
}

/* The rows being made; after a failure every add is a no-op, so that callers check once. */
typedef struct Rows {
        Guarantees items;
        int error;
} Rows;

_printf_(5, 6) static void rows_add(
                Rows *rows,
                const char *name,
                GuaranteeState state,
                const char *mechanism,
                const char *format,
                ...) {
        char reason[256];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(reason, sizeof(reason), format, arguments);
        va_end(arguments);
        if (rows->error >= 0)
                rows->error = guarantees_add(&rows->items, name, state, mechanism, reason);
}

static void check_namespaces(Rows *rows, const GuaranteeWish *wish) {
        static const char *const names[] = {
                "mount-isolation",    "process-isolation", "ipc-isolation",
                "hostname-isolation", "cgroup-view",
        };
        uint64_t inside[6];

        namespaces_identify(inside);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char mechanism[48];
                uint64_t outside = wish->namespaces_outside[i];
                (void) snprintf(mechanism, sizeof(mechanism), "%s namespace", namespace_names[i]);
                if (inside[i] == 0 || outside == 0)
                        rows_add(rows,
                                 names[i],
                                 GUARANTEE_UNKNOWN,
                                 mechanism,
                                 "The namespace cannot be read.");
                else if (inside[i] == outside)
                        rows_add(rows,
                                 names[i],
                                 GUARANTEE_NOT_HELD,
                                 mechanism,
                                 "It is the host's.");
                else
                        rows_add(rows,
                                 names[i],
                                 GUARANTEE_HELD,
                                 mechanism,
                                 "Number %llu.",
                                 (unsigned long long) inside[i]);
        }
}

static bool only_loopback(void) {
        _cleanup_close_ int fd = open("/proc/self/net/dev", O_RDONLY | O_CLOEXEC);
        char data[4096];
        ssize_t size = fd < 0 ? -1 : read(fd, data, sizeof(data) - 1);
        int n_lines = 0;

        if (size <= 0)
                return false;
        data[size] = '\0';
        for (const char *line = data; line;
             line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
                n_lines += *line != '\0';
        return n_lines == 3 && strstr(data, " lo:"); /* two of heading */
}

static void check_network(Rows *rows) {
        static const char mechanism[] = "net namespace with a loopback interface only";
        const struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons(443),
                .sin_addr.s_addr = htonl(0xc0000201), /* 192.0.2.1, RFC 5737: nobody's */
        };
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int error = 0;

        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                error = errno;
        if (error != ENETUNREACH && error != EHOSTUNREACH && error != EPERM && error != EACCES)
                rows_add(rows,
                         "network-none",
                         GUARANTEE_NOT_HELD,
                         mechanism,
                         "A connect was not refused.");
        else if (!only_loopback())
                rows_add(rows,
                         "network-none",
                         GUARANTEE_WEAKER,
                         mechanism,
                         "There are other interfaces.");
        else
                rows_add(rows,
                         "network-none",
                         GUARANTEE_HELD,
                         mechanism,
                         "A connect gave: %s.",
                         strerror(error));
}

/* The value of "Name:" in /proc/self/status. */
static bool status_value(const char *status, const char *name, unsigned base, uint64_t *ret) {
        const char *at = strstr(status, name);

        if (!at)
                return false;
        *ret = strtoull(at + strlen(name), NULL, (int) base);
        return true;
}

static void check_privileges(Rows *rows) {
        static const char *const sets[] = {
                "\nCapInh:", "\nCapPrm:", "\nCapEff:", "\nCapBnd:", "\nCapAmb:"
        };
        _cleanup_close_ int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
        char status[4096] = "";
        uint64_t value = 0, all = 0;
        bool known;

        if (fd >= 0 && read(fd, status, sizeof(status) - 1) < 0)
                status[0] = '\0';

        known = status_value(status, "\nNoNewPrivs:", 10, &value);
        rows_add(rows,
                 "no-new-privileges",
                 !known                       ? GUARANTEE_UNKNOWN
                                 : value == 1 ? GUARANTEE_HELD
                                              : GUARANTEE_NOT_HELD,
                 "no_new_privs",
                 "%s",
                 "");
        known = status_value(status, "\nSeccomp:", 10, &value);
        rows_add(rows,
                 "system-calls",
                 !known                       ? GUARANTEE_UNKNOWN
                                 : value == 2 ? GUARANTEE_HELD
                                              : GUARANTEE_NOT_HELD,
                 "seccomp allow list",
                 "Mode %llu.",
                 (unsigned long long) value);
        known = true;
        for (size_t i = 0; i < ELEMENTSOF(sets); i++) {
                known = known && status_value(status, sets[i], 16, &value);
                all |= value;
        }
        rows_add(rows,
                 "capabilities-none",
                 !known                     ? GUARANTEE_UNKNOWN
                                 : all == 0 ? GUARANTEE_HELD
                                            : GUARANTEE_NOT_HELD,
                 "all five sets empty",
                 "Union %llx.",
                 (unsigned long long) all);
}

static void check_user(Rows *rows, const GuaranteeWish *wish) {
        if (wish->has_user_namespace)
                rows_add(rows,
                         "user-namespace",
                         GUARANTEE_HELD,
                         "user namespace with one id",
                         "Id %u.",
                         (unsigned) getuid());
        else
                rows_add(rows,
                         "user-namespace",
                         GUARANTEE_WEAKER,
                         "ids of the host without capabilities",
                         "Started by root: what belongs to id %u is protected by mounts only.",
                         (unsigned) getuid());
}

static void check_home(Rows *rows, const GuaranteeWish *wish) {
        struct statfs file_system;
        char path[4096];

        if (!wish->home)
                return;
        (void) snprintf(path, sizeof(path), "%s/.ssh", wish->home);
        if (faccessat(AT_FDCWD, path, F_OK, 0) == 0)
                rows_add(rows,
                         "home-hidden",
                         GUARANTEE_NOT_HELD,
                         "empty home",
                         "'%.200s' is visible.",
                         path);
        else if (statfs(wish->home, &file_system) < 0)
                rows_add(rows, "home-hidden", GUARANTEE_HELD, "absent", "%s", "");
        else if (file_system.f_type != TMPFS_MAGIC)
                rows_add(rows,
                         "home-hidden",
                         GUARANTEE_NOT_HELD,
                         "empty home",
                         "It is not a file system of its own.");
        else
                rows_add(rows, "home-hidden", GUARANTEE_HELD, "empty home on tmpfs", "%s", "");
}

static bool is_read_only(const char *path) {
        struct statvfs status;

        return statvfs(path, &status) == 0 && (status.f_flag & ST_RDONLY);
}

static void check_read_only(Rows *rows) {
        static const char *const paths[] = { "/", "/usr", "/etc" };
        const char *open_path = NULL;

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (!is_read_only(paths[i]))
                        open_path = paths[i];
        rows_add(rows,
                 "base-read-only",
                 open_path ? GUARANTEE_NOT_HELD : GUARANTEE_HELD,
                 "read-only mounts",
                 open_path ? "'%s' is writable." : "%s",
                 open_path ?: "");
}

static void check_proc(Rows *rows, const GuaranteeWish *wish) {
        static const char *const secrets[] = { "kcore", "kallsyms",      "keys",
                                               "kmsg",  "sysrq-trigger", "timer_list" };
        const char *seen = NULL;

        for (size_t i = 0; i < ELEMENTSOF(secrets); i++) {
                char path[32];
                (void) snprintf(path, sizeof(path), "/proc/%s", secrets[i]);
                if (faccessat(AT_FDCWD, path, R_OK, 0) == 0)
                        seen = secrets[i];
        }
        if (seen)
                rows_add(rows,
                         "kernel-files-hidden",
                         GUARANTEE_NOT_HELD,
                         "masks over /proc",
                         "'%s' is readable.",
                         seen);
        else if (faccessat(AT_FDCWD, "/proc/sys", F_OK, 0) == 0 && !is_read_only("/proc/sys"))
                rows_add(rows,
                         "kernel-files-hidden",
                         GUARANTEE_NOT_HELD,
                         "masks over /proc",
                         "/proc/sys is writable.");
        else
                rows_add(rows,
                         "kernel-files-hidden",
                         GUARANTEE_HELD,
                         wish->proc_is_partial ? "/proc shows processes only" : "masks over /proc",
                         "%s",
                         "");
}

static void check_packages(Rows *rows, const GuaranteeWish *wish) {
        static const char mechanism[] = "overlay of read-only trees with an upper of its own";
        struct statfs file_system;

        if (!wish->site_packages)
                return;
        if (statfs(wish->site_packages, &file_system) < 0 ||
            file_system.f_type != OVERLAYFS_SUPER_MAGIC)
                rows_add(rows,
                         "packages-shared-read-only",
                         GUARANTEE_NOT_HELD,
                         mechanism,
                         "It is not an overlay.");
        else if (wish->upper_is_volatile)
                rows_add(rows,
                         "packages-shared-read-only",
                         GUARANTEE_WEAKER,
                         mechanism,
                         "The file system cannot hold an upper: changes live in memory until the last sandbox ends.");
        else
                rows_add(rows, "packages-shared-read-only", GUARANTEE_HELD, mechanism, "%s", "");
}

static void
check_limit(Rows *rows,
            const char *name,
            int resource,
            const char *mechanism,
            uint64_t wished,
            const char *limit_reason) {
        struct rlimit limit;

        if (wished == 0)
                return; /* nobody asked: nothing is promised, and nothing is missing */
        if (getrlimit((__rlimit_resource_t) resource, &limit) < 0 || limit.rlim_max > wished)
                rows_add(rows,
                         name,
                         GUARANTEE_NOT_HELD,
                         mechanism,
                         "%s",
                         "The limit was not accepted.");
        else
                rows_add(rows,
                         name,
                         GUARANTEE_WEAKER,
                         mechanism,
                         "A limit of each process or user stands in: %s",
                         limit_reason ?: "cgroups were not used.");
}

static void check_limits(Rows *rows, const GuaranteeWish *wish) {
        const char *reason = wish->limit_reason;
        struct rlimit limit;

        check_limit(rows,
                    "memory-limit",
                    RLIMIT_DATA,
                    "RLIMIT_DATA",
                    wish->memory_max_bytes,
                    reason);
        /* The kernel counts processes per user namespace; root of the host is exempt. */
        if (wish->n_processes_max > 0 && !wish->has_user_namespace && getuid() == 0)
                rows_add(rows,
                         "process-limit",
                         GUARANTEE_NOT_HELD,
                         "RLIMIT_NPROC",
                         "It does not bind root: %s",
                         reason ?: "cgroups were not used.");
        else
                check_limit(rows,
                            "process-limit",
                            RLIMIT_NPROC,
                            "RLIMIT_NPROC",
                            wish->n_processes_max,
                            reason);
        if (wish->file_max_bytes == 0)
                return;
        if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_max <= wish->file_max_bytes)
                rows_add(rows, "file-size-limit", GUARANTEE_HELD, "RLIMIT_FSIZE", "%s", "");
        else
                rows_add(rows,
                         "file-size-limit",
                         GUARANTEE_NOT_HELD,
                         "RLIMIT_FSIZE",
                         "%s",
                         "The limit was not accepted.");
}

int guarantees_read_back(const GuaranteeWish *wish, Guarantees *ret) {
        Rows rows = {};

        check_namespaces(&rows, wish);
        check_network(&rows);
        check_privileges(&rows);
        check_user(&rows, wish);
        check_home(&rows, wish);
        check_read_only(&rows);
        check_proc(&rows, wish);
        check_packages(&rows, wish);
        check_limits(&rows, wish);
        if (rows.error < 0) {
                guarantees_done(&rows.items);
                return rows.error;
        }
        *ret = rows.items;
        return 0;
}
