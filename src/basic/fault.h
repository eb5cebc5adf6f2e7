// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A failure that a user should read: a stable code, what it is about, one sentence, a hint. The
 * code maps 1:1 to a D-Bus error name and to an exit status (fault.c holds the one table). */

#include "basic/macro.h"
#include "basic/text.h"

typedef enum FaultCode {
        FAULT_NONE,
        FAULT_INTERNAL,
        FAULT_USAGE,
        FAULT_PROJECT_SYNTAX, /* broken TOML, requirements line, marker */
        FAULT_PROJECT_UNKNOWN_KEY,
        FAULT_PROJECT_INVALID, /* well-formed, but the value makes no sense */
        FAULT_NO_ENVIRONMENT,
        FAULT_UNSOLVABLE,
        FAULT_NO_MATCHING_WHEEL, /* exists, but for other platforms or Pythons */
        FAULT_HASH_MISMATCH,
        FAULT_DOWNLOAD_TRUNCATED,
        FAULT_INDEX_NOT_FOUND,   /* 404, 410 */
        FAULT_INDEX_UNAVAILABLE, /* 5xx, refused, unresolvable name */
        FAULT_INDEX_TIMEOUT,
        FAULT_INDEX_INVALID, /* answered, but not with an index page we accept */
        FAULT_CERTIFICATE_INVALID,
        FAULT_DISK_FULL,
        FAULT_NO_PYTHON,
        FAULT_PATH_TOO_LONG,
        FAULT_WHEEL_INVALID,
        FAULT_METADATA_INVALID,
        FAULT_OFFLINE, /* would need the network, which was forbidden */
        FAULT_LOCK_OUTDATED,
        FAULT_LOCK_MISSING,
        FAULT_LOCK_INVALID,
        FAULT_BUSY,
        FAULT_CANCELLED,
        FAULT_ACCESS_DENIED,
        FAULT_NOT_ENFORCEABLE, /* `strict` asked for what this machine cannot hold */
        FAULT_FORMAT_TOO_NEW,
        FAULT_WORKER_FAILED,
        FAULT_NOT_INSTALLED,
        FAULT_NO_GENERATION,
        FAULT_LIMIT_EXCEEDED,
        FAULT_PYTHON_INVALID,         /* the interpreter exists but cannot be used */
        FAULT_COMMAND_NOT_FOUND,      /* 127 */
        FAULT_COMMAND_NOT_EXECUTABLE, /* 126 */
        FAULT_NO_SERVICE,
        _FAULT_MAX,
} FaultCode;

/* Zero-initialised is "no fault". */
typedef struct Fault {
        FaultCode code;
        char *subject; /* what it is about: "pyproject.toml:12", "numpy", a URL; may be NULL */
        char *message; /* one sentence with a full stop; explanations may have more lines */
        char *hint;    /* what to do next; may be NULL */
} Fault;

#define _cleanup_fault_ _cleanup_(fault_done)
void fault_done(Fault *fault);

/* Fills @fault (kept unchanged if it already holds one: the first reason wins; may be NULL).
 * Returns @error, so that callers write: return fault_set(fault, -EINVAL, CODE, subject, …). */
_printf_(5, 6) int fault_set(
                Fault *fault,
                int error,
                FaultCode code,
                const char *subject,
                const char *format,
                ...);
/* Adds the hint to a fault already set. */
_printf_(2, 3) void fault_hint(Fault *fault, const char *format, ...);
_must_use_ int fault_copy(const Fault *from, Fault *ret);

static inline bool fault_is_set(const Fault *fault) {
        return fault && fault->code != FAULT_NONE;
}

const char *fault_code_to_string(FaultCode code);       /* "HashMismatch" */
const char *fault_code_to_error_name(FaultCode code);   /* "org.blast.Blast1.Error.HashMismatch" */
FaultCode fault_code_from_error_name(const char *name); /* FAULT_INTERNAL if unknown */
int fault_code_to_exit_status(FaultCode code);
/* The best code for an errno that nobody explained: ENOSPC, EACCES, … else FAULT_INTERNAL. */
FaultCode fault_code_from_errno(int error);
