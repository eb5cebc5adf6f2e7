// SPDX-License-Identifier: LGPL-2.1-or-later

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include "basic/log.h"
#include "basic/text.h"

enum {
        FIELDS_MAX = 12
};

static const char *log_identifier = "blast";
static int log_level = LOG_INFO;
static bool log_to_journal;

static const char *const level_names[] = {
        [LOG_EMERG] = "emerg", [LOG_ALERT] = "alert",     [LOG_CRIT] = "crit",
        [LOG_ERR] = "err",     [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
        [LOG_INFO] = "info",   [LOG_DEBUG] = "debug",
};

/* $JOURNAL_STREAM names the device and inode of our stderr when the journal is behind it
 * (systemd.exec(5)). */
static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat status;

        return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                        fstat(STDERR_FILENO, &status) >= 0 && status.st_dev == device &&
                        status.st_ino == inode;
}

void log_open(const char *identifier) {
        const char *level = getenv("BLAST_LOG_LEVEL"), *target = getenv("BLAST_LOG_TARGET");

        log_identifier = identifier;
        for (int i = 0; level && i < (int) ELEMENTSOF(level_names); i++)
                if (streq(level, level_names[i]))
                        log_level = i;
        log_to_journal = target ? streq(target, "journal") : stderr_is_journal();
}

void log_set_level(int level) {
        log_level = level;
}

int log_get_level(void) {
        return log_level;
}

static void log_send_to_journal(int level, const LogField *fields, const char *message) {
        struct iovec parts[FIELDS_MAX + 3];
        char *texts[FIELDS_MAX + 3] = {};
        int n = 0;

        texts[n++] = string_format("MESSAGE=%s", message);
        texts[n++] = string_format("PRIORITY=%d", level);
        texts[n++] = string_format("SYSLOG_IDENTIFIER=%s", log_identifier);
        for (const LogField *field = fields; field && field->name && n < FIELDS_MAX; field++)
                if (field->value)
                        texts[n++] = string_format("%s=%s", field->name, field->value);

        int n_parts = 0;
        for (int i = 0; i < n; i++)
                if (texts[i])
                        parts[n_parts++] = (struct iovec){ texts[i], strlen(texts[i]) };
        (void) sd_journal_sendv(parts, n_parts); /* there is nobody left to tell */
        for (int i = 0; i < n; i++)
                free(texts[i]);
}

void log_full(int level, const LogField *fields, const char *format, ...) {
        _cleanup_(freep) char *message = NULL;
        va_list arguments;
        int r, saved = errno;

        if (level > log_level)
                return;

        va_start(arguments, format);
        r = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (r < 0)
                message = NULL;
        else if (log_to_journal)
                log_send_to_journal(level, fields, message);
        else
                dprintf(STDERR_FILENO,
                        "%s[%d]: %s: %s\n",
                        log_identifier,
                        getpid(),
                        level_names[level],
                        message);
        errno = saved;
}
