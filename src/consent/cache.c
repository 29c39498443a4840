#include "consent/cache_internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <xxhash.h>

#include "base/encode.h"
#include "base/random.h"
#include "crypto/siphash.h"

enum {
    NONE = 0,            /* no slot, no pattern: numbers begin with 1 */
    HAND_STEPS_MAX = 32, /* how far the hand goes for one slot: the lock is held briefly */
    PATTERN_BYTES_MIN = 64 * 1024,
    PATTERN_BYTES_A_SLOT = 16, /* when patterns take more than that, there are too many sorts */
};
/* Flags beside `more`. */
#define IS_USED UINT32_C(0x80000000)  /* found since the hand last passed */
#define IS_HEAD UINT32_C(0x40000000)  /* the first of its key */
#define IS_FACTS UINT32_C(0x20000000) /* it has a piece of the person's facts in the place of id and times */
#define MORE_MAX UINT32_C(0x1fffffff)

/* One record's part of one key's view. The others of the key hang on `more`, newest first; an empty view is a slot with a pattern of nothing. */
struct cache_slot {
    uint8_t person[CONSENT_PERSON_HASH_SIZE];
    uint32_t generation;
    uint32_t next;    /* in its bucket, for the first of a key; of a free one: the next free */
    uint32_t more;    /* the next of the same key, and the flags */
    uint32_t pattern; /* NONE: free */
    union {
        struct {
            uint8_t id[16];
            uint32_t from_low, until_low;
            uint16_t from_high, until_high; /* a time of at most the year 9999 takes 48 bits */
        };
        uint8_t facts[28];
    };
};
_Static_assert(sizeof(struct cache_slot) == 60, "a cached consent takes 64 bytes, with its 4 in the buckets");

/* ---- making and clearing ---- */

/*
 * Zeroed. Where a cache is of many millions, each lookup is somewhere else, and walking the page table takes as long as the lookup: large pages. A
 * small one would only grow by them.
 */
static void *take_zeroed(size_t count, size_t size)
{
    enum { LARGE_BYTES = 16 * 1024 * 1024, PAGE_BYTES = 4096 };
    uint8_t *taken = calloc(count, size); /* untouched pages cost nothing */
    if (taken != NULL && count * size >= LARGE_BYTES) {
        uint8_t *aligned = taken + (PAGE_BYTES - (uintptr_t)taken % PAGE_BYTES) % PAGE_BYTES;
        (void)madvise(aligned, (count * size - PAGE_BYTES) / PAGE_BYTES * PAGE_BYTES, MADV_HUGEPAGE); /* a wish */
    }
    return taken;
}

static bool init_shard(struct cache_shard *shard, uint32_t slot_max)
{
    if (pthread_mutex_init(&shard->mutex, NULL) != 0) {
        return false;
    }
    shard->slot_max = slot_max;
    shard->slot_end = 1;
    shard->hand = 1;
    size_t bytes = (size_t)slot_max * PATTERN_BYTES_A_SLOT;
    shard->patterns.bytes_max = bytes < PATTERN_BYTES_MIN ? PATTERN_BYTES_MIN : bytes;
    shard->slots = take_zeroed((size_t)slot_max + 1, sizeof *shard->slots);
    shard->bucket_max = slot_max - slot_max / 8; /* a bucket for each would make it 64 bytes and a little */
    shard->buckets = take_zeroed(shard->bucket_max, sizeof *shard->buckets);
    return true;
}

bool consent_cache_init(struct consent_cache *cache, size_t count_max)
{
    size_t slot_max = (count_max + CONSENT_SHARDS - 1) / CONSENT_SHARDS;
    slot_max = slot_max > MORE_MAX ? MORE_MAX : slot_max;
    *cache = (struct consent_cache){ 0 };
    random_fill(cache->secret, sizeof cache->secret);
    random_fill(&cache->seed, sizeof cache->seed);
    if (!interns_init(&cache->interns)) {
        return false;
    }
    cache->generations = calloc(CONSENT_GENERATIONS, sizeof *cache->generations);
    bool ok = cache->generations != NULL;
    for (size_t i = 0; i < CONSENT_SHARDS && ok; i++) {
        struct cache_shard *shard = &cache->shards[i];
        ok = init_shard(shard, (uint32_t)slot_max) && shard->slots != NULL && shard->buckets != NULL;
    }
    return ok;
}

