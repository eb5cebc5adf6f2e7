// SPDX-License-Identifier: LGPL-2.1-or-later

/* Two sd-bus ends over a socket pair: what one emits the other hears. */

#include <sys/socket.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "basic/text.h"
#include "bus/emit.h"
#include "bus/names.h"
#include "test.h"

#define PATH BUS_JOB_PATH "/1"

typedef struct Pair {
        sd_event *event;
        sd_bus *server;
        sd_bus *client;
        Emitter *emitter;
        char heard[512]; /* members, in order, with their first changed property */
} Pair;

static uint32_t value;

static int
property_get(sd_bus *bus,
             const char *path,
             const char *interface,
             const char *property,
             sd_bus_message *reply,
             void *userdata,
             sd_bus_error *error) {
        return sd_bus_message_append(reply, "u", value);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("A", "u", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("B", "u", property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Pair *pair = userdata;
        size_t used = strlen(pair->heard);
        const char *interface, *name;
        uint32_t number = 0;

        if (sd_bus_message_is_signal(message, NULL, "PropertiesChanged") > 0) {
                ASSERT_OK(sd_bus_message_read(message, "s", &interface));
                ASSERT_OK(sd_bus_message_enter_container(message, 'a', "{sv}"));
                snprintf(pair->heard + used, sizeof(pair->heard) - used, "changed");
                while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
                        ASSERT_OK(sd_bus_message_read(message, "sv", &name, "u", &number));
                        ASSERT_OK(sd_bus_message_exit_container(message));
                        used = strlen(pair->heard);
                        snprintf(pair->heard + used,
                                 sizeof(pair->heard) - used,
                                 " %s=%u",
                                 name,
                                 number);
                }
                used = strlen(pair->heard);
                snprintf(pair->heard + used, sizeof(pair->heard) - used, ";");
        } else if (sd_bus_message_is_signal(message, NULL, NULL) > 0)
                snprintf(pair->heard + used,
                         sizeof(pair->heard) - used,
                         "%s;",
                         sd_bus_message_get_member(message));
        return 0;
}

/* Until nothing has happened for a tenth of a second. */
static const char *pair_run(Pair *pair) {
        while (sd_event_run(pair->event, 100 * USEC_PER_MSEC) > 0)
                ;
        return pair->heard;
}

static void pair_init(Pair *pair) {
        sd_id128_t id = {};
        int fds[2];

        *pair = (Pair){};
        ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0
                                  ? -errno
                                  : 0);
        ASSERT_OK(sd_event_new(&pair->event));
        ASSERT_OK(sd_bus_new(&pair->server));
        ASSERT_OK(sd_bus_set_fd(pair->server, fds[0], fds[0]));
        ASSERT_OK(sd_bus_set_server(pair->server, true, id));
        ASSERT_OK(sd_bus_start(pair->server));
        ASSERT_OK(sd_bus_attach_event(pair->server, pair->event, 0));
        ASSERT_OK(sd_bus_add_object_manager(pair->server, NULL, BUS_PATH));
        ASSERT_OK(sd_bus_add_object_vtable(pair->server, NULL, PATH, BUS_JOB, vtable, NULL));
        ASSERT_OK(sd_bus_new(&pair->client));
        ASSERT_OK(sd_bus_set_fd(pair->client, fds[1], fds[1]));
        ASSERT_OK(sd_bus_start(pair->client));
        ASSERT_OK(sd_bus_attach_event(pair->client, pair->event, 0));
        ASSERT_OK(sd_bus_add_filter(pair->client, NULL, on_message, pair));
        ASSERT_OK(emitter_new(pair->event, &pair->emitter));
        ASSERT_OK(emitter_add_connection(pair->emitter, pair->server));
        (void) pair_run(pair); /* a signal that came with the authentication would wait for the next */
}

static void pair_done(Pair *pair) {
        emitter_free(pair->emitter);
        sd_bus_flush_close_unref(pair->server);
        sd_bus_flush_close_unref(pair->client);
        sd_event_unref(pair->event);
}

static const char *const a[] = { "A", NULL };
static const char *const b[] = { "B", NULL };

TEST(many_changes_of_one_turn_become_one_signal_with_the_last_value) {
        _cleanup_(pair_done) Pair pair;

        pair_init(&pair);
        for (value = 1; value < 100; value++)
                emit_changed(pair.emitter, PATH, BUS_JOB, a);
        emit_changed(pair.emitter, PATH, BUS_JOB, b);
        ASSERT_STREQ(pair_run(&pair), "changed A=100 B=100;");
}

TEST(changes_of_two_turns_become_two_signals) {
        _cleanup_(pair_done) Pair pair;

        pair_init(&pair);
        value = 1;
        emit_changed(pair.emitter, PATH, BUS_JOB, a);
        (void) pair_run(&pair);
        value = 2;
        emit_changed(pair.emitter, PATH, BUS_JOB, a);
        ASSERT_STREQ(pair_run(&pair), "changed A=1;changed A=2;");
}

TEST(change_of_a_new_object_is_told_with_it) {
        _cleanup_(pair_done) Pair pair;

        pair_init(&pair);
        emit_added(pair.emitter, PATH, BUS_JOB);
        emit_changed(pair.emitter, PATH, BUS_JOB, a);
        ASSERT_STREQ(pair_run(&pair), "InterfacesAdded;");
}

TEST(last_change_comes_before_the_end_of_a_job) {
        _cleanup_(pair_done) Pair pair;

        pair_init(&pair);
        value = 5;
        emit_changed(pair.emitter, PATH, BUS_JOB, a);
        emit_job_removed(pair.emitter, 1, PATH, (const char *const[]){ "done", "", "" });
        emit_removed(pair.emitter, PATH, BUS_JOB);
        ASSERT_STREQ(pair_run(&pair), "changed A=5;JobRemoved;InterfacesRemoved;");
}

TEST(object_that_went_away_meanwhile_is_not_told) {
        _cleanup_(pair_done) Pair pair;

        pair_init(&pair);
        emit_changed(pair.emitter, BUS_JOB_PATH "/2", BUS_JOB, a);
        emit_job_new(pair.emitter, 1, PATH);
        ASSERT_STREQ(pair_run(&pair), "JobNew;");
}

TEST(removed_connection_hears_nothing) {
        _cleanup_(pair_done) Pair pair;

        pair_init(&pair);
        emit_changed(pair.emitter, PATH, BUS_JOB, a);
        emitter_remove_connection(pair.emitter, pair.server);
        ASSERT_STREQ(pair_run(&pair), "");
}
