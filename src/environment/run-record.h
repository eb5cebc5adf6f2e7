// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The files of one run in <runtime>/runs/<number>/: "run" (who it is), "status" (how it ended) and
 * "output" (what a detached program wrote). Written by the monitor, each replaced by one rename; they
 * need not survive a reboot, so nothing is fsynced. */

#include <sys/types.h>

#include "basic/fault.h"
#include "basic/macro.h"
#include "environment/control.h"
#include "environment/guarantee.h"

enum {
        RUN_OUTPUT_TAIL_BYTES = 64 * 1024,
        RUN_OUTPUT_MAX_BYTES = 1024 * 1024
};

typedef enum RunState {
        RUN_STARTING, /* the sandbox is being built */
        RUN_RUNNING,  /* the program was executed, guarantees are known */
        _RUN_STATE_MAX,
        _RUN_STATE_INVALID = -EINVAL,
} RunState;

typedef struct RunRecord {
        uint32_t number;
        RunState state;
        char *environment_id;
        uint32_t generation;
        char **argv;
        uint64_t started_usec; /* CLOCK_REALTIME */
        pid_t monitor_pid;
        uint64_t monitor_start_ticks; /* field 22 of /proc/<pid>/stat: tells a reused pid apart */
        pid_t sandbox_pid;            /* pid 1 of the sandbox, seen from outside; 0: not yet */
        uint64_t sandbox_start_ticks;
        bool has_terminal;
        bool is_detached;
        Guarantees guarantees;
} RunRecord;

typedef struct RunStatus {
        uint32_t number;
        Fault fault; /* set: the program was never executed */
        ExitKind exit_kind;
        int32_t exit_status;
        uint64_t ended_usec; /* CLOCK_REALTIME */
} RunStatus;

void run_record_done(RunRecord *record);
#define _cleanup_run_record_ _cleanup_(run_record_done)
void run_status_done(RunStatus *status);
#define _cleanup_run_status_ _cleanup_(run_status_done)

_must_use_ int run_record_encode(const RunRecord *record, void **ret, size_t *ret_size_bytes);
_must_use_ int run_record_decode(const void *data, size_t size_bytes, RunRecord *ret);
_must_use_ int run_status_encode(const RunStatus *status, void **ret, size_t *ret_size_bytes);
_must_use_ int run_status_decode(const void *data, size_t size_bytes, RunStatus *ret);

/* @run_fd is the directory of the run. Errors: -ENOENT not written (yet), -EBADMSG,
 * -EPROTONOSUPPORT written by a newer version. */
_must_use_ int run_record_store(int run_fd, const RunRecord *record);
_must_use_ int run_record_load(int run_fd, RunRecord *ret);
_must_use_ int run_status_store(int run_fd, const RunStatus *status);
_must_use_ int run_status_load(int run_fd, RunStatus *ret);

/* The last RUN_OUTPUT_TAIL_BYTES of what a detached run wrote; "" if nothing. */
_must_use_ int run_output_read(int run_fd, char **ret, size_t *ret_size_bytes);

/* Opens a pidfd of @pid if it is still the process that started at @start_ticks.
 * Errors: -ESRCH it is gone (or another one has its number). */
_must_use_ int process_open_verified(pid_t pid, uint64_t start_ticks);
_must_use_ int process_start_ticks(pid_t pid, uint64_t *ret);
