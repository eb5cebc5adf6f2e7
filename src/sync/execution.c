// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     signature equal? ── yes ──▶ done (no worker was started)
 *        │ no
 *     ResolutionStep ─▶ Plan ─▶ nothing to do, lock only, dry run ──▶ done
 *        │                 │
 *        │              Supply (missing trees)
 *        └─ FetchClient ───┘
 *                          │
 *     journal_begin ─▶ blast-stage: make and choose the generation ─▶ journal_end ─▶ done
 *                                                                        │
 *                     old generations are collected, Background makes bytecode and the copy behind .venv
 *
 * The other goals are one step each: rollback chooses a generation (blast-stage), delete and collect are
 * renames whose files are removed behind our back, complete-venv and run wait.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "environment/fail-point.h"
#include "environment/policy.h"
#include "environment/spec.h"
#include "sync/apply.h"
#include "sync/background.h"
#include "sync/coordinator-internal.h"
#include "sync/execution.h"
#include "sync/fetch-client.h"
#include "sync/housekeeping.h"
#include "sync/resolution-step.h"
#include "sync/run-internal.h"
#include "sync/supply.h"

struct Execution {
        Job *job; /* owns us */
        Coordinator *coordinator;
        Environment *environment;
        int project_fd;
        Signature *signature;
        ResolveRequest request; /* borrows everything */
        FetchClient *fetcher;
        ResolutionStep *resolution;
        ResolveAnswer answer;
        Supply *supply;
        Apply *apply;
};

Execution *execution_free(Execution *execution) {
        if (!execution)
                return NULL;
        (void) apply_free(execution->apply);
        (void) supply_free(execution->supply);
        (void) resolution_step_free(execution->resolution);
        (void) fetch_client_free(execution->fetcher);
        (void) signature_free(execution->signature);
        resolve_answer_done(&execution->answer);
        (void) fd_close(execution->project_fd);
        free(execution);
        return NULL;
}

static void finish(Execution *execution, int error, const Fault *fault) {
        job_finish(execution->job, error, fault);
}

/* All trees of the current generation are in the store. What lies in trees/ changes with every published
 * or removed tree, so an unchanged time of the directory says that nothing has changed since. */
static bool has_all_trees(Environment *environment) {
        Store *store = environment->coordinator->store;
        struct stat status;

        if (fstat(store_get_directory(store, STORE_TREE), &status) < 0)
                return false;
        uint64_t now = (uint64_t) status.st_mtim.tv_sec * NSEC_PER_SEC +
                        (uint64_t) status.st_mtim.tv_nsec;
        if (environment->trees_seen_nsec == now)
                return true;
        for (size_t i = 0; i < environment->generation.n_trees; i++) {
                char name[STORE_NAME_SIZE];
                store_tree_name(&environment->generation.trees[i], name);
                if (!store_has(store, STORE_TREE, name))
                        return false;
        }
        environment->trees_seen_nsec = now;
        return true;
}

static bool has_same_interpreter(const GenerationRecord *record) {
        _cleanup_(freep) char *signature = NULL;

        return interpreters_sign(record->python_path, &signature) >= 0 &&
                        streq(signature, record->python_signature);
}

/* Whether a sync has nothing to do, found without starting anything. */
static bool is_settled(Execution *execution) {
        Environment *environment = execution->environment;
        const Goal *goal = execution->job->goal;
        int r;

        if (goal->verb != GOAL_SYNC || !environment->has_generation || !environment->signature ||
            !streq(environment->generation.project_path, environment->record->project_path) ||
            !streq(environment->generation.prefix, environment->prefix))
                return false;
        r = signature_match(environment->signature, execution->project_fd, &goal->wish);
        if (r <= 0 || !has_all_trees(environment) ||
            !has_same_interpreter(&environment->generation))
                return false;
        if (r == 2) /* only the next comparison is slower if this fails */
                (void) !signature_store(environment->generation_fd, environment->signature);
        return true;
}

static bool is_stored(const Digest *tree, void *userdata) {
        Coordinator *coordinator = userdata;
        char name[STORE_NAME_SIZE];

        store_tree_name(tree, name);
        return store_has(coordinator->store, STORE_TREE, name);
}

