// SPDX-License-Identifier: LGPL-2.1-or-later

#include <stdarg.h>
#include <stdio.h>

#include "basic/fault.h"

#define ERROR_PREFIX "org.blast.Blast1.Error."

/* The one table: name on the bus and exit status of the client. Both are interface: append only. */
static const struct {
        const char *name;
        int exit_status;
} codes[_FAULT_MAX] = {
        [FAULT_NONE] = { "None", 0 },
        [FAULT_INTERNAL] = { "Internal", 1 },
        [FAULT_USAGE] = { "InvalidArgument", 2 },
        [FAULT_PROJECT_SYNTAX] = { "ProjectSyntax", 10 },
        [FAULT_PROJECT_UNKNOWN_KEY] = { "ProjectUnknownKey", 11 },
        [FAULT_PROJECT_INVALID] = { "ProjectInvalid", 12 },
        [FAULT_NO_ENVIRONMENT] = { "NoEnvironment", 13 },
        [FAULT_UNSOLVABLE] = { "Unsolvable", 14 },
        [FAULT_NO_MATCHING_WHEEL] = { "NoMatchingWheel", 15 },
        [FAULT_HASH_MISMATCH] = { "HashMismatch", 16 },
        [FAULT_DOWNLOAD_TRUNCATED] = { "DownloadTruncated", 17 },
        [FAULT_INDEX_NOT_FOUND] = { "IndexNotFound", 18 },
        [FAULT_INDEX_UNAVAILABLE] = { "IndexUnavailable", 19 },
        [FAULT_INDEX_TIMEOUT] = { "IndexTimeout", 20 },
        [FAULT_INDEX_INVALID] = { "IndexInvalid", 21 },
        [FAULT_CERTIFICATE_INVALID] = { "CertificateInvalid", 22 },
        [FAULT_DISK_FULL] = { "DiskFull", 23 },
        [FAULT_NO_PYTHON] = { "NoPython", 24 },
        [FAULT_PATH_TOO_LONG] = { "PathTooLong", 25 },
        [FAULT_WHEEL_INVALID] = { "WheelInvalid", 26 },
        [FAULT_METADATA_INVALID] = { "MetadataInvalid", 27 },
        [FAULT_OFFLINE] = { "Offline", 28 },
        [FAULT_LOCK_OUTDATED] = { "LockOutdated", 29 },
        [FAULT_LOCK_MISSING] = { "LockMissing", 30 },
        [FAULT_LOCK_INVALID] = { "LockInvalid", 31 },
        [FAULT_BUSY] = { "Busy", 32 },
        [FAULT_CANCELLED] = { "Cancelled", 33 },
        [FAULT_ACCESS_DENIED] = { "AccessDenied", 34 },
        [FAULT_NOT_ENFORCEABLE] = { "NotEnforceable", 35 },
        [FAULT_FORMAT_TOO_NEW] = { "FormatTooNew", 36 },
        [FAULT_WORKER_FAILED] = { "WorkerFailed", 37 },
        [FAULT_NOT_INSTALLED] = { "NotInstalled", 38 },
        [FAULT_NO_GENERATION] = { "NoGeneration", 39 },
        [FAULT_LIMIT_EXCEEDED] = { "LimitExceeded", 40 },
        [FAULT_PYTHON_INVALID] = { "PythonInvalid", 41 },
        [FAULT_COMMAND_NOT_FOUND] = { "CommandNotFound", 127 },
        [FAULT_COMMAND_NOT_EXECUTABLE] = { "CommandNotExecutable", 126 },
        [FAULT_NO_SERVICE] = { "NoService", 42 },
};

/* The names again with their prefix, made once, because callers want a pointer that stays. */
static char error_names[_FAULT_MAX][64];

void fault_done(Fault *fault) {
        free(fault->subject);
        free(fault->message);
        free(fault->hint);
        *fault = (Fault){};
}

int fault_set(Fault *fault,
              int error,
              FaultCode code,
              const char *subject,
              const char *format,
              ...) {
        va_list arguments;

        assert(code > FAULT_NONE && code < _FAULT_MAX);

        if (!fault || fault->code != FAULT_NONE)
                return error;

        fault->code = code;
        fault->subject = subject ? strdup(subject) : NULL;
        va_start(arguments, format);
        if (vasprintf(&fault->message, format, arguments) < 0)
                fault->message = NULL; /* the code still tells */
        va_end(arguments);
        return error;
}

void fault_hint(Fault *fault, const char *format, ...) {
        char *hint = NULL;
        va_list arguments;

        if (!fault_is_set(fault))
                return;

        va_start(arguments, format);
        if (vasprintf(&hint, format, arguments) >= 0) {
                free(fault->hint);
                fault->hint = hint;
        }
        va_end(arguments);
}

int fault_copy(const Fault *from, Fault *ret) {
        _cleanup_fault_ Fault copy = { .code = from->code };

        if ((from->subject && !(copy.subject = strdup(from->subject))) ||
            (from->message && !(copy.message = strdup(from->message))) ||
            (from->hint && !(copy.hint = strdup(from->hint))))
                return -ENOMEM;
        *ret = TAKE(copy, (Fault){});
        return 0;
}

const char *fault_code_to_string(FaultCode code) {
        if (code < 0 || code >= _FAULT_MAX)
                code = FAULT_INTERNAL;
        return codes[code].name;
}

const char *fault_code_to_error_name(FaultCode code) {
        if (code < 0 || code >= _FAULT_MAX)
                code = FAULT_INTERNAL;
        if (!error_names[code][0])
                snprintf(error_names[code],
                         sizeof(error_names[code]),
                         ERROR_PREFIX "%s",
                         codes[code].name);
        return error_names[code];
}

FaultCode fault_code_from_error_name(const char *name) {
        const char *rest = string_after(name, ERROR_PREFIX);

        for (FaultCode code = FAULT_NONE + 1; rest && code < _FAULT_MAX; code++)
                if (streq(codes[code].name, rest))
                        return code;
        return FAULT_INTERNAL;
}

int fault_code_to_exit_status(FaultCode code) {
        if (code < 0 || code >= _FAULT_MAX)
                code = FAULT_INTERNAL;
        return codes[code].exit_status;
}

FaultCode fault_code_from_errno(int error) {
        switch (error < 0 ? -error : error) {
        case ENOSPC:
        case EDQUOT:
                return FAULT_DISK_FULL;
        case EACCES:
        case EPERM:
                return FAULT_ACCESS_DENIED;
        case ENAMETOOLONG:
                return FAULT_PATH_TOO_LONG;
        case EBUSY:
                return FAULT_BUSY;
        case ECANCELED:
                return FAULT_CANCELLED;
        default:
                return FAULT_INTERNAL;
        }
}
