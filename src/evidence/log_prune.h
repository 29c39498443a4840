/*
 * Retention: old entry bundles go from the public folder, and old segments from the private one if that is asked for. Tiles never go, so every
 * receipt can still be made and verified. What goes is stated before it does, by a note that the log's key signs (docs/formats/records.md,
 * "Pruning"): log_verify() excuses what it states, and nothing else.
 */
#ifndef COMITY_EVIDENCE_LOG_PRUNE_H
#define COMITY_EVIDENCE_LOG_PRUNE_H

#include "base/disk.h"
#include "evidence/log.h"

#define PRUNED_PATH "pruned"                 /* in the public folder: the first entry whose bundle is kept */
#define PRUNED_RECORDS_PATH "records/pruned" /* in the private one: the first entry whose record is kept */

/*
 * What such a note states; 0 when there is none. `key` NULL: the signature is not looked at. ERROR_INPUT: it is malformed, or signed by
 * another key.
 */
must_check bool pruned_read(struct disk *disk, const char *path, const struct verifier *key, uint64_t *minimum, struct error *e);

struct prune_options {
    struct disk *public;
    struct disk *private;
    const struct signer *signer; /* the log's */
    int64_t before_ms;           /* entries that are younger stay */
    bool with_records;
    bool is_dry;
};
struct prune_result {
    uint64_t minimum, records_minimum; /* as stated from now on; in a dry run: as it would be */
    uint64_t bundles, segments;        /* that were removed, or would be */
};
/*
 * Full bundles all of whose entries are older than before_ms (those whose records are gone already were older before); never the last one. Segments likewise, never one with an entry that is not published. Beside a running committer; one call at a time (a
 * mutex inside). After a crash it goes on when it is called again. The minimum never goes back. ERROR_INPUT: a record is damaged.
 */
must_check bool log_prune(const struct prune_options *options, struct prune_result *out, struct error *e);
/* How long a log keeps its bundles. Borrowed. */
struct retention {
    struct disk *public;
    struct disk *private;
    const struct signer *signer;
    int64_t keep_ms;
};
/* log_prune() of what is older than `before_ms` (INT64_MAX: than all that is to be kept). ERROR_DENIED when that would take what is to be kept. */
must_check bool retention_prune(const struct retention *retention, int64_t before_ms, bool with_records, bool is_dry,
                                struct prune_result *out, struct error *e);

#endif
