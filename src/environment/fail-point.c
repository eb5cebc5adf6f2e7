// SPDX-License-Identifier: LGPL-2.1-or-later

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/text.h"
#include "config.h"
#include "environment/fail-point.h"

void fail_point_reach(const char *name, bool is_worker) {
        static unsigned n_reached;
        const char *wish = BLAST_DEVELOPER ? secure_getenv("BLAST_FAIL_AT") : NULL;

        if (!wish)
                return;
        size_t length = strcspn(wish, ":");
        if (length != strlen(name) || memcmp(wish, name, length) != 0)
                return;
        n_reached++;
        if (wish[length] == ':' && n_reached < (unsigned) strtoul(wish + length + 1, NULL, 10))
                return;

        if (is_worker && !streq(wish + length, ":alone"))
                (void) kill(getppid(), SIGKILL);
        (void) raise(SIGKILL);
}
