// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     message bus ──┐                        ┌─▶ manager-object.c ──▶ coordinator (sync/)
 *     peer ─────────┼─ connection_register() ┼─▶ environment-object.c      │
 *     peer ─────────┘   the same vtables     └─▶ job-object.c ◀── observer ┘
 *                                                     └──▶ emit.c ──▶ every connection
 *
 * A peer is a private connection: listen.c has compared SO_PEERCRED with our uid. It is a bus of its
 * own to sd-bus, with us as the server; driver.c answers Hello and its kin, so that clients of a
 * message bus work there, too.
 *
 * On a message bus a filter stands before the built-in interfaces (Properties, ObjectManager), which
 * have no handlers of ours: reading them is a row of the access table like any method.
 *
 * A peer leaves in the middle of a dispatch of its own connection, so the connection is only
 * detached and unreferenced; sd-bus keeps it until it returns.
 */

#include <string.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "bus/driver.h"
#include "bus/environment-object.h"
#include "bus/fault-reply.h"
#include "bus/job-object.h"
#include "bus/log-control.h"
#include "bus/manager-object.h"
#include "bus/names.h"
#include "bus/service.h"

typedef struct Peer Peer;

struct Peer {
        Service *service;
        Peer *previous;
        Peer *next;
        sd_bus *bus;
        sd_event_source *settle; /* until the first messages were read */
        uint32_t number;
};

struct Service {
        ServiceSettings settings;
        Access *access;
        Emitter *emitter;
        JobBook *jobs;
        sd_bus *bus; /* NULL when embedded */
        Peer *peers;
        size_t n_peers;
        uint32_t n_peers_ever;
        sd_id128_t id; /* of the private "bus" */
};

Coordinator *service_get_coordinator(const Service *service) {
        return service->settings.coordinator;
}

Access *service_get_access(const Service *service) {
        return service->access;
}

Emitter *service_get_emitter(const Service *service) {
        return service->emitter;
}

JobBook *service_get_jobs(const Service *service) {
        return service->jobs;
}

uid_t service_get_uid(const Service *service) {
        return service->settings.access.service_uid;
}

const char *service_get_mode(const Service *service) {
        return service->settings.mode;
}

const char *service_get_state_path(const Service *service) {
        return service->settings.state_path;
}

const char *service_get_cache_path(const Service *service) {
        return service->settings.cache_path;
}

static void service_tell_activity(Service *service) {
        if (service->settings.on_activity)
                service->settings.on_activity(service->settings.userdata);
}

bool service_is_idle(const Service *service) {
        return service->n_peers == 0 && access_count_questions(service->access) == 0 &&
                        coordinator_is_idle(service->settings.coordinator);
}

static void on_environment_added(Environment *environment, void *userdata) {
        environment_object_added(userdata, environment);
}

static void on_environment_changed(Environment *environment, void *userdata) {
        environment_object_changed(userdata, environment);
        service_tell_activity(userdata);
}

static void on_environment_removed(Environment *environment, void *userdata) {
        environment_object_removed(userdata, environment);
        service_tell_activity(userdata);
}

static void on_job_added(Job *job, void *userdata) {
        Service *service = userdata;

        job_book_add(service->jobs, job);
        service_tell_activity(service);
}

static void on_job_changed(Job *job, void *userdata) {
        Service *service = userdata;

        job_book_changed(service->jobs, job);
}

static void on_job_ended(Job *job, void *userdata) {
        Service *service = userdata;

        job_book_ended(service->jobs, job);
        service_tell_activity(service);
}

static const CoordinatorObserver observer = {
        .on_environment_added = on_environment_added,
        .on_environment_changed = on_environment_changed,
        .on_environment_removed = on_environment_removed,
        .on_job_added = on_job_added,
        .on_job_changed = on_job_changed,
        .on_job_ended = on_job_ended,
};

int service_new(const ServiceSettings *settings, Service **ret) {
        _cleanup_(service_freep) Service *service = new0(Service, 1);
        int r;

        if (!service)
                return -ENOMEM;
        service->settings = *settings;
        service->settings.event = sd_event_ref(settings->event);
        r = sd_id128_randomize(&service->id);
        if (r < 0)
                return r;
        r = access_new(&settings->access, &service->access);
        if (r < 0)
                return r;
        r = emitter_new(settings->event, &service->emitter);
        if (r < 0)
                return r;
        r = job_book_new(settings->event, service->emitter, &service->jobs);
        if (r < 0)
                return r;
        coordinator_observe(settings->coordinator, &observer, service);
        *ret = TAKE_PTR(service);
        return 0;
}

