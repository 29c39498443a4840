/* What receipts and checkpoints share inside the part. */
#ifndef COMITY_EVIDENCE_RECEIPT_INTERNAL_H
#define COMITY_EVIDENCE_RECEIPT_INTERNAL_H

#include "evidence/receipt.h"

/* 44 characters of canonical base64. */
must_check bool hash_parse(struct bytes text, uint8_t out[SHA256_SIZE]);

/* Was this very note found good under this very key? */
must_check bool checkpoint_cache_find(struct checkpoint_cache *cache, struct bytes note, const struct verifier *key, uint64_t *size,
                                      uint8_t root[SHA256_SIZE]);
/*
 * Around looking again and verifying: the messages of one batch reach several workers at once, and one verification (some 140 us) is
 * enough. Who comes second waits for the first, then finds it. Not held around anything else.
 */
void checkpoint_cache_begin(struct checkpoint_cache *cache, struct bytes note);
void checkpoint_cache_end(struct checkpoint_cache *cache, struct bytes note);
/* Remembers it; if memory is out, or the note is unusually long, it is just not remembered. */
void checkpoint_cache_add(struct checkpoint_cache *cache, struct bytes note, const struct verifier *key, uint64_t size,
                          const uint8_t root[SHA256_SIZE]);

#endif
