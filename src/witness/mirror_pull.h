/* Keeping a copy of a log by plain GET of its tiles (C2SP tlog-tiles): what comes is proven before it is kept. One thread; waits. */
#ifndef COMITY_WITNESS_MIRROR_PULL_H
#define COMITY_WITNESS_MIRROR_PULL_H

#include "evidence/log_copy.h"
#include "evidence/tile_nodes.h"

/* Where the log is read from. `read_checkpoint` appends the note. */
struct mirror_pull {
    tile_fetch *fetch;
    bool (*read_checkpoint)(void *context, struct buffer *out, struct error *e);
    void *context;
    const struct verifier *key; /* the log's */
    void (*progress)(void *context, uint64_t done, uint64_t all);
    void *progress_context;
};
/*
 * Brings the copy to the checkpoint that is published now. ERROR_DENIED: the log shrank, shows another history than the copy's, or gives
 * entries that are not those it signed: the copy keeps what it has. ERROR_ABSENT: there is no log, or it has pruned entries that the copy lacks.
 */
must_check bool mirror_pull(const struct mirror_pull *pull, struct log_copy *copy, struct error *e);

#endif
