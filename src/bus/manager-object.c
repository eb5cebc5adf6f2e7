// SPDX-License-Identifier: LGPL-2.1-or-later

#include <limits.h>
#include <string.h>

#include "basic/file.h"
#include "bus/append.h"
#include "bus/environment-object.h"
#include "bus/fault-reply.h"
#include "bus/job-object.h"
#include "bus/manager-object.h"
#include "bus/names.h"
#include "bus/options.h"
#include "bus/service.h"
#include "config.h"
#include "environment/launch.h"
#include "environment/privilege.h"
#include "sync/run.h"

typedef int (*ProjectVerb)(
                Coordinator *coordinator,
                int project_fd,
                const char *name,
                Fault *fault,
                Environment **ret);

/* Acts and replies: the same for the descriptor and the path forms. */
static int
project_reply(Service *service,
              sd_bus_message *message,
              int project_fd,
              const char *name,
              ProjectVerb verb,
              sd_bus_error *error) {
        _cleanup_fault_ Fault fault = {};
        char path[ENVIRONMENT_PATH_SIZE];
        Environment *environment;
        int r;

        r = verb(service_get_coordinator(service), project_fd, name, &fault, &environment);
        if (r < 0)
                return fault_reply(error, &fault, r);
        return sd_bus_reply_method_return(
                        message,
                        "o",
                        environment_object_path(environment_get_record(environment)->id, path));
}

static int
project_by_fd(Service *service, sd_bus_message *message, ProjectVerb verb, sd_bus_error *error) {
        _cleanup_(freep) char *path = NULL;
        const char *name;
        int r, project_fd;

        r = sd_bus_message_read(message, "hs", &project_fd, &name);
        if (r < 0)
                return r;
        r = directory_path(project_fd, &path);
        if (r < 0)
                return fault_reply_format(
                                error, FAULT_USAGE, "The descriptor is not that of a directory.");

        const char *const details[] = { "project", path, "name", name, NULL };
        r =
                        access_check(service_get_access(service),
                                     message,
                                     service_get_uid(service),
                                     details,
                                     error);
        if (r <= 0)
                return r < 0 ? r : 1;

        return project_reply(service, message, project_fd, name, verb, error);
}

