// SPDX-License-Identifier: LGPL-2.1-or-later

#include <stdarg.h>
#include <stdio.h>

#include "bus/append.h"
#include "bus/fault-reply.h"

/* A subject longer than that hides the sentence behind it. */
enum {
        SUBJECT_SIZE_MAX = 300
};

char *fault_sentence(const Fault *fault) {
        const char *message = fault->message ?: "";
        bool named = text_is_empty(fault->subject) || strstr(message, fault->subject) ||
                        strlen(fault->subject) > SUBJECT_SIZE_MAX;

        return string_format("%s%s%s", named ? "" : fault->subject, named ? "" : ": ", message);
}

int fault_reply(sd_bus_error *error, const Fault *fault, int r) {
        if (!fault_is_set(fault)) {
                FaultCode code = fault_code_from_errno(r);
                const char *reason = strerrordesc_np(r < 0 ? -r : r);

                if (r == -ENOMEM)
                        return sd_bus_error_set(error, SD_BUS_ERROR_NO_MEMORY, "Out of memory.");
                return fault_reply_format(error, code, "%s.", reason ?: "Unknown error");
        }

        bool hinted = !text_is_empty(fault->hint);
        _cleanup_(freep) char *sentence = fault_sentence(fault);
        _cleanup_(freep) char *text =
                        string_format("%s%s%s",
                                      sentence ?: "",
                                      hinted ? "\nHint: " : "",
                                      hinted ? fault->hint : "");
        _cleanup_(freep) char *clean = text_for_bus(text);

        return sd_bus_error_set(error, fault_code_to_error_name(fault->code), clean);
}

int fault_reply_format(sd_bus_error *error, FaultCode code, const char *format, ...) {
        char message[1024];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(
                        message,
                        sizeof(message),
                        format,
                        arguments); /* cut: still a sentence's start */
        va_end(arguments);

        _cleanup_(freep) char *clean = text_for_bus(message);
        return sd_bus_error_set(error, fault_code_to_error_name(code), clean);
}