void consent_cache_clear(struct consent_cache *cache)
{
    for (size_t i = 0; i < CONSENT_SHARDS; i++) {
        struct cache_shard *shard = &cache->shards[i];
        if (shard->slot_max == 0) {
            continue;
        }
        patterns_clear(&shard->patterns);
        free(shard->slots);
        free(shard->buckets);
        (void)pthread_mutex_destroy(&shard->mutex);
    }
    free(cache->generations);
    interns_clear(&cache->interns);
    explicit_bzero(cache, sizeof *cache);
}

/* ---- places and generations ---- */

void consent_cache_place(const struct consent_cache *cache, const struct consent_key *key, struct cache_place *place)
{
    static const uint8_t none;
    siphash128(cache->secret, key->person, place->person);
    memcpy(&place->generation, place->person, sizeof place->generation);
    place->generation %= CONSENT_GENERATIONS;
    place->ends = cache->seed;
    const struct bytes ends[] = { key->recipient, key->purpose };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        place->ends = XXH3_64bits_withSeed(ends[i].data != NULL ? ends[i].data : &none, ends[i].size, place->ends);
    }
}

/* Both only grow: whatever comes between the two reads, the sum is that of now or of a moment ago, and never a later one. */
static uint64_t generation_of(const struct consent_cache *cache, uint32_t place)
{
    uint64_t own = atomic_load_explicit(&cache->generations[place], memory_order_acquire);
    return own + atomic_load_explicit(&cache->everyones, memory_order_acquire);
}

uint64_t consent_cache_generation(const struct consent_cache *cache, const struct cache_place *place)
{
    return generation_of(cache, place->generation);
}

bool consent_cache_is_current(const struct consent_cache *cache, const struct consent_view *view)
{
    return generation_of(cache, view->place) == view->generation;
}

void consent_cache_begin_change(struct consent_cache *cache, const struct cache_place *place)
{
    (void)atomic_fetch_or_explicit(&cache->generations[place->generation], 1, memory_order_acq_rel);
}

void consent_cache_end_change(struct consent_cache *cache, const struct cache_place *place)
{
    _Atomic uint64_t *generation = &cache->generations[place->generation];
    uint64_t now = atomic_load_explicit(generation, memory_order_relaxed);
    atomic_store_explicit(generation, now + (now & 1), memory_order_release);
}

void consent_cache_overtake_all(struct consent_cache *cache)
{
    (void)atomic_fetch_add_explicit(&cache->everyones, 2, memory_order_acq_rel);
}

static struct cache_shard *shard_of(const struct consent_cache *cache, const struct cache_place *place)
{
    return (struct cache_shard *)&cache->shards[place->generation % CONSENT_SHARDS];
}

static uint32_t *bucket_of(const struct cache_shard *shard, const uint8_t person[CONSENT_PERSON_HASH_SIZE], uint64_t ends)
{
    uint64_t hash;
    memcpy(&hash, person + CONSENT_PERSON_HASH_SIZE - sizeof hash, sizeof hash); /* the half that chose neither shard nor generation */
    hash = (hash ^ ends) * UINT64_C(0x9e3779b97f4a7c15);                         /* odd: nothing is lost; the high bits depend on all */
    return &shard->buckets[((hash >> 32) * shard->bucket_max) >> 32];
}

/* ---- slots ---- */

static void give_back(struct cache_shard *shard, uint32_t number)
{
    struct cache_slot *slot = &shard->slots[number];
    patterns_release(&shard->patterns, slot->pattern);
    *slot = (struct cache_slot){ .next = shard->free };
    shard->free = number;
    shard->used--;
}

/* A key's slots, out of the table. Returns how many. */
static size_t forget(struct cache_shard *shard, uint32_t number)
{
    size_t count = 0;
    const struct cache_slot *first = &shard->slots[number];
    uint32_t *bucket = bucket_of(shard, first->person, patterns_get(&shard->patterns, first->pattern)->ends);
    while (*bucket != number) {
        bucket = &shard->slots[*bucket].next;
    }
    *bucket = shard->slots[number].next;
    while (number != NONE) {
        uint32_t more = shard->slots[number].more & MORE_MAX;
        give_back(shard, number);
        number = more;
        count++;
    }
    return count;
}

