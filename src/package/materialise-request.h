// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The second thing blast-unpack can be asked: to make real directories, which belong to their user, from
 * trees of the store. For editors, which know no overlays; and to flush staged trees to disk. */

#include "basic/digest.h"
#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/packet.h"

typedef enum LinkMode {
        LINK_CLONE, /* share blocks where the file system can (FICLONE), else copy */
        LINK_COPY,
        LINK_HARD, /* hard links; only by explicit wish: their owner can edit the store through them */
        _LINK_MODE_MAX,
        _LINK_MODE_INVALID = -EINVAL,
} LinkMode;

/* One directory whose content is merged into the destination. */
typedef struct MaterialiseItem {
        bool is_bytecode;  /* below bytecode/, else below trees/ */
        char *source;      /* "<64 hex>/site-packages"; an absent one is skipped */
        char *destination; /* below the destination directory; "": itself */
} MaterialiseItem;

/* Descriptors from WORKER_FD_FIRST: destination directory, trees/, bytecode/ (store_get_directory()). With
 * no items the file system of the destination is flushed and nothing else is done: once for many
 * wheels that were unpacked with @is_flushed_later. Files become 0644 or 0755 and directories 0755 of
 * the worker's uid, whatever they are in the store. What is there already stays: the destination is
 * new, and of two trees with one file the earlier item wins, as in the overlay. */
typedef struct MaterialiseRequest {
        MaterialiseItem *items;
        size_t n_items;
        LinkMode link_mode;
        bool is_flushed; /* syncfs() before the answer */
} MaterialiseRequest;

typedef struct MaterialiseAnswer {
        Fault fault;
        uint64_t n_files;
        uint64_t n_cloned; /* of them, with shared blocks */
        uint64_t n_linked;
        uint64_t size_bytes;
} MaterialiseAnswer;

/* Sent about ten times a second over WORKER_FD_ANSWER, without descriptors. */
typedef struct MaterialiseProgress {
        uint64_t n_items_done;
        uint64_t n_files_done;
        uint64_t done_bytes;
} MaterialiseProgress;

void materialise_request_done(MaterialiseRequest *request);
_must_use_ int
materialise_request_encode(const MaterialiseRequest *request, void **ret, size_t *ret_size);
/* Refuses paths that are absolute or hold "", "." or "..". Errors: -EBADMSG, also when it is another
 * kind of request. */
_must_use_ int materialise_request_decode(const void *data, size_t size, MaterialiseRequest *ret);
void materialise_answer_done(MaterialiseAnswer *answer);
_must_use_ int
materialise_answer_encode(const MaterialiseAnswer *answer, void **ret, size_t *ret_size);
_must_use_ int materialise_answer_decode(const void *data, size_t size, MaterialiseAnswer *ret);
_must_use_ int
materialise_progress_encode(const MaterialiseProgress *progress, void **ret, size_t *ret_size);
_must_use_ int materialise_progress_decode(const void *data, size_t size, MaterialiseProgress *ret);
