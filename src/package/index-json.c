// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * jansson builds the whole value (its nesting is bounded at 2048, its size by the caller's limit on the
 * page). Integers are read as doubles: exact up to 2^53, more than any file, and a hostile number of a
 * thousand digits is an entry without a size instead of a page that cannot be read. Wrong types of
 * known keys skip the entry, or refuse the page where they make all of it doubtful; unknown keys are
 * ignored, as PEP 691 demands. */

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "package/index-json.h"

static json_t *json_freep_value(json_t *value) {
        json_decref(value);
        return NULL;
}
DEFINE_CLEANUP(json_t, json_freep_value)

static int json_refuse(const IndexSource *source, Fault *fault, const char *what) {
        return fault_set(
                        fault,
                        -EBADMSG,
                        FAULT_INDEX_INVALID,
                        source->url,
                        "The index page of '%s' cannot be read: %s.",
                        source->name,
                        what);
}

/* PEP 658 and its two names, PEP 714: true, or a table of digests. The newest name wins. */
static void metadata_read(const json_t *entry, IndexLink *link) {
        static const char *const keys[] = {
                "core-metadata",
                "dist-info-metadata",
                "data-dist-info-metadata",
        };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                const json_t *value = json_object_get(entry, keys[i]);

                if (json_is_true(value))
                        link->has_metadata = true;
                else if (json_is_object(value)) {
                        link->has_metadata = true;
                        link->metadata_sha256 = json_string_value(json_object_get(value, "sha256"));
                } else
                        continue;
                return;
        }
}

static uint64_t size_read(const json_t *entry) {
        double size = json_number_value(json_object_get(entry, "size"));

        return isfinite(size) && size > 0 && size < 0x1p53 ? (uint64_t) size : 0;
}

/* A member that is a string or absent (null counts as absent); false when it is something else. */
static bool string_read(const json_t *entry, const char *key, const char **ret) {
        const json_t *value = json_object_get(entry, key);

        *ret = json_string_value(value);
        return !value || json_is_null(value) || json_is_string(value);
}

/* Returns the reason why the entry cannot be used, or NULL. */
static const char *entry_read(const json_t *entry, IndexLink *ret) {
        const json_t *yanked, *hashes;

        if (!string_read(entry, "url", &ret->href) ||
            !string_read(entry, "requires-python", &ret->requires_python))
                return "a value of it has the wrong type";
        (void) string_read(entry, "upload-time", &ret->upload_time);

        hashes = json_object_get(entry, "hashes");
        if (hashes && !json_is_object(hashes))
                return "its hashes have the wrong type";
        if (!string_read(hashes, "sha256", &ret->sha256))
                return "its hashes have the wrong type";

        yanked = json_object_get(entry, "yanked");
        /* "" counts as not yanked, as in pip. */
        if (json_is_string(yanked))
                ret->yanked = *json_string_value(yanked) ? json_string_value(yanked) : NULL;
        else if (json_is_true(yanked))
                ret->yanked = "";
        else if (yanked && !json_is_false(yanked) && !json_is_null(yanked))
                return "whether it is yanked cannot be told";

        ret->size_bytes = size_read(entry);
        metadata_read(entry, ret);
        return NULL;
}

static int
files_read(IndexCollector *collector,
           const IndexSource *source,
           const json_t *files,
           Fault *fault) {
        json_t *entry;
        size_t i;
        int r;

        json_array_foreach((json_t *) files, i, entry) {
                IndexLink link = {};
                const char *reason;

                link.filename = json_string_value(json_object_get(entry, "filename"));
                if (!link.filename)
                        return json_refuse(source, fault, "it has an entry without a file name");
                reason = entry_read(entry, &link);
                r = reason ? index_collector_skip(collector, &link, reason, fault)
                           : index_collector_add(collector, &link, fault);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int
head_read(IndexCollector *collector, const IndexSource *source, const json_t *page, Fault *fault) {
        const json_t *meta = json_object_get(page, "meta");
        const json_t *name = json_object_get(page, "name");
        const json_t *status = json_object_get(page, "project-status");
        int r;

        /* Without "meta" the page is taken for version 1.0, the only one that some mirrors know of. */
        if (meta && !json_is_object(meta))
                return json_refuse(source, fault, "its \"meta\" is not a table");
        if (meta) {
                const char *version = json_string_value(json_object_get(meta, "api-version"));
                r = index_collector_check_version(collector, version ?: "", fault);
                if (r < 0)
                        return r;
        }
        if (name && !json_is_string(name))
                return json_refuse(source, fault, "its \"name\" is not text");
        if (name && !index_name_matches(text_of(json_string_value(name)), source->name))
                return json_refuse(source, fault, "it is the page of another project");
        return index_collector_set_status(
                        collector,
                        json_string_value(json_object_get(status, "status")),
                        json_string_value(json_object_get(status, "reason")));
}

int index_json_read(
                IndexCollector *collector,
                const IndexSource *source,
                const void *data,
                size_t size_bytes,
                Fault *fault) {
        _cleanup_(json_freep_valuep) json_t *page = NULL;
        json_error_t error;
        const json_t *files;
        int r;

        page = json_loadb(data, size_bytes, JSON_DECODE_INT_AS_REAL, &error);
        if (!page && json_error_code(&error) == json_error_out_of_memory)
                return -ENOMEM;
        if (!page)
                return fault_set(
                                fault,
                                -EBADMSG,
                                FAULT_INDEX_INVALID,
                                source->url,
                                "The index page of '%s' is not valid JSON (line %d, column %d).",
                                source->name,
                                error.line,
                                error.column);
        if (!json_is_object(page))
                return json_refuse(source, fault, "it is not a table");
        r = head_read(collector, source, page, fault);
        if (r < 0)
                return r;
        files = json_object_get(page, "files");
        if (!json_is_array(files))
                return json_refuse(source, fault, "it has no list of files");
        return files_read(collector, source, files, fault);
}
