/*
 * Disks for torture and tests (base/disk.h): one in memory that keeps what was synced apart from what was not, so that a power cut can keep, drop,
 * garble or tear each write and each change of a name by a seed; and one around any disk whose n-th call fails.
 */
#ifndef COMITY_TORTURE_FAULTY_DISK_H
#define COMITY_TORTURE_FAULTY_DISK_H

#include "base/disk.h"

/*
 * The disk in memory. A file's data is durable after sync(), its name after sync_folder(). One thread, unless has_lock is set by
 * sim_disk_make_threaded(). Free with disk_free().
 */
struct disk *sim_disk_make(void);
struct disk *sim_disk_make_threaded(void);

/*
 * The power fails: each write that was not synced is kept, dropped, torn at sectors of 512 bytes, or garbled (the bytes it wrote become
 * anything), independent of the others; each new, renamed or removed name that was not synced is there or not. The same seed does the same.
 * All open files must have been closed.
 */
void sim_disk_power_cut(struct disk *disk, uint64_t seed);
/* What a file holds now, to look at or to change in place; NULL if it isn't there. Valid until the next call on the disk. */
uint8_t *sim_disk_data(struct disk *disk, const char *path, size_t *size);
/* Calls `each` with the path of every file. */
void sim_disk_each(struct disk *disk, void (*each)(void *context, const char *path), void *context);
/* A copy of what is there now, all of it durable. */
struct disk *sim_disk_copy(const struct disk *disk);
/* How many bytes all files may have together: past it writes meet ENOSPC. 0: no limit. */
void sim_disk_limit(struct disk *disk, uint64_t bytes_max);
/* How many bytes all files have together. */
uint64_t sim_disk_bytes(const struct disk *disk);
/* From now on a sync of a file says that it worked, and makes nothing durable. */
void sim_disk_lie(struct disk *disk, bool is_lying);
/* A sync of the file that failed: what it was to make durable reads well until the power fails, and then it is gone. Returns 0. */
int sim_disk_failed_sync(struct disk *disk, struct disk_file *file);
/* From now on no two names can be exchanged, as on some file systems. */
void sim_disk_no_exchange(struct disk *disk);
/* Do these bytes stand anywhere, also in files that have no name any more: their blocks are still on the disk. */
bool sim_disk_holds(const struct disk *disk, struct bytes needle);
/* How many syncs of files and folders there were. */
uint64_t sim_disk_syncs(const struct disk *disk);
bool sim_disk_equal(const struct disk *a, const struct disk *b);

/* Kinds of calls, for a mask. */
enum {
    CALL_OPEN = 1 << 0,
    CALL_CLOSE = 1 << 1,
    CALL_READ = 1 << 2,
    CALL_WRITE = 1 << 3,
    CALL_SYNC = 1 << 4,
    CALL_SIZE = 1 << 5,
    CALL_TRUNCATE = 1 << 6,
    CALL_RENAME = 1 << 7,
    CALL_REMOVE = 1 << 8,
    CALL_MAKE_FOLDER = 1 << 9,
    CALL_SYNC_FOLDER = 1 << 10,
    CALL_LIST = 1 << 11,
    CALL_ALL = (1 << 12) - 1,
    CALL_CHANGES = CALL_WRITE | CALL_SYNC | CALL_TRUNCATE | CALL_RENAME | CALL_REMOVE | CALL_MAKE_FOLDER | CALL_SYNC_FOLDER,
};

/* The disk around another: comes first, so that it is a struct disk; does not own `real`. Several may share one counter. */
struct faults {
    unsigned kinds; /* which calls are counted and may fail */
    uint64_t calls;
    uint64_t fail_at;  /* the call with this number fails; UINT64_MAX: none */
    bool from_then_on; /* and all counted ones behind it */
    int fault;         /* an errno */
    bool is_dead;      /* every call fails with EIO: what a process that was killed can still do */
};
struct faulty_disk {
    struct disk disk;
    struct disk *real;
    struct faults *faults;
};
void faulty_disk_init(struct faulty_disk *f, struct disk *real, struct faults *faults);

#endif
