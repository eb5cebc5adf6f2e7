// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * One connection, used synchronously except while a job is followed: then the event loop runs, the
 * job's PropertiesChanged move the progress line and Manager.JobRemoved ends the wait. The match is made
 * before the call, so that a job which ends at once is not missed. The private socket carries the same
 * messages without a bus: no destination, no sender.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "bus/names.h"
#include "client/call.h"
#include "client/start-daemon.h"

/* A cold resolution of a large project may take its time; single calls answer at once. */
enum {
        CALL_TIMEOUT_SEC = 120,
        RECONNECTS_MAX = 50,
        RECONNECT_PAUSE_MSEC = 20,
};

static bool service_is_installed(void) {
        static const char *const places[] = {
                "/usr/share/dbus-1/system-services/" BUS_NAME ".service",
                "/usr/local/share/dbus-1/system-services/" BUS_NAME ".service",
        };
        struct stat status;

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                if (stat(places[i], &status) >= 0)
                        return true;
        return false;
}

static int connect_system(Client *client) {
        int r = sd_bus_open_system(&client->bus);

        if (r < 0)
                return fault_set(
                                &client->fault,
                                r,
                                FAULT_NO_SERVICE,
                                NULL,
                                "The system bus cannot be reached: %s.",
                                strerror(-r));
        return 0;
}

static int open_private(Client *client, sd_bus **ret) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        int fd, r;

        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        fd = daemon_connect(&client->fault);
        if (fd < 0)
                return fd;
        r = sd_bus_set_fd(bus, fd, fd);
        if (r < 0) {
                (void) fd_close(fd);
                return r;
        }
        r = sd_bus_negotiate_fds(bus, true);
        if (r < 0)
                return r;
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

static bool is_lost(int error) {
        return error == -ECONNRESET || error == -ENOTCONN || error == -EPIPE;
}

/* A daemon that is just ending may still take a connection: only an answer shows that it lives. */
static int connect_private(Client *client) {
        const struct timespec pause = { .tv_nsec = RECONNECT_PAUSE_MSEC * 1000000L };
        int r;

        for (int i = 0; i < RECONNECTS_MAX; i++) {
                _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
                r = open_private(client, &bus);
                if (r >= 0)
                        r = sd_bus_call_method(
                                        bus,
                                        NULL,
                                        "/",
                                        "org.freedesktop.DBus.Peer",
                                        "Ping",
                                        NULL,
                                        NULL,
                                        NULL);
                if (r >= 0) {
                        client->bus = TAKE_PTR(bus);
                        client->is_private = true;
                        return 0;
                }
                if (!is_lost(r))
                        break;
                (void) nanosleep(&pause, NULL);
        }
        return fault_set(
                        &client->fault,
                        r,
                        FAULT_NO_SERVICE,
                        NULL,
                        "The daemon does not answer: %s.",
                        strerror(-r));
}

int client_connect(Client *client) {
        const char *service = client->service ?: getenv("BLAST_SERVICE");
        int r;

        if (client->bus)
                return 0;
        if (service && !streq(service, "system") && !streq(service, "embedded"))
                return fault_set(
                                &client->fault,
                                -EINVAL,
                                FAULT_USAGE,
                                service,
                                "Option --service knows system and embedded, not '%s'.",
                                service);

        /* Root always runs embedded: the service is for those who are not (decision 2). */
        bool use_system = service ? streq(service, "system")
                                  : geteuid() != 0 && service_is_installed();
        r = use_system ? connect_system(client) : connect_private(client);
        if (r < 0)
                return r;
        r = sd_bus_set_method_call_timeout(client->bus, CALL_TIMEOUT_SEC * USEC_PER_SEC);
        if (r < 0)
                return r;
        r = sd_event_default(&client->event);
        if (r < 0)
                return r;
        return sd_bus_attach_event(client->bus, client->event, SD_EVENT_PRIORITY_NORMAL);
}

