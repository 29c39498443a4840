#include "consent/cache_internal.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/random.h"

/* How far the hand goes for one insertion: the critical section stays short, and a victim is found among a few in use. */
enum { HAND_STEPS_MAX = 16 };

bool consent_cache_init(struct consent_cache *cache, size_t count_max)
{
    *cache = (struct consent_cache){ .count_max = count_max, .bucket_count = 64 };
    while (cache->bucket_count < count_max && cache->bucket_count < (size_t)1 << 24) {
        cache->bucket_count *= 2;
    }
    random_fill(&cache->seed, sizeof cache->seed);
    cache->buckets = calloc(cache->bucket_count, sizeof(struct cached_view *)); /* untouched pages cost nothing */
    return cache->buckets != NULL;
}

static bool keys_equal(const struct consent_key *a, const struct consent_key *b)
{
    return bytes_equal(a->person, b->person) && bytes_equal(a->recipient, b->recipient) && bytes_equal(a->purpose, b->purpose);
}

/* Each part is hashed under the hash of the one before, so that moving a byte from one to the next gives another hash. */
uint64_t consent_cache_hash(const struct consent_cache *cache, const struct consent_key *key)
{
    static const uint8_t none;
    uint64_t hash = cache->seed;
    const struct bytes parts[] = { key->person, key->recipient, key->purpose };
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        hash = XXH3_64bits_withSeed(parts[i].data != NULL ? parts[i].data : &none, parts[i].size, hash + parts[i].size);
    }
    return hash;
}

static struct bytes place(uint8_t **at, struct bytes view)
{
    struct bytes placed = bytes_of(*at, view.size);
    if (view.size > 0) {
        memcpy(*at, view.data, view.size);
    }
    *at += view.size;
    return placed;
}

/* Decisions of one record stand together, so what one shares with the one before is what all of a record share. */
static bool has_own_terms(const struct consent_decision *decisions, size_t i)
{
    return decisions[i].terms != NULL && (i == 0 || decisions[i].terms != decisions[i - 1].terms);
}

struct cached_view *cached_view_make(const struct consent_key *key, uint64_t hash, const struct consent_decision *decisions, size_t count)
{
    size_t size = sizeof(struct cached_view) + count * sizeof *decisions + key->person.size + key->recipient.size + key->purpose.size;
    for (size_t i = 0; i < count; i++) {
        size += decisions[i].category.size + decisions[i].record_id.size;
        size += has_own_terms(decisions, i) ? sizeof(struct consent_terms) : 0;
    }
    struct cached_view *made = calloc(1, size);
    if (made == NULL) {
        return NULL;
    }
    made->hash = hash;
    made->size = size;
    made->view.decisions = (struct consent_decision *)(made + 1);
    made->view.count = count;
    made->view.is_current = true;
    atomic_init(&made->view.reference_count, 1);
    struct consent_terms *terms = (struct consent_terms *)(made->view.decisions + count);
    for (size_t i = 0; i < count; i++) {
        made->view.decisions[i] = decisions[i];
        if (has_own_terms(decisions, i)) {
            *terms = *decisions[i].terms;
            made->view.decisions[i].terms = terms++;
        } else if (decisions[i].terms != NULL) {
            made->view.decisions[i].terms = made->view.decisions[i - 1].terms;
        }
    }
    uint8_t *at = (uint8_t *)terms;
    made->key.person = place(&at, key->person);
    made->key.recipient = place(&at, key->recipient);
    made->key.purpose = place(&at, key->purpose);
    for (size_t i = 0; i < count; i++) {
        made->view.decisions[i].category = place(&at, decisions[i].category);
        made->view.decisions[i].record_id = place(&at, decisions[i].record_id);
    }
    return made;
}

void consent_view_release(struct consent_view *view)
{
    if (view != NULL && atomic_fetch_sub_explicit(&view->reference_count, 1, memory_order_acq_rel) == 1) {
        struct cached_view *last = (struct cached_view *)view;
        explicit_bzero(last, last->size);
        free(last);
    }
}

struct cached_view *consent_cache_find(struct consent_cache *cache, const struct consent_key *key, uint64_t hash)
{
    struct cached_view *at = cache->buckets[hash & (cache->bucket_count - 1)];
    while (at != NULL && (at->hash != hash || !keys_equal(&at->key, key))) {
        at = at->next;
    }
    if (at != NULL) {
        at->was_used = true;
    }
    return at;
}

static void take_out(struct consent_cache *cache, struct cached_view *gone)
{
    struct cached_view **at = &cache->buckets[gone->hash & (cache->bucket_count - 1)];
    while (*at != gone) {
        at = &(*at)->next;
    }
    *at = gone->next;
    gone->before->after = gone->after;
    gone->after->before = gone->before;
    if (cache->hand == gone) {
        cache->hand = gone->after == gone ? NULL : gone->after;
    }
    cache->count--;
    gone->view.is_current = false;
    consent_view_release(&gone->view);
}

/*
 * One whose only holder is the table: nobody can take a new reference while the caller has the mutex. Two for each one that comes
 * in, so that a table that grew past its maximum shrinks again.
 */
static size_t evict(struct consent_cache *cache)
{
    size_t evicted = 0;
    for (size_t i = 0; i < HAND_STEPS_MAX && evicted < 2 && cache->count >= cache->count_max && cache->hand != NULL; i++) {
        struct cached_view *at = cache->hand;
        cache->hand = at->after;
        if (at->was_used) {
            at->was_used = false;
        } else if (atomic_load_explicit(&at->view.reference_count, memory_order_acquire) == 1) {
            take_out(cache, at);
            evicted++;
        }
    }
    return evicted;
}

size_t consent_cache_insert(struct consent_cache *cache, struct cached_view *made)
{
    size_t evicted = evict(cache);
    struct cached_view **bucket = &cache->buckets[made->hash & (cache->bucket_count - 1)];
    made->next = *bucket;
    *bucket = made;
    if (cache->hand == NULL) {
        made->before = made;
        made->after = made;
        cache->hand = made;
    } else { /* behind the hand: it comes there last */
        made->after = cache->hand;
        made->before = cache->hand->before;
        made->before->after = made;
        made->after->before = made;
    }
    cache->count++;
    return evicted;
}

void consent_cache_overtake(struct consent_cache *cache, const struct consent_key *key, uint64_t hash)
{
    struct cached_view *found = consent_cache_find(cache, key, hash);
    if (found != NULL) {
        take_out(cache, found);
    }
}

void consent_cache_overtake_all(struct consent_cache *cache)
{
    while (cache->hand != NULL) {
        take_out(cache, cache->hand);
    }
}

void consent_cache_clear(struct consent_cache *cache)
{
    if (cache->buckets != NULL) {
        consent_cache_overtake_all(cache);
    }
    free(cache->buckets);
    *cache = (struct consent_cache){ 0 };
}