static Peer *peer_free(Peer *peer) {
        if (!peer)
                return NULL;
        if (peer->previous)
                peer->previous->next = peer->next;
        else if (peer->service->peers == peer)
                peer->service->peers = peer->next;
        if (peer->next)
                peer->next->previous = peer->previous;
        sd_event_source_disable_unref(peer->settle);
        if (peer->bus) {
                peer->service->n_peers--;
                emitter_remove_connection(peer->service->emitter, peer->bus);
                (void) sd_bus_detach_event(peer->bus); /* it may not have been attached yet */
                sd_bus_flush_close_unref(peer->bus);
        }
        free(peer);
        return NULL;
}

DEFINE_CLEANUP(Peer, peer_free)

Service *service_free(Service *service) {
        if (!service)
                return NULL;
        coordinator_observe(service->settings.coordinator, &(CoordinatorObserver){}, NULL);
        while (service->peers)
                peer_free(service->peers);
        access_free(service->access);
        job_book_free(service->jobs);
        emitter_free(service->emitter);
        if (service->bus) {
                (void) sd_bus_detach_event(service->bus); /* fails only if it is not attached */
                sd_bus_flush_close_unref(service->bus);
        }
        sd_event_unref(service->settings.event);
        free(service);
        return NULL;
}

/* Reading what sd-bus answers by itself is a question of access like any other call. */
static int on_filter(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Service *service = userdata;
        const char *interface = sd_bus_message_get_interface(message);
        const char *path = sd_bus_message_get_path(message);
        int r;

        if (sd_bus_message_is_method_call(message, NULL, NULL) <= 0)
                return 0;
        service_tell_activity(service);
        if (!interface)
                return 0;
        bool is_reading = streq(interface, BUS_PROPERTIES) &&
                        (string_after(path, BUS_ENVIRONMENT_PATH "/") ||
                         string_after(path, BUS_JOB_PATH "/"));
        if (!is_reading && !streq(interface, BUS_OBJECT_MANAGER))
                return 0;
        if (!access_find_row(interface, sd_bus_message_get_member(message)))
                return 0; /* Set: there is nothing writable; unknown members: sd-bus says so */

        r = access_check(service->access, message, service_get_uid(service), NULL, error);
        if (r < 0)
                return r;
        return r == 0; /* handled for now: the question is open */
}

static int connection_register(Service *service, sd_bus *bus) {
        int r;

        r = sd_bus_add_object_manager(bus, NULL, BUS_PATH);
        if (r < 0)
                return r;
        r = sd_bus_add_object_vtable(bus, NULL, BUS_PATH, BUS_MANAGER, manager_vtable, service);
        if (r < 0)
                return r;
        r = sd_bus_add_fallback_vtable(
                        bus,
                        NULL,
                        BUS_ENVIRONMENT_PATH,
                        BUS_ENVIRONMENT,
                        environment_vtable,
                        on_environment_find,
                        service);
        if (r < 0)
                return r;
        r = sd_bus_add_node_enumerator(
                        bus, NULL, BUS_ENVIRONMENT_PATH, on_environment_enumerate, service);
        if (r < 0)
                return r;
        r = sd_bus_add_fallback_vtable(
                        bus, NULL, BUS_JOB_PATH, BUS_JOB, job_vtable, on_job_find, service);
        if (r < 0)
                return r;
        r = sd_bus_add_node_enumerator(bus, NULL, BUS_JOB_PATH, on_job_enumerate, service);
        if (r < 0)
                return r;
        r = sd_bus_add_object_vtable(
                        bus, NULL, BUS_LOG_CONTROL_PATH, BUS_LOG_CONTROL, log_control_vtable, NULL);
        if (r < 0)
                return r;
        return emitter_add_connection(service->emitter, bus);
}

