// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     DELAYED ─▶ COMPILING ─▶ COPYING ─▶ SHOWING ─▶ (gone; the copy is complete)
 *                    └───────────┴──────────┴────▶ (gone; the copy has failed)
 *
 * DELAYED    until the program that the generation was made for has probably started, or somebody waits.
 * COMPILING  one helper sandbox at a time runs compile.py on trees that lack bytecode for the generation's
 *            interpreter; what comes out are trees of their own [11]. Trees that cannot be compiled go without.
 * COPYING    blast-unpack materialises all trees and bytecode in .lib-<random>/ of the generation, which
 *            nobody looks into.
 * SHOWING    blast-stage flushes it and renames it to lib/. Nothing of the upper comes into it.
 *
 * A crash leaves a .lib-… directory, which the next start removes before it begins anew. A newer generation
 * ends what is made of the older one; environment_sweep() removes the rest of it.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "environment/copy.h"
#include "environment/fail-point.h"
#include "environment/stage-request.h"
#include "package/request.h"
#include "sync/background.h"
#include "sync/compile.h"
#include "sync/coordinator-internal.h"

struct Background {
        Environment *environment;
        Coordinator *coordinator;
        size_t next_tree;       /* to be looked at while compiling */
        sd_event_source *delay; /* until it begins; NULL: it has begun */
        Compile *compile;
        WorkerProcess *worker; /* copying or showing */
        char copy_name[32];
};

/* Who made the generation wants to run a program in it, and has all processors until that program runs.
 * (A lower priority would not do: each worker is a session, which autogroup gives an equal share.) */
#define DELAY_USEC (UINT64_C(300) * 1000)

Background *background_free(Background *background) {
        if (!background)
                return NULL;
        (void) sd_event_source_disable_unref(background->delay);
        (void) compile_free(background->compile);
        (void) worker_process_free(background->worker);
        free(background);
        return NULL;
}
DEFINE_CLEANUP(Background, background_free)

void background_sweep(Environment *environment) {
        _cleanup_(strings_freep) char **names = NULL, **leftovers = NULL;

        if (directory_list(environment->generation_fd, &names) < 0)
                return;
        FOREACH_TEXT(name, names)
                if (string_after(name, BACKGROUND_COPY_PREFIX) && strings_add(&leftovers, name) < 0)
                        return;
        remover_start(&environment->copy_sweeper, environment->generation_fd, leftovers);
}

/* The last thing it does: it is gone after. */
static void end(Background *background, VenvState state, const char *reason) {
        Environment *environment = background->environment;

        if (state == VENV_FAILED)
                log_warning("The copy behind '%s' cannot be made: %s",
                            environment->prefix,
                            reason ?: "no reason is known.");
        if (state == VENV_FAILED)
                background_sweep(environment);
        assert(environment->background == background);
        environment->background = background_free(background);
        environment_set_venv_state(environment, state);
        coordinator_wake(environment->coordinator);
}

/* Starts the worker of the next step; @order lacks what is the same for all. */
static int start_worker(Background *background, const WorkerOrder *order, Fault *fault) {
        WorkerOrder complete = *order;

        complete.timeout_usec = STAGE_TIMEOUT_USEC;
        complete.userdata = background;
        return worker_process_new(
                        background->coordinator->event, &complete, fault, &background->worker);
}

static void
on_shown(WorkerProcess *worker, const void *data, size_t size, const Fault *ended, void *userdata) {
        Background *background = userdata;
        _cleanup_stage_answer_ StageAnswer answer = {};
        int r = ended ? -EPROTO : stage_answer_decode(data, size, &answer);

        if (r >= 0 && !fault_is_set(&answer.fault))
                end(background, VENV_COMPLETE, NULL);
        else
                end(background, VENV_FAILED, ended ? ended->message : answer.fault.message);
}

