// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A hash table from text to pointer that iterates in insertion order. Seeded SipHash, so that
 * hostile names cannot make it slow. Owns neither keys nor values. */

#include "basic/macro.h"
#include "basic/text.h"

typedef struct Table Table;

_must_use_ Table *table_new(void);
Table *table_free(Table *table);

/* Ownership: @key is borrowed and must live as long as the entry.
 * Errors: -EEXIST the key is present (value unchanged), -ENOMEM. */
_must_use_ int table_add(Table *table, const char *key, void *value);
/* Adds or replaces. Errors: -ENOMEM. */
_must_use_ int table_put(Table *table, const char *key, void *value);
void *table_find(const Table *table, const char *key);
void *table_find_text(const Table *table, Text key);
bool table_has(const Table *table, const char *key);
/* Returns the value that was there, or NULL. */
void *table_remove(Table *table, const char *key);
size_t table_count(const Table *table);

/* Iteration by position; removed entries are skipped. Returns false at the end. */
bool table_next(const Table *table, size_t *position, const char **ret_key, void **ret_value);

#define TABLE_FOREACH(table, key, value) \
        for (size_t _position_##key = 0; \
             table_next((table), &_position_##key, &(key), (void **) &(value));)

DEFINE_CLEANUP(Table, table_free)
