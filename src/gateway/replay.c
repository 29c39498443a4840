#include "gateway/replay.h"

#include <pthread.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/random.h"

enum { SLOTS_MIN = 1024 };

/* One generation of ids: open addressing, 0 is an empty slot. */
struct ids {
    uint64_t *slots;
    size_t slot_count;
    size_t count;
    int64_t since_ms;
};

/*
 * Two generations, each as long as an id can be accepted (twice the window): when the younger is that old, the older holds nothing that
 * could still be inside the window, and takes over as the empty younger one.
 */
struct replay {
    pthread_mutex_t lock;
    struct ids young, old;
    int64_t window_ms;
    size_t count_max;
    uint64_t secret;
    int64_t floor_ms; /* what was stated before it may have been forgotten */
};

struct replay *replay_make(int64_t window_ms, size_t count_max)
{
    struct replay *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    if (pthread_mutex_init(&r->lock, NULL) != 0) {
        free(r);
        return NULL;
    }
    r->window_ms = window_ms;
    r->count_max = count_max == 0 ? 4000000 : count_max;
    random_fill(&r->secret, sizeof r->secret);
    return r;
}

void replay_begin(struct replay *replay, int64_t now_ms)
{
    (void)pthread_mutex_lock(&replay->lock);
    replay->floor_ms = now_ms - replay->window_ms;
    (void)pthread_mutex_unlock(&replay->lock);
}

void replay_free(struct replay *replay)
{
    if (replay != NULL) {
        free(replay->young.slots);
        free(replay->old.slots);
        (void)pthread_mutex_destroy(&replay->lock);
        free(replay);
    }
}

static bool has(const struct ids *ids, uint64_t id)
{
    if (ids->slot_count == 0) {
        return false;
    }
    for (size_t at = id & (ids->slot_count - 1); ids->slots[at] != 0; at = (at + 1) & (ids->slot_count - 1)) {
        if (ids->slots[at] == id) {
            return true;
        }
    }
    return false;
}

static void put(struct ids *ids, uint64_t id)
{
    size_t at = id & (ids->slot_count - 1);
    while (ids->slots[at] != 0) {
        at = (at + 1) & (ids->slot_count - 1);
    }
    ids->slots[at] = id;
    ids->count++;
}

/* Keeps the table at most half full. */
static bool make_room(struct ids *ids)
{
    if (ids->count * 2 < ids->slot_count) {
        return true;
    }
    struct ids larger = { .slot_count = ids->slot_count == 0 ? SLOTS_MIN : ids->slot_count * 2, .since_ms = ids->since_ms };
    larger.slots = calloc(larger.slot_count, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < ids->slot_count; i++) {
        if (ids->slots[i] != 0) {
            put(&larger, ids->slots[i]);
        }
    }
    free(ids->slots);
    *ids = larger;
    return true;
}

static void turn_over(struct replay *r, int64_t now_ms)
{
    int64_t age_ms = now_ms - r->young.since_ms;
    if (age_ms < 2 * r->window_ms && age_ms >= 0) {
        return;
    }
    /* A clock that jumped back keeps both: forgetting would open the window again. */
    if (age_ms < 0) {
        return;
    }
    if (r->old.count > 0 && r->floor_ms < now_ms - r->window_ms) {
        r->floor_ms = now_ms - r->window_ms; /* with a clock that goes on it is no bound at all */
    }
    free(r->old.slots);
    r->old = r->young;
    r->young = (struct ids){ .since_ms = now_ms };
}

enum replay_verdict replay_check(struct replay *replay, struct bytes id, int64_t created_s, int64_t now_ms)
{
    /* Compared as a difference of milliseconds, after a bound that keeps the product from overflowing. */
    if (created_s < 0 || created_s > INT64_MAX / 1000 || llabs(now_ms - created_s * 1000) > replay->window_ms) {
        return REPLAY_OUTSIDE_WINDOW;
    }
    uint64_t hash = XXH3_64bits_withSeed(id.data, id.size, replay->secret);
    hash = hash == 0 ? 1 : hash;
    enum replay_verdict verdict = REPLAY_FRESH;
    (void)pthread_mutex_lock(&replay->lock);
    turn_over(replay, now_ms);
    if (created_s * 1000 < replay->floor_ms) {
        verdict = REPLAY_OUTSIDE_WINDOW;
    } else if (has(&replay->young, hash) || has(&replay->old, hash)) {
        verdict = REPLAY_IS_SEEN;
    } else if (replay->young.count >= replay->count_max || !make_room(&replay->young)) {
        verdict = REPLAY_IS_FULL;
    } else {
        put(&replay->young, hash);
    }
    (void)pthread_mutex_unlock(&replay->lock);
    return verdict;
}