static int show(Background *background, Fault *fault) {
        const Environment *environment = background->environment;
        StageRequest request = {
                .verb = STAGE_SHOW,
                .name = background->copy_name,
        };
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        r = stage_request_encode(&request, &data, &size);
        if (r < 0)
                return r;
        const WorkerOrder order = {
                .name = "stage",
                .request = data,
                .request_size = size,
                .fds = &environment->generation_fd,
                .n_fds = 1,
                .on_end = on_shown,
        };
        return start_worker(background, &order, fault);
}

static void
on_copied(WorkerProcess *worker,
          const void *data,
          size_t size,
          const Fault *ended,
          void *userdata) {
        Background *background = userdata;
        _cleanup_(materialise_answer_done) MaterialiseAnswer answer = {};
        _cleanup_fault_ Fault fault = {};
        int r = ended ? -EPROTO : materialise_answer_decode(data, size, &answer);

        if (r >= 0 && fault_is_set(&answer.fault))
                r = -EIO;
        background->worker = worker_process_free(background->worker);
        if (r >= 0)
                r = show(background, &fault);
        if (r < 0)
                end(background, VENV_FAILED, answer.fault.message ?: fault.message);
}

static int add_item(MaterialiseRequest *request, bool is_bytecode, char *source) {
        MaterialiseItem *item = &request->items[request->n_items];

        *item = (MaterialiseItem){
                .is_bytecode = is_bytecode,
                .source = source,
                .destination = strdup(""),
        };
        request->n_items++; /* whatever is in it is freed with the request */
        return item->source && item->destination ? 0 : -ENOMEM;
}

