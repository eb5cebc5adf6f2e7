// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The D-Bus face as a whole: one message bus or many private connections, the same objects on each.
 * Shows what the coordinator does; decides nothing but who may ask. */

#include <sys/types.h>

#include <systemd/sd-bus.h>

#include "basic/fault.h"
#include "basic/macro.h"
#include "bus/access.h"
#include "bus/emit.h"
#include "sync/coordinator.h"

typedef struct JobBook JobBook;
typedef struct Service Service;

enum {
        PEERS_MAX = 128
};

typedef struct ServiceSettings {
        sd_event *event;          /* a reference is taken */
        Coordinator *coordinator; /* borrowed; observed by the service until service_free() */
        const char *mode;         /* "embedded" or "bus"; static */
        const char *state_path;   /* borrowed until service_free(), as the next */
        const char *cache_path;
        AccessSettings access;
        void (*on_activity)(void *userdata); /* something began or ended: ask service_is_idle() */
        void *userdata;
} ServiceSettings;

_must_use_ int service_new(const ServiceSettings *settings, Service **ret);
/* Closes all connections after what was queued for them was written. */
Service *service_free(Service *service);

/* Puts the objects on @bus, a message bus, and takes the name org.blast.Blast1 there.
 * Ownership: a reference to @bus is taken. Errors: -EEXIST somebody else has the name. */
_must_use_ int service_join_bus(Service *service, sd_bus *bus);
/* Speaks D-Bus on an accepted connection whose other end is known to have our uid.
 * Ownership: consumes @fd, on failure too. Errors: -EMFILE over PEERS_MAX. */
_must_use_ int service_add_peer(Service *service, int fd);

/* No connection of a client, no job, no run, no open question. */
bool service_is_idle(const Service *service);

/* For the objects. */
Coordinator *service_get_coordinator(const Service *service);
Access *service_get_access(const Service *service);
Emitter *service_get_emitter(const Service *service);
JobBook *service_get_jobs(const Service *service);
uid_t service_get_uid(const Service *service);
const char *service_get_mode(const Service *service);
const char *service_get_state_path(const Service *service);
const char *service_get_cache_path(const Service *service);

/* The end of a handler that acts by a job: starts @goal for the sender of @message and answers with
 * the job's object path. Ownership: consumes @goal. */
_must_use_ int service_start_job(
                Service *service,
                sd_bus_message *message,
                Environment *environment,
                Goal *goal,
                sd_bus_error *error);

DEFINE_CLEANUP(Service, service_free)
