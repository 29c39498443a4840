/*
 * A copy of somebody's log: a public folder (checkpoint, tile/...) of exactly the form of our own, so that any static server serves it,
 * filled from outside. An entry is kept only when it is proven to belong to a checkpoint that the log signed; the copy's own checkpoint moves
 * only when everything below it is durable. So a copy is never wrong, and one that was interrupted at any byte goes on where it was.
 *
 * Entries are commitments of 32 bytes, as those of every Comity log: whoever keeps a copy learns how much was exchanged, and nothing else.
 */
#ifndef COMITY_EVIDENCE_LOG_COPY_H
#define COMITY_EVIDENCE_LOG_COPY_H

#include "base/disk.h"
#include "evidence/receipt.h"
#include "evidence/tile.h"

enum { LOG_COPY_NOTE_BYTES_MAX = 16 * 1024, LOG_COPY_UNSAVED_MAX = 8192 };

struct log_copy;
struct log_copy_options {
    struct disk *copy;             /* the public folder; borrowed, as is all here */
    struct disk *state;            /* where `<name>.state` says how far the copy is durable beyond its checkpoint */
    const char *name;              /* e.g. the hex SHA-256 of the origin */
    const struct verifier *key;    /* the log's; its name is the origin */
    const struct signer *cosigner; /* NULL: the checkpoint is kept as it came; else with this mirror's cosignature */
    uint64_t bytes_max;            /* of the folder, roughly; past it entries are refused with ERROR_FULL. 0: no limit */
};
/*
 * Opens the copy, or makes an empty one. Takes up what was durable; a right edge that is damaged behind the checkpoint is forgotten and
 * has to be fetched again. ERROR_INPUT (where: the file) when what the checkpoint covers is damaged, with nothing changed.
 */
must_check bool log_copy_open(struct log_copy **out, const struct log_copy_options *options, struct error *e);
void log_copy_close(struct log_copy *copy); /* NULL is allowed */

/* How many entries its checkpoint states, and how many it has. */
uint64_t log_copy_size(const struct log_copy *copy);
uint64_t log_copy_next(const struct log_copy *copy);
/* Its checkpoint, as it is on the disk; empty when there is none. Lives until the next change. */
struct bytes log_copy_checkpoint(const struct log_copy *copy);

/*
 * Entries [start, start + count) of the log whose checkpoint (signed by it: the caller has checked) is `at`, with the subtree consistency
 * proof from [start rounded down to 256, start + count) to `at`. They lie within one bundle; start is at most log_copy_next(), and in the
 * same bundle. Those that it has are passed over. Durable after log_copy_save(), or after some LOG_COPY_UNSAVED_MAX more.
 * ERROR_INPUT: numbers that do not fit; ERROR_DENIED: not proven, nothing was kept; ERROR_FULL, ERROR_IO.
 */
must_check bool log_copy_add(struct log_copy *copy, const struct checkpoint_view *at, uint64_t start, const uint8_t (*entries)[SHA256_SIZE],
                             size_t count, const uint8_t (*proof)[SHA256_SIZE], size_t proof_count, struct error *e);
must_check bool log_copy_save(struct log_copy *copy, struct error *e);
/*
 * Makes `note`, the log's signed checkpoint of exactly log_copy_next() entries, the copy's: saves, compares the root, and replaces the file.
 * `cosignature` (may be NULL) gets this mirror's signature line. ERROR_DENIED: another root or no good signature; nothing was changed.
 */
must_check bool log_copy_finish(struct log_copy *copy, struct bytes note, struct buffer *cosignature, struct error *e);

/* A log's signed checkpoint, from its note: signed by `key`, whose name is the origin. ERROR_INPUT: its form; ERROR_DENIED: the signature. */
must_check bool log_copy_check_note(struct bytes data, const struct verifier *key, struct checkpoint_view *out, const char *where,
                                    struct error *e);

#endif
