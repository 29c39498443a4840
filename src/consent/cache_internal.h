/*
 * The views in memory: a hash table, and a clock that chooses what to forget. Nothing here locks: the caller holds the consents' mutex.
 *
 * The rule that keeps a withdrawal linearizable: a view that somebody else holds is either in this table or not current. So a view
 * in use isn't evicted (the table may grow past its maximum by what is in use), and what leaves by a change is marked overtaken.
 */
#ifndef COMITY_CONSENT_CACHE_INTERNAL_H
#define COMITY_CONSENT_CACHE_INTERNAL_H

#include "consent/consent.h"

/* One allocation: the view comes first, what it points to behind it. Freed by the last consent_view_release(). */
struct cached_view {
    struct consent_view view;
    struct cached_view *next;           /* in its bucket */
    struct cached_view *before, *after; /* around the clock */
    uint64_t hash;
    bool was_used; /* since the hand last passed */
    struct consent_key key;
    size_t size; /* of the allocation, to be wiped */
};

struct consent_cache {
    struct cached_view **buckets;
    size_t bucket_count; /* a power of two */
    size_t count, count_max;
    struct cached_view *hand;
    uint64_t seed; /* persons' identifiers come from outside: nobody may aim them at one bucket */
};

must_check bool consent_cache_init(struct consent_cache *cache, size_t count_max);
void consent_cache_clear(struct consent_cache *cache);
uint64_t consent_cache_hash(const struct consent_cache *cache, const struct consent_key *key);
/* A view with copies of key and decisions, held once by the caller. NULL: out of memory. Needs no lock. */
must_check struct cached_view *cached_view_make(const struct consent_key *key, uint64_t hash, const struct consent_decision *decisions,
                                                size_t count);
/* NULL if absent. The caller adds its own reference before it unlocks. */
struct cached_view *consent_cache_find(struct consent_cache *cache, const struct consent_key *key, uint64_t hash);
/* Takes over the caller's reference; the key must not be there. Returns how many were evicted. */
size_t consent_cache_insert(struct consent_cache *cache, struct cached_view *made);
/* What a change has overtaken: marked, and out of the table. */
void consent_cache_overtake(struct consent_cache *cache, const struct consent_key *key, uint64_t hash);
void consent_cache_overtake_all(struct consent_cache *cache);

#endif
