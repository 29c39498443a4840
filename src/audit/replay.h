/*
 * Decides every logged request again from what was logged of it, and tells what comes out differently. The same pure functions as the
 * gateway's decide (policy/decide.h); policy and directories come by digest; consents are made again from the log's own events; and no
 * answer may have left on a consent that an entry before it had taken back.
 */
#ifndef COMITY_AUDIT_REPLAY_H
#define COMITY_AUDIT_REPLAY_H

#include "directory/directory.h"
#include "base/disk.h"
#include "evidence/log.h"
#include "policy/policy.h"
#include "policy/reason.h"

/* Where the grounds of decisions come from, by digest. Whoever asks caches. ERROR_ABSENT: not kept. */
struct replay_source {
    /* The caller drops it. */
    bool (*find_policy)(void *context, const uint8_t digest[SHA256_SIZE], struct policy **out, struct error *e);
    /* A directory that `threshold` of these operators signed; `operators` NULL: the own community's. The caller frees it. */
    bool (*find_directory)(void *context, const uint8_t digest[SHA256_SIZE], const struct verifier *operators, size_t operator_count,
                           size_t threshold, struct directory **out, struct error *e);
    /* Appends the text with this digest: a law profile that is not compiled in, a notice. NULL: there are none. */
    bool (*find_text)(void *context, const uint8_t digest[SHA256_SIZE], struct buffer *out, struct error *e);
    void *context;
    struct disk *private; /* the log's private folder, where imported consents are; NULL: not at hand */
};

enum replay_outcome {
    REPLAY_DIFFERENT = 1, /* something else comes out, or what was done does not follow from what was decided */
    REPLAY_UNDECIDABLE,   /* an input of it is gone */
};
enum { REPLAY_TEXT_SIZE = 320 };
/* Never holds a person's identifier. Lives until the callback returns. */
struct replay_finding {
    enum replay_outcome outcome;
    uint64_t entry;
    int64_t time_ms;
    struct bytes exchange;
    char what[REPLAY_TEXT_SIZE];    /* "verdict", or why it can't be decided */
    char logged[REPLAY_TEXT_SIZE];  /* of a difference; may be empty */
    char decided[REPLAY_TEXT_SIZE]; /* likewise */
};
typedef void replay_each(void *context, const struct replay_finding *finding);

struct replay_counts {
    uint64_t entries, decisions;
    uint64_t same, different, undecidable;
    uint64_t before;    /* refused before it came to a decision: an invalid receipt, a replay, a full queue */
    uint64_t overtaken; /* of `same`: decided on consents that changed before it was logged; nothing left on them */
    uint64_t answers;   /* that were compared with their decision */
};

struct decision_replay;
/* `origin`: of the log, which is also the gateway's name in its directory. All is borrowed until decision_replay_free(). */
must_check bool decision_replay_make(struct decision_replay **out, struct bytes origin, const struct replay_source *source,
                                     replay_each *each, void *context, struct error *e);
/*
 * The log's next entry; all of them are wanted, from the first on. `is_asked` false: read for what it says about consents only, which is how
 * a replay of a part begins. False only when it can't go on (memory).
 */
must_check bool decision_replay_take(struct decision_replay *replay, const struct log_entry *entry, bool is_asked, struct error *e);
/* What an entry that can't be read was is not known: noted as undecidable. `why` is what log_reader_get() said. */
void decision_replay_skip(struct decision_replay *replay, uint64_t index, const struct error *why);
/* After the last entry: tells what is still open, and the counts. */
must_check bool decision_replay_end(struct decision_replay *replay, struct replay_counts *counts, struct error *e);
void decision_replay_free(struct decision_replay *replay); /* NULL is allowed */

/* The grounds that a gateway keeps: its archive, and for policies its store, too (may be NULL). */
struct store;
struct replay_files {
    struct disk *archive;
    struct store *store;
    const char *folder;             /* that policies were applied in */
    const struct identifier *owner; /* our member */
    const struct verifier *operators;
    size_t operator_count, threshold;
};
void replay_files_source(struct replay_files *files, struct replay_source *out);

#endif
