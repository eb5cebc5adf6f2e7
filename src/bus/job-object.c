// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     job_book_add ──▶ running ──job_book_ended──▶ ended ──Release, 10 minutes, 64 newer──▶ out
 *                                    └── released before, or never anybody's ─────────────▶ out
 *
 * A job does not go with the connection that started it: busctl and shell scripts make a connection per
 * call and ask for the result with the next one.
 */

#include <stdio.h>
#include <string.h>

#include "basic/log.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "bus/append.h"
#include "bus/environment-object.h"
#include "bus/fault-reply.h"
#include "bus/job-object.h"
#include "bus/names.h"

#define KEEP_ENDED_USEC (10 * 60 * USEC_PER_SEC)

typedef struct Entry Entry;

struct Entry {
        JobBook *book;
        Entry *next; /* in the order of numbers */
        Job *job;
        sd_event_source *expiry;
        bool is_wanted; /* somebody started it and has not released it */
        bool has_ended;
};

struct JobBook {
        sd_event *event;
        Emitter *emitter;
        Entry *entries;
        size_t n_ended;
};

static const char *const changing_properties[] = { "State", "Phase", "Progress", "Subject", NULL };
static const char *const final_properties[] = {
        "State", "Phase", "Progress", "Subject", "Result", "ExitStatus", "Output", NULL,
};

char *job_object_path(const Job *job, char buffer[static JOB_PATH_SIZE]) {
        (void) snprintf(buffer, JOB_PATH_SIZE, BUS_JOB_PATH "/%u", job_get_number(job));
        return buffer;
}

static Entry *entry_free(Entry *entry) {
        if (!entry)
                return NULL;
        job_unref(entry->job);
        sd_event_source_disable_unref(entry->expiry);
        free(entry);
        return NULL;
}

DEFINE_CLEANUP(Entry, entry_free)

int job_book_new(sd_event *event, Emitter *emitter, JobBook **ret) {
        JobBook *book = new (JobBook, 1);

        if (!book)
                return -ENOMEM;
        *book = (JobBook){ .event = sd_event_ref(event), .emitter = emitter };
        *ret = book;
        return 0;
}

JobBook *job_book_free(JobBook *book) {
        if (!book)
                return NULL;
        for (Entry *entry = book->entries, *next; entry; entry = next) {
                next = entry->next;
                entry_free(entry);
        }
        sd_event_unref(book->event);
        free(book);
        return NULL;
}

static Entry *book_find(const JobBook *book, uint32_t number) {
        Entry *entry = book->entries;

        while (entry && job_get_number(entry->job) != number)
                entry = entry->next;
        return entry;
}

/* Takes the entry out and tells that the object is gone. */
static void book_remove(JobBook *book, Entry *entry) {
        char path[JOB_PATH_SIZE];

        emit_flush(book->emitter); /* what is still to be told reads the object */
        for (Entry **slot = &book->entries; *slot; slot = &(*slot)->next)
                if (*slot == entry) {
                        *slot = entry->next;
                        break;
                }
        book->n_ended -= entry->has_ended;
        emit_removed(book->emitter, job_object_path(entry->job, path), BUS_JOB);
        entry_free(entry);
}

void job_book_add(JobBook *book, Job *job) {
        char path[JOB_PATH_SIZE];
        Entry **slot = &book->entries;
        Entry *entry = new0(Entry, 1);

        if (!entry) {
                log_warning("Out of memory: job %u cannot be watched, continuing.",
                            job_get_number(job));
                return;
        }
        entry->book = book;
        entry->job = job_ref(job);
        while (*slot)
                slot = &(*slot)->next;
        *slot = entry;
        emit_job_new(book->emitter, job_get_number(job), job_object_path(job, path));
        emit_added(book->emitter, path, BUS_JOB);
}

void job_book_changed(JobBook *book, Job *job) {
        char path[JOB_PATH_SIZE];

        emit_changed(book->emitter, job_object_path(job, path), BUS_JOB, changing_properties);
}

static int on_expired(sd_event_source *source, uint64_t usec, void *userdata) {
        Entry *entry = userdata;

        book_remove(entry->book, entry);
        return 0;
}

static int entry_keep(Entry *entry) {
        return sd_event_add_time_relative(
                        entry->book->event,
                        &entry->expiry,
                        CLOCK_MONOTONIC,
                        KEEP_ENDED_USEC,
                        USEC_PER_SEC,
                        on_expired,
                        entry);
}

