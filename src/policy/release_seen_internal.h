/* The keys of all objects that are open, so that a repeated one is found: 16 bytes each, whatever their lengths, and no allocation a key. */
#ifndef COMITY_POLICY_RELEASE_SEEN_INTERNAL_H
#define COMITY_POLICY_RELEASE_SEEN_INTERNAL_H

#include <endian.h>

#include <xxhash.h>

#include "base/bytes.h"

/*
 * What a name is known by. Up to 15 bytes it is the name itself and its size, so that no two of them are taken for one; longer ones are hashed to
 * 120 bits. The secret makes where it stands in a table nobody's choice; it is from the kernel.
 */
struct name_id {
    uint64_t low, high; /* high is never 0 */
};
struct name_secret {
    uint64_t first, second;
};
enum { NAME_ID_EXACT_MAX = 15 };

static inline struct name_id name_id_of_hash(struct bytes name, const struct name_secret *secret)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(name.data, name.size, secret->first);
    return (struct name_id){ .low = hash.low64, .high = hash.high64 | UINT64_C(0xff) << 56 };
}

/* `readable`: how many bytes may be read from name.data on. */
static inline struct name_id name_id_make(struct bytes name, size_t readable, const struct name_secret *secret)
{
    uint64_t words[2] = { 0, 0 };
    if (name.size > NAME_ID_EXACT_MAX) {
        return name_id_of_hash(name, secret);
    }
    if (readable >= sizeof words) {
        memcpy(words, name.data, sizeof words);
    } else if (name.size > 0) {
        memcpy(words, name.data, name.size);
    }
    struct name_id id = { .low = le64toh(words[0]), .high = le64toh(words[1]) };
    /* Only the name's own bytes. */
    id.high = name.size > 8 ? id.high & ~(~UINT64_C(0) << (name.size - 8) * 8) : 0;
    id.low = name.size < 8 ? id.low & ~(~UINT64_C(0) << name.size * 8) : id.low;
    id.high |= (uint64_t)(name.size + 1) << 56;
    return id;
}

/* Where a search for it begins. */
static inline uint64_t name_id_place(struct name_id id, const struct name_secret *secret)
{
    __extension__ unsigned __int128 product = (unsigned __int128)(id.low ^ secret->first) * (id.high ^ secret->second);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * One open-addressed table for all levels: a key's id is mixed with the number of its object. Objects close in the order opposite to that of
 * their opening, and by then all keys that came later than an object's own are gone; so keys leave the table last in, first out, and taking one
 * out never breaks another's chain.
 */
struct release_seen {
    struct name_secret secret;
    struct name_id *table; /* high 0: free */
    uint32_t *order;       /* the slots, as they were filled */
    size_t count;
    size_t size; /* a power of two; at most half of it is filled */
    uint64_t objects;
};

must_check bool release_seen_make(struct release_seen *seen, const struct name_secret *secret);
void release_seen_clear(struct release_seen *seen);
must_check bool release_seen_grow(struct release_seen *seen);

/* A new object's number. */
static inline uint64_t release_seen_open(struct release_seen *seen)
{
    return ++seen->objects * UINT64_C(0x9e3779b97f4a7c15); /* odd: no two objects get the same */
}

/* Takes out all keys that came when there were more than `count`. */
static inline void release_seen_close(struct release_seen *seen, size_t count)
{
    while (seen->count > count) {
        seen->count--;
        seen->table[seen->order[seen->count]].high = 0;
    }
}

static inline size_t release_seen_slot(const struct release_seen *seen, struct name_id key)
{
    size_t at = name_id_place(key, &seen->secret) & (seen->size - 1);
    while (seen->table[at].high != 0 && (seen->table[at].low != key.low || seen->table[at].high != key.high)) {
        at = (at + 1) & (seen->size - 1);
    }
    return at;
}

/* `*is_new` false: this object has the key already. False when memory is out. */
must_check static inline bool release_seen_add(struct release_seen *seen, uint64_t object, struct name_id key, bool *is_new)
{
    key.low ^= object;
    if (seen->count == seen->size / 2 && !release_seen_grow(seen)) {
        return false;
    }
    size_t at = release_seen_slot(seen, key);
    *is_new = seen->table[at].high == 0;
    if (*is_new) {
        seen->table[at] = key;
        seen->order[seen->count] = (uint32_t)at;
        seen->count++;
    }
    return true;
}

#endif
