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

bool release_seen_make(struct release_seen *seen, const struct name_secret *secret)
{
    *seen = (struct release_seen){ .secret = *secret };
    return make_tables(seen, SIZE_FIRST);
}

void release_seen_clear(struct release_seen *seen)
{
    free(seen->table);
    free(seen->order);
    seen->table = NULL;
    seen->order = NULL;
}

bool release_seen_grow(struct release_seen *seen)
{
    struct release_seen larger = *seen;
    if (!make_tables(&larger, seen->size * 2)) {
        release_seen_clear(&larger);
        return false;
    }
    for (size_t i = 0; i < seen->count; i++) {
        struct name_id key = seen->table[seen->order[i]];
        size_t at = release_seen_slot(&larger, key);
        larger.table[at] = key;
        larger.order[larger.count] = (uint32_t)at;
        larger.count++;
    }
    release_seen_clear(seen);
    *seen = larger;
    return true;
}
