// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The environments of one state directory: which project directory and name leads to which id and
 * where its files lie. Knows identity only; what is installed is environment/generation.h's.
 *
 * Identity (decision 17): a project is its directory (device, inode, time of birth) and its path.
 *   moved    same directory, other path, and the old path no longer leads there: follows, the record is updated
 *   two ways same directory, other path, the old path still leads there (bind mount): the same environment
 *   copied   other directory, other path: a new environment; so is every git worktree
 *   replaced other directory at the recorded path: a new environment, the old one is an orphan
 *   deleted  nothing at the recorded path: an orphan until it is collected
 *   reboot   same path, inode and birth, other device number: the same environment */

#include <sys/types.h>

#include "basic/fault.h"
#include "basic/macro.h"

enum {
        ENVIRONMENT_ID_SIZE = 17,
        ENVIRONMENT_NAME_MAX = 64,
        REGISTRY_FORMAT = 1
};

typedef struct Registry Registry;

/* Owned by the registry; valid until registry_remove() or registry_free(). */
typedef struct EnvironmentRecord {
        char id[ENVIRONMENT_ID_SIZE]; /* 16 hex digits, never changes */
        char *name;                   /* "" is the default environment of a project */
        char *project_path;           /* absolute, as the kernel says */
        char *path;                   /* absolute: <state>/environments/<id> */
        int directory_fd;             /* of @path */
        uint64_t device;
        uint64_t inode;
        uint64_t born_nsec;    /* birth of the project directory; 0: the file system does not say */
        uint64_t created_usec; /* CLOCK_REALTIME */
        uint32_t format;       /* newer than REGISTRY_FORMAT: known, but not to be touched */
} EnvironmentRecord;

/* Reads all records below @state_fd. Unfinished creations are swept, unreadable records are left alone
 * and counted (registry_count_unreadable()).
 * Ownership: @state_fd and @state_path are borrowed for the call. */
_must_use_ int registry_open(int state_fd, const char *state_path, Fault *fault, Registry **ret);
Registry *registry_free(Registry *registry);

/* The environment of an open directory, or none.
 * Errors: -ENOENT (FAULT_NO_ENVIRONMENT); -EINVAL a name or directory that cannot have one
 * (FAULT_USAGE, FAULT_PROJECT_INVALID); -EPROTONOSUPPORT (FAULT_FORMAT_TOO_NEW). */
_must_use_ int
registry_find(Registry *registry,
              int project_fd,
              const char *name,
              Fault *fault,
              EnvironmentRecord **ret);

/* The same, made if there is none; returns 1 if it was. Errors besides: -ENAMETOOLONG
 * (FAULT_PATH_TOO_LONG), those of writing the record. */
_must_use_ int
registry_ensure(Registry *registry,
                int project_fd,
                const char *name,
                Fault *fault,
                EnvironmentRecord **ret);

EnvironmentRecord *registry_get(const Registry *registry, const char *id);

/* Iteration by position, from 0. NULL at the end. */
EnvironmentRecord *registry_next(const Registry *registry, size_t *position);
size_t registry_count_unreadable(const Registry *registry);

/* Opens the project's directory again by its recorded path. Errors: -ENOENT it is gone or another
 * directory stands there: the environment is an orphan (FAULT_NO_ENVIRONMENT). */
_must_use_ int registry_open_project(const EnvironmentRecord *record, Fault *fault);

/* Takes the environment away with one rename and frees @record. The files, which may be many, lie
 * in <state>/environments/<ret_leftover> and are the caller's to remove (tree_remove_at() with
 * registry_get_fd()); after a crash they are found again among registry_get_leftovers(). */
_must_use_ int registry_remove(Registry *registry, EnvironmentRecord *record, char **ret_leftover);
/* Names below registry_get_fd() whose removal was interrupted before registry_open(). */
char *const *registry_get_leftovers(const Registry *registry);
int registry_get_fd(const Registry *registry); /* of <state>/environments */

DEFINE_CLEANUP(Registry, registry_free)
