/* What log.c (appending), log_open.c (opening and recovery) and publication.c share. */
#ifndef COMITY_EVIDENCE_LOG_INTERNAL_H
#define COMITY_EVIDENCE_LOG_INTERNAL_H

#include "evidence/segment_internal.h"
#include "evidence/tree_internal.h"

enum {
    /* Tiles that are not written yet are kept in memory: past this the log refuses, until publishing works again. 64 bytes an entry. */
    LOG_UNPUBLISHED_MAX = 256 * 1024,
    CHECKPOINT_BYTES_MAX = 64 * 1024,
};
#define CHECKPOINT_PATH "checkpoint"

/* Both clocks when they were last looked at: a difference between their steps is a jump. */
struct log_clock {
    bool is_known;
    int64_t wall_ms;
    uint64_t monotonic_us;
};

struct log {
    struct disk *public;
    struct disk *private;
    const struct signer *signer;
    int lock; /* descriptor of the lock file, or -1 */
    struct tree tree;
    uint64_t published; /* the size that the checkpoint file states */
    struct segment_store segments;
    uint64_t chain;  /* checksum of the last record */
    int64_t time_ms; /* of the last record */
    struct log_clock clock;
    uint64_t prepare_after_us; /* the next segment could not be prepared: not before this is it tried again */
    bool is_dead;
    struct error death;
    struct buffer text; /* records on their way to the disk */
};

/* The signed checkpoint of the tree as it is, appended to `out`. The caller has made sure that all of it is durable. */
must_check bool log_sign(const struct log *log, struct buffer *out, struct error *e);
static inline struct bytes log_origin(const struct log *log)
{
    return bytes_of_text(signer_verifier(log->signer)->name);
}

/* The checkpoint file's text: three lines, signed by `key`, of the log with its name. ERROR_INPUT. */
must_check bool checkpoint_check(struct bytes data, const struct verifier *key, struct checkpoint_view *out, struct error *e);

/* Continues log->segments in the next segment; a batch of `needed` bytes fits into it. ERROR_IO: the log is dead. */
must_check bool log_next_segment(struct log *log, uint64_t needed, struct error *e);
/* Writes zeros ahead while nobody waits, as far as they are due. Called between batches; failures show when the space is needed. */
void log_prepare(struct log *log, bool is_idle);
bool log_wants_prepare(const struct log *log);

#endif