static int fill_items(const Background *background, MaterialiseRequest *request) {
        const GenerationRecord *record = &background->environment->generation;
        Store *store = background->coordinator->store;
        char hex[DIGEST_HEX_SIZE], name[STORE_NAME_SIZE];
        int r;

        request->items = new0(MaterialiseItem, 2 * record->n_trees + 1);
        if (!request->items)
                return -ENOMEM;
        for (size_t i = 0; i < record->n_trees; i++) {
                r = add_item(request,
                             false,
                             string_format("%s/site-packages",
                                           digest_to_hex(&record->trees[i], hex)));
                if (r < 0)
                        return r;
                r = compile_bytecode_name(record, &record->trees[i], name, sizeof(name));
                if (r < 0)
                        return r;
                if (!store_has(store, STORE_BYTECODE, name))
                        continue;
                r = add_item(request, true, strdup(name));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int copy(Background *background, Fault *fault) {
        const GenerationRecord *record = &background->environment->generation;
        const char *below = string_after(record->site_packages, "lib/");
        _cleanup_(materialise_request_done)
                        MaterialiseRequest request = { .link_mode = LINK_CLONE };
        _cleanup_close_ int destination_fd = -EBADF;
        _cleanup_(freep) char *path = NULL;
        _cleanup_(freep) void *data = NULL;
        uint64_t random;
        size_t size;
        int r;

        if (!below)
                return -EBADMSG;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return -EIO;
        (void) snprintf(background->copy_name,
                        sizeof(background->copy_name),
                        BACKGROUND_COPY_PREFIX "%016llx",
                        (unsigned long long) random);
        path = string_format("%s/%s", background->copy_name, below);
        if (!path)
                return -ENOMEM;
        destination_fd = directory_open_or_make(background->environment->generation_fd, path, 0755);
        if (destination_fd < 0)
                return destination_fd;
        r = fill_items(background, &request);
        if (r < 0)
                return r;
        if (request.n_items == 0)
                return show(background, fault);
        r = materialise_request_encode(&request, &data, &size);
        if (r < 0)
                return r;
        const int fds[] = {
                destination_fd,
                store_get_directory(background->coordinator->store, STORE_TREE),
                store_get_directory(background->coordinator->store, STORE_BYTECODE),
        };
        const WorkerOrder order = {
                .name = "unpack",
                .request = data,
                .request_size = size,
                .fds = fds,
                .n_fds = ELEMENTSOF(fds),
                .on_end = on_copied,
        };
        return start_worker(background, &order, fault);
}

static void go_on(Background *background);

static void on_compiled(const Fault *fault, void *userdata) {
        Background *background = userdata;

        if (fault)
                log_debug("Trees go without bytecode: %s", fault->message);
        fail_point_reach("bytecode-published", false);
        background->compile = compile_free(background->compile);
        go_on(background);
}

/* Starts the compiler for the next trees that lack bytecode. Returns 0 if there are none. */
static int compile_next(Background *background) {
        const GenerationRecord *record = &background->environment->generation;
        _cleanup_fault_ Fault fault = {};
        CompileOrder order = {
                .record = record,
                .on_done = on_compiled,
                .userdata = background,
        };
        int r;

        while (background->next_tree < record->n_trees && order.n_trees < COMPILE_TREES_MAX) {
                const Digest *tree = &record->trees[background->next_tree++];
                char name[STORE_NAME_SIZE];

                r = compile_bytecode_name(record, tree, name, sizeof(name));
                if (r >= 0 && !store_has(background->coordinator->store, STORE_BYTECODE, name))
                        order.trees[order.n_trees++] = tree;
        }
        if (order.n_trees == 0)
                return 0;
        r = compile_new(background->coordinator, &order, &fault, &background->compile);
        if (r < 0) {
                log_debug("Bytecode cannot be made: %s", fault.message ?: strerror(-r));
                return 0; /* the copy goes without, and the next start tries again */
        }
        return 1;
}

static void go_on(Background *background) {
        _cleanup_fault_ Fault fault = {};
        int r;

        if (compile_next(background) > 0)
                return;
        r = copy(background, &fault);
        if (r < 0)
                end(background, VENV_FAILED, fault.message ?: strerror(-r));
}

static void begin(Background *background) {
        background->delay = sd_event_source_disable_unref(background->delay);
        go_on(background);
}

static int on_delay(sd_event_source *source, uint64_t usec, void *userdata) {
        begin(userdata);
        return 0;
}

/* Programs of an environment with more trees than an overlay holds run in the copy itself. */
static bool is_urgent(const Environment *environment) {
        return environment->generation.n_trees + 1 > LAUNCH_LAYERS_MAX;
}

static void begin_later(Background *background) {
        if (is_urgent(background->environment) ||
            sd_event_add_time_relative(
                            background->coordinator->event,
                            &background->delay,
                            CLOCK_MONOTONIC,
                            DELAY_USEC,
                            0,
                            on_delay,
                            background) < 0)
                begin(background);
}

void background_start(Environment *environment) {
        Background *background;

        if (environment->background && environment->venv_state == VENV_BUILDING)
                return;
        environment->background = background_free(environment->background);
        if (!environment->has_generation || environment->venv_state == VENV_COMPLETE)
                return;
        background = new0(Background, 1);
        if (!background)
                return; /* the next sync tries again */
        *background = (Background){
                .environment = environment,
                .coordinator = environment->coordinator,
        };
        environment->background = background;
        environment_set_venv_state(environment, VENV_BUILDING);
        background_sweep(environment);
        begin_later(background);
}

int background_wait(Job *job, Fault *fault) {
        if (!job->environment->has_generation)
                return fault_set(
                                fault,
                                -ENOENT,
                                FAULT_NO_GENERATION,
                                job->environment->record->project_path,
                                "Nothing is installed in the environment yet.");
        background_start(job->environment);
        if (job->environment->background && job->environment->background->delay)
                begin(job->environment->background);
        job->waits_for_copy = true;
        coordinator_wake(job->coordinator);
        return 0;
}

void background_check(Job *job) {
        job->waits_for_copy = job->environment->venv_state == VENV_BUILDING;
        switch (job->environment->venv_state) {
        case VENV_COMPLETE:
                job_finish(job, 0, NULL);
                break;
        case VENV_BUILDING:
                break;
        default: {
                const Fault fault = {
                        .code = FAULT_INTERNAL,
                        .message = (char *) "The copy behind .venv could not be made; the log says why.",
                };
                job_finish(job, -EIO, &fault);
        }
        }
}
