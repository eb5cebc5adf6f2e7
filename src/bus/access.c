// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     handler ──access_check()──▶ private connection, owner, root ──────────────▶ 1, go on
 *        ▲            │
 *        │            └─ else: Question { message (referenced), row, details } ─▶ 0, handler ends
 *        │                        │ CheckAuthorization (asynchronous)
 *        └── same message again ◀─┴─ answer, error or timeout: rewound and queued once more
 *
 * The question is found again by the message's address; the reference it holds keeps that address
 * from meaning another message. The verdict counts only for the row and the details it was given
 * for: both are compared when the handler comes back, so a handler that derives other details the
 * second time (because the object changed meanwhile) is denied.
 *
 * Everything but a clear "yes" is a denial: no row, no sender, an unknown uid, an error from polkit,
 * no polkit, no answer. The subject is always the sender's unique bus name, never a pid. A sender
 * that leaves takes its questions along. Limits: 16 questions per sender, 256 in all; 25 s for an
 * answer, or 2 minutes where the caller allowed a person to be asked for a password.
 *
 * Answered questions whose handler never came back (its object was removed meanwhile) are swept by
 * an idle event source.
 */

#include <stdio.h>
#include <string.h>

#include "basic/fault.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "bus/access.h"
#include "bus/fault-reply.h"
#include "bus/names.h"
#include "bus/watch.h"

enum {
        QUESTIONS_PER_SENDER_MAX = 16,
        QUESTIONS_MAX = 256,
};

#define TIMEOUT_USEC             (25 * USEC_PER_SEC)
#define TIMEOUT_INTERACTIVE_USEC (120 * USEC_PER_SEC)

typedef struct Question Question;

struct Access {
        sd_event *event;
        sd_event_source *sweep;
        uid_t service_uid;
        uint64_t timeout_usec;
        bool asks_owner;
        Question *questions;
        size_t n_questions;
        uint64_t n_asked; /* ever; names cancellations */
};

struct Question {
        Access *access;
        Question *previous;
        Question *next;
        sd_bus_message *message;
        const AccessRow *row;
        char **details;
        char cancellation[32];
        sd_bus_slot *call;
        sd_bus_slot *watch; /* the sender leaving the bus */
        bool is_answered;
        bool is_allowed;
        bool is_challenge; /* polkit would have asked for a password */
};

static const AccessRow rows[] = {
        { BUS_MANAGER, "OpenProjectFd", ACTION_OPEN },
        { BUS_MANAGER, "OpenProject", ACTION_OPEN },
        { BUS_MANAGER, "FindProjectFd", ACTION_INSPECT },
        { BUS_MANAGER, "FindProject", ACTION_INSPECT },
        { BUS_MANAGER, "ListEnvironments", ACTION_INSPECT },
        { BUS_MANAGER, "ListJobs", ACTION_INSPECT },
        { BUS_MANAGER, "Collect", ACTION_COLLECT },
        { BUS_ENVIRONMENT, "Sync", ACTION_CHANGE },
        { BUS_ENVIRONMENT, "Install", ACTION_CHANGE },
        { BUS_ENVIRONMENT, "Remove", ACTION_CHANGE },
        { BUS_ENVIRONMENT, "Update", ACTION_CHANGE },
        { BUS_ENVIRONMENT, "Lock", ACTION_CHANGE },
        { BUS_ENVIRONMENT, "Rollback", ACTION_CHANGE },
        { BUS_ENVIRONMENT, "CompleteVenv", ACTION_CHANGE },
        { BUS_ENVIRONMENT, "RunFd", ACTION_RUN },
        { BUS_ENVIRONMENT, "Run", ACTION_RUN },
        { BUS_ENVIRONMENT, "Kill", ACTION_KILL },
        { BUS_ENVIRONMENT, "Delete", ACTION_DELETE },
        { BUS_ENVIRONMENT, "ListPackages", ACTION_INSPECT },
        { BUS_ENVIRONMENT, "ListGenerations", ACTION_INSPECT },
        { BUS_JOB, "Cancel", ACTION_CANCEL },
        { BUS_JOB, "Release", ACTION_CANCEL },
        { BUS_JOB, "GetResult", ACTION_INSPECT },
        /* Answered by sd-bus itself, after the filter in service.c has asked here. */
        { BUS_PROPERTIES, "Get", ACTION_INSPECT },
        { BUS_PROPERTIES, "GetAll", ACTION_INSPECT },
        { BUS_OBJECT_MANAGER, "GetManagedObjects", ACTION_INSPECT },
};

const AccessRow *access_find_row(const char *interface, const char *member) {
        for (size_t i = 0; interface && member && i < ELEMENTSOF(rows); i++)
                if (streq(rows[i].interface, interface) && streq(rows[i].member, member))
                        return rows + i;
        return NULL;
}

