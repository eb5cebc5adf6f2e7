// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/name.h"
#include "package/project-part.h"

/* Another tool's table: what has not the expected type is passed over, not refused. */
static int read_uv_index(Project *project, const TomlValue *index) {
        const TomlValue *is_default = toml_find(index, "default");
        const TomlValue *is_explicit = toml_find(index, "explicit");
        const char *url = toml_string(toml_find(index, "url"));

        /* An explicit index is only for the packages that [tool.uv.sources] assigns to it. */
        if (!url || (is_explicit && is_explicit->type == TOML_BOOL && is_explicit->boolean))
                return 0;
        if (is_default && is_default->type == TOML_BOOL && is_default->boolean)
                return project_replace_text(&project->index_url, url);
        return strings_add(&project->extra_index_urls, url);
}

static int read_uv_strings(const TomlValue *value, char ***list) {
        int r;

        if (!value || value->type != TOML_ARRAY)
                return 0;

        for (size_t i = 0; i < value->array.n_items; i++)
                if (toml_string(value->array.items[i])) {
                        r = strings_add(list, toml_string(value->array.items[i]));
                        if (r < 0)
                                return r;
                }

        return 0;
}

static int read_uv_indexes(Project *project, const TomlValue *uv) {
        const TomlValue *indexes = toml_find(uv, "index"), *no_index = toml_find(uv, "no-index");
        const char *url = toml_string(toml_find(uv, "index-url"));
        int r;

        if (url) {
                r = project_replace_text(&project->index_url, url);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; indexes && indexes->type == TOML_ARRAY && i < indexes->array.n_items;
             i++) {
                r = read_uv_index(project, indexes->array.items[i]);
                if (r < 0)
                        return r;
        }

        project->no_index = no_index && no_index->type == TOML_BOOL && no_index->boolean;
        r = read_uv_strings(toml_find(uv, "extra-index-url"), &project->extra_index_urls);
        if (r < 0)
                return r;
        return read_uv_strings(toml_find(uv, "find-links"), &project->find_links);
}

/* The older spelling of a group named dev. */
static int read_uv_development(Project *project, const TomlValue *uv, Fault *fault) {
        const TomlValue *value = toml_find(uv, "dev-dependencies");
        int r;

        if (!value || value->type != TOML_ARRAY)
                return 0;
        if (!strings_contain(project->groups, "dev")) {
                r = strings_add(&project->groups, "dev");
                if (r < 0)
                        return r;
        }

        return pyproject_read_requirements(
                        project,
                        value,
                        "tool.uv.dev-dependencies",
                        &(RequirementPlace){ .group = "dev" },
                        fault);
}

static int read_uv_default_groups(Project *project, const TomlValue *uv, Fault *fault) {
        const TomlValue *value = toml_find(uv, "default-groups");
        _cleanup_(strings_freep) char **names = NULL;
        int r;

        if (toml_string(value) && streq(toml_string(value), "all"))
                return strings_copy(project->groups, &project->default_groups);
        if (!value || value->type != TOML_ARRAY) {
                if (!strings_contain(project->groups, "dev"))
                        return 0;
                return strings_add(&project->default_groups, "dev");
        }

        r = read_uv_strings(value, &names);
        if (r < 0)
                return r;
        FOREACH_TEXT(name, names) {
                char normalized[NAME_SIZE_MAX];

                if (name_normalize_into(text_of(name), normalized) < 0 ||
                    !strings_contain(project->groups, normalized))
                        return project_fail(
                                        fault,
                                        PYPROJECT,
                                        value->line,
                                        FAULT_PROJECT_INVALID,
                                        "'tool.uv.default-groups' names '%s', which is no group.",
                                        name);
                r = strings_add(&project->default_groups, normalized);
                if (r < 0)
                        return r;
        }

        return 0;
}

int pyproject_read_uv(Project *project, const TomlValue *uv, Fault *fault) {
        const TomlValue *constraints = toml_find(uv, "constraint-dependencies");
        const char *prerelease = toml_string(toml_find(uv, "prerelease"));
        static const char *const passed_over[] = { "sources",
                                                   "override-dependencies",
                                                   "workspace" };
        int r;

        r = read_uv_development(project, uv, fault);
        if (r < 0)
                return r;
        r = read_uv_default_groups(project, uv, fault);
        if (r < 0)
                return r;
        r = read_uv_indexes(project, uv);
        if (r < 0)
                return r;

        project->allow_prereleases |= prerelease && streq(prerelease, "allow");
        for (size_t i = 0; i < ELEMENTSOF(passed_over); i++)
                if (toml_find(uv, passed_over[i])) {
                        r = project_warn(
                                        project,
                                        PYPROJECT " has [tool.uv] '%s', which has no effect here.",
                                        passed_over[i]);
                        if (r < 0)
                                return r;
                }

        if (!constraints || constraints->type != TOML_ARRAY)
                return 0;
        return pyproject_read_requirements(
                        project,
                        constraints,
                        "tool.uv.constraint-dependencies",
                        &(RequirementPlace){ .is_constraint = true },
                        fault);
}
