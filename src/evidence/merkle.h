/*
 * The Merkle tree of RFC 9162 section 2.1 and of tlog-tiles: hashes, inclusion and consistency paths, and subtrees. Pure: nodes come
 * from the caller, by a list or by a function.
 */
#ifndef COMITY_EVIDENCE_MERKLE_H
#define COMITY_EVIDENCE_MERKLE_H

#include "crypto/hash.h"

enum { MERKLE_PATH_MAX = 65 }; /* a consistency path of 2^64 entries: ceil(log2 n) + 1 */

/* SHA-256(0x00 || entry) and SHA-256(0x01 || left || right). `out` may be one of the inputs. */
void merkle_leaf(struct bytes entry, uint8_t out[SHA256_SIZE]);
void merkle_node(const uint8_t left[SHA256_SIZE], const uint8_t right[SHA256_SIZE], uint8_t out[SHA256_SIZE]);
/* The root over `count` neighbouring hashes of one level, as a tree of its own; SHA-256("") for none. */
void merkle_root(const uint8_t (*hashes)[SHA256_SIZE], size_t count, uint8_t out[SHA256_SIZE]);

/* The hash of the complete node `index` of `level` (2^level leaves, the first is index << level). False when it can't be had. */
typedef bool merkle_read(void *context, unsigned level, uint64_t index, uint8_t out[SHA256_SIZE]);

/* [start, end) is a subtree of every tree that holds it: start is a multiple of the least power of two >= end - start. */
bool merkle_is_subtree(uint64_t start, uint64_t end);
/* The hash of the slice as a tree of its own. False when a node can't be read, or [start, end) is no subtree; an empty one is. */
must_check bool merkle_subtree_root(uint64_t start, uint64_t end, merkle_read *read, void *context, uint8_t out[SHA256_SIZE]);
/*
 * The path of leaf `index` to the root of the subtree [start, end) (start 0, end n: of the tree of n leaves), leaf's sibling first, into
 * `path` of at least MERKLE_PATH_MAX. False when a node can't be read or the numbers do not fit together.
 */
must_check bool merkle_prove_inclusion(uint64_t index, uint64_t start, uint64_t end, merkle_read *read, void *context,
                                       uint8_t (*path)[SHA256_SIZE], size_t *count);
/* That the subtree [start, end) is part of the tree of `size` leaves; start 0: that the tree of `end` leaves is its past. */
must_check bool merkle_prove_consistency(uint64_t start, uint64_t end, uint64_t size, merkle_read *read, void *context,
                                         uint8_t (*path)[SHA256_SIZE], size_t *count);
/* Covers [start, end) by at most two subtrees, the second of which may be empty. */
void merkle_cover(uint64_t start, uint64_t end, uint64_t first[2], uint64_t second[2]);

/* RFC 9162 2.1.3.2. */
must_check bool merkle_verify_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[SHA256_SIZE], const uint8_t (*path)[SHA256_SIZE],
                                        size_t count, const uint8_t root[SHA256_SIZE]);
/*
 * RFC 9162 2.1.4.2, from `old_size` to `size`; the same size wants the same root and no path. Refused for an `old_size` of 0, whose root
 * says nothing: a witness that knows no checkpoint yet asks for an empty path itself.
 */
must_check bool merkle_verify_consistency(uint64_t old_size, uint64_t size, const uint8_t old_root[SHA256_SIZE],
                                          const uint8_t root[SHA256_SIZE], const uint8_t (*path)[SHA256_SIZE], size_t count);
/* The same for any subtree, whose hash is `node`. */
must_check bool merkle_verify_subtree(uint64_t start, uint64_t end, uint64_t size, const uint8_t node[SHA256_SIZE],
                                      const uint8_t root[SHA256_SIZE], const uint8_t (*path)[SHA256_SIZE], size_t count);

#endif