static int
project_by_path(Service *service, sd_bus_message *message, ProjectVerb verb, sd_bus_error *error) {
        _cleanup_close_ int project_fd = -EBADF;
        _cleanup_fault_ Fault fault = {};
        const char *path, *name;
        uid_t caller;
        int r;

        r = sd_bus_message_read(message, "ss", &path, &name);
        if (r < 0)
                return r;
        if (*path != '/' || strlen(path) >= PATH_MAX)
                return fault_reply_format(
                                error, FAULT_USAGE, "The path of the project is not absolute.");

        const char *const details[] = { "project", path, "name", name, NULL };
        r =
                        access_check(service_get_access(service),
                                     message,
                                     service_get_uid(service),
                                     details,
                                     error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = access_caller_uid(service_get_access(service), message, &caller);
        if (r < 0)
                return fault_reply(error, NULL, r);
        r = project_open(path, caller, &project_fd, &fault);
        if (r < 0)
                return fault_reply(error, &fault, r);
        return project_reply(service, message, project_fd, name, verb, error);
}

static int method_open_project_fd(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return project_by_fd(userdata, message, coordinator_open_project, error);
}

static int method_open_project(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return project_by_path(userdata, message, coordinator_open_project, error);
}

static int method_find_project_fd(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return project_by_fd(userdata, message, coordinator_find_project, error);
}

static int method_find_project(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return project_by_path(userdata, message, coordinator_find_project, error);
}

static int append_environment(sd_bus_message *reply, const Environment *environment) {
        const EnvironmentRecord *record = environment_get_record(environment);
        _cleanup_(freep) char *project_path = text_for_bus(record->project_path);
        char path[ENVIRONMENT_PATH_SIZE];

        if (!project_path)
                return -ENOMEM;
        return sd_bus_message_append(
                        reply,
                        "(osssuu)",
                        environment_object_path(record->id, path),
                        record->id,
                        record->name,
                        project_path,
                        environment_get_generation_number(environment),
                        (uint32_t) environment_count_runs(environment));
}

static int method_list_environments(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Service *service = userdata;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Environment *environment;
        size_t position = 0;
        int r;

        r =
                        access_check(service_get_access(service),
                                     message,
                                     service_get_uid(service),
                                     NULL,
                                     error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = sd_bus_message_new_method_return(message, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "(osssuu)");
        if (r < 0)
                return r;
        while ((environment = coordinator_next_environment(
                                service_get_coordinator(service), &position))) {
                r = append_environment(reply, environment);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static int append_job(sd_bus_message *reply, const Job *job) {
        char path[JOB_PATH_SIZE], environment_path[ENVIRONMENT_PATH_SIZE];

        return sd_bus_message_append(
                        reply,
                        "(ousoss)",
                        job_object_path(job, path),
                        job_get_number(job),
                        goal_verb_to_string(job_get_goal(job)->verb),
                        environment_object_path(job_get_environment_id(job), environment_path),
                        job_state_to_string(job_get_state(job)),
                        job_get_phase(job));
}

static int method_list_jobs(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Service *service = userdata;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Job *job;
        size_t position = 0;
        int r;

        r =
                        access_check(service_get_access(service),
                                     message,
                                     service_get_uid(service),
                                     NULL,
                                     error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = sd_bus_message_new_method_return(message, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "(ousoss)");
        if (r < 0)
                return r;
        while ((job = job_book_next(service_get_jobs(service), &position))) {
                r = append_job(reply, job);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static int method_collect(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Service *service = userdata;
        Goal *goal;
        int r;

        r =
                        access_check(service_get_access(service),
                                     message,
                                     service_get_uid(service),
                                     NULL,
                                     error);
        if (r <= 0)
                return r < 0 ? r : 1;

        goal = goal_new(GOAL_COLLECT);
        if (!goal)
                return -ENOMEM;
        return service_start_job(service, message, NULL, goal, error);
}

#define PROPERTY(name, value)                     \
        static int property_get_##name(           \
                        sd_bus *bus,              \
                        const char *path,         \
                        const char *interface,    \
                        const char *property,     \
                        sd_bus_message *reply,    \
                        void *userdata,           \
                        sd_bus_error *error) {    \
                return append_text(reply, value); \
        }

PROPERTY(version, BLAST_VERSION)
PROPERTY(mode, service_get_mode(userdata))
PROPERTY(state_directory, service_get_state_path(userdata))
PROPERTY(cache_directory, service_get_cache_path(userdata))

#define CALL     SD_BUS_VTABLE_UNPRIVILEGED /* the access table decides, not sd-bus */
#define CONSTANT SD_BUS_VTABLE_PROPERTY_CONST

const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                        "OpenProjectFd",
                        SD_BUS_ARGS("h", directory, "s", name),
                        SD_BUS_RESULT("o", environment),
                        method_open_project_fd,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "OpenProject",
                        SD_BUS_ARGS("s", path, "s", name),
                        SD_BUS_RESULT("o", environment),
                        method_open_project,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "FindProjectFd",
                        SD_BUS_ARGS("h", directory, "s", name),
                        SD_BUS_RESULT("o", environment),
                        method_find_project_fd,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "FindProject",
                        SD_BUS_ARGS("s", path, "s", name),
                        SD_BUS_RESULT("o", environment),
                        method_find_project,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "ListEnvironments",
                        SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("a(osssuu)", environments),
                        method_list_environments,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "ListJobs",
                        SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("a(ousoss)", jobs),
                        method_list_jobs,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "Collect",
                        SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("o", job),
                        method_collect,
                        CALL),
        SD_BUS_PROPERTY("Version", "s", property_get_version, 0, CONSTANT),
        SD_BUS_PROPERTY("Mode", "s", property_get_mode, 0, CONSTANT),
        SD_BUS_PROPERTY("StateDirectory", "s", property_get_state_directory, 0, CONSTANT),
        SD_BUS_PROPERTY("CacheDirectory", "s", property_get_cache_directory, 0, CONSTANT),
        SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("u", number, "o", job), 0),
        SD_BUS_SIGNAL_WITH_ARGS(
                        "JobRemoved",
                        SD_BUS_ARGS("u", number, "o", job, "s", result, "s", error, "s", message),
                        0),
        SD_BUS_VTABLE_END,
};
