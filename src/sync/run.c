// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * A run is a directory <runtime>/runs/<number> and a monitor process that keeps it: "run" says who it is,
 * with the guarantees as they were read back from inside, "status" how it ended. We watch the directory for
 * the first and the monitor's pidfd for the second; nothing of a run lives only in our memory, so a daemon
 * that starts anew finds it by reading the directory (runs_adopt()).
 *
 * The overlays of a generation are mounted once (generation_mount()) and kept until another generation is
 * run or the environment goes. A run keeps its own generation mounted for as long as it lives.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "environment/copy.h"
#include "environment/guarantee-record.h"
#include "environment/privilege.h"
#include "environment/spec.h"
#include "sync/compile.h"
#include "sync/coordinator-internal.h"
#include "sync/run-internal.h"

struct Run {
        Environment *environment;
        Job *job; /* GOAL_RUN; NULL: none, or it has ended */
        uint32_t number;
        Child monitor; /* pid 0: adopted, only the pidfd is ours */
        int run_fd;
        RunRecord record; /* as far as it is known */
        sd_event_source *end_source;
        sd_event_source *record_source;
};

static void run_name(uint32_t number, char ret[static 16]) {
        (void) snprintf(ret, 16, "%u", number);
}

static Run *run_free(Run *run) {
        if (!run)
                return NULL;
        (void) sd_event_source_disable_unref(run->end_source);
        (void) sd_event_source_disable_unref(run->record_source);
        (void) fd_close(run->monitor.pidfd); /* the monitor itself goes on */
        (void) fd_close(run->run_fd);
        run_record_done(&run->record);
        (void) job_unref(run->job);
        free(run);
        return NULL;
}
DEFINE_CLEANUP(Run, run_free)

void runs_free(Environment *environment) {
        for (size_t i = 0; i < environment->n_runs; i++)
                (void) run_free(environment->runs[i]);
        environment->n_runs = 0;
        free(TAKE_PTR(environment->runs));
}

static void run_remove(Run *run) {
        Environment *environment = run->environment;
        char name[16];

        for (size_t i = 0; i < environment->n_runs; i++)
                if (environment->runs[i] == run) {
                        environment->n_runs--;
                        memmove(environment->runs + i,
                                environment->runs + i + 1,
                                (environment->n_runs - i) * sizeof(*environment->runs));
                        break;
                }
        run_name(run->number, name);
        if (tree_remove_at(environment->coordinator->runs_fd, name) < 0)
                log_debug("The directory of run %u is left for the next start.", run->number);
        (void) run_free(run);
        coordinator_tell_environment(environment);
        coordinator_wake(environment->coordinator);
}

static void end_run_job(Run *run) {
        _cleanup_run_status_ RunStatus status = {};
        Job *job = run->job;
        size_t size;
        int r;

        r = run_status_load(run->run_fd, &status);
        if (r >= 0 && fault_is_set(&status.fault)) {
                job_finish(job, -EPROTO, &status.fault);
                return;
        }
        if (r >= 0)
                r = run_output_read(run->run_fd, &job->output, &size);
        if (r >= 0)
                job->exit_status = status.exit_kind == EXIT_SIGNAL ? 128 + status.exit_status
                                                                   : status.exit_status;
        job_finish(job, r, NULL);
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Run *run = userdata;

        if (run->monitor.pid > 0 && child_wait(&run->monitor, NULL) < 0)
                log_debug("The monitor of run %u was reaped by somebody else.", run->number);
        if (run->job)
                end_run_job(run);
        run_remove(run);
        return 0;
}

static int refresh(Run *run) {
        RunRecord record;
        int r;

        r = run_record_load(run->run_fd, &record);
        if (r < 0)
                return r;
        run_record_done(&run->record);
        run->record = record;
        if (record.guarantees.n_items > 0) {
                Guarantees guarantees = {};
                r = guarantees_copy(&record.guarantees, &guarantees);
                if (r < 0)
                        return r;
                guarantees_done(&run->environment->guarantees);
                run->environment->guarantees = guarantees;
                r = guarantee_record_store(run->environment->record->directory_fd, &guarantees);
                if (r < 0)
                        log_debug("Cannot keep the guarantees: %s, continuing.", strerror(-r));
        }
        coordinator_tell_environment(run->environment);
        return 0;
}

static int on_record(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        Run *run = userdata;

        if (event->len > 0 && streq(event->name, "run"))
                (void) !refresh(run); /* one that is not there yet comes with another event */
        return 0;
}

