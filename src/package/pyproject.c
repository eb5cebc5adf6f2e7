// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Four tables of pyproject.toml are read, everything else belongs to other tools and is passed
 * over:
 *
 *   [project]            name, version, requires-python, dependencies, optional-dependencies, dynamic (PEP 621)
 *   [dependency-groups]  lists of requirements and of { include-group = "…" } (PEP 735)
 *   [tool.blast]         the settings of blast.toml
 *   [tool.uv]            what pyproject-uv.c knows of it
 *
 * Groups are stored flat: each requirement of a group that includes another one is stored once
 * more for the including group. The chain of groups being walked is a list on the stack, in which
 * a cycle shows; the number of requirements of the project bounds what repeated inclusion can blow
 * up. */

#include "basic/memory.h"
#include "package/name.h"
#include "package/project-part.h"
#include "package/project-settings.h"
#include "package/specifier.h"
#include "package/version.h"

enum {
        GROUP_DEPTH_MAX = 100
};

typedef struct Reader {
        Project *project;
        Fault *fault;
} Reader;

/* A chain of groups, each including the one before it in the list. */
typedef struct GroupChain {
        const struct GroupChain *outer;
        const char *name; /* normalised */
        size_t depth;
} GroupChain;

static int fail_type(Reader *reader, const TomlValue *value, const char *key, const char *wanted) {
        return pyproject_fail_type(reader->fault, value, key, wanted);
}

/* @key is only for the sentence. Returns 1 if it is there. */
static int
find_typed(Reader *reader,
           const TomlValue *table,
           const char *name,
           const char *key,
           TomlType type,
           const TomlValue **ret) {
        const TomlValue *value = toml_find(table, name);

        if (!value)
                return 0;
        if (value->type != type || (type == TOML_STRING && !toml_string(value)))
                return fail_type(reader, value, key, toml_type_to_string(type));

        *ret = value;
        return 1;
}

/* Every item of @array is a requirement. */
static int read_requirements(
                Reader *reader,
                const TomlValue *array,
                const char *key,
                const RequirementPlace *place) {
        return pyproject_read_requirements(reader->project, array, key, place, reader->fault);
}

static int read_requires_python(Reader *reader, const TomlValue *table) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        _cleanup_fault_ Fault reason = {};
        const TomlValue *value;
        SpecifierSet set;
        int r;

        if (!arena)
                return -ENOMEM;
        r = find_typed(reader,
                       table,
                       "requires-python",
                       "project.requires-python",
                       TOML_STRING,
                       &value);
        if (r <= 0)
                return r;

        r = specifier_set_parse(arena, value->string, &set, NULL, &reason);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return project_fail(
                                reader->fault,
                                PYPROJECT,
                                value->line,
                                FAULT_PROJECT_SYNTAX,
                                "'project.requires-python' is not a version specifier: %s",
                                reason.message ?: "it cannot be read.");

        r = project_replace_text(&reader->project->requires_python, value->string.data);
        if (r < 0)
                return r;
        free(reader->project->requires_python_origin);
        reader->project->requires_python_origin = string_format(PYPROJECT ":%u", value->line);
        return reader->project->requires_python_origin ? 0 : -ENOMEM;
}

static int read_version(Reader *reader, const TomlValue *table) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        const TomlValue *value;
        const Version *version;
        int r;

        if (!arena)
                return -ENOMEM;
        r = find_typed(reader, table, "version", "project.version", TOML_STRING, &value);
        if (r <= 0)
                return r;

        r = version_parse(arena, value->string, &version);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return project_fail(
                                reader->fault,
                                PYPROJECT,
                                value->line,
                                FAULT_PROJECT_INVALID,
                                "'%s' is not a version.",
                                value->string.data);

        return project_replace_text(&reader->project->version, version->text);
}

static int read_name(Reader *reader, const TomlValue *table) {
        const TomlValue *value;
        char *name;
        int r;

        r = find_typed(reader, table, "name", "project.name", TOML_STRING, &value);
        if (r < 0)
                return r;
        if (r == 0)
                return project_fail(
                                reader->fault,
                                PYPROJECT,
                                table->line,
                                FAULT_PROJECT_INVALID,
                                "The table [project] has no 'name'.");

        r = project_normalize_name(
                        value->string.data,
                        PYPROJECT,
                        value->line,
                        "a project",
                        &name,
                        reader->fault);
        if (r < 0)
                return r;

        free(reader->project->name);
        reader->project->name = name;
        return 0;
}

