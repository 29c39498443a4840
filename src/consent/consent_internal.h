/* What the files of this part share: the consents in memory, and the rows behind them. */
#ifndef COMITY_CONSENT_CONSENT_INTERNAL_H
#define COMITY_CONSENT_CONSENT_INTERNAL_H

#include <pthread.h>

#include "consent/cache_internal.h"
#include "consent/consent.h"
#include "consent/counters.h"
#include "consent/names_internal.h"

/* The end of the year 9999: the last that RFC 3339 can say. */
#define CONSENT_TIME_MS_MAX INT64_C(253402300799999)
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
    consent_listener *listener;  /* NULL: nobody listens */
    struct disk *private;        /* where imported records are; NULL: not at hand */
    pthread_mutex_t changing;
    pthread_mutex_t mutex;
    struct notices *notices; /* swapped under `mutex` by whoever holds `changing` (notice_store.c); never NULL once open */
    struct consent_cache cache;
    struct names names;
    struct counters *counters; /* NULL: reading only */
    /* How many of this part's own entries came back from the log; used by whoever holds `changing`. */
    pthread_mutex_t notified_mutex;
    pthread_cond_t notified_more;
    size_t notified;
};

/* machine.c: what `state` is at `now_ms`: what is no end expires by the clock. */
enum consent_state consent_state_at(enum consent_state state, int64_t valid_until_ms, int64_t now_ms);

/*
 * machine.c: may this role do that to a record? NULL: yes; else the reason. `record` is who gave the record that is changed; a representative
 * is registered for the person, and now.
 */
const char *consent_role_reason(enum consent_event event, enum consent_role role, enum consent_role record, bool is_registered,
                                bool has_died);

/* A record and what of it changes: what an event says. Views. */
struct consent_change {
    enum consent_event event;
    int64_t number; /* of the record */
    struct bytes id, prev;
    bool has_prev_digest;
    uint8_t prev_digest[SHA256_SIZE]; /* of the record `prev` as it then stood */
    struct consent_key key;
    const struct consent_decision *decisions; /* with their new states and dates; record_id unused */
    size_t count;
    const struct notice *notice;       /* with what is asked and decided; NULL: none was shown */
    const struct consent_terms *terms; /* with `notice` */
    bool is_minor;                     /* the person was, or was treated as one */
    int64_t decided_ms;                /* of what came from elsewhere: when the person decided, as they say there; 0: it is not said */
    const struct consent_act *act;     /* NULL: nobody was named */
    int64_t time_ms;
};
/* The numbers of a new row. */
struct consent_row {
    int64_t person, recipient, purpose, terms; /* terms 0: none */
    int64_t decided;                           /* the sequence of the event that decides; 0: it only asks */
    int64_t categories[CONSENT_CATEGORIES_MAX];
    const uint8_t *digest; /* NULL: none yet */
    bool wakes_early;      /* its end is looked for from the beginning of that day on: sweep.c */
};
/* What says what holds from then on: by whom, from when, on which terms. */
bool consent_event_decides(enum consent_event event);
/* event.c: the event's text (docs/formats/events.md). */
void consent_event_write(const struct consent_change *change, int64_t sequence, struct buffer *out);
/* The lines that say who did it and how. NULL: none. */
void consent_act_write(const struct consent_act *act, struct buffer *out);

/* transaction.c: "c-" or another prefix and 32 hex digits. */
void consent_make_id(const char *prefix, char id[CONSENT_ID_SIZE]);
/* UTF-8 of 1 to `size_max` bytes without control characters. */
bool consent_is_plain(struct bytes text, size_t size_max, bool allows_space);

/*
 * A change: rows and events in one transaction of the store, then the log, then what was overtaken. Changes come one after the other: from
 * transaction_begin() to transaction_end(), both of one thread, nobody else changes anything. What `arena` holds lives until transaction_clear().
 */