static int watch(Run *run) {
        sd_event *event = run->environment->coordinator->event;
        char path[FD_PATH_SIZE];
        int r;

        r = sd_event_add_io(event, &run->end_source, run->monitor.pidfd, EPOLLIN, on_end, run);
        if (r < 0)
                return r;
        r = sd_event_add_inotify(
                        event,
                        &run->record_source,
                        fd_path(run->run_fd, path),
                        IN_MOVED_TO | IN_CLOSE_WRITE,
                        on_record,
                        run);
        if (r < 0)
                return r;
        (void) !refresh(run); /* it may have been written before we watched */
        return 0;
}

static int add_run(Environment *environment, Run *run) {
        int r;

        r = ARRAY_RESERVE(
                        environment->runs, environment->n_runs_allocated, environment->n_runs + 1);
        if (r < 0)
                return r;
        environment->runs[environment->n_runs++] = run;
        return 0;
}

typedef struct Layers {
        int *fds;
        size_t n_fds;
} Layers;

static void layers_done(Layers *layers) {
        for (size_t i = 0; i < layers->n_fds; i++)
                (void) fd_close(layers->fds[i]);
        free(layers->fds);
}

static int add_layer(Layers *layers, int directory_fd, const char *path) {
        int fd = file_open_beneath(directory_fd, path, O_RDONLY | O_DIRECTORY, 0);

        if (fd >= 0)
                layers->fds[layers->n_fds++] = fd;
        return fd;
}

/* The generation's stub, bytecode trees that exist, trees. More than an overlay can hold: without the
 * bytecode; still more: the copy for editors, which is all trees in one. */
static int open_layers(Environment *environment, Layers *layers, Fault *fault) {
        const GenerationRecord *record = &environment->generation;
        Store *store = environment->coordinator->store;
        bool has_bytecode = 2 * record->n_trees + 1 <= LAUNCH_LAYERS_MAX;
        char name[STORE_NAME_SIZE];
        int r;

        layers->fds = new0(int, 2 * record->n_trees + 2);
        if (!layers->fds)
                return -ENOMEM;
        r = add_layer(layers, environment->generation_fd, GENERATION_STUB);
        if (r < 0)
                return r;
        if (record->n_trees + 1 > LAUNCH_LAYERS_MAX) {
                r = add_layer(layers, environment->generation_fd, record->site_packages);
                return r != -ENOENT
                                ? r
                                : fault_set(fault,
                                            -EAGAIN,
                                            FAULT_BUSY,
                                            NULL,
                                            "With %zu packages the environment can be used when its copy "
                                            "behind .venv is complete; that is being made.",
                                            record->n_trees);
        }
        for (size_t i = 0; has_bytecode && i < record->n_trees; i++) {
                r = compile_bytecode_name(record, &record->trees[i], name, sizeof(name));
                if (r >= 0)
                        r = add_layer(layers, store_get_directory(store, STORE_BYTECODE), name);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        for (size_t i = 0; i < record->n_trees; i++) {
                char path[DIGEST_HEX_SIZE + sizeof("/site-packages")], hex[DIGEST_HEX_SIZE];
                (void) snprintf(path,
                                sizeof(path),
                                "%s/site-packages",
                                digest_to_hex(&record->trees[i], hex));
                r = add_layer(layers, store_get_directory(store, STORE_TREE), path);
                if (r < 0)
                        return fault_set(
                                        fault,
                                        r,
                                        FAULT_NO_GENERATION,
                                        NULL,
                                        "A tree of the generation is no longer in the store; "
                                        "'blast start' brings it back.");
        }
        return 0;
}

static int ensure_mounts(Environment *environment, Fault *fault) {
        _cleanup_(layers_done) Layers layers = {};
        int r;

        if (environment->mounted_number == environment->number)
                return 0;
        r = open_layers(environment, &layers, fault);
        if (r < 0)
                return r;
        const GenerationSpec spec = {
                .generation_fd = environment->generation_fd,
                .layer_fds = layers.fds,
                .n_layers = layers.n_fds,
        };
        generation_mounts_done(&environment->mounts);
        environment->mounts = GENERATION_MOUNTS_NULL;
        environment->mounted_number = 0;
        r = generation_mount(&spec, &environment->mounts, fault);
        if (r < 0)
                return r;
        environment->mounted_number = environment->number;
        return 0;
}

static int make_run_directory(Coordinator *coordinator, uint32_t number, int *ret_fd) {
        char name[16];
        int r;

        run_name(number, name);
        r = tree_remove_at(coordinator->runs_fd, name);
        if (r < 0)
                return r;
        *ret_fd = directory_open_or_make(coordinator->runs_fd, name, 0700);
        return *ret_fd < 0 ? *ret_fd : 0;
}

static void
fill_spec(const Run *run,
          const RunRequest *request,
          const EnvironmentSpec *walls,
          SandboxSpec *ret) {
        const Environment *environment = run->environment;

        *ret = (SandboxSpec){
                .number = run->number,
                .environment_id = environment->record->id,
                .generation = environment->number,
                .argv = request->argv,
                .directory = request->directory,
                .variables = request->environ,
                .home = secure_getenv("HOME") ?: "/",
                /* Nobody may have made the link: without a client there is none. */
                .prefix = environment_is_linked(environment) ? environment->prefix :
                                                               environment->current_path,
                .site_packages = environment->generation.site_packages,
                .python_prefix = environment->generation.python_prefix,
                .hidden_paths = walls->denied_paths,
                .limits = {
                        .memory_max_bytes = walls->memory_max_bytes,
                        .n_processes_max = walls->n_processes_max,
                        .file_max_bytes = walls->file_max_bytes,
                },
                .wants_terminal = request->wants_terminal,
                .terminal_rows = request->n_rows,
                .terminal_columns = request->n_columns,
                .is_strict = request->is_strict || walls->is_strict,
                .is_detached = request->control_fd < 0,
                .generation_fd = environment->generation_fd,
                .run_fd = run->run_fd,
                .stdio = { request->stdio[0], request->stdio[1], request->stdio[2] },
                .control_fd = request->control_fd,
        };
}

/* A program inside could change what all environments are made of, or our records. */
static int check_directories(const Coordinator *coordinator, int project_fd, Fault *fault) {
        const int fds[] = { coordinator->downloads_fd,
                            coordinator->state_fd,
                            coordinator->runs_fd };
        _cleanup_(freep) char *project = NULL;
        int r;

        r = directory_path(project_fd, &project);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                _cleanup_(freep) char *path = NULL;
                r = directory_path(fds[i], &path);
                if (r < 0)
                        return r;
                if (path_is_below(path, project))
                        return fault_set(
                                        fault,
                                        -EINVAL,
                                        FAULT_PROJECT_INVALID,
                                        project,
                                        "Blast keeps its own files at '%s', in the project, where the programs of every sandbox could change them.",
                                        path);
        }
        return 0;
}

