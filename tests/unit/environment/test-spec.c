// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/text.h"
#include "environment/policy.h"
#include "environment/spec.h"
#include "test.h"

static Setting *add(Settings *settings, const char *key, SettingType type) {
        Setting *setting;
        ASSERT_OK(settings_add(settings, key, "blast.toml", 7, &setting));
        setting->type = type;
        return setting;
}

TEST(spec_without_settings_is_the_profile) {
        Settings settings = {};
        _cleanup_environment_spec_ EnvironmentSpec spec = {};
        ASSERT_OK(environment_spec_from_settings(&settings, NULL, NULL, &spec));
        ASSERT_INT(spec.isolation, ISOLATION_NAMESPACE);
        ASSERT_INT(spec.network, NETWORK_NONE);
        ASSERT_FALSE(spec.is_strict);
        ASSERT_INT(spec.memory_max_bytes, 0);
        ASSERT_INT(spec.n_generations_max, 10);
}

TEST(spec_limits_are_read_in_their_units) {
        _cleanup_settings_ Settings settings = {};
        _cleanup_environment_spec_ EnvironmentSpec spec = {};
        add(&settings, "sandbox.resources.memory_limit", SETTING_INTEGER)->integer = 1 << 30;
        add(&settings, "sandbox.resources.cpu_limit", SETTING_FLOAT)->number = 12.5;
        add(&settings, "sandbox.resources.process_limit", SETTING_INTEGER)->integer = 50;
        add(&settings, "env_layer.max_snapshots", SETTING_INTEGER)->integer = 3;
        ASSERT_OK(environment_spec_from_settings(&settings, NULL, NULL, &spec));
        ASSERT_INT(spec.memory_max_bytes, 1 << 30);
        ASSERT_INT(spec.cpu_limit_permille, 125);
        ASSERT_INT(spec.n_processes_max, 50);
        ASSERT_INT(spec.n_generations_max, 3);
}

TEST(spec_senseless_value_names_its_place) {
        _cleanup_settings_ Settings settings = {};
        _cleanup_environment_spec_ EnvironmentSpec spec = {};
        _cleanup_fault_ Fault fault = {};
        add(&settings, "sandbox.resources.memory_limit", SETTING_INTEGER)->integer = -1;
        ASSERT_ERROR(environment_spec_from_settings(&settings, NULL, &fault, &spec), EINVAL);
        ASSERT_INT(fault.code, FAULT_PROJECT_INVALID);
        ASSERT_STREQ(fault.subject, "blast.toml:7");
}

TEST(spec_relative_path_is_refused) {
        _cleanup_settings_ Settings settings = {};
        _cleanup_environment_spec_ EnvironmentSpec spec = {};
        Setting *setting = add(&settings, "sandbox.filesystem.denied_paths", SETTING_STRINGS);
        ASSERT_OK(strings_add(&setting->strings, "etc/shadow"));
        ASSERT_ERROR(environment_spec_from_settings(&settings, NULL, NULL, &spec), EINVAL);
}

TEST(spec_loosening_is_told_and_not_followed) {
        _cleanup_settings_ Settings settings = {};
        _cleanup_environment_spec_ EnvironmentSpec spec = {};
        _cleanup_(strings_freep) char **warnings = NULL;
        add(&settings, "sandbox.network_isolation", SETTING_BOOL)->boolean = false;
        add(&settings, "resolver.verify_ssl", SETTING_BOOL)->boolean = false;
        ASSERT_OK(environment_spec_from_settings(&settings, &warnings, NULL, &spec));
        ASSERT_INT(strings_count(warnings), 2);
        ASSERT_INT(spec.network, NETWORK_NONE);
}

TEST(policy_lists_what_has_no_effect) {
        _cleanup_settings_ Settings settings = {};
        _cleanup_unenforced_keys_ UnenforcedKeys keys = {};
        add(&settings, "sandbox.resources.memory_limit", SETTING_INTEGER)->integer = 1;
        add(&settings, "sandbox.resources.cpu_limit", SETTING_FLOAT)->number = 50;
        add(&settings, "updates.auto_update", SETTING_BOOL)->boolean = false;
        add(&settings, "monitor.enabled", SETTING_BOOL)->boolean = true;
        ASSERT_OK(policy_list_unenforced(&settings, &keys));
        ASSERT_INT(keys.n_items, 2);
        ASSERT_STREQ(keys.items[0].key, "sandbox.resources.cpu_limit");
        ASSERT_STREQ(keys.items[0].place, "blast.toml:7");
        ASSERT_STREQ(keys.items[1].key, "monitor.enabled");
}

TEST(policy_key_written_twice_is_listed_once) {
        _cleanup_settings_ Settings settings = {};
        _cleanup_unenforced_keys_ UnenforcedKeys keys = {};
        add(&settings, "cache.ttl", SETTING_INTEGER)->integer = 1;
        add(&settings, "cache.ttl", SETTING_INTEGER)->integer = 2;
        ASSERT_OK(policy_list_unenforced(&settings, &keys));
        ASSERT_INT(keys.n_items, 1);
}

TEST(policy_strict_refuses_a_promise_nobody_keeps) {
        _cleanup_settings_ Settings settings = {};
        _cleanup_fault_ Fault fault = {};
        EnvironmentSpec spec = { .is_strict = true };
        add(&settings, "monitor.enabled", SETTING_BOOL)->boolean = true;
        ASSERT_OK(policy_check_strict(&spec, &settings, NULL));
        add(&settings, "sandbox.resources.iops_limit", SETTING_INTEGER)->integer = 5;
        ASSERT_ERROR(policy_check_strict(&spec, &settings, &fault), EPERM);
        ASSERT_INT(fault.code, FAULT_NOT_ENFORCEABLE);
        spec.is_strict = false;
        ASSERT_OK(policy_check_strict(&spec, &settings, NULL));
}