static void book_drop_oldest(JobBook *book) {
        for (Entry *entry = book->entries; entry; entry = entry->next)
                if (entry->has_ended) {
                        book_remove(book, entry);
                        return;
                }
}

void job_book_ended(JobBook *book, Job *job) {
        Entry *entry = book_find(book, job_get_number(job));
        const Fault *fault = job_get_fault(job);
        char path[JOB_PATH_SIZE];
        bool has_failed = streq(job_get_result(job), "failed");
        _cleanup_(freep) char *sentence = fault ? fault_sentence(fault) : NULL;
        _cleanup_(freep) char *message = text_for_bus(sentence);

        if (!entry)
                return;
        entry->has_ended = true;
        book->n_ended++;
        emit_changed(book->emitter, job_object_path(job, path), BUS_JOB, final_properties);
        emit_job_removed(
                        book->emitter,
                        job_get_number(job),
                        path,
                        (const char *const[]){
                                        job_get_result(job),
                                        has_failed && fault ? fault_code_to_error_name(fault->code)
                                                            : "",
                                        message ?: "",
                        });
        if (!entry->is_wanted || entry_keep(entry) < 0)
                book_remove(book, entry);
        else if (book->n_ended > JOBS_ENDED_MAX)
                book_drop_oldest(book);
}

void job_book_want(JobBook *book, const Job *job) {
        Entry *entry = book_find(book, job_get_number(job));

        if (entry)
                entry->is_wanted = true;
}

Job *job_book_next(const JobBook *book, size_t *position) {
        Entry *entry = book->entries;

        for (size_t i = 0; entry && i < *position; i++)
                entry = entry->next;
        if (!entry)
                return NULL;
        (*position)++;
        return entry->job;
}

static Entry *entry_at(const Service *service, const char *path) {
        const char *tail = string_after(path, BUS_JOB_PATH "/");
        uint64_t number;

        if (!tail || text_to_u64(text_of(tail), &number) < 0 || number > UINT32_MAX ||
            (*tail == '0' && tail[1]))
                return NULL;
        return book_find(service_get_jobs(service), (uint32_t) number);
}

Job *job_object_at(const Service *service, const char *path) {
        Entry *entry = entry_at(service, path);

        return entry ? entry->job : NULL;
}

int on_job_find(sd_bus *bus,
                const char *path,
                const char *interface,
                void *userdata,
                void **ret,
                sd_bus_error *error) {
        if (!job_object_at(userdata, path))
                return 0;
        *ret = userdata;
        return 1;
}