struct transaction {
    struct consents *consents;
    struct arena arena;
    int64_t now_ms;
    int64_t first_sequence;   /* 0: nothing was written yet */
    struct consent_key *keys; /* what it overtakes; one without recipient and purpose: all of that person */
    size_t key_count, key_room;
    bool is_pending; /* it gives or resumes: not in force before it is in the log */
    enum consent_event last;
};
/* On failure nothing is begun, and transaction_clear() may follow. ERROR_DENIED: opened for reading only. */
must_check bool transaction_begin(struct transaction *t, struct consents *consents, struct error *e);
/* Writes a record (`is_new`) or what changes of one, and the event. Texts of `change` are copied as far as they are needed later. */
must_check bool transaction_add(struct transaction *t, struct consent_change *change, bool is_new, struct error *e);
/* Writes an event of a person, whose text `write` appends behind `sequence`. Overtakes all views of the person. */
must_check bool transaction_add_person(struct transaction *t, struct bytes person, int event, bool is_pending,
                                       void (*write)(const void *context, int64_t sequence, struct buffer *out), const void *context,
                                       struct error *e);
/* Tells the listener of a person's event, record by record of what is given. */
must_check bool transaction_tell_person(struct transaction *t, struct bytes person, const char *event, bool is_begin, struct error *e);
/*
 * Ends it. `ok` false: everything is undone, and false returned. Else commits and logs; `*last_index` (may be NULL) is where the last event went,
 * UINT64_MAX when there was none.
 */
must_check bool transaction_end(struct transaction *t, bool ok, uint64_t *last_index, struct error *e);
void transaction_clear(struct transaction *t);

/* records.c: rows. Those that write are called inside a transaction. */
/* `view` is zeroed; what it has is on the heap. */
must_check bool records_load_view(struct consents *consents, const struct consent_key *key, struct consent_view *view, struct error *e);
/* Numbers and writes a record with its decisions; sets change->number. */
must_check bool records_add(struct store *store, struct consent_change *change, struct error *e);
must_check bool records_next_number(struct store *store, int64_t *number, struct error *e);
/* Writes one whose number and digest are known. */
must_check bool records_insert(struct store *store, const struct consent_change *change, const struct consent_row *row, struct error *e);
/* Writes changed decisions, which all have the record's one span of time; of an event that decides, the record's terms as well. */
must_check bool records_update(struct store *store, const struct consent_change *change, struct error *e);
/*
 * What an event with this text does to the record as a whole. The record by which something was last decided speaks in a view: in the order of
 * `decided` (the event's sequence; 0: it decides nothing). The record's digest goes on: SHA-256 of the one before and that of the text.
 */
must_check bool records_note_event(struct store *store, int64_t number, int64_t decided, struct bytes text, struct error *e);
void consent_digest_add(const uint8_t *before, struct bytes text, uint8_t digest[SHA256_SIZE]);
/* An event, still without its place in the log. `record` 0: one of `person`. */
must_check bool records_next_sequence(struct store *store, int64_t *sequence, struct error *e);
must_check bool records_add_event(struct store *store, int64_t sequence, int64_t record, struct bytes person, int event, struct bytes text,
                                  struct error *e);
/* The newest record of this key; `*id` is BYTES_NONE when there is none, and a record from before digests has none. */
must_check bool records_find_newest(struct store *store, const struct consent_key *key, struct arena *arena, struct bytes *id,
                                    bool *has_digest, uint8_t digest[SHA256_SIZE], struct error *e);

/* A record as it is read for a change; lives in an arena. */
struct record {
    struct record *next;
    int64_t number;
    struct bytes id;
    struct consent_key key;
    struct consent_decision *decisions;
    size_t count;
    struct consent_terms terms; /* all zero: none */
    bool is_decided;            /* not only asked for */
    bool has_digest;
    uint8_t digest[SHA256_SIZE];
};
/* By id (ERROR_ABSENT if there is none), or all of a person with a category that isn't final (NULL if there is none). */
must_check bool records_find(struct consents *consents, struct bytes id, struct arena *arena, struct record **out, struct error *e);
must_check bool records_find_open(struct consents *consents, struct bytes person, struct arena *arena, struct record **out,
                                  struct error *e);
