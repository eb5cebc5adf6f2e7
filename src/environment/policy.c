// SPDX-License-Identifier: LGPL-2.1-or-later

#include <inttypes.h>

#include "basic/memory.h"
#include "basic/text.h"
#include "environment/policy.h"

/* When a key has no effect: always, or only with some values. */
typedef enum When {
        WHEN_ALWAYS,
        WHEN_TRUE,
        WHEN_FALSE,
        WHEN_NOT, /* any value but @value */
} When;

static const struct Rule {
        const char *key;
        When when;
        const char *value;
        bool is_promise; /* a protection that is missing: `strict` refuses */
        const char *reason;
} rules[] = {
        { "container.isolation_level",
          WHEN_NOT,
          "namespace",
          false,
          "every sandbox has all namespaces; the levels do not differ yet" },
        { "container.network_policy",
          WHEN_NOT,
          "isolated",
          false,
          "sandboxes have no network at all yet" },
        { "container.resource_limits",
          WHEN_FALSE,
          NULL,
          false,
          "limits that are written are kept" },
        { "sandbox.network_isolation",
          WHEN_FALSE,
          NULL,
          false,
          "the files of a project cannot loosen the walls" },
        { "sandbox.resource_control",
          WHEN_FALSE,
          NULL,
          false,
          "the files of a project cannot loosen the walls" },
        { "sandbox.filesystem_isolation",
          WHEN_FALSE,
          NULL,
          false,
          "the files of a project cannot loosen the walls" },
        { "security.audit_logging", WHEN_TRUE, NULL, true, "there is no audit log yet" },
        { "security.audit_logging",
          WHEN_FALSE,
          NULL,
          false,
          "the files of a project cannot loosen the walls" },
        { "sync.env_layer",
          WHEN_ALWAYS,
          NULL,
          false,
          "an environment changes only when it is asked to" },
        { "sync.pkg_layer", WHEN_ALWAYS, NULL, false, "packages change only when it is asked for" },
        { "sync.conflict_resolution",
          WHEN_ALWAYS,
          NULL,
          false,
          "conflicts are explained; nothing is chosen for you yet" },
        { "env_layer.snapshot_interval",
          WHEN_ALWAYS,
          NULL,
          false,
          "every change is a generation; there are no snapshots by time" },
        { "env_layer.recovery_mode",
          WHEN_ALWAYS,
          NULL,
          false,
          "recovery always goes to the last complete generation" },
        { "pkg_layer.auto_sync", WHEN_TRUE, NULL, false, "nothing is synchronised by itself yet" },
        { "pkg_layer.sync_interval",
          WHEN_ALWAYS,
          NULL,
          false,
          "nothing is synchronised by itself yet" },
        { "pkg_layer.version_policy",
          WHEN_NOT,
          "latest",
          false,
          "the newest version that fits is always chosen" },
        { "resolver.max_concurrent_requests",
          WHEN_ALWAYS,
          NULL,
          false,
          "fetching begins before the project is read; the client's settings count" },
        { "resolver.request_timeout",
          WHEN_ALWAYS,
          NULL,
          false,
          "fetching begins before the project is read; the client's settings count" },
        { "resolver.verify_ssl",
          WHEN_FALSE,
          NULL,
          false,
          "the files of a project cannot loosen the walls" },
        { "cache.ttl", WHEN_ALWAYS, NULL, false, "the index says how long its pages stay valid" },
        { "cache.cache_dir",
          WHEN_ALWAYS,
          NULL,
          false,
          "the cache is shared by all projects; a project cannot move it" },
        { "updates.auto_update", WHEN_TRUE, NULL, false, "nothing is updated by itself yet" },
        { "updates.force_updates", WHEN_TRUE, NULL, false, "nothing is updated by itself yet" },
        { "updates.update_dependencies",
          WHEN_ALWAYS,
          NULL,
          false,
          "'blast update' always looks at the dependencies, too" },
        { "monitor.enabled", WHEN_TRUE, NULL, false, "files are not watched yet" },
        { "monitor.watch_paths", WHEN_ALWAYS, NULL, false, "files are not watched yet" },
        { "sandbox.network.allow_outbound",
          WHEN_TRUE,
          NULL,
          false,
          "sandboxes have no network at all yet" },
        { "sandbox.network.allow_inbound",
          WHEN_TRUE,
          NULL,
          false,
          "sandboxes have no network at all yet" },
        { "sandbox.network.allowed_outbound_ports",
          WHEN_ALWAYS,
          NULL,
          false,
          "sandboxes have no network at all yet" },
        { "sandbox.network.allowed_domains",
          WHEN_ALWAYS,
          NULL,
          false,
          "sandboxes have no network at all yet" },
        { "sandbox.network.allowed_inbound_ports",
          WHEN_ALWAYS,
          NULL,
          false,
          "sandboxes have no network at all yet" },
        { "sandbox.network.allowed_ips",
          WHEN_ALWAYS,
          NULL,
          false,
          "sandboxes have no network at all yet" },
        { "sandbox.network.dns_servers",
          WHEN_ALWAYS,
          NULL,
          false,
          "sandboxes have no network at all yet" },
        { "sandbox.network.bandwidth_limit",
          WHEN_ALWAYS,
          NULL,
          false,
          "sandboxes have no network at all yet" },
        { "sandbox.resources.cpu_limit",
          WHEN_ALWAYS,
          NULL,
          true,
          "a share of the processor needs a control group, which comes with the system service" },
        { "sandbox.resources.disk_limit",
          WHEN_ALWAYS,
          NULL,
          true,
          "a limit of disk space needs a quota, which comes with the system service" },
        { "sandbox.resources.iops_limit",
          WHEN_ALWAYS,
          NULL,
          true,
          "a limit of IO operations needs a control group, which comes with the system service" },
        { "sandbox.filesystem.root_dir",
          WHEN_ALWAYS,
          NULL,
          false,
          "the root is always a fresh one" },
        { "sandbox.filesystem.tmp_dir", WHEN_ALWAYS, NULL, false, "/tmp is always a fresh one" },
        { "sandbox.filesystem.max_total_size",
          WHEN_ALWAYS,
          NULL,
          true,
          "a limit of disk space needs a quota, which comes with the system service" },
        { "sandbox.filesystem.readonly_paths",
          WHEN_ALWAYS,
          NULL,
          false,
          "everything but the project and temporary directories is read-only already" },
        { "sandbox.filesystem.hidden_paths",
          WHEN_ALWAYS,
          NULL,
          true,
          "the sandbox's own /proc, /dev and /sys are shown; use denied_paths for others" },
        { "sandbox.filesystem.allowed_paths",
          WHEN_ALWAYS,
          NULL,
          false,
          "no directory of the host besides the project is writable yet" },
};

