/*
 * The right edge of a log's tree, in memory: enough to append, to give the paths of what is appended, and to write the tiles that are
 * not published yet. No disk. One thread.
 */
#ifndef COMITY_EVIDENCE_TREE_INTERNAL_H
#define COMITY_EVIDENCE_TREE_INTERNAL_H

#include "evidence/log.h"
#include "evidence/tile.h"

enum { TREE_LEVELS = TILE_LEVELS * TILE_HEIGHT };

/* Neighbouring hashes of one level, from a tile's beginning on. */
struct tree_edge {
    uint8_t (*hashes)[SHA256_SIZE];
    size_t count;
    size_t capacity;
    uint64_t first; /* the index of hashes[0] on its level: a multiple of TILE_WIDTH */
};

struct tree {
    uint64_t size;
    uint8_t root[SHA256_SIZE];
    uint8_t stack[TREE_LEVELS][SHA256_SIZE]; /* the complete subtrees of the right edge: one for each bit that is set in size */
    struct tree_edge edges[TILE_LEVELS];     /* edges[l]: the complete nodes of level 8 l */
    struct tree_edge commitments;            /* the entries themselves, beside edges[0] */
    uint8_t (*scratch)[SHA256_SIZE];
    size_t scratch_capacity;
};

/* Where the path of one appended entry goes. */
struct tree_path {
    uint8_t (*hashes)[SHA256_SIZE]; /* RECEIPT_PATH_MAX of them */
    size_t count;
};

void tree_init(struct tree *tree); /* the empty tree */
void tree_clear(struct tree *tree);
/* Room for `count` more entries, so that tree_append() can't fail. False when memory is out or the tree would be too large. */
must_check bool tree_reserve(struct tree *tree, size_t count);
/* Appends entries, for which room was reserved. `paths` (one an entry; NULL: not wanted) lead to the new root. */
void tree_append(struct tree *tree, const uint8_t (*commitments)[SHA256_SIZE], size_t count, struct tree_path *paths);
/* The same with leaf hashes, where the entries are not at hand: tree->commitments stays empty. */
void tree_append_leaves(struct tree *tree, const uint8_t (*leaves)[SHA256_SIZE], size_t count);
/* Forgets the full tiles that a tree of `published` entries has on disk. */
void tree_forget(struct tree *tree, uint64_t published);
/*
 * Rebuilds an empty tree of `size` entries: `edges` and `commitments` have been filled by the caller with the hashes of the partial
 * tiles (tile_width() of them, `first` set). Sets stack and root.
 */
void tree_rebuild(struct tree *tree, uint64_t size);
must_check bool tree_edge_reserve(struct tree_edge *edge, size_t count);

#endif
