// SPDX-License-Identifier: LGPL-2.1-or-later

/* Versions, clauses, wheel names and ranges: what was accepted can be written, read back and is the
 * same; the two ways to ask for membership agree. Input: lines; each is tried against all others. */

#include <assert.h>

#include "package/name.h"
#include "package/range.h"
#include "package/specifier.h"
#include "package/tag.h"
#include "package/version.h"

enum {
        LINES_MAX = 16
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Version *check_version(Arena *arena, Text text) {
        const Version *version, *again;

        if (version_parse(arena, text, &version) < 0)
                return NULL;
        /* The normal form may be longer than the bound of the text. */
        if (version_parse(arena, text_of(version->text), &again) >= 0) {
                assert(version_equals(version, again));
                assert(streq(version->text, again->text));
        }
        return version;
}

static void check_membership(Arena *arena, Text text, const Version *const *versions, size_t n) {
        SpecifierSet set;
        Range range, complement;

        if (specifier_set_parse(arena, text, &set, NULL, NULL) < 0)
                return;
        for (size_t i = 0; i < set.n_items; i++)
                if (set.items[i].operator== SPECIFIER_ARBITRARY)
                        return; /* compares texts, the range versions */
        if (range_of_specifiers(arena, &set, &range) < 0)
                return;
        complement = range_complement(range);
        for (size_t i = 0; i < n; i++) {
                bool is_member = range_contains(range, versions[i]);

                assert(is_member == specifier_set_contains(&set, versions[i]));
                assert(is_member != range_contains(complement, versions[i]));
        }
        if (range_intersection(arena, range, complement, &complement) >= 0)
                assert(range_is_empty(complement));
}

static void check_names(Arena *arena, Text text) {
        _cleanup_fault_ Fault fault = {};
        const WheelName *wheel;
        const SourceName *source;
        char name[NAME_SIZE_MAX];

        if (name_normalize_into(text, name) >= 0)
                assert(name_is_normalized(text_of(name)));
        if (wheel_name_parse(arena, text, &wheel, &fault) >= 0)
                assert(!memchr(text.data, '/', text.length));
        if (source_name_parse(arena, text, &source, &fault) >= 0)
                assert(source->version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(arena_freep) Arena *arena = arena_new();
        Text rest = { (const char *) data, size }, line, lines[LINES_MAX];
        const Version *versions[LINES_MAX];
        size_t n_lines = 0, n_versions = 0;

        if (!arena || size == 0)
                return 0;
        while (n_lines < LINES_MAX && text_cut(&rest, '\n', &line))
                lines[n_lines++] = line;
        for (size_t i = 0; i < n_lines; i++) {
                versions[n_versions] = check_version(arena, lines[i]);
                n_versions += versions[n_versions] != NULL;
        }
        for (size_t i = 0; i < n_versions; i++)
                for (size_t j = 0; j < n_versions; j++)
                        assert(version_compare(versions[i], versions[j]) ==
                               -version_compare(versions[j], versions[i]));
        for (size_t i = 0; i < n_lines; i++) {
                check_membership(arena, lines[i], versions, n_versions);
                check_names(arena, lines[i]);
        }
        return 0;
}