int service_join_bus(Service *service, sd_bus *bus) {
        int r;

        service->bus = sd_bus_ref(bus);
        r = sd_bus_add_filter(bus, NULL, on_filter, service);
        if (r < 0)
                return r;
        r = connection_register(service, bus);
        if (r < 0)
                return r;
        r = sd_bus_attach_event(bus, service->settings.event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return r;
        r = sd_bus_set_exit_on_disconnect(bus, true);
        if (r < 0)
                return r;
        return sd_bus_request_name(bus, BUS_NAME, 0);
}

static int on_peer_left(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Peer *peer = userdata;
        Service *service = peer->service;

        log_debug("Connection %u ended.", peer->number);
        peer_free(peer);
        service_tell_activity(service);
        return 0;
}

/* A client may send its first messages together with the end of the authentication. sd-bus has then
 * read them, but looks at them only when more comes; so they are asked for once after that. */
static int on_settle(sd_event_source *source, void *userdata) {
        Peer *peer = userdata;
        _cleanup_(sd_bus_unrefp) sd_bus *bus = sd_bus_ref(peer->bus);

        if (sd_bus_is_ready(bus) == 0)
                return 0;
        peer->settle = sd_event_source_disable_unref(peer->settle);
        while (sd_bus_process(bus, NULL) > 0) /* may free the peer; errors end in Disconnected */
                ;
        return 0;
}

static int peer_start(Peer *peer, int *fd) {
        sd_bus *bus = peer->bus;
        int r;

        r = sd_bus_set_fd(bus, *fd, *fd);
        if (r < 0)
                return r;
        (void) TAKE_FD(*fd); /* the bus owns it now */
        r = sd_bus_set_server(bus, true, peer->service->id);
        if (r < 0)
                return r;
        r = sd_bus_negotiate_fds(bus, true);
        if (r < 0)
                return r;
        r = sd_bus_set_sender(bus, DRIVER_OWN_NAME);
        if (r < 0)
                return r;
        r = sd_bus_set_trusted(bus, true);
        if (r < 0)
                return r;
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        r = sd_bus_attach_event(bus, peer->service->settings.event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return r;
        r = sd_event_add_post(peer->service->settings.event, &peer->settle, on_settle, peer);
        if (r < 0)
                return r;
        r = sd_bus_add_object_vtable(
                        bus, NULL, BUS_DRIVER_PATH, BUS_DRIVER, driver_vtable, &peer->number);
        if (r < 0)
                return r;
        r = sd_bus_add_object_vtable(
                        bus,
                        NULL,
                        BUS_DRIVER_PATH,
                        BUS_DRIVER ".Monitoring",
                        driver_monitoring_vtable,
                        NULL);
        if (r < 0)
                return r;
        r = sd_bus_match_signal(
                        bus,
                        NULL,
                        NULL,
                        "/org/freedesktop/DBus/Local",
                        "org.freedesktop.DBus.Local",
                        "Disconnected",
                        on_peer_left,
                        peer);
        if (r < 0)
                return r;
        return connection_register(peer->service, bus);
}

int service_add_peer(Service *service, int fd) {
        _cleanup_close_ int owned = fd;
        _cleanup_(peer_freep) Peer *peer = NULL;
        int r;

        if (service->n_peers >= PEERS_MAX)
                return -EMFILE;
        peer = new (Peer, 1);
        if (!peer)
                return -ENOMEM;
        *peer = (Peer){
                .service = service,
                .next = service->peers,
                .number = ++service->n_peers_ever,
        };
        if (peer->next)
                peer->next->previous = peer;
        service->peers = peer;
        r = sd_bus_new(&peer->bus);
        if (r < 0)
                return r;
        service->n_peers++;
        r = peer_start(peer, &owned);
        if (r < 0)
                return r;
        log_debug("Connection %u began.", peer->number);
        (void) TAKE_PTR(peer); /* the list owns it */
        service_tell_activity(service);
        return 0;
}

int service_start_job(
                Service *service,
                sd_bus_message *message,
                Environment *environment,
                Goal *goal,
                sd_bus_error *error) {
        _cleanup_(goal_freep) Goal *owned = goal;
        _cleanup_fault_ Fault fault = {};
        char path[JOB_PATH_SIZE];
        Job *job;
        int r;

        r = access_caller_uid(service->access, message, &owned->owner);
        if (r < 0)
                return fault_reply(error, NULL, r);
        r = coordinator_start(
                        service->settings.coordinator, environment, TAKE_PTR(owned), &fault, &job);
        if (r < 0)
                return fault_reply(error, &fault, r);
        job_book_want(service->jobs, job);
        return sd_bus_reply_method_return(message, "o", job_object_path(job, path));
}
