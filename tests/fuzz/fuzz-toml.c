// SPDX-License-Identifier: LGPL-2.1-or-later

/* TOML: spans lie in the source and in each other, keys are found again; and an editor of what was
 * accepted writes what can be read. */

#include <assert.h>

#include "basic/fault.h"
#include "package/project-edit.h"
#include "package/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As deep as the parser allows. */
static void check_value(const TomlValue *value, size_t size) {
        assert(value->start <= value->end && value->end <= size);
        assert(value->depth <= TOML_DEPTH_MAX);

        if (value->type == TOML_ARRAY)
                for (size_t i = 0; i < value->array.n_items; i++)
                        check_value(value->array.items[i], size);
        if (value->type == TOML_TABLE)
                for (size_t i = 0; i < value->table.n_entries; i++) {
                        const TomlEntry *entry = value->table.entries[i];

                        assert(toml_find_entry(value, entry->name) == entry);
                        check_value(entry->value, size);
                }
}

static void check_edits(const uint8_t *data, size_t size) {
        const Text text = { (const char *) data, size };
        _cleanup_(freep) char *added = NULL, *removed = NULL;
        _cleanup_fault_ Fault fault = {}, second = {};
        int r;

        r = project_edit_add(PROJECT_EDIT_PYPROJECT, text, "p", "some-name>=1", &added, &fault);
        assert(r >= 0 || fault.code != FAULT_INTERNAL);
        r = project_edit_remove(PROJECT_EDIT_PYPROJECT, text, "some-name", &removed, &second);
        assert(r >= 0 || r == -ENOMEM || fault_is_set(&fault));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(toml_freep) TomlDocument *document = NULL;
        _cleanup_fault_ Fault fault = {};
        int r;

        r = toml_parse((const char *) data, size, "fuzz.toml", &document, &fault);
        if (r < 0) {
                assert(r == -ENOMEM || (fault_is_set(&fault) && !document));
                return 0;
        }

        check_value(toml_get_root(document), size);
        if (!memchr(data, '\0', size))
                check_edits(data, size);
        return 0;
}
