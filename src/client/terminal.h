// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The user's terminal: raw while a program inside has a terminal of its own, as it was otherwise. */

#include <termios.h>

#include "basic/macro.h"

typedef struct Terminal {
        int fd; /* borrowed; negative: there is none */
        bool is_raw;
        struct termios before;
} Terminal;

void terminal_init(Terminal *terminal, int fd);
/* False when the shell gave the terminal to somebody else: reading would stop us. */
bool terminal_is_foreground(const Terminal *terminal);
_must_use_ int terminal_set_raw(Terminal *terminal);
/* Harmless when not raw; also registered for abnormal exits. */
void terminal_restore(Terminal *terminal);
/* Copies the size of our terminal to @master. */
void terminal_copy_size(const Terminal *terminal, int master);
