// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * toml.c gives a tree, this file takes from it what Blast uses and checks all of that: types,
 * names, versions, file names, digests. Keys that are not known are passed over, as PEP 751 asks
 * of readers; so are packages' sources other than wheels, so that a lock of another tool can be
 * read as long as what is needed here has a wheel.
 *
 * Every fault is LOCK_INVALID and names the line. A mistake of TOML itself arrives as
 * PROJECT_SYNTAX from the parser and leaves as LOCK_INVALID, because the file is nobody's to write
 * by hand. */

#include <stdio.h>

#include "basic/fault.h"
#include "package/marker.h"
#include "package/name.h"
#include "package/project-part.h"
#include "package/pylock.h"
#include "package/specifier.h"
#include "package/tag.h"
#include "package/toml.h"

enum {
        WHEELS_MAX = 200000
};

typedef struct Reader {
        Pylock *pylock;
        const char *file;
        Fault *fault;
        size_t n_wheels;
} Reader;

Pylock *pylock_new(void) {
        _cleanup_(pylock_freep) Pylock *pylock = new0(Pylock, 1);

        if (!pylock)
                return NULL;
        pylock->memory = arena_new();
        if (!pylock->memory)
                return NULL;

        return TAKE_PTR(pylock);
}

Pylock *pylock_free(Pylock *pylock) {
        if (!pylock)
                return NULL;

        arena_free(pylock->memory);
        free(pylock);
        return NULL;
}

bool pylock_name_is_valid(const char *name) {
        const char *word = string_after(name, "pylock.");
        const char *end;

        if (!word)
                return false;
        if (streq(word, "toml"))
                return true;

        end = strchr(word, '.');
        return end && end > word && streq(end, ".toml");
}

char *pylock_url_without_credentials(const char *url) {
        const char *authority = strstr(url, "://");
        const char *at = NULL;

        if (!authority)
                return strdup(url);

        authority += 3;
        for (const char *c = authority; *c && *c != '/' && *c != '?' && *c != '#'; c++)
                if (*c == '@')
                        at = c;
        if (!at)
                return strdup(url);

        return string_format("%.*s%s", (int) (authority - url), url, at + 1);
}

#define fail(reader, line, ...) \
        project_fail((reader)->fault, (reader)->file, (line), FAULT_LOCK_INVALID, __VA_ARGS__)

/* Returns 1 if it is there. */
static int
find_typed(const Reader *reader,
           const TomlValue *table,
           const char *key,
           TomlType type,
           const TomlValue **ret) {
        const TomlValue *value = toml_find(table, key);

        if (!value)
                return 0;
        if (value->type != type || (type == TOML_STRING && !toml_string(value)))
                return fail(reader,
                            value->line,
                            "'%s' must be %s.",
                            key,
                            toml_type_to_string(type));

        *ret = value;
        return 1;
}

/* @ret stays as it is if the key is absent. Returns 1 if it is there. */
static int
get_string(const Reader *reader, const TomlValue *table, const char *key, const char **ret) {
        const TomlValue *value;
        int r;

        r = find_typed(reader, table, key, TOML_STRING, &value);
        if (r <= 0)
                return r;

        *ret = arena_text(reader->pylock->memory, value->string.data);
        return *ret ? 1 : -ENOMEM;
}

static int
need_string(const Reader *reader, const TomlValue *table, const char *key, const char **ret) {
        int r = get_string(reader, table, key, ret);

        return r == 0 ? fail(reader, table->line, "'%s' is missing.", key) : r;
}

/* An array of strings. */
static int
get_strings(const Reader *reader,
            const TomlValue *table,
            const char *key,
            const char ***ret,
            size_t *ret_n) {
        const TomlValue *array;
        const char **list;
        int r;

        r = find_typed(reader, table, key, TOML_ARRAY, &array);
        if (r <= 0)
                return r;

        list = arena_new_array(reader->pylock->memory, const char *, array->array.n_items + 1);
        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < array->array.n_items; i++) {
                const TomlValue *item = array->array.items[i];

                if (!toml_string(item))
                        return fail(reader, item->line, "'%s' must be a list of strings.", key);
                list[i] = arena_text(reader->pylock->memory, item->string.data);
                if (!list[i])
                        return -ENOMEM;
        }

        *ret = list;
        *ret_n = array->array.n_items;
        return 1;
}

