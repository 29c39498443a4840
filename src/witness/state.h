/*
 * The newest checkpoint that a cosigner of ours signed of one log: a file that is replaced whole and synced, so that after a crash the old or the
 * new one is there. It is the cosigned note itself: our own cosignature in it shows a damaged file, and anybody may be given it as it is.
 */
#ifndef COMITY_WITNESS_STATE_H
#define COMITY_WITNESS_STATE_H

#include "base/disk.h"
#include "crypto/note.h"
#include "evidence/receipt.h"

enum { STATE_NAME_SIZE = 2 * SHA256_SIZE + 1, STATE_BYTES_MAX = 64 * 1024 };

/* Hex of SHA-256(origin): the file's name, and the log's part of the address in tlog-witness. */
void state_name(struct bytes origin, char out[STATE_NAME_SIZE]);

struct checkpoint_state {
    bool is_known; /* false: never cosigned; then size is 0 and nothing else is set */
    uint64_t size;
    uint8_t root[SHA256_SIZE];
    uint64_t time_s; /* of our cosignature */
    struct buffer note;
};
void checkpoint_state_init(struct checkpoint_state *state);
void checkpoint_state_clear(struct checkpoint_state *state);
/*
 * Reads `path`. Absent is no error: then nothing is known. ERROR_INPUT (what to do is said) when the file is damaged, is of another log than
 * `origin`, or was not cosigned by `cosigner`: who does not know what it signed must sign nothing. ERROR_IO.
 */
must_check bool checkpoint_state_load(struct checkpoint_state *state, struct disk *disk, const char *path, struct bytes origin,
                                      const struct verifier *cosigner, struct error *e);
/*
 * Cosigns the checkpoint `text` at `now_s` (never before the time of `state`, never 0), stores it with `log_lines` (the log's own signature
 * lines; our cosignature is put behind them), and only then appends our line to `line` and makes it the new state. On failure
 * nothing is known to have changed on disk and `state` is as before.
 */
must_check bool checkpoint_state_cosign(struct checkpoint_state *state, struct disk *disk, const char *path, struct bytes text,
                                        struct bytes log_lines, const struct signer *cosigner, int64_t now_s, struct buffer *line,
                                        struct error *e);

#endif
