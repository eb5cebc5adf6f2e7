// SPDX-License-Identifier: LGPL-2.1-or-later

/* Follows one job to its end: see call.c for how the connection is used. */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "basic/memory.h"
#include "bus/names.h"
#include "client/call.h"
#include "client/progress.h"

enum {
        CLOCK_INTERVAL_USEC = 200 * 1000
};

/* What is known of the job that is followed. */
typedef struct Follow {
        Client *client;
        char *job;   /* object path; NULL until the call was answered */
        char *ended; /* object path of the last JobRemoved seen, which may come before the answer */
        Progress progress;
        sd_event_source *clock; /* moves the line while the service has nothing to say */
        bool has_ended;
        bool is_cancelled;
} Follow;

static uint64_t monotonic_usec(void) {
        struct timespec now = {};

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

static void draw_progress(Follow *follow) {
        Show *show = &follow->client->show;
        uint64_t now = monotonic_usec();
        _cleanup_(freep) char *line = NULL;

        if (follow->is_cancelled || !show->is_terminal)
                return;
        progress_update(&follow->progress, now);
        line = progress_format(&follow->progress, now, show->n_columns);
        if (line)
                show_progress(show, false, "%s", line);
}

static int on_clock(sd_event_source *source, uint64_t usec, void *userdata) {
        int r;

        draw_progress(userdata);
        r = sd_event_source_set_time_relative(source, CLOCK_INTERVAL_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int read_text(sd_bus_message *message, char *buffer, size_t size) {
        const char *text;
        int r = sd_bus_message_read(message, "v", "s", &text);

        if (r >= 0)
                snprintf(buffer, size, "%s", text);
        return r;
}

static int read_property(Follow *follow, sd_bus_message *message, const char *name) {
        if (streq(name, "Phase"))
                return read_text(message, follow->progress.phase, sizeof(follow->progress.phase));
        if (streq(name, "Subject"))
                return read_text(
                                message,
                                follow->progress.subject,
                                sizeof(follow->progress.subject));
        if (streq(name, "Progress"))
                return sd_bus_message_read(
                                message,
                                "v",
                                "(uutt)",
                                &follow->progress.n_done,
                                &follow->progress.n_total,
                                &follow->progress.done_bytes,
                                &follow->progress.total_bytes);
        return sd_bus_message_skip(message, "v");
}

static int on_properties(Follow *follow, sd_bus_message *message) {
        const char *interface, *name;
        int r;

        if (!follow->job || !streq(sd_bus_message_get_path(message), follow->job))
                return 0;
        r = sd_bus_message_read(message, "s", &interface);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read(message, "s", &name);
                if (r < 0)
                        return r;
                r = read_property(follow, message, name);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        draw_progress(follow);
        return r;
}

static int on_job_removed(Follow *follow, sd_bus_message *message) {
        const char *job;
        uint32_t number;
        int r = sd_bus_message_read(message, "uo", &number, &job);

        if (r < 0)
                return r;
        if (!follow->job) {
                free(follow->ended);
                follow->ended = strdup(job);
        } else if (streq(job, follow->job))
                follow->has_ended = true;
        return 0;
}

static int on_signal_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Follow *follow = userdata;

        if (sd_bus_message_is_signal(
                            message, "org.freedesktop.DBus.Properties", "PropertiesChanged"))
                return on_properties(follow, message);
        if (sd_bus_message_is_signal(message, BUS_MANAGER, "JobRemoved"))
                return on_job_removed(follow, message);
        return 0;
}

static int
on_interrupt(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Follow *follow = userdata;
        _cleanup_message_ sd_bus_message *message = NULL;
        int r;

        if (follow->is_cancelled || !follow->job)
                return sd_event_exit(
                                sd_event_source_get_event(source), -EINTR); /* the second one */
        follow->is_cancelled = true;
        show_progress(&follow->client->show, true, "cancelling (again to leave at once)");
        r = client_message(follow->client, follow->job, "Job.Cancel", &message);
        if (r < 0)
                return r;
        /* The answer does not matter: the job ends one way or the other and says so. */
        return sd_bus_send(follow->client->bus, message, NULL);
}

static int follow_until_end(Follow *follow) {
        sd_event *event = follow->client->event;
        int r;

        while (!follow->has_ended) {
                r = sd_event_run(event, UINT64_MAX);
                if (r < 0)
                        return r;
                if (sd_event_get_state(event) == SD_EVENT_FINISHED)
                        return fault_set(
                                        &follow->client->fault,
                                        -ECANCELED,
                                        FAULT_CANCELLED,
                                        NULL,
                                        "Left while the job was being cancelled.");
                if (sd_bus_is_open(follow->client->bus) <= 0)
                        return fault_set(
                                        &follow->client->fault,
                                        -ECONNRESET,
                                        FAULT_NO_SERVICE,
                                        NULL,
                                        "The daemon ended while the job was running; run the command again.");
        }
        return 0;
}

void job_result_done(JobResult *result) {
        for (size_t i = 0; i < result->n_changes; i++) {
                free(result->changes[i].action);
                free(result->changes[i].package);
                free(result->changes[i].old_version);
                free(result->changes[i].new_version);
        }
        for (size_t i = 0; i < result->n_files; i++) {
                free(result->files[i].name);
                free(result->files[i].text);
        }
        free(result->changes);
        free(result->files);
        free(result->result);
        free(result->output);
        (void) strings_free(result->warnings);
        *result = (JobResult){};
}

static int read_files(sd_bus_message *reply, JobResult *result) {
        const char *name, *text;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "(ss)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "(ss)", &name, &text)) > 0) {
                r = ARRAY_RESERVE(result->files, result->n_files_allocated, result->n_files + 1);
                if (r < 0)
                        return r;
                TextFile *file = &result->files[result->n_files++];
                *file = (TextFile){ strdup(name), strdup(text) };
                if (!file->name || !file->text)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(reply);
}

static int read_changes(sd_bus_message *reply, JobResult *result) {
        const char *action, *package, *old_version, *new_version;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "(ssss)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(
                                reply, "(ssss)", &action, &package, &old_version, &new_version)) >
               0) {
                r =
                                ARRAY_RESERVE(result->changes,
                                              result->n_changes_allocated,
                                              result->n_changes + 1);
                if (r < 0)
                        return r;
                Change *change = &result->changes[result->n_changes++];
                *change = (Change){
                        strdup(action), strdup(package), strdup(old_version), strdup(new_version)
                };
                if (!change->action || !change->package || !change->old_version ||
                    !change->new_version)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(reply);
}