static int start(Run *run, const RunRequest *request, Fault *fault) {
        Environment *environment = run->environment;
        _cleanup_environment_spec_ EnvironmentSpec walls = {};
        _cleanup_close_ int project_fd = -EBADF;
        SandboxSpec spec;
        int r;

        r = environment_spec_from_settings(&environment->generation.settings, NULL, fault, &walls);
        if (r < 0)
                return r;
        project_fd = registry_open_project(environment->record, fault);
        if (project_fd < 0)
                return project_fd;
        r = check_directories(environment->coordinator, project_fd, fault);
        if (r < 0)
                return r;
        r = ensure_mounts(environment, fault);
        if (r < 0)
                return r;
        r = make_run_directory(environment->coordinator, run->number, &run->run_fd);
        if (r < 0)
                return r;
        fill_spec(run, request, &walls, &spec);
        spec.project_fd = project_fd;
        r = sandbox_start(&spec, &environment->mounts, &run->monitor, fault);
        if (r < 0)
                return r;
        return watch(run);
}

/* What is known of a run before its monitor has written the record. */
static int describe(Run *run, const RunRequest *request) {
        run->record.number = run->number;
        run->record.generation = run->environment->number;
        return strings_copy(request->argv, &run->record.argv);
}

int run_start(Coordinator *coordinator,
              Environment *environment,
              const RunRequest *request,
              Fault *fault,
              uint32_t *ret_number) {
        _cleanup_(run_freep) Run *run = new0(Run, 1);
        int r;

        if (!run)
                return -ENOMEM;
        *run = (Run){
                .environment = environment,
                .number = coordinator->last_run_number + 1,
                .monitor = CHILD_NULL,
                .run_fd = -EBADF,
        };
        if (!request->argv || !request->argv[0])
                return fault_set(fault, -EINVAL, FAULT_USAGE, NULL, "No program was named.");
        if (!environment->has_generation)
                return fault_set(
                                fault,
                                -ENOENT,
                                FAULT_NO_GENERATION,
                                environment->record->project_path,
                                "Nothing is installed in the environment of '%s' yet.",
                                environment->record->project_path);
        r = describe(run, request);
        if (r >= 0)
                r = start(run, request, fault);
        if (r >= 0)
                r = add_run(environment, run);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                fault_code_from_errno(r),
                                request->argv[0],
                                "'%s' cannot be started: %s.",
                                request->argv[0],
                                strerror(-r));
        *ret_number = coordinator->last_run_number = run->number;
        TAKE_PTR(run);
        coordinator_tell_environment(environment);
        return 0;
}

