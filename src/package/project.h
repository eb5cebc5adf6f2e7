// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What a project directory says it needs: its name, its Python, its requirements, its settings.
 *
 * Which file wins: requirements come from pyproject.toml if it has a [project] table or dependency
 * groups, else from requirements.txt, else there are none. With dynamic dependencies, which only a
 * build could tell, requirements.txt stands in for them. A file that is passed over is named in a
 * warning. blast.toml may stand beside either and gives only settings; a setting in
 * [tool.blast] of pyproject.toml and the same one in blast.toml: blast.toml wins (it is read last).
 * The Python wanted: .python-version, else env.python_version; requires-python bounds both. */

#include "basic/macro.h"
#include "basic/setting.h"
#include "basic/text.h"

enum {
        PROJECT_FILE_SIZE_MAX = 4 * 1024 * 1024,
        PROJECT_REQUIREMENTS_MAX = 20000
};

typedef struct Fault Fault;

typedef enum ProjectSource {
        PROJECT_NONE, /* no file names requirements */
        PROJECT_PYPROJECT,
        PROJECT_REQUIREMENTS,
        _PROJECT_SOURCE_MAX,
        _PROJECT_SOURCE_INVALID = -EINVAL,
} ProjectSource;

typedef struct ProjectRequirement {
        char *text;         /* PEP 508; known to parse, and to have no URL */
        char *name;         /* normalised, of what is required */
        char **extras;      /* normalised, of what is required */
        char *origin;       /* "pyproject.toml:12" */
        char *extra;        /* normalised name of the extra it belongs to, or NULL */
        char *group;        /* normalised name of the dependency group it belongs to, or NULL */
        char **hashes;      /* "sha256:…": only these files are accepted; NULL: any */
        bool is_constraint; /* bounds the versions but does not ask for the package */
} ProjectRequirement;

typedef struct Project {
        ProjectSource source;
        char *name;            /* normalised; NULL if no file names the project */
        char *version;         /* NULL if not given or dynamic */
        char *requires_python; /* a specifier set; NULL: any */
        char *requires_python_origin;
        char *python; /* the Python asked for: "3.11", a path; NULL: newest that satisfies */
        char *python_origin;
        ProjectRequirement *requirements;
        size_t n_requirements;
        size_t n_allocated;
        char **extras; /* normalised names that exist */
        char **groups; /* normalised names that exist */
        char **default_groups; /* those taken without being asked for: "dev" if it exists, or [tool.uv] default-groups */
        Settings settings; /* [tool.blast], then blast.toml */
        char *index_url;   /* from requirements.txt or [tool.uv]; NULL: not given */
        char **extra_index_urls;
        char **find_links;
        bool no_index;
        bool require_hashes;
        bool allow_prereleases; /* resolver.allow_prereleases, [tool.uv] prerelease, or --pre */
        bool has_dynamic_dependencies; /* [project] leaves them to a build */
        size_t n_groups_walked;        /* bounds what groups that include each other may cost */
        char **files;                  /* that were read, for the input digest, sorted */
        char **warnings;               /* sentences */
} Project;

#define _cleanup_project_ _cleanup_(project_done)
void project_done(Project *project);

/* Reads the project beneath @directory_fd (-EBADF: no directory, gives an empty project).
 * Errors: -EINVAL with a fault PROJECT_SYNTAX, PROJECT_UNKNOWN_KEY or PROJECT_INVALID whose subject
 * is "file:line"; -ELOOP, -E2BIG the same; errno of reading; -ENOMEM.
 * Source: PEP 621, 735; pip's requirements format; docs/settings.md. */
_must_use_ int project_load(int directory_fd, Project *ret, Fault *fault);

typedef struct ProjectSelection {
        const ProjectRequirement **items;
        size_t n_items;
} ProjectSelection;

/* The requirements that count: those of the project, of @extras, of @groups, and of the default
 * groups unless @no_default_groups. Requirements of the project on itself ("name[extra]") are
 * replaced by what the extra holds; a marker on such a requirement is not looked at.
 * Ownership: the caller frees @ret->items; what they point to stays the project's.
 * Errors: -EINVAL with a fault PROJECT_INVALID for an extra or group that does not exist; -ENOMEM. */
_must_use_ int
project_select(const Project *project,
               char *const *extras,
               char *const *groups,
               bool no_default_groups,
               ProjectSelection *ret,
               Fault *fault);
