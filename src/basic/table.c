// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Entries lie in one array in the order they were added; a second array of positions, a power of
 * two long and at most half full, is probed linearly by hash. A removed entry keeps its place as a
 * tombstone (key NULL) until the next growth packs the entries. Keys come from package indexes, so
 * the hash is SipHash-1-3 with a key drawn once per process: nobody outside can choose collisions.
 * Source: Aumasson, Bernstein: SipHash: a fast short-input PRF (2012).
 */

#include <sys/random.h>

#include "basic/memory.h"
#include "basic/table.h"

typedef struct Entry {
        const char *key; /* NULL: removed */
        void *value;
        uint64_t hash;
} Entry;

struct Table {
        Entry *entries;
        size_t n_entries; /* with tombstones */
        size_t n_allocated;
        size_t n_live;
        uint32_t *slots; /* 0: empty, else position + 1 */
        size_t n_slots;
};

#define ROTATE(value, bits) ((value) << (bits) | (value) >> (64 - (bits)))

static inline void sip_round(uint64_t v[static 4]) {
        v[0] += v[1];
        v[1] = ROTATE(v[1], 13) ^ v[0];
        v[0] = ROTATE(v[0], 32);
        v[2] += v[3];
        v[3] = ROTATE(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = ROTATE(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = ROTATE(v[1], 17) ^ v[2];
        v[2] = ROTATE(v[2], 32);
}

static const uint64_t *hash_key(void) {
        static uint64_t key[2];
        static bool is_drawn;

        if (!is_drawn) {
                /* Without entropy (very early boot) the table still works, only predictably. */
                (void) getrandom(key, sizeof(key), GRND_NONBLOCK);
                is_drawn = true;
        }
        return key;
}

static uint64_t hash_of(Text text) {
        const uint64_t *key = hash_key();
        uint64_t v[4] = {
                key[0] ^ 0x736f6d6570736575,
                key[1] ^ 0x646f72616e646f6d,
                key[0] ^ 0x6c7967656e657261,
                key[1] ^ 0x7465646279746573,
        };
        size_t i = 0;

        for (; i + 8 <= text.length; i += 8) {
                uint64_t word;
                memcpy(&word, text.data + i, 8);
                v[3] ^= word;
                sip_round(v);
                v[0] ^= word;
        }

        uint64_t last = (uint64_t) text.length << 56;
        if (i < text.length)
                memcpy(&last, text.data + i, text.length - i);
        v[3] ^= last;
        sip_round(v);
        v[0] ^= last;

        v[2] ^= 0xff;
        for (int n = 0; n < 3; n++)
                sip_round(v);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
}

Table *table_new(void) {
        return new0(Table, 1);
}

Table *table_free(Table *table) {
        if (!table)
                return NULL;

        free(table->entries);
        free(table->slots);
        free(table);
        return NULL;
}

/* The entry of @key, or NULL. */
static Entry *table_lookup(const Table *table, Text key, uint64_t hash) {
        if (!table || table->n_slots == 0)
                return NULL;

        for (size_t at = hash & (table->n_slots - 1); table->slots[at] != 0;
             at = (at + 1) & (table->n_slots - 1)) {
                Entry *entry = &table->entries[table->slots[at] - 1];
                if (entry->key && entry->hash == hash && text_equals_string(key, entry->key))
                        return entry;
        }
        return NULL;
}

static void table_fill_slot(Table *table, uint32_t position) {
        size_t at = table->entries[position].hash & (table->n_slots - 1);

        while (table->slots[at] != 0)
                at = (at + 1) & (table->n_slots - 1);
        table->slots[at] = position + 1;
}

/* Packs the entries and doubles the slots if they would be more than half full. */
static int table_grow(Table *table) {
        size_t n_slots = MAX(table->n_slots, (size_t) 16);

        while ((table->n_live + 1) * 2 > n_slots)
                n_slots *= 2;
        if (n_slots > UINT32_MAX / 2)
                return -ENOMEM;

        uint32_t *slots = new0(uint32_t, n_slots);
        if (!slots)
                return -ENOMEM;
        free(table->slots);
        table->slots = slots;
        table->n_slots = n_slots;

        size_t n = 0;
        for (size_t i = 0; i < table->n_entries; i++)
                if (table->entries[i].key)
                        table->entries[n++] = table->entries[i];
        table->n_entries = n;
        for (uint32_t i = 0; i < n; i++)
                table_fill_slot(table, i);
        return 0;
}

int table_put(Table *table, const char *key, void *value) {
        uint64_t hash = hash_of(text_of(key));
        Entry *entry = table_lookup(table, text_of(key), hash);
        int r;

        if (entry) {
                entry->value = value;
                return 0;
        }

        if ((table->n_entries + 1) * 2 > table->n_slots) {
                r = table_grow(table);
                if (r < 0)
                        return r;
        }
        r = ARRAY_RESERVE(table->entries, table->n_allocated, table->n_entries + 1);
        if (r < 0)
                return r;
        table->entries[table->n_entries] = (Entry){ key, value, hash };
        table_fill_slot(table, (uint32_t) table->n_entries);
        table->n_entries++;
        table->n_live++;
        return 0;
}

int table_add(Table *table, const char *key, void *value) {
        if (table_has(table, key))
                return -EEXIST;
        return table_put(table, key, value);
}

void *table_find_text(const Table *table, Text key) {
        if (!table || table->n_live == 0)
                return NULL;

        const Entry *entry = table_lookup(table, key, hash_of(key));
        return entry ? entry->value : NULL;
}

void *table_find(const Table *table, const char *key) {
        return table_find_text(table, text_of(key));
}

bool table_has(const Table *table, const char *key) {
        return table && table_lookup(table, text_of(key), hash_of(text_of(key)));
}

void *table_remove(Table *table, const char *key) {
        Entry *entry = table_lookup(table, text_of(key), hash_of(text_of(key)));

        if (!entry)
                return NULL;
        entry->key = NULL;
        table->n_live--;
        return TAKE_PTR(entry->value);
}

size_t table_count(const Table *table) {
        return table ? table->n_live : 0;
}

bool table_next(const Table *table, size_t *position, const char **ret_key, void **ret_value) {
        while (table && *position < table->n_entries) {
                const Entry *entry = &table->entries[(*position)++];
                if (!entry->key)
                        continue;
                *ret_key = entry->key;
                *ret_value = entry->value;
                return true;
        }
        return false;
}
