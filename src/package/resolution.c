// SPDX-License-Identifier: LGPL-2.1-or-later
#include <time.h>

#include "basic/file.h"
#include "config.h"
#include "package/interpreter-find.h"
#include "package/interpreter-record.h"
#include "package/resolution-internal.h"
#include "package/resolution.h"

/* How it works
 *
 *   project ──▶ interpreter ──▶ wishes ──▶ lock current? ──yes──▶ answer
 *                  │ no record              │ no
 *                  ▼                        ▼
 *            NEEDS_PROBE              solve ──▶ lock, pylock.toml, edited project file
 *
 * The way through "yes" reads the project's files and a record and nothing else: no cache, no socket.
 * It is what a second machine, a second checkout and every start after a change of an unrelated setting
 * go. */

static void resolution_done(Resolution *resolution) {
        project_done(&resolution->project);
        interpreter_free(resolution->interpreter);
        pylock_free(resolution->pylock);
        free(resolution->pylock_text);
        free(resolution->wishes);
        strings_free(resolution->index_urls);
        strings_free(resolution->find_links);
        arena_free(resolution->arena);
}

static const InterpreterRecord *find_record(const ResolveRequest *request, const char *path) {
        _cleanup_(freep) char *signature = NULL;

        for (size_t i = 0; i < request->n_interpreters; i++) {
                const InterpreterRecord *record = &request->interpreters[i];

                if (!record->path || !streq(record->path, path))
                        continue;
                /* A signature that cannot be read here was checked by who sent the record. */
                if (!signature && interpreter_signature(path, &signature) < 0)
                        return record;
                if (!record->signature || streq(record->signature, signature))
                        return record;
        }
        return NULL;
}

static int copy_interpreter(const Interpreter *interpreter, ResolveAnswer *answer) {
        answer->python_path = string_format("%s", interpreter->path);
        answer->python_version = string_format("%s", interpreter->version);
        answer->python_tag = string_format("%s", interpreter->cache_tag);
        answer->python_prefix = string_format("%s", interpreter->base_prefix);
        answer->site_packages = string_format("%s", interpreter->site_packages);
        return answer->python_path && answer->python_version && answer->python_tag &&
                                        answer->python_prefix && answer->site_packages
                        ? 0
                        : -ENOMEM;
}

/* Finds the interpreter. Returns 1 if one must be probed first. */
static int choose_interpreter(Resolution *resolution) {
        const ResolveRequest *request = resolution->request;
        const Project *project = &resolution->project;
        _cleanup_(strings_freep) char **excluded = NULL;
        InterpreterRequest wanted = {
                .python = request->python ? request->python : project->python,
                .python_origin = request->python ? "--python" : project->python_origin,
                .requires_python = project->requires_python,
                .requires_python_origin = project->requires_python_origin,
        };

        for (;;) {
                _cleanup_interpreter_candidate_ InterpreterCandidate candidate = { .path = NULL };
                _cleanup_fault_ Fault mismatch = { .code = FAULT_NONE };
                const InterpreterRecord *record;
                int r;

                wanted.excluded = excluded;
                r = interpreter_find(
                                &wanted,
                                request->python_directories,
                                &candidate,
                                resolution->fault);
                if (r < 0)
                        return r;
                record = find_record(request, candidate.path);
                if (!record) {
                        resolution->answer->outcome = RESOLVE_NEEDS_PROBE;
                        resolution->answer->python_path = TAKE_PTR(candidate.path);
                        return 1;
                }
                r = interpreter_parse(
                                candidate.path,
                                record->report,
                                &resolution->interpreter,
                                resolution->fault);
                if (r < 0)
                        return r;
                r = interpreter_check(resolution->interpreter, &wanted, &mismatch);
                if (r >= 0)
                        return copy_interpreter(resolution->interpreter, resolution->answer);
                if (r != -ENOENT)
                        return fault_set(
                                        resolution->fault,
                                        r,
                                        mismatch.code,
                                        mismatch.subject,
                                        "%s",
                                        mismatch.message ? mismatch.message : "");
                resolution->interpreter = interpreter_free(resolution->interpreter);
                r = strings_consume(&excluded, TAKE_PTR(candidate.path));
                if (r < 0)
                        return r;
        }
}

