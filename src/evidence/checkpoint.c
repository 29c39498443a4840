/* Checkpoints (evidence/receipt.h): their three lines, and the cache of those that were found good. */
#include <pthread.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/encode.h"
#include "base/random.h"
#include "evidence/receipt_internal.h"

enum { NOTE_BYTES_MAX = 2048, STRIPES = 16, WAYS = 4 };

void checkpoint_write(struct buffer *out, struct bytes origin, uint64_t size, const uint8_t root[SHA256_SIZE])
{
    buffer_append(out, origin);
    buffer_append_u8(out, '\n');
    buffer_append_decimal(out, size);
    buffer_append_u8(out, '\n');
    base64_append(out, bytes_of(root, SHA256_SIZE));
    buffer_append_u8(out, '\n');
}

bool checkpoint_parse(struct bytes text, struct checkpoint_view *out, const char *where, struct error *e)
{
    struct reader r = { .left = text };
    out->origin = reader_line(&r);
    struct bytes size = reader_line(&r);
    struct bytes root = reader_line(&r);
    if (r.failed || out->origin.size == 0) {
        return error_set(e, ERROR_INPUT, where, NULL, "a checkpoint is three lines: origin, size, root");
    }
    if (!bytes_to_u64(size, &out->size)) {
        return error_set(e, ERROR_INPUT, where, NULL, "the size is not a decimal number");
    }
    if (!hash_parse(root, out->root)) {
        return error_set(e, ERROR_INPUT, where, NULL, "the root is not 32 bytes in base64");
    }
    if (r.left.size != 0) {
        /* Cosignatures do not cover extension lines, and deployed witnesses stop on them. */
        return error_set(e, ERROR_INPUT, where, "leave extension lines out", "there is more than origin, size and root");
    }
    return true;
}

/*
 * A set-associative table: a note's hash picks a row of WAYS slots, of which the oldest is replaced. A hit compares the whole note and
 * key, so that a hash made to collide gains nothing but a miss.
 */
struct slot {
    uint64_t hash;
    uint64_t age;
    uint64_t size;
    uint8_t root[SHA256_SIZE];
    uint8_t public_key[ED25519_PUBLIC_SIZE];
    uint32_t note_size; /* 0: empty */
    uint32_t note_capacity;
    uint8_t *note;
};

struct checkpoint_cache {
    pthread_mutex_t lock;
    pthread_mutex_t verifying[STRIPES]; /* by the note: see checkpoint_cache_begin() */
    uint64_t seed;
    uint64_t clock;
    size_t row_count;
    struct slot slots[];
};

struct checkpoint_cache *checkpoint_cache_make(size_t count_max)
{
    size_t rows = (count_max + WAYS - 1) / WAYS;
    rows = rows == 0 ? 1 : rows;
    if (rows > 1024 * 1024) {
        return NULL;
    }
    struct checkpoint_cache *cache = calloc(1, sizeof *cache + rows * WAYS * sizeof cache->slots[0]);
    if (cache == NULL) {
        return NULL;
    }
    size_t made = 0;
    while (made < STRIPES && pthread_mutex_init(&cache->verifying[made], NULL) == 0) {
        made++;
    }
    if (made < STRIPES || pthread_mutex_init(&cache->lock, NULL) != 0) {
        while (made > 0) {
            (void)pthread_mutex_destroy(&cache->verifying[--made]);
        }
        free(cache);
        return NULL;
    }
    random_fill(&cache->seed, sizeof cache->seed);
    cache->row_count = rows;
    return cache;
}

void checkpoint_cache_free(struct checkpoint_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < cache->row_count * WAYS; i++) {
        free(cache->slots[i].note);
    }
    for (size_t i = 0; i < STRIPES; i++) {
        (void)pthread_mutex_destroy(&cache->verifying[i]);
    }
    (void)pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static pthread_mutex_t *stripe(struct checkpoint_cache *cache, struct bytes note)
{
    return &cache->verifying[XXH3_64bits_withSeed(note.data, note.size, ~cache->seed) % STRIPES];
}

void checkpoint_cache_begin(struct checkpoint_cache *cache, struct bytes note)
{
    (void)pthread_mutex_lock(stripe(cache, note));
}

void checkpoint_cache_end(struct checkpoint_cache *cache, struct bytes note)
{
    (void)pthread_mutex_unlock(stripe(cache, note));
}

static struct slot *row_of(struct checkpoint_cache *cache, uint64_t hash)
{
    return &cache->slots[hash % cache->row_count * WAYS];
}

/* A note names the key that signed it, but two keys may share a name: the key itself is compared. */
static struct slot *find(struct checkpoint_cache *cache, uint64_t hash, struct bytes note, const struct verifier *key)
{
    struct slot *row = row_of(cache, hash);
    for (size_t i = 0; i < WAYS; i++) {
        if (row[i].note_size == note.size && note.size > 0 && row[i].hash == hash && memcmp(row[i].note, note.data, note.size) == 0 &&
            memcmp(row[i].public_key, key->public_key, sizeof key->public_key) == 0) {
            return &row[i];
        }
    }
    return NULL;
}

static bool begins_with_name(struct bytes note, const struct verifier *key)
{
    struct bytes name = bytes_of_text(key->name);
    return bytes_start_with(note, name) && note.size > name.size && note.data[name.size] == '\n';
}

bool checkpoint_cache_find(struct checkpoint_cache *cache, struct bytes note, const struct verifier *key, uint64_t *size,
                           uint8_t root[SHA256_SIZE])
{
    if (note.size > NOTE_BYTES_MAX || key->type != SIGNATURE_ED25519 || !begins_with_name(note, key)) {
        return false;
    }
    uint64_t hash = XXH3_64bits_withSeed(note.data, note.size, cache->seed);
    (void)pthread_mutex_lock(&cache->lock);
    struct slot *slot = find(cache, hash, note, key);
    if (slot != NULL) {
        *size = slot->size;
        memcpy(root, slot->root, SHA256_SIZE);
    }
    (void)pthread_mutex_unlock(&cache->lock);
    return slot != NULL;
}

/* The slot to be replaced: an empty one, or the oldest. */
static struct slot *victim(struct slot *row)
{
    struct slot *oldest = row;
    for (size_t i = 0; i < WAYS; i++) {
        if (row[i].note_size == 0) {
            return &row[i];
        }
        if (row[i].age < oldest->age) {
            oldest = &row[i];
        }
    }
    return oldest;
}

void checkpoint_cache_add(struct checkpoint_cache *cache, struct bytes note, const struct verifier *key, uint64_t size,
                          const uint8_t root[SHA256_SIZE])
{
    if (note.size > NOTE_BYTES_MAX || note.size == 0) {
        return;
    }
    uint64_t hash = XXH3_64bits_withSeed(note.data, note.size, cache->seed);
    (void)pthread_mutex_lock(&cache->lock);
    if (find(cache, hash, note, key) == NULL) {
        struct slot *slot = victim(row_of(cache, hash));
        if (slot->note_capacity < note.size) {
            uint8_t *grown = realloc(slot->note, note.size);
            if (grown == NULL) {
                goto done;
            }
            slot->note = grown;
            slot->note_capacity = (uint32_t)note.size;
        }
        memcpy(slot->note, note.data, note.size);
        memcpy(slot->root, root, SHA256_SIZE);
        memcpy(slot->public_key, key->public_key, sizeof slot->public_key);
        slot->note_size = (uint32_t)note.size;
        slot->hash = hash;
        slot->age = ++cache->clock;
        slot->size = size;
    }
done:
    (void)pthread_mutex_unlock(&cache->lock);
}
