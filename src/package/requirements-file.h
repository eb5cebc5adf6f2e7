// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* pip's requirements file: requirements, files it includes, and the few options that may stand in
 * it. Everything is read beneath one directory. Requirements are cut out of their lines but not
 * parsed: whoever uses one does that. */

#include "basic/macro.h"
#include "basic/text.h"

enum {
        REQUIREMENTS_SIZE_MAX = 4 * 1024 * 1024,
        REQUIREMENTS_FILES_MAX = 64,
        REQUIREMENTS_LINES_MAX = 100000,
};

typedef struct Fault Fault;

typedef struct RequirementsLine {
        char *text;    /* options and comment taken off */
        char *file;    /* relative to the directory */
        uint32_t line; /* the first of a continued line */
        char **hashes; /* "sha256:…" */
        bool is_constraint;
} RequirementsLine;

typedef struct RequirementsFile {
        RequirementsLine *lines;
        size_t n_lines;
        size_t n_allocated;
        char *index_url; /* NULL: not given; as written, credentials included */
        char **extra_index_urls;
        char **find_links;
        char **files; /* all that were read, in the order of reading */
        char **warnings;
        bool no_index;
        bool require_hashes;
        bool allow_prereleases;
} RequirementsFile;

#define _cleanup_requirements_file_ _cleanup_(requirements_file_done)
void requirements_file_done(RequirementsFile *file);

/* Reads @name beneath @directory_fd with everything it includes (-r, -c).
 * Errors: -ENOENT @name does not exist (no fault); -EINVAL a line that cannot be used, with a fault
 * PROJECT_SYNTAX or PROJECT_INVALID whose subject is "file:line"; -ELOOP files include each other;
 * -E2BIG over a limit; -ENOMEM.
 * Source: pip's requirements file format. */
_must_use_ int
requirements_file_load(int directory_fd, const char *name, RequirementsFile *ret, Fault *fault);
