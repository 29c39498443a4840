/* A hash table that is filled once and then only read: open addressing, at most half full, made in an arena. */
#ifndef COMITY_DIRECTORY_TABLE_INTERNAL_H
#define COMITY_DIRECTORY_TABLE_INTERNAL_H

#include "base/arena.h"

struct table_slot {
    uint64_t hash;
    const void *value; /* NULL: free */
};
struct table {
    struct table_slot *slots;
    size_t mask;
};

typedef bool table_is_key(const void *value, const void *key);

/* With room for `count` values. False when memory is out. */
must_check bool table_init(struct table *t, struct arena *memory, size_t count);
/* The slot that holds the key's value, or the free one where it belongs. */
struct table_slot *table_find(const struct table *t, uint64_t hash, table_is_key *is_key, const void *key);

#endif
