#include "gateway/tally_internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct tally *tally_make(void)
{
    return calloc(1, sizeof(struct tally));
}

void tally_free(struct tally *tally)
{
    for (size_t i = 0; tally != NULL && i < TALLY_PEERS_MAX; i++) {
        free(atomic_load(&tally->peers[i].origin));
    }
    free(tally);
}

/* Open addressing by the key's first bytes, which are as good as random: most are found at once. */
static struct tally_peer *find(struct tally *tally, const struct verifier *peer)
{
    uint64_t key;
    memcpy(&key, peer->public_key, sizeof key);
    for (size_t i = 0; tally != NULL && i < TALLY_PEERS_MAX; i++) {
        struct tally_peer *slot = &tally->peers[(key + i) % TALLY_PEERS_MAX];
        if (atomic_load_explicit(&slot->origin, memory_order_relaxed) == NULL) {
            slot->key = key;
            char *origin = strdup(peer->name);
            atomic_store_explicit(&slot->origin, origin, memory_order_release); /* NULL: it stays free */
            return origin == NULL ? NULL : slot;
        }
        if (slot->key == key) {
            return slot;
        }
    }
    return NULL;
}

/* One writer: no read-modify-write is needed. */
static void count(_Atomic uint64_t *counter, _Atomic int64_t *at_ms, int64_t now_ms)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
    atomic_store_explicit(at_ms, now_ms, memory_order_relaxed);
}

void tally_answered(struct tally *tally, const struct verifier *peer, int64_t now_ms)
{
    struct tally_peer *slot = find(tally, peer);
    if (slot != NULL) {
        count(&slot->answered, &slot->answered_at_ms, now_ms);
    }
}

void tally_failed(struct tally *tally, const struct verifier *peer, int failure, int64_t now_ms)
{
    struct tally_peer *slot = find(tally, peer);
    if (slot != NULL) {
        atomic_store_explicit(&slot->failure, failure, memory_order_relaxed);
        count(&slot->failed, &slot->failed_at_ms, now_ms);
    }
}

void tally_heard(struct tally *tally, const struct verifier *peer, int64_t now_ms)
{
    struct tally_peer *slot = find(tally, peer);
    if (slot != NULL) {
        count(&slot->heard, &slot->heard_at_ms, now_ms);
    }
}
