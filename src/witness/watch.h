/*
 * Logs that were caught with two histories: the proofs, one file a log in equivocation/ of the witness's folder, and the question that everybody
 * asks before trusting a peer. A log stays distrusted until an operator removes its file. Any thread.
 */
#ifndef COMITY_WITNESS_WATCH_H
#define COMITY_WITNESS_WATCH_H

#include "base/disk.h"
#include "evidence/equivocation.h"

enum { WATCH_LOGS_MAX = 4096 };
#define WATCH_FOLDER "equivocation"

struct watch;
/* `disk` (the witness's folder, borrowed) may be NULL: then nothing is kept beyond this process. Reads the proofs that are there. */
must_check bool watch_open(struct watch **out, struct disk *disk, struct error *e);
void watch_free(struct watch *watch); /* NULL is allowed */

/* Was this very key caught? Costs one atomic load while nobody was. `watch` may be NULL. */
bool watch_is_distrusted(const struct watch *watch, const struct verifier *log);
/* How many logs are distrusted. */
size_t watch_count(const struct watch *watch);

/*
 * Two checkpoints of `log` that do not fit together (equivocation.h says what the rest is): if they prove it, the log is distrusted from now on, the
 * proof is written and synced, and diagnostics and a metric say so. True: proven, now or before. Must not be called where a disk may
 * not be waited for, but it is rare: once a log.
 */
bool watch_catch(struct watch *watch, const struct verifier *log, struct bytes a_note, struct bytes b_note,
                 const uint8_t prefix[SHA256_SIZE], const uint8_t (*path)[SHA256_SIZE], size_t path_count);

/* Reads the folder again: what an operator removed is trusted again, what was put there is not; what was caught while its proof could not be
 * written stays caught. A file that proves nothing is named and passed over; one that can't be read is a failure. On failure nothing changes. */
must_check bool watch_reload(struct watch *watch, struct error *e);

/* The file's name in the folder: hex of SHA-256(vkey), ".proof". */
enum { WATCH_NAME_SIZE = 2 * SHA256_SIZE + 8 };
void watch_name(const struct verifier *log, char out[WATCH_NAME_SIZE]);

#endif
