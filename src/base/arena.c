#include "base/arena.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CHUNK_BYTES = 8192 - 64, /* with malloc's own header, two pages */
    KEPT_MAX = 64,           /* chunks that a thread keeps for its next arenas */
};

struct arena_chunk {
    struct arena_chunk *next;
    size_t used;
    size_t capacity;
    alignas(max_align_t) uint8_t data[];
};

/* Of use after free, AddressSanitizer can only tell where memory is freed. */
#if defined(__SANITIZE_ADDRESS__)
#define KEEPS_CHUNKS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_CHUNKS false
#endif
#endif
#ifndef KEEPS_CHUNKS
#define KEEPS_CHUNKS true
#endif

/* Wiped chunks. A message takes a dozen of them, and what malloc does to join and part them was a tenth of a worker's time. */
struct kept {
    struct arena_chunk *first;
    size_t count;
    bool is_known; /* to the key below */
};
static _Thread_local struct kept kept;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

static void free_kept(void *context)
{
    struct kept *k = context;
    while (k->first != NULL) {
        struct arena_chunk *next = k->first->next;
        free(k->first);
        k->first = next;
    }
    *k = (struct kept){ 0 };
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, free_kept) == 0;
}

/* Can this thread keep chunks: will they be freed when it ends? */
static bool may_keep(void)
{
    if (!KEEPS_CHUNKS || kept.is_known) {
        return KEEPS_CHUNKS;
    }
    kept.is_known = pthread_once(&key_once, make_key) == 0 && has_key && pthread_setspecific(key, &kept) == 0;
    return kept.is_known;
}

static void chunk_free(struct arena_chunk *chunk)
{
    /* Messages speak of persons: what is freed must not be found in memory later. */
    explicit_bzero(chunk->data, chunk->used);
    if (chunk->capacity != CHUNK_BYTES || kept.count >= KEPT_MAX || !may_keep()) {
        free(chunk);
        return;
    }
    chunk->next = kept.first;
    kept.first = chunk;
    kept.count++;
}

static struct arena_chunk *chunk_make(size_t capacity)
{
    struct arena_chunk *chunk = capacity == CHUNK_BYTES ? kept.first : NULL;
    if (chunk != NULL) {
        kept.first = chunk->next;
        kept.count--;
    } else {
        chunk = malloc(sizeof *chunk + capacity);
        if (chunk == NULL) {
            return NULL;
        }
    }
    chunk->used = 0;
    chunk->capacity = capacity;
    return chunk;
}

void arena_clear(struct arena *a)
{
    while (a->chunks != NULL) {
        struct arena_chunk *next = a->chunks->next;
        chunk_free(a->chunks);
        a->chunks = next;
    }
    a->size = 0;
}

void *arena_take(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size = (size + align - 1) / align * align;
    if (a->size_max != 0 && (size > a->size_max || a->size > a->size_max - size)) {
        return NULL;
    }
    struct arena_chunk *chunk = a->chunks;
    if (chunk == NULL || chunk->capacity - chunk->used < size) {
        size_t capacity = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        chunk = chunk_make(capacity);
        if (chunk == NULL) {
            return NULL;
        }
        /* A chunk made for one large piece goes behind the one in use, whose rest would be lost otherwise. */
        if (a->chunks != NULL && size > CHUNK_BYTES / 2) {
            chunk->next = a->chunks->next;
            a->chunks->next = chunk;
        } else {
            chunk->next = a->chunks;
            a->chunks = chunk;
        }
    }
    void *taken = chunk->data + chunk->used;
    chunk->used += size;
    a->size += size;
    return taken;
}

void *arena_take_zeroed(struct arena *a, size_t size)
{
    void *taken = arena_take(a, size);
    if (taken != NULL) {
        memset(taken, 0, size);
    }
    return taken;
}

struct bytes arena_copy(struct arena *a, struct bytes view)
{
    uint8_t *copy = view.size == SIZE_MAX ? NULL : arena_take(a, view.size + 1);
    if (copy == NULL) {
        return BYTES_NONE;
    }
    if (view.size > 0) {
        memcpy(copy, view.data, view.size);
    }
    copy[view.size] = '\0';
    return bytes_of(copy, view.size);
}

struct bytes arena_format(struct arena *a, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = size < 0 ? NULL : arena_take(a, (size_t)size + 1);
    if (text == NULL) {
        return BYTES_NONE;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return bytes_of(text, (size_t)size);
}