/* Did this key's person refuse this category since then? */
must_check bool records_find_refusal(struct store *store, const struct consent_key *key, struct bytes category, int64_t since_ms,
                                     bool *is_refused, struct error *e);
/* The texts of a record's events, in their order. */
struct event_row {
    int64_t sequence;
    struct bytes text;
    uint64_t log_index; /* UINT64_MAX: not in the log yet */
};
must_check bool records_find_events(struct store *store, int64_t record, struct arena *arena, struct event_row **out, size_t *count,
                                    struct error *e);
/* What is known of a person, for a view: by the newest event that is in the log, and of what came after it what forbids. */
must_check bool records_read_person(struct store *store, struct bytes person, struct consent_person *out, struct error *e);
/* The same for a change, inside its transaction: by the newest event; and setting it, with that event. */
must_check bool records_find_person(struct store *store, struct bytes person, struct consent_person *out, struct error *e);
must_check bool records_set_person(struct store *store, struct bytes person, const struct consent_person *facts, struct error *e);
/* Where the first withdrawal of this record (or of this category of it) stands in the log; UINT64_MAX if nowhere. */
must_check bool records_find_withdrawal(struct store *store, int64_t number, struct bytes category, uint64_t *log_index, struct error *e);

/* answer.c: the notice, if it may be answered now; NULL and an error otherwise. */
const struct notice *consent_check_notice(const struct consent_rules *rules, const struct notice *notice, struct consent_receipt *receipt,
                                          struct error *e);

/* import.c: `event` of a batch's row among the events. */
enum { CONSENT_EVENT_IMPORT = 64 };
/*
 * The text of the event that gave an imported record, appended; `*is_imported` false, and nothing: it is no imported one. After an erasure it is what
 * was left without the person's name.
 */
must_check bool imports_text(struct consents *consents, struct bytes id, int64_t *number, struct buffer *text, uint64_t *log_index,
                             bool *is_imported, struct error *e);
/* At a start: files of batches that were never committed go. */
must_check bool imports_clean(struct consents *consents, struct error *e);

/* change.c: what changes share. */
void change_begin_receipt(struct consent_receipt *receipt);
/* Sets the receipt's reason and an error that ends with it; returns false. `code` is static. */
bool change_deny(struct consent_receipt *receipt, const char *code, struct error *e, const char *where, const char *todo, const char *what);
/* Which record of the same key came before, and its digest as it then stood. */
must_check bool change_find_prev(struct transaction *t, struct consent_change *change, struct error *e);
/* Is it still the record that was looked at? NULL: any. */
must_check bool change_check_expected(const struct record *record, const uint8_t *expected, struct consent_receipt *receipt,
                                      struct error *e);

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
struct logging_change {
    int64_t first_sequence; /* INT64_MAX: there is none */
    const struct consent_key *keys;
    size_t key_count;
    struct bytes changes; /* of the store's rows, to be kept beside the first event; empty: the store is durable */
};
must_check bool logging_run(struct consents *consents, const struct logging_change *change, uint64_t *last_index, struct error *e);

/*
 * recovery.c: brings the store up to the log, by the changes that lie there beside the events. From the entry on up to which the store has counted:
 * what it holds of the log is always a beginning of it. ERROR_INPUT: an event is in the log that the store lacks and that has no changes beside it.
 */
must_check bool recovery_run(struct store *store, struct disk *public, struct disk *private, struct error *e);
/* notice_store.c: reads what was published, and logs what a crash left out. */
must_check bool notice_store_open(struct consents *consents, struct error *e);
bool logging_init(struct consents *consents);
void logging_clear(struct consents *consents);
/* Makes all views of these keys' persons old. Takes `mutex` itself. */
void consents_overtake(struct consents *consents, const struct consent_key *keys, size_t count);

#endif
