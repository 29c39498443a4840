/* The keys of all objects that are open, so that a repeated one is found: 16 bytes each, whatever their lengths, and no allocation a key. */
#ifndef COMITY_POLICY_RELEASE_SEEN_INTERNAL_H
#define COMITY_POLICY_RELEASE_SEEN_INTERNAL_H

#include <xxhash.h>

#include "base/bytes.h"

/*
 * One open-addressed table for all levels: a key's hash is mixed with the number of its object. Objects close in the order opposite to that of
 * their opening, and by then all keys that came later than an object's own are gone; so keys leave the table last in, first out, and taking one
 * out never breaks another's chain.
 */
struct release_seen {
    XXH128_hash_t *table; /* high64 0: free */
    uint32_t *order;      /* the slots, as they were filled */
    size_t count;
    size_t size; /* a power of two; at most half of it is filled */
    uint64_t objects;
};

must_check bool release_seen_make(struct release_seen *seen);
void release_seen_clear(struct release_seen *seen);
/* A new object's number. */
uint64_t release_seen_open(struct release_seen *seen);
/* Takes out all keys that came when there were more than `count`. */
void release_seen_close(struct release_seen *seen, size_t count);
/* `*is_new` false: this object has the key already. False when memory is out. */
must_check bool release_seen_add(struct release_seen *seen, uint64_t object, XXH128_hash_t key, bool *is_new);

#endif
