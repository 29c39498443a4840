/*
 * What is known of consents, in memory: a slot of 60 bytes for each record (and 4 in the table that finds it), whatever its texts are, for all that
 * many records have in common is there once: recipient, purpose, terms and the categories with their states are a pattern, and texts are interned.
 * A person is there by 128 bits of a keyed hash (crypto/siphash.h) under a secret of this process: an identifier is not kept. Two persons of one hash
 * would be one person here. By chance: among 10 million less than 2^-82. On purpose: whoever chooses identifiers does not know the key, never sees
 * a hash, and learns of a guess only by asking, at best one in 2^128 each; a hash without a secret key, or one that is no pseudo-random function
 * (XXH3), would let two identifiers be computed.
 *
 * The rule that keeps a withdrawal linearizable: each person has a generation, an even number (shared by those few whose hash ends alike). A change
 * makes it odd for as long as it runs, then the next even one. What was read under a generation is current while that is the person's still; nothing
 * need be found and marked, and forgetting is always allowed. A slot holds the low half of its generation: it would have to survive 2^31 changes of
 * one person to be taken for a younger one.
 */
#ifndef COMITY_CONSENT_CACHE_INTERNAL_H
#define COMITY_CONSENT_CACHE_INTERNAL_H

#include <pthread.h>

#include "consent/consent.h"
#include "consent/intern_internal.h"
#include "consent/patterns_internal.h"

enum {
    CONSENT_PERSON_HASH_SIZE = 16,
    CONSENT_SHARDS = 16,              /* finds of different workers seldom meet */
    CONSENT_GENERATIONS = 128 * 1024, /* a power of two */
};

struct cache_slot;
/* One part of the cache, by the person's hash, with its own lock. */
struct cache_shard {
    pthread_mutex_t mutex;
    struct cache_slot *slots; /* numbers begin with 1 */
    uint32_t *buckets;        /* bucket_max of them */
    uint32_t slot_max, bucket_max, slot_end, free, hand;
    struct patterns patterns;
    size_t used; /* slots */
} __attribute__((aligned(64)));

struct consent_cache {
    uint8_t secret[16]; /* of the persons' hash */
    uint64_t seed;      /* of the others */
    _Atomic uint64_t *generations;
    _Atomic uint64_t everyones; /* added to each */
    struct interns interns;
    struct cache_shard shards[CONSENT_SHARDS];
};

/* Where a key stands. */
struct cache_place {
    uint8_t person[CONSENT_PERSON_HASH_SIZE];
    uint64_t ends;       /* a hash of recipient and purpose */
    uint32_t generation; /* which one is the person's */
};

must_check bool consent_cache_init(struct consent_cache *cache, size_t count_max);
void consent_cache_clear(struct consent_cache *cache);
/* Pure, but for the secret. */
void consent_cache_place(const struct consent_cache *cache, const struct consent_key *key, struct cache_place *place);
/* The person's generation; odd: a change is under way. */
uint64_t consent_cache_generation(const struct consent_cache *cache, const struct cache_place *place);
/* Was the view read under the generation that is the person's still? */
bool consent_cache_is_current(const struct consent_cache *cache, const struct consent_view *view);
/* A change begins, and ends; twice the same is once. One change at a time, under the lock that orders releases. */
void consent_cache_begin_change(struct consent_cache *cache, const struct cache_place *place);
void consent_cache_end_change(struct consent_cache *cache, const struct cache_place *place);
/* Of persons nobody knows which: all. */
void consent_cache_overtake_all(struct consent_cache *cache);

/* Fills view and room. False: it is not there. Takes the shard's lock, and nothing else: no memory, no disk. */
must_check bool consent_cache_find(struct consent_cache *cache, const struct consent_key *key, const struct cache_place *place,
                                   struct consent_room *room, struct consent_view *view);
/*
 * Keeps what was read under `generation`; how many records were forgotten for it is returned. It may not be kept: more than the room takes, no
 * memory, texts or patterns of too many sorts. Then it is loaded each time.
 */
size_t consent_cache_insert(struct consent_cache *cache, const struct consent_key *key, const struct cache_place *place,
                            uint64_t generation, const struct consent_view *view);
/* Records that are kept, and the bytes for all of it that were ever touched. Any thread. */
size_t consent_cache_count(struct consent_cache *cache);
size_t consent_cache_bytes(struct consent_cache *cache);

#endif
