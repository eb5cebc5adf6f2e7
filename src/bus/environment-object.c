// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Eight methods make a goal and answer with its job; they differ in the verb and in what they read
 * first. RunFd alone acts at once: the program's fate is told on the control socket the caller made,
 * not by a job. The path of the object is looked up again in each call, because between the question
 * to polkit and its answer an environment may have been deleted (sd-bus then says UnknownObject).
 *
 * The question to polkit carries id and project; a project that moved while it was open is denied.
 */

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/text.h"
#include "bus/environment-object.h"
#include "bus/environment-property.h"
#include "bus/fault-reply.h"
#include "bus/names.h"
#include "bus/options.h"
#include "sync/run.h"

static const char *const changing_properties[] = {
        "ProjectPath",    "State",      "Generation", "Prefix",
        "PythonVersion",  "PythonPath", "VenvState",  "Guarantees",
        "UnenforcedKeys", "Runs",       NULL,
};

char *environment_object_path(const char *id, char buffer[static ENVIRONMENT_PATH_SIZE]) {
        if (text_is_empty(id))
                (void) snprintf(buffer, ENVIRONMENT_PATH_SIZE, "/"); /* D-Bus has no null path */
        else
                (void) snprintf(buffer, ENVIRONMENT_PATH_SIZE, BUS_ENVIRONMENT_PATH "/%s", id);
        return buffer;
}

Environment *environment_object_at(Service *service, const char *path) {
        const char *id = string_after(path, BUS_ENVIRONMENT_PATH "/");

        return id ? coordinator_get_environment(service_get_coordinator(service), id) : NULL;
}

static const EnvironmentRecord *record_of(const Environment *environment) {
        return environment_get_record(environment);
}

void environment_object_added(Service *service, Environment *environment) {
        char path[ENVIRONMENT_PATH_SIZE];

        emit_added(service_get_emitter(service),
                   environment_object_path(record_of(environment)->id, path),
                   BUS_ENVIRONMENT);
}

void environment_object_changed(Service *service, Environment *environment) {
        char path[ENVIRONMENT_PATH_SIZE];

        emit_changed(service_get_emitter(service),
                     environment_object_path(record_of(environment)->id, path),
                     BUS_ENVIRONMENT,
                     changing_properties);
}

void environment_object_removed(Service *service, Environment *environment) {
        char path[ENVIRONMENT_PATH_SIZE];

        emit_removed(service_get_emitter(service),
                     environment_object_path(record_of(environment)->id, path),
                     BUS_ENVIRONMENT);
}

int on_environment_find(
                sd_bus *bus,
                const char *path,
                const char *interface,
                void *userdata,
                void **ret,
                sd_bus_error *error) {
        if (!environment_object_at(userdata, path))
                return 0;
        *ret = userdata;
        return 1;
}

