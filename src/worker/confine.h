// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The walls of a parser worker, raised by itself from inside: no new privileges, no capabilities,
 * Landlock where the kernel has it, a seccomp allow list. What a role keeps is given as rules. */

#include "basic/macro.h"

/* Zero-initialised: nothing may be opened, no sockets, no writing. Descriptors that are already open
 * keep what they can do, but below a directory files can only be opened if it is named here. */
typedef struct ConfineRules {
        bool uses_network; /* sockets of INET, INET6, UNIX; the resolver's threads and plugins */
        bool writes_files; /* make, rename, remove and change below @writable_fds */
        bool makes_links;  /* hard links between @writable_fds */
        char **readable;   /* absolute paths of files or directories; absent ones are ignored */
        int *readable_fds; /* directories; borrowed */
        size_t n_readable_fds;
        size_t n_readable_allocated;
        int *writable_fds; /* directories; borrowed */
        size_t n_writable_fds;
        size_t n_writable_allocated;
} ConfineRules;

#define _cleanup_confine_rules_ _cleanup_(confine_rules_done)
void confine_rules_done(ConfineRules *rules);
_must_use_ int confine_allow_path(ConfineRules *rules, const char *path);
_must_use_ int confine_allow_reading(ConfineRules *rules, int directory_fd);
_must_use_ int confine_allow_writing(ConfineRules *rules, int directory_fd);

/* Raises all walls; there is no way back. Exec, fork, ptrace and the like give EPERM, what is not
 * known ENOSYS. @ret_has_landlock (may be NULL) says whether the kernel refuses opening by path.
 * Errors: any failure but the absence of Landlock; the caller must not go on. */
_must_use_ int confine(const ConfineRules *rules, bool *ret_has_landlock);
