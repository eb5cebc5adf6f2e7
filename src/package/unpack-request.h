// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What is asked of blast-unpack: a wheel in, a verified tree and its facts out. */

#include "basic/digest.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/packet.h"

/* blast-unpack: one wheel into one empty directory. Descriptors from WORKER_FD_FIRST: the wheel
 * (read-only), the staging directory. The tree is left read-only (0444, 0555) but for its top, with
 * the answer beside it as "facts", and on disk. The archive is mapped and large members are inflated
 * into their mapped files: as WorkerSpec.memory_max_bytes (address space) give
 * UNPACK_MEMORY_BYTES + the size of the wheel + @size_max_bytes. */
enum {
        UNPACK_FILES_MAX = 200000,
};
#define UNPACK_SIZE_MAX_BYTES (UINT64_C(4) << 30) /* of one tree */
#define UNPACK_MEMORY_BYTES   (UINT64_C(256) << 20)

typedef struct UnpackRequest {
        char *filename;
        Digest digest; /* checked again before anything is believed */
        uint64_t size_max_bytes;
        uint32_t n_files_max;
        bool is_flushed_later; /* the caller will: an empty MaterialiseRequest, once for many wheels */
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