/* "Manager.X" → interface and member. */
static int split_method(const char *method, char **ret_interface, const char **ret_member) {
        const char *dot = strchr(method, '.');

        assert(dot);
        *ret_interface = string_format("%s.%.*s", BUS_NAME, (int) (dot - method), method);
        *ret_member = dot + 1;
        return *ret_interface ? 0 : -ENOMEM;
}

int client_message(Client *client, const char *path, const char *method, sd_bus_message **ret) {
        _cleanup_(freep) char *interface = NULL;
        const char *member;
        int r;

        r = split_method(method, &interface, &member);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_call(
                        client->bus,
                        ret,
                        client->is_private ? NULL : BUS_NAME,
                        path,
                        interface,
                        member);
        if (r < 0)
                return r;
        return sd_bus_message_set_allow_interactive_authorization(*ret, true);
}

/* The service appends the hint on a line of its own after "\nHint: ". */
static int fault_from_error(Client *client, const sd_bus_error *error, int r) {
        FaultCode code = fault_code_from_error_name(error->name ?: "");
        const char *message = error->message ?: strerror(-r), *hint = strstr(message, "\nHint: ");

        if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
            sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) || r == -ECONNRESET ||
            r == -ENOTCONN)
                code = FAULT_NO_SERVICE;
        else if (sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
                code = FAULT_ACCESS_DENIED;

        size_t length = hint ? (size_t) (hint - message) : strlen(message);
        (void) fault_set(&client->fault, r, code, NULL, "%.*s", (int) length, message);
        if (hint)
                fault_hint(&client->fault, "%s", hint + strlen("\nHint: "));
        return r;
}

int client_send(Client *client, sd_bus_message *message, sd_bus_message **ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = sd_bus_call(client->bus, message, 0, &error, ret);

        return r < 0 ? fault_from_error(client, &error, r) : 0;
}

int client_property(
                Client *client,
                const char *path,
                const char *property,
                const char *type,
                sd_bus_message **ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(freep) char *interface = NULL;
        const char *member;
        int r;

        r = split_method(property, &interface, &member);
        if (r < 0)
                return r;
        r = sd_bus_get_property(
                        client->bus,
                        client->is_private ? NULL : BUS_NAME,
                        path,
                        interface,
                        member,
                        &error,
                        ret,
                        type);
        return r < 0 ? fault_from_error(client, &error, r) : 0;
}

int client_property_string(Client *client, const char *path, const char *property, char **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *value;
        int r;

        r = client_property(client, path, property, "s", &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "s", &value);
        if (r < 0)
                return r;
        *ret = strdup(value);
        return *ret ? 0 : -ENOMEM;
}

int client_open_environment(Client *client, bool only_existing) {
        _cleanup_message_ sd_bus_message *message = NULL, *reply = NULL;
        const char *path;
        int r;

        if (client->environment)
                return 0;
        r = client_open_project(client);
        if (r < 0)
                return r;
        r = client_connect(client);
        if (r < 0)
                return r;
        r = client_message(
                        client,
                        BUS_PATH,
                        only_existing ? "Manager.FindProjectFd" : "Manager.OpenProjectFd",
                        &message);
        if (r < 0)
                return r;
        r = sd_bus_message_append(message, "hs", client->project_fd, client->name ?: "");
        if (r < 0)
                return r;
        r = client_send(client, message, &reply);
        if (r < 0) {
                if (client->fault.code == FAULT_NO_ENVIRONMENT && !client->fault.hint)
                        fault_hint(&client->fault, "'blast start' makes it.");
                return r;
        }
        r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return r;
        client->environment = strdup(path);
        return client->environment ? 0 : -ENOMEM;
}

static int append_bool(sd_bus_message *message, const char *name, bool value) {
        return value ? sd_bus_message_append(message, "{sv}", name, "b", (int) value) : 0;
}

static int append_text(sd_bus_message *message, const char *name, const char *value) {
        return value ? sd_bus_message_append(message, "{sv}", name, "s", value) : 0;
}

