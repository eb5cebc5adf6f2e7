// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "environment/fail-point.h"
#include "environment/spec.h"
#include "environment/stage-request.h"
#include "sync/apply.h"
#include "sync/background.h"
#include "sync/coordinator-internal.h"
#include "sync/journal.h"

struct Apply {
        Job *job;
        ApplyOrder order;
        uint32_t number; /* of the generation that is made or chosen */
        WorkerProcess *stager;
};

Apply *apply_free(Apply *apply) {
        if (!apply)
                return NULL;
        (void) worker_process_free(apply->stager);
        free(apply);
        return NULL;
}

static uint64_t now_usec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

static int copy_text(const char *text, char **ret) {
        *ret = strdup(text ?: "");
        return *ret ? 0 : -ENOMEM;
}

static int
fill_texts(GenerationRecord *record,
           const Environment *environment,
           const Job *job,
           const ResolveAnswer *answer) {
        const struct {
                char **field;
                const char *text;
        } texts[] = {
                { &record->verb, goal_verb_to_string(job->goal->verb) },
                { &record->project_path, environment->record->project_path },
                { &record->project_name, answer->project_name },
                { &record->prefix, environment->prefix },
                { &record->python_path, answer->python_path },
                { &record->python_version, answer->python_version },
                { &record->python_tag, answer->python_tag },
                { &record->python_prefix, answer->python_prefix },
                { &record->site_packages, answer->site_packages },
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                r = copy_text(texts[i].text, texts[i].field);
                if (r < 0)
                        return r;
        }
        return interpreters_sign(record->python_path, &record->python_signature);
}

/* Settings have no copy of their own: they travel as a packet. */
static int copy_settings(const Settings *from, Settings *ret) {
        _cleanup_packet_writer_ PacketWriter writer;
        _cleanup_(freep) void *data = NULL;
        PacketReader reader;
        size_t size;
        int r;

        packet_writer_init(&writer, 0, 1);
        packet_put_settings(&writer, from);
        r = packet_writer_finish(&writer, &data, &size);
        if (r < 0)
                return r;
        r = packet_reader_init(&reader, data, size, 0, 1, NULL);
        if (r < 0)
                return r;
        r = packet_get_settings(&reader, ret);
        return r < 0 ? r : packet_reader_finish(&reader);
}

static int fill_tree(const LockPackage *package, const UnpackAnswer *facts, GenerationTree *tree) {
        (void) digest_to_hex(&package->digest, tree->name);
        tree->has_data = facts->has_data;
        if (facts->has_headers && !(tree->header_directory = strdup(package->name)))
                return -ENOMEM;
        tree->scripts = new0(GenerationScript, facts->n_scripts + 1);
        if (!tree->scripts)
                return -ENOMEM;
        tree->n_scripts = facts->n_scripts;
        for (size_t i = 0; i < facts->n_scripts; i++) {
                GenerationScript *script = &tree->scripts[i];
                if (copy_text(facts->scripts[i].name, &script->name) < 0 ||
                    copy_text(facts->scripts[i].module, &script->module) < 0 ||
                    copy_text(facts->scripts[i].function, &script->function) < 0)
                        return -ENOMEM;
        }
        return strings_copy(facts->data_scripts, &tree->data_scripts);
}

