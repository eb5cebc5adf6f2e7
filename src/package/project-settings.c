// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * `keys` is the one place that says which keys exist. A table name exists if it is the beginning
 * of a key. The document is walked from its root: names that are tables are entered, so the walk
 * is as deep as the longest key; every other value has to be in `keys`, to have its type, and to
 * lie in its range.
 *
 * The nearest known key of an unknown one is the key that has the same last part (it stands in the
 * wrong table), or else the one with the least edit distance over the whole dotted name, if that
 * is at most a third of the name.
 *
 * Source: the documents the project was created from; decisions on their open words are in
 * docs/settings.md. */

#include <math.h>
#include <stdio.h>

#include "basic/fault.h"
#include "package/name.h"
#include "package/project-part.h"
#include "package/project-settings.h"
#include "package/specifier.h"
#include "package/version.h"

enum {
        KEY_LENGTH_MAX = 256
};

/* What a text must be. */
typedef enum TextRule {
        TEXT_ANY,
        TEXT_NAME,
        TEXT_VERSION,
        TEXT_PYTHON,
        TEXT_PATH,
        TEXT_ABSOLUTE_PATH,
        TEXT_RELATIVE_PATH,
        TEXT_DOMAIN,
        TEXT_ADDRESS,
} TextRule;

static const char *const text_rules[] = {
        [TEXT_ANY] = "a text",
        [TEXT_NAME] = "a project name",
        [TEXT_VERSION] = "a version",
        [TEXT_PYTHON] = "a Python version like \"3.11\" or \">=3.10,<3.13\"",
        [TEXT_PATH] = "a path",
        [TEXT_ABSOLUTE_PATH] = "an absolute path (or one that begins with ~/)",
        [TEXT_RELATIVE_PATH] = "a path below the project",
        [TEXT_DOMAIN] = "a domain name",
        [TEXT_ADDRESS] = "an IP address or network",
};

typedef struct Key {
        const char *name;
        SettingType type;
        TextRule rule;            /* of strings */
        const char *const *words; /* of strings: the only values allowed; NULL: @rule */
        double minimum;           /* of numbers, and of the items of @is_ports */
        double maximum;
        bool is_ports; /* a list of integers */
} Key;

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define BOOL(key) \
        { .name = (key), .type = SETTING_BOOL }
#define INTEGER(key, least, most) \
        { .name = (key), .type = SETTING_INTEGER, .minimum = (least), .maximum = (most) }
#define FLOAT(key, least, most) \
        { .name = (key), .type = SETTING_FLOAT, .minimum = (least), .maximum = (most) }
#define STRING(key, what) \
        { .name = (key), .type = SETTING_STRING, .rule = (what) }
#define WORD(key, ...) \
        { .name = (key), .type = SETTING_STRING, .words = WORDS(__VA_ARGS__) }
#define STRINGS(key, what) \
        { .name = (key), .type = SETTING_STRINGS, .rule = (what) }
#define PORTS(key) \
        { .name = (key), .type = SETTING_STRINGS, .minimum = 1, .maximum = 65535, .is_ports = true }

#define YEAR_SEC  31536000.0
#define BYTES_MAX 9007199254740992.0 /* 2^53: exact as a float */

