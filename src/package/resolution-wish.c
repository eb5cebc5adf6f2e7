// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>
#include <time.h>

#include "basic/file.h"
#include "package/name.h"
#include "package/project-edit.h"
#include "package/resolution-internal.h"

/* What is asked for: the requirements of the project, of its extras and groups, what the command line adds
 * and takes away, and the digest of all that. */

static int add_wish(Resolution *resolution, const Wish *wish) {
        int r;

        r =
                        ARRAY_RESERVE(resolution->wishes,
                                      resolution->n_wishes_allocated,
                                      resolution->n_wishes + 1);
        if (r < 0)
                return r;
        resolution->wishes[resolution->n_wishes++] = *wish;
        return 0;
}

static int read_requirement(
                Resolution *resolution,
                const char *text,
                const char *origin,
                const Requirement **ret) {
        _cleanup_fault_ Fault fault = { 0 };
        int r;

        r = requirement_parse(resolution->arena, text_of(text), ret, NULL, &fault);
        if (r >= 0 || r == -ENOMEM)
                return r;
        return fault_set(
                        resolution->fault,
                        r,
                        origin ? FAULT_PROJECT_SYNTAX : FAULT_USAGE,
                        origin ? origin : text,
                        "%s",
                        fault.message ? fault.message : "The requirement cannot be read.");
}

