// SPDX-License-Identifier: LGPL-2.1-or-later

/* RECORD: what was read and is written again is read as the same. */

#include "basic/memory.h"
#include "package/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const Text input = { (const char *) data, size };
        _cleanup_(record_freep) Record *record = NULL, *again = NULL;
        _cleanup_builder_ Builder builder = {};
        _cleanup_(freep) char *text = NULL;
        _cleanup_fault_ Fault fault = {};

        if (record_parse(input, "fuzz.whl", &record, &fault) < 0) {
                assert(fault_is_set(&fault));
                return 0;
        }
        for (size_t i = 0; i < record_count(record); i++) {
                const RecordEntry *entry = record_get(record, i);

                record_add_line(&builder,
                                entry->path,
                                entry->has_digest ? &entry->digest : NULL,
                                entry->size_bytes);
        }
        if (builder_finish(&builder, &text) < 0)
                return 0;
        if (record_parse(text_of(text), "fuzz.whl", &again, NULL) < 0)
                abort();
        assert(record_count(again) == record_count(record));
        for (size_t i = 0; i < record_count(record); i++)
                assert(record_find(again, record_get(record, i)->path));
        return 0;
}
