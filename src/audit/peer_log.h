/*
 * Somebody's log as it is now, read from its public tiles wherever they come from, and believed only as far as they lead to its newest signed
 * checkpoint: what was signed before, and what receipts say, is held against it. One thread.
 */
#ifndef COMITY_AUDIT_PEER_LOG_H
#define COMITY_AUDIT_PEER_LOG_H

#include "evidence/merkle.h"
#include "evidence/receipt.h"
#include "evidence/tile_nodes.h"

enum { PEER_LOG_NOTE_BYTES_MAX = 64 * 1024, PEER_LOG_TILES_KEPT = 8 };

/* `path` is of the public tree: "checkpoint", "tile/0/000.p/8". Heap: the caller frees `*data`. ERROR_ABSENT: it is not there. */
typedef bool peer_log_read(void *context, const char *path, size_t size_max, uint8_t **data, size_t *size, struct error *e);

struct peer_log {
    struct verifier key;
    peer_log_read *read;
    void *context;
    struct buffer note; /* the newest checkpoint */
    struct checkpoint_view view;
    struct tile_nodes nodes;
    struct { /* tiles of leaf hashes that were proven to belong to the tree */
        uint64_t index;
        unsigned width; /* 0: none */
        uint8_t hashes[TILE_WIDTH][SHA256_SIZE];
    } leaves[PEER_LOG_TILES_KEPT];
    size_t next_leaves;
};

/* Reads the newest checkpoint. ERROR_INPUT, ERROR_DENIED: it is none of this key's. `log` is closed by peer_log_close() in any case. */
must_check bool peer_log_open(struct peer_log *log, const struct verifier *key, peer_log_read *read, void *context, struct error *e);
/* Reads it once more: the log may have grown. False, with the one before still there: as above. */
must_check bool peer_log_refresh(struct peer_log *log, struct error *e);
void peer_log_close(struct peer_log *log);

enum peer_log_state {
    PEER_LOG_FITS = 0,
    PEER_LOG_OTHER,  /* it has another history; the tree now proves it */
    PEER_LOG_SHORT,  /* it is not so long (any more, or yet) */
    PEER_LOG_UNREAD, /* tiles could not be had, or do not lead to its own checkpoint: nothing can be said */
};
/* What proves another history, with both notes (evidence/equivocation.h). */
struct peer_log_proof {
    uint8_t prefix[SHA256_SIZE];
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    size_t path_count;
};
/* Does the log begin with the tree of `size` entries with this root? `proof` (may be NULL) is set for PEER_LOG_OTHER. `e`: of PEER_LOG_UNREAD. */
enum peer_log_state peer_log_check(struct peer_log *log, uint64_t size, const uint8_t root[SHA256_SIZE], struct peer_log_proof *proof,
                                   struct error *e);
/* Has it this entry at this place? */
enum peer_log_state peer_log_has(struct peer_log *log, uint64_t index, const uint8_t commitment[SHA256_SIZE], struct error *e);

#endif