/* The job keeps copies of both locks, because its plan outlives the generation it was made from. */
static int make_plan(Execution *execution, const Lock *new_lock) {
        Environment *environment = execution->environment;
        Job *job = execution->job;
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        r = lock_encode(new_lock, &data, &size);
        if (r >= 0)
                r = lock_decode(data, size, &job->new_lock);
        if (r >= 0 && environment->has_generation)
                r = lock_decode(environment->generation.lock,
                                environment->generation.lock_size,
                                &job->old_lock);
        if (r < 0)
                return r;
        return plan_new(job->old_lock,
                        job->new_lock,
                        is_stored,
                        execution->coordinator,
                        &job->plan);
}

static bool settings_equal(const Settings *a, const Settings *b) {
        _cleanup_packet_writer_ PacketWriter left, right;
        _cleanup_(freep) void *left_data = NULL, *right_data = NULL;
        size_t left_size, right_size;

        packet_writer_init(&left, 0, 1);
        packet_writer_init(&right, 0, 1);
        packet_put_settings(&left, a);
        packet_put_settings(&right, b);
        return packet_writer_finish(&left, &left_data, &left_size) >= 0 &&
                        packet_writer_finish(&right, &right_data, &right_size) >= 0 &&
                        left_size == right_size && memcmp(left_data, right_data, left_size) == 0;
}

static bool strings_equal(char *const *a, char *const *b) {
        size_t n = strings_count(a);

        if (n != strings_count(b))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!streq(a[i], b[i]))
                        return false;
        return true;
}

/* Reasons for a new generation that lie outside the packages. */
static void add_causes(Execution *execution) {
        const Environment *environment = execution->environment;
        const GenerationRecord *old = &environment->generation;
        const ResolveAnswer *answer = &execution->answer;
        Plan *plan = execution->job->plan;

        if (!environment->has_generation)
                return; /* the first one: plan_new() says so */
        if (!streq(old->python_path, answer->python_path) || !has_same_interpreter(old))
                plan_add_cause(plan, PLAN_CAUSE_PYTHON);
        if (!streq(old->project_path, environment->record->project_path) ||
            !streq(old->prefix, environment->prefix))
                plan_add_cause(plan, PLAN_CAUSE_MOVED);
        if (!settings_equal(&old->settings, &answer->settings))
                plan_add_cause(plan, PLAN_CAUSE_SETTINGS);
        if (!strings_equal(old->kept_requirements, answer->kept_requirements))
                plan_add_cause(plan, PLAN_CAUSE_WISHES);
}

