/* How consent events come into the log, in their order. */
#include "consent/consent_internal.h"

#include <stdlib.h>

#include "base/diag.h"

/*
 * An event's entry has a mailbox to itself: it is notified once, and after that the committer knows nothing of it. With one for all, an
 * entry could be taken out before its notification, and that come when the consents are closed.
 */
struct event_entry {
    struct commit_entry entry;
    struct mailbox mailbox;
};

static void notify(void *context)
{
    struct consents *consents = context;
    (void)pthread_mutex_lock(&consents->notified_mutex);
    consents->notified++;
    (void)pthread_cond_signal(&consents->notified_more);
    (void)pthread_mutex_unlock(&consents->notified_mutex);
}

bool logging_init(struct consents *consents)
{
    if (pthread_mutex_init(&consents->notified_mutex, NULL) != 0) {
        return false;
    }
    if (pthread_cond_init(&consents->notified_more, NULL) != 0) {
        (void)pthread_mutex_destroy(&consents->notified_mutex);
        return false;
    }
    return true;
}

void logging_clear(struct consents *consents)
{
    (void)pthread_cond_destroy(&consents->notified_more);
    (void)pthread_mutex_destroy(&consents->notified_mutex);
}

static void overtake_locked(struct consents *consents, const struct consent_key *keys, size_t count)
{
    struct cache_place place;
    for (size_t i = 0; i < count; i++) {
        consent_cache_place(&consents->cache, &keys[i], &place);
        consent_cache_begin_change(&consents->cache, &place);
        consent_cache_end_change(&consents->cache, &place);
    }
}

void consents_overtake(struct consents *consents, const struct consent_key *keys, size_t count)
{
    (void)pthread_mutex_lock(&consents->mutex);
    overtake_locked(consents, keys, count);
    (void)pthread_mutex_unlock(&consents->mutex);
}

/* After older events were logged: rare, and which keys they were about isn't at hand. */
static void overtake_all(struct consents *consents)
{
    (void)pthread_mutex_lock(&consents->mutex);
    consent_cache_overtake_all(&consents->cache);
    (void)pthread_mutex_unlock(&consents->mutex);
}

/*
 * The moment of the change: releases that are in the queue by now stand before its events in the log, and those that come later
 * find their views overtaken. Returns how many the committer took.
 */
static size_t submit(struct consents *consents, struct event_entry *entries, size_t count, const struct consent_key *keys, size_t key_count,
                     struct error *e)
{
    size_t taken = 0;
    (void)pthread_mutex_lock(&consents->mutex);
    overtake_locked(consents, keys, key_count);
    while (taken < count && committer_submit(consents->committer, &entries[taken].entry, e)) {
        taken++;
    }
    (void)pthread_mutex_unlock(&consents->mutex);
    return taken;
}

/* Waits for all that were submitted, and tells each event where it went. Returns how many were logged. */
static size_t wait_for(struct consents *consents, struct event_entry *entries, size_t count)
{
    (void)pthread_mutex_lock(&consents->notified_mutex);
    while (consents->notified < count) {
        committer_wait(consents->committer, &consents->notified_more, &consents->notified_mutex);
    }
    consents->notified = 0;
    (void)pthread_mutex_unlock(&consents->notified_mutex);
    size_t logged = 0;
    for (size_t i = 0; i < count; i++) {
        struct commit_entry *done = mailbox_take(&entries[i].mailbox);
        struct pending_event *event = done->owner;
        event->is_logged = !done->has_failed;
        event->log_index = done->record.index;
        logged += event->is_logged;
        shared_checkpoint_release(done->checkpoint);
    }
    return logged;
}

/* Submits events that may stand in any order among themselves, waits, and notes in the store where they went. */
static bool append(struct consents *consents, struct pending_event *events, size_t count, const struct logging_change *change,
                   struct error *e)
{
    struct event_entry *entries = calloc(count, sizeof *entries);
    if (entries == NULL) {
        consents_overtake(consents, change->keys, change->key_count);
        return error_memory(e, "consents");
    }
    for (size_t i = 0; i < count; i++) {
        entries[i].mailbox.notify = notify;
        entries[i].mailbox.context = consents;
        entries[i].entry.record.kind = RECORD_EVENT;
        entries[i].entry.record.statement = events[i].payload;
        entries[i].entry.mailbox = &entries[i].mailbox;
        entries[i].entry.owner = &events[i];
    }
    entries[0].entry.record.attachment = change->changes;
    size_t taken = submit(consents, entries, count, change->keys, change->key_count, e);
    size_t logged = wait_for(consents, entries, taken);
    free(entries);
    if (logged > 0) {
        struct error stored;
        if (!records_set_logged(consents->store, events, count, &stored)) {
            /* They are in the log; they will be there a second time, which an event's sequence number shows. */
            diag_error(DIAG_WARN, "consent", "where a consent event stands in the log could not be stored", &stored);
            return error_set(e, stored.kind, stored.where, stored.todo, "%s", stored.what);
        }
    }
    if (taken == count && logged < count) {
        return error_set(e, ERROR_IO, "evidence log", "see the log's own message, then check its disk",
                         "the log did not take a consent event");
    }
    return taken == count;
}

bool logging_run(struct consents *consents, const struct logging_change *change, uint64_t *last_index, struct error *e)
{
    static const struct logging_change none;
    struct arena arena = { 0 };
    struct pending_event *events = NULL;
    size_t count = 0, older = 0;
    bool ok = records_find_unlogged(consents->store, &arena, &events, &count, e);
    /* No rows lie beside older ones: once they are in the log, a power cut must not take them from the store. */
    ok = ok && (count == 0 || events[0].sequence >= change->first_sequence || store_sync(consents->store, e));
    /* One by one: if one fails, none that came after it may stand before it. */
    while (ok && older < count && events[older].sequence < change->first_sequence) {
        ok = append(consents, &events[older], 1, &none, e);
        older++;
    }
    if (older > 0) {
        overtake_all(consents);
    }
    if (ok && older < count) {
        ok = append(consents, &events[older], count - older, change, e);
    } else {
        consents_overtake(consents, change->keys, change->key_count);
    }
    if (ok && count > 0) {
        if (last_index != NULL) {
            *last_index = events[count - 1].log_index;
        }
        consents_overtake(consents, change->keys, change->key_count); /* what was given is in force from here */
    }
    arena_clear(&arena);
    return ok;
}