int on_environment_enumerate(
                sd_bus *bus,
                const char *prefix,
                void *userdata,
                char ***ret,
                sd_bus_error *error) {
        _cleanup_(strings_freep) char **paths = NULL;
        Coordinator *coordinator = service_get_coordinator(userdata);
        char path[ENVIRONMENT_PATH_SIZE];
        const Environment *environment;
        size_t position = 0;

        while ((environment = coordinator_next_environment(coordinator, &position))) {
                int r = strings_add(
                                &paths, environment_object_path(record_of(environment)->id, path));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(paths);
        return 0;
}

static int environment_check_access(
                Service *service,
                sd_bus_message *message,
                const Environment *environment,
                sd_bus_error *error) {
        const char *const details[] = {
                "environment", record_of(environment)->id,
                "project",     record_of(environment)->project_path,
                NULL,
        };

        return access_check(
                        service_get_access(service),
                        message,
                        service_get_uid(service),
                        details,
                        error);
}

/* The one handler behind all methods that make a goal of a list (@list: its name, NULL: none) and
 * options. */
static int
start_goal(sd_bus_message *message,
           Service *service,
           GoalVerb verb,
           const char *list,
           sd_bus_error *error) {
        Environment *environment = environment_object_at(service, sd_bus_message_get_path(message));
        _cleanup_(goal_freep) Goal *goal = goal_new(verb);
        _cleanup_fault_ Fault fault = {};
        int r;

        if (!goal)
                return -ENOMEM;
        if (list) {
                r = options_read_texts(message, list, &goal->wish.requirements, &fault);
                if (r < 0)
                        return fault_reply(error, &fault, r);
        }
        r = options_read_goal(message, goal, &fault);
        if (r < 0)
                return fault_reply(error, &fault, r);
        r = goal_check(goal, &fault);
        if (r < 0)
                return fault_reply(error, &fault, r);

        r = environment_check_access(service, message, environment, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        return service_start_job(service, message, environment, TAKE_PTR(goal), error);
}

static int method_sync(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return start_goal(message, userdata, GOAL_SYNC, NULL, error);
}

static int method_install(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return start_goal(message, userdata, GOAL_INSTALL, "requirements", error);
}

static int method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return start_goal(message, userdata, GOAL_REMOVE, "names", error);
}

static int method_update(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return start_goal(message, userdata, GOAL_UPDATE, "names", error);
}

static int method_lock(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return start_goal(message, userdata, GOAL_LOCK, NULL, error);
}

/* The verbs without options. */
static int start_plain_goal(
                sd_bus_message *message,
                Service *service,
                GoalVerb verb,
                uint32_t generation,
                sd_bus_error *error) {
        Environment *environment = environment_object_at(service, sd_bus_message_get_path(message));
        int r;

        r = environment_check_access(service, message, environment, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        Goal *goal = goal_new(verb);
        if (!goal)
                return -ENOMEM;
        goal->generation = generation;
        return service_start_job(service, message, environment, goal, error);
}

static int method_rollback(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        uint32_t generation;
        int r;

        r = sd_bus_message_read(message, "u", &generation);
        if (r < 0)
                return r;
        return start_plain_goal(message, userdata, GOAL_ROLLBACK, generation, error);
}

static int method_complete_venv(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return start_plain_goal(message, userdata, GOAL_COMPLETE_VENV, 0, error);
}

static int method_delete(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return start_plain_goal(message, userdata, GOAL_DELETE, 0, error);
}

/* Arguments of Run and RunFd; descriptors are borrowed from the message. */
typedef struct RunArguments {
        char **argv;
        char **environ;
        char *directory;
        int stdio[3];
        int control_fd;
        RunOptions options;
} RunArguments;

static void run_arguments_done(RunArguments *arguments) {
        strings_free(arguments->argv);
        strings_free(arguments->environ);
        free(arguments->directory);
}

static int read_program(sd_bus_message *message, RunArguments *arguments, Fault *fault) {
        int r;

        r = options_read_arguments(message, &arguments->argv, fault);
        if (r < 0)
                return r;
        r = options_read_directory(message, &arguments->directory, fault);
        if (r < 0)
                return r;
        return options_read_environ(message, &arguments->environ, fault);
}

static int read_stdio(sd_bus_message *message, RunArguments *arguments, Fault *fault) {
        size_t n = 0;
        int r, fd;

        r = sd_bus_message_enter_container(message, 'a', "h");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(message, "h", &fd)) > 0)
                if (n++ < ELEMENTSOF(arguments->stdio))
                        arguments->stdio[n - 1] = fd;
        if (r < 0)
                return r;
        if (n != ELEMENTSOF(arguments->stdio))
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_USAGE,
                                "stdio",
                                "'stdio' holds %zu descriptors, not three.",
                                n);
        return sd_bus_message_exit_container(message);
}

