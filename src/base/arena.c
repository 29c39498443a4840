#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK_BYTES = 4096 - 64 }; /* with malloc's own header, one page */

struct arena_chunk {
    struct arena_chunk *next;
    size_t used;
    size_t capacity;
    alignas(max_align_t) uint8_t data[];
};

void arena_clear(struct arena *a)
{
    while (a->chunks != NULL) {
        struct arena_chunk *next = a->chunks->next;
        /* Messages speak of persons: what is freed must not be found in memory later. */
        explicit_bzero(a->chunks->data, a->chunks->used);
        free(a->chunks);
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
        chunk = malloc(sizeof *chunk + capacity);
        if (chunk == NULL) {
            return NULL;
        }
        chunk->used = 0;
        chunk->capacity = capacity;
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
