/* The consents in memory: looking up, and the moment of release. */
#include "consent/consent_internal.h"

#include <stdlib.h>

#include "base/metrics.h"

/* So often a load that changes ran into looks again. */
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
    if (pthread_mutex_init(&consents->mutex, NULL) != 0) {
        (void)pthread_mutex_destroy(&consents->changing);
        return false;
    }
    if (!logging_init(consents)) {
        (void)pthread_mutex_destroy(&consents->mutex);
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
    if (!notice_store_open(consents, e) || (committer != NULL && !logging_run(consents, INT64_MAX, NULL, 0, NULL, e))) {
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
    notices_drop(consents->notices);
    consent_cache_clear(&consents->cache);
    logging_clear(consents);
    (void)pthread_mutex_destroy(&consents->mutex);
    (void)pthread_mutex_destroy(&consents->changing);
    free(consents);
}

bool consents_find(struct consents *consents, const struct consent_key *key, struct consent_room *room, struct consent_view *view)
{
    struct cache_place place;
    consent_cache_place(&consents->cache, key, &place);
    bool is_found = consent_cache_find(&consents->cache, key, &place, room, view);
    metric_add(is_found ? &finds_hit : &finds_miss, 1);
    return is_found;
}

/*
 * A read begins with what is committed, and a change commits before it overtakes: what is read after a generation was looked at has all that
 * overtook earlier. Whatever comes later makes another generation, and what was read is then current for nobody: handing it out is right (it
 * was so when it was asked for), releasing on it is not, and consents_release() sees to that. Looking again spares the caller a decision in vain.
 */
bool consents_load(struct consents *consents, const struct consent_key *key, struct consent_view *view, struct error *e)
{
    struct cache_place place;
    consent_cache_place(&consents->cache, key, &place);
    *view = (struct consent_view){ 0 };
    for (int i = 0; i < LOAD_TRIES_MAX; i++) {
        uint64_t generation = consent_cache_generation(&consents->cache, &place);
        consent_view_clear(view);
        if (!records_load_view(consents, key, view, e)) {
            return false;
        }
        view->generation = generation;
        view->place = place.generation;
        view->is_read = true;
        if (consent_cache_is_current(&consents->cache, view)) {
            size_t evicted = consent_cache_insert(&consents->cache, key, &place, generation, view);
            if (evicted > 0) {
                metric_add(&evictions, (int64_t)evicted);
            }
            break;
        }
    }
    return true;
}

bool consents_release(struct consents *consents, const struct consent_release *release, struct commit_entry *entry,
                      enum consent_result *result, struct error *e)
{
    const struct consent_view *view = release->view;
    *result = CONSENT_UNLOGGED;
    if (consents->committer == NULL) {
        return error_set(e, ERROR_DENIED, "consents", NULL, "they are open for reading only: nothing is released on them");
    }
    (void)pthread_mutex_lock(&consents->mutex);
    if (view != NULL && (!view->is_read || !consent_cache_is_current(&consents->cache, view))) {
        *result = CONSENT_OVERTAKEN;
    } else if (committer_submit(consents->committer, entry, e)) {
        *result = CONSENT_RELEASED;
    }
    (void)pthread_mutex_unlock(&consents->mutex);
    if (*result == CONSENT_OVERTAKEN) {
        metric_add(&overtaken, 1);
        return error_set(e, ERROR_DENIED, "consents", "decide again", "a consent changed after the decision");
    }
    return *result == CONSENT_RELEASED;
}
