// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A Fault on the wire: error name org.blast.Blast1.Error.<Code>, message "<subject>: <sentence>" and,
 * where there is one, a last line "Hint: <what to do next>". */

#include <systemd/sd-bus.h>

#include "basic/fault.h"

/* "<subject>: <sentence>", or the sentence alone where it names its subject. NULL without memory. */
_must_use_ char *fault_sentence(const Fault *fault);

/* Fills @error from @fault, or from errno @r where nobody explained it. Returns a negative errno, for
 * handlers to return. */
int fault_reply(sd_bus_error *error, const Fault *fault, int r);

/* The same for one sentence made here. */
_printf_(3, 4) int fault_reply_format(sd_bus_error *error, FaultCode code, const char *format, ...);
