// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The common life of the parser workers blast-fetch, blast-resolve and blast-unpack: map the sealed
 * request, go behind the walls, run the role, send the sealed answer. Knows nothing of what a role
 * does. */

#include "basic/macro.h"
#include "worker/confine.h"

typedef struct WorkerRole {
        const char *name; /* "blast-unpack" */
        bool uses_network;
        bool writes_files; /* below the directories that @prepare names in the rules */
        /* Before the walls, with the mapped request (valid until the end of @run): decodes it, opens
         * what must be opened by path and names in @rules what stays reachable. @ret_state is handed
         * on. A failure that can be explained is kept in the state and answered by @run: return 0. */
        int (*prepare)(const void *request,
                       size_t size_bytes,
                       ConfineRules *rules,
                       void **ret_state);
        /* Behind the walls. @ret_answer (heap) is sent as a sealed memfd over WORKER_FD_ANSWER; a role
         * that serves its own packets there leaves it NULL. A failure that can be explained is a
         * Fault in the answer and not an error here. */
        int (*run)(void *state, void **ret_answer, size_t *ret_size_bytes);
        void (*done)(void *state); /* may be NULL */
} WorkerRole;

/* The main() of a worker. With the only argument --confinement-test it goes behind the walls of the
 * service, tries what it must not be able to do, prints one line for each attempt, and succeeds if
 * all were refused; in release builds too. Returns the exit status. */
int worker_main(const WorkerRole *role, int argc, char **argv);

/* Tells the parent one progress packet over WORKER_FD_ANSWER. Never blocks: when the parent is slow
 * the packet is dropped, for it is only news. The answer is told apart by the descriptor with it. */
void worker_progress(const void *packet, size_t size_bytes);
