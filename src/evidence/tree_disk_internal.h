/* The right edge of a tree from the tiles on a disk, and back. */
#ifndef COMITY_EVIDENCE_TREE_DISK_INTERNAL_H
#define COMITY_EVIDENCE_TREE_DISK_INTERNAL_H

#include "evidence/tile_write_internal.h"
#include "evidence/tree_internal.h"

/*
 * Loads an empty tree with its first `size` entries. ERROR_INPUT (where: the file) when a tile of its right edge is missing or damaged, or
 * tiles and entries disagree. The root is what the tiles say: the caller compares it.
 */
must_check bool tree_load(struct tree *tree, struct disk *disk, uint64_t size, struct error *e);
/*
 * Writes the tiles and bundles that changed since a tree of `saved` entries was on the disk, makes them durable, and then forgets them and
 * removes the partial ones beside those that are full now.
 */
must_check bool tree_save(struct tree *tree, struct disk *disk, uint64_t saved, struct error *e);

#endif
