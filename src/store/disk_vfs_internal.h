/* SQLite's files on a disk of base/disk.h, for a store in a simulation: what it wrote and did not sync can be lost there. */
#ifndef COMITY_STORE_DISK_VFS_INTERNAL_H
#define COMITY_STORE_DISK_VFS_INTERNAL_H

#include <sqlite3.h>

#include "base/disk.h"

/* One disk's: registered with SQLite under a name of its own. One process has its files open, and one thread at a time uses them. */
struct disk_vfs;
must_check bool disk_vfs_make(struct disk_vfs **out, struct disk *disk, struct error *e);
const char *disk_vfs_name(const struct disk_vfs *vfs);
void disk_vfs_free(struct disk_vfs *vfs); /* after its last connection; NULL is allowed */

#endif
