// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A generation: one numbered, never changed state of an environment, which looks from outside like
 * an ordinary venv. Staged beside the others, made durable, renamed, and chosen by one more rename
 * of `current`. Knows trees by id and directory only, nothing of wheels or locks.
 *
 * Files of generations/<n>/:
 *   pyvenv.cfg  bin/  and data files of wheels
 *   lib/                     absent until the copy for editors is complete, then by one rename
 *   .blast/record            GenerationRecord
 *   .blast/signature         what the inputs looked like (sync/signature.h); may be replaced
 *   .blast/stub/             first layer of site-packages: fresh, so that running finders look again
 *   .blast/upper .blast/work what is written to site-packages inside, of this generation only
 *   .blast/upper-bin .blast/work-bin   the same for bin/ */

#include "basic/digest.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/setting.h"

enum {
        GENERATION_FORMAT = 1,
        GENERATION_PATH_MAX = 4095,
        SHEBANG_MAX = 127, /* BINPRM_BUF_SIZE - 1 of kernels before 5.1; longer: the /bin/sh form */
};

#define GENERATION_CONTROL   ".blast"
#define GENERATION_STUB      ".blast/stub"
#define GENERATION_UPPER     ".blast/upper"
#define GENERATION_WORK      ".blast/work"
#define GENERATION_UPPER_BIN ".blast/upper-bin"
#define GENERATION_WORK_BIN  ".blast/work-bin"

typedef struct GenerationRecord {
        uint32_t number;
        uint32_t predecessor;  /* the generation that was current when it was made; 0: none */
        uint64_t created_usec; /* CLOCK_REALTIME */
        char *verb;            /* what made it: "sync", "install", … */
        char *project_path;
        char *project_name; /* the prompt */
        char *prefix;       /* <project>/.venv: sys.prefix inside and outside */
        char *python_path;
        char *python_version;   /* "3.11.2" */
        char *python_tag;       /* "cpython-311" */
        char *python_prefix;    /* base prefix of the interpreter */
        char *python_signature; /* device, inode, size and mtime of the interpreter's file */
        char *site_packages;    /* relative: "lib/python3.11/site-packages" */
        Digest *trees;          /* in the order of the lock */
        size_t n_trees;
        void *lock; /* packet of package/lock.h, opaque here */
        size_t lock_size;
        Settings settings; /* of the project's files */
        char **kept_requirements;
        char **carried;  /* top-level entries of the upper that came from the predecessor */
        char **warnings; /* start-up hooks of the trees and the like */
} GenerationRecord;

/* A console or gui script: imports @module and calls @function. */
typedef struct GenerationScript {
        char *name;
        char *module;
        char *function;
} GenerationScript;

/* What a tree brings besides site-packages. */
typedef struct GenerationTree {
        char name[DIGEST_HEX_SIZE]; /* directory of the tree beneath the store's */
        GenerationScript *scripts;
        size_t n_scripts;
        char *header_directory; /* below include/site/<python>/; NULL: brings no headers */
        char **data_scripts;    /* files of scripts/, their "#!python" line is rewritten */
        bool has_data;          /* data/ is copied over the prefix */
} GenerationTree;

typedef struct GenerationDraft {
        GenerationRecord record;
        GenerationTree *trees;
        size_t n_trees;
        void *signature;
        size_t signature_size;
} GenerationDraft;

void generation_record_done(GenerationRecord *record);
_must_use_ int
generation_record_encode(const GenerationRecord *record, void **ret, size_t *ret_size);
_must_use_ int generation_record_decode(const void *data, size_t size, GenerationRecord *ret);
void generation_draft_done(GenerationDraft *draft);
_must_use_ int generation_draft_encode(const GenerationDraft *draft, void **ret, size_t *ret_size);
_must_use_ int generation_draft_decode(const void *data, size_t size, GenerationDraft *ret);

/* Makes generations/<number> the current one by one rename, durably. Errors: -ENOENT
 * (FAULT_NO_GENERATION). */
_must_use_ int generation_choose(int directory_fd, uint32_t number, Fault *fault);

/* 0 if there is none yet. */
_must_use_ int generation_get_current(int directory_fd, uint32_t *ret_number);
/* Opens generations/<number>. Errors: -ENOENT (FAULT_NO_GENERATION). */
_must_use_ int generation_open(int directory_fd, uint32_t number, Fault *fault);
/* Errors: -ENOENT (FAULT_NO_GENERATION); -EPROTONOSUPPORT (FAULT_FORMAT_TOO_NEW); -EBADMSG. */
_must_use_ int
generation_load(int directory_fd, uint32_t number, Fault *fault, GenerationRecord *ret);

/* The numbers there are, ascending; @ret_n of them. */
_must_use_ int generation_list(int directory_fd, uint32_t **ret, size_t *ret_n);
/* Takes a generation out of sight by one rename; its files lie in generations/<ret_leftover> until
 * they are removed, or generation_sweep() does it. Errors: -EBUSY it is the current one. */
_must_use_ int generation_hide(int directory_fd, uint32_t number, char **ret_leftover);
/* Removes what interrupted staging and removals left. Blocks: for workers and tests. */
_must_use_ int generation_sweep(int directory_fd);
/* Whether there is something to sweep; cheap. */
bool generation_needs_sweep(int directory_fd);

/* Whether a generation's paths fit everywhere they are used. @path is the environment's directory.
 * Errors: -ENAMETOOLONG with FAULT_PATH_TOO_LONG. */
_must_use_ int generation_check_paths(const char *path, const char *project_path, Fault *fault);

/* Whether the copy for editors is complete: lib/ is there. */
bool generation_has_copy(int generation_fd);