static Run *find_run(const Environment *environment, uint32_t number) {
        for (size_t i = 0; i < environment->n_runs; i++)
                if (environment->runs[i]->number == number)
                        return environment->runs[i];
        return NULL;
}

int run_start_job(Job *job, Fault *fault) {
        const Goal *goal = job->goal;
        const RunRequest request = {
                .argv = goal->argv,
                .environ = goal->environ,
                .directory = goal->directory,
                .stdio = { -EBADF, -EBADF, -EBADF },
                .control_fd = -EBADF,
                .is_strict = goal->is_strict,
        };
        int r;

        r = run_start(job->coordinator, job->environment, &request, fault, &job->run_number);
        if (r < 0)
                return r;
        find_run(job->environment, job->run_number)->job = job_ref(job);
        return 0;
}

void run_forget_job(Job *job) {
        Run *run = job->environment && job->run_number > 0
                        ? find_run(job->environment, job->run_number)
                        : NULL;

        if (!run || run->job != job)
                return;
        run->job = job_unref(run->job);
        (void) sandbox_signal(run->monitor.pidfd, SIGKILL); /* it may have ended by itself */
}

int run_signal(Environment *environment,
               uint32_t number,
               int signal_number,
               Fault *fault,
               uint32_t *ret_n_told) {
        uint32_t n_told = 0;

        if (signal_number <= 0 || signal_number > SIGRTMAX)
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_USAGE,
                                NULL,
                                "There is no signal %d.",
                                signal_number);
        if (number != 0 && !find_run(environment, number))
                return fault_set(
                                fault,
                                -ESRCH,
                                FAULT_USAGE,
                                NULL,
                                "There is no run %u here.",
                                number);
        for (size_t i = 0; i < environment->n_runs; i++) {
                Run *run = environment->runs[i];
                if (number == 0 || run->number == number)
                        n_told += sandbox_signal(run->monitor.pidfd, signal_number) >= 0;
        }
        *ret_n_told = n_told;
        return 0;
}

bool run_next(const Environment *environment, size_t *position, RunSummary *ret) {
        if (*position >= environment->n_runs)
                return false;

        const Run *run = environment->runs[(*position)++];
        *ret = (RunSummary){
                .number = run->number,
                .pid = run->record.sandbox_pid,
                .started_usec = run->record.started_usec,
                .argv = run->record.argv,
                .generation = run->record.generation,
        };
        return true;
}

/* Keeps a run that a former daemon started. Errors: -ESRCH it has ended. */
static int adopt(Coordinator *coordinator, Run *run) {
        Environment *environment;
        bool wants_mounts;
        int r;

        r = run_record_load(run->run_fd, &run->record);
        if (r < 0)
                return r;
        environment = coordinator_get_environment(coordinator, run->record.environment_id);
        if (!environment)
                return -ESRCH;
        run->environment = environment;
        wants_mounts = environment->mounted_number == 0 && environment->has_generation &&
                        environment->number == run->record.generation;
        r =
                        sandbox_adopt(&run->record,
                                      &run->monitor.pidfd,
                                      wants_mounts ? &environment->mounts : NULL);
        if (r < 0)
                return r;
        if (wants_mounts)
                environment->mounted_number = environment->number;
        r = add_run(environment, run);
        if (r < 0)
                return r;
        return watch(run);
}

static int adopt_name(Coordinator *coordinator, const char *name) {
        _cleanup_(run_freep) Run *run = NULL;
        uint64_t number;
        int r;

        if (text_to_u64(text_of(name), &number) < 0 || number == 0 || number > UINT32_MAX)
                return 0;
        run = new0(Run, 1);
        if (!run)
                return -ENOMEM;
        *run = (Run){
                .number = (uint32_t) number,
                .monitor = CHILD_NULL,
                .run_fd = file_open_beneath(coordinator->runs_fd, name, O_RDONLY | O_DIRECTORY, 0),
        };
        if (run->run_fd < 0)
                return run->run_fd;
        coordinator->last_run_number = MAX(coordinator->last_run_number, run->number);
        r = adopt(coordinator, run);
        if (r >= 0)
                TAKE_PTR(run);
        else if (r == -ESRCH) /* whatever else: it may still live, so its directory stays */
                r = tree_remove_at(coordinator->runs_fd, name);
        return r;
}

int runs_adopt(Coordinator *coordinator) {
        _cleanup_(strings_freep) char **names = NULL;
        int r;

        r = directory_list(coordinator->runs_fd, &names);
        if (r < 0)
                return r;
        FOREACH_TEXT(name, names) {
                r = adopt_name(coordinator, name);
                if (r < 0)
                        log_warning("Run %s cannot be found again: %s, continuing.",
                                    name,
                                    strerror(-r));
        }
        return 0;
}
