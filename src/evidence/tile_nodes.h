/*
 * The nodes of a tree from its tiles, wherever these come from (a disk, another gateway): what paths are made of. A few tiles are kept. One
 * thread.
 */
#ifndef COMITY_EVIDENCE_TILE_NODES_H
#define COMITY_EVIDENCE_TILE_NODES_H

#include "base/disk.h"
#include "evidence/tile.h"

enum { TILE_NODES_KEPT = 16 };

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
    struct {
        struct tile tile;
        uint8_t *data;
    } kept[TILE_NODES_KEPT];
    size_t next;
};
void tile_nodes_clear(struct tile_nodes *nodes);
/* A merkle_read (evidence/merkle.h) whose context is a struct tile_nodes. */
must_check bool tile_nodes_read(void *context, unsigned level, uint64_t index, uint8_t out[SHA256_SIZE]);

#endif
