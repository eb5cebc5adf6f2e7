// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The pager that people read long output in. */

#include "client/show.h"

/* Starts it for what follows on stdout, as systemctl and git do ($BLAST_PAGER, $PAGER, less); nothing
 * where stdout is no terminal or --no-pager was given. */
void pager_open(Show *show);
/* Waits until the reader is done with it. */
void pager_close(void);