static int read_times(Resolution *resolution) {
        const char *text = resolution->request->exclude_newer;
        struct timespec now;
        int r;

        if (!text)
                return 0;
        (void) clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
        r = resolution_parse_time(
                        text,
                        (int64_t) now.tv_sec * (int64_t) USEC_PER_SEC,
                        &resolution->exclude_newer_usec);
        if (r < 0)
                return fault_set(
                                resolution->fault,
                                r,
                                FAULT_USAGE,
                                text,
                                "'%s' is no date: expected 2024-05-01, 2024-05-01T12:00:00Z or '7 days'.",
                                text);
        return 0;
}

/* Indexes beside the main one come first: what a user adds is meant to win. Source: uv, "index". */
static int read_indexes(Resolution *resolution) {
        const IndexSettings *settings = &resolution->request->index;
        const Project *project = &resolution->project;
        bool is_default = !settings->index_url || streq(settings->index_url, BLAST_INDEX_URL);
        const char *main_url = is_default && project->index_url ? project->index_url
                        : settings->index_url                   ? settings->index_url
                                                                : BLAST_INDEX_URL;
        char *const *lists[] = { settings->extra_index_urls, project->extra_index_urls };
        char *const *links[] = { settings->find_links, project->find_links };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(lists) && r >= 0; i++)
                FOREACH_TEXT(url, lists[i])
                        if (r >= 0 && !project->no_index &&
                            !strings_contain(resolution->index_urls, url))
                                r = strings_add(&resolution->index_urls, url);
        /* "" is PIP_NO_INDEX: find-links only. */
        if (r >= 0 && !project->no_index && *main_url &&
            !strings_contain(resolution->index_urls, main_url))
                r = strings_add(&resolution->index_urls, main_url);
        for (size_t i = 0; i < ELEMENTSOF(links) && r >= 0; i++)
                FOREACH_TEXT(url, links[i])
                        if (r >= 0)
                                r = strings_add(&resolution->find_links, url);
        return r;
}

static int read_project(Resolution *resolution) {
        ResolveAnswer *answer = resolution->answer;
        Project *project = &resolution->project;
        int r;

        r = project_load(resolution->input->project_fd, project, resolution->fault);
        if (r < 0)
                return r;
        answer->settings = project->settings;
        project->settings = (Settings){ .items = NULL };
        answer->warnings = TAKE_PTR(project->warnings);
        answer->project_name =
                        string_format("%s",
                                      project->name ? project->name
                                                      : resolution->request->project_name
                                                      ? resolution->request->project_name
                                                      : "");
        if (!answer->project_name)
                return -ENOMEM;
        resolution->allow_prereleases =
                        resolution->request->allow_prereleases || project->allow_prereleases;
        r = read_times(resolution);
        return r < 0 ? r : read_indexes(resolution);
}

static int solve_anew(Resolution *resolution) {
        Digest digest;
        int r;

        r = resolution_solve(resolution);
        if (r < 0)
                return r;
        r = resolution_bound_added(resolution, resolution->answer->lock);
        if (r < 0)
                return r;
        r = resolution_digest(resolution, &digest);
        if (r < 0)
                return r;
        resolution->answer->lock->input_digest = digest;
        r = resolution_edit_project(resolution);
        if (r < 0)
                return r;
        return resolution_write_pylock(resolution, &digest);
}

static int run(Resolution *resolution) {
        int r;

        r = read_project(resolution);
        if (r < 0)
                return r;
        r = choose_interpreter(resolution);
        if (r != 0)
                return r;
        r = resolution_read_wishes(resolution);
        if (r < 0)
                return r;
        r = resolution_read_pylock(resolution);
        if (r < 0)
                return r;
        r = resolution_use_pylock(resolution);
        if (r != 0)
                return r;
        return solve_anew(resolution);
}

int resolution_run(const ResolutionInput *input, ResolveAnswer *ret) {
        Resolution resolution = {
                .input = input,
                .request = input->request,
                .answer = ret,
                .fault = &ret->fault,
        };
        int r = -ENOMEM;

        *ret = (ResolveAnswer){ .outcome = RESOLVE_SOLVED };
        resolution.arena = arena_new();
        if (resolution.arena)
                r = run(&resolution);
        resolution_done(&resolution);
        if (r == -ENOMEM) {
                resolve_answer_done(ret);
                *ret = (ResolveAnswer){ .outcome = RESOLVE_FAULT };
                return r;
        }
        if (r < 0) {
                ret->outcome = RESOLVE_FAULT;
                (void) fault_set(
                                &ret->fault,
                                r,
                                fault_code_from_errno(r),
                                NULL,
                                "The project cannot be resolved: %s.",
                                strerror(-r));
        }
        return 0;
}
