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
static struct metric exceeded = { .name = "comity_consent_exceeded_releases_total",
                                  .labels = "",
                                  .help = "Releases that were stopped because a limit was reached after the decision.",
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

bool consents_open(struct consents **out, const struct consents_options *options, struct error *e)
{
    *out = NULL;
    struct consents *consents = calloc(1, sizeof *consents);
    if (consents == NULL || !init_locks(consents)) {
        free(consents);
        return error_memory(e, "consents");
    }
    consents->store = options->store;
    consents->committer = options->committer;
    consents->listener = options->listener;
    consents->private = options->private;
    if (!consent_cache_init(&consents->cache, options->cache_max == 0 ? CONSENT_CACHE_DEFAULT : options->cache_max) ||
        !names_init(&consents->names, options->store)) {
        (void)error_memory(e, "consents");
        goto fail;
    }
    struct metric *metrics[] = { &finds_hit, &finds_miss, &evictions, &overtaken, &exceeded };
    for (size_t i = 0; i < COUNT_OF(metrics); i++) {
        metric_register(metrics[i]);
    }
    if (options->committer != NULL && !recovery_run(options->store, options->public, options->private, e)) {
        goto fail;
    }
    static const struct logging_change none = { .first_sequence = INT64_MAX };
    if ((options->committer != NULL && !imports_clean(consents, e)) || !notice_store_open(consents, e) ||
        (options->committer != NULL && (!counters_open(&consents->counters, options->store, options->public, options->private, e) ||
                                        !logging_run(consents, &none, NULL, e)))) {
        goto fail;
    }
    *out = consents;
    return true;
fail:
    consents_close(consents);
    return false;
}

bool consents_sync(struct consents *consents, struct error *e)
{
    return store_sync(consents->store, e);
}

struct counters *consents_counters(struct consents *consents)
{
    return consents->counters;
}

void consents_close(struct consents *consents)
{
    if (consents == NULL) {
        return;
    }
    notices_drop(consents->notices);
    counters_close(consents->counters);
    consent_cache_clear(&consents->cache);
    names_clear(&consents->names);
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

/* By whoever has the mutex. */
static enum consent_result release_locked(struct consents *consents, const struct consent_release *release, struct commit_entry *entry,
                                          struct error *e)
{
    const struct consent_view *view = release->view;
    if (view != NULL && (!view->is_read || !consent_cache_is_current(&consents->cache, view))) {
        (void)error_set(e, ERROR_DENIED, "consents", "decide again", "a consent changed after the decision");
        return CONSENT_OVERTAKEN;
    }
    if (release->counts != NULL && !counters_prepare_release(consents->counters, release->counts, NULL)) {
        (void)error_set(e, ERROR_DENIED, "consents", "refuse it", "a limit was reached after the decision");
        return CONSENT_EXCEEDED;
    }
    if (!committer_submit(consents->committer, entry, e)) {
        return CONSENT_UNLOGGED;
    }
    if (release->counts != NULL) {
        counters_count_release(consents->counters, release->counts);
    }
    return CONSENT_RELEASED;
}

bool consents_release(struct consents *consents, const struct consent_release *release, struct commit_entry *entry,
                      enum consent_result *result, struct error *e)
{
    *result = CONSENT_UNLOGGED;
    if (consents->committer == NULL) {
        return error_set(e, ERROR_DENIED, "consents", NULL, "they are open for reading only: nothing is released on them");
    }
    (void)pthread_mutex_lock(&consents->mutex);
    *result = release_locked(consents, release, entry, e);
    (void)pthread_mutex_unlock(&consents->mutex);
    if (*result == CONSENT_OVERTAKEN || *result == CONSENT_EXCEEDED) {
        metric_add(*result == CONSENT_OVERTAKEN ? &overtaken : &exceeded, 1);
    }
    return *result == CONSENT_RELEASED;
}
