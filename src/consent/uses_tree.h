/*
 * The tree over the persons of a log (docs/evidence-uses.md): a sparse Merkle tree of 2^64 places, of which nearly all are empty. An empty part has a
 * hash that only its owner can make, so that nobody sees from a path who, or how many, else there are. Pure.
 */
#ifndef COMITY_CONSENT_USES_TREE_H
#define COMITY_CONSENT_USES_TREE_H

#include "crypto/hash.h"

enum { USES_DEPTH = 64, USES_PLACE_SIZE = 32, USES_SALT_SIZE = 32 };

/* What a person's leaf says: so many entries, and which, by a chain over them. Zeroed: none yet. */
struct uses_sum {
    uint64_t count;
    uint8_t chain[SHA256_SIZE];
};
/* One more: SHA-256(0x07 || chain || BE64 entry || leaf), `leaf` its hash in the log's tree. Entries come in the log's order. */
void uses_sum_add(struct uses_sum *sum, uint64_t entry, const uint8_t leaf[SHA256_SIZE]);
/* SHA-256(0x06 || place || salt || BE64 count || chain). */
void uses_leaf_hash(const uint8_t place[USES_PLACE_SIZE], const uint8_t salt[USES_SALT_SIZE], const struct uses_sum *sum,
                    uint8_t out[SHA256_SIZE]);
/* The root to which a leaf at a place leads: path[0] is the leaf's sibling. Node: SHA-256(0x05 || left || right). */
void uses_path_root(const uint8_t place[USES_PLACE_SIZE], const uint8_t leaf[SHA256_SIZE], const uint8_t path[USES_DEPTH][SHA256_SIZE],
                    uint8_t out[SHA256_SIZE]);

/* ---- The owner's side ---- */

/* A leaf, or the root of a part, with where it stands: the first 8 bytes of a place, big-endian; of a part the bits behind it are 0. */
struct uses_item {
    uint64_t place;
    uint8_t hash[SHA256_SIZE];
};
/*
 * The hash of the part at depth `top` in which `place` lies, from all that is in it at depth `bottom`, in order of place. `secret`: for what is
 * empty. 0 <= top <= bottom <= USES_DEPTH.
 */
void uses_part_hash(const uint8_t secret[SHA256_SIZE], unsigned top, unsigned bottom, const struct uses_item *items, size_t count,
                    uint64_t place, uint8_t out[SHA256_SIZE]);
/* The siblings on the way from `place` at depth `bottom` up to `top`, the lowest first: bottom - top of them. */
void uses_part_path(const uint8_t secret[SHA256_SIZE], unsigned top, unsigned bottom, const struct uses_item *items, size_t count,
                    uint64_t place, uint8_t (*out)[SHA256_SIZE]);

#endif
