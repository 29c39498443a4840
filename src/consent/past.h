/*
 * The views of consents as they were at each place of the log, made again from the log's own consent events: what an auditor decides on.
 * Holds what it was given in memory: some hundred bytes a record. Pure but for memory; one thread.
 */
#ifndef COMITY_CONSENT_PAST_H
#define COMITY_CONSENT_PAST_H

#include "base/disk.h"
#include "consent/consent.h"

/* Older views of one key than so many are forgotten: what overtook them was logged long before. */
enum { CONSENT_HISTORY_VERSIONS = 32 };

struct consent_history;
must_check struct consent_history *consent_history_make(void);
void consent_history_free(struct consent_history *history); /* NULL is allowed */

/* All that one key's view ever was, newest first. Lives with the history; a version may go when its key is changed. */
struct consent_version {
    struct consent_view *view; /* NULL: before the first event */
    uint8_t digest[SHA256_SIZE];
    uint64_t entry; /* of the event that made it; 0 before the first */
};
struct consent_past {
    struct consent_version versions[CONSENT_HISTORY_VERSIONS];
    size_t count; /* at least 1 */
};

/* Is it the text of an event that consent_history_add() takes, a consent's or a person's, or that of a batch? */
bool consent_history_takes(struct bytes text);
/* Is it that of a batch of imported records? Then consent_history_add_batch() takes it. */
bool consent_history_is_batch(struct bytes text);
/*
 * Takes the text of such an event, entry `entry` of the log; events come in the log's order. `*changed` (may be NULL) is the key it was
 * about, with views that live until the next call; without recipient and purpose, all keys of that person. Its person is empty when nothing
 * changed: the same event was there before (docs/formats/events.md, "Twice"). ERROR_INPUT: it is no such event, or about a record that none gave.
 */
must_check bool consent_history_add(struct consent_history *history, struct bytes text, uint64_t entry, struct consent_key *changed,
                                    struct error *e);
/* A key that changed, as consent_history_add() tells it. False: out of memory. */
typedef bool consent_history_each(void *context, const struct consent_key *changed);
/*
 * Takes a batch of imported records, whose texts are in the private folder `private` (NULL: not at hand, ERROR_ABSENT), and checks them against the
 * root in the event. Records of persons who were erased are passed over. ERROR_INPUT: they are not those of the event.
 */
must_check bool consent_history_add_batch(struct consent_history *history, struct bytes text, uint64_t entry, struct disk *private,
                                          consent_history_each *each, void *context, struct error *e);
/* NULL when no event was about it: its view is empty and always was. */
const struct consent_past *consent_history_find(const struct consent_history *history, const struct consent_key *key);
/* The version with this digest: the newest one that has it; NULL when none does. */
const struct consent_version *consent_past_find(const struct consent_past *past, const uint8_t digest[SHA256_SIZE]);

#endif
