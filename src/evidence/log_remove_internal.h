/* What erasing and pruning share: one of them at a time, and files that are gone from the disk, not only from its folder. */
#ifndef COMITY_EVIDENCE_LOG_REMOVE_INTERNAL_H
#define COMITY_EVIDENCE_LOG_REMOVE_INTERNAL_H

#include "base/disk.h"

/* Means nothing. What a crash leaves of it may be an old segment: the next start, erasure or pruning overwrites and removes it. */
#define ERASING_PATH "records/erasing"

void log_remove_lock(void);
void log_remove_unlock(void);
/* Wipes and removes what a crash may have left at ERASING_PATH. With the lock held. */
must_check bool erasing_clear(struct disk *disk, struct error *e);
/* Takes the segment's name off, overwrites it with zeros, and removes it. With the lock held. */
must_check bool segment_remove(struct disk *disk, uint64_t first, struct error *e);

#endif