int on_job_enumerate(
                sd_bus *bus,
                const char *prefix,
                void *userdata,
                char ***ret,
                sd_bus_error *error) {
        _cleanup_(strings_freep) char **paths = NULL;
        char path[JOB_PATH_SIZE];
        size_t position = 0;
        const Job *job;

        while ((job = job_book_next(service_get_jobs(userdata), &position))) {
                int r = strings_add(&paths, job_object_path(job, path));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(paths);
        return 0;
}

/* Who started a job may ask for it, beside who owns the environment. */
static int
job_check_access(Service *service, sd_bus_message *message, const Job *job, sd_bus_error *error) {
        char number[16];
        const char *const details[] = {
                "job", number, "environment", job_get_environment_id(job), NULL,
        };

        (void) snprintf(number, sizeof(number), "%u", job_get_number(job));
        return access_check(
                        service_get_access(service),
                        message,
                        job_get_goal(job)->owner,
                        details,
                        error);
}

static int method_cancel(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Job *job = job_object_at(userdata, sd_bus_message_get_path(message));
        _cleanup_fault_ Fault fault = {};
        int r;

        r = job_check_access(userdata, message, job, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = job_cancel(job, &fault);
        if (r < 0 && r != -EALREADY)
                return fault_reply(error, &fault, r);
        return sd_bus_reply_method_return(message, NULL);
}

static int method_release(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Service *service = userdata;
        Entry *entry = entry_at(service, sd_bus_message_get_path(message));
        int r;

        r = job_check_access(service, message, entry->job, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        entry->is_wanted = false; /* a running job leaves with its end */
        if (entry->has_ended)
                book_remove(entry->book, entry);
        return sd_bus_reply_method_return(message, NULL);
}

static int append_files(sd_bus_message *reply, const Job *job) {
        size_t n_files;
        const ProjectFile *files = job_get_files(job, &n_files);
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ss)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_files; i++) {
                r = sd_bus_message_append(reply, "(ss)", files[i].name, files[i].text);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

static int append_changes(sd_bus_message *reply, const Job *job) {
        const Plan *plan = job_get_plan(job);
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ssss)");
        if (r < 0)
                return r;
        for (size_t i = 0; plan && i < plan_count(plan); i++) {
                const PlanStep *step = plan_get(plan, i);

                r = sd_bus_message_append(
                                reply,
                                "(ssss)",
                                plan_action_to_string(step->action),
                                step->name,
                                step->old_version ?: "",
                                step->new_version ?: "");
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

static int reply_with_result(sd_bus_message *message, const Job *job) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Fault *fault = job_get_fault(job);
        _cleanup_(freep) char *sentence = fault ? fault_sentence(fault) : NULL;
        int r;

        r = sd_bus_message_new_method_return(message, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_append(
                        reply,
                        "ss",
                        job_get_result(job),
                        fault_is_set(fault) ? fault_code_to_error_name(fault->code) : "");
        if (r < 0)
                return r;
        r = append_text(reply, sentence);
        if (r < 0)
                return r;
        r = append_text(reply, fault ? fault->hint : NULL);
        if (r < 0)
                return r;
        r = append_files(reply, job);
        if (r < 0)
                return r;
        r = append_changes(reply, job);
        if (r < 0)
                return r;
        r = append_texts(reply, job_get_warnings(job));
        if (r < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static int method_get_result(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Job *job = job_object_at(userdata, sd_bus_message_get_path(message));
        int r;

        r = job_check_access(userdata, message, job, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        if (!job_has_ended(job))
                return fault_reply_format(error, FAULT_BUSY, "The job has not ended yet.");
        return reply_with_result(message, job);
}

static int property_get_number(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        return sd_bus_message_append(reply, "u", job_get_number(job_object_at(userdata, path)));
}

static int property_get_environment(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        char buffer[ENVIRONMENT_PATH_SIZE];
        const Job *job = job_object_at(userdata, path);

        return sd_bus_message_append(
                        reply, "o", environment_object_path(job_get_environment_id(job), buffer));
}

static int property_get_progress(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        JobProgress progress = job_get_progress(job_object_at(userdata, path));

        return sd_bus_message_append(
                        reply,
                        "(uutt)",
                        progress.n_done,
                        progress.n_total,
                        progress.done_bytes,
                        progress.total_bytes);
}

static int property_get_exit_status(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        return sd_bus_message_append(
                        reply, "i", (int32_t) job_get_exit_status(job_object_at(userdata, path)));
}

static int property_get_output(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        return append_text(reply, job_get_output(job_object_at(userdata, path)));
}

static int property_get_text(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        const Job *job = job_object_at(userdata, path);
        const char *text;

        if (streq(property, "Kind"))
                text = goal_verb_to_string(job_get_goal(job)->verb);
        else if (streq(property, "State"))
                text = job_state_to_string(job_get_state(job));
        else if (streq(property, "Phase"))
                text = job_get_phase(job);
        else if (streq(property, "Subject"))
                text = job_get_subject(job);
        else
                text = job_get_result(job);
        return append_text(reply, text);
}

#define CALL     SD_BUS_VTABLE_UNPRIVILEGED /* the access table decides, not sd-bus */
#define CONSTANT SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES  SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_cancel, CALL),
        SD_BUS_METHOD_WITH_ARGS("Release", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_release, CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "GetResult",
                        SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("s",
                                      result,
                                      "s",
                                      error,
                                      "s",
                                      message,
                                      "s",
                                      hint,
                                      "a(ss)",
                                      files,
                                      "a(ssss)",
                                      changes,
                                      "as",
                                      warnings),
                        method_get_result,
                        CALL),
        SD_BUS_PROPERTY("Number", "u", property_get_number, 0, CONSTANT),
        SD_BUS_PROPERTY("Kind", "s", property_get_text, 0, CONSTANT),
        SD_BUS_PROPERTY("Environment", "o", property_get_environment, 0, CONSTANT),
        SD_BUS_PROPERTY("State", "s", property_get_text, 0, CHANGES),
        SD_BUS_PROPERTY("Phase", "s", property_get_text, 0, CHANGES),
        SD_BUS_PROPERTY("Progress", "(uutt)", property_get_progress, 0, CHANGES),
        SD_BUS_PROPERTY("Subject", "s", property_get_text, 0, CHANGES),
        SD_BUS_PROPERTY("Result", "s", property_get_text, 0, CHANGES),
        SD_BUS_PROPERTY("ExitStatus", "i", property_get_exit_status, 0, CHANGES),
        SD_BUS_PROPERTY("Output",
                        "s",
                        property_get_output,
                        0,
                        SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_VTABLE_END,
};
