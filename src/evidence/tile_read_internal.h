/* Tiles from a disk. */
#ifndef COMITY_EVIDENCE_TILE_READ_INTERNAL_H
#define COMITY_EVIDENCE_TILE_READ_INTERNAL_H

#include "base/disk.h"
#include "evidence/tile.h"

/* Bytes of one hash or entry in a tile of this level. */
static inline size_t tile_item_bytes(int level)
{
    return level == TILE_ENTRIES ? BUNDLE_ENTRY_BYTES : SHA256_SIZE;
}
/*
 * A tile's bytes, at least tile.width items, into heap memory that the caller frees; a full tile is taken in the place of a partial one
 * that is gone. ERROR_INPUT when it is missing or too short.
 */
must_check bool tile_read(struct disk *disk, struct tile tile, uint8_t **data, struct error *e);

#endif
