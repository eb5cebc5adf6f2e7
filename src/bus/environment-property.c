// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/text.h"
#include "bus/append.h"
#include "bus/environment-object.h"
#include "bus/environment-property.h"
#include "environment/mount-table.h"
#include "environment/policy.h"
#include "sync/run.h"

int environment_property_get_text(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        const Environment *environment = environment_object_at(userdata, path);
        const GenerationRecord *generation = environment_get_generation(environment);
        const char *text;

        if (streq(property, "Id"))
                text = environment_get_record(environment)->id;
        else if (streq(property, "Name"))
                text = environment_get_record(environment)->name;
        else if (streq(property, "ProjectPath"))
                text = environment_get_record(environment)->project_path;
        else if (streq(property, "State"))
                text = environment_state_to_string(environment_get_state(environment));
        else if (streq(property, "VenvState"))
                text = venv_state_to_string(environment_get_venv_state(environment));
        else if (streq(property, "Prefix"))
                text = environment_get_prefix(environment);
        else if (streq(property, "Directory"))
                text = environment_get_directory(environment);
        else if (streq(property, "PythonVersion"))
                text = generation ? generation->python_version : "";
        else
                text = generation ? generation->python_path : "";
        return append_text(reply, text);
}

int environment_property_get_generation(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        const Environment *environment = environment_object_at(userdata, path);

        return sd_bus_message_append(reply, "u", environment_get_generation_number(environment));
}

static int append_run(sd_bus_message *reply, const RunSummary *summary) {
        int r;

        r = sd_bus_message_open_container(reply, 'r', "uutasu");
        if (r < 0)
                return r;
        r = sd_bus_message_append(
                        reply,
                        "uut",
                        summary->number,
                        (uint32_t) summary->pid,
                        summary->started_usec);
        if (r < 0)
                return r;
        r = append_texts(reply, summary->argv);
        if (r < 0)
                return r;
        r = sd_bus_message_append(reply, "u", summary->generation);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

int environment_property_get_runs(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        const Environment *environment = environment_object_at(userdata, path);
        RunSummary summary;
        size_t position = 0;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(uutasu)");
        if (r < 0)
                return r;
        while (run_next(environment, &position, &summary)) {
                r = append_run(reply, &summary);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

/* What the first process of the last run read back from inside, and, while one runs, the table of its
 * mounts as it is now. */
static int collect_guarantees(const Environment *environment, Guarantees *ret) {
        const Guarantees *remembered = environment_get_guarantees(environment);
        RunSummary summary;
        size_t position = 0;
        int r = remembered ? guarantees_copy(remembered, ret) : 0;

        while (r >= 0 && run_next(environment, &position, &summary))
                if (summary.pid > 0)
                        return mount_table_guarantees(summary.pid, ret);
        return r;
}

int environment_property_get_guarantees(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        const Environment *environment = environment_object_at(userdata, path);
        _cleanup_guarantees_ Guarantees guarantees = {};
        int r;

        r = collect_guarantees(environment, &guarantees);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "(ssss)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < guarantees.n_items; i++) {
                const Guarantee *guarantee = guarantees.items + i;

                r = sd_bus_message_append(
                                reply,
                                "(ssss)",
                                guarantee->name,
                                guarantee_state_to_string(guarantee->state),
                                guarantee->mechanism ?: "",
                                guarantee->reason ?: "");
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

int environment_property_get_unenforced_keys(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        const Environment *environment = environment_object_at(userdata, path);
        const GenerationRecord *generation = environment_get_generation(environment);
        _cleanup_unenforced_keys_ UnenforcedKeys keys = {};
        int r;

        if (generation) {
                r = policy_list_unenforced(&generation->settings, &keys);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_open_container(reply, 'a', "(sss)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < keys.n_items; i++) {
                r = sd_bus_message_append(
                                reply,
                                "(sss)",
                                keys.items[i].key,
                                keys.items[i].place ?: "",
                                keys.items[i].reason);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}
