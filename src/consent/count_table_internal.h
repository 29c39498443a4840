/* A hash table of fixed rows, each begun by 16 bytes that are a keyed hash already: open addressing, at most 3/4 full. Nothing here locks. */
#ifndef COMITY_CONSENT_COUNT_TABLE_INTERNAL_H
#define COMITY_CONSENT_COUNT_TABLE_INTERNAL_H

#include "base/bytes.h"

enum { COUNT_KEY_SIZE = 16 };

/* Zeroed but for row_size and count_max, it is ready. */
struct count_table {
    uint8_t *rows;
    size_t row_size; /* with the key; a multiple of 8 */
    size_t capacity, count, count_max;
};
/* NULL: not there. A row lives until the next call that adds or removes. */
void *count_table_find(const struct count_table *table, const uint8_t key[COUNT_KEY_SIZE]);
/* The row, made zeroed if it was not there. NULL: no memory, or more than count_max. */
void *count_table_add(struct count_table *table, const uint8_t key[COUNT_KEY_SIZE]);
void count_table_remove(struct count_table *table, void *row);
/* Room for `count` rows more, so that adding them can't fail. False: as above. */
must_check bool count_table_reserve(struct count_table *table, size_t count);
/* Each row; a row may be changed, but none added or removed. */
void count_table_each(const struct count_table *table, void (*each)(void *context, void *row), void *context);
/* Drops those that `keep` says no to. False: no memory, and nothing dropped. */
bool count_table_sweep(struct count_table *table, bool (*keep)(void *context, const void *row), void *context);
void count_table_clear(struct count_table *table);

#endif