static Question *question_free(Question *question) {
        if (!question)
                return NULL;
        if (question->previous)
                question->previous->next = question->next;
        else if (question->access->questions == question)
                question->access->questions = question->next;
        if (question->next)
                question->next->previous = question->previous;
        question->access->n_questions--;

        sd_bus_slot_unref(question->call);
        sd_bus_slot_unref(question->watch);
        sd_bus_message_unref(question->message);
        strings_free(question->details);
        free(question);
        return NULL;
}

DEFINE_CLEANUP(Question, question_free)

static Question *question_find(Access *access, const sd_bus_message *message) {
        Question *question = access->questions;

        while (question && question->message != message)
                question = question->next;
        return question;
}

static int on_sweep(sd_event_source *source, void *userdata) {
        Access *access = userdata;

        for (Question *question = access->questions, *next; question; question = next) {
                next = question->next;
                if (question->is_answered)
                        question_free(question);
        }
        return 0;
}

int access_new(const AccessSettings *settings, Access **ret) {
        _cleanup_(access_freep) Access *access = new (Access, 1);
        int r;

        if (!access)
                return -ENOMEM;
        *access = (Access){
                .event = sd_event_ref(settings->event),
                .service_uid = settings->service_uid,
                .timeout_usec = settings->timeout_usec ?: TIMEOUT_USEC,
                .asks_owner = settings->asks_owner,
        };
        r = sd_event_add_defer(access->event, &access->sweep, on_sweep, access);
        if (r < 0)
                return r;
        r = sd_event_source_set_priority(access->sweep, SD_EVENT_PRIORITY_IDLE);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(access->sweep, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(access);
        return 0;
}

Access *access_free(Access *access) {
        if (!access)
                return NULL;
        while (access->questions)
                question_free(access->questions);
        sd_event_source_disable_unref(access->sweep);
        sd_event_unref(access->event);
        free(access);
        return NULL;
}

size_t access_count_questions(const Access *access) {
        return access->n_questions;
}

int access_caller_uid(Access *access, sd_bus_message *message, uid_t *ret) {
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
        uid_t uid;
        int r;

        if (sd_bus_is_bus_client(sd_bus_message_get_bus(message)) <= 0) {
                /* A private connection: listen.c compared the kernel's SO_PEERCRED with our uid. */
                *ret = access->service_uid;
                return 0;
        }
        if (!sd_bus_message_get_sender(message))
                return -EPERM;
        r = sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID, &creds);
        if (r < 0)
                return r;
        r = sd_bus_creds_get_euid(creds, &uid);
        if (r < 0)
                return r;
        *ret = uid;
        return 0;
}

/* CheckAuthorization answers (bba{ss}): is it authorised, could it be after a password, details. */
static void question_read_answer(Question *question, sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        int allowed = 0, challenge = 0;

        if (error) {
                log_warning("Cannot ask polkit about '%s' (%s), denying.",
                            question->row->action,
                            error->message ?: error->name);
                return;
        }
        if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
            sd_bus_message_read(reply, "bb", &allowed, &challenge) < 0) {
                log_warning("The answer of polkit about '%s' is malformed, denying.",
                            question->row->action);
                return;
        }
        question->is_allowed = allowed;
        question->is_challenge = challenge;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Question *question = userdata;
        Access *access = question->access;
        int r;

        question->is_answered = true;
        question_read_answer(question, reply);

        r = sd_bus_message_rewind(question->message, true);
        if (r >= 0)
                r = sd_bus_enqueue_for_read(
                                sd_bus_message_get_bus(question->message), question->message);
        if (r < 0) {
                (void) sd_bus_reply_method_errno(
                                question->message, r, NULL); /* nobody else to tell */
                question_free(question);
                return 0;
        }
        (void) sd_event_source_set_enabled(
                        access->sweep, SD_EVENT_ONESHOT); /* else: freed at the end */
        return 0;
}

static int on_sender_left(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Question *question = userdata;

        if (!watch_says_left(message))
                return 0;
        if (!question->is_answered)
                (void) sd_bus_call_method_async(/* polkit forgets it anyway when it notices */
                                                sd_bus_message_get_bus(question->message),
                                                NULL,
                                                POLKIT_NAME,
                                                POLKIT_PATH,
                                                POLKIT_AUTHORITY,
                                                "CancelCheckAuthorization",
                                                NULL,
                                                NULL,
                                                "s",
                                                question->cancellation);
        question_free(question);
        return 0;
}