static int normalize(const Reader *reader, uint32_t line, const char *text, const char **ret) {
        int r = name_normalize(reader->pylock->memory, text_of(text), ret);

        return r == -EINVAL ? fail(reader, line, "'%.100s' is not a name.", text) : r;
}

static int check_marker(const Reader *reader, uint32_t line, const char *text) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const Marker *marker;
        int r;

        if (!arena)
                return -ENOMEM;
        r = marker_parse_for_lock(arena, text_of(text), &marker, NULL, NULL);
        return r < 0 && r != -ENOMEM ? fail(reader, line, "'%.100s' is not a marker.", text) : r;
}

static int check_specifiers(const Reader *reader, uint32_t line, const char *text) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        SpecifierSet set;
        int r;

        if (!arena)
                return -ENOMEM;
        r = specifier_set_parse(arena, text_of(text), &set, NULL, NULL);
        return r < 0 && r != -ENOMEM
                        ? fail(reader, line, "'%.100s' is not a version specifier.", text)
                        : r;
}

/* requires-python of the lock or of one package. */
static int get_requires_python(const Reader *reader, const TomlValue *table, const char **ret) {
        int r = get_string(reader, table, "requires-python", ret);

        return r > 0 ? check_specifiers(reader, toml_find(table, "requires-python")->line, *ret)
                     : r;
}

static int hex_digit(char c) {
        return c >= '0' && c <= '9'            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
}

/* The last part of a URL's path, with %XX decoded. */
static int file_name_of_url(const Reader *reader, const char *url, const char **ret) {
        size_t length = strcspn(url, "?#"), start = length;
        char *name;

        while (start > 0 && url[start - 1] != '/')
                start--;
        name = arena_text_n(reader->pylock->memory, url + start, length - start);
        if (!name)
                return -ENOMEM;

        *ret = name;
        for (char *from = name, *to = name;; from++, to++) {
                int high = *from == '%' ? hex_digit(from[1]) : -1;
                int low = high >= 0 ? hex_digit(from[2]) : -1;

                *to = low >= 0 ? (char) (high << 4 | low) : *from;
                if (low >= 0)
                        from += 2;
                if (!*from || !*to) {
                        *to = '\0';
                        return 0;
                }
        }
}

/* One package while its wheels are read; @scratch lives as long. */
typedef struct WheelOwner {
        const PylockPackage *package;
        const Version *version;
        Arena *scratch;
} WheelOwner;

/* The name of a wheel file says which package it is of; a lock that says otherwise is not believed. */
static int
check_filename(const Reader *reader, uint32_t line, const WheelOwner *owner, const char *filename) {
        const WheelName *wheel;
        int r;

        r = wheel_name_parse(owner->scratch, text_of(filename), &wheel, NULL);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || strchr(filename, '/') || filename[0] == '.')
                return fail(reader, line, "'%.200s' is not the file name of a wheel.", filename);
        if (!streq(wheel->name, owner->package->name) ||
            !version_equals(wheel->version, owner->version))
                return fail(reader,
                            line,
                            "The wheel '%.200s' is not one of %s %s.",
                            filename,
                            owner->package->name,
                            owner->package->version);
        return 0;
}

static int
get_url(const Reader *reader, const TomlValue *table, const char *key, const char **ret) {
        _cleanup_(freep) char *plain = NULL;
        const char *text;
        int r;

        r = get_string(reader, table, key, &text);
        if (r <= 0)
                return r;

        for (const char *c = text; *c; c++)
                if ((unsigned char) *c <= ' ' || *c == 0x7f)
                        text = "";
        if (!strstr(text, "://"))
                return fail(reader, toml_find(table, key)->line, "'%s' must be a URL.", key);
        plain = pylock_url_without_credentials(text);
        if (!plain)
                return -ENOMEM;

        *ret = arena_text(reader->pylock->memory, plain);
        return *ret ? 1 : -ENOMEM;
}

