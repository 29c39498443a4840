/*
 * Taking back into an own log what it signed once and lost (docs/operations.md, "A log that is an old copy"): the entries, which are
 * commitments, come from any copy of the public folder, each proven to belong to a checkpoint that the log's own key signed. What the entries
 * commit to is lost. Nothing is signed that does not fit that checkpoint, so no size gets a second root.
 */
#ifndef COMITY_EVIDENCE_LOG_RECOVER_H
#define COMITY_EVIDENCE_LOG_RECOVER_H

#include "evidence/log.h"
#include "evidence/tile_nodes.h"

/* Where the lost entries come from. */
struct log_source {
    tile_fetch *fetch; /* tiles and entry bundles of a tree of `at` */
    void *context;
    struct checkpoint_view at; /* signed by the log's own key: the caller has checked */
};
/*
 * Appends entries log_size() to at.size - 1, as records of which only the commitment is known, and publishes. `*recovered` counts what is in
 * the log now and was not. May be tried again after any failure or crash: what was taken over is there.
 * ERROR_DENIED: the log has entries that the checkpoint's tree has not (two histories: nothing was changed), or the source gives what does
 * not belong to the checkpoint; ERROR_ABSENT: there is nothing to recover; ERROR_INPUT, ERROR_IO: of the source, or our disk (the log is then dead).
 */
must_check bool log_recover(struct log *log, const struct log_source *source, log_progress *progress, void *context, uint64_t *recovered,
                            struct error *e);

#endif
