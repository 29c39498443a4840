/* The consents in memory: looking up, and the moment of release. */
#include "consent/consent_internal.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/metrics.h"

/* After so many tries that a change ran into, the next one keeps changes from overtaking. */
enum { LOAD_TRIES_MAX = 8 };

static struct metric finds_hit = {
    .name = "comity_consent_finds_total", .labels = "result=\"hit\"", .help = "Lookups of consents in memory.", .kind = METRIC_COUNTER
};
static struct metric finds_miss = {
    .name = "comity_consent_finds_total", .labels = "result=\"miss\"", .help = "Lookups of consents in memory.", .kind = METRIC_COUNTER
};
static struct metric evictions = { .name = "comity_consent_evictions_total",
                                   .labels = "",
                                   .help = "Consents forgotten by the cache for want of room.",
                                   .kind = METRIC_COUNTER };
static struct metric overtaken = { .name = "comity_consent_overtaken_releases_total",
                                   .labels = "",
                                   .help = "Releases that were stopped because a consent changed after the decision.",
                                   .kind = METRIC_COUNTER };

static bool init_locks(struct consents *consents)
{
    if (pthread_mutex_init(&consents->changing, NULL) != 0) {
        return false;
    }
    if (pthread_mutex_init(&consents->overtaking, NULL) != 0) {
        (void)pthread_mutex_destroy(&consents->changing);
        return false;
    }
    if (pthread_mutex_init(&consents->mutex, NULL) != 0) {
        (void)pthread_mutex_destroy(&consents->overtaking);
        (void)pthread_mutex_destroy(&consents->changing);
        return false;
    }
    if (!logging_init(consents)) {
        (void)pthread_mutex_destroy(&consents->mutex);
        (void)pthread_mutex_destroy(&consents->overtaking);
        (void)pthread_mutex_destroy(&consents->changing);
        return false;
    }
    return true;
}

bool consents_open(struct consents **out, struct store *store, struct committer *committer, size_t cache_max, struct error *e)
{
    *out = NULL;
    struct consents *consents = calloc(1, sizeof *consents);
    if (consents == NULL || !init_locks(consents)) {
        free(consents);
        return error_memory(e, "consents");
    }
    consents->store = store;
    consents->committer = committer;
    if (!consent_cache_init(&consents->cache, cache_max == 0 ? CONSENT_CACHE_DEFAULT : cache_max)) {
        (void)error_memory(e, "consents");
        goto fail;
    }
    struct metric *metrics[] = { &finds_hit, &finds_miss, &evictions, &overtaken };
    for (size_t i = 0; i < COUNT_OF(metrics); i++) {
        metric_register(metrics[i]);
    }
    if (committer != NULL && !logging_run(consents, INT64_MAX, NULL, 0, NULL, e)) {
        goto fail;
    }
    *out = consents;
    return true;
fail:
    consents_close(consents);
    return false;
}

void consents_close(struct consents *consents)
{
    if (consents == NULL) {
        return;
    }
    consent_cache_clear(&consents->cache);
    logging_clear(consents);
    (void)pthread_mutex_destroy(&consents->mutex);
    (void)pthread_mutex_destroy(&consents->overtaking);
    (void)pthread_mutex_destroy(&consents->changing);
    free(consents);
}

static struct consent_view *keep(struct cached_view *cached)
{
    (void)atomic_fetch_add_explicit(&cached->view.reference_count, 1, memory_order_relaxed);
    return &cached->view;
}

struct consent_view *consents_find(struct consents *consents, const struct consent_key *key)
{
    uint64_t hash = consent_cache_hash(&consents->cache, key);
    (void)pthread_mutex_lock(&consents->mutex);
    struct cached_view *found = consent_cache_find(&consents->cache, key, hash);
    struct consent_view *view = found != NULL ? keep(found) : NULL;
    (void)pthread_mutex_unlock(&consents->mutex);
    metric_add(view != NULL ? &finds_hit : &finds_miss, 1);
    return view;
}

/*
 * One try. `*out` stays NULL when a change came between: what was read may be from before it, and a view that enters the cache after
 * a change must have seen it. A change commits before it overtakes, and a read begins with what is committed: when the generation stayed
 * the same, all that overtook earlier was seen, and what overtakes later finds the view in the cache.
 */
static bool load_once(struct consents *consents, const struct consent_key *key, uint64_t hash, struct consent_view **out, struct error *e)
{
    const uint64_t *generation = &consents->generations[hash % CONSENT_GENERATIONS];
    struct cached_view *made = NULL;
    size_t evicted = 0;
    (void)pthread_mutex_lock(&consents->mutex);
    uint64_t before = *generation;
    (void)pthread_mutex_unlock(&consents->mutex);
    if (!records_load_view(consents, key, hash, &made, e)) {
        return false;
    }
    (void)pthread_mutex_lock(&consents->mutex);
    if (*generation == before) {
        struct cached_view *found = consent_cache_find(&consents->cache, key, hash);
        if (found == NULL) {
            evicted = consent_cache_insert(&consents->cache, made);
            found = made;
            made = NULL;
        }
        *out = keep(found);
    }
    (void)pthread_mutex_unlock(&consents->mutex);
    if (evicted > 0) {
        metric_add(&evictions, (int64_t)evicted);
    }
    consent_view_release(made != NULL ? &made->view : NULL);
    return true;
}

bool consents_load(struct consents *consents, const struct consent_key *key, struct consent_view **out, struct error *e)
{
    *out = NULL;
    uint64_t hash = consent_cache_hash(&consents->cache, key);
    for (int i = 0; i < LOAD_TRIES_MAX; i++) {
        if (!load_once(consents, key, hash, out, e)) {
            return false;
        }
        if (*out != NULL) {
            return true;
        }
    }
    (void)pthread_mutex_lock(&consents->overtaking); /* not `changing`: its holder may be waiting for the database */
    bool ok = load_once(consents, key, hash, out, e);
    (void)pthread_mutex_unlock(&consents->overtaking);
    return ok;
}

static bool are_current(struct consent_view *const *views, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (views[i] != NULL && !views[i]->is_current) {
            return false;
        }
    }
    return true;
}

bool consents_release(struct consents *consents, struct consent_view *const *views, size_t count, struct commit_entry *entry,
                      bool *is_overtaken, struct error *e)
{
    bool ok = false;
    *is_overtaken = false;
    if (consents->committer == NULL) {
        return error_set(e, ERROR_DENIED, "consents", NULL, "they are open for reading only: nothing is released on them");
    }
    (void)pthread_mutex_lock(&consents->mutex);
    if (are_current(views, count)) {
        ok = committer_submit(consents->committer, entry, e);
    } else {
        *is_overtaken = true;
    }
    (void)pthread_mutex_unlock(&consents->mutex);
    if (*is_overtaken) {
        metric_add(&overtaken, 1);
        return error_set(e, ERROR_DENIED, "consents", "decide again", "a consent changed after the decision");
    }
    return ok;
}