static int
read_wheel(Reader *reader, const WheelOwner *owner, const TomlValue *table, PylockWheel *wheel) {
        const TomlValue *hashes, *size;
        const char *hex = NULL;
        int r;

        if (table->type != TOML_TABLE)
                return fail(reader, table->line, "'wheels' must be a list of tables.");
        if (++reader->n_wheels > WHEELS_MAX) {
                (void) fail(reader, table->line, "There are more than %d wheels.", WHEELS_MAX);
                return -E2BIG;
        }

        r = get_url(reader, table, "url", &wheel->url);
        if (r < 0)
                return r;
        if (r == 0)
                return fail(reader,
                            table->line,
                            "The wheel has no 'url'; paths are not supported.");
        r = get_string(reader, table, "name", &wheel->filename);
        if (r == 0)
                r = file_name_of_url(reader, wheel->url, &wheel->filename);
        if (r < 0)
                return r;
        r = check_filename(reader, table->line, owner, wheel->filename);
        if (r < 0)
                return r;

        r = find_typed(reader, table, "size", TOML_INTEGER, &size);
        if (r < 0)
                return r;
        if (r > 0 && size->integer < 0)
                return fail(reader, size->line, "'size' cannot be negative.");
        wheel->size_bytes = r > 0 ? (uint64_t) size->integer : 0;

        r = find_typed(reader, table, "hashes", TOML_TABLE, &hashes);
        if (r > 0)
                r = get_string(reader, hashes, "sha256", &hex);
        if (r < 0)
                return r;
        if (!hex || digest_from_hex(text_of(hex), &wheel->digest) < 0)
                return fail(reader,
                            table->line,
                            "The wheel '%.200s' has no usable SHA-256.",
                            wheel->filename);
        return 0;
}

static int read_wheels(Reader *reader, PylockPackage *package, const TomlValue *table) {
        _cleanup_(arena_freep) Arena *scratch = NULL;
        WheelOwner owner = { .package = package };
        const TomlValue *wheels;
        int r;

        r = find_typed(reader, table, "wheels", TOML_ARRAY, &wheels);
        if (r <= 0)
                return r;
        if (!package->version)
                return fail(reader,
                            table->line,
                            "The package '%s' has wheels but no 'version'.",
                            package->name);

        owner.scratch = scratch = arena_new();
        package->wheels = arena_new_array(
                        reader->pylock->memory, PylockWheel, wheels->array.n_items + 1);
        if (!scratch || !package->wheels)
                return -ENOMEM;
        r = version_parse(scratch, text_of(package->version), &owner.version);
        if (r < 0)
                return r;

        for (size_t i = 0; i < wheels->array.n_items; i++) {
                r = read_wheel(reader, &owner, wheels->array.items[i], &package->wheels[i]);
                if (r < 0)
                        return r;
        }

        package->n_wheels = wheels->array.n_items;
        return 0;
}

static int read_dependencies(const Reader *reader, PylockPackage *package, const TomlValue *table) {
        const TomlValue *array;
        const char *name = NULL;
        int r;

        r = find_typed(reader, table, "dependencies", TOML_ARRAY, &array);
        if (r <= 0)
                return r;

        package->dependencies = arena_new_array(
                        reader->pylock->memory, const char *, array->array.n_items + 1);
        if (!package->dependencies)
                return -ENOMEM;
        for (size_t i = 0; i < array->array.n_items; i++) {
                const TomlValue *item = array->array.items[i];

                if (item->type != TOML_TABLE)
                        return fail(reader, item->line, "'dependencies' must be a list of tables.");
                r = need_string(reader, item, "name", &name);
                if (r < 0)
                        return r;
                r = normalize(reader, item->line, name, &package->dependencies[i]);
                if (r < 0)
                        return r;
        }

        package->n_dependencies = array->array.n_items;
        return 0;
}

static int read_version(const Reader *reader, const TomlValue *table, PylockPackage *package) {
        const Version *version;
        const char *text;
        int r;

        r = get_string(reader, table, "version", &text);
        if (r <= 0)
                return r;

        r = version_parse(reader->pylock->memory, text_of(text), &version);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return fail(reader,
                            toml_find(table, "version")->line,
                            "'%.100s' is not a version.",
                            text);
        package->version = version->text;
        return 1;
}

