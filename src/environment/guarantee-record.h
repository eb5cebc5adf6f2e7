// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The guarantees of an environment's last run, kept beside it so that they are known when the daemon has
 * left and come again. Only a report: what is enforced does not depend on it. */

#include "environment/guarantee.h"

/* Replaces <directory>/guarantees. Not flushed: a crash may lose it, and then nothing is known. */
_must_use_ int guarantee_record_store(int directory_fd, const Guarantees *guarantees);
/* Errors: -ENOENT nothing has run yet; -EBADMSG, -EPROTONOSUPPORT it cannot be read. */
_must_use_ int guarantee_record_load(int directory_fd, Guarantees *ret);
