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

/*
 * Makes the hash tiles of the right edge of a tree of `size` entries again from its entries and the full tiles below, and writes those that
 * are not on the disk as they must be; only if all leads to `root`, which the log signed. How many were written goes to `*mended`: 0 when nothing
 * could be mended so, and then nothing was changed. False: it could not be tried.
 */
must_check bool tree_mend_edge(struct disk *disk, uint64_t size, const uint8_t root[SHA256_SIZE], unsigned *mended, struct error *e);

#endif
