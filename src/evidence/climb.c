#include "evidence/climb_internal.h"

#include <pthread.h>
#include <stdlib.h>

enum { STEPS_MAX = 48, CLIMBS = 4 };

/* Where a way up stands: a node of the tree, and its hash. */
struct place {
    unsigned level;
    uint64_t node, last; /* on that level */
    uint8_t hash[SHA256_SIZE];
};

/* A way that led to the root: places[i] is where it stood when i hashes of the path were used. */
struct climb {
    uint64_t size; /* 0: none */
    uint8_t root[SHA256_SIZE];
    size_t count;
    struct place places[STEPS_MAX + 1];
    uint8_t path[STEPS_MAX][SHA256_SIZE];
};
/* One a thread, made when it first verifies: in thread-local storage each of the pool's threads would have touched 17 KiB for it. */
struct climbs {
    struct climb known[CLIMBS];
    unsigned next; /* the one to be replaced */
};
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

static void make_key(void)
{
    has_key = pthread_key_create(&key, free) == 0;
}

/* NULL: out of memory; then nothing is remembered. */
static struct climbs *climbs_of_thread(void)
{
    (void)pthread_once(&key_once, make_key);
    struct climbs *climbs = has_key ? pthread_getspecific(key) : NULL;
    if (climbs != NULL || !has_key) {
        return climbs;
    }
    climbs = calloc(1, sizeof *climbs);
    if (climbs != NULL && pthread_setspecific(key, climbs) != 0) {
        free(climbs);
        return NULL;
    }
    return climbs;
}

static void step(struct place *at, const uint8_t beside[SHA256_SIZE])
{
    if ((at->node & 1) != 0 || at->node == at->last) {
        merkle_node(beside, at->hash, at->hash);
        while ((at->node & 1) == 0 && at->node != 0) {
            at->node >>= 1;
            at->last >>= 1;
            at->level++;
        }
    } else {
        merkle_node(at->hash, beside, at->hash);
    }
    at->node >>= 1;
    at->last >>= 1;
    at->level++;
}

static const struct climb *find(const struct climbs *climbs, uint64_t size, const uint8_t root[SHA256_SIZE])
{
    for (size_t i = 0; i < CLIMBS; i++) {
        if (climbs->known[i].size == size && memcmp(climbs->known[i].root, root, SHA256_SIZE) == 0) {
            return &climbs->known[i];
        }
    }
    return NULL;
}

/* Does the rest of this path follow the known way? The path must be right to its end, too: it is kept as evidence. `*from`: where to look on. */
static bool joins(const struct climb *known, size_t *from, const struct place *at, const uint8_t (*rest)[SHA256_SIZE], size_t count)
{
    while (*from < known->count && known->places[*from].level < at->level) {
        (*from)++;
    }
    const struct place *there = &known->places[*from];
    size_t left = known->count - *from;
    return there->level == at->level && there->node == at->node && left == count && memcmp(there->hash, at->hash, SHA256_SIZE) == 0 &&
           (count == 0 || memcmp(known->path[*from], rest, count * SHA256_SIZE) == 0);
}

static void keep(struct climb *made, uint64_t size, const uint8_t root[SHA256_SIZE], const uint8_t (*path)[SHA256_SIZE], size_t count)
{
    made->size = size;
    memcpy(made->root, root, SHA256_SIZE);
    made->count = count;
    if (count > 0) {
        memcpy(made->path, path, count * SHA256_SIZE);
    }
}

bool climb_verify_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[SHA256_SIZE], const uint8_t (*path)[SHA256_SIZE],
                            size_t count, const uint8_t root[SHA256_SIZE])
{
    struct climbs *climbs = climbs_of_thread();
    if (climbs == NULL || index >= size || count > STEPS_MAX) {
        return merkle_verify_inclusion(index, size, leaf, path, count, root);
    }
    const struct climb *known = find(climbs, size, root);
    struct climb *made = known == NULL ? &climbs->known[climbs->next] : NULL;
    struct place at = { .node = index, .last = size - 1 };
    size_t from = 0;
    memcpy(at.hash, leaf, SHA256_SIZE);
    if (made != NULL) {
        made->size = 0; /* until it has led to the root */
        made->places[0] = at;
    }
    for (size_t i = 0; i < count; i++) {
        if (known != NULL && joins(known, &from, &at, path + i, count - i)) {
            return true;
        }
        if (at.last == 0) {
            return false;
        }
        step(&at, path[i]);
        if (made != NULL) {
            made->places[i + 1] = at;
        }
    }
    bool ok = at.last == 0 && memcmp(at.hash, root, SHA256_SIZE) == 0;
    if (ok && made != NULL) {
        keep(made, size, root, path, count);
        climbs->next = (climbs->next + 1) % CLIMBS;
    }
    return ok;
}