static bool is_key(const struct cache_shard *shard, const struct cache_slot *slot, const struct cache_place *place,
                   const struct consent_key *key)
{
    if (memcmp(slot->person, place->person, sizeof slot->person) != 0) {
        return false;
    }
    const struct pattern *pattern = patterns_get(&shard->patterns, slot->pattern);
    return bytes_equal(pattern->recipient, key->recipient) && bytes_equal(pattern->purpose, key->purpose);
}

static uint32_t find_slot(const struct cache_shard *shard, const struct consent_key *key, const struct cache_place *place)
{
    uint32_t at = *bucket_of(shard, place->person, place->ends);
    while (at != NONE && !is_key(shard, &shard->slots[at], place, key)) {
        at = shard->slots[at].next;
    }
    return at;
}

/*
 * Lets the hand forget one key that nobody looked for since it last passed, or whose person has changed since. Returns how many slots it gave back:
 * 0 when all that it met were in use.
 */
static size_t evict(struct consent_cache *cache, struct cache_shard *shard)
{
    for (size_t i = 0; i < HAND_STEPS_MAX; i++) {
        uint32_t number = shard->hand;
        struct cache_slot *slot = &shard->slots[number];
        shard->hand = number + 1 < shard->slot_end ? number + 1 : 1;
        if (slot->pattern == NONE || (slot->more & IS_HEAD) == 0) {
            continue;
        }
        uint32_t place;
        memcpy(&place, slot->person, sizeof place);
        uint64_t now = generation_of(cache, place % CONSENT_GENERATIONS);
        if ((slot->more & IS_USED) == 0 || (uint32_t)now != slot->generation) {
            return forget(shard, number);
        }
        slot->more &= ~IS_USED;
    }
    return 0;
}

/* A slot to write; NONE when there is none to be had. */
static uint32_t take_slot(struct consent_cache *cache, struct cache_shard *shard, size_t *evicted)
{
    uint32_t number = shard->free;
    if (number == NONE && shard->slot_end <= shard->slot_max) {
        number = shard->slot_end++;
    } else {
        if (number == NONE) {
            *evicted += evict(cache, shard);
            number = shard->free;
        }
        shard->free = shard->slots[number].next; /* that of NONE is NONE */
    }
    shard->used += number != NONE;
    return number;
}

/* ---- what a slot says ---- */

static void put_time(int64_t time_ms, uint32_t *low, uint16_t *high)
{
    *low = (uint32_t)time_ms;
    *high = (uint16_t)(time_ms >> 32);
}

static int64_t get_time(uint32_t low, uint16_t high)
{
    return (int64_t)((uint64_t)high << 32 | low);
}

/* "c-" and 32 lower-case hex digits: what consent_give() makes. Others are not kept. */
static bool put_id(struct bytes id, uint8_t out[16])
{
    char again[33];
    if (id.size != 34 || !bytes_start_with(id, BYTES("c-")) || !hex_parse(bytes_slice(id, 2, id.size), out, 16)) {
        return false;
    }
    hex_write(bytes_of(out, 16), again);
    return memcmp(again, id.data + 2, 32) == 0;
}

static struct bytes get_id(const uint8_t id[16], char out[CONSENT_ID_SIZE])
{
    memcpy(out, "c-", 2);
    hex_write(bytes_of(id, 16), out + 2);
    return bytes_of(out, 34);
}