static int read_control(sd_bus_message *message, RunArguments *arguments, Fault *fault) {
        int type = 0, domain = 0;
        socklen_t size = sizeof(type);
        int r;

        r = sd_bus_message_read(message, "h", &arguments->control_fd);
        if (r < 0)
                return r;
        if (getsockopt(arguments->control_fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
            getsockopt(arguments->control_fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
            type != SOCK_SEQPACKET || domain != AF_UNIX)
                return fault_set(
                                fault,
                                -EINVAL,
                                FAULT_USAGE,
                                "control",
                                "'control' is not a unix socket of type SEQPACKET.");
        return 0;
}

static int method_run_fd(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Environment *environment =
                        environment_object_at(userdata, sd_bus_message_get_path(message));
        _cleanup_(run_arguments_done) RunArguments arguments = {};
        _cleanup_fault_ Fault fault = {};
        uint32_t number;
        int r;

        r = read_program(message, &arguments, &fault);
        if (r >= 0)
                r = read_stdio(message, &arguments, &fault);
        if (r >= 0)
                r = read_control(message, &arguments, &fault);
        if (r >= 0)
                r = options_read_run(message, &arguments.options, &fault);
        if (r < 0)
                return fault_reply(error, &fault, r);

        r = environment_check_access(userdata, message, environment, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        const RunRequest request = {
                .argv = arguments.argv,
                .environ = arguments.environ,
                .directory = arguments.directory,
                .stdio = { arguments.stdio[0], arguments.stdio[1], arguments.stdio[2] },
                .control_fd = arguments.control_fd,
                .wants_terminal = arguments.options.wants_terminal,
                .n_rows = arguments.options.n_rows,
                .n_columns = arguments.options.n_columns,
                .is_strict = arguments.options.is_strict,
        };
        r = run_start(service_get_coordinator(userdata), environment, &request, &fault, &number);
        if (r < 0)
                return fault_reply(error, &fault, r);
        return sd_bus_reply_method_return(message, "u", number);
}

static int method_run(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Environment *environment =
                        environment_object_at(userdata, sd_bus_message_get_path(message));
        _cleanup_(run_arguments_done) RunArguments arguments = {};
        _cleanup_(goal_freep) Goal *goal = goal_new(GOAL_RUN);
        _cleanup_fault_ Fault fault = {};
        int r;

        if (!goal)
                return -ENOMEM;
        r = read_program(message, &arguments, &fault);
        if (r >= 0)
                r = options_read_run(message, &arguments.options, &fault);
        if (r < 0)
                return fault_reply(error, &fault, r);
        goal->argv = TAKE_PTR(arguments.argv);
        goal->environ = TAKE_PTR(arguments.environ);
        goal->directory = TAKE_PTR(arguments.directory);
        goal->is_strict = arguments.options.is_strict;
        r = goal_check(goal, &fault);
        if (r < 0)
                return fault_reply(error, &fault, r);

        r = environment_check_access(userdata, message, environment, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        return service_start_job(userdata, message, environment, TAKE_PTR(goal), error);
}

static int method_kill(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Environment *environment =
                        environment_object_at(userdata, sd_bus_message_get_path(message));
        _cleanup_fault_ Fault fault = {};
        uint32_t number, n_told;
        int32_t signal_number;
        int r;

        r = sd_bus_message_read(message, "ui", &number, &signal_number);
        if (r < 0)
                return r;
        if (signal_number < 1 || signal_number > 64)
                return fault_reply_format(
                                error, FAULT_USAGE, "There is no signal %d.", signal_number);

        r = environment_check_access(userdata, message, environment, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = run_signal(environment, number, signal_number, &fault, &n_told);
        if (r < 0)
                return fault_reply(error, &fault, r);
        return sd_bus_reply_method_return(message, "u", n_told);
}

static int append_packages(sd_bus_message *reply, const Lock *lock) {
        char tree[DIGEST_HEX_SIZE];
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ssbts)");
        if (r < 0)
                return r;
        for (size_t i = 0; lock && i < lock->n_packages; i++) {
                const LockPackage *package = lock->packages + i;

                r = sd_bus_message_append(
                                reply,
                                "(ssbts)",
                                package->name,
                                package->version,
                                (int) package->is_direct,
                                package->size_bytes,
                                digest_to_hex(&package->digest, tree));
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

static int method_list_packages(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Environment *environment =
                        environment_object_at(userdata, sd_bus_message_get_path(message));
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = environment_check_access(userdata, message, environment, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = sd_bus_message_new_method_return(message, &reply);
        if (r < 0)
                return r;
        r = append_packages(reply, environment_get_lock(environment));
        if (r < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static int
append_generations(sd_bus_message *reply, const GenerationSummary *summaries, size_t n_summaries) {
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(utsub)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_summaries; i++) {
                r = sd_bus_message_append(
                                reply,
                                "(utsub)",
                                summaries[i].number,
                                summaries[i].created_usec,
                                summaries[i].verb,
                                summaries[i].n_packages,
                                (int) summaries[i].is_current);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

static int method_list_generations(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Environment *environment =
                        environment_object_at(userdata, sd_bus_message_get_path(message));
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_fault_ Fault fault = {};
        GenerationSummary *summaries;
        size_t n_summaries;
        int r;

        r = environment_check_access(userdata, message, environment, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = environment_list_generations(environment, &fault, &summaries, &n_summaries);
        if (r < 0)
                return fault_reply(error, &fault, r);
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = append_generations(reply, summaries, n_summaries);
        generation_summaries_free(summaries, n_summaries);
        if (r < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

#define CALL     SD_BUS_VTABLE_UNPRIVILEGED /* the access table decides, not sd-bus */
#define CONSTANT SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES  SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

const sd_bus_vtable environment_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                        "Sync",
                        SD_BUS_ARGS("a{sv}", options),
                        SD_BUS_RESULT("o", job),
                        method_sync,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "Install",
                        SD_BUS_ARGS("as", requirements, "a{sv}", options),
                        SD_BUS_RESULT("o", job),
                        method_install,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "Remove",
                        SD_BUS_ARGS("as", names, "a{sv}", options),
                        SD_BUS_RESULT("o", job),
                        method_remove,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "Update",
                        SD_BUS_ARGS("as", names, "a{sv}", options),
                        SD_BUS_RESULT("o", job),
                        method_update,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "Lock",
                        SD_BUS_ARGS("a{sv}", options),
                        SD_BUS_RESULT("o", job),
                        method_lock,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "Rollback",
                        SD_BUS_ARGS("u", generation),
                        SD_BUS_RESULT("o", job),
                        method_rollback,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "RunFd",
                        SD_BUS_ARGS("as",
                                    argv,
                                    "s",
                                    directory,
                                    "a{ss}",
                                    environ,
                                    "ah",
                                    stdio,
                                    "h",
                                    control,
                                    "a{sv}",
                                    options),
                        SD_BUS_RESULT("u", run),
                        method_run_fd,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "Run",
                        SD_BUS_ARGS("as", argv, "s", directory, "a{ss}", environ, "a{sv}", options),
                        SD_BUS_RESULT("o", job),
                        method_run,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "Kill",
                        SD_BUS_ARGS("u", run, "i", signal),
                        SD_BUS_RESULT("u", killed),
                        method_kill,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "CompleteVenv",
                        SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("o", job),
                        method_complete_venv,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "Delete",
                        SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("o", job),
                        method_delete,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "ListPackages",
                        SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("a(ssbts)", packages),
                        method_list_packages,
                        CALL),
        SD_BUS_METHOD_WITH_ARGS(
                        "ListGenerations",
                        SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("a(utsub)", generations),
                        method_list_generations,
                        CALL),
        SD_BUS_PROPERTY("Id", "s", environment_property_get_text, 0, CONSTANT),
        SD_BUS_PROPERTY("Name", "s", environment_property_get_text, 0, CONSTANT),
        SD_BUS_PROPERTY("ProjectPath", "s", environment_property_get_text, 0, CHANGES),
        SD_BUS_PROPERTY("State", "s", environment_property_get_text, 0, CHANGES),
        SD_BUS_PROPERTY("Generation", "u", environment_property_get_generation, 0, CHANGES),
        SD_BUS_PROPERTY("Prefix", "s", environment_property_get_text, 0, CHANGES),
        SD_BUS_PROPERTY("Directory", "s", environment_property_get_text, 0, CONSTANT),
        SD_BUS_PROPERTY("PythonVersion", "s", environment_property_get_text, 0, CHANGES),
        SD_BUS_PROPERTY("PythonPath", "s", environment_property_get_text, 0, CHANGES),
        SD_BUS_PROPERTY("VenvState", "s", environment_property_get_text, 0, CHANGES),
        SD_BUS_PROPERTY("Runs", "a(uutasu)", environment_property_get_runs, 0, CHANGES),
        SD_BUS_PROPERTY("Guarantees", "a(ssss)", environment_property_get_guarantees, 0, CHANGES),
        SD_BUS_PROPERTY("UnenforcedKeys",
                        "a(sss)",
                        environment_property_get_unenforced_keys,
                        0,
                        CHANGES),
        SD_BUS_VTABLE_END,
};
