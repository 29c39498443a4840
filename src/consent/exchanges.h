/*
 * What of a log was between its gateway and one other: which entries are requests and answers of the two, by which numbers, and where the other
 * side's log has its part. What GET /evidence/exchanges answers, and what `comity log audit` compares. Pure but for memory.
 */
#ifndef COMITY_CONSENT_EXCHANGES_H
#define COMITY_CONSENT_EXCHANGES_H

#include "base/arena.h"
#include "directory/directory.h"
#include "evidence/log.h"

enum exchange_kind {
    EXCHANGE_NONE = 0,
    EXCHANGE_REQUEST_SENT,  /* to the other gateway */
    EXCHANGE_REQUEST_TAKEN, /* from it, with our decision */
    EXCHANGE_ANSWER_SENT,   /* to it */
    EXCHANGE_ANSWER_TAKEN,  /* from it */
    EXCHANGE_NUMBERS,       /* the last number of a run, and one that was not used */
    EXCHANGE_CLOSED,        /* an entry that was erased or lost: it may have been any of these */
};
const char *exchange_kind_name(enum exchange_kind kind);  /* "request-sent", "request-received", ... */
enum exchange_kind exchange_kind_find(struct bytes name); /* EXCHANGE_NONE: there is no such kind */

/* `<start>.<number>`; number 0: none. */
struct exchange_sequence {
    uint64_t start, number;
};
must_check bool exchange_sequence_parse(struct bytes text, struct exchange_sequence *out);

/* The origin of the log that a message's statement belongs to: a view into its last line; empty without one. */
struct bytes exchange_statement_origin(struct bytes statement);

/* One entry. Views into it. */
struct exchange_line {
    enum exchange_kind kind;
    uint64_t index; /* in this log */
    int64_t time_ms;
    struct bytes exchange;             /* its id */
    struct exchange_sequence sequence; /* of a request; EXCHANGE_NUMBERS: the last one, or the unused one */
    bool is_unused;                    /* EXCHANGE_NUMBERS */
    struct bytes statement;            /* the message's: an event has none */
    struct bytes receipt;              /* what came with it from the other side, as text; empty: it is ours */
};

struct exchanges;
/* `peer` and `address`es are borrowed. A request of an older log is known by its address among the peer's and the service's member. */
must_check bool exchanges_make(struct exchanges **out, const struct directory_gateway *peer, struct error *e);
void exchanges_free(struct exchanges *exchanges); /* NULL is allowed */
/*
 * What this entry has to do with the other gateway: `lines` (their number is returned; more than one only for the numbers of a run). The log's
 * entries come in order; those that an answer refers to a little earlier (EXCHANGES_BEFORE) are wanted as well, or it is known by the member
 * alone. False: out of memory.
 */
enum { EXCHANGES_BEFORE = 8192, EXCHANGES_NUMBERS_MAX = 4096 };
typedef bool exchanges_each(void *context, const struct exchange_line *line); /* false stops, which is a failure of the caller's */
must_check bool exchanges_read(struct exchanges *exchanges, const struct log_entry *entry, exchanges_each *each, void *context);

/* What of a line goes to the other side, or came from it. `exchange` lives with the line or with the arena. */
struct exchange_note {
    enum exchange_kind kind;
    uint64_t index;
    int64_t time_ms;
    struct bytes exchange;
    struct exchange_sequence sequence;
    bool is_unused, has_digest, has_receipt;
    uint8_t digest[SHA256_SIZE]; /* of the message's statement */
    uint64_t receipt_index;      /* of the statement in the log of whoever sent it */
};
void exchange_note_of(const struct exchange_line *line, struct exchange_note *out);
/* One line of JSON, LF at its end (docs/formats/exchanges.md). False: out of memory. */
must_check bool exchange_note_write(const struct exchange_note *note, struct buffer *out);
/* The last line of a page: from where the next one begins, and whether there is any. */
void exchange_page_write(uint64_t next, bool is_last, uint64_t size, struct buffer *out);
struct exchange_page {
    bool is_page;
    uint64_t next, size;
    bool is_last;
};
/* A line without its LF, of either sort. ERROR_INPUT for anything else. */
must_check bool exchange_note_read(struct bytes line, struct arena *arena, struct exchange_note *note, struct exchange_page *page,
                                   struct error *e);

#endif
