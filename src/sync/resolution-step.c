// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     ┌──▶ blast-resolve ── SOLVED ──▶ done
 *     │         ├── FAULT ──▶ done
 *     │         └── NEEDS_PROBE path
 *     └─ record ◀── the interpreter at that path, run on probe.py in a helper sandbox
 *
 * probe.py comes in as standard input, its report goes out through a memfd, so that the sandbox needs to
 * show nothing but the interpreter. The report is kept under the signature of the interpreter's file, and
 * read by blast-resolve only. A path that was probed is not probed again in the same job.
 */

#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "config.h"
#include "sync/coordinator-internal.h"
#include "sync/resolution-step.h"

enum {
        PROBES_MAX = 16,
        REPORT_SIZE_MAX = 1024 * 1024,
        WORDS_SIZE_MAX = 64 * 1024,
};

struct ResolutionStep {
        Coordinator *coordinator;
        ResolutionOrder order;
        int project_fd;
        int fetcher_fd;
        WorkerProcess *worker; /* blast-resolve or the probe */
        char *probed_path;
        char *probed_signature;
        int report_fd; /* what the probe writes: its report, */
        int words_fd;  /* and its standard error */
        char **probed; /* paths */
};

ResolutionStep *resolution_step_free(ResolutionStep *step) {
        if (!step)
                return NULL;
        (void) worker_process_free(step->worker);
        (void) fd_close(step->project_fd);
        (void) fd_close(step->fetcher_fd);
        (void) fd_close(step->report_fd);
        (void) fd_close(step->words_fd);
        free(step->probed_path);
        free(step->probed_signature);
        (void) strings_free(step->probed);
        free(step);
        return NULL;
}

static void fail(ResolutionStep *step, int error, const Fault *fault) {
        step->order.on_done(NULL, error, fault, step->order.userdata);
}

static int ask(ResolutionStep *step, Fault *fault);

/* The prefix an interpreter lives under, as far as its path tells: "/opt/python" of
 * "/opt/python/bin/python3". */
static int guess_prefix(const char *path, char **ret) {
        _cleanup_(freep) char *file = realpath(path, NULL);

        if (!file)
                return -errno;
        *ret = strdup(dirname(dirname(file)));
        return *ret ? 0 : -ENOMEM;
}

static int open_probe(void) {
        static const char *const paths[] = {
                BLAST_DEVELOPER ? BLAST_SOURCE_DIR "/python/blast/probe.py" : "",
                BLAST_DATA_DIR "/python/blast/probe.py",
        };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                int fd = *paths[i] ? open(paths[i], O_RDONLY | O_CLOEXEC) : -1;
                if (fd >= 0)
                        return fd;
        }
        return -ENOENT;
}

static int keep_report(ResolutionStep *step, Fault *fault) {
        _cleanup_(freep) char *report = NULL;
        size_t size;
        int r;

        r = file_read_fd(step->report_fd, REPORT_SIZE_MAX, &report, &size);
        if (r < 0)
                return r;
        if (size == 0 || strlen(report) != size)
                return fault_set(
                                fault,
                                -EPROTO,
                                FAULT_PYTHON_INVALID,
                                step->probed_path,
                                "'%s' did not say what it is.",
                                step->probed_path);
        return interpreters_add(
                        step->coordinator->interpreters,
                        step->probed_path,
                        step->probed_signature,
                        report);
}

/* The last line the probe wrote to its standard error, or NULL: why the sandbox or the interpreter
 * failed is said there. */
static char *last_words(const ResolutionStep *step) {
        _cleanup_(freep) char *words = NULL;
        size_t size;

        if (file_read_fd(step->words_fd, WORDS_SIZE_MAX, &words, &size) < 0)
                return NULL;
        Text rest = text_strip((Text){ words, size }), line = {}, part;
        while (text_cut(&rest, '\n', &part))
                line = part;
        line = text_strip(line);
        if (line.length > 0 && line.data[line.length - 1] == '.')
                line.length--;
        return line.length > 0 ? text_to_string(line) : NULL;
}

