// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *   pyproject.toml ──┐ requirements, groups, extras, name, requires-python, [tool.blast]
 *   requirements.txt ┤ only if pyproject.toml names no requirements
 *   blast.toml ──────┤ settings; name, version and Python where the others say nothing
 *   .python-version ─┘ the Python asked for, before env.python_version
 *
 * Every file is read beneath the directory, without following links. What is found is put into one
 * Project; project.h says which file wins. Selecting is a filter over its requirements: the set of
 * extras grows while requirements of the project on itself ("name[extra]") are met, and ends
 * because it only ever holds extras that exist. */

#include <fcntl.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "package/name.h"
#include "package/project-part.h"
#include "package/project-settings.h"
#include "package/requirements-file.h"

enum {
        PYTHON_VERSION_SIZE_MAX = 4096
};

static int take_requirements(Project *project, RequirementsFile *file, Fault *fault) {
        int r;

        for (size_t i = 0; i < file->n_lines; i++) {
                const RequirementsLine *line = &file->lines[i];

                r = project_add_requirement(
                                project,
                                line->text,
                                &(RequirementPlace){ .file = line->file,
                                                     .line = line->line,
                                                     .hashes = line->hashes,
                                                     .is_constraint = line->is_constraint },
                                fault);
                if (r < 0)
                        return r;
        }

        if (file->index_url) {
                free(project->index_url);
                project->index_url = TAKE_PTR(file->index_url);
        }
        FOREACH_TEXT(url, file->extra_index_urls) {
                r = strings_add(&project->extra_index_urls, url);
                if (r < 0)
                        return r;
        }
        FOREACH_TEXT(link, file->find_links) {
                r = strings_add(&project->find_links, link);
                if (r < 0)
                        return r;
        }
        FOREACH_TEXT(name, file->files) {
                r = strings_add(&project->files, name);
                if (r < 0)
                        return r;
        }
        FOREACH_TEXT(warning, file->warnings) {
                r = strings_add(&project->warnings, warning);
                if (r < 0)
                        return r;
        }

        project->no_index |= file->no_index;
        project->require_hashes |= file->require_hashes;
        project->allow_prereleases |= file->allow_prereleases;
        return 0;
}

/* One line without a hash makes the hashes of the others worthless. */
static int check_hashes(const Project *project, Fault *fault) {
        bool has_hashes = project->require_hashes;

        for (size_t i = 0; i < project->n_requirements; i++)
                has_hashes |= project->requirements[i].hashes != NULL;
        if (!has_hashes)
                return 0;

        for (size_t i = 0; i < project->n_requirements; i++) {
                const ProjectRequirement *requirement = &project->requirements[i];

                if (!requirement->hashes && !requirement->is_constraint)
                        return fault_set(
                                        fault,
                                        -EINVAL,
                                        FAULT_PROJECT_INVALID,
                                        requirement->origin,
                                        "'%s' has no --hash, but hashes are required as soon as one "
                                        "line has one.",
                                        requirement->name);
        }

        return 0;
}

static int load_requirements(int directory_fd, Project *project, Fault *fault) {
        _cleanup_requirements_file_ RequirementsFile file = {};
        bool is_wanted = project->source == PROJECT_NONE || project->has_dynamic_dependencies;
        int r;

        if (!is_wanted) {
                _cleanup_close_ int fd =
                                file_open_beneath(directory_fd, "requirements.txt", O_PATH, 0);

                if (fd < 0)
                        return 0;
                return project_warn(
                                project,
                                "requirements.txt is not read, because pyproject.toml names the "
                                "requirements.");
        }

        r = requirements_file_load(directory_fd, "requirements.txt", &file, fault);
        if (r == -ENOENT && !fault_is_set(fault)) {
                if (!project->has_dynamic_dependencies)
                        return 0;
                return project_warn(
                                project,
                                "The dependencies in pyproject.toml are dynamic: they are not known "
                                "without a build, and are left out.");
        }
        if (r < 0)
                return r;

        if (project->has_dynamic_dependencies) {
                r = project_warn(
                                project,
                                "The dependencies in pyproject.toml are dynamic; requirements.txt "
                                "is taken in their place.");
                if (r < 0)
                        return r;
        }
        r = take_requirements(project, &file, fault);
        if (r < 0)
                return r;

        if (project->source == PROJECT_NONE)
                project->source = PROJECT_REQUIREMENTS;
        return check_hashes(project, fault);
}

static int load_blast(int directory_fd, Project *project, Fault *fault) {
        _cleanup_(toml_freep) TomlDocument *document = NULL;
        _cleanup_(freep) char *text = NULL;
        size_t size;
        int r;

        r = project_read_file(
                        directory_fd, "blast.toml", PROJECT_FILE_SIZE_MAX, &text, &size, fault);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        r = strings_add(&project->files, "blast.toml");
        if (r < 0)
                return r;

        r = toml_parse(text, size, "blast.toml", &document, fault);
        if (r < 0)
                return r;
        return project_settings_read(
                        toml_get_root(document), "blast.toml", "", &project->settings, fault);
}

/* The first line that says something, as pyenv and uv read it. */
static int load_python_version(int directory_fd, Project *project, Fault *fault) {
        _cleanup_(freep) char *text = NULL;
        uint32_t number = 0;
        size_t size;
        Text rest, line;
        int r;

        r = project_read_file(
                        directory_fd,
                        ".python-version",
                        PYTHON_VERSION_SIZE_MAX,
                        &text,
                        &size,
                        fault);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        r = strings_add(&project->files, ".python-version");
        if (r < 0)
                return r;

        rest = (Text){ text, strlen(text) };
        while (text_cut(&rest, '\n', &line)) {
                number++;
                line = text_strip(line);
                if (line.length == 0 || line.data[0] == '#')
                        continue;

                project->python = text_to_string(line);
                project->python_origin = string_format(".python-version:%u", number);
                return project->python && project->python_origin ? 0 : -ENOMEM;
        }

        return 0;
}

