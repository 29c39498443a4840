/*
 * Erasing what opens entries: salt, statement and attachment go, the commitment stays, so the tree verifies and the entry opens to nobody
 * (docs/formats/records.md, "Closed records"). An event in the log, logged before, says which entries: log_verify() excuses no others.
 */
#ifndef COMITY_EVIDENCE_LOG_ERASE_H
#define COMITY_EVIDENCE_LOG_ERASE_H

#include "base/disk.h"
#include "evidence/log.h"

/*
 * Appends the text of an event `erasure/1` that names the first of `entries` (ascending, each once), as many as fit into a statement. Returns how
 * many these are.
 */
must_check size_t erasure_event_write(struct buffer *out, const uint64_t *entries, size_t count, int64_t time_ms);
/* The next range [*first, *last] that such an event names, off the front of `*rest`, which erasure_event_entries() gave. False: none, or malformed. */
must_check bool erasure_event_next(struct bytes *rest, uint64_t *first, uint64_t *last);
/* False when the text is no such event. */
must_check bool erasure_event_entries(struct bytes text, struct bytes *rest);

/*
 * Erases records that stand in segments before the last one (log_seal(), committer_seal()); ascending, each once. One segment after the
 * other is written anew beside the old one, synced, and takes its name; then the old file is overwritten where it differs, and removed. A crash
 * leaves each segment as it was or as it is to be: calling again goes on, and log_open() overwrites what was left. Readers see either. One call at a time (a
 * mutex inside); beside a running committer. `*erased` (may be NULL) counts those that were open.
 * ERROR_DENIED: an entry stands in the last segment; ERROR_INPUT: a record on the way is damaged; ERROR_FULL: no space for the copy; ERROR_IO.
 */
must_check bool log_erase(struct disk *private, const uint64_t *entries, size_t count, uint64_t *erased, struct error *e);

#endif
