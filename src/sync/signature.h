// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What the inputs of a resolution looked like, so that the next one can be left out: which of the project's
 * files there were, how the kernel described them, what they held, and the options. Kept beside each
 * generation. Comparing costs a handful of system calls and reads a file only where its description
 * changed. */

#include "basic/digest.h"
#include "basic/macro.h"
#include "package/request.h"

typedef struct Signature Signature;

/* Describes the project as it is now. Errors: those of reading the directory; -EFBIG a file larger than
 * 16 MiB. */
_must_use_ int signature_take(int project_fd, const ResolveRequest *wish, Signature **ret);
Signature *signature_free(Signature *signature);

/* @name will hold @text: what the caller is going to write after the job. */
_must_use_ int signature_expect(Signature *signature, const char *name, const char *text);

/* Returns 1 if everything is as it was, 2 if so, but descriptions were brought up to date (keep it again
 * to be as fast the next time), 0 if not. */
_must_use_ int signature_match(Signature *signature, int project_fd, const ResolveRequest *wish);

_must_use_ int signature_encode(const Signature *signature, void **ret, size_t *ret_size);
/* Errors: -EBADMSG, -EPROTONOSUPPORT, -ENOMEM. */
_must_use_ int signature_decode(const void *data, size_t size, Signature **ret);

/* <generation>/.blast/signature. Storing is atomic, but not durable: a lost one costs a resolution.
 * Errors of loading: -ENOENT, those of signature_decode(). */
_must_use_ int signature_store(int generation_fd, const Signature *signature);
_must_use_ int signature_load(int generation_fd, Signature **ret);

DEFINE_CLEANUP(Signature, signature_free)
