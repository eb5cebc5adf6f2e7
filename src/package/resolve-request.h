// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What is asked of blast-resolve: a project, an interpreter and a wish in, a lock out. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/setting.h"
#include "package/fetch-request.h"
#include "package/lock.h"

typedef enum ResolveVerb {
        RESOLVE_SYNC, /* bring the lock up to date with the project; keep versions already locked */
        RESOLVE_ADD,  /* add @requirements to the project, then as SYNC */
        RESOLVE_REMOVE, /* take @requirements (names) out, then as SYNC */
        RESOLVE_UPDATE, /* forget the locked versions of @requirements (none: of all) */
        _RESOLVE_VERB_MAX,
        _RESOLVE_VERB_INVALID = -EINVAL,
} ResolveVerb;

/* What one interpreter says of itself (the output of python/blast/probe.py), as it was recorded. */
typedef struct InterpreterRecord {
        char *path;      /* as found by the search */
        char *signature; /* device, inode, size and mtime of the file */
        char *report;    /* JSON: version, markers, tags, prefixes; parsed only in workers */
} InterpreterRecord;

/* blast-resolve. Descriptors from WORKER_FD_FIRST: project directory (or /dev/null's absence: -1 is not
 * sent, see @has_project), metadata cache directory, socket to blast-fetch. */
typedef struct ResolveRequest {
        ResolveVerb verb;
        bool has_project;
        char *project_name;       /* the directory's, used when the project has no name */
        char **requirements;      /* PEP 508 texts (ADD), names (REMOVE, UPDATE) */
        char **kept_requirements; /* of an environment without a project file */
        char **groups;            /* dependency groups to include beside "dev" */
        char **extras;
        char *python;              /* "3.11", "/usr/bin/python3.11", NULL: as the project says */
        char **python_directories; /* where to look for pythonX.Y, in order */
        InterpreterRecord *interpreters;
        size_t n_interpreters;
        IndexSettings index;
        char *exclude_newer; /* RFC 3339; NULL: none */
        bool allow_prereleases;
        bool frozen; /* the lock as it is; a missing one is a fault */
        bool locked; /* a lock that is out of date is a fault */
        bool no_default_groups;
} ResolveRequest;

typedef enum ResolveOutcome {
        RESOLVE_SOLVED,
        RESOLVE_NEEDS_PROBE, /* @python_path must be probed and its record sent along */
        RESOLVE_FAULT,
        _RESOLVE_OUTCOME_MAX,
        _RESOLVE_OUTCOME_INVALID = -EINVAL,
} ResolveOutcome;

/* A file the client is to write into the project as the user. */
typedef struct ProjectFile {
        char *name; /* one component: "pylock.toml", "pyproject.toml", "requirements.txt" */
        char *text;
} ProjectFile;

typedef struct ResolveAnswer {
        ResolveOutcome outcome;
        Fault fault;
        char *project_name; /* normalised, as the project says or the directory's */
        char *python_path;
        char *python_version; /* "3.11.2" */
        char *python_tag;     /* cache tag: "cpython-311" */
        char *python_prefix;  /* base prefix, bound read-only into the sandbox */
        char *site_packages;  /* relative to the environment: "lib/python3.11/site-packages" */
        Settings settings;    /* of blast.toml and [tool.blast] */
        Lock *lock;
        ProjectFile *files;
        size_t n_files;
        char **kept_requirements; /* new value, for an environment without a project file */
        char **warnings;
        bool lock_was_current; /* pylock.toml was used as it stood */
        uint32_t n_decisions;  /* of the solver */
} ResolveAnswer;

void resolve_request_done(ResolveRequest *request);
_must_use_ int resolve_request_encode(const ResolveRequest *request, void **ret, size_t *ret_size);
_must_use_ int resolve_request_decode(const void *data, size_t size, ResolveRequest *ret);
void resolve_answer_done(ResolveAnswer *answer);
_must_use_ int resolve_answer_encode(const ResolveAnswer *answer, void **ret, size_t *ret_size);
_must_use_ int resolve_answer_decode(const void *data, size_t size, ResolveAnswer *ret);