static int question_put(Question *question) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        sd_bus *bus = sd_bus_message_get_bus(question->message);
        bool interactive =
                        sd_bus_message_get_allow_interactive_authorization(question->message) > 0;
        int r;

        r = sd_bus_message_new_method_call(
                        bus,
                        &call,
                        POLKIT_NAME,
                        POLKIT_PATH,
                        POLKIT_AUTHORITY,
                        "CheckAuthorization");
        if (r < 0)
                return r;
        r = sd_bus_message_append(
                        call,
                        "(sa{sv})s",
                        "system-bus-name",
                        1,
                        "name",
                        "s",
                        sd_bus_message_get_sender(question->message),
                        question->row->action);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(call, 'a', "{ss}");
        if (r < 0)
                return r;
        for (char **at = question->details; at && *at; at += 2) {
                r = sd_bus_message_append(call, "{ss}", at[0], at[1]);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(call);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "us", (uint32_t) interactive, question->cancellation);
        if (r < 0)
                return r;
        return sd_bus_call_async(
                        bus,
                        &question->call,
                        call,
                        on_answer,
                        question,
                        interactive ? TIMEOUT_INTERACTIVE_USEC : question->access->timeout_usec);
}

static bool sender_may_ask(const Access *access, const char *sender) {
        size_t n_same = 0;

        for (const Question *question = access->questions; question; question = question->next)
                n_same += streq(sd_bus_message_get_sender(question->message), sender);
        return access->n_questions < QUESTIONS_MAX && n_same < QUESTIONS_PER_SENDER_MAX;
}

static int
access_ask(Access *access,
           sd_bus_message *message,
           const AccessRow *row,
           const char *const *details) {
        _cleanup_(question_freep) Question *question = new0(Question, 1);
        int r;

        if (!question)
                return -ENOMEM;
        question->access = access;
        question->message = sd_bus_message_ref(message);
        question->row = row;
        question->next = access->questions;
        if (question->next)
                question->next->previous = question;
        access->questions = question;
        access->n_questions++;
        (void) snprintf(question->cancellation,
                        sizeof(question->cancellation),
                        "blast-%llu",
                        (unsigned long long) ++access->n_asked);
        r = strings_copy((char *const *) details, &question->details);
        if (r < 0)
                return r;
        r = watch_name(sd_bus_message_get_bus(message),
                       sd_bus_message_get_sender(message),
                       on_sender_left,
                       question,
                       &question->watch);
        if (r < 0)
                return r;
        r = question_put(question);
        if (r < 0)
                return r;
        (void) TAKE_PTR(question); /* the list owns it */
        return 0;
}

static bool strings_are_equal(char *const *a, const char *const *b) {
        size_t i = 0;

        while (a && b && a[i] && b[i] && streq(a[i], b[i]))
                i++;
        return !(a && a[i]) && !(b && b[i]);
}

static int
access_denied(sd_bus_message *message, const char *action, bool challenge, sd_bus_error *error) {
        Fault fault = {
                .code = FAULT_ACCESS_DENIED,
                .message =
                                (char *) (action ? "The policy of this machine does not allow that."
                                                 : "That is for the owner only."),
                .hint =
                                (char *) (challenge ? "Allow interactive authorization and enter a password."
                                                    : NULL),
        };

        log_with(LOG_NOTICE,
                 LOG_FIELDS({ "BLAST_ACTION", action ?: "none" }),
                 "Denied '%s.%s' to '%s'.",
                 sd_bus_message_get_interface(message) ?: "?",
                 sd_bus_message_get_member(message) ?: "?",
                 sd_bus_message_get_sender(message) ?: "?");
        return fault_reply(error, &fault, -EACCES);
}

/* The handler came back: what was the verdict? */
static int question_verdict(
                Question *question,
                const AccessRow *row,
                const char *const *details,
                sd_bus_error *error) {
        bool is_same = question->row == row && strings_are_equal(question->details, details);

        if (question->is_allowed && is_same) {
                question_free(question);
                return 1;
        }

        _cleanup_(question_freep) Question *done =
                        question; /* also keeps the message for the log */
        return access_denied(
                        done->message, row->action, !done->is_allowed && done->is_challenge, error);
}

int access_check(
                Access *access,
                sd_bus_message *message,
                uid_t owner,
                const char *const *details,
                sd_bus_error *error) {
        const AccessRow *row = access_find_row(
                        sd_bus_message_get_interface(message), sd_bus_message_get_member(message));
        uid_t caller;
        int r;

        if (!row)
                return access_denied(message, NULL, false, error);

        Question *question = question_find(access, message);
        if (question)
                return question->is_answered ? question_verdict(question, row, details, error) : 0;

        r = access_caller_uid(access, message, &caller);
        if (r < 0)
                return access_denied(message, NULL, false, error);
        if (sd_bus_is_bus_client(sd_bus_message_get_bus(message)) <= 0)
                return 1; /* caller and owner are both our uid */
        if ((caller == owner || caller == 0) && !access->asks_owner)
                return 1;
        if (access->service_uid != 0 && caller != access->service_uid)
                return access_denied(message, NULL, false, error);
        if (!sender_may_ask(access, sd_bus_message_get_sender(message)))
                return fault_reply_format(
                                error,
                                FAULT_LIMIT_EXCEEDED,
                                "Too many questions to polkit are open.");

        r = access_ask(access, message, row, details);
        if (r < 0)
                return access_denied(message, row->action, false, error);
        return 0;
}
