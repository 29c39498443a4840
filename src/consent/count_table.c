#include "consent/count_table_internal.h"

#include <stdlib.h>

enum { CAPACITY_AT_FIRST = 64 };

static uint8_t *row_at(const struct count_table *table, size_t at)
{
    return table->rows + at * table->row_size;
}

/* Who has a hash of nothing but zeros would be lost: 1 in 2^128. */
static bool is_free(const uint8_t *row)
{
    static const uint8_t none[COUNT_KEY_SIZE];
    return memcmp(row, none, COUNT_KEY_SIZE) == 0;
}

static size_t home_of(const struct count_table *table, const uint8_t *key)
{
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    return hash & (table->capacity - 1);
}

/* Where the key is, or where it belongs. */
static size_t place_of(const struct count_table *table, const uint8_t *key)
{
    size_t at = home_of(table, key);
    while (!is_free(row_at(table, at)) && memcmp(row_at(table, at), key, COUNT_KEY_SIZE) != 0) {
        at = (at + 1) & (table->capacity - 1);
    }
    return at;
}

void *count_table_find(const struct count_table *table, const uint8_t key[COUNT_KEY_SIZE])
{
    if (table->capacity == 0) {
        return NULL;
    }
    uint8_t *row = row_at(table, place_of(table, key));
    return is_free(row) ? NULL : row;
}

static bool grow(struct count_table *table)
{
    struct count_table grown = *table;
    grown.capacity = table->capacity == 0 ? CAPACITY_AT_FIRST : table->capacity * 2;
    grown.rows = calloc(grown.capacity, grown.row_size);
    if (grown.rows == NULL) {
        return false;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        const uint8_t *row = row_at(table, i);
        if (!is_free(row)) {
            memcpy(row_at(&grown, place_of(&grown, row)), row, table->row_size);
        }
    }
    free(table->rows);
    *table = grown;
    return true;
}

bool count_table_reserve(struct count_table *table, size_t count)
{
    if (table->count_max - table->count < count) {
        return false;
    }
    while ((table->count + count) * 4 > table->capacity * 3) {
        if (!grow(table)) {
            return false;
        }
    }
    return true;
}

void *count_table_add(struct count_table *table, const uint8_t key[COUNT_KEY_SIZE])
{
    void *found = count_table_find(table, key);
    if (found != NULL) {
        return found;
    }
    if (table->count >= table->count_max || (table->count * 4 >= table->capacity * 3 && !grow(table))) {
        return NULL;
    }
    uint8_t *row = row_at(table, place_of(table, key));
    memcpy(row, key, COUNT_KEY_SIZE);
    table->count++;
    return row;
}

/* Those behind the gap move up, as far as their home allows. */
void count_table_remove(struct count_table *table, void *row)
{
    size_t mask = table->capacity - 1, gap = (size_t)((uint8_t *)row - table->rows) / table->row_size;
    for (size_t at = (gap + 1) & mask; !is_free(row_at(table, at)); at = (at + 1) & mask) {
        size_t home = home_of(table, row_at(table, at));
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            memcpy(row_at(table, gap), row_at(table, at), table->row_size);
            gap = at;
        }
    }
    memset(row_at(table, gap), 0, table->row_size);
    table->count--;
}

void count_table_each(const struct count_table *table, void (*each)(void *context, void *row), void *context)
{
    for (size_t i = 0; i < table->capacity; i++) {
        if (!is_free(row_at(table, i))) {
            each(context, row_at(table, i));
        }
    }
}

bool count_table_sweep(struct count_table *table, bool (*keep)(void *context, const void *row), void *context)
{
    struct count_table kept = *table;
    kept.rows = table->capacity == 0 ? NULL : calloc(table->capacity, table->row_size);
    kept.count = 0;
    if (kept.rows == NULL) {
        return table->capacity == 0;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        const uint8_t *row = row_at(table, i);
        if (!is_free(row) && keep(context, row)) {
            memcpy(row_at(&kept, place_of(&kept, row)), row, table->row_size);
            kept.count++;
        }
    }
    free(table->rows);
    *table = kept;
    return true;
}

void count_table_clear(struct count_table *table)
{
    free(table->rows);
    table->rows = NULL;
    table->capacity = 0;
    table->count = 0;
}