static bool applies(const struct Rule *rule, const Setting *setting) {
        switch (rule->when) {
        case WHEN_TRUE:
                return setting->type == SETTING_BOOL && setting->boolean;
        case WHEN_FALSE:
                return setting->type == SETTING_BOOL && !setting->boolean;
        case WHEN_NOT:
                return setting->type != SETTING_STRING || !streq(setting->string, rule->value);
        default:
                return true;
        }
}

static const struct Rule *find_rule(const Setting *setting) {
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                if (streq(rules[i].key, setting->key) && applies(&rules[i], setting))
                        return &rules[i];
        return NULL;
}

const char *policy_get_reason(const Setting *setting) {
        const struct Rule *rule = find_rule(setting);

        return rule ? rule->reason : NULL;
}

void unenforced_keys_done(UnenforcedKeys *keys) {
        for (size_t i = 0; i < keys->n_items; i++)
                free(keys->items[i].place);
        free(keys->items);
        *keys = (UnenforcedKeys){};
}

int policy_list_unenforced(const Settings *settings, UnenforcedKeys *ret) {
        _cleanup_unenforced_keys_ UnenforcedKeys keys = {};
        int r;

        for (size_t i = 0; i < settings->n_items; i++) {
                const Setting *setting = &settings->items[i];
                const char *reason = policy_get_reason(setting);

                /* Of a key that was written twice, only the one that counts. */
                if (!reason || settings_find(settings, setting->key) != setting)
                        continue;
                r = ARRAY_RESERVE(keys.items, keys.n_allocated, keys.n_items + 1);
                if (r < 0)
                        return r;
                UnenforcedKey *key = &keys.items[keys.n_items];
                *key = (UnenforcedKey){
                        .key = setting->key,
                        .place = string_format("%s:%" PRIu32, setting->file ?: "", setting->line),
                        .reason = reason,
                };
                if (!key->place)
                        return -ENOMEM;
                keys.n_items++;
        }
        *ret = TAKE(keys, (UnenforcedKeys){});
        return 0;
}

int policy_check_strict(const EnvironmentSpec *spec, const Settings *settings, Fault *fault) {
        if (!spec->is_strict)
                return 0;
        for (size_t i = 0; i < settings->n_items; i++) {
                const Setting *setting = &settings->items[i];
                const struct Rule *rule = find_rule(setting);
                _cleanup_(freep) char *place = NULL;

                if (!rule || !rule->is_promise || settings_find(settings, setting->key) != setting)
                        continue;
                place = string_format("%s:%" PRIu32, setting->file ?: "", setting->line);
                return fault_set(
                                fault,
                                -EPERM,
                                FAULT_NOT_ENFORCEABLE,
                                place ?: setting->key,
                                "'%s' cannot be kept (%s), and default_policy is \"strict\".",
                                setting->key,
                                rule->reason);
        }
        return 0;
}
