// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "basic/child.h"
#include "basic/file.h"
#include "basic/text.h"
#include "client/pager.h"

static Child pager = { .pidfd = -EBADF };

void pager_open(Show *show) {
        extern char **environ;
        const char *command = getenv("BLAST_PAGER") ?: getenv("PAGER") ?: "less -FRX";
        char *const argv[] = { (char *) "sh", (char *) "-c", (char *) command, NULL };
        _cleanup_close_ int read_end = -EBADF, write_end = -EBADF;
        int pipe_fds[2];

        if (show->wants_no_pager || !isatty(STDOUT_FILENO) || pager.pid > 0 ||
            text_is_empty(command) || streq(command, "cat"))
                return;
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return; /* without a pager the text is still shown */
        read_end = pipe_fds[0];
        write_end = pipe_fds[1];

        const ChildSpec spec = {
                .path = "/bin/sh",
                .argv = argv,
                .environ = environ,
                .stdio = { read_end, STDOUT_FILENO, STDERR_FILENO },
                .uid = (uid_t) -1,
        };
        if (child_spawn(&spec, &pager) < 0)
                return;
        fflush(stdout);
        if (dup2(write_end, STDOUT_FILENO) < 0)
                child_kill(&pager);
}

void pager_close(void) {
        int status;

        if (pager.pid <= 0)
                return;
        fflush(stdout);
        (void) close(STDOUT_FILENO);
        (void) child_wait(&pager, &status); /* its status is nobody's business */
}
