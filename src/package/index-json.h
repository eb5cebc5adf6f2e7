// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Reads the JSON form of a simple-repository page (PEP 691). */

#include "package/index-collect.h"

/* Errors: those of index_page_parse(). */
_must_use_ int
index_json_read(IndexCollector *collector,
                const IndexSource *source,
                const void *data,
                size_t size_bytes,
                Fault *fault);