static int append_number(sd_bus_message *message, const char *name, uint32_t value) {
        return sd_bus_message_append(message, "{sv}", name, "u", value);
}

static int append_list(sd_bus_message *message, const char *name, char *const *list) {
        int r;

        if (strings_count(list) == 0)
                return 0;
        r = sd_bus_message_open_container(message, 'e', "sv");
        if (r < 0)
                return r;
        r = sd_bus_message_append(message, "s", name);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(message, 'v', "as");
        if (r < 0)
                return r;
        r = sd_bus_message_append_strv(message, (char **) list);
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(message);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(message);
}

/* $PATH and the places where version managers keep interpreters, in the order of preference. */
static int python_directories(char ***ret) {
        _cleanup_(strings_freep) char **list = NULL;
        Text rest = text_of(getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin"), part;
        const char *home = getenv("HOME");
        int r = 0;

        while (r >= 0 && text_cut(&rest, ':', &part))
                if (part.length > 0 && part.data[0] == '/')
                        r = strings_consume(&list, text_to_string(part));
        if (r >= 0 && !text_is_empty(home))
                r = strings_consume(&list, string_format("%s/.pyenv/versions/*/bin", home));
        if (r >= 0 && !text_is_empty(home))
                r = strings_consume(&list, string_format("%s/.local/share/uv/python/*/bin", home));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

static int append_index(sd_bus_message *message, const IndexSettings *index) {
        int r;

        r = append_text(message, "index-url", index->index_url);
        if (r < 0)
                return r;
        r = append_list(message, "extra-index-urls", index->extra_index_urls);
        if (r < 0)
                return r;
        r = append_list(message, "find-links", index->find_links);
        if (r < 0)
                return r;
        r = append_list(message, "proxies", index->proxies);
        if (r < 0)
                return r;
        r = append_text(message, "certificate-file", index->certificate_file);
        if (r < 0)
                return r;
        r = append_number(message, "requests-max", index->n_requests_max);
        if (r < 0)
                return r;
        r = append_number(message, "timeout", index->timeout_sec);
        if (r < 0)
                return r;
        r = append_number(message, "retries", index->n_retries);
        if (r < 0)
                return r;
        r = sd_bus_message_append(message, "{sv}", "verify-tls", "b", (int) index->verify_tls);
        if (r < 0)
                return r;
        r = sd_bus_message_append(message, "{sv}", "page-age-max", "t", index->page_age_max_sec);
        if (r < 0)
                return r;
        return append_bool(message, "offline", index->offline);
}

static int append_wishes(Client *client, sd_bus_message *message) {
        const struct {
                const char *name;
                bool value;
        } flags[] = {
                { "frozen", client->is_frozen },
                { "locked", client->is_locked },
                { "dry-run", client->is_dry_run },
                { "prereleases", client->wants_prereleases || client->settings.allow_prereleases },
                { "no-default-groups", client->no_default_groups },
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(flags); i++) {
                r = append_bool(message, flags[i].name, flags[i].value);
                if (r < 0)
                        return r;
        }
        r = append_text(message, "python", client->python);
        if (r < 0)
                return r;
        r = append_text(message,
                        "exclude-newer",
                        client->exclude_newer ?: client->settings.exclude_newer);
        if (r < 0)
                return r;
        r = append_list(message, "groups", client->groups);
        if (r < 0)
                return r;
        return append_list(message, "extras", client->extras);
}

int client_append_options(Client *client, sd_bus_message *message) {
        _cleanup_(strings_freep) char **directories = NULL;
        int r;

        r = client_load_settings(client);
        if (r < 0)
                return r;
        r = python_directories(&directories);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r < 0)
                return r;
        r = append_wishes(client, message);
        if (r < 0)
                return r;
        r = append_index(message, &client->settings.index);
        if (r < 0)
                return r;
        r = append_list(message, "python-directories", directories);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(message);
}
