// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Reads what callers send into plain values with bounds: the a{sv} options, lists of text, program
 * arguments and variables. One table holds the options; an unknown one is an error that names it. */

#include <systemd/sd-bus.h>

#include "basic/fault.h"
#include "basic/macro.h"
#include "sync/goal.h"

enum {
        OPTION_TEXT_MAX = 8 * 1024,
        OPTION_LIST_MAX = 4096,
        REQUEST_BYTES_MAX = 1024 * 1024,
};

/* Options of RunFd and Run. */
typedef struct RunOptions {
        bool wants_terminal;
        bool is_strict;
        uint16_t n_rows;
        uint16_t n_columns;
} RunOptions;

/* All of these read the next argument of @message.
 * Errors: -EINVAL (FAULT_USAGE) unknown, wrong type, twice, out of range; -E2BIG
 * (FAULT_LIMIT_EXCEEDED); those of sd_bus_message_read(). */

/* a{sv}, one by one into @goal, which holds the defaults. */
_must_use_ int options_read_goal(sd_bus_message *message, Goal *goal, Fault *fault);
_must_use_ int options_read_run(sd_bus_message *message, RunOptions *ret, Fault *fault);
/* as: @subject names the argument in faults. Items are not empty. */
_must_use_ int
options_read_texts(sd_bus_message *message, const char *subject, char ***ret, Fault *fault);
/* as: at least one; only the first must not be empty. */
_must_use_ int options_read_arguments(sd_bus_message *message, char ***ret, Fault *fault);
/* a{ss} to NAME=value. */
_must_use_ int options_read_environ(sd_bus_message *message, char ***ret, Fault *fault);
/* s: "" becomes NULL, everything else is absolute. */
_must_use_ int options_read_directory(sd_bus_message *message, char **ret, Fault *fault);
