// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Log lines with structured fields: to the journal when stderr is connected to it or as a service,
 * else as text on stderr. Level and target come from BLAST_LOG_LEVEL and BLAST_LOG_TARGET. */

#include <syslog.h>

#include "basic/macro.h"

/* One field, "BLAST_JOB=" and its value; the list given to log_fields() ends with NULL. */
typedef struct LogField {
        const char *name;
        const char *value;
} LogField;

void log_open(const char *identifier);
void log_set_level(int level);
int log_get_level(void);

_printf_(3, 4) void log_full(int level, const LogField *fields, const char *format, ...);

#define log_debug(...)   log_full(LOG_DEBUG, NULL, __VA_ARGS__)
#define log_info(...)    log_full(LOG_INFO, NULL, __VA_ARGS__)
#define log_notice(...)  log_full(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, NULL, __VA_ARGS__)
#define log_error(...)   log_full(LOG_ERR, NULL, __VA_ARGS__)

/* Fields of one line: log_with(LOG_INFO, LOG_FIELDS({ "BLAST_JOB", id }), "…"). */
#define LOG_FIELDS(...)              ((const LogField[]){ __VA_ARGS__, { NULL, NULL } })
#define log_with(level, fields, ...) log_full((level), (fields), __VA_ARGS__)
