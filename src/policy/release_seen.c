#include "policy/release_seen_internal.h"

#include <stdlib.h>

enum { SIZE_FIRST = 64 };

static bool make_tables(struct release_seen *seen, size_t size)
{
    seen->table = calloc(size, sizeof *seen->table);
    seen->order = malloc(size / 2 * sizeof *seen->order);
    seen->size = size;
    seen->count = 0;
    return seen->table != NULL && seen->order != NULL;
}

bool release_seen_make(struct release_seen *seen)
{
    *seen = (struct release_seen){ 0 };
    return make_tables(seen, SIZE_FIRST);
}

void release_seen_clear(struct release_seen *seen)
{
    free(seen->table);
    free(seen->order);
    *seen = (struct release_seen){ 0 };
}

uint64_t release_seen_open(struct release_seen *seen)
{
    return ++seen->objects * UINT64_C(0x9e3779b97f4a7c15); /* odd: no two objects get the same */
}

void release_seen_close(struct release_seen *seen, size_t count)
{
    while (seen->count > count) {
        seen->count--;
        seen->table[seen->order[seen->count]].high64 = 0;
    }
}

static size_t slot_of(const struct release_seen *seen, XXH128_hash_t key)
{
    size_t at = key.low64 & (seen->size - 1);
    while (seen->table[at].high64 != 0 && (seen->table[at].low64 != key.low64 || seen->table[at].high64 != key.high64)) {
        at = (at + 1) & (seen->size - 1);
    }
    return at;
}

static void put(struct release_seen *seen, size_t at, XXH128_hash_t key)
{
    seen->table[at] = key;
    seen->order[seen->count] = (uint32_t)at;
    seen->count++;
}

static bool grow(struct release_seen *seen)
{
    struct release_seen larger = { .objects = seen->objects };
    if (!make_tables(&larger, seen->size * 2)) {
        release_seen_clear(&larger);
        return false;
    }
    for (size_t i = 0; i < seen->count; i++) {
        XXH128_hash_t key = seen->table[seen->order[i]];
        put(&larger, slot_of(&larger, key), key);
    }
    struct release_seen smaller = *seen;
    *seen = larger;
    release_seen_clear(&smaller);
    return true;
}

bool release_seen_add(struct release_seen *seen, uint64_t object, XXH128_hash_t key, bool *is_new)
{
    key.low64 ^= object;
    key.high64 |= 1; /* never the mark of a free slot */
    if (seen->count == seen->size / 2 && !grow(seen)) {
        return false;
    }
    size_t at = slot_of(seen, key);
    *is_new = seen->table[at].high64 == 0;
    if (*is_new) {
        put(seen, at, key);
    }
    return true;
}
