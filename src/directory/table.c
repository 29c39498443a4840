#include "directory/table_internal.h"

bool table_init(struct table *t, struct arena *memory, size_t count)
{
    size_t size = 2;
    while (size / 2 < count) {
        if (size > SIZE_MAX / 2 / sizeof(struct table_slot)) {
            return false;
        }
        size *= 2;
    }
    t->slots = arena_take_zeroed(memory, size * sizeof *t->slots);
    t->mask = size - 1;
    return t->slots != NULL;
}

/* Ends, because at least half of the slots are free. */
struct table_slot *table_find(const struct table *t, uint64_t hash, table_is_key *is_key, const void *key)
{
    size_t at = (size_t)hash & t->mask;
    while (t->slots[at].value != NULL && (t->slots[at].hash != hash || !is_key(t->slots[at].value, key))) {
        at = (at + 1) & t->mask;
    }
    return &t->slots[at];
}