static void
on_probe_end(WorkerProcess *worker,
             const void *answer,
             size_t answer_size,
             const Fault *ended,
             void *userdata) {
        ResolutionStep *step = userdata;
        _cleanup_fault_ Fault fault = {};
        int r;

        step->worker = worker_process_free(step->worker);
        if (ended) {
                _cleanup_(freep) char *words = last_words(step);
                r = fault_set(&fault,
                              -EPROTO,
                              FAULT_PYTHON_INVALID,
                              step->probed_path,
                              "'%s' cannot be used as an interpreter; asked what it is, it failed: %s.",
                              step->probed_path,
                              words ?: "it said nothing");
        } else
                r = keep_report(step, &fault);
        if (r >= 0)
                r = ask(step, &fault);
        if (r < 0)
                fail(step, r, &fault);
}

static int start_probe(ResolutionStep *step, const char *prefix, Fault *fault) {
        _cleanup_close_ int script = open_probe();
        /* The file itself: a link on the caller's PATH may lie where the sandbox shows nothing. */
        _cleanup_(freep) char *file = realpath(step->probed_path, NULL);
        Child child;
        int r;

        if (script < 0)
                return fault_set(
                                fault,
                                script,
                                FAULT_INTERNAL,
                                "probe.py",
                                "probe.py is not installed where it belongs.");
        if (!file)
                return -errno;
        step->report_fd = fd_close(step->report_fd);
        step->report_fd = memfd_create("report", MFD_CLOEXEC);
        if (step->report_fd < 0)
                return -errno;
        step->words_fd = fd_close(step->words_fd);
        step->words_fd = memfd_create("words", MFD_CLOEXEC);
        if (step->words_fd < 0)
                return -errno;

        char *const argv[] = { file, (char *) "-I", (char *) "-S", (char *) "-", NULL };
        char *const paths[] = { (char *) prefix, NULL };
        const HelperSpec spec = {
                .argv = argv,
                .home = secure_getenv("HOME"),
                .read_only_paths = paths,
                .stdio = { script, step->report_fd, step->words_fd },
                .cpu_max_sec = PROBE_TIMEOUT_USEC / USEC_PER_SEC,
        };
        r = helper_start(&spec, &child, fault);
        if (r < 0)
                return r;
        const WorkerOrder helper = {
                .name = "the probe",
                .timeout_usec = PROBE_TIMEOUT_USEC,
                .on_end = on_probe_end,
                .userdata = step,
        };
        return helper_process_new(step->coordinator->event, &helper, child, &step->worker);
}

/* What an interpreter says of itself is a stranger's word, and its prefix will be shown in every sandbox. */
static int
check_python(ResolutionStep *step, const char *python, const char *prefix, Fault *fault) {
        _cleanup_(freep) char *project = NULL;
        int r;

        r = directory_path(step->project_fd, &project);
        return r < 0 ? r : python_check(python, prefix, project, fault);
}

static int probe(ResolutionStep *step, const char *path, Fault *fault) {
        _cleanup_(freep) char *prefix = NULL;
        int r;

        if (strings_contain(step->probed, path) || strings_count(step->probed) == PROBES_MAX)
                return fault_set(
                                fault,
                                -ELOOP,
                                FAULT_PYTHON_INVALID,
                                path,
                                "What '%s' says of itself cannot be used.",
                                path);
        r = strings_add(&step->probed, path);
        if (r < 0)
                return r;
        free(step->probed_path);
        free(TAKE_PTR(step->probed_signature));
        step->probed_path = strdup(path);
        if (!step->probed_path)
                return -ENOMEM;
        r = interpreters_sign(path, &step->probed_signature);
        if (r >= 0)
                r = guess_prefix(path, &prefix);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                FAULT_NO_PYTHON,
                                path,
                                "The interpreter '%s' cannot be read: %s.",
                                path,
                                strerror(-r));
        r = check_python(step, path, prefix, fault);
        if (r < 0)
                return r;
        step->order.on_phase("probing", path, step->order.userdata);
        return start_probe(step, prefix, fault);
}

