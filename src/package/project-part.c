// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <stdio.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "package/name.h"
#include "package/project-part.h"
#include "package/requirement.h"

int project_fail(
                Fault *fault,
                const char *file,
                uint32_t line,
                FaultCode code,
                const char *format,
                ...) {
        char sentence[1024], subject[512];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        (void) snprintf(subject, sizeof(subject), line > 0 ? "%s:%u" : "%s", file, line);

        /* What a file says ends on a terminal. */
        for (char *at = sentence; *at; at++)
                if (((unsigned char) *at < 0x20 && *at != '\n') || *at == 0x7f)
                        *at = '?';

        return fault_set(fault, -EINVAL, code, subject, "%s", sentence);
}

int project_warn(Project *project, const char *format, ...) {
        va_list arguments;
        char *sentence;
        int r;

        va_start(arguments, format);
        r = vasprintf(&sentence, format, arguments);
        va_end(arguments);
        if (r < 0)
                return -ENOMEM;

        return strings_consume(&project->warnings, sentence);
}

int project_replace_text(char **slot, const char *text) {
        char *copy = strdup(text);

        if (!copy)
                return -ENOMEM;
        free(*slot);
        *slot = copy;
        return 0;
}

int project_read_file(
                int directory_fd,
                const char *name,
                size_t size_max,
                char **ret,
                size_t *ret_size,
                Fault *fault) {
        int r;

        r = file_read_at(directory_fd, name, size_max, ret, ret_size);
        switch (r) {
        case -ELOOP:
                return project_fail(
                                fault,
                                name,
                                0,
                                FAULT_PROJECT_INVALID,
                                "The file is or lies behind a symbolic link, which is not followed.");
        case -EXDEV:
                return project_fail(
                                fault,
                                name,
                                0,
                                FAULT_PROJECT_INVALID,
                                "The file lies outside of the project directory.");
        case -EISDIR:
        case -EBADFD:
                return project_fail(
                                fault,
                                name,
                                0,
                                FAULT_PROJECT_INVALID,
                                "This is not a regular file.");
        case -EFBIG:
                return project_fail(
                                fault,
                                name,
                                0,
                                FAULT_PROJECT_INVALID,
                                "The file is larger than %zu MiB.",
                                size_max / (size_t) MEBIBYTE);
        case -EACCES:
                return project_fail(
                                fault, name, 0, FAULT_ACCESS_DENIED, "The file cannot be read.");
        default:
                return r;
        }
}

