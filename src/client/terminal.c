// SPDX-License-Identifier: LGPL-2.1-or-later

#include <sys/ioctl.h>
#include <unistd.h>

#include "client/terminal.h"

/* For exit(): a terminal left raw makes the user's shell unusable. */
static Terminal *raw_terminal;

static void restore_at_exit(void) {
        if (raw_terminal)
                terminal_restore(raw_terminal);
}

void terminal_init(Terminal *terminal, int fd) {
        *terminal = (Terminal){ .fd = fd };
}

bool terminal_is_foreground(const Terminal *terminal) {
        pid_t foreground = terminal->fd >= 0 ? tcgetpgrp(terminal->fd) : -1;

        return foreground < 0 ||
                        foreground == getpgrp(); /* negative: not our controlling terminal */
}

int terminal_set_raw(Terminal *terminal) {
        static bool is_registered;
        struct termios raw;

        if (terminal->fd < 0 || terminal->is_raw)
                return 0;
        if (tcgetattr(terminal->fd, &terminal->before) < 0)
                return -errno;
        if (!is_registered && atexit(restore_at_exit) == 0)
                is_registered = true;

        raw = terminal->before;
        cfmakeraw(&raw);
        if (tcsetattr(terminal->fd, TCSADRAIN, &raw) < 0)
                return -errno;
        terminal->is_raw = true;
        raw_terminal = terminal;
        return 0;
}

void terminal_restore(Terminal *terminal) {
        if (!terminal->is_raw)
                return;
        /* The terminal may be gone; then there is nothing to restore. */
        (void) tcsetattr(terminal->fd, TCSADRAIN, &terminal->before);
        terminal->is_raw = false;
        raw_terminal = NULL;
}

void terminal_copy_size(const Terminal *terminal, int master) {
        struct winsize size;

        /* Only looks: a program inside can ask again. */
        if (terminal->fd >= 0 && ioctl(terminal->fd, TIOCGWINSZ, &size) >= 0)
                (void) ioctl(master, TIOCSWINSZ, &size);
}
