// SPDX-License-Identifier: LGPL-2.1-or-later

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "basic/memory.h"
#include "basic/text.h"
#include "environment/spec.h"

enum {
        GENERATIONS_DEFAULT = 10,
        GENERATIONS_MAX = 1000,
};

static const char *const isolation_names[_ISOLATION_LEVEL_MAX] = {
        [ISOLATION_PROCESS] = "process",
        [ISOLATION_NAMESPACE] = "namespace",
        [ISOLATION_CONTAINER] = "container",
};

static const char *const network_names[_NETWORK_ACCESS_MAX] = {
        [NETWORK_NONE] = "none",
        [NETWORK_FILTERED] = "filtered",
        [NETWORK_HOST] = "host",
};

const char *isolation_level_to_string(IsolationLevel level) {
        return level >= 0 && level < _ISOLATION_LEVEL_MAX ? isolation_names[level] : "unknown";
}

const char *network_access_to_string(NetworkAccess access) {
        return access >= 0 && access < _NETWORK_ACCESS_MAX ? network_names[access] : "unknown";
}

void environment_spec_done(EnvironmentSpec *spec) {
        (void) strings_free(spec->readonly_paths);
        (void) strings_free(spec->hidden_paths);
        (void) strings_free(spec->allowed_paths);
        (void) strings_free(spec->denied_paths);
        (void) strings_free(spec->allowed_domains);
        *spec = (EnvironmentSpec){};
}

void environment_spec_init(EnvironmentSpec *spec) {
        *spec = (EnvironmentSpec){
                .isolation = ISOLATION_NAMESPACE,
                .network = NETWORK_NONE,
                .n_generations_max = GENERATIONS_DEFAULT,
        };
}

static int invalid(const Setting *setting, Fault *fault, const char *wanted) {
        _cleanup_(freep) char *place =
                        string_format("%s:%" PRIu32, setting->file ?: "", setting->line);

        return fault_set(
                        fault,
                        -EINVAL,
                        FAULT_PROJECT_INVALID,
                        place ?: setting->key,
                        "'%s' must be %s.",
                        setting->key,
                        wanted);
}

static int read_size(const Settings *settings, const char *key, Fault *fault, uint64_t *ret) {
        const Setting *setting = settings_find(settings, key);

        if (!setting)
                return 0;
        if (setting->type != SETTING_INTEGER || setting->integer <= 0)
                return invalid(setting, fault, "a whole number greater than 0");
        *ret = (uint64_t) setting->integer;
        return 0;
}

/* Percent of one processor, with a fraction. */
static int read_percent(const Settings *settings, const char *key, Fault *fault, uint64_t *ret) {
        const Setting *setting = settings_find(settings, key);
        double percent;

        if (!setting)
                return 0;
        percent = setting->type == SETTING_INTEGER       ? (double) setting->integer
                        : setting->type == SETTING_FLOAT ? setting->number
                                                         : NAN;
        if (!(percent > 0 && percent <= 1e6))
                return invalid(setting, fault, "a percentage greater than 0");
        *ret = (uint64_t) (percent * 10 + 0.5);
        return 0;
}

static int read_paths(const Settings *settings, const char *key, Fault *fault, char ***ret) {
        const Setting *setting = settings_find(settings, key);

        if (!setting)
                return 0;
        if (setting->type != SETTING_STRINGS)
                return invalid(setting, fault, "a list of absolute paths");
        FOREACH_TEXT(path, setting->strings)
                if (path[0] != '/')
                        return invalid(setting, fault, "a list of absolute paths");
        return strings_copy(setting->strings, ret);
}

static int read_domains(const Settings *settings, Fault *fault, char ***ret) {
        const Setting *setting = settings_find(settings, "sandbox.network.allowed_domains");

        if (!setting)
                return 0;
        if (setting->type != SETTING_STRINGS)
                return invalid(setting, fault, "a list of names");
        return strings_copy(setting->strings, ret);
}

static int read_isolation(const Settings *settings, Fault *fault, EnvironmentSpec *spec) {
        const Setting *setting = settings_find(settings, "container.isolation_level");

        if (!setting)
                return 0;
        for (IsolationLevel level = 0; level < _ISOLATION_LEVEL_MAX; level++)
                if (setting->type == SETTING_STRING &&
                    streq(setting->string, isolation_names[level])) {
                        spec->isolation = level;
                        return 0;
                }
        return invalid(setting, fault, "\"process\", \"namespace\" or \"container\"");
}

static int read_flag(const Settings *settings, const char *key, Fault *fault, bool *ret) {
        const Setting *setting = settings_find(settings, key);

        if (!setting)
                return 0;
        if (setting->type != SETTING_BOOL)
                return invalid(setting, fault, "true or false");
        *ret = setting->boolean;
        return 0;
}

