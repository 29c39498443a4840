#include "consent/patterns_internal.h"

#include <stdlib.h>

#include <xxhash.h>

enum { CAPACITY_AT_FIRST = 16 };

static size_t size_of(const struct pattern *pattern)
{
    return sizeof *pattern + pattern->count * sizeof pattern->decisions[0];
}

struct pattern *pattern_make(size_t count)
{
    struct pattern *made = calloc(1, sizeof *made + count * sizeof made->decisions[0]);
    if (made != NULL) {
        made->count = (uint32_t)count;
    }
    return made;
}

void patterns_clear(struct patterns *patterns)
{
    for (uint32_t i = 1; i < patterns->end; i++) {
        free(patterns->list[i]);
    }
    free(patterns->list);
    free(patterns->next_free);
    free(patterns->buckets);
    *patterns = (struct patterns){ 0 };
}

static bool are_equal(const struct pattern *a, const struct pattern *b)
{
    if (a->hash != b->hash || a->count != b->count || a->terms != b->terms || a->recipient.data != b->recipient.data ||
        a->purpose.data != b->purpose.data) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->decisions[i].category.data != b->decisions[i].category.data || a->decisions[i].state != b->decisions[i].state) {
            return false;
        }
    }
    return true;
}

static uint64_t hash_of(const struct pattern *pattern)
{
    const uintptr_t ends[] = { (uintptr_t)pattern->recipient.data, (uintptr_t)pattern->purpose.data, (uintptr_t)pattern->terms };
    uint64_t hash = XXH3_64bits(ends, sizeof ends);
    for (uint32_t i = 0; i < pattern->count; i++) {
        const uintptr_t words[] = { (uintptr_t)pattern->decisions[i].category.data, (uintptr_t)pattern->decisions[i].state };
        hash = XXH3_64bits_withSeed(words, sizeof words, hash);
    }
    return hash;
}

static uint32_t *bucket_of(const struct patterns *patterns, const struct pattern *pattern)
{
    return &patterns->buckets[pattern->hash & (patterns->capacity - 1)];
}

static bool grow(struct patterns *patterns)
{
    uint32_t capacity = patterns->capacity == 0 ? CAPACITY_AT_FIRST : patterns->capacity * 2;
    struct pattern **list = realloc(patterns->list, capacity * sizeof(struct pattern *));
    if (list == NULL) {
        return false;
    }
    patterns->list = list;
    uint32_t *next_free = realloc(patterns->next_free, capacity * sizeof *next_free);
    if (next_free == NULL) {
        return false;
    }
    patterns->next_free = next_free;
    uint32_t *buckets = calloc(capacity, sizeof *buckets);
    if (buckets == NULL) {
        return false;
    }
    free(patterns->buckets);
    patterns->buckets = buckets;
    patterns->capacity = capacity;
    patterns->end = patterns->end == 0 ? 1 : patterns->end;
    for (uint32_t i = 1; i < patterns->end; i++) {
        if (list[i] != NULL) {
            uint32_t *bucket = bucket_of(patterns, list[i]);
            list[i]->next = *bucket;
            *bucket = i;
        }
    }
    return true;
}

uint32_t patterns_keep(struct patterns *patterns, struct pattern *made)
{
    made->hash = hash_of(made);
    for (uint32_t i = patterns->capacity == 0 ? 0 : *bucket_of(patterns, made); i != 0; i = patterns->list[i]->next) {
        if (are_equal(patterns->list[i], made)) {
            free(made);
            patterns->list[i]->references++;
            return i;
        }
    }
    bool has_number = patterns->free != 0 || patterns->end < patterns->capacity;
    if (patterns->bytes + size_of(made) > patterns->bytes_max || (!has_number && !grow(patterns))) {
        free(made);
        return 0;
    }
    uint32_t number = patterns->free;
    if (number != 0) {
        patterns->free = patterns->next_free[number];
    } else {
        number = patterns->end++;
    }
    uint32_t *bucket = bucket_of(patterns, made);
    made->references = 1;
    made->next = *bucket;
    *bucket = number;
    patterns->list[number] = made;
    patterns->bytes += size_of(made);
    return number;
}

void patterns_release(struct patterns *patterns, uint32_t number)
{
    struct pattern *gone = patterns->list[number];
    if (--gone->references > 0) {
        return;
    }
    uint32_t *at = bucket_of(patterns, gone);
    while (*at != number) {
        at = &patterns->list[*at]->next;
    }
    *at = gone->next;
    patterns->bytes -= size_of(gone);
    patterns->list[number] = NULL;
    patterns->next_free[number] = patterns->free;
    patterns->free = number;
    free(gone);
}

size_t patterns_bytes(const struct patterns *patterns)
{
    return patterns->bytes + patterns->capacity * (sizeof(struct pattern *) + 2 * sizeof(uint32_t));
}
