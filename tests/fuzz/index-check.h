// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What the fuzz targets of both forms of index pages assert. */

#include <assert.h>
#include <string.h>

#include "basic/fault.h"
#include "basic/text.h"
#include "package/index.h"
#include "package/url.h"

static inline void index_check_file(const IndexFile *file) {
        assert(file->filename[0] && file->filename[0] != '.' && !strchr(file->filename, '/'));
        assert(strlen(file->filename) <= INDEX_FILENAME_MAX);
        /* Pages that came over the network never lead to local files. */
        assert(url_has_scheme(file->url, "https") || url_has_scheme(file->url, "http"));
        assert(strlen(file->url) <= INDEX_URL_MAX);
        for (const char *c = file->url; *c; c++)
                assert(*c > 0x20 && *c < 0x7f);
        for (const char *c = file->requires_python ?: ""; *c; c++)
                assert(*c >= 0x20 && *c < 0x7f);
        for (const char *c = file->yanked ?: ""; *c; c++)
                assert((unsigned char) *c >= 0x20);
        assert(file->version.length > 0);
        assert((file->kind == INDEX_FILE_WHEEL) == (file->tags.length > 0));
}

static inline void index_check(const uint8_t *data, size_t size, const char *content_type) {
        const IndexSource source = {
                .name = "demo",
                .url = "https://index.example/simple/demo/",
                .content_type = content_type,
        };
        _cleanup_(index_page_freep) IndexPage *page = NULL, *again = NULL;
        _cleanup_fault_ Fault fault = { 0 };
        _cleanup_(freep) void *packet = NULL, *packet_again = NULL;
        size_t packet_size, packet_again_size;
        int r;

        r = index_page_parse(&source, data, size, &page, &fault);
        if (r < 0) {
                assert(fault_is_set(&fault) || r == -ENOMEM);
                return;
        }
        for (size_t i = 0; i < page->n_files; i++)
                index_check_file(page->files + i);
        if (index_page_encode(page, &packet, &packet_size) < 0)
                return;
        r = index_page_decode(packet, packet_size, &again);
        assert(r >= 0);
        r = index_page_encode(again, &packet_again, &packet_again_size);
        assert(r >= 0);
        assert(packet_size == packet_again_size);
        assert(memcmp(packet, packet_again, packet_size) == 0);
}
