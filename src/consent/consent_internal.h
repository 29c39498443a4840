/* What the files of this part share: the consents in memory, and the rows behind them. */
#ifndef COMITY_CONSENT_CONSENT_INTERNAL_H
#define COMITY_CONSENT_CONSENT_INTERNAL_H

#include <pthread.h>

#include "consent/cache_internal.h"
#include "consent/consent.h"

enum {
    CONSENT_CATEGORIES_MAX = 64,       /* of a record */
    CONSENT_VIEW_DECISIONS_MAX = 4096, /* of a view: all categories that a key's records ever spoke of */
    CONSENT_PERSON_BYTES_MAX = 128,
    CONSENT_IRI_BYTES_MAX = 512,
    CONSENT_MEMBER_BYTES_MAX = 512,
};

/*
 * Two locks, taken in this order. `changing` is held by a change from before its transaction until its events are in the log: changes
 * come one after the other, so store and log have them in the same order, and what is unlogged in the store is what failed, or what a
 * crash left. Its holder may wait for the database for seconds: only changes take it. `mutex` orders releases against changes: under it persons'
 * generations change and are compared, and nothing waits. The cache has locks of its own, which are taken last.
 */
struct consents {
    struct store *store;
    struct committer *committer; /* NULL: reading only */
    pthread_mutex_t changing;
    pthread_mutex_t mutex;
    struct consent_cache cache;
    /* How many of this part's own entries came back from the log; used by whoever holds `changing`. */
    pthread_mutex_t notified_mutex;
    pthread_cond_t notified_more;
    size_t notified;
};

/* machine.c: what `state` is at `now_ms`: given and paused expire by the clock. */
enum consent_state consent_state_at(enum consent_state state, int64_t valid_until_ms, int64_t now_ms);

/* A record and what of it changes: what an event says. Views. */
struct consent_change {
    enum consent_event event;
    int64_t number; /* of the record */
    struct bytes id, prev;
    struct consent_key key;
    const struct consent_decision *decisions; /* with their new states; record_id unused */
    size_t count;
    int64_t time_ms;
};
/* event.c: the event's text (docs/formats/events.md). */
void consent_event_write(const struct consent_change *change, int64_t sequence, struct buffer *out);

/* records.c: rows. Those that write are called inside a transaction. */
/* `view` is zeroed; what it has is on the heap. */
must_check bool records_load_view(struct consents *consents, const struct consent_key *key, struct consent_view *view, struct error *e);
/* Numbers and writes a record with its decisions; sets change->number and change->prev (in `arena`). */
must_check bool records_add(struct store *store, struct consent_change *change, struct arena *arena, struct error *e);
/* Writes changed decisions. */
must_check bool records_update(struct store *store, const struct consent_change *change, struct error *e);
/* Writes the event, still without its place in the log, and tells its sequence. */
must_check bool records_add_event(struct store *store, const struct consent_change *change, int64_t *sequence, struct error *e);

/* A record as it is read for a change; lives in an arena. */
struct record {
    struct record *next;
    int64_t number;
    struct bytes id;
    struct consent_key key;
    struct consent_decision *decisions;
    size_t count;
};
/* By id (ERROR_ABSENT if there is none), or all of a person with a category given or paused (NULL if there is none). */
must_check bool records_find(struct store *store, struct bytes id, struct arena *arena, struct record **out, struct error *e);
must_check bool records_find_open(struct store *store, struct bytes person, struct arena *arena, struct record **out, struct error *e);
/* Where the first withdrawal of this record (or of this category of it) stands in the log; UINT64_MAX if nowhere. */
must_check bool records_find_withdrawal(struct store *store, int64_t number, struct bytes category, uint64_t *log_index, struct error *e);

/* An event on its way into the log. */
struct pending_event {
    int64_t sequence;
    struct bytes payload;
    uint64_t log_index;
    bool is_logged;
};
must_check bool records_find_unlogged(struct store *store, struct arena *arena, struct pending_event **out, size_t *count, struct error *e);
must_check bool records_set_logged(struct store *store, const struct pending_event *events, size_t count, struct error *e);

/*
 * logging.c: puts into the log what the store has unlogged. Of those, events from `first_sequence` on are the present change's:
 * before they are submitted, and in the same moment, the views of `keys` are overtaken. The caller holds `changing`. On failure the
 * views are overtaken all the same, and the events stay unlogged until the next change or start. `last_index` (may be NULL): where
 * the last one went.
 */
must_check bool logging_run(struct consents *consents, int64_t first_sequence, const struct consent_key *keys, size_t key_count,
                            uint64_t *last_index, struct error *e);
bool logging_init(struct consents *consents);
void logging_clear(struct consents *consents);
/* Makes all views of these keys' persons old. Takes `mutex` itself. */
void consents_overtake(struct consents *consents, const struct consent_key *keys, size_t count);

#endif