bool consent_cache_find(struct consent_cache *cache, const struct consent_key *key, const struct cache_place *place,
                        struct consent_room *room, struct consent_view *view)
{
    struct cache_shard *shard = shard_of(cache, place);
    uint64_t generation = consent_cache_generation(cache, place);
    size_t count = 0;
    uint8_t facts[sizeof view->person + sizeof shard->slots->facts] = { 0 };
    size_t fact_size = 0;
    (void)pthread_mutex_lock(&shard->mutex);
    uint32_t at = find_slot(shard, key, place);
    if (at == NONE || shard->slots[at].generation != (uint32_t)generation) {
        (void)pthread_mutex_unlock(&shard->mutex);
        return false;
    }
    shard->slots[at].more |= IS_USED;
    for (; at != NONE; at = shard->slots[at].more & MORE_MAX) {
        const struct cache_slot *slot = &shard->slots[at];
        if ((slot->more & IS_FACTS) != 0) {
            memcpy(facts + fact_size, slot->facts, sizeof slot->facts);
            fact_size += sizeof slot->facts;
            continue;
        }
        const struct pattern *pattern = patterns_get(&shard->patterns, slot->pattern);
        struct bytes id = pattern->count > 0 ? get_id(slot->id, room->ids[count]) : BYTES_NONE;
        int64_t from_ms = get_time(slot->from_low, slot->from_high), until_ms = get_time(slot->until_low, slot->until_high);
        for (uint32_t i = 0; i < pattern->count; i++) {
            room->decisions[count++] = (struct consent_decision){ .category = pattern->decisions[i].category,
                                                                  .state = pattern->decisions[i].state,
                                                                  .valid_from_ms = from_ms,
                                                                  .valid_until_ms = until_ms,
                                                                  .record_id = id,
                                                                  .terms = pattern->terms };
        }
    }
    (void)pthread_mutex_unlock(&shard->mutex);
    *view = (struct consent_view){
        .decisions = room->decisions, .count = count, .generation = generation, .place = place->generation, .is_read = true
    };
    memcpy(&view->person, facts, sizeof view->person);
    return true;
}

/* How many of the decisions from `from` on are of one record, and of one time. */
static size_t run_of(const struct consent_view *view, size_t from)
{
    const struct consent_decision *first = &view->decisions[from];
    size_t end = from + 1;
    while (end < view->count && bytes_equal(view->decisions[end].record_id, first->record_id) &&
           view->decisions[end].terms == first->terms && view->decisions[end].valid_from_ms == first->valid_from_ms &&
           view->decisions[end].valid_until_ms == first->valid_until_ms) {
        end++;
    }
    return end - from;
}

static struct pattern *make_pattern(struct consent_cache *cache, const struct consent_key *key, uint64_t ends,
                                    const struct consent_decision *decisions, size_t count)
{
    struct pattern *made = pattern_make(count);
    if (made == NULL) {
        return NULL;
    }
    made->ends = ends;
    made->recipient = interns_add(&cache->interns, key->recipient);
    made->purpose = interns_add(&cache->interns, key->purpose);
    made->terms = count > 0 ? interns_add_terms(&cache->interns, decisions->terms) : NULL;
    bool ok = made->recipient.data != NULL && made->purpose.data != NULL && (made->terms != NULL || count == 0 || decisions->terms == NULL);
    for (size_t i = 0; i < count && ok; i++) {
        made->decisions[i].category = interns_add(&cache->interns, decisions[i].category);
        made->decisions[i].state = decisions[i].state;
        ok = made->decisions[i].category.data != NULL;
    }
    if (!ok) {
        free(made);
        return NULL;
    }
    return made;
}

/* Writes one slot; NONE: it can't be kept. */
static uint32_t put_slot(struct consent_cache *cache, struct cache_shard *shard, const struct cache_slot *like, struct pattern *pattern,
                         size_t *evicted)
{
    uint32_t number = take_slot(cache, shard, evicted);
    if (number == NONE) {
        free(pattern);
        return NONE;
    }
    uint32_t kept = patterns_keep(&shard->patterns, pattern);
    if (kept == NONE) {
        shard->slots[number] = (struct cache_slot){ .next = shard->free };
        shard->free = number;
        shard->used--;
        return NONE;
    }
    shard->slots[number] = *like;
    shard->slots[number].pattern = kept;
    return number;
}

static void give_back_all(struct cache_shard *shard, uint32_t number)
{
    while (number != NONE) {
        uint32_t more = shard->slots[number].more & MORE_MAX;
        give_back(shard, number);
        number = more;
    }
}

/* Slots that become a key's. */
struct chain {
    struct cache_shard *shard;
    uint32_t first, last;
};

/* False: there is no room, or no memory. */
static bool add_slot(struct consent_cache *cache, struct chain *chain, const struct cache_slot *like, struct pattern *pattern,
                     size_t *evicted)
{
    uint32_t number = pattern != NULL ? put_slot(cache, chain->shard, like, pattern, evicted) : NONE;
    if (number == NONE) {
        return false;
    }
    if (chain->last == NONE) {
        chain->first = number;
    } else {
        chain->shard->slots[chain->last].more |= number;
    }
    chain->last = number;
    return true;
}