static int read_result(Client *client, const char *job, JobResult *ret) {
        _cleanup_message_ sd_bus_message *message = NULL, *reply = NULL;
        _cleanup_job_result_ JobResult result = {};
        const char *outcome, *error, *sentence, *hint;
        int r;

        r = client_message(client, job, "Job.GetResult", &message);
        if (r < 0)
                return r;
        r = client_send(client, message, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "ssss", &outcome, &error, &sentence, &hint);
        if (r < 0)
                return r;
        if (!streq(outcome, "done")) {
                FaultCode code = streq(outcome, "cancelled") ? FAULT_CANCELLED
                                                             : fault_code_from_error_name(error);
                (void) fault_set(&client->fault, -EIO, code, NULL, "%s", sentence);
                if (*hint)
                        fault_hint(&client->fault, "%s", hint);
        }
        result.result = strdup(outcome);
        r = read_files(reply, &result);
        if (r < 0)
                return r;
        r = read_changes(reply, &result);
        if (r < 0)
                return r;
        r = sd_bus_message_read_strv(reply, &result.warnings);
        if (r < 0)
                return r;
        *ret = TAKE(result, (JobResult){});
        return 0;
}

/* What only jobs with a program or a dry run have. */
static int read_output(Client *client, const char *job, JobResult *result) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r;

        r = client_property_string(client, job, "Job.Output", &result->output);
        if (r < 0)
                return r;
        r = client_property(client, job, "Job.ExitStatus", "i", &reply);
        if (r < 0)
                return r;
        return sd_bus_message_read(reply, "i", &result->exit_status);
}

static void release(Client *client, const char *job) {
        _cleanup_message_ sd_bus_message *message = NULL;

        /* Only thrift: the daemon forgets the job by itself when we leave. */
        if (client_message(client, job, "Job.Release", &message) >= 0)
                (void) sd_bus_send(client->bus, message, NULL);
}

static int start_job(Follow *follow, sd_bus_message *message) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *path;
        int r;

        follow->progress.started_usec = monotonic_usec();
        r = client_send(follow->client, message, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return r;
        follow->job = strdup(path);
        if (!follow->job)
                return -ENOMEM;
        follow->has_ended = follow->ended && streq(follow->ended, follow->job);
        return 0;
}

static int follow_job(Follow *follow, sd_bus_message *message, JobResult *ret) {
        Client *client = follow->client;
        int r;

        r = start_job(follow, message);
        if (r < 0)
                return r;
        r = follow_until_end(follow);
        show_progress_clear(&client->show);
        if (r < 0)
                return r;
        r = read_result(client, follow->job, ret);
        if (r < 0)
                return r;
        ret->elapsed_usec = monotonic_usec() - follow->progress.started_usec;
        r = read_output(client, follow->job, ret);
        release(client, follow->job);
        if (r < 0)
                return r;
        return streq(ret->result, "done") ? 0 : -EIO;
}

int client_run_job(Client *client, sd_bus_message *message, JobResult *ret) {
        static const char match[] = "type='signal',path_namespace='" BUS_PATH "'";
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        _cleanup_(sd_event_source_unrefp) sd_event_source *interrupt = NULL;
        Follow follow = { .client = client };
        sigset_t blocked, before;
        int r;

        r = sd_bus_add_match(client->bus, &slot, match, on_signal_message, &follow);
        if (r < 0)
                return r;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGINT);
        (void) sigprocmask(SIG_BLOCK, &blocked, &before);
        r = sd_event_add_signal(client->event, &interrupt, SIGINT, on_interrupt, &follow);
        if (r >= 0)
                r = sd_event_add_time_relative(
                                client->event,
                                &follow.clock,
                                CLOCK_MONOTONIC,
                                CLOCK_INTERVAL_USEC,
                                0,
                                on_clock,
                                &follow);
        if (r >= 0)
                r = follow_job(&follow, message, ret);

        (void) sd_event_source_disable_unref(follow.clock);
        interrupt = sd_event_source_unref(interrupt);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        free(follow.job);
        free(follow.ended);
        return r;
}
