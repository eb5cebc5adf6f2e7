// SPDX-License-Identifier: LGPL-2.1-or-later

/* blast-resolve: a project in, a lock out. No network: what it needs from indexes it asks blast-fetch for,
 * over a socket. Reads the project, the interpreters' directories and the metadata cache, writes only
 * the cache. */

#include <fcntl.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "package/request.h"
#include "package/resolution.h"
#include "worker/worker.h"

typedef struct State {
        ResolveRequest request;
        ResolutionInput input;
} State;

static void state_done(void *userdata) {
        State *state = userdata;

        if (!state)
                return;
        resolve_request_done(&state->request);
        free(state);
}

static int fd_if_open(int fd) {
        return fcntl(fd, F_GETFD) < 0 ? -EBADF : fd;
}

/* The descriptors that follow the two of every worker; the project is left out where there is none. */
static void find_descriptors(State *state) {
        int next = WORKER_FD_FIRST;

        state->input = (ResolutionInput){ .request = &state->request, .project_fd = -EBADF };
        if (state->request.has_project)
                state->input.project_fd = fd_if_open(next++);
        state->input.cache_fd = fd_if_open(next++);
        state->input.fetch_fd = fd_if_open(next);
        state->input.trace_fd = -EBADF;
}

/* Interpreters are looked for by name, and a link in one directory may lead into another. */
static int allow_interpreters(const ResolveRequest *request, ConfineRules *rules) {
        int r;

        r = confine_allow_path(rules, "/usr");
        FOREACH_TEXT(directory, request->python_directories) {
                const char *star = strchr(directory, '*');
                _cleanup_(freep) char *path = string_format(
                                "%.*s",
                                star ? (int) (star - directory) : (int) strlen(directory),
                                directory);

                if (!path)
                        return -ENOMEM;
                if (r >= 0)
                        r = confine_allow_path(rules, path);
        }
        if (r >= 0 && request->python && request->python[0] == '/')
                r = confine_allow_path(rules, request->python);
        return r;
}

static int allow(State *state, ConfineRules *rules) {
        int r;

        rules->writes_files = true;
        r = allow_interpreters(&state->request, rules);
        if (r >= 0 && state->input.project_fd >= 0)
                r = confine_allow_reading(rules, state->input.project_fd);
        if (r >= 0 && state->input.cache_fd >= 0)
                r = confine_allow_writing(rules, state->input.cache_fd);
        return r;
}

static int prepare(const void *request, size_t size_bytes, ConfineRules *rules, void **ret_state) {
        State *state = new0(State, 1);
        const char *trace = getenv("BLAST_RESOLVER_TRACE");
        int r;

        if (!state)
                return -ENOMEM;
        r = resolve_request_decode(request, size_bytes, &state->request);
        if (r < 0) {
                free(state);
                return r;
        }
        find_descriptors(state);
        /* Opened before the walls; one that cannot be written is left out. */
        if (trace)
                state->input.trace_fd = open(
                                trace, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        r = allow(state, rules);
        if (r < 0) {
                state_done(state);
                return r;
        }
        *ret_state = state;
        return 0;
}

static int run(void *userdata, void **ret_answer, size_t *ret_size_bytes) {
        State *state = userdata;
        ResolveAnswer answer;
        int r;

        r = resolution_run(&state->input, &answer);
        if (r < 0)
                return r;
        r = resolve_answer_encode(&answer, ret_answer, ret_size_bytes);
        resolve_answer_done(&answer);
        return r;
}

int main(int argc, char **argv) {
        static const WorkerRole role = {
                .name = "blast-resolve",
                .writes_files = true,
                .prepare = prepare,
                .run = run,
                .done = state_done,
        };

        return worker_main(&role, argc, argv);
}
