/*
 * Erasing a person from the evidence log: finding every entry that says something about the person, and wiping what opens these
 * (evidence/log_erase.h). What happened stays proven; about whom, and what, opens to nobody here any more.
 */
#ifndef COMITY_CONSENT_ERASURE_H
#define COMITY_CONSENT_ERASURE_H

#include "consent/consent.h"
#include "consent/uses.h"
#include "evidence/committer.h"

/* Borrowed. `replay_window_ms`: decisions as young as twice that are what makes a replayed request known after a restart. */
struct erasure_log {
    struct disk *public;
    struct disk *private;
    struct committer *committer;
    int64_t replay_window_ms;
};

struct erasure {
    uint64_t *entries; /* that are open and about the person, ascending */
    size_t count;
    uint64_t event;   /* the first entry that says so; only after erasing */
    uint64_t records; /* of ended consents, in the database, that name the person no more; likewise */
};
void erasure_clear(struct erasure *erasure);

/*
 * Reads the whole log and finds: decisions and consent events that name the person, the answers to these decisions; requests that were sent or
 * refused before anything was decided and whose path (behind the service) or query has the identifier as a whole part, in whatever percent-encoding,
 * and the answers to these.
 */
must_check bool erasure_find(const struct erasure_log *log, struct bytes person, struct erasure *out, struct error *e);
/*
 * Finds, logs one event or more that says which, erases, and forgets the person in the index of uses and in the records of consents. After a crash in between it goes on when it
 * is called again. With `is_dry` it only finds. ERROR_DENIED: a consent of the person is in force, or a decision is too young.
 */
must_check bool erasure_run(const struct erasure_log *log, struct consents *consents, struct uses *uses, struct bytes person, bool is_dry,
                            struct erasure *out, struct error *e);

#endif