static int
add_new_name(Reader *reader,
             const TomlEntry *entry,
             const char *what,
             char ***names,
             const char **ret) {
        char *name;
        int r;

        r = project_normalize_name(
                        entry->key.data, PYPROJECT, entry->line, what, &name, reader->fault);
        if (r < 0)
                return r;

        if (strings_contain(*names, name)) {
                r = project_fail(
                                reader->fault,
                                PYPROJECT,
                                entry->line,
                                FAULT_PROJECT_INVALID,
                                "'%s' names %s that is already defined under another spelling.",
                                entry->key.data,
                                what);
                free(name);
                return r;
        }

        r = strings_consume(names, name);
        if (r < 0)
                return r;
        *ret = (*names)[strings_count(*names) - 1];
        return 0;
}

static int read_extras(Reader *reader, const TomlValue *table) {
        const TomlValue *extras;
        int r;

        r = find_typed(reader,
                       table,
                       "optional-dependencies",
                       "project.optional-dependencies",
                       TOML_TABLE,
                       &extras);
        if (r <= 0)
                return r;

        for (size_t i = 0; i < extras->table.n_entries; i++) {
                const TomlEntry *entry = extras->table.entries[i];
                RequirementPlace place = {};

                r = add_new_name(reader, entry, "an extra", &reader->project->extras, &place.extra);
                if (r < 0)
                        return r;
                if (entry->value->type != TOML_ARRAY)
                        return fail_type(
                                        reader,
                                        entry->value,
                                        "project.optional-dependencies",
                                        "a table of lists");
                r = read_requirements(
                                reader, entry->value, "project.optional-dependencies", &place);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int read_dynamic(Reader *reader, const TomlValue *table) {
        const TomlValue *dynamic;
        int r;

        r = find_typed(reader, table, "dynamic", "project.dynamic", TOML_ARRAY, &dynamic);
        if (r <= 0)
                return r;

        for (size_t i = 0; i < dynamic->array.n_items; i++) {
                const TomlValue *item = dynamic->array.items[i];
                const char *name = toml_string(item);

                if (!name)
                        return fail_type(reader, item, "project.dynamic", "a list of strings");
                if (!streq(name, "dependencies"))
                        continue;
                if (toml_find(table, name))
                        return project_fail(
                                        reader->fault,
                                        PYPROJECT,
                                        item->line,
                                        FAULT_PROJECT_INVALID,
                                        "'%s' is listed as dynamic and given as well.",
                                        name);
                reader->project->has_dynamic_dependencies = true;
        }

        return 0;
}

static int read_project_table(Reader *reader, const TomlValue *table) {
        const TomlValue *dependencies;
        int r;

        r = read_name(reader, table);
        if (r < 0)
                return r;
        r = read_version(reader, table);
        if (r < 0)
                return r;
        r = read_requires_python(reader, table);
        if (r < 0)
                return r;
        r = read_dynamic(reader, table);
        if (r < 0)
                return r;

        r = find_typed(reader,
                       table,
                       "dependencies",
                       "project.dependencies",
                       TOML_ARRAY,
                       &dependencies);
        if (r < 0)
                return r;
        if (r > 0) {
                r = read_requirements(
                                reader,
                                dependencies,
                                "project.dependencies",
                                &(RequirementPlace){});
                if (r < 0)
                        return r;
        }

        return read_extras(reader, table);
}

static const TomlEntry *find_group(const TomlValue *groups, const char *name) {
        for (size_t i = 0; i < groups->table.n_entries; i++) {
                char normalized[NAME_SIZE_MAX];

                if (name_normalize_into(groups->table.entries[i]->key, normalized) >= 0 &&
                    streq(normalized, name))
                        return groups->table.entries[i];
        }

        return NULL;
}

static int
read_group(Reader *reader,
           const TomlValue *groups,
           const TomlEntry *entry,
           const char *group,
           const GroupChain *chain);

/* { include-group = "name" } */
static int
read_include(Reader *reader,
             const TomlValue *groups,
             const TomlValue *item,
             const char *group,
             const GroupChain *chain) {
        const char *written = toml_string(toml_find(item, "include-group"));
        _cleanup_(freep) char *name = NULL;
        const TomlEntry *entry;
        int r;

        if (!written || item->table.n_entries != 1)
                return project_fail(
                                reader->fault,
                                PYPROJECT,
                                item->line,
                                FAULT_PROJECT_INVALID,
                                "A table in a dependency group must be "
                                "{ include-group = \"name\" }.");
        r = project_normalize_name(written, PYPROJECT, item->line, "a group", &name, reader->fault);
        if (r < 0)
                return r;

        entry = find_group(groups, name);
        if (!entry)
                return project_fail(
                                reader->fault,
                                PYPROJECT,
                                item->line,
                                FAULT_PROJECT_INVALID,
                                "The group '%s' includes '%s', which does not exist.",
                                chain->name,
                                written);
        for (const GroupChain *at = chain; at; at = at->outer)
                if (streq(at->name, name))
                        return project_fail(
                                        reader->fault,
                                        PYPROJECT,
                                        item->line,
                                        FAULT_PROJECT_INVALID,
                                        "The group '%s' includes itself through '%s'.",
                                        name,
                                        chain->name);
        if (chain->depth >= GROUP_DEPTH_MAX)
                return project_fail(
                                reader->fault,
                                PYPROJECT,
                                item->line,
                                FAULT_LIMIT_EXCEEDED,
                                "Dependency groups include each other more than %d deep.",
                                GROUP_DEPTH_MAX);

        return read_group(
                        reader,
                        groups,
                        entry,
                        group,
                        &(GroupChain){ .outer = chain, .name = name, .depth = chain->depth + 1 });
}

/* Adds what @entry holds to @group. */
static int
read_group(Reader *reader,
           const TomlValue *groups,
           const TomlEntry *entry,
           const char *group,
           const GroupChain *chain) {
        const TomlValue *array = entry->value;
        int r;

        if (array->type != TOML_ARRAY)
                return fail_type(reader, array, entry->key.data, "a list of requirements");

        /* Empty groups that include each other cost no requirements, only time. */
        if (++reader->project->n_groups_walked > PROJECT_REQUIREMENTS_MAX)
                return project_fail(
                                reader->fault,
                                PYPROJECT,
                                entry->line,
                                FAULT_LIMIT_EXCEEDED,
                                "Dependency groups include each other too often.");

        for (size_t i = 0; i < array->array.n_items; i++) {
                const TomlValue *item = array->array.items[i];

                if (item->type == TOML_TABLE)
                        r = read_include(reader, groups, item, group, chain);
                else if (toml_string(item))
                        r = project_add_requirement(
                                        reader->project,
                                        toml_string(item),
                                        &(RequirementPlace){ .file = PYPROJECT,
                                                             .line = item->line,
                                                             .group = group },
                                        reader->fault);
                else
                        r = fail_type(reader,
                                      item,
                                      entry->key.data,
                                      "a list of strings and include-group tables");
                if (r < 0)
                        return r;
        }

        return 0;
}

static int read_groups(Reader *reader, const TomlValue *groups) {
        int r;

        for (size_t i = 0; i < groups->table.n_entries; i++) {
                const TomlEntry *entry = groups->table.entries[i];
                const char *name;

                r = add_new_name(reader, entry, "a group", &reader->project->groups, &name);
                if (r < 0)
                        return r;
                r = read_group(reader, groups, entry, name, &(GroupChain){ .name = name });
                if (r < 0)
                        return r;
        }

        return 0;
}

static int read_tools(Reader *reader, const TomlValue *root) {
        const TomlValue *tool = toml_find(root, "tool");
        const TomlValue *blast;
        int r;

        r = find_typed(reader, tool, "blast", "tool.blast", TOML_TABLE, &blast);
        if (r < 0)
                return r;
        if (r > 0) {
                r = project_settings_read(
                                blast,
                                PYPROJECT,
                                "tool.blast.",
                                &reader->project->settings,
                                reader->fault);
                if (r < 0)
                        return r;
        }

        return pyproject_read_uv(reader->project, toml_find(tool, "uv"), reader->fault);
}

static int read_root(Reader *reader, const TomlValue *root) {
        const TomlValue *groups, *table, *poetry;
        bool has_groups, has_project;
        int r;

        r = find_typed(reader, root, "project", "project", TOML_TABLE, &table);
        if (r < 0)
                return r;
        has_project = r > 0;
        if (has_project) {
                r = read_project_table(reader, table);
                if (r < 0)
                        return r;
        }

        r = find_typed(reader, root, "dependency-groups", "dependency-groups", TOML_TABLE, &groups);
        if (r < 0)
                return r;
        has_groups = r > 0;
        if (has_groups) {
                r = read_groups(reader, groups);
                if (r < 0)
                        return r;
        }

        r = read_tools(reader, root);
        if (r < 0)
                return r;

        poetry = toml_find(toml_find(toml_find(root, "tool"), "poetry"), "dependencies");
        if (!has_project && poetry) {
                r = project_warn(
                                reader->project,
                                PYPROJECT
                                " has its dependencies in [tool.poetry], which is not read; "
                                "[project] is the standard place.");
                if (r < 0)
                        return r;
        }

        return has_project || has_groups || strings_count(reader->project->groups) > 0;
}

int pyproject_load(int directory_fd, Project *project, Fault *fault) {
        _cleanup_(toml_freep) TomlDocument *document = NULL;
        Reader reader = { .project = project, .fault = fault };
        _cleanup_(freep) char *text = NULL;
        size_t size;
        int r;

        r = project_read_file(directory_fd, PYPROJECT, PROJECT_FILE_SIZE_MAX, &text, &size, fault);
        if (r < 0)
                return r;
        r = strings_add(&project->files, PYPROJECT);
        if (r < 0)
                return r;

        r = toml_parse(text, size, PYPROJECT, &document, fault);
        if (r < 0)
                return r;
        return read_root(&reader, toml_get_root(document));
}
