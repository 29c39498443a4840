/* Tiles onto a disk, so that a crash leaves whole ones under their names, and none but durable ones once tile_folders_sync() was done. */
#ifndef COMITY_EVIDENCE_TILE_WRITE_INTERNAL_H
#define COMITY_EVIDENCE_TILE_WRITE_INTERNAL_H

#include "base/disk.h"
#include "evidence/tile.h"

/* Names that must become durable. Zeroed is empty. */
struct tile_folders {
    char (*paths)[TILE_PATH_SIZE];
    size_t count, capacity;
};
void tile_folders_clear(struct tile_folders *folders);

/*
 * Writes beside it, syncs, and gives it its name: no crash leaves half a tile under a tile's name. Its folders are added to `folders`.
 * 0 or an errno.
 */
int tile_write(struct disk *disk, struct tile tile, struct bytes data, struct tile_folders *folders);
/* The same in two steps, for many at once: written beside; and, when all have been synced together, named. */
int tile_write_beside(struct disk *disk, struct tile tile, struct bytes data, struct tile_folders *folders);
int tile_give_name(struct disk *disk, struct tile tile);
/* Makes the names durable. On failure `*failed` is the folder. 0 or an errno. */
int tile_folders_sync(struct disk *disk, const struct tile_folders *folders, const char **failed);
/* Removes the partial tiles beside a full one: clients fall back to it (tlog-tiles 0.1.0). What can't be removed stays and does no harm. */
void tile_remove_partials(struct disk *disk, struct tile tile);

#endif
