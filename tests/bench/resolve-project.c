// SPDX-License-Identifier: LGPL-2.1-or-later

/* Resolves one project from the build tree, without blastd: for trying things, for profiles and for
 * tools/dev bench.
 *
 *   resolve-project DIRECTORY CACHE FETCH-WORKER PYTHON PROBE [option…]
 *
 * Options: --offline --frozen --locked --update --add REQUIREMENT --remove NAME --index-url URL --find-links URL --no-lock
 * --page-age SECONDS. Prints "name version" lines, then a line of figures on standard error. Files of the
 * answer are written into the directory unless --no-lock. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/child.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "config.h"
#include "package/interpreter-record.h"
#include "package/request.h"
#include "package/resolution.h"

static _noreturn_ void die(const char *what, int error) {
        fprintf(stderr, "resolve-project: %s: %s\n", what, strerror(-error));
        exit(2);
}

static void must(int r, const char *what) {
        if (r < 0)
                die(what, r);
}

static uint64_t now_usec(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

/* What the interpreter says of itself, kept in the cache directory. */
static char *probe(const char *python, const char *script, int cache_fd) {
        _cleanup_(freep) char *signature = NULL;
        char *report;
        size_t size;
        int pipe_fds[2], status;
        Child child;

        must(interpreter_signature(python, &signature), python);
        if (file_read_at(cache_fd, signature, MEBIBYTE, &report, &size) >= 0)
                return report;
        must(pipe2(pipe_fds, O_CLOEXEC) < 0 ? -errno : 0, "pipe");
        must(child_spawn(
                             &(ChildSpec){
                                             .path = python,
                                             .argv = (char *[]){ (char *) python,
                                                                 (char[]){ "-I" },
                                                                 (char *) script,
                                                                 NULL },
                                             .stdio = { -1, pipe_fds[1], 2 },
                                             .uid = (uid_t) -1,
                             },
                             &child),
             python);
        close(pipe_fds[1]);
        report = new0(char, MEBIBYTE);
        for (ssize_t n = 1, at = 0; n > 0; at += n)
                n = read(pipe_fds[0], report + at, MEBIBYTE - 1 - (size_t) at);
        must(child_wait(&child, &status), python);
        must(file_replace_at(cache_fd, signature, report, strlen(report), 0600), "the report");
        return report;
}

static int
start_fetch(const char *worker, const IndexSettings *settings, int downloads_fd, Child *ret) {
        static int answer_fds[2];
        _cleanup_(freep) void *packet = NULL;
        int fds[2], request_fd;
        size_t size;

        must(index_settings_encode(settings, &packet, &size), "settings");
        request_fd = memfd_new_sealed("settings", packet, size);
        must(request_fd, "settings");
        must(channel_pair(false, fds), "socket");
        must(channel_pair(false, answer_fds), "socket");
        must(child_spawn(
                             &(ChildSpec){
                                             .path = worker,
                                             .argv = (char *[]){ (char *) worker, NULL },
                                             .stdio = { -1, 2, 2 },
                                             .environ = environ,
                                             .fds = (int[]){ request_fd,
                                                             answer_fds[1],
                                                             downloads_fd,
                                                             fds[1] },
                                             .n_fds = 4,
                                             .uid = (uid_t) -1,
                                             .dies_with_parent = true,
                             },
                             ret),
             worker);
        close(fds[1]);
        close(request_fd);
        return fds[0];
}

static void read_options(ResolveRequest *request, int argc, char **argv, bool *ret_writes) {
        for (int i = 0; i < argc; i++) {
                const char *value = i + 1 < argc ? argv[i + 1] : "";

                if (streq(argv[i], "--offline"))
                        request->index.offline = true;
                else if (streq(argv[i], "--frozen"))
                        request->frozen = true;
                else if (streq(argv[i], "--locked"))
                        request->locked = true;
                else if (streq(argv[i], "--no-lock"))
                        *ret_writes = false;
                else if (streq(argv[i], "--update"))
                        request->verb = RESOLVE_UPDATE;
                else if (streq(argv[i], "--add") || streq(argv[i], "--remove")) {
                        request->verb = streq(argv[i], "--add") ? RESOLVE_ADD : RESOLVE_REMOVE;
                        must(strings_add(&request->requirements, value), "memory");
                        i++;
                } else if (streq(argv[i], "--index-url")) {
                        request->index.index_url = string_format("%s", value);
                        i++;
                } else if (streq(argv[i], "--find-links")) {
                        must(strings_add(&request->index.find_links, value), "memory");
                        i++;
                } else if (streq(argv[i], "--page-age")) {
                        request->index.page_age_max_sec = (uint64_t) atoll(value);
                        i++;
                } else
                        die(argv[i], -EINVAL);
        }
}

