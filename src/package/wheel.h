// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A wheel (PEP 427) as one verified value: its archive, what WHEEL, METADATA, RECORD and
 * entry_points.txt say, and where each file goes. Everything in it agrees, or there is no value. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "package/record.h"
#include "package/unpack-request.h"
#include "package/zip.h"

typedef struct Wheel Wheel;

/* The directories of a tree. */
typedef enum WheelScheme {
        WHEEL_SITE_PACKAGES, /* the root of the archive, and purelib and platlib of .data */
        WHEEL_SCRIPTS,
        WHEEL_DATA,
        WHEEL_HEADERS,
        WHEEL_NOWHERE, /* checked, and left out: bytecode, INSTALLER and what else is ours to write */
        _WHEEL_SCHEME_MAX,
        _WHEEL_SCHEME_INVALID = -EINVAL,
} WheelScheme;

typedef struct WheelFile {
        const ZipMember *member;
        const RecordEntry *record; /* NULL: RECORD itself and its signatures */
        WheelScheme scheme;
        const char *path; /* below the scheme's directory */
        bool is_executable;
} WheelFile;

/* Checks structure, names and lists; contents are checked when they are unpacked. @filename is what
 * the index called it. Ownership: @data is borrowed and must outlive the wheel.
 * Errors: -EBADMSG with FAULT_WHEEL_INVALID or FAULT_METADATA_INVALID; -E2BIG with
 * FAULT_LIMIT_EXCEEDED; -ENOMEM. Source: PyPA specification "Binary distribution format". Fuzzed:
 * tests/fuzz/fuzz-wheel.c. */
_must_use_ int
wheel_open(const void *data,
           size_t size_bytes,
           const char *filename,
           const ZipLimits *limits,
           Wheel **ret,
           Fault *fault);
Wheel *wheel_free(Wheel *wheel);

const char *wheel_get_name(const Wheel *wheel);        /* normalised */
const char *wheel_get_version(const Wheel *wheel);     /* normal form */
const char *wheel_get_subject(const Wheel *wheel);     /* the file name, for faults */
const char *wheel_get_information(const Wheel *wheel); /* "numpy-2.0.0.dist-info" */
Zip *wheel_get_zip(Wheel *wheel);
size_t wheel_count_files(const Wheel *wheel);
const WheelFile *wheel_get_file(const Wheel *wheel, size_t i);
/* Names of programs that entry_points.txt asks for, sorted. */
const ScriptEntry *wheel_get_scripts(const Wheel *wheel, size_t *ret_n_scripts);

/* "site-packages", "scripts", "data", "headers". */
const char *wheel_scheme_to_string(WheelScheme scheme);

/* Writes the files below @staging_fd, an empty directory, each checked against CRC-32 and the SHA-256
 * of RECORD in the pass that writes it, then INSTALLER and RECORD as installed. Files are left 0444
 * or 0555, directories 0555. Needs umask 0. Fills @ret but for its fault.
 * Errors: -EBADMSG with FAULT_WHEEL_INVALID or FAULT_HASH_MISMATCH; -ENOSPC, -EDQUOT with
 * FAULT_DISK_FULL; -EFBIG with FAULT_LIMIT_EXCEEDED. */
_must_use_ int wheel_unpack(Wheel *wheel, int staging_fd, UnpackAnswer *ret, Fault *fault);

DEFINE_CLEANUP(Wheel, wheel_free)