static int warn_of_hooks(const LockPackage *package, const UnpackAnswer *facts, char ***warnings) {
        int r;

        FOREACH_TEXT(hook, facts->startup_hooks) {
                r = strings_consume(
                                warnings,
                                string_format("%s runs code at every start of Python ('%s').",
                                              package->name,
                                              hook));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int fill_trees(Coordinator *coordinator, const Lock *lock, GenerationDraft *draft) {
        GenerationRecord *record = &draft->record;
        int r;

        draft->trees = new0(GenerationTree, lock->n_packages + 1);
        record->trees = new0(Digest, lock->n_packages + 1);
        if (!draft->trees || !record->trees)
                return -ENOMEM;
        for (size_t i = 0; i < lock->n_packages; i++) {
                const LockPackage *package = &lock->packages[i];
                _cleanup_(unpack_answer_done) UnpackAnswer facts = {};

                r = store_load_facts(coordinator->store, &package->digest, &facts);
                if (r < 0)
                        return r;
                record->trees[record->n_trees++] = package->digest;
                r = fill_tree(package, &facts, &draft->trees[draft->n_trees++]);
                if (r >= 0)
                        r = warn_of_hooks(package, &facts, &record->warnings);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int fill_draft(Apply *apply, GenerationDraft *draft) {
        const ResolveAnswer *answer = apply->order.answer;
        Environment *environment = apply->job->environment;
        int r;

        draft->record.number = apply->number;
        draft->record.predecessor = environment->number;
        draft->record.created_usec = now_usec();
        r = fill_texts(&draft->record, environment, apply->job, answer);
        if (r < 0)
                return r;
        r = fill_trees(environment->coordinator, answer->lock, draft);
        if (r < 0)
                return r;
        r = copy_settings(&answer->settings, &draft->record.settings);
        if (r < 0)
                return r;
        r = strings_copy(answer->kept_requirements, &draft->record.kept_requirements);
        if (r < 0)
                return r;
        r = lock_encode(answer->lock, &draft->record.lock, &draft->record.lock_size);
        if (r < 0)
                return r;
        return signature_encode(apply->order.signature, &draft->signature, &draft->signature_size);
}

static int adopt_warnings(Job *job, const StageAnswer *answer) {
        int r;

        FOREACH_TEXT(warning, answer->warnings) {
                r = strings_add(&job->warnings, warning);
                if (r < 0)
                        return r;
        }
        return 0;
}

static uint32_t generations_max(const Environment *environment) {
        _cleanup_environment_spec_ EnvironmentSpec spec = {};

        if (!environment->has_generation ||
            environment_spec_from_settings(&environment->generation.settings, NULL, NULL, &spec) <
                            0)
                environment_spec_init(&spec);
        return spec.n_generations_max;
}

/* The generation stands; what is left cannot fail the job. */
static int settle(Apply *apply) {
        Environment *environment = apply->job->environment;
        int r;

        r = journal_end(environment->record->directory_fd, apply->job->goal->verb, apply->number);
        fail_point_reach("journal-ended", false);
        if (r < 0)
                log_warning("The journal of '%s' cannot be written: %s, continuing.",
                            environment->record->project_path,
                            strerror(-r));
        r = environment_reload(environment);
        if (r < 0)
                return r;
        background_start(environment); /* ends what is made of an older one, whose rest is swept */
        environment_collect_generations(environment, generations_max(environment));
        return 0;
}

/* As after a crash: what was made and not chosen goes away. What was chosen before blast-stage ended is what
 * `current` and .venv lead to, so then the job is done. Returns 1 in that case. */
static int recover(Apply *apply) {
        Environment *environment = apply->job->environment;
        int r = journal_recover(environment->record->directory_fd);

        if (r == JOURNAL_FINISHED && settle(apply) >= 0)
                return 1;
        environment_sweep(environment);
        return 0;
}

static void
on_staged(WorkerProcess *worker,
          const void *data,
          size_t size,
          const Fault *ended,
          void *userdata) {
        Apply *apply = userdata;
        _cleanup_stage_answer_ StageAnswer answer = {};
        _cleanup_fault_ Fault fault = {};
        int r = ended ? fault_copy(ended, &fault) : stage_answer_decode(data, size, &answer);

        apply->stager = worker_process_free(apply->stager);
        if (r >= 0 && ended)
                r = -EPROTO;
        else if (r >= 0 && fault_is_set(&answer.fault)) {
                r = fault_copy(&answer.fault, &fault);
                r = r < 0 ? r : -EIO;
        }
        if (r >= 0) {
                r = adopt_warnings(apply->job, &answer);
                if (r >= 0)
                        r = settle(apply);
        } else if (recover(apply) > 0) {
                log_warning("%s, but generation %u was complete, continuing.",
                            fault.message ?: "blast-stage gave no answer",
                            apply->number);
                fault_done(&fault);
                r = 0;
        }
        apply->order.on_done(r, fault_is_set(&fault) ? &fault : NULL, apply->order.userdata);
}

/* The number of a new generation, or of the one to go back to. */
static int choose_number(Apply *apply, Fault *fault) {
        const Environment *environment = apply->job->environment;
        uint32_t wanted = apply->job->goal->generation;
        _cleanup_(freep) uint32_t *numbers = NULL;
        size_t n;
        int r;

        r = generation_list(environment->record->directory_fd, &numbers, &n);
        if (r < 0)
                return r;
        if (apply->order.answer) {
                uint32_t last = n > 0 ? numbers[n - 1] : 0;
                apply->number = MAX(last, environment->number) + 1;
                return 0;
        }
        for (size_t i = n; i > 0; i--)
                if (wanted != 0 ? numbers[i - 1] == wanted : numbers[i - 1] < environment->number) {
                        apply->number = numbers[i - 1];
                        return 0;
                }
        if (wanted != 0)
                return fault_set(
                                fault,
                                -ENOENT,
                                FAULT_NO_GENERATION,
                                NULL,
                                "The environment has no generation %u.",
                                wanted);
        return fault_set(
                        fault,
                        -ENOENT,
                        FAULT_NO_GENERATION,
                        NULL,
                        "There is no generation before the current one.");
}

static int encode_request(Apply *apply, void **ret, size_t *ret_size) {
        _cleanup_stage_request_ StageRequest request = {
                .verb = apply->order.answer ? STAGE_MAKE : STAGE_CHOOSE,
                .number = apply->number,
        };
        int r;

        if (apply->order.answer) {
                r = fill_draft(apply, &request.draft);
                if (r < 0)
                        return r;
        }
        return stage_request_encode(&request, ret, ret_size);
}

static int start(Apply *apply, Fault *fault) {
        Environment *environment = apply->job->environment;
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        r = choose_number(apply, fault);
        if (r < 0)
                return r;
        r = encode_request(apply, &data, &size);
        if (r < 0)
                return r;
        r = journal_begin(environment->record->directory_fd, apply->job->goal->verb, apply->number);
        if (r < 0)
                return r;
        fail_point_reach("journal-begun", false);
        const int fds[] = {
                environment->record->directory_fd,
                store_get_directory(environment->coordinator->store, STORE_TREE),
        };
        const WorkerOrder order = {
                .name = "stage",
                .request = data,
                .request_size = size,
                .fds = fds,
                .n_fds = ELEMENTSOF(fds),
                .timeout_usec = STAGE_TIMEOUT_USEC,
                .on_end = on_staged,
                .userdata = apply,
        };
        return worker_process_new(environment->coordinator->event, &order, fault, &apply->stager);
}

int apply_new(Job *job, const ApplyOrder *order, Fault *fault, Apply **ret) {
        _cleanup_(apply_freep) Apply *apply = new0(Apply, 1);
        int r;

        if (!apply)
                return -ENOMEM;
        *apply = (Apply){ .job = job, .order = *order };
        r = start(apply, fault);
        if (r < 0)
                return fault_set(
                                fault,
                                r,
                                fault_code_from_errno(r),
                                job->environment->record->project_path,
                                "A generation cannot be made: %s.",
                                strerror(-r));
        *ret = TAKE_PTR(apply);
        return 0;
}