static int show(const ResolveAnswer *answer, int project_fd, bool writes) {
        FOREACH_TEXT(warning, answer->warnings)
                fprintf(stderr, "warning: %s\n", warning);
        if (answer->outcome != RESOLVE_SOLVED) {
                printf("%s %s\n%s\n%s\n",
                       fault_code_to_string(answer->fault.code),
                       answer->fault.subject ? answer->fault.subject : "",
                       answer->fault.message ? answer->fault.message : "",
                       answer->fault.hint ? answer->fault.hint : "");
                return 1;
        }
        for (size_t i = 0; i < answer->lock->n_packages; i++)
                printf("%s %s\n",
                       answer->lock->packages[i].name,
                       answer->lock->packages[i].version);
        for (size_t i = 0; i < answer->n_files && writes; i++)
                must(file_replace_at(project_fd,
                                     answer->files[i].name,
                                     answer->files[i].text,
                                     strlen(answer->files[i].text),
                                     0644),
                     answer->files[i].name);
        return 0;
}

typedef struct Place {
        int project_fd;
        int cache_fd;
        int downloads_fd;
} Place;

static Place open_place(const char *project, const char *cache) {
        Place place = { .project_fd = open(project, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };

        must(place.project_fd < 0 ? -errno : 0, project);
        (void) mkdir(cache, 0700); /* may be there already */
        place.cache_fd = open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        must(place.cache_fd < 0 ? -errno : 0, cache);
        place.downloads_fd = directory_open_or_make(place.cache_fd, "downloads", 0700);
        must(place.downloads_fd, "downloads");
        return place;
}

/* Resolves and says what it cost. */
static void measure(const ResolutionInput *input, uint64_t begin, ResolveAnswer *ret) {
        struct rusage usage;

        must(resolution_run(input, ret), "resolution");
        getrusage(RUSAGE_SELF, &usage);
        fprintf(stderr,
                "%.1f ms, %.1f ms of CPU, %zu packages, %u decisions%s\n",
                (double) (now_usec() - begin) / 1000,
                (double) usage.ru_utime.tv_sec * 1000 + (double) usage.ru_utime.tv_usec / 1000,
                ret->lock ? ret->lock->n_packages : 0,
                ret->n_decisions,
                ret->lock_was_current ? ", the lock was current" : "");
}

static int run(char **argv, ResolveRequest *request, bool writes) {
        Place place = open_place(argv[1], argv[2]);
        InterpreterRecord record = { .path = argv[4],
                                     .report = probe(argv[4], argv[5], place.cache_fd) };
        _cleanup_child_ Child child = CHILD_NULL;
        _cleanup_close_ int fetch_fd = -EBADF;
        const char *trace = getenv("BLAST_RESOLVER_TRACE");
        ResolutionInput input = {
                .request = request,
                .project_fd = place.project_fd,
                .cache_fd = place.cache_fd,
                .trace_fd = trace ? open(trace, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
                                  : -1,
        };
        uint64_t begin = now_usec();
        ResolveAnswer answer;

        request->python = argv[4];
        request->interpreters = &record;
        request->n_interpreters = 1;
        if (!request->index.offline)
                fetch_fd = start_fetch(argv[3], &request->index, place.downloads_fd, &child);
        input.fetch_fd = fetch_fd;
        measure(&input, begin, &answer);
        int status = show(&answer, place.project_fd, writes);
        resolve_answer_done(&answer);
        free(record.report);
        return status;
}

int main(int argc, char **argv) {
        ResolveRequest request = {
                .has_project = true,
                .index = { .n_requests_max = 10,
                           .timeout_sec = 30,
                           .n_retries = 3,
                           .page_age_max_sec = 600,
                           .verify_tls = true },
        };
        bool writes = true;

        if (argc < 6)
                die("arguments", -EINVAL);
        read_options(&request, argc - 6, argv + 6, &writes);
        if (!request.index.index_url)
                request.index.index_url = string_format("%s", BLAST_INDEX_URL);
        int status = run(argv, &request, writes);
        strings_free(request.requirements);
        index_settings_done(&request.index);
        return status;
}
