/*
 * The nodes of a tree from its tiles, wherever these come from (a disk, another gateway): what paths are made of. A few tiles are kept. One
 * thread.
 */
#ifndef COMITY_EVIDENCE_TILE_NODES_H
#define COMITY_EVIDENCE_TILE_NODES_H

#include "base/disk.h"
#include "evidence/tile.h"

/*
 * Tiles of leaves come and go; those above are few and serve many paths: 256 of level 1 stand for 16.7 million entries. All together they take
 * 4.3 MiB.
 */
enum { TILE_NODES_LEAF_SLOTS = 16, TILE_NODES_SLOTS = TILE_NODES_LEAF_SLOTS + 256 };

/*
 * The bytes of a tile or entry bundle, at least tile.width items, into heap memory that the caller frees. A full one may stand for a partial
 * one. ERROR_INPUT or ERROR_ABSENT when it is missing or too short, ERROR_IO when it could not be had just now.
 */
typedef bool tile_fetch(void *context, struct tile tile, uint8_t **data, struct error *e);
/* A tile_fetch whose context is a struct disk. */
must_check bool tile_fetch_disk(void *context, struct tile tile, uint8_t **data, struct error *e);

/* Zeroed but for what the caller sets; tile_nodes_clear() when done. */
struct tile_nodes {
    tile_fetch *fetch; /* the caller's, as are context, size and e */
    void *context;
    uint64_t size;   /* of the tree */
    struct error *e; /* why tile_nodes_read() failed; may be NULL */
    struct tile_nodes_kept {
        struct tile tile;
        uint8_t (*hashes)[SHA256_SIZE]; /* the tile's, then those of the levels made of it, each half as many */
    } kept[TILE_NODES_SLOTS];
};
void tile_nodes_clear(struct tile_nodes *nodes);
/* A merkle_read (evidence/merkle.h) whose context is a struct tile_nodes. */
must_check bool tile_nodes_read(void *context, unsigned level, uint64_t index, uint8_t out[SHA256_SIZE]);

#endif
