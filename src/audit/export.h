/*
 * Gathers the bundle of one exchange (docs/evidence.md) from a gateway's folders, whichever side of it the gateway was: beside its process or
 * without. Reads the whole log once for the exchange's entries. Blocks.
 */
#ifndef COMITY_AUDIT_EXPORT_H
#define COMITY_AUDIT_EXPORT_H

#include "audit/bundle.h"
#include "base/arena.h"
#include "base/disk.h"

/* Borrowed. */
struct export_source {
    struct disk *public, *private, *archive;
    struct bytes origin; /* of our log */
};
struct export_options {
    struct bytes exchange;
    struct bytes checkpoint; /* prove under this signed note of our log; empty: the newest cosigned one that covers it, else the newest */
    const struct bytes *timestamps; /* RFC 3161 tokens over that checkpoint */
    size_t timestamp_count;
    bool has_policy;                                              /* with the policy's text */
    void (*progress)(void *context, uint64_t done, uint64_t all); /* may be NULL */
    void *context;
};
/*
 * Fills `bundle` (made by bundle_init()); what it views lives in `arena`, `source` and `options`. ERROR_ABSENT: no entry has this exchange,
 * or what it stood on is not in the archive; else as the log's. What was erased is in the bundle as hidden.
 */
must_check bool bundle_export(const struct export_source *source, const struct export_options *options, struct bundle *bundle,
                              struct arena *arena, struct error *e);

#endif