static const Key keys[] = {
        STRING("env.python_version", TEXT_PYTHON),
        STRING("env.name", TEXT_NAME),
        STRING("env.version", TEXT_VERSION),

        WORD("container.isolation_level", "process", "namespace", "container"),
        BOOL("container.resource_limits"),
        WORD("container.network_policy", "isolated", "filtered", "host"),

        BOOL("sandbox.network_isolation"),
        BOOL("sandbox.resource_control"),
        BOOL("sandbox.filesystem_isolation"),
        BOOL("sandbox.network.allow_outbound"),
        BOOL("sandbox.network.allow_inbound"),
        PORTS("sandbox.network.allowed_outbound_ports"),
        PORTS("sandbox.network.allowed_inbound_ports"),
        STRINGS("sandbox.network.allowed_domains", TEXT_DOMAIN),
        STRINGS("sandbox.network.allowed_ips", TEXT_ADDRESS),
        STRINGS("sandbox.network.dns_servers", TEXT_ADDRESS),
        INTEGER("sandbox.network.bandwidth_limit", 1024, BYTES_MAX),
        FLOAT("sandbox.resources.cpu_limit", 0.1, 1000000),
        INTEGER("sandbox.resources.memory_limit", 1048576, BYTES_MAX),
        INTEGER("sandbox.resources.disk_limit", 1048576, BYTES_MAX),
        INTEGER("sandbox.resources.iops_limit", 1, 1000000000),
        INTEGER("sandbox.resources.process_limit", 1, 4194304),
        STRING("sandbox.filesystem.root_dir", TEXT_ABSOLUTE_PATH),
        STRING("sandbox.filesystem.tmp_dir", TEXT_ABSOLUTE_PATH),
        STRINGS("sandbox.filesystem.readonly_paths", TEXT_ABSOLUTE_PATH),
        STRINGS("sandbox.filesystem.hidden_paths", TEXT_ABSOLUTE_PATH),
        STRINGS("sandbox.filesystem.allowed_paths", TEXT_ABSOLUTE_PATH),
        STRINGS("sandbox.filesystem.denied_paths", TEXT_ABSOLUTE_PATH),
        INTEGER("sandbox.filesystem.max_file_size", 1, BYTES_MAX),
        INTEGER("sandbox.filesystem.max_total_size", 1, BYTES_MAX),

        WORD("security.default_policy", "default", "strict"),
        BOOL("security.audit_logging"),

        WORD("sync.env_layer", "strict", "lenient"),
        WORD("sync.pkg_layer", "automatic", "manual"),
        WORD("sync.conflict_resolution", "interactive", "automatic", "hold"),

        INTEGER("env_layer.snapshot_interval", 1, YEAR_SEC),
        INTEGER("env_layer.max_snapshots", 1, 1000),
        WORD("env_layer.recovery_mode", "latest", "none"),

        BOOL("pkg_layer.auto_sync"),
        INTEGER("pkg_layer.sync_interval", 1, YEAR_SEC),
        WORD("pkg_layer.version_policy", "latest", "lowest"),

        INTEGER("resolver.max_concurrent_requests", 1, 256),
        INTEGER("resolver.request_timeout", 1, 3600),
        BOOL("resolver.verify_ssl"),
        BOOL("resolver.allow_prereleases"),

        INTEGER("cache.ttl", 0, YEAR_SEC),
        STRING("cache.cache_dir", TEXT_PATH),

        BOOL("updates.auto_update"),
        BOOL("updates.force_updates"),
        BOOL("updates.update_dependencies"),

        BOOL("monitor.enabled"),
        STRINGS("monitor.watch_paths", TEXT_RELATIVE_PATH),
};

typedef struct Walk {
        const char *file;
        const char *prefix;
        Settings *settings;
        Fault *fault;
} Walk;

static const Key *find_key(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (streq(keys[i].name, name))
                        return &keys[i];

        return NULL;
}

static bool is_table_name(const char *name) {
        size_t length = strlen(name);

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strncmp(keys[i].name, name, length) == 0 && keys[i].name[length] == '.')
                        return true;

        return false;
}

/* Levenshtein; texts are at most KEY_LENGTH_MAX long. */
static size_t edit_distance(const char *a, Text b) {
        size_t row[KEY_LENGTH_MAX + 1], n = b.length;

        for (size_t j = 0; j <= n; j++)
                row[j] = j;

        for (size_t i = 1; a[i - 1]; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        size_t above = row[j];
                        size_t changed = diagonal + (a[i - 1] != b.data[j - 1]);

                        row[j] = MIN(above, row[j - 1]) + 1;
                        row[j] = MIN(row[j], changed);
                        diagonal = above;
                }
        }

        return row[n];
}

/* The part of @key's name that a key of as many parts as @name would be compared to. */
static Text same_depth(const char *key, const char *name) {
        const char *end = key;

        for (;; name++, end++) {
                end += strcspn(end, ".");
                name = strchr(name, '.');
                if (!name || !*end)
                        return (Text){ key, (size_t) (end - key) };
        }
}

static Text nearest_key(const char *name) {
        const char *last = strrchr(name, '.');
        size_t best_distance = strlen(name) / 3 + 1;
        Text best = {};

        last = last ? last + 1 : name;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                Text known = same_depth(keys[i].name, name);
                size_t distance;

                if (streq(strrchr(keys[i].name, '.') + 1, last))
                        return text_of(keys[i].name);
                if (strlen(name) > KEY_LENGTH_MAX)
                        continue;
                distance = edit_distance(name, known);
                if (distance < best_distance) {
                        best_distance = distance;
                        best = known;
                }
        }

        return best;
}

