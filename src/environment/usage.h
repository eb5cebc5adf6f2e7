// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What can be said and done about a sandbox's resources without a service manager. */

#include <sys/types.h>

#include "basic/macro.h"
#include "environment/privilege.h"

/* One sentence why cgroup v2 cannot hold limits for us here (without PID 1 it never can yet). */
_must_use_ int limits_unavailable(char **ret);

/* Sums over process @pid and everything below it. Errors: -ESRCH. */
_must_use_ int limits_usage(pid_t pid, LimitUsage *ret);

/* The number behind a pidfd. Errors: -ESRCH it has ended. */
_must_use_ int pidfd_get_pid(int pidfd, pid_t *ret);
