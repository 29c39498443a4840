/*
 * Healing a log that its disk damaged (docs/formats/records.md says what is there; docs/operations.md how it is done). Hash tiles are made anew
 * from entries, entries from private records, both from the copies that mirrors hold; one flipped bit of a record, of a segment's header or
 * of the checkpoint is found by its checksum or signature and turned back. Nothing is written before the whole leads to a root that the log
 * signed. For a log that nobody has open: the caller holds its lock.
 */
#ifndef COMITY_EVIDENCE_LOG_HEAL_H
#define COMITY_EVIDENCE_LOG_HEAL_H

#include "evidence/log.h"
#include "evidence/tile_nodes.h"

enum { LOG_HEAL_SOURCES_MAX = 16 };

/* A copy of the log: what it gives is taken only as far as it is proven to be of a checkpoint that this log signed. */
struct log_heal_source {
    const char *name; /* for messages */
    tile_fetch *fetch;
    void *context;
    struct bytes checkpoint; /* its note, as it came; empty: it could not be had */
};

enum log_heal_what {
    LOG_HEALED,   /* put right (or, in a dry run, it would be) */
    LOG_REPLACED, /* a record's statement is lost; its commitment stays, so the log goes on and every proof holds */
    LOG_LOST,     /* can't be put right with what is at hand */
};
typedef void log_heal_report(void *context, enum log_heal_what what, const struct error *about);

struct log_heal_options {
    struct disk *public, *private;
    const struct verifier *key;
    const struct signer *signer; /* may be NULL: then a checkpoint of which there is no copy can't be made again */
    const struct log_heal_source *sources;
    size_t source_count;
    bool is_dry_run;
    log_heal_report *report; /* may be NULL, as may be progress */
    log_progress *progress;
    void *context;
};
struct log_heal_result {
    uint64_t entries; /* that the checkpoint states */
    uint64_t healed, replaced, lost;
};
/* False only when it could not be tried (ERROR_IO, ERROR_MEMORY, or the checkpoint is of another key: ERROR_INPUT). */
must_check bool log_heal(const struct log_heal_options *options, struct log_heal_result *result, struct error *e);

#endif