static int fail_unknown(const Walk *walk, const TomlEntry *entry, const char *name) {
        Text nearest = nearest_key(name);
        int r;

        r =
                        project_fail(walk->fault,
                                     walk->file,
                                     entry->line,
                                     FAULT_PROJECT_UNKNOWN_KEY,
                                     "'%s%.*s' is not a key that Blast knows.",
                                     walk->prefix,
                                     KEY_LENGTH_MAX,
                                     name);
        if (nearest.data)
                fault_hint(walk->fault,
                           "Did you mean '%s%.*s'?",
                           walk->prefix,
                           (int) nearest.length,
                           nearest.data);
        return r;
}

static void describe_key(Builder *builder, const Key *key) {
        switch (key->type) {
        case SETTING_BOOL:
                builder_add(builder, "true or false");
                break;
        case SETTING_INTEGER:
        case SETTING_FLOAT:
                builder_add_format(
                                builder,
                                "%s from %.15g to %.15g",
                                key->type == SETTING_INTEGER ? "an integer" : "a number",
                                key->minimum,
                                key->maximum);
                break;
        case SETTING_STRING:
                builder_add(builder, key->words ? "one of" : text_rules[key->rule]);
                for (size_t i = 0; key->words && key->words[i]; i++)
                        builder_add_format(builder, "%s \"%s\"", i == 0 ? "" : ",", key->words[i]);
                break;
        default:
                if (key->is_ports)
                        builder_add(builder, "a list of ports from 1 to 65535");
                else
                        builder_add_format(
                                        builder,
                                        "a list in which each item is %s",
                                        text_rules[key->rule]);
        }
}

int project_settings_describe(size_t position, const char **ret_key, char **ret_rule) {
        _cleanup_builder_ Builder rule = {};
        int r;

        if (position >= ELEMENTSOF(keys))
                return 0;

        describe_key(&rule, &keys[position]);
        r = builder_finish(&rule, ret_rule);
        if (r < 0)
                return r;
        *ret_key = keys[position].name;
        return 1;
}

static int fail_value(const Walk *walk, const Key *key, const TomlValue *value) {
        _cleanup_builder_ Builder rule = {};

        describe_key(&rule, key);
        if (rule.failed)
                return -ENOMEM;

        switch (value->type) {
        case TOML_INTEGER:
                builder_add_format(&rule, ", not %lld", (long long) value->integer);
                break;
        case TOML_FLOAT:
                builder_add_format(&rule, ", not %.15g", value->number);
                break;
        case TOML_STRING:
                builder_add(&rule, ", not ");
                toml_format_string(
                                &rule,
                                (Text){ value->string.data, MIN(value->string.length, 100U) });
                break;
        default:
                builder_add_format(&rule, ", not %s", toml_type_to_string(value->type));
        }
        if (rule.failed)
                return -ENOMEM;

        return project_fail(
                        walk->fault,
                        walk->file,
                        value->line,
                        FAULT_PROJECT_INVALID,
                        "'%s%s' must be %s.",
                        walk->prefix,
                        key->name,
                        rule.data);
}

static bool is_python_request(const char *text) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const Version *version;
        SpecifierSet set;

        if (!arena)
                return false;
        if (version_parse(arena, text_of(text), &version) >= 0)
                return true;
        return specifier_set_parse(arena, text_of(text), &set, NULL, NULL) >= 0 && set.n_items > 0;
}

static bool is_version(const char *text) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const Version *version;

        return arena && version_parse(arena, text_of(text), &version) >= 0;
}

static bool leaves_directory(const char *path) {
        Text rest = text_of(path), part;

        while (text_cut(&rest, '/', &part))
                if (text_equals_string(part, ".."))
                        return true;

        return path[0] == '/';
}

