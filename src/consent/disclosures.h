/*
 * The disclosures of a log: what left this gateway about a person, to whom, read from the log itself (PIPL Art. 44 and 55; GDPR Art. 15 1 c, 19, 33). An
 * answer is a disclosure when it released at least one category about a person; the decision before it says about whom, and why.
 */
#ifndef COMITY_CONSENT_DISCLOSURES_H
#define COMITY_CONSENT_DISCLOSURES_H

#include "base/arena.h"
#include "evidence/log.h"

/* Views, which live until the callback returns; empty where nothing was said. */
struct disclosure {
    uint64_t decision_entry, answer_entry;
    int64_t time_ms;       /* of the answer's entry */
    struct bytes exchange; /* its id */
    struct bytes person;   /* the holder's identifier of the person: never in a diagnostic */
    struct bytes client, service, purpose;
    struct bytes gateway;    /* the origin of the gateway that asked */
    struct bytes released;   /* category IRIs, joined by ", " */
    struct bytes conditions; /* the answer's Comity-Conditions, as signed */
    struct bytes consents;   /* ids of the records that it stands on, joined by ", "; empty: another basis */
};
/* What an answer's statement says in Comity-Conditions: a view into it; empty: nothing. */
struct bytes disclosure_conditions(struct bytes statement);
/* False stops, which is no error. */
typedef bool disclosures_each(void *context, const struct disclosure *disclosure);

enum { DISCLOSURES_BEFORE = 65536 };

/*
 * Follows a log, entry by entry, and remembers the decisions that wait for their answer: at most those of the last DISCLOSURES_BEFORE entries, each
 * with its text. One thread at a time.
 */
struct disclosures;
struct disclosures *disclosures_make(void);             /* NULL: out of memory */
void disclosures_free(struct disclosures *disclosures); /* NULL is allowed */
/* The next entry of the log. `*is_one`: it is the answer that makes a disclosure, whose views live until the next call. Erased entries say nothing. */
must_check bool disclosures_take(struct disclosures *disclosures, const struct log_entry *entry, struct disclosure *out, bool *is_one,
                                 struct error *e);

/*
 * All disclosures whose answers are among the entries from `from` up to, without, `to`, in the log's order. Decisions up to DISCLOSURES_BEFORE entries
 * before `from` are found. Memory: the text of each decision that is still without an answer. Entries that were erased or pruned say nothing.
 * Blocks; the reader's thread. ERROR_INPUT: an entry is damaged.
 */
must_check bool disclosures_scan(struct log_reader *reader, uint64_t from, uint64_t to, disclosures_each *each, void *context,
                                 struct error *e);
/* The one that this decision (an entry of the log) with this answer makes. `*is_one` false: it is none. The views live in `arena`. */
must_check bool disclosure_read(struct log_reader *reader, uint64_t decision, uint64_t answer, struct arena *arena, struct disclosure *out,
                                bool *is_one, struct error *e);

#endif