static int read_policy(const Settings *settings, Fault *fault, EnvironmentSpec *spec) {
        const Setting *setting = settings_find(settings, "security.default_policy");

        if (setting && setting->type != SETTING_STRING)
                return invalid(setting, fault, "a word such as \"strict\"");
        spec->is_strict = setting && streq(setting->string, "strict");
        return 0;
}

static int read_generations(const Settings *settings, Fault *fault, EnvironmentSpec *spec) {
        uint64_t n = spec->n_generations_max;
        int r;

        r = read_size(settings, "env_layer.max_snapshots", fault, &n);
        if (r < 0)
                return r;
        if (n > GENERATIONS_MAX)
                return invalid(settings_find(settings, "env_layer.max_snapshots"),
                               fault,
                               "at most 1000");
        spec->n_generations_max = (uint32_t) n;
        return 0;
}

/* Keys that would take away what the profile gives. The files of a project are as trusted as the
 * project: they may close, not open. */
static int refuse_loosening(const Settings *settings, char ***warnings) {
        static const struct {
                const char *key;
                bool loose;
        } keys[] = {
                { "sandbox.network_isolation", false },    { "sandbox.resource_control", false },
                { "sandbox.filesystem_isolation", false }, { "security.audit_logging", false },
                { "resolver.verify_ssl", false },
        };
        int r;

        for (size_t i = 0; warnings && i < ELEMENTSOF(keys); i++) {
                const Setting *setting = settings_find(settings, keys[i].key);
                if (!setting || setting->type != SETTING_BOOL || setting->boolean != keys[i].loose)
                        continue;
                r = strings_consume(
                                warnings,
                                string_format("%s:%" PRIu32
                                              ": '%s = false' was not followed: the files of a project "
                                              "can tighten the walls, not loosen them.",
                                              setting->file ?: "",
                                              setting->line,
                                              setting->key));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_limits(const Settings *settings, Fault *fault, EnvironmentSpec *spec) {
        const struct {
                const char *key;
                uint64_t *field;
        } sizes[] = {
                { "sandbox.resources.memory_limit", &spec->memory_max_bytes },
                { "sandbox.resources.disk_limit", &spec->disk_max_bytes },
                { "sandbox.resources.iops_limit", &spec->iops_max },
                { "sandbox.resources.process_limit", &spec->n_processes_max },
                { "sandbox.filesystem.max_file_size", &spec->file_max_bytes },
                { "sandbox.network.bandwidth_limit", &spec->bandwidth_max_bytes },
        };
        bool has_limits = true;
        int r;

        r = read_flag(settings, "container.resource_limits", fault, &has_limits);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(sizes); i++)
                r = read_size(settings, sizes[i].key, fault, sizes[i].field);
        if (r >= 0)
                r =
                                read_percent(settings,
                                             "sandbox.resources.cpu_limit",
                                             fault,
                                             &spec->cpu_limit_permille);
        return r;
}

static int read_lists(const Settings *settings, Fault *fault, EnvironmentSpec *spec) {
        const struct {
                const char *key;
                char ***field;
        } lists[] = {
                { "sandbox.filesystem.readonly_paths", &spec->readonly_paths },
                { "sandbox.filesystem.hidden_paths", &spec->hidden_paths },
                { "sandbox.filesystem.allowed_paths", &spec->allowed_paths },
                { "sandbox.filesystem.denied_paths", &spec->denied_paths },
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(lists); i++)
                r = read_paths(settings, lists[i].key, fault, lists[i].field);
        return r < 0 ? r : read_domains(settings, fault, &spec->allowed_domains);
}

int environment_spec_from_settings(
                const Settings *settings,
                char ***warnings,
                Fault *fault,
                EnvironmentSpec *ret) {
        _cleanup_environment_spec_ EnvironmentSpec spec;
        bool wants_network = false;
        int r;

        environment_spec_init(&spec);
        r = read_isolation(settings, fault, &spec);
        if (r >= 0)
                r = read_policy(settings, fault, &spec);
        if (r >= 0)
                r = read_flag(settings, "security.audit_logging", fault, &spec.is_audited);
        if (r >= 0)
                r = read_flag(settings, "sandbox.network.allow_outbound", fault, &wants_network);
        if (r >= 0)
                r = read_limits(settings, fault, &spec);
        if (r >= 0)
                r = read_lists(settings, fault, &spec);
        if (r >= 0)
                r = read_generations(settings, fault, &spec);
        if (r >= 0)
                r = refuse_loosening(settings, warnings);
        if (r < 0)
                return r;
        if (wants_network || spec.allowed_domains)
                spec.network = NETWORK_FILTERED;

        *ret = TAKE(spec, (EnvironmentSpec){});
        return 0;
}
