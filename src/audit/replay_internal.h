/* What the files of the replay share: a decision's entry as it was read, its grounds, and what is still open. */
#ifndef COMITY_AUDIT_REPLAY_INTERNAL_H
#define COMITY_AUDIT_REPLAY_INTERNAL_H

#include "audit/replay.h"
#include "audit/said.h"
#include "consent/notice.h"
#include "consent/past.h"
#include "policy/decide.h"

/* A decision event and the request's statement beside it. Views into the entry and `arena`. */
struct decision_read {
    const struct log_entry *entry;
    struct bytes exchange, person, reason_code;
    bool is_permit;
    enum reason reason; /* REASON_COUNT: a code that is not known here */
    bool has_request, has_client_directory, knows_client_directory;
    uint8_t request[SHA256_SIZE], directory[SHA256_SIZE], client_directory[SHA256_SIZE], policy[SHA256_SIZE], consents[SHA256_SIZE];
    bool has_law; /* decided by a law, whose digest is here; and what was counted then */
    uint8_t law[SHA256_SIZE];
    struct decide_counters counters;
    int64_t time_ms;
    struct bytes client_text, service_text;
    struct said said; /* of the request */
    struct identifier client, service;
    struct bytes method, path, query, purpose; /* path: raw, behind the service code */
    struct arena arena;
};
enum read_outcome {
    READ_DECISION = 0,
    READ_OTHER,    /* no decision event */
    READ_UNPROVEN, /* refused before it was proven who asks: nothing of the request is kept */
    READ_FAULT,    /* `what` says what does not fit */
    READ_NO_MEMORY,
};
/* `out` is cleared by decision_read_clear() in any case. */
must_check enum read_outcome decision_read(const struct log_entry *entry, struct decision_read *out, char what[REPLAY_TEXT_SIZE]);
void decision_read_clear(struct decision_read *read);

/* The lines of a decision event that say what came out, in their order: what is compared. */
void decision_lines(struct bytes text, struct buffer *out);

/* replay_grounds.c: what was asked of the source, good or bad, by digest. */
enum { GROUNDS_KEPT = 16 };
struct ground {
    bool is_used;
    uint8_t digest[SHA256_SIZE];
    struct policy *policy;
    struct directory *directory;
    struct law *law;
    struct error fault; /* neither is there: why */
};
struct grounds {
    const struct replay_source *source;
    struct ground policies[GROUNDS_KEPT], directories[GROUNDS_KEPT], laws[GROUNDS_KEPT];
    size_t next_policy, next_directory, next_law;
};
void grounds_clear(struct grounds *grounds);
/* NULL, with `*fault` telling why: it is not there. */
const struct policy *grounds_policy(struct grounds *grounds, const uint8_t digest[SHA256_SIZE], const struct error **fault);
const struct directory *grounds_directory(struct grounds *grounds, const uint8_t digest[SHA256_SIZE],
                                          const struct directory_recognition *by, const struct error **fault);

/* The law with this digest, as this policy tightens it. */
const struct law *grounds_law(struct grounds *grounds, const uint8_t digest[SHA256_SIZE], const struct policy *policy,
                              const struct error **fault);

/* replay_notices.c: the notices that were in force, made again from the log's own events. */
enum { NOTICE_SNAPSHOTS_KEPT = 8 };
struct notice_history {
    struct notices_entry *revisions;
    size_t count, capacity;
    struct notices *snapshots[NOTICE_SNAPSHOTS_KEPT]; /* newest first; NULL: none before */
};
bool notice_history_takes(struct bytes text);
/* Takes the text of a notice event. ERROR_ABSENT: the notice's text is not kept. */
must_check bool notice_history_add(struct notice_history *history, const struct replay_source *source, struct bytes text, struct error *e);
void notice_history_clear(struct notice_history *history);

/* replay_open.c: permitted decisions whose answer is still to come. */
struct open_decision {
    struct open_decision *next;
    uint8_t digest[SHA256_SIZE]; /* of the decision event */
    bool has_key;
    struct consent_key key;
    struct bytes released;   /* one category a line */
    struct bytes on_consent; /* likewise, of those that stood on a consent */
    struct arena memory;
};
enum { OPEN_BUCKETS = 16384 };
struct open_decisions {
    struct open_decision *buckets[OPEN_BUCKETS];
    size_t count;
};
void open_clear(struct open_decisions *open);
must_check bool open_add(struct open_decisions *open, const uint8_t digest[SHA256_SIZE], const struct decision_read *read,
                         const struct consent_key *key /* NULL: no consent was needed */, struct bytes on_consent);
/* Takes it out; the caller frees it with open_free(). NULL: there is none. */
struct open_decision *open_take(struct open_decisions *open, const uint8_t digest[SHA256_SIZE]);
void open_free(struct open_decision *decision); /* NULL is allowed */
/* Decided on consents that no entry has made yet: a withdrawal that was in force before it was logged. They wait for that entry. */
enum { AHEAD_MAX = 1024 };
struct ahead {
    struct log_entry entry; /* statement and attachment in `memory` */
    struct consent_key key;
    struct arena memory;
};

struct decision_replay {
    struct replay_source source;
    struct bytes origin;
    replay_each *each;
    void *context;
    struct grounds grounds;
    struct consent_history *history;
    struct notice_history notices;
    struct open_decisions open;
    struct ahead ahead[AHEAD_MAX];
    size_t ahead_count;
    struct replay_counts counts;
    bool is_whole;   /* asked from the first entry on, and all could be read: every decision is known */
    bool has_closed; /* something could not be read: it may have been the event of a consent */
    struct buffer logged, decided;
};

/* replay.c. A finding, counted; `logged` and `decided` never hold a person's identifier. */
void replay_tell(struct decision_replay *r, enum replay_outcome outcome, const struct log_entry *entry, struct bytes exchange,
                 const char *what, struct bytes logged, struct bytes decided);
/* One decision; `is_again`: it has waited for an event. False: memory is out. `*is_ahead`: it names consents that no entry has made yet. */
must_check bool replay_take_decision(struct decision_replay *r, const struct log_entry *entry, bool is_again, bool *is_ahead);

#endif
