// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What blastd asks of blast-resolve, blast-fetch and blast-unpack, and what they answer: plain values
 * with one encoder and one bounded decoder each. Linked into blastd, therefore parses nothing but
 * packets. Descriptors travel beside the packet, in the order given here. */

#include "basic/digest.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/packet.h"
#include "basic/setting.h"
#include "package/lock.h"

/* Descriptors of every worker: 3 = sealed request, 4 = socket (SEQPACKET) on which the sealed answer
 * is sent once (SCM_RIGHTS) and progress is told as small packets; then role-specific ones. */
enum {
        WORKER_FD_REQUEST = 3,
        WORKER_FD_ANSWER = 4,
        WORKER_FD_FIRST = 5
};

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

/* Where packages come from and how to ask. Resolved by the client from BLAST_*, UV_*, PIP_* and
 * files; when a caller without a client gives none, the defaults of the build. */
typedef struct IndexSettings {
        char *index_url;
        char **extra_index_urls;
        char **find_links;         /* directories and URLs with wheels */
        char *certificate_file;    /* PEM bundle; NULL: SSL_CERT_FILE, the system */
        uint32_t n_requests_max;   /* at once; 10 */
        uint32_t timeout_sec;      /* of one request; 30 */
        uint32_t n_retries;        /* 3 */
        uint64_t page_age_max_sec; /* an index page younger than this is not asked for again */
        bool verify_tls;
        bool offline;
} IndexSettings;

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

/* blast-fetch serves two kinds of callers over the same packets: blast-resolve (pages, metadata: the
 * body comes back as a sealed memfd) and blastd (wheels: the body is a file in the download directory,
 * its descriptor comes back read-only). Descriptors from WORKER_FD_FIRST: download directory, then
 * the socket that blast-resolve holds the other end of. Its WORKER_FD_REQUEST is an IndexSettings packet. */
typedef enum FetchKind {
        FETCH_PAGE,     /* index page; conditional when @etag is given */
        FETCH_METADATA, /* PEP 658 file, or the wheel itself for its METADATA */
        FETCH_WHEEL,    /* checked against @digest, kept as a file */
        _FETCH_KIND_MAX,
        _FETCH_KIND_INVALID = -EINVAL,
} FetchKind;

typedef struct FetchRequest {
        uint64_t id; /* chosen by the caller, repeated in the answer */
        FetchKind kind;
        char *url;
        char *etag; /* of the copy the caller has; NULL: none */
        char *last_modified;
        bool has_digest;
        Digest digest;
        uint64_t offset; /* a byte range: first byte, and how many; 0 and 0: all. With @length and */
        uint64_t length; /* no @offset_from_start the last @length bytes are asked for */
        bool offset_from_start;
        uint64_t size_max_bytes;
} FetchRequest;

typedef struct FetchAnswer {
        uint64_t id;
        Fault fault;     /* set: nothing else is */
        uint32_t status; /* HTTP: 200, 206, 304; file: 200 */
        char *url;       /* after redirects, without credentials */
        char *content_type;
        char *etag;
        char *last_modified;
        uint64_t max_age_sec;
        uint64_t size_bytes;
        uint64_t total_bytes; /* of the whole resource, where a range was given */
        Digest digest;
        bool has_body; /* one descriptor travels along */
} FetchAnswer;

/* A progress report that is not an answer: bytes so far of one transfer. */
typedef struct FetchProgress {
        uint64_t id;
        uint64_t done_bytes;
        uint64_t total_bytes;
} FetchProgress;

void index_settings_done(IndexSettings *settings);
_must_use_ int index_settings_copy(const IndexSettings *from, IndexSettings *ret);
_must_use_ int index_settings_encode(const IndexSettings *settings, void **ret, size_t *ret_size);
_must_use_ int index_settings_decode(const void *data, size_t size, IndexSettings *ret);
void fetch_request_done(FetchRequest *request);
_must_use_ int fetch_request_encode(const FetchRequest *request, void **ret, size_t *ret_size);
_must_use_ int fetch_request_decode(const void *data, size_t size, FetchRequest *ret);
void fetch_answer_done(FetchAnswer *answer);
_must_use_ int fetch_answer_encode(const FetchAnswer *answer, void **ret, size_t *ret_size);
_must_use_ int fetch_answer_decode(const void *data, size_t size, FetchAnswer *ret);
_must_use_ int fetch_progress_encode(const FetchProgress *progress, void **ret, size_t *ret_size);
/* Errors: -EBADMSG it is not a progress report. */
_must_use_ int fetch_progress_decode(const void *data, size_t size, FetchProgress *ret);

/* blast-unpack: one wheel into one empty directory. Descriptors from WORKER_FD_FIRST: the wheel
 * (read-only), the staging directory. */
typedef struct UnpackRequest {
        char *filename;
        Digest digest; /* checked again before anything is believed */
        uint64_t size_max_bytes;
        uint32_t n_files_max;
} UnpackRequest;

/* Facts of a tree that later stages need without parsing anything: kept beside it, as a packet. */
typedef struct ScriptEntry {
        char *name;     /* one component, from entry_points.txt */
        char *module;   /* "pkg.cli" */
        char *function; /* "main", dotted */
        bool is_gui;
} ScriptEntry;

typedef struct UnpackAnswer {
        Fault fault;
        char *name; /* normalised, from METADATA */
        char *version;
        ScriptEntry *scripts;
        size_t n_scripts;
        char **data_scripts; /* files of <name>.data/scripts, below "scripts/" of the tree */
        bool has_data;       /* "data/" exists in the tree: goes to the environment's prefix */
        bool has_headers;
        char **startup_hooks; /* .pth files, sitecustomize and the like: reported to the user */
        uint64_t n_files;
        uint64_t size_bytes;
} UnpackAnswer;

void unpack_request_done(UnpackRequest *request);
_must_use_ int unpack_request_encode(const UnpackRequest *request, void **ret, size_t *ret_size);
_must_use_ int unpack_request_decode(const void *data, size_t size, UnpackRequest *ret);
void unpack_answer_done(UnpackAnswer *answer);
_must_use_ int unpack_answer_encode(const UnpackAnswer *answer, void **ret, size_t *ret_size);
_must_use_ int unpack_answer_decode(const void *data, size_t size, UnpackAnswer *ret);