/* All slots of a view, hung on the first, which is returned; NONE: it can't be kept. */
static uint32_t put_view(struct consent_cache *cache, struct cache_shard *shard, const struct consent_key *key,
                         const struct cache_place *place, uint64_t generation, const struct consent_view *view, size_t *evicted)
{
    static const struct consent_person none;
    struct chain chain = { .shard = shard };
    struct cache_slot slot = { .generation = (uint32_t)generation };
    const uint8_t *facts = (const uint8_t *)&view->person;
    size_t fact_size = memcmp(facts, &none, sizeof none) == 0 ? 0 : sizeof view->person;
    bool ok = true;
    memcpy(slot.person, place->person, sizeof slot.person);
    for (size_t at = 0; at < fact_size && ok; at += sizeof slot.facts) {
        size_t size = fact_size - at < sizeof slot.facts ? fact_size - at : sizeof slot.facts;
        slot.more = IS_FACTS;
        memset(slot.facts, 0, sizeof slot.facts);
        memcpy(slot.facts, facts + at, size);
        ok = add_slot(cache, &chain, &slot, make_pattern(cache, key, place->ends, NULL, 0), evicted);
    }
    slot.more = 0;
    for (size_t at = 0, count = 0; at < view->count && ok; at += count) {
        const struct consent_decision *decision = &view->decisions[at];
        count = run_of(view, at);
        put_time(decision->valid_from_ms, &slot.from_low, &slot.from_high);
        put_time(decision->valid_until_ms, &slot.until_low, &slot.until_high);
        ok = put_id(decision->record_id, slot.id) &&
             add_slot(cache, &chain, &slot, make_pattern(cache, key, place->ends, decision, count), evicted);
    }
    if (ok && chain.first == NONE) { /* an empty view has a slot, too */
        memset(slot.facts, 0, sizeof slot.facts);
        ok = add_slot(cache, &chain, &slot, make_pattern(cache, key, place->ends, NULL, 0), evicted);
    }
    if (!ok) {
        give_back_all(shard, chain.first);
        return NONE;
    }
    return chain.first;
}

size_t consent_cache_insert(struct consent_cache *cache, const struct consent_key *key, const struct cache_place *place,
                            uint64_t generation, const struct consent_view *view)
{
    struct cache_shard *shard = shard_of(cache, place);
    size_t evicted = 0;
    (void)pthread_mutex_lock(&shard->mutex);
    uint32_t old = find_slot(shard, key, place);
    if (old != NONE) {
        (void)forget(shard, old);
    }
    uint32_t first = view->count <= CONSENT_ROOM_DECISIONS ? put_view(cache, shard, key, place, generation, view, &evicted) : NONE;
    if (first != NONE) {
        uint32_t *bucket = bucket_of(shard, place->person, place->ends);
        shard->slots[first].more |= IS_HEAD;
        shard->slots[first].next = *bucket;
        *bucket = first;
    }
    (void)pthread_mutex_unlock(&shard->mutex);
    return evicted;
}

size_t consent_cache_count(struct consent_cache *cache)
{
    size_t count = 0;
    for (size_t i = 0; i < CONSENT_SHARDS; i++) {
        (void)pthread_mutex_lock(&cache->shards[i].mutex);
        count += cache->shards[i].used;
        (void)pthread_mutex_unlock(&cache->shards[i].mutex);
    }
    return count;
}

size_t consent_cache_bytes(struct consent_cache *cache)
{
    size_t bytes = sizeof *cache + CONSENT_GENERATIONS * sizeof *cache->generations + interns_bytes(&cache->interns);
    for (size_t i = 0; i < CONSENT_SHARDS; i++) {
        struct cache_shard *shard = &cache->shards[i];
        (void)pthread_mutex_lock(&shard->mutex);
        bytes += shard->slot_end * sizeof *shard->slots + shard->bucket_max * sizeof *shard->buckets + patterns_bytes(&shard->patterns);
        (void)pthread_mutex_unlock(&shard->mutex);
    }
    return bytes;
}