static int take_text(const Setting *setting, char **slot) {
        if (!setting || *slot)
                return 0;

        *slot = strdup(setting->string);
        return *slot ? 0 : -ENOMEM;
}

/* Settings that say something the other files may have said before. */
static int apply_settings(Project *project) {
        const Setting *python = settings_find(&project->settings, "env.python_version");
        const Setting *name = settings_find(&project->settings, "env.name");
        const Setting *prereleases =
                        settings_find(&project->settings, "resolver.allow_prereleases");
        char normalized[NAME_SIZE_MAX];
        int r;

        if (prereleases)
                project->allow_prereleases = prereleases->boolean;
        if (python && !project->python) {
                project->python_origin = string_format("%s:%u", python->file, python->line);
                if (!project->python_origin)
                        return -ENOMEM;
        }
        r = take_text(python, &project->python);
        if (r < 0)
                return r;
        r = take_text(settings_find(&project->settings, "env.version"), &project->version);
        if (r < 0)
                return r;

        if (!name || project->name)
                return 0;
        r = name_normalize_into(text_of(name->string), normalized);
        if (r < 0)
                return r;
        project->name = strdup(normalized);
        return project->name ? 0 : -ENOMEM;
}

static int load_all(int directory_fd, Project *project, Fault *fault) {
        int r;

        r = pyproject_load(directory_fd, project, fault);
        if (r < 0 && (r != -ENOENT || fault_is_set(fault)))
                return r;
        if (r > 0)
                project->source = PROJECT_PYPROJECT;

        r = load_requirements(directory_fd, project, fault);
        if (r < 0)
                return r;
        r = load_blast(directory_fd, project, fault);
        if (r < 0)
                return r;
        r = load_python_version(directory_fd, project, fault);
        if (r < 0)
                return r;

        return apply_settings(project);
}

int project_load(int directory_fd, Project *ret, Fault *fault) {
        _cleanup_project_ Project project = {};
        int r;

        if (directory_fd >= 0) {
                r = load_all(directory_fd, &project, fault);
                if (r < 0)
                        return r;
        }

        strings_sort(project.files);
        *ret = TAKE(project, (Project){});
        return 0;
}

static int
add_known(char *const *known,
          char *const *wanted,
          const char *what,
          char ***selected,
          Fault *fault) {
        int r;

        FOREACH_TEXT(name, wanted) {
                char normalized[NAME_SIZE_MAX];

                if (name_normalize_into(text_of(name), normalized) < 0 ||
                    !strings_contain(known, normalized))
                        return project_fail(
                                        fault,
                                        name,
                                        0,
                                        FAULT_PROJECT_INVALID,
                                        "The project has no %s '%s'.",
                                        what,
                                        name);
                if (strings_contain(*selected, normalized))
                        continue;
                r = strings_add(selected, normalized);
                if (r < 0)
                        return r;
        }

        return 0;
}

static bool
is_selected(const ProjectRequirement *requirement, char *const *extras, char *const *groups) {
        if (requirement->extra)
                return strings_contain(extras, requirement->extra);
        if (requirement->group)
                return strings_contain(groups, requirement->group);
        return true;
}

static bool is_self(const Project *project, const ProjectRequirement *requirement) {
        return project->name && streq(project->name, requirement->name);
}

/* Extras that the selected ones, or groups, ask of the project itself. */
static int close_extras(const Project *project, char *const *groups, char ***extras, Fault *fault) {
        size_t n_extras;
        int r;

        do {
                n_extras = strings_count(*extras);
                for (size_t i = 0; i < project->n_requirements; i++) {
                        const ProjectRequirement *requirement = &project->requirements[i];

                        if (!is_self(project, requirement) ||
                            !is_selected(requirement, *extras, groups))
                                continue;
                        r = add_known(project->extras, requirement->extras, "extra", extras, fault);
                        if (r < 0)
                                return r;
                }
        } while (strings_count(*extras) > n_extras);

        return 0;
}

int project_select(
                const Project *project,
                char *const *extras,
                char *const *groups,
                bool no_default_groups,
                ProjectSelection *ret,
                Fault *fault) {
        _cleanup_(strings_freep) char **all_extras = NULL, **all_groups = NULL;
        _cleanup_(freep) const ProjectRequirement **items = NULL;
        size_t n_items = 0;
        int r;

        r = add_known(project->extras, extras, "extra", &all_extras, fault);
        if (r < 0)
                return r;
        if (!no_default_groups) {
                r = strings_copy(project->default_groups, &all_groups);
                if (r < 0)
                        return r;
        }
        r = add_known(project->groups, groups, "dependency group", &all_groups, fault);
        if (r < 0)
                return r;
        r = close_extras(project, all_groups, &all_extras, fault);
        if (r < 0)
                return r;

        items = new0(const ProjectRequirement *, project->n_requirements + 1);
        if (!items)
                return -ENOMEM;
        for (size_t i = 0; i < project->n_requirements; i++)
                if (is_selected(&project->requirements[i], all_extras, all_groups) &&
                    !is_self(project, &project->requirements[i]))
                        items[n_items++] = &project->requirements[i];

        *ret = (ProjectSelection){ .items = TAKE_PTR(items), .n_items = n_items };
        return 0;
}
