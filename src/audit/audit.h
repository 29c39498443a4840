/*
 * Our log against a peer's: every exchange that one side has and the other lacks, numbers of requests that are missing, entries that receipts
 * speak of and the peer's log does not have, and every checkpoint of the peer that we ever saw against its log as it is now.
 *
 * What is found is told in three weights. Only a fault makes the audit fail: each is a contradiction between things that somebody signed, or
 * between what a side says now and what it signed. Requests and answers that got lost on the way are no faults.
 */
#ifndef COMITY_AUDIT_AUDIT_H
#define COMITY_AUDIT_AUDIT_H

#include "audit/peer_log.h"
#include "consent/exchanges.h"

enum audit_weight {
    AUDIT_LOST = 0, /* sent by one side, not there on the other: networks do that */
    AUDIT_UNCLEAR,  /* may be harmless: too new, a run that ended badly, an erased entry, a tile that could not be had */
    AUDIT_FAULT,
};
#define AUDIT_FINDINGS(X)                                                                                                                  \
    X(REQUEST_LOST, LOST, "request.lost", "we sent a request, and nothing of it came back or arrived")                                     \
    X(ANSWER_LOST, LOST, "answer.lost", "an answer was sent, and did not arrive")                                                          \
    X(REQUEST_DENIED, FAULT, "request.denied", "they do not list a request of theirs, for which we hold their receipt")                    \
    X(ANSWER_DENIED, FAULT, "answer.denied", "they do not list an answer of theirs, for which we hold their receipt")                      \
    X(ARRIVAL_DENIED, FAULT, "arrival.denied", "they answered a request, and do not list that it arrived")                                 \
    X(REQUEST_CLAIMED, FAULT, "request.claimed", "they list a request of ours that our log does not have")                                 \
    X(ANSWER_CLAIMED, FAULT, "answer.claimed", "they list an answer of ours that our log does not have")                                   \
    X(DIFFERENT, FAULT, "different", "the two logs have different statements of one message")                                              \
    X(CLOSED, UNCLEAR, "closed", "the entry was erased or lost on their side")                                                             \
    X(GAP, FAULT, "gap", "a number of theirs is in no request, here or there")                                                             \
    X(GAP_AT_END, UNCLEAR, "gap.at_end", "a number of theirs is missing near the end of a run: perhaps a crash, or still on its way")      \
    X(GAP_HERE, UNCLEAR, "gap.here", "a number of theirs did not arrive here; their list would say why")                                   \
    X(OWN_GAP, FAULT, "own.gap", "a number of ours is in no request of our log")                                                           \
    X(OWN_GAP_AT_END, UNCLEAR, "own.gap.at_end", "a number of ours is missing near the end of a run: perhaps a crash")                     \
    X(TWICE, FAULT, "number.twice", "two requests of theirs have the same number")                                                         \
    X(RECEIPT_BAD, FAULT, "receipt.bad", "a receipt that we keep does not prove its statement")                                            \
    X(ENTRY_GONE, FAULT, "entry.gone", "their log does not have the entry that their receipt proves")                                      \
    X(FORK, FAULT, "fork", "their log has another history than a checkpoint that they signed: proven")                                     \
    X(SHRUNK, FAULT, "shrunk", "their log is shorter than they have signed that it was")                                                   \
    X(UNREAD, UNCLEAR, "unread", "their log could not be read there, so nothing can be said")                                              \
    X(OWN_FORK, FAULT, "own.fork", "a statement of theirs names a checkpoint of ours that is not of our log")
enum audit_finding_kind {
#define X(name, weight, code, text) AUDIT_##name,
    AUDIT_FINDINGS(X)
#undef X
        AUDIT_FINDING_KINDS
};
const char *audit_code(enum audit_finding_kind kind);
const char *audit_text(enum audit_finding_kind kind);
enum audit_weight audit_weight(enum audit_finding_kind kind);

enum { AUDIT_DETAIL_SIZE = 192 };
struct audit_finding {
    enum audit_finding_kind kind;
    struct bytes exchange; /* empty: about none; lives until the callback returns */
    bool has_index, has_their_index;
    uint64_t index, their_index;
    char detail[AUDIT_DETAIL_SIZE]; /* may be empty */
};
typedef void audit_each(void *context, const struct audit_finding *finding);

/* The other side. */
struct audit_peer {
    const struct directory_gateway *gateway; /* whose statement key is its log's */
    struct peer_log *log;                    /* open; NULL: not at hand, then receipts are checked by themselves only */
    /*
     * Their list of exchanges, one page of lines from `after` on (0 first, when `since_ms` counts), appended to `out`. NULL: they give none.
     * ERROR_ABSENT: this gateway is of a version that has no list.
     */
    bool (*read_page)(void *context, int64_t since_ms, uint64_t after, struct buffer *out, struct error *e);
    void *context;
    /* Waits a moment before their log is read once more, which may be a second behind what it has signed. NULL: it is a copy, and doesn't grow. */
    void (*wait)(void *context);
};
/* Ours. */
struct audit_own {
    struct disk *public, *private;
    const struct verifier *key;
    struct bytes witnessed; /* the checkpoint of the peer that our witness cosigned last; empty: none */
};
struct audit_options {
    int64_t since_ms;
    audit_each *each;
    log_progress *progress; /* may be NULL */
    /* A proof of equivocation was found: the file's text. */
    void (*proven)(void *context, struct bytes a_note, struct bytes b_note, const struct peer_log_proof *proof);
    void *context;
};
struct audit_counts {
    uint64_t entries, exchanges; /* looked at in our log; of which with this peer */
    uint64_t sent, received;     /* requests */
    uint64_t receipts, checkpoints;
    uint64_t theirs; /* lines of their list */
    uint64_t findings[AUDIT_FINDING_KINDS];
    bool has_list, has_log;
};
/* False only when it could not be tried. */
must_check bool audit_run(const struct audit_own *own, const struct audit_peer *peer, const struct audit_options *options,
                          struct audit_counts *counts, struct error *e);
/* How many findings have at least this weight. */
uint64_t audit_count(const struct audit_counts *counts, enum audit_weight least);

#endif
