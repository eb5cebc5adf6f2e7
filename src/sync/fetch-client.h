// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Our side of one blast-fetch: started when a job needs it first, asked for wheels by us and for pages by blast-resolve
 * over a socket of their own. */

#include <systemd/sd-event.h>

#include "basic/fault.h"
#include "basic/macro.h"
#include "package/request.h"

typedef struct FetchClient FetchClient;

/* One transfer ended. @answer->id is the caller's; @body_fd is taken with TAKE_FD. */
typedef void (*FetchAnsweredFunction)(FetchAnswer *answer, int *body_fd, void *userdata);
typedef void (*FetchProgressedFunction)(const FetchProgress *progress, void *userdata);
/* blast-fetch is gone although it was not dismissed. */
typedef void (*FetchLostFunction)(const Fault *fault, void *userdata);

/* Ownership: @download_fd is borrowed until the client is freed, @resolver_fd until this returns: it is
 * blast-fetch's end of the socket to blast-resolve. */
_must_use_ int fetch_client_new(
                sd_event *event,
                const IndexSettings *settings,
                int download_fd,
                int resolver_fd,
                Fault *fault,
                FetchClient **ret);
/* Dismisses it: transfers end, no callback follows. */
FetchClient *fetch_client_free(FetchClient *client);

void fetch_client_set_callbacks(
                FetchClient *client,
                FetchAnsweredFunction on_answer,
                FetchProgressedFunction on_progress,
                FetchLostFunction on_lost,
                void *userdata);

/* Errors: -EAGAIN the socket is full, ask again after an answer; -EPIPE it is gone. */
_must_use_ int fetch_client_ask(FetchClient *client, const FetchRequest *request);

DEFINE_CLEANUP(FetchClient, fetch_client_free)
