// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Text on its way to D-Bus, which takes UTF-8 only: file names, what programs wrote and what a
 * broken file made a sentence say may be anything. Bytes that do not fit become "?". */

#include <systemd/sd-bus.h>

#include "basic/macro.h"

/* A heap copy (NULL: of ""). NULL when memory is out. */
_must_use_ char *text_for_bus(const char *text);

/* Appends one s, or an as. */
_must_use_ int append_text(sd_bus_message *message, const char *text);
_must_use_ int append_texts(sd_bus_message *message, char *const *list);