int project_normalize_name(
                const char *text,
                const char *file,
                uint32_t line,
                const char *what,
                char **ret,
                Fault *fault) {
        char name[NAME_SIZE_MAX], *copy;

        if (name_normalize_into(text_of(text), name) < 0)
                return project_fail(
                                fault,
                                file,
                                line,
                                FAULT_PROJECT_INVALID,
                                "'%s' is not a name for %s; letters, digits, '-', '_' and '.' make "
                                "one.",
                                text,
                                what);

        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

static int check_requirement(
                const char *text,
                const RequirementPlace *place,
                Arena *arena,
                const Requirement **ret,
                Fault *fault) {
        _cleanup_fault_ Fault reason = {};
        int r;

        r = requirement_parse(arena, text_of(text), ret, NULL, &reason);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return project_fail(
                                fault,
                                place->file,
                                place->line,
                                FAULT_PROJECT_SYNTAX,
                                "%s",
                                reason.message ?: "This is not a requirement.");
        if ((*ret)->url)
                return project_fail(
                                fault,
                                place->file,
                                place->line,
                                FAULT_PROJECT_INVALID,
                                "'%s' is asked for from a URL; only packages from an index can be "
                                "installed so far.",
                                (*ret)->name);
        if (place->is_constraint && (*ret)->n_extras > 0)
                return project_fail(
                                fault,
                                place->file,
                                place->line,
                                FAULT_PROJECT_INVALID,
                                "A constraint ('%s') cannot ask for extras.",
                                (*ret)->name);
        return 0;
}

static void requirement_done(ProjectRequirement *requirement) {
        free(requirement->text);
        free(requirement->name);
        free(requirement->origin);
        free(requirement->extra);
        free(requirement->group);
        strings_free(requirement->extras);
        strings_free(requirement->hashes);
}

static int fill_requirement(
                ProjectRequirement *requirement,
                const char *text,
                const Requirement *parsed,
                const RequirementPlace *place) {
        *requirement = (ProjectRequirement){
                .text = strdup(text),
                .name = strdup(parsed->name),
                .origin = string_format("%s:%u", place->file, place->line),
                .extra = place->extra ? strdup(place->extra) : NULL,
                .group = place->group ? strdup(place->group) : NULL,
                .is_constraint = place->is_constraint,
        };
        if (!requirement->text || !requirement->name || !requirement->origin ||
            (place->extra && !requirement->extra) || (place->group && !requirement->group))
                return -ENOMEM;
        if (strings_copy((char *const *) parsed->extras, &requirement->extras) < 0 ||
            strings_copy(place->hashes, &requirement->hashes) < 0)
                return -ENOMEM;

        return 0;
}

int project_add_requirement(
                Project *project,
                const char *text,
                const RequirementPlace *place,
                Fault *fault) {
        _cleanup_(arena_freep) Arena *arena = NULL;
        ProjectRequirement *requirement;
        const Requirement *parsed;
        int r;

        if (project->n_requirements >= PROJECT_REQUIREMENTS_MAX)
                return project_fail(
                                fault,
                                place->file,
                                place->line,
                                FAULT_LIMIT_EXCEEDED,
                                "The project has more than %d requirements.",
                                PROJECT_REQUIREMENTS_MAX);

        arena = arena_new();
        if (!arena)
                return -ENOMEM;
        r = check_requirement(text, place, arena, &parsed, fault);
        if (r < 0)
                return r;
        r = ARRAY_RESERVE(project->requirements, project->n_allocated, project->n_requirements + 1);
        if (r < 0)
                return r;

        requirement = &project->requirements[project->n_requirements];
        r = fill_requirement(requirement, text, parsed, place);
        if (r < 0) {
                requirement_done(requirement);
                *requirement = (ProjectRequirement){};
                return r;
        }

        project->n_requirements++;
        return 0;
}

int pyproject_fail_type(Fault *fault, const TomlValue *value, const char *key, const char *wanted) {
        return project_fail(
                        fault,
                        PYPROJECT,
                        value->line,
                        FAULT_PROJECT_INVALID,
                        "'%s' must be %s, not %s.",
                        key,
                        wanted,
                        value->type == TOML_STRING ? "this string"
                                                   : toml_type_to_string(value->type));
}

int pyproject_read_requirements(
                Project *project,
                const TomlValue *array,
                const char *key,
                const RequirementPlace *place,
                Fault *fault) {
        int r;

        for (size_t i = 0; i < array->array.n_items; i++) {
                const TomlValue *item = array->array.items[i];
                RequirementPlace here = *place;

                if (!toml_string(item))
                        return pyproject_fail_type(
                                        fault, item, key, "a list of requirements as strings");

                here.file = PYPROJECT;
                here.line = item->line;
                r = project_add_requirement(project, toml_string(item), &here, fault);
                if (r < 0)
                        return r;
        }

        return 0;
}

void project_done(Project *project) {
        for (size_t i = 0; i < project->n_requirements; i++)
                requirement_done(&project->requirements[i]);
        free(project->requirements);
        free(project->name);
        free(project->version);
        free(project->requires_python);
        free(project->requires_python_origin);
        free(project->python);
        free(project->python_origin);
        strings_free(project->extras);
        strings_free(project->groups);
        strings_free(project->default_groups);
        settings_done(&project->settings);
        free(project->index_url);
        strings_free(project->extra_index_urls);
        strings_free(project->find_links);
        strings_free(project->files);
        strings_free(project->warnings);
        *project = (Project){};
}
