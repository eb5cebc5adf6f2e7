// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Keys stand in the order of PEP 751, packages sorted by name and version, wheels by file name,
 * each wheel on its own line, so that two people who lock the same get the same bytes and a
 * changed lock gives a diff that can be read. Sorting is done on arrays of pointers; the value
 * itself is not changed. */

#include "package/pylock.h"
#include "package/toml.h"

static void add_string(Builder *builder, const char *key, const char *value) {
        if (!value)
                return;

        builder_add_format(builder, "%s = ", key);
        toml_format_string(builder, text_of(value));
        builder_add_char(builder, '\n');
}

static void add_strings(Builder *builder, const char *key, const char *const *list, size_t n) {
        if (n == 0)
                return;

        builder_add_format(builder, "%s = [\n", key);
        for (size_t i = 0; i < n; i++) {
                builder_add(builder, "    ");
                toml_format_string(builder, text_of(list[i]));
                builder_add(builder, ",\n");
        }
        builder_add(builder, "]\n");
}

static int compare_strings(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int compare_packages(const void *a, const void *b) {
        const PylockPackage *x = *(const PylockPackage *const *) a;
        const PylockPackage *y = *(const PylockPackage *const *) b;
        int difference = strcmp(x->name, y->name);

        if (difference == 0)
                difference = strcmp(x->version ?: "", y->version ?: "");
        return difference != 0 ? difference : strcmp(x->marker ?: "", y->marker ?: "");
}

static int compare_wheels(const void *a, const void *b) {
        const PylockWheel *x = *(const PylockWheel *const *) a;
        const PylockWheel *y = *(const PylockWheel *const *) b;
        int difference = strcmp(x->filename, y->filename);

        return difference != 0 ? difference : memcmp(x->digest.bytes, y->digest.bytes, DIGEST_SIZE);
}

static int add_url(Builder *builder, const char *key, const char *url) {
        _cleanup_(freep) char *plain = pylock_url_without_credentials(url);

        if (!plain)
                return -ENOMEM;

        builder_add_format(builder, "%s = ", key);
        toml_format_string(builder, text_of(plain));
        return 0;
}

static int add_wheel(Builder *builder, const PylockWheel *wheel) {
        char hex[DIGEST_HEX_SIZE];
        int r;

        builder_add(builder, "    {name = ");
        toml_format_string(builder, text_of(wheel->filename));
        builder_add(builder, ", ");
        r = add_url(builder, "url", wheel->url);
        if (r < 0)
                return r;
        if (wheel->size_bytes > 0)
                builder_add_format(
                                builder, ", size = %llu", (unsigned long long) wheel->size_bytes);
        builder_add_format(
                        builder,
                        ", hashes = {sha256 = \"%s\"}},\n",
                        digest_to_hex(&wheel->digest, hex));
        return 0;
}

static int add_wheels(Builder *builder, const PylockPackage *package) {
        _cleanup_(freep) const PylockWheel **sorted = NULL;
        int r;

        if (package->n_wheels == 0)
                return 0;
        sorted = new0(const PylockWheel *, package->n_wheels);
        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < package->n_wheels; i++)
                sorted[i] = &package->wheels[i];
        qsort(sorted, package->n_wheels, sizeof(*sorted), compare_wheels);

        builder_add(builder, "wheels = [\n");
        for (size_t i = 0; i < package->n_wheels; i++) {
                r = add_wheel(builder, sorted[i]);
                if (r < 0)
                        return r;
        }
        builder_add(builder, "]\n");
        return 0;
}

static int add_dependencies(Builder *builder, const PylockPackage *package) {
        _cleanup_(freep) const char **sorted = NULL;

        if (package->n_dependencies == 0)
                return 0;
        sorted = new0(const char *, package->n_dependencies);
        if (!sorted)
                return -ENOMEM;
        memcpy(sorted, package->dependencies, package->n_dependencies * sizeof(*sorted));
        qsort(sorted, package->n_dependencies, sizeof(*sorted), compare_strings);

        builder_add(builder, "dependencies = [\n");
        for (size_t i = 0; i < package->n_dependencies; i++) {
                if (i > 0 && streq(sorted[i], sorted[i - 1]))
                        continue;
                builder_add(builder, "    {name = ");
                toml_format_string(builder, text_of(sorted[i]));
                builder_add(builder, "},\n");
        }
        builder_add(builder, "]\n");
        return 0;
}

static int add_package(Builder *builder, const PylockPackage *package) {
        int r;

        builder_add(builder, "\n[[packages]]\n");
        add_string(builder, "name", package->name);
        add_string(builder, "version", package->version);
        add_string(builder, "marker", package->marker);
        add_string(builder, "requires-python", package->requires_python);
        r = add_dependencies(builder, package);
        if (r < 0)
                return r;
        if (package->index) {
                r = add_url(builder, "index", package->index);
                if (r < 0)
                        return r;
                builder_add_char(builder, '\n');
        }

        return add_wheels(builder, package);
}

static int add_tool(Builder *builder, const Pylock *pylock, const PylockPackage *const *sorted) {
        _cleanup_(freep) const char **direct = new0(const char *, pylock->n_packages + 1);
        char hex[DIGEST_HEX_SIZE];
        size_t n_direct = 0;

        if (!direct)
                return -ENOMEM;
        for (size_t i = 0; i < pylock->n_packages; i++)
                if (sorted[i]->is_direct &&
                    (n_direct == 0 || !streq(direct[n_direct - 1], sorted[i]->name)))
                        direct[n_direct++] = sorted[i]->name;

        builder_add(builder, "\n[tool.blast]\n");
        if (pylock->has_input_digest)
                add_string(builder, "input-digest", digest_to_hex(&pylock->input_digest, hex));
        add_string(builder, "exclude-newer", pylock->exclude_newer);
        if (n_direct == 0)
                builder_add(builder, "direct = []\n");
        add_strings(builder, "direct", direct, n_direct);
        return 0;
}

int pylock_format(const Pylock *pylock, char **ret) {
        _cleanup_(freep) const PylockPackage **sorted = NULL;
        _cleanup_builder_ Builder builder = {};
        int r;

        sorted = new0(const PylockPackage *, pylock->n_packages + 1);
        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < pylock->n_packages; i++)
                sorted[i] = &pylock->packages[i];
        qsort(sorted, pylock->n_packages, sizeof(*sorted), compare_packages);

        add_string(&builder, "lock-version", "1.0");
        add_strings(&builder, "environments", pylock->environments, pylock->n_environments);
        add_string(&builder, "requires-python", pylock->requires_python);
        add_strings(&builder, "default-groups", pylock->default_groups, pylock->n_default_groups);
        add_string(&builder, "created-by", pylock->created_by ?: "blast");
        if (pylock->n_packages == 0)
                builder_add(&builder, "packages = []\n");
        for (size_t i = 0; i < pylock->n_packages; i++) {
                r = add_package(&builder, sorted[i]);
                if (r < 0)
                        return r;
        }
        r = add_tool(&builder, pylock, sorted);
        if (r < 0)
                return r;

        return builder_finish(&builder, ret);
}