/* A relative path without "..": it is joined to the generation's. */
static bool is_below_generation(const char *path) {
        Text rest = text_of(path), part;

        if (text_is_empty(path) || path[0] == '/')
                return false;
        while (text_cut(&rest, '/', &part))
                if (part.length == 0 || text_equals_string(part, ".") ||
                    text_equals_string(part, ".."))
                        return false;
        return true;
}

static int act_on_answer(ResolutionStep *step, ResolveAnswer *answer, Fault *fault) {
        int r;

        switch (answer->outcome) {
        case RESOLVE_NEEDS_PROBE:
                if (text_is_empty(answer->python_path))
                        return -EBADMSG;
                return probe(step, answer->python_path, fault);
        case RESOLVE_FAULT:
                (void) fault_copy(&answer->fault, fault); /* without memory: the code of -EINVAL */
                return -EINVAL;
        default:
                if (!answer->lock || text_is_empty(answer->python_path) ||
                    text_is_empty(answer->python_prefix) ||
                    !is_below_generation(answer->site_packages))
                        return -EBADMSG;
                r = check_python(step, answer->python_path, answer->python_prefix, fault);
                if (r < 0)
                        return r;
                step->order.on_done(answer, 0, NULL, step->order.userdata);
                return 0;
        }
}

static void
on_resolve_end(WorkerProcess *worker,
               const void *data,
               size_t size,
               const Fault *ended,
               void *userdata) {
        ResolutionStep *step = userdata;
        _cleanup_(resolve_answer_done) ResolveAnswer answer = {};
        _cleanup_fault_ Fault fault = {};
        int r = ended ? -EPROTO : resolve_answer_decode(data, size, &answer);

        step->worker = worker_process_free(step->worker);
        if (r >= 0)
                r = act_on_answer(step, &answer, &fault);
        if (r >= 0)
                return;
        if (!ended && !fault_is_set(&fault))
                (void) fault_set(
                                &fault,
                                r,
                                FAULT_WORKER_FAILED,
                                "blast-resolve",
                                "The answer of blast-resolve cannot be used.");
        fail(step, r, ended ?: &fault);
}

static int ask(ResolutionStep *step, Fault *fault) {
        ResolveRequest request = *step->order.request; /* borrows everything */
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        request.interpreters = (InterpreterRecord *) interpreters_get_all(
                        step->coordinator->interpreters, &request.n_interpreters);
        r = resolve_request_encode(&request, &data, &size);
        if (r < 0)
                return r;
        const int fds[] = { step->project_fd, step->coordinator->metadata_fd, step->fetcher_fd };
        const WorkerOrder order = {
                .name = "resolve",
                .request = data,
                .request_size = size,
                .fds = fds,
                .n_fds = ELEMENTSOF(fds),
                .memory_max_bytes = WORKER_MEMORY(UINT64_C(16) << 30),
                .timeout_usec = RESOLVE_TIMEOUT_USEC,
                .on_end = on_resolve_end,
                .userdata = step,
        };
        step->order.on_phase("resolving", NULL, step->order.userdata);
        return worker_process_new(step->coordinator->event, &order, fault, &step->worker);
}

int resolution_step_new(
                Coordinator *coordinator,
                const ResolutionOrder *order,
                int fetcher_fd,
                Fault *fault,
                ResolutionStep **ret) {
        _cleanup_close_ int fetcher = fetcher_fd;
        _cleanup_(resolution_step_freep) ResolutionStep *step = new0(ResolutionStep, 1);
        int r;

        if (!step)
                return -ENOMEM;
        *step = (ResolutionStep){
                .coordinator = coordinator,
                .order = *order,
                .project_fd = fcntl(order->project_fd, F_DUPFD_CLOEXEC, 3),
                .fetcher_fd = TAKE_FD(fetcher),
                .report_fd = -EBADF,
                .words_fd = -EBADF,
        };
        if (step->project_fd < 0)
                return -errno;
        r = ask(step, fault);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(step);
        return 0;
}
