#include "consent/intern_internal.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/random.h"
#include "consent/terms_internal.h"

enum { CAPACITY_AT_FIRST = 256 };

bool interns_init(struct interns *interns)
{
    *interns = (struct interns){ .capacity = CAPACITY_AT_FIRST };
    random_fill(&interns->seed, sizeof interns->seed);
    interns->table = calloc(interns->capacity, sizeof *interns->table);
    if (interns->table == NULL) {
        return false;
    }
    if (pthread_mutex_init(&interns->mutex, NULL) != 0) {
        free(interns->table);
        interns->table = NULL;
        return false;
    }
    return true;
}

void interns_clear(struct interns *interns)
{
    if (interns->table == NULL) {
        return;
    }
    arena_clear(&interns->arena);
    free(interns->table);
    interns->table = NULL;
    (void)pthread_mutex_destroy(&interns->mutex);
}

/* Where it is, or where it belongs. */
static struct bytes *find(struct interns *interns, struct bytes text)
{
    static const uint8_t none;
    size_t at = XXH3_64bits_withSeed(text.data != NULL ? text.data : &none, text.size, interns->seed) & (interns->capacity - 1);
    while (interns->table[at].data != NULL && !bytes_equal(interns->table[at], text)) {
        at = (at + 1) & (interns->capacity - 1);
    }
    return &interns->table[at];
}

/* At most half full. */
static bool grow(struct interns *interns)
{
    struct bytes *old = interns->table;
    size_t capacity = interns->capacity;
    struct bytes *grown = calloc(capacity * 2, sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    interns->table = grown;
    interns->capacity = capacity * 2;
    for (size_t i = 0; i < capacity; i++) {
        if (old[i].data != NULL) {
            *find(interns, old[i]) = old[i];
        }
    }
    free(old);
    return true;
}

/* `front` bytes are kept in front of the text. */
static struct bytes add(struct interns *interns, struct bytes text, struct bytes front)
{
    struct bytes found = BYTES_NONE;
    (void)pthread_mutex_lock(&interns->mutex);
    struct bytes *at = find(interns, text);
    if (at->data == NULL && interns->count < INTERN_TEXTS_MAX && (interns->count * 2 < interns->capacity || grow(interns))) {
        at = find(interns, text);
        uint8_t *copy = arena_take(&interns->arena, front.size + text.size + 1);
        if (copy != NULL) {
            memcpy(copy, front.size > 0 ? front.data : copy, front.size);
            memcpy(copy + front.size, text.size > 0 ? text.data : copy, text.size);
            *at = bytes_of(copy + front.size, text.size);
            interns->count++;
            interns->bytes += front.size + text.size + 1;
        }
    }
    found = *at;
    (void)pthread_mutex_unlock(&interns->mutex);
    return found;
}

struct bytes interns_add(struct interns *interns, struct bytes text)
{
    return add(interns, text, BYTES_NONE);
}

const struct consent_terms *interns_add_terms(struct interns *interns, const struct consent_terms *terms)
{
    struct buffer text;
    struct bytes found = BYTES_NONE;
    if (terms == NULL) {
        return NULL;
    }
    buffer_init(&text, 8192);
    buffer_append_u8(&text, '\n'); /* so begins no text of the other sort */
    consent_terms_write(terms, &text);
    if (!text.failed) {
        found = add(interns, buffer_bytes(&text), bytes_of(terms, sizeof *terms));
    }
    buffer_clear(&text);
    return found.data == NULL ? NULL : (const struct consent_terms *)(const void *)(found.data - sizeof *terms);
}

size_t interns_bytes(struct interns *interns)
{
    (void)pthread_mutex_lock(&interns->mutex);
    size_t bytes = interns->bytes + interns->capacity * sizeof *interns->table;
    (void)pthread_mutex_unlock(&interns->mutex);
    return bytes;
}