static bool has_only(const char *text, const char *more) {
        for (const char *at = text; *at; at++)
                if (!((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                      (*at >= '0' && *at <= '9') || strchr(more, *at)))
                        return false;

        return *text;
}

static bool text_follows(TextRule rule, const char *text) {
        if (!*text)
                return false;

        switch (rule) {
        case TEXT_NAME:
                return name_is_valid(text_of(text));
        case TEXT_VERSION:
                return is_version(text);
        case TEXT_PYTHON:
                return is_python_request(text);
        case TEXT_ABSOLUTE_PATH:
                return text[0] == '/' || string_after(text, "~/");
        case TEXT_RELATIVE_PATH:
                return !leaves_directory(text);
        case TEXT_DOMAIN:
                return has_only(text, "-._*:/");
        case TEXT_ADDRESS:
                return has_only(text, ".:/%");
        default:
                return true;
        }
}

static bool is_word(const char *const *words, const char *text) {
        for (; *words; words++)
                if (streq(*words, text))
                        return true;

        return false;
}

/* Each of these takes the value into @setting; -EINVAL if it does not follow the key's rule. */
static int take_number(const Key *key, const TomlValue *value, Setting *setting) {
        double number;

        if (value->type == TOML_INTEGER)
                number = (double) value->integer;
        else if (value->type == TOML_FLOAT && key->type == SETTING_FLOAT && isfinite(value->number))
                number = value->number;
        else
                return -EINVAL;
        if (number < key->minimum || number > key->maximum)
                return -EINVAL;

        setting->number = number;
        if (key->type == SETTING_INTEGER)
                setting->integer = value->integer;
        return 0;
}

static int take_string(const Key *key, const TomlValue *value, Setting *setting) {
        const char *text = toml_string(value);

        if (!text || (key->words ? !is_word(key->words, text) : !text_follows(key->rule, text)))
                return -EINVAL;

        setting->string = strdup(text);
        return setting->string ? 0 : -ENOMEM;
}

static int take_strings(const Key *key, const TomlValue *value, Setting *setting) {
        int r;

        if (value->type != TOML_ARRAY)
                return -EINVAL;

        for (size_t i = 0; i < value->array.n_items; i++) {
                const TomlValue *item = value->array.items[i];
                const char *text = toml_string(item);
                char port[32];

                if (key->is_ports && item->type == TOML_INTEGER && item->integer >= key->minimum &&
                    item->integer <= key->maximum) {
                        (void) snprintf(port, sizeof(port), "%lld", (long long) item->integer);
                        text = port;
                } else if (key->is_ports || !text || !text_follows(key->rule, text))
                        return -EINVAL;

                r = strings_add(&setting->strings, text);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int take_value(const Key *key, const TomlValue *value, Setting *setting) {
        switch (key->type) {
        case SETTING_BOOL:
                if (value->type != TOML_BOOL)
                        return -EINVAL;
                setting->boolean = value->boolean;
                return 0;
        case SETTING_INTEGER:
        case SETTING_FLOAT:
                return take_number(key, value, setting);
        case SETTING_STRING:
                return take_string(key, value, setting);
        default:
                return take_strings(key, value, setting);
        }
}

static int read_setting(const Walk *walk, const TomlEntry *entry, const char *name) {
        const Key *key = find_key(name);
        Setting *setting;
        int r;

        if (!key)
                return fail_unknown(walk, entry, name);

        r = settings_add(walk->settings, name, walk->file, entry->line, &setting);
        if (r < 0)
                return r;
        setting->type = key->type;

        r = take_value(key, entry->value, setting);
        return r == -EINVAL ? fail_value(walk, key, entry->value) : r;
}

/* As deep as the longest known key. */
static int read_table(const Walk *walk, const TomlValue *table, const char *parent) {
        int r;

        for (size_t i = 0; i < table->table.n_entries; i++) {
                const TomlEntry *entry = table->table.entries[i];
                _cleanup_(freep) char *name = NULL;

                name = string_format("%s%s%s", parent, *parent ? "." : "", entry->name);
                if (!name)
                        return -ENOMEM;

                /* A dot inside a quoted key is part of no key here. */
                if (strchr(entry->name, '.'))
                        r = fail_unknown(walk, entry, name);
                else if (!is_table_name(name))
                        r = read_setting(walk, entry, name);
                else if (entry->value->type == TOML_TABLE)
                        r = read_table(walk, entry->value, name);
                else
                        r =
                                        project_fail(walk->fault,
                                                     walk->file,
                                                     entry->line,
                                                     FAULT_PROJECT_INVALID,
                                                     "'%s%s' must be a table, not %s.",
                                                     walk->prefix,
                                                     name,
                                                     toml_type_to_string(entry->value->type));
                if (r < 0)
                        return r;
        }

        return 0;
}

int project_settings_read(
                const TomlValue *table,
                const char *file,
                const char *prefix,
                Settings *settings,
                Fault *fault) {
        const Walk walk = { .file = file, .prefix = prefix, .settings = settings, .fault = fault };

        return read_table(&walk, table, "");
}