static int read_project_wishes(Resolution *resolution) {
        const ResolveRequest *request = resolution->request;
        ProjectSelection selection = { .items = NULL };
        _cleanup_(freep) const ProjectRequirement **items = NULL;
        int r;

        r =
                        project_select(&resolution->project,
                                       request->extras,
                                       request->groups,
                                       request->no_default_groups,
                                       &selection,
                                       resolution->fault);
        if (r < 0)
                return r;
        items = selection.items;
        for (size_t i = 0; i < selection.n_items; i++) {
                const ProjectRequirement *item = items[i];
                Wish wish = {
                        .origin = item->origin,
                        .hashes = item->hashes,
                        .is_constraint = item->is_constraint,
                        .is_main = !item->extra && !item->group && !item->is_constraint,
                };

                r = read_requirement(resolution, item->text, item->origin, &wish.requirement);
                if (r >= 0)
                        r = add_wish(resolution, &wish);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_kept_wishes(Resolution *resolution) {
        FOREACH_TEXT(text, resolution->request->kept_requirements) {
                Wish wish = { .is_main = true };
                int r;

                r = read_requirement(resolution, text, NULL, &wish.requirement);
                if (r >= 0)
                        r = add_wish(resolution, &wish);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Takes out the project's own requirements named @name; only those with the same marker as another one, if
 * that is given. Returns how many. */
static size_t
take_out(Resolution *resolution, const char *name, const Requirement *same_marker_as) {
        size_t n_kept = 0, n = resolution->n_wishes;

        for (size_t i = 0; i < n; i++) {
                const Wish *wish = &resolution->wishes[i];
                bool is_it = wish->is_main && streq(wish->requirement->name, name);

                if (is_it && same_marker_as) {
                        const Marker *a = wish->requirement->marker, *b = same_marker_as->marker;

                        is_it = a && b ? marker_equals(a, b) : a == b;
                }
                if (!is_it)
                        resolution->wishes[n_kept++] = *wish;
        }
        resolution->n_wishes = n_kept;
        return n - n_kept;
}

static int add_requested(Resolution *resolution) {
        FOREACH_TEXT(text, resolution->request->requirements) {
                Wish wish = { .is_main = true, .is_added = true };
                int r;

                r = read_requirement(resolution, text, NULL, &wish.requirement);
                if (r < 0)
                        return r;
                (void) take_out(resolution, wish.requirement->name, wish.requirement);
                r = add_wish(resolution, &wish);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int remove_requested(Resolution *resolution) {
        FOREACH_TEXT(text, resolution->request->requirements) {
                char name[NAME_SIZE_MAX];

                if (name_normalize_into(text_of(text), name) < 0)
                        return fault_set(
                                        resolution->fault,
                                        -EINVAL,
                                        FAULT_USAGE,
                                        text,
                                        "'%s' is not the name of a package.",
                                        text);
                if (take_out(resolution, name, NULL) == 0)
                        return fault_set(
                                        resolution->fault,
                                        -ENOENT,
                                        FAULT_NOT_INSTALLED,
                                        text,
                                        "The project does not ask for '%s' itself.",
                                        text);
        }
        return 0;
}

int resolution_read_wishes(Resolution *resolution) {
        int r;

        r = resolution->project.source == PROJECT_NONE ? read_kept_wishes(resolution)
                                                       : read_project_wishes(resolution);
        if (r < 0)
                return r;
        if (resolution->request->verb == RESOLVE_ADD)
                return add_requested(resolution);
        if (resolution->request->verb == RESOLVE_REMOVE)
                return remove_requested(resolution);
        return 0;
}

static int add_line(char ***lines, const Wish *wish) {
        _cleanup_builder_ Builder builder = { 0 };
        char *line;
        int r;

        builder_add(&builder, wish->is_constraint ? "constraint " : "need ");
        requirement_add_to(&builder, wish->requirement);
        FOREACH_TEXT(hash, wish->hashes)
                builder_add_format(&builder, " %s", hash);
        r = builder_finish(&builder, &line);
        return r < 0 ? r : strings_consume(lines, line);
}

static int add_urls(char ***lines, const char *kind, char *const *urls) {
        FOREACH_TEXT(url, urls) {
                int r;

                r = strings_consume(lines, string_format("%s %s", kind, url));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* One line per thing that matters, so that order and spelling in files do not. */
static int list_inputs(const Resolution *resolution, char ***ret) {
        _cleanup_(strings_freep) char **lines = NULL;
        const char *requires = resolution->project.requires_python;
        int r;

        for (size_t i = 0; i < resolution->n_wishes; i++) {
                r = add_line(&lines, &resolution->wishes[i]);
                if (r < 0)
                        return r;
        }
        r = add_urls(&lines, "index", resolution->index_urls);
        if (r >= 0)
                r = add_urls(&lines, "links", resolution->find_links);
        if (r >= 0)
                r = strings_consume(
                                &lines,
                                string_format("requires-python %s", requires ? requires : ""));
        if (r >= 0 && resolution->allow_prereleases)
                r = strings_add(&lines, "prereleases");
        if (r >= 0 && resolution->request->exclude_newer)
                r =
                                strings_consume(&lines,
                                                string_format("exclude-newer %s",
                                                              resolution->request->exclude_newer));
        if (r < 0)
                return r;
        strings_sort(lines);
        *ret = TAKE_PTR(lines);
        return 0;
}

int resolution_digest(const Resolution *resolution, Digest *ret) {
        _cleanup_(strings_freep) char **lines = NULL;
        _cleanup_(hasher_freep) Hasher *hasher = hasher_new();
        const char *last = "blast input 1";
        int r;

        if (!hasher)
                return -ENOMEM;
        r = list_inputs(resolution, &lines);
        if (r >= 0)
                r = hasher_add(hasher, last, strlen(last) + 1);
        FOREACH_TEXT(line, lines) {
                /* What is written twice is asked for once. */
                if (r >= 0 && !streq(line, last))
                        r = hasher_add(hasher, line, strlen(line) + 1);
                last = line;
        }
        return r < 0 ? r : hasher_finish(hasher, ret);
}

int resolution_bound_added(Resolution *resolution, const Lock *lock) {
        for (size_t i = 0; i < resolution->n_wishes; i++) {
                Wish *wish = &resolution->wishes[i];
                const LockPackage *package = lock_find(lock, wish->requirement->name);
                _cleanup_builder_ Builder builder = { 0 };
                const Version *version;
                int r;

                if (!wish->is_added || wish->requirement->url || !package ||
                    wish->requirement->specifiers.n_items > 0)
                        continue;
                r = version_parse(resolution->arena, text_of(package->version), &version);
                if (r < 0)
                        return r;
                builder_add(&builder, wish->requirement->name);
                for (size_t k = 0; k < wish->requirement->n_extras; k++)
                        builder_add_format(
                                        &builder,
                                        "%s%s",
                                        k == 0 ? "[" : ",",
                                        wish->requirement->extras[k]);
                builder_add(&builder, wish->requirement->n_extras > 0 ? "]>=" : ">=");
                version_add_public(&builder, version);
                if (wish->requirement->marker) {
                        builder_add(&builder, " ; ");
                        marker_add_to(&builder, wish->requirement->marker);
                }
                if (builder.failed)
                        return -ENOMEM;
                r = read_requirement(resolution, builder.data, NULL, &wish->requirement);
                if (r < 0)
                        return r;
        }
        return 0;
}

int resolution_add_file(ResolveAnswer *answer, const char *name, char *text) {
        ProjectFile *files = realloc(answer->files, (answer->n_files + 1) * sizeof(*files));

        if (!files) {
                free(text);
                return -ENOMEM;
        }
        answer->files = files;
        files[answer->n_files] = (ProjectFile){ string_format("%s", name), text };
        return files[answer->n_files++].name ? 0 : -ENOMEM;
}

/* Applies one change to @text, in place. Returns 1 if it changed. */
static int edit(Resolution *resolution,
                ProjectEditKind kind,
                const Wish *added,
                const char *removed,
                char **text) {
        _cleanup_builder_ Builder builder = { 0 };
        char *changed = NULL;
        int r;

        if (added) {
                requirement_add_to(&builder, added->requirement);
                if (builder.failed)
                        return -ENOMEM;
                r = project_edit_add(
                                kind,
                                text_of(*text),
                                resolution->answer->project_name,
                                builder.data,
                                &changed,
                                resolution->fault);
        } else
                r = project_edit_remove(kind, text_of(*text), removed, &changed, resolution->fault);
        if (r < 0)
                return r;
        free(*text);
        *text = changed;
        return r;
}

static int edit_file(Resolution *resolution) {
        bool is_pyproject = resolution->project.source == PROJECT_PYPROJECT;
        ProjectEditKind kind = is_pyproject ? PROJECT_EDIT_PYPROJECT : PROJECT_EDIT_REQUIREMENTS;
        const char *name = is_pyproject ? "pyproject.toml" : "requirements.txt";
        _cleanup_(freep) char *text = NULL;
        bool has_changed = false;
        size_t size;
        int r;

        r = file_read_at(resolution->input->project_fd, name, PROJECT_FILE_SIZE_MAX, &text, &size);
        if (r < 0)
                return fault_set(
                                resolution->fault,
                                r,
                                fault_code_from_errno(r),
                                name,
                                "Cannot read %s: %s.",
                                name,
                                strerror(-r));
        for (size_t i = 0; i < resolution->n_wishes; i++) {
                if (!resolution->wishes[i].is_added)
                        continue;
                r = edit(resolution, kind, &resolution->wishes[i], NULL, &text);
                if (r < 0)
                        return r;
                has_changed = has_changed || r > 0;
        }
        if (resolution->request->verb == RESOLVE_REMOVE)
                FOREACH_TEXT(removed, resolution->request->requirements) {
                        r = edit(resolution, kind, NULL, removed, &text);
                        if (r < 0)
                                return r;
                        has_changed = has_changed || r > 0;
                }
        return has_changed ? resolution_add_file(resolution->answer, name, TAKE_PTR(text)) : 0;
}

static int keep_requirements(Resolution *resolution) {
        for (size_t i = 0; i < resolution->n_wishes; i++) {
                _cleanup_builder_ Builder builder = { 0 };
                char *text;
                int r;

                requirement_add_to(&builder, resolution->wishes[i].requirement);
                r = builder_finish(&builder, &text);
                if (r >= 0)
                        r = strings_consume(&resolution->answer->kept_requirements, text);
                if (r < 0)
                        return r;
        }
        return 0;
}

int resolution_edit_project(Resolution *resolution) {
        ResolveVerb verb = resolution->request->verb;

        if (resolution->project.source == PROJECT_NONE)
                return keep_requirements(resolution);
        if (verb != RESOLVE_ADD && verb != RESOLVE_REMOVE)
                return 0;
        return edit_file(resolution);
}

/* "7 days", "12 hours", "2 weeks". */
static int parse_age(const char *text, int64_t now_usec, int64_t *ret_usec) {
        static const struct {
                const char *unit;
                int64_t seconds;
        } units[] = { { "hour", 3600 }, { "day", 86400 }, { "week", 7 * 86400 } };
        char *end;
        long long n = strtoll(text, &end, 10);

        if (end == text || n < 0 || n > 100000)
                return -EINVAL;
        end += strspn(end, " ");
        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                const char *rest = string_after(end, units[i].unit);

                if (!rest || (!streq(rest, "") && !streq(rest, "s")))
                        continue;
                *ret_usec = now_usec - n * units[i].seconds * (int64_t) USEC_PER_SEC;
                return 0;
        }
        return -EINVAL;
}

int resolution_parse_time(const char *text, int64_t now_usec, int64_t *ret_usec) {
        struct tm time = { 0 };
        int hours = 0, minutes = 0;
        int64_t seconds;
        const char *rest;
        char sign = 0;

        rest = strptime(text, "%Y-%m-%d", &time);
        if (!rest)
                return parse_age(text, now_usec, ret_usec);
        if (*rest == 'T' || *rest == 't' || *rest == ' ') {
                rest = strptime(rest + 1, "%H:%M:%S", &time);
                if (!rest)
                        return -EINVAL;
                if (*rest == '.')
                        rest += 1 + strspn(rest + 1, "0123456789");
                if (*rest == 'Z' || *rest == 'z')
                        rest++;
                else if (sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) == 3 &&
                         (sign == '+' || sign == '-'))
                        rest += 6;
        }
        if (*rest)
                return -EINVAL;
        seconds = timegm(&time) - (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
        *ret_usec = seconds * (int64_t) USEC_PER_SEC;
        return 0;
}
