/*
 * Receipts (C2SP tlog-proof): this statement is in that log under that signed checkpoint. The salt stands in the `extra` line; the
 * entry is SHA-256(salt || statement), the leaf SHA-256(0x00 || entry).
 */
#ifndef COMITY_EVIDENCE_RECEIPT_H
#define COMITY_EVIDENCE_RECEIPT_H

#include "crypto/hash.h"
#include "crypto/key.h"

enum { SALT_SIZE = 32, RECEIPT_PATH_MAX = 48, RECEIPT_BYTES_MAX = 16 * 1024 };

/* Views into the text that was parsed. */
struct receipt {
    uint8_t salt[SALT_SIZE];
    uint64_t index;
    uint8_t path[RECEIPT_PATH_MAX][SHA256_SIZE]; /* leaf's sibling first */
    size_t path_count;
    struct bytes checkpoint; /* the signed note, verbatim */
};
struct checkpoint_view {
    struct bytes origin;
    uint64_t size;
    uint8_t root[SHA256_SIZE];
};

/* At most so many bytes has a receipt with such a path and checkpoint. */
size_t receipt_size_max(size_t path_count, size_t checkpoint_size);
/* Writes it into `out`, which has room for receipt_size_max(); returns its size. */
size_t receipt_put(uint8_t *out, const uint8_t salt[SALT_SIZE], uint64_t index, const uint8_t (*path)[SHA256_SIZE], size_t path_count,
                   struct bytes checkpoint);
void receipt_write(struct buffer *out, const uint8_t salt[SALT_SIZE], uint64_t index, const uint8_t (*path)[SHA256_SIZE], size_t path_count,
                   struct bytes checkpoint);
must_check bool receipt_parse(struct bytes text, struct receipt *out, struct error *e);
/* A checkpoint's three lines (C2SP tlog-checkpoint 1.0.0); extension lines are refused. `text` is the note's text. */
must_check bool checkpoint_parse(struct bytes text, struct checkpoint_view *out, const char *where, struct error *e);
void checkpoint_write(struct buffer *out, struct bytes origin, uint64_t size, const uint8_t root[SHA256_SIZE]);

/* SHA-256(salt || statement). */
void commitment(const uint8_t salt[SALT_SIZE], struct bytes statement, uint8_t out[SHA256_SIZE]);

/*
 * Checkpoints whose signature was found good lately, so that the messages of one batch cost one verification. Any thread. Bounded:
 * the oldest is forgotten. Never remembers a bad one.
 */
struct checkpoint_cache;
must_check struct checkpoint_cache *checkpoint_cache_make(size_t count_max);
void checkpoint_cache_free(struct checkpoint_cache *cache);

/*
 * Does `receipt` prove that `statement` is in the log of `log_key` (whose name is the origin)? On success `*out` is its checkpoint.
 * ERROR_DENIED: wrong origin, no good signature, or the path does not lead to the root. `cache` may be NULL.
 */
must_check bool receipt_verify(const struct receipt *receipt, struct bytes statement, const struct verifier *log_key,
                               struct checkpoint_cache *cache, struct checkpoint_view *out, struct error *e);

#endif
