/*
 * The person's list of uses: what was asked about a person, what was decided, and what left. An index derived from the evidence log in
 * the background says only which entries are about a person and which answer belongs to which decision; what is shown is read from the
 * log when a list is asked for. It never stands in a message's way and can be rebuilt. In the table a person is the first half of
 * HMAC-SHA-256(key, identifier): the table alone names nobody.
 */
#ifndef COMITY_CONSENT_USES_H
#define COMITY_CONSENT_USES_H

#include "base/disk.h"
#include "store/store.h"

struct uses;
/*
 * Reads the log's two disks beside a running gateway; store and disks are borrowed and must outlive *out. The log needn't be there yet.
 * Makes the key at the first time.
 */
must_check bool uses_open(struct uses **out, struct store *store, struct disk *public, struct disk *private, struct error *e);
void uses_close(struct uses *uses); /* NULL is allowed */

/*
 * Takes up to `max_entries` more of the log's entries into the index; `*lag` (may be NULL): how many it still lacks. Blocks; one thread
 * at a time (a mutex inside), other processes may do the same. ERROR_INPUT: an entry is damaged; the index stops before it. An index
 * that is ahead of the log (a restored backup) is cut back to it.
 */
must_check bool uses_catch_up(struct uses *uses, size_t max_entries, uint64_t *lag, struct error *e);
/* Empties the index: the next uses_catch_up() begins at the log's first entry. */
must_check bool uses_rebuild(struct uses *uses, struct error *e);

/* Takes the person out of the index, whose entries were erased. */
must_check bool uses_forget(struct uses *uses, struct bytes person, struct error *e);

enum use_kind { USE_NONE = 0, USE_EXCHANGE = 1, USE_ANSWER = 2 /* private: never listed */, USE_CONSENT = 3, USE_ACCESS = 4 };

/* One exchange about the person, one consent event of the person's, or one look of the holder's staff at the person's data. Views; empty where nothing was said. */
struct use {
    enum use_kind kind;
    uint64_t entry;                /* of the decision, or of the consent event */
    uint64_t answer_entry;         /* of the answer; UINT64_MAX: none was logged (yet) */
    int64_t time_ms;               /* of the entry */
    struct bytes exchange;         /* the exchange's id; consent event: the record's id */
    struct bytes client;           /* who asked; consent event: the recipient; access: member/name */
    struct bytes service, purpose; /* access: service is the operation of the REST API */
    struct bytes verdict;          /* "permit", "refuse"; access: the role; consent event: "give", "refuse", "withdraw", "expire" */
    struct bytes reason;           /* the answer's, else the decision's */
    struct bytes permitted;        /* category IRIs that the decision let pass, joined by ", "; consent event: those given */
    struct bytes released;         /* what left, by the answer; empty without one */
    struct bytes withheld; /* "<iri>;reason=<code>" joined by ", ": the answer's, else the decision's; consent event: those not given */
    /* Of an exchange, as its decision says them. */
    struct bytes basis;         /* "<word> <iri>" for each released category, joined by ", " */
    struct bytes why;           /* "<reason> <iri>" for each withheld one: the whole reason, which the consumer was not told */
    struct bytes consents;      /* record ids, joined by ", " */
    struct bytes claim;         /* "vital": used without asking, on a claimed vital interest; empty: not claimed */
    struct bytes justification; /* what the consumer said of the claim */
};
/* False stops, which is no error. Other lists wait meanwhile; it must not ask for one itself. */
typedef bool uses_each(void *context, const struct use *use);
/*
 * What is in the index, newest last, one row an exchange. An unknown person has an empty list. Blocks, not for uses_catch_up(); any
 * thread, one list at a time (a mutex inside). ERROR_INPUT: an entry of the list is damaged in the log.
 */
must_check bool uses_list(struct uses *uses, struct bytes person, uses_each *each, void *context, struct error *e);
/* The same, the newest first, of the entries before `before` (UINT64_MAX: of all): for a page, whose cost is that of what is taken. */
must_check bool uses_list_back(struct uses *uses, struct bytes person, uint64_t before, uses_each *each, void *context, struct error *e);
/* The one whose entry (`struct use`) is `entry`: `each` is called once, or not at all when the person's list has none. */
must_check bool uses_find(struct uses *uses, struct bytes person, uint64_t entry, uses_each *each, void *context, struct error *e);

#endif
