// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>

#include "basic/log.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "bus/emit.h"
#include "bus/names.h"

enum {
        QUEUED_MAX = 4096 /* messages */
};

/* A property may change many times in one turn of the loop, and the values are read when the signal
 * is made: so each name stands at most once in an entry, and the entries keep their order. */
typedef struct Pending {
        char *path;
        const char *interface;
        bool is_added;
        char **properties;
} Pending;

struct Emitter {
        sd_event_source *flush;
        sd_bus **connections;
        size_t n_connections;
        size_t n_connections_allocated;
        Pending *pending;
        size_t n_pending;
        size_t n_pending_allocated;
};

static void pending_done(Pending *pending) {
        free(pending->path);
        strings_free(pending->properties);
}

static int on_flush(sd_event_source *source, void *userdata) {
        emit_flush(userdata);
        return 0;
}

int emitter_new(sd_event *event, Emitter **ret) {
        _cleanup_(emitter_freep) Emitter *emitter = new0(Emitter, 1);
        int r;

        if (!emitter)
                return -ENOMEM;
        r = sd_event_add_defer(event, &emitter->flush, on_flush, emitter);
        if (r < 0)
                return r;
        /* After everything else of this turn, but not starved by a busy loop. */
        r = sd_event_source_set_priority(emitter->flush, SD_EVENT_PRIORITY_NORMAL + 10);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(emitter->flush, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(emitter);
        return 0;
}

Emitter *emitter_free(Emitter *emitter) {
        if (!emitter)
                return NULL;
        for (size_t i = 0; i < emitter->n_pending; i++)
                pending_done(emitter->pending + i);
        for (size_t i = 0; i < emitter->n_connections; i++)
                sd_bus_unref(emitter->connections[i]);
        sd_event_source_disable_unref(emitter->flush);
        free(emitter->pending);
        free(emitter->connections);
        free(emitter);
        return NULL;
}

int emitter_add_connection(Emitter *emitter, sd_bus *bus) {
        int r;

        r =
                        ARRAY_RESERVE(emitter->connections,
                                      emitter->n_connections_allocated,
                                      emitter->n_connections + 1);
        if (r < 0)
                return r;
        emitter->connections[emitter->n_connections++] = sd_bus_ref(bus);
        return 0;
}

void emitter_remove_connection(Emitter *emitter, sd_bus *bus) {
        for (size_t i = 0; i < emitter->n_connections; i++)
                if (emitter->connections[i] == bus) {
                        emitter->connections[i] = emitter->connections[--emitter->n_connections];
                        sd_bus_unref(bus);
                        return;
                }
}

/* A client that does not read must not fill our memory: what it misses it can ask for. */
static bool connection_listens(sd_bus *bus) {
        uint64_t n_queued;

        return sd_bus_get_n_queued_write(bus, &n_queued) < 0 || n_queued < QUEUED_MAX;
}

static void emitter_report(int r, const char *path) {
        /* -ENOENT: the object went away again meanwhile; -ENOTCONN: the connection is about to. */
        if (r < 0 && r != -ENOENT && r != -ENOTCONN && r != -ESTALE)
                log_warning("Cannot send a signal about '%s': %s, continuing.", path, strerror(-r));
}

static int pending_add_properties(Pending *pending, const char *const *properties) {
        for (; *properties; properties++) {
                if (strings_contain(pending->properties, *properties))
                        continue;

                int r = strings_add(&pending->properties, *properties);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int
emitter_collect(Emitter *emitter,
                const char *path,
                const char *interface,
                const char *const *properties) {
        Pending *pending = NULL;
        int r;

        for (size_t i = 0; !pending && i < emitter->n_pending; i++)
                if (streq(emitter->pending[i].path, path) &&
                    streq(emitter->pending[i].interface, interface))
                        pending = emitter->pending + i;
        if (!pending) {
                _cleanup_(freep) char *copy = memory_copy(path, strlen(path) + 1);

                r =
                                ARRAY_RESERVE(emitter->pending,
                                              emitter->n_pending_allocated,
                                              emitter->n_pending + 1);
                if (!copy || r < 0)
                        return -ENOMEM;
                pending = emitter->pending + emitter->n_pending++;
                *pending = (Pending){ .path = TAKE_PTR(copy), .interface = interface };
        }
        if (!properties)
                pending->is_added = true;
        else if (!pending->is_added) { /* InterfacesAdded will carry all values */
                r = pending_add_properties(pending, properties);
                if (r < 0)
                        return r;
        }
        return sd_event_source_set_enabled(emitter->flush, SD_EVENT_ONESHOT);
}

void emit_added(Emitter *emitter, const char *path, const char *interface) {
        emitter_report(emitter_collect(emitter, path, interface, NULL), path);
}

void emit_changed(
                Emitter *emitter,
                const char *path,
                const char *interface,
                const char *const *properties) {
        emitter_report(emitter_collect(emitter, path, interface, properties), path);
}

static void pending_send(const Pending *pending, sd_bus *bus) {
        int r;

        if (!connection_listens(bus))
                return;
        if (pending->is_added)
                r = sd_bus_emit_interfaces_added(bus, pending->path, pending->interface, NULL);
        else
                r = sd_bus_emit_properties_changed_strv(
                                bus, pending->path, pending->interface, pending->properties);
        emitter_report(r, pending->path);
}

void emit_flush(Emitter *emitter) {
        size_t n_pending = TAKE(emitter->n_pending, 0);

        for (size_t i = 0; i < n_pending; i++) {
                for (size_t j = 0; j < emitter->n_connections; j++)
                        pending_send(emitter->pending + i, emitter->connections[j]);
                pending_done(emitter->pending + i);
        }
        (void) sd_event_source_set_enabled(
                        emitter->flush, SD_EVENT_OFF); /* at worst one empty turn */
}

void emit_removed(Emitter *emitter, const char *path, const char *interface) {
        emit_flush(emitter);
        for (size_t i = 0; i < emitter->n_connections; i++)
                if (connection_listens(emitter->connections[i]))
                        emitter_report(sd_bus_emit_interfaces_removed(
                                                       emitter->connections[i],
                                                       path,
                                                       interface,
                                                       NULL),
                                       path);
}

void emit_job_new(Emitter *emitter, uint32_t number, const char *path) {
        emit_flush(emitter);
        for (size_t i = 0; i < emitter->n_connections; i++)
                if (connection_listens(emitter->connections[i]))
                        emitter_report(sd_bus_emit_signal(
                                                       emitter->connections[i],
                                                       BUS_PATH,
                                                       BUS_MANAGER,
                                                       "JobNew",
                                                       "uo",
                                                       number,
                                                       path),
                                       path);
}

void emit_job_removed(
                Emitter *emitter,
                uint32_t number,
                const char *path,
                const char *const outcome[static 3]) {
        emit_flush(emitter);
        for (size_t i = 0; i < emitter->n_connections; i++)
                if (connection_listens(emitter->connections[i]))
                        emitter_report(sd_bus_emit_signal(
                                                       emitter->connections[i],
                                                       BUS_PATH,
                                                       BUS_MANAGER,
                                                       "JobRemoved",
                                                       "uosss",
                                                       number,
                                                       path,
                                                       outcome[0],
                                                       outcome[1],
                                                       outcome[2]),
                                       path);
}
