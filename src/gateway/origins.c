#include "gateway/origins_internal.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/encode.h"

enum { BUCKETS = 4096, ORIGINS_MAX = 65536 };

struct origin {
    struct origin *next;
    uint64_t size;
    uint8_t root[SHA256_SIZE];
    struct verifier log_key;
};
struct origins {
    pthread_mutex_t lock;
    size_t count;
    struct origin *buckets[BUCKETS];
};

struct origins *origins_make(void)
{
    struct origins *o = calloc(1, sizeof *o);
    if (o != NULL && pthread_mutex_init(&o->lock, NULL) != 0) {
        free(o);
        return NULL;
    }
    return o;
}

void origins_free(struct origins *origins)
{
    if (origins == NULL) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        while (origins->buckets[i] != NULL) {
            struct origin *next = origins->buckets[i]->next;
            free(origins->buckets[i]);
            origins->buckets[i] = next;
        }
    }
    (void)pthread_mutex_destroy(&origins->lock);
    free(origins);
}

static struct origin **bucket(struct origins *origins, const struct verifier *log_key)
{
    return &origins->buckets[XXH3_64bits(log_key->public_key, sizeof log_key->public_key) % BUCKETS];
}

static struct origin *find(struct origin *first, const struct verifier *log_key)
{
    while (first != NULL && !verifier_equal(&first->log_key, log_key)) {
        first = first->next;
    }
    return first;
}

void origins_note(struct origins *origins, const struct verifier *log_key, const struct checkpoint_view *checkpoint)
{
    (void)pthread_mutex_lock(&origins->lock);
    struct origin **first = bucket(origins, log_key);
    struct origin *known = find(*first, log_key);
    if (known == NULL && origins->count < ORIGINS_MAX) {
        known = calloc(1, sizeof *known);
        if (known != NULL) {
            known->log_key = *log_key;
            known->next = *first;
            *first = known;
            origins->count++;
        }
    }
    if (known != NULL && checkpoint->size > known->size) {
        known->size = checkpoint->size;
        memcpy(known->root, checkpoint->root, sizeof known->root);
    }
    (void)pthread_mutex_unlock(&origins->lock);
}

struct bytes origins_text(struct origins *origins, const struct verifier *log_key, struct arena *arena)
{
    uint64_t size = 0;
    uint8_t root[SHA256_SIZE];
    (void)pthread_mutex_lock(&origins->lock);
    const struct origin *known = find(*bucket(origins, log_key), log_key);
    if (known != NULL) {
        size = known->size;
        memcpy(root, known->root, sizeof root);
    }
    (void)pthread_mutex_unlock(&origins->lock);
    if (size == 0) {
        return BYTES("none");
    }
    uint8_t text[BASE64_SIZE(SHA256_SIZE)];
    size_t text_size = base64_write(bytes_of(root, sizeof root), text);
    return arena_format(arena, "%" PRIu64 " %.*s", size, BYTES_FMT(bytes_of(text, text_size)));
}