/* Hands the files for the project to the job, and notes in the signature what they will hold. */
static int take_files(Execution *execution) {
        ResolveAnswer *answer = &execution->answer;
        Job *job = execution->job;
        int r;

        job->files = TAKE_PTR(answer->files);
        job->n_files = TAKE(answer->n_files, 0);
        FOREACH_TEXT(warning, answer->warnings) {
                r = strings_add(&job->warnings, warning);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < job->n_files; i++) {
                r = signature_expect(execution->signature, job->files[i].name, job->files[i].text);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The generation stands. With more trees than an overlay can hold it can be used when its copy is there,
 * so the job lasts until then. */
static void finish_with_copy(Execution *execution) {
        Environment *environment = execution->environment;

        if (environment->generation.n_trees + 1 <= LAUNCH_LAYERS_MAX ||
            environment->venv_state == VENV_COMPLETE) {
                finish(execution, 0, NULL);
                return;
        }
        job_set_phase(execution->job, "copying", NULL);
        execution->job->waits_for_copy = true;
        coordinator_wake(execution->coordinator);
}

static void on_applied(int error, const Fault *fault, void *userdata) {
        if (error >= 0)
                finish_with_copy(userdata);
        else
                finish(userdata, error, fault);
}

static int start_apply(Execution *execution, Fault *fault) {
        const ApplyOrder order = {
                .answer = &execution->answer,
                .signature = execution->signature,
                .on_done = on_applied,
                .userdata = execution,
        };

        job_set_state(execution->job, JOB_APPLYING);
        job_set_phase(execution->job, "staging", NULL);
        return apply_new(execution->job, &order, fault, &execution->apply);
}

static void
on_supply_progress(JobProgress progress, const char *phase, const char *subject, void *userdata) {
        Execution *execution = userdata;

        execution->job->progress = progress;
        job_set_phase(execution->job, phase, subject);
}

static void on_supplied(int error, const Fault *fault, void *userdata) {
        Execution *execution = userdata;
        _cleanup_fault_ Fault own = {};
        int r = error;

        if (execution->job->outcome != _JOB_STATE_INVALID)
                return; /* cancelled meanwhile */
        if (r >= 0)
                r = start_apply(execution, &own);
        if (r < 0)
                finish(execution, r, fault ?: &own);
}

static int start_supply(Execution *execution, Fault *fault) {
        const Plan *plan = execution->job->plan;
        _cleanup_(freep) const LockPackage **packages =
                        new0(const LockPackage *, plan_count_missing(plan) + 1);
        SupplyOrder order = {
                .fetcher = execution->fetcher,
                .on_done = on_supplied,
                .on_progress = on_supply_progress,
                .userdata = execution,
        };

        if (!packages)
                return -ENOMEM;
        for (size_t i = 0; i < plan_count(plan); i++) {
                const PlanStep *step = plan_get(plan, i);
                if (step->package && !step->is_stored)
                        packages[order.n_packages++] = step->package;
        }
        order.packages = packages;
        job_set_state(execution->job, JOB_FETCHING);
        if (order.n_packages == 0)
                return start_apply(execution, fault);
        job_set_phase(execution->job, "fetching", NULL);
        return supply_new(execution->coordinator, &order, fault, &execution->supply);
}

/* A signature that is brought up to date although no generation was made. */
static void keep_signature(Execution *execution) {
        Environment *environment = execution->environment;

        if (!environment->has_generation ||
            signature_store(environment->generation_fd, execution->signature) < 0)
                return; /* the next sync resolves again */
        (void) signature_free(environment->signature);
        environment->signature = TAKE_PTR(execution->signature);
}

static int check_walls(const ResolveAnswer *answer, char ***warnings, Fault *fault) {
        _cleanup_environment_spec_ EnvironmentSpec spec = {};
        int r;

        r = environment_spec_from_settings(&answer->settings, warnings, fault, &spec);
        if (r < 0)
                return r;
        return policy_check_strict(&spec, &answer->settings, fault);
}

static int go_on_with_answer(Execution *execution, Fault *fault) {
        Job *job = execution->job;
        int r;

        fail_point_reach("resolved", false);
        r = check_walls(&execution->answer, &job->warnings, fault);
        if (r < 0)
                return r;
        r = make_plan(execution, execution->answer.lock);
        if (r < 0)
                return r;
        add_causes(execution);
        r = take_files(execution);
        if (r < 0)
                return r;

        if (job->goal->is_dry_run) {
                /* Nothing may be written into the project either. */
                r = plan_format(job->plan, &job->output);
                if (r < 0)
                        return r;
                finish(execution, 0, NULL);
        } else if (job->goal->verb == GOAL_LOCK)
                finish(execution, 0, NULL);
        else if (plan_get_causes(job->plan) == 0 && plan_count_missing(job->plan) == 0) {
                keep_signature(execution);
                finish(execution, 0, NULL);
        } else
                return start_supply(execution, fault);
        return 0;
}

static void on_resolved(ResolveAnswer *answer, int error, const Fault *fault, void *userdata) {
        Execution *execution = userdata;
        _cleanup_fault_ Fault own = {};
        int r = error;

        if (execution->job->outcome != _JOB_STATE_INVALID)
                return; /* cancelled meanwhile */
        if (r >= 0) {
                execution->answer = TAKE(*answer, (ResolveAnswer){});
                r = go_on_with_answer(execution, &own);
        }
        if (r < 0)
                finish(execution, r, fault ?: &own);
}

static void on_resolution_phase(const char *phase, const char *subject, void *userdata) {
        Execution *execution = userdata;

        job_set_phase(execution->job, phase, subject);
}

static const char *project_name(const Environment *environment) {
        const char *slash = strrchr(environment->record->project_path, '/');

        return slash && slash[1] ? slash + 1 : "project";
}

static void fill_request(Execution *execution) {
        static const ResolveVerb verbs[] = {
                [GOAL_SYNC] = RESOLVE_SYNC,     [GOAL_INSTALL] = RESOLVE_ADD,
                [GOAL_REMOVE] = RESOLVE_REMOVE, [GOAL_UPDATE] = RESOLVE_UPDATE,
                [GOAL_LOCK] = RESOLVE_SYNC,
        };
        const Environment *environment = execution->environment;

        execution->request = execution->job->goal->wish;
        execution->request.verb = verbs[execution->job->goal->verb];
        execution->request.has_project = true;
        execution->request.project_name = (char *) project_name(environment);
        execution->request.kept_requirements = environment->has_generation
                        ? environment->generation.kept_requirements
                        : NULL;
}

static void on_fetcher_lost(const Fault *fault, void *userdata) {
        finish(userdata, -EPIPE, fault);
}

static int start_resolution(Execution *execution, Fault *fault) {
        const ResolutionOrder order = {
                .request = &execution->request,
                .project_fd = execution->project_fd,
                .on_done = on_resolved,
                .on_phase = on_resolution_phase,
                .userdata = execution,
        };
        _cleanup_close_ int resolver_fd = -EBADF, fetcher_fd = -EBADF;
        int pair[2], r;

        fill_request(execution);
        r = channel_pair(false, pair);
        if (r < 0)
                return r;
        resolver_fd = pair[0];
        fetcher_fd = pair[1];
        /* The resolver first: it has the longer way to go. */
        r = resolution_step_new(
                        execution->coordinator,
                        &order,
                        TAKE_FD(resolver_fd),
                        fault,
                        &execution->resolution);
        if (r < 0)
                return r;
        r = fetch_client_new(
                        execution->coordinator->event,
                        &execution->request.index,
                        execution->coordinator->downloads_fd,
                        fetcher_fd,
                        fault,
                        &execution->fetcher);
        if (r < 0)
                return r;
        fetch_client_set_callbacks(execution->fetcher, NULL, NULL, on_fetcher_lost, execution);
        return 0;
}

static int start_resolved_goal(Execution *execution, Fault *fault) {
        Environment *environment = execution->environment;
        Job *job = execution->job;
        int r;

        job_set_state(job, JOB_RESOLVING);
        job_set_phase(job, "resolving", NULL);
        fail_point_reach("job-started", false);
        execution->project_fd = registry_open_project(environment->record, fault);
        if (execution->project_fd < 0)
                return execution->project_fd;
        r = environment_follow_project(environment);
        if (r < 0)
                return r;
        if (is_settled(execution)) {
                r = make_plan(execution, environment->lock);
                if (r >= 0 && job->goal->is_dry_run)
                        r = plan_format(job->plan, &job->output);
                if (r < 0)
                        return r;
                if (environment->venv_state != VENV_COMPLETE)
                        background_start(environment);
                finish_with_copy(execution);
                return 0;
        }
        r = signature_take(execution->project_fd, &job->goal->wish, &execution->signature);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                r == -EBADFD ? FAULT_PROJECT_INVALID : fault_code_from_errno(r),
                                environment->record->project_path,
                                "The files of the project cannot be read: %s.",
                                r == -EBADFD ? "one of them is not a regular file" : strerror(-r));
        return start_resolution(execution, fault);
}

static int start_rollback(Execution *execution, Fault *fault) {
        const ApplyOrder order = {
                .on_done = on_applied,
                .userdata = execution,
        };

        job_set_state(execution->job, JOB_APPLYING);
        job_set_phase(execution->job, "rolling back", NULL);
        return apply_new(execution->job, &order, fault, &execution->apply);
}

static int start_goal(Execution *execution, Fault *fault) {
        Job *job = execution->job;
        int r;

        switch (job->goal->verb) {
        case GOAL_ROLLBACK:
                return start_rollback(execution, fault);
        case GOAL_COMPLETE_VENV:
                job_set_state(job, JOB_RUNNING);
                job_set_phase(job, "copying", NULL);
                return background_wait(job, fault);
        case GOAL_RUN:
                job_set_state(job, JOB_RUNNING);
                job_set_phase(job, "running", job->goal->argv[0]);
                return run_start_job(job, fault);
        case GOAL_DELETE:
                job_set_state(job, JOB_APPLYING);
                r = housekeeping_delete(execution->environment, job, fault);
                break;
        case GOAL_COLLECT:
                job_set_state(job, JOB_APPLYING);
                r = housekeeping_collect(execution->coordinator, job, fault);
                break;
        default:
                return start_resolved_goal(execution, fault);
        }
        if (r >= 0)
                finish(execution, 0, NULL);
        return r;
}

void execution_start(Job *job) {
        _cleanup_fault_ Fault fault = {};
        int r;

        job->execution = new0(Execution, 1);
        if (!job->execution) {
                job_finish(job, -ENOMEM, NULL);
                return;
        }
        *job->execution = (Execution){
                .job = job,
                .coordinator = job->coordinator,
                .environment = job->environment,
                .project_fd = -EBADF,
        };
        /* One that is only broken is made anew by the next sync. */
        if (job->environment && job->environment->load_fault.code == FAULT_FORMAT_TOO_NEW) {
                job_finish(job, -EPROTONOSUPPORT, &job->environment->load_fault);
                return;
        }
        r = start_goal(job->execution, &fault);
        if (r < 0)
                job_finish(job, r, &fault);
}