static int read_package(Reader *reader, const TomlValue *table, PylockPackage *package) {
        const char *name;
        int r;

        if (table->type != TOML_TABLE)
                return fail(reader, table->line, "'packages' must be a list of tables.");

        package->line = table->line;
        r = need_string(reader, table, "name", &name);
        if (r < 0)
                return r;
        r = normalize(reader, table->line, name, &package->name);
        if (r < 0)
                return r;
        r = read_version(reader, table, package);
        if (r < 0)
                return r;
        r = get_string(reader, table, "marker", &package->marker);
        if (r > 0)
                r = check_marker(reader, table->line, package->marker);
        if (r < 0)
                return r;
        r = get_requires_python(reader, table, &package->requires_python);
        if (r < 0)
                return r;
        r = get_url(reader, table, "index", &package->index);
        if (r < 0)
                return r;
        r = read_dependencies(reader, package, table);
        if (r < 0)
                return r;

        return read_wheels(reader, package, table);
}

static int read_packages(Reader *reader, const TomlValue *root) {
        Pylock *pylock = reader->pylock;
        const TomlValue *packages;
        int r;

        r = find_typed(reader, root, "packages", TOML_ARRAY, &packages);
        if (r < 0)
                return r;
        if (r == 0)
                return fail(reader, 1, "'packages' is missing.");
        if (packages->array.n_items > LOCK_PACKAGES_MAX) {
                (void) fail(reader,
                            packages->line,
                            "There are more than %d packages.",
                            LOCK_PACKAGES_MAX);
                return -E2BIG;
        }

        pylock->packages =
                        arena_new_array(pylock->memory, PylockPackage, packages->array.n_items + 1);
        if (!pylock->packages)
                return -ENOMEM;
        for (size_t i = 0; i < packages->array.n_items; i++) {
                r = read_package(reader, packages->array.items[i], &pylock->packages[i]);
                if (r < 0)
                        return r;
                pylock->n_packages = i + 1;
        }

        return 0;
}

/* "1.0", "1.1": the number before the dot decides. */
static int read_lock_version(Reader *reader, const TomlValue *root) {
        Pylock *pylock = reader->pylock;
        unsigned long major;
        char *end;
        int r;

        r = need_string(reader, root, "lock-version", &pylock->lock_version);
        if (r < 0)
                return r;

        major = strtoul(pylock->lock_version, &end, 10);
        if (major >= 2 && pylock->lock_version[0] >= '0' && pylock->lock_version[0] <= '9' &&
            (!*end || *end == '.')) {
                (void) project_fail(
                                reader->fault,
                                reader->file,
                                toml_find(root, "lock-version")->line,
                                FAULT_FORMAT_TOO_NEW,
                                "The lock has version %.20s; 1.x can be read here.",
                                pylock->lock_version);
                return -EPROTONOSUPPORT;
        }
        if (!string_after(pylock->lock_version, "1.") ||
            strspn(pylock->lock_version + 2, "0123456789") != strlen(pylock->lock_version) - 2 ||
            !pylock->lock_version[2])
                return fail(reader,
                            toml_find(root, "lock-version")->line,
                            "'%.20s' is not a version of lock files that can be read here.",
                            pylock->lock_version);

        if (!streq(pylock->lock_version, "1.0"))
                pylock->warning = arena_text(
                                pylock->memory,
                                "The lock file is of a newer minor version than 1.0; what that added "
                                "is not looked at.");
        return 0;
}

