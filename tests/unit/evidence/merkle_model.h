/* The slow, obvious Merkle tree: RFC 9162's recursive definitions over a list of leaf hashes. For tests. */
#ifndef COMITY_TEST_MERKLE_MODEL_H
#define COMITY_TEST_MERKLE_MODEL_H

#include "evidence/merkle.h"

typedef uint8_t hash[SHA256_SIZE];

/* MTH(D[start:end]). */
void model_root(const hash *leaves, uint64_t start, uint64_t end, hash out);
/* PATH(index, D[start:end]), leaf's sibling first. */
size_t model_path(const hash *leaves, uint64_t index, uint64_t start, uint64_t end, hash *path);
/* SUBTREE_PROOF(start, end, D[low:high]). */
size_t model_consistency(const hash *leaves, uint64_t start, uint64_t end, uint64_t low, uint64_t high, bool is_known, hash *path);
/* merkle_read over a `struct model`. */
struct model {
    const hash *leaves;
    uint64_t count;
};
bool model_read(void *context, unsigned level, uint64_t index, uint8_t out[SHA256_SIZE]);
/* Leaf hashes of 8-byte entries made from `seed`. Heap. */
hash *model_leaves(uint64_t seed, size_t count);

/* A small generator for tests: the same seed gives the same numbers. */
uint64_t test_random(uint64_t *state);

#endif
