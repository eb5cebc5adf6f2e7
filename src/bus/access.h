// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Who may call what: one table from method to polkit action, asked asynchronously, denied by
 * default. Knows nothing of what the methods do. */

#include <sys/types.h>

#include <systemd/sd-bus.h>

#include "basic/macro.h"

typedef struct Access Access;

/* One row: the owner of the object and root pass, everybody else is a question to polkit. */
typedef struct AccessRow {
        const char *interface;
        const char *member;
        const char *action;
} AccessRow;

/* How calls are judged; never changed after access_new(). */
typedef struct AccessSettings {
        sd_event *event;   /* a reference is taken */
        uid_t service_uid; /* ours; if it is not root, other uids are denied without a question */
        uint64_t timeout_usec; /* of a question nobody can answer by hand; 0: 25 s */
        bool asks_owner;       /* developer builds: the owner is asked, too (stricter, for tests) */
} AccessSettings;

_must_use_ int access_new(const AccessSettings *settings, Access **ret);
/* Forgets all pending questions without an answer to their senders. */
Access *access_free(Access *access);

/* NULL: there is no row, so the method is denied. */
const AccessRow *access_find_row(const char *interface, const char *member);

/* Tells whether the sender of @message may call this method on an object that belongs to @owner.
 * To be called once by every handler, after reading and validating and before anything with an
 * effect: while polkit is asked the handler ends, and it runs a second time with the same message.
 *
 * Ownership: @details (NULL or key, value, key, value, …, NULL) is copied; a reference to @message
 *            is held while the question is open. The question dies with the sender.
 * Returns 1 allowed, 0 the question was put: return 1 from the handler.
 * Errors:    a filled @error; denied, unknown sender, too many open questions. */
_must_use_ int
access_check(Access *access,
             sd_bus_message *message,
             uid_t owner,
             const char *const *details,
             sd_bus_error *error);

/* The uid of the sender, as the bus or the kernel says. Errors: any means denied. */
_must_use_ int access_caller_uid(Access *access, sd_bus_message *message, uid_t *ret);

/* Open questions, for tests and the idle exit. */
size_t access_count_questions(const Access *access);

DEFINE_CLEANUP(Access, access_free)
