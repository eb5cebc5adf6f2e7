// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Reads the HTML form of a simple-repository page (PEP 503) and find-links pages: a small strict
 * tokenizer, of which only anchors, <base> and <meta> matter. */

#include "package/index-collect.h"

/* Errors: those of index_page_parse(); -EBADMSG also for a page that ends inside a tag or comment. */
_must_use_ int
index_html_read(IndexCollector *collector,
                const IndexSource *source,
                const void *data,
                size_t size_bytes,
                Fault *fault);