static int read_environments(Reader *reader, const TomlValue *root) {
        Pylock *pylock = reader->pylock;
        int r;

        r = get_strings(reader,
                        root,
                        "environments",
                        &pylock->environments,
                        &pylock->n_environments);
        if (r < 0)
                return r;
        for (size_t i = 0; i < pylock->n_environments; i++) {
                r =
                                check_marker(reader,
                                             toml_find(root, "environments")->line,
                                             pylock->environments[i]);
                if (r < 0)
                        return r;
        }

        r = get_strings(reader,
                        root,
                        "default-groups",
                        &pylock->default_groups,
                        &pylock->n_default_groups);
        if (r < 0)
                return r;
        for (size_t i = 0; i < pylock->n_default_groups; i++) {
                r = normalize(reader,
                              toml_find(root, "default-groups")->line,
                              pylock->default_groups[i],
                              &pylock->default_groups[i]);
                if (r < 0)
                        return r;
        }

        return get_requires_python(reader, root, &pylock->requires_python);
}

/* A lock of another tool does not say what was asked for: what nothing else needs. */
static int guess_direct(Pylock *pylock) {
        _cleanup_(table_freep) Table *needed = table_new();
        int r;

        if (!needed)
                return -ENOMEM;
        for (size_t i = 0; i < pylock->n_packages; i++)
                for (size_t j = 0; j < pylock->packages[i].n_dependencies; j++) {
                        r = table_put(needed, pylock->packages[i].dependencies[j], pylock);
                        if (r < 0)
                                return r;
                }

        for (size_t i = 0; i < pylock->n_packages; i++)
                pylock->packages[i].is_direct = !table_has(needed, pylock->packages[i].name);
        return 0;
}

static int mark_direct(Reader *reader, const TomlValue *blast) {
        _cleanup_(table_freep) Table *direct = table_new();
        Pylock *pylock = reader->pylock;
        const char **names = NULL;
        size_t n_names = 0;
        int r;

        if (!direct)
                return -ENOMEM;
        r = get_strings(reader, blast, "direct", &names, &n_names);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_names; i++) {
                r = table_put(direct, names[i], pylock);
                if (r < 0)
                        return r;
        }

        for (size_t i = 0; i < pylock->n_packages; i++)
                pylock->packages[i].is_direct = table_has(direct, pylock->packages[i].name);
        return 0;
}

static int read_tool(Reader *reader, const TomlValue *root) {
        const TomlValue *tool, *blast;
        const char *hex;
        int r;

        r = find_typed(reader, root, "tool", TOML_TABLE, &tool);
        if (r > 0)
                r = find_typed(reader, tool, "blast", TOML_TABLE, &blast);
        if (r <= 0)
                return r < 0 ? r : guess_direct(reader->pylock);

        r = get_string(reader, blast, "input-digest", &hex);
        if (r < 0)
                return r;
        if (r > 0) {
                if (digest_from_hex(text_of(hex), &reader->pylock->input_digest) < 0)
                        return fail(reader,
                                    toml_find(blast, "input-digest")->line,
                                    "'input-digest' must have 64 hexadecimal digits.");
                reader->pylock->has_input_digest = true;
        }
        r = get_string(reader, blast, "exclude-newer", &reader->pylock->exclude_newer);
        if (r < 0)
                return r;

        return mark_direct(reader, blast);
}

static int read_root(Reader *reader, const TomlValue *root) {
        int r;

        r = read_lock_version(reader, root);
        if (r < 0)
                return r;
        r = need_string(reader, root, "created-by", &reader->pylock->created_by);
        if (r < 0)
                return r;
        r = read_environments(reader, root);
        if (r < 0)
                return r;
        r = read_packages(reader, root);
        if (r < 0)
                return r;

        return read_tool(reader, root);
}

int pylock_parse(
                const char *text,
                size_t size_bytes,
                const char *file,
                Pylock **ret,
                Fault *fault) {
        _cleanup_(toml_freep) TomlDocument *document = NULL;
        _cleanup_(pylock_freep) Pylock *pylock = pylock_new();
        _cleanup_fault_ Fault reason = {};
        Reader reader = { .pylock = pylock, .file = file, .fault = fault };
        int r;

        if (!pylock)
                return -ENOMEM;

        r = toml_parse(text, size_bytes, file, &document, &reason);
        if (r < 0 && r != -ENOMEM)
                return fault_set(
                                fault, r, FAULT_LOCK_INVALID, reason.subject, "%s", reason.message);
        if (r < 0)
                return r;

        r = read_root(&reader, toml_get_root(document));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(pylock);
        return 0;
}
