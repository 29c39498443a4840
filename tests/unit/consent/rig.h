/* A store, a log and the consents between them, in a temporary folder: opened, closed and opened again as a gateway would. */
#ifndef COMITY_TESTS_RIG_H
#define COMITY_TESTS_RIG_H

#include "consent/consent.h"
#include "consent/uses.h"

struct rig {
    char folder[64];
    char store_url[96];
    struct disk *public;
    struct disk *private;
    struct signer *signer;
    struct log *log;
    struct committer *committer;
    struct store *store;
    struct consents *consents;
    size_t cache_max;
    size_t queue_max;
    bool has_faults; /* before rig_open(): puts a disk that can be full in front of the private one */
};

/* Makes the folder; `rig->cache_max` and `queue_max` are zero (defaults). Each ends the test when it fails. */
void rig_make(struct rig *rig);
void rig_open(struct rig *rig);
void rig_close(struct rig *rig);  /* what is open; the folder stays */
void rig_remove(struct rig *rig); /* closes, and removes the folder */

/* All entries of the log, in order, read through a reader; `rig` may be open or closed. Returns how many. */
typedef void rig_entry(void *context, const struct log_entry *entry);
uint64_t rig_read(struct rig *rig, rig_entry *each, void *context);

/* Appends one statement through the committer and waits; returns its index. */
uint64_t rig_append(struct rig *rig, enum record_kind kind, struct bytes statement);

/* A release on `view` that waits until it is durable: what a worker does. False: overtaken. `*index` may be NULL. */
bool rig_release(struct rig *rig, const struct consent_view *view, struct bytes statement, uint64_t *index);

/* The same of anything that a release stands on; what came of it. */
enum consent_result rig_release_counted(struct rig *rig, const struct consent_release *release, struct bytes statement, uint64_t *index);

/* What rig_check_order() counts. */
struct rig_order {
    uint64_t answers, events, twice; /* twice: events that a crash made the log hold two times */
    uint64_t faults;
};
/*
 * Reads the log and checks, as an auditor would: every answer (rig_answer()) stands behind the event that gave its consent, and no
 * withdrawal of that record, nor a refusal of its key, stands between; events of a record stand in the order of their sequence.
 */
struct rig_order rig_check_order(struct rig *rig);
/* The statement of an answer that rests on a consent. */
void rig_answer(struct buffer *out, struct bytes person, struct bytes record_id);

/* The private disk's writes fail with ENOSPC while this is true; set it before rig_open() to any value once `has_faults`. */
void rig_fill_disk(struct rig *rig, bool is_full);

/* Gives or refuses one category for a day from `now`; the id in `id`. */
bool rig_decide(struct rig *rig, const struct consent_key *key, const char *category, enum consent_event event, char id[CONSENT_ID_SIZE],
                struct error *e);
/* The state of a category now, by find or load as a worker does. */
enum consent_state rig_state(struct rig *rig, const struct consent_key *key, const char *category);

#endif
