/*
 * All disk I/O of the evidence log, behind a table of functions: a test puts in a disk that fails, tears writes or forgets what was
 * not synced. Paths are relative to the disk's root, with '/' between parts and no "..".
 */
#ifndef COMITY_BASE_DISK_H
#define COMITY_BASE_DISK_H

#include <sys/types.h>

#include "base/error.h"

struct disk;
struct disk_file; /* opaque; owned by the caller until disk_close() */

enum disk_open_mode {
    DISK_READ = 0,
    DISK_WRITE,     /* read and write; made (0600, or 0644 in a public disk) if absent */
    DISK_WRITE_NEW, /* the same, but fails with EEXIST if it is there */
};

typedef void disk_list_each(void *context, const char *name, bool is_folder);

/* Each returns 0 or an errno. Short reads and writes and EINTR are retried inside: all or an error. */
struct disk_functions {
    int (*open)(struct disk *disk, const char *path, enum disk_open_mode mode, struct disk_file **out);
    int (*close)(struct disk *disk, struct disk_file *file);
    /* Reads up to `size` bytes at `offset`; `*got` is less only at the end of the file. */
    int (*read)(struct disk *disk, struct disk_file *file, void *data, size_t size, uint64_t offset, size_t *got);
    int (*write)(struct disk *disk, struct disk_file *file, struct bytes data, uint64_t offset);
    /* fdatasync: data and what is needed to find it. A failure is final: the kernel may have dropped the pages. */
    int (*sync)(struct disk *disk, struct disk_file *file);
    int (*size)(struct disk *disk, struct disk_file *file, uint64_t *size);
    int (*truncate)(struct disk *disk, struct disk_file *file, uint64_t size);
    int (*rename)(struct disk *disk, const char *from, const char *to);
    /* Each of two files gets the other's name, in one step. ENOTSUP, with nothing done, where the file system can't. May be NULL: it can't. */
    int (*exchange)(struct disk *disk, const char *one, const char *other);
    /* A file, or a folder with nothing in it (else ENOTEMPTY). A link is removed, not what it leads to. */
    int (*remove)(struct disk *disk, const char *path);
    /* Makes the folder and those above it; being there already is no error. */
    int (*make_folder)(struct disk *disk, const char *path);
    /* Makes names in the folder durable ("" is the root). */
    int (*sync_folder)(struct disk *disk, const char *path);
    /* Makes all that was written so far durable at once, data and names; for many small files. May be NULL: then each is synced for itself. */
    int (*sync_all)(struct disk *disk);
    int (*list)(struct disk *disk, const char *path, disk_list_each *each, void *context);
    void (*free)(struct disk *disk);
    /* May several threads call at once, each for files of its own? A disk of a simulation may want one, so that a seed gives one run. */
    bool is_for_any_thread;
};

/* Comes first in each kind of disk. */
struct disk {
    const struct disk_functions *functions;
};

/* The real one, with its root at `folder`, which is made if absent (0755 if `is_public`, else 0700). Any thread. Free with disk_free(). */
must_check bool disk_open_folder(struct disk **out, const char *folder, bool is_public, struct error *e);
void disk_free(struct disk *disk); /* NULL is allowed */

/* Reads a whole file of at most `size_max` bytes into heap memory that the caller frees; `*out` is followed by a NUL. 0 or an errno
 * (EFBIG when it is larger). */
int disk_read_whole(struct disk *disk, const char *path, size_t size_max, uint8_t **out, size_t *size);
/* Replaces a file so that after a crash either the old or the new one is there: write beside it, sync, rename, sync the folder. */
int disk_replace(struct disk *disk, const char *path, struct bytes data);

#endif
