#include "store/disk_vfs_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/time.h"

enum {
    PATH_SIZE = 512,
    SECTOR_SIZE = 4096, /* as SQLite takes it on Unix */
    SHM_REGIONS_MAX = 64,
};
/* SQLite's days begin at noon, 4714 years before ours. */
#define JULIAN_EPOCH_MS INT64_C(210866760000000)

struct disk_vfs_file;

/* The locks and the shared memory of the one database of a disk: a process that ends takes them with it, as it does on Unix. */
struct disk_vfs {
    sqlite3_vfs vfs;
    char name[48];
    struct disk *disk;
    unsigned readers; /* that have SQLITE_LOCK_SHARED or more */
    const struct disk_vfs_file *reserved, *pending;
    void *regions[SHM_REGIONS_MAX];
    unsigned mapped; /* by so many files */
    unsigned shm_shared[SQLITE_SHM_NLOCK];
    const struct disk_vfs_file *shm_exclusive[SQLITE_SHM_NLOCK];
};

struct disk_vfs_file {
    sqlite3_file file; /* first: SQLite's view of it */
    struct disk_vfs *owner;
    struct disk_file *opened;
    bool wants_folder_sync; /* its name is new */
    int lock;
    bool is_mapped;
    unsigned shm_shared, shm_exclusive; /* bits */
};

static struct disk_vfs_file *self(sqlite3_file *file)
{
    return (struct disk_vfs_file *)(void *)file;
}

static const struct disk_functions *functions(const struct disk_vfs_file *f)
{
    return f->owner->disk->functions;
}

/* ---- Reading and writing ---- */

static int file_close(sqlite3_file *file)
{
    struct disk_vfs_file *f = self(file);
    int fault = functions(f)->close(f->owner->disk, f->opened);
    return fault == 0 ? SQLITE_OK : SQLITE_IOERR_CLOSE;
}

static int file_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
    struct disk_vfs_file *f = self(file);
    size_t got = 0;
    if (functions(f)->read(f->owner->disk, f->opened, data, (size_t)size, (uint64_t)offset, &got) != 0) {
        return SQLITE_IOERR_READ;
    }
    if (got < (size_t)size) {
        memset((uint8_t *)data + got, 0, (size_t)size - got);
        return SQLITE_IOERR_SHORT_READ;
    }
    return SQLITE_OK;
}

static int file_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    struct disk_vfs_file *f = self(file);
    int fault = functions(f)->write(f->owner->disk, f->opened, bytes_of(data, (size_t)size), (uint64_t)offset);
    return fault == 0 ? SQLITE_OK : fault == ENOSPC || fault == EDQUOT ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct disk_vfs_file *f = self(file);
    return functions(f)->truncate(f->owner->disk, f->opened, (uint64_t)size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int file_sync(sqlite3_file *file, int flags)
{
    struct disk_vfs_file *f = self(file);
    (void)flags;
    if (functions(f)->sync(f->owner->disk, f->opened) != 0) {
        return SQLITE_IOERR_FSYNC;
    }
    if (f->wants_folder_sync) {
        if (functions(f)->sync_folder(f->owner->disk, "") != 0) {
            return SQLITE_IOERR_DIR_FSYNC;
        }
        f->wants_folder_sync = false;
    }
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    struct disk_vfs_file *f = self(file);
    uint64_t there = 0;
    if (functions(f)->size(f->owner->disk, f->opened, &there) != 0) {
        return SQLITE_IOERR_FSTAT;
    }
    *size = (sqlite3_int64)there;
    return SQLITE_OK;
}

/* ---- Locks (sqlite.org/lockingv3.html): between the connections of one process ---- */

static int file_lock(sqlite3_file *file, int level)
{
    struct disk_vfs_file *f = self(file);
    struct disk_vfs *v = f->owner;
    if (f->lock >= level) {
        return SQLITE_OK;
    }
    if (level == SQLITE_LOCK_SHARED) {
        if (v->pending != NULL && v->pending != f) {
            return SQLITE_BUSY;
        }
        v->readers++;
        f->lock = level;
        return SQLITE_OK;
    }
    if (v->reserved != NULL && v->reserved != f) {
        return SQLITE_BUSY;
    }
    v->reserved = f;
    f->lock = SQLITE_LOCK_RESERVED;
    if (level == SQLITE_LOCK_RESERVED) {
        return SQLITE_OK;
    }
    v->pending = f;
    f->lock = SQLITE_LOCK_PENDING;
    if (v->readers > 1) {
        return SQLITE_BUSY;
    }
    f->lock = SQLITE_LOCK_EXCLUSIVE;
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *file, int level)
{
    struct disk_vfs_file *f = self(file);
    struct disk_vfs *v = f->owner;
    if (f->lock <= level) {
        return SQLITE_OK;
    }
    v->reserved = v->reserved == f ? NULL : v->reserved;
    v->pending = v->pending == f ? NULL : v->pending;
    if (level == SQLITE_LOCK_NONE) {
        v->readers--;
    }
    f->lock = level;
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *file, int *is_reserved)
{
    *is_reserved = self(file)->owner->reserved != NULL;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int what, void *argument)
{
    (void)file;
    (void)what;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *file)
{
    (void)file;
    return SECTOR_SIZE;
}

static int characteristics(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as SQLite takes it on Unix */
}

/* ---- The index of the write-ahead log, in memory that the connections share ---- */

static int shm_map(sqlite3_file *file, int region, int size, int may_extend, void volatile **out)
{
    struct disk_vfs_file *f = self(file);
    struct disk_vfs *v = f->owner;
    *out = NULL;
    if (region >= SHM_REGIONS_MAX) {
        return SQLITE_FULL;
    }
    if (!f->is_mapped) {
        f->is_mapped = true;
        v->mapped++;
    }
    if (v->regions[region] == NULL && may_extend != 0) {
        v->regions[region] = calloc(1, (size_t)size);
        if (v->regions[region] == NULL) {
            return SQLITE_NOMEM;
        }
    }
    *out = v->regions[region];
    return SQLITE_OK;
}

static bool can_lock(const struct disk_vfs *v, const struct disk_vfs_file *f, int at, bool is_exclusive)
{
    unsigned own = (f->shm_shared >> at & 1U);
    return (v->shm_exclusive[at] == NULL || v->shm_exclusive[at] == f) && (!is_exclusive || v->shm_shared[at] == own);
}

static void change_shm_lock(struct disk_vfs *v, struct disk_vfs_file *f, int at, int flags)
{
    unsigned bit = 1U << at;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        if ((f->shm_exclusive & bit) != 0) {
            v->shm_exclusive[at] = NULL;
        }
        v->shm_shared[at] -= (f->shm_shared & bit) != 0 ? 1 : 0;
        f->shm_exclusive &= ~bit;
        f->shm_shared &= ~bit;
    } else if ((flags & SQLITE_SHM_SHARED) != 0) {
        v->shm_shared[at] += (f->shm_shared & bit) == 0 ? 1 : 0;
        f->shm_shared |= bit;
    } else {
        v->shm_exclusive[at] = f;
        f->shm_exclusive |= bit;
    }
}

static int shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    struct disk_vfs_file *f = self(file);
    struct disk_vfs *v = f->owner;
    bool is_exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    for (int i = offset; i < offset + count && (flags & SQLITE_SHM_LOCK) != 0; i++) {
        if (!can_lock(v, f, i, is_exclusive)) {
            return SQLITE_BUSY;
        }
    }
    for (int i = offset; i < offset + count; i++) {
        change_shm_lock(v, f, i, flags);
    }
    return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *file)
{
    (void)file; /* one thread at a time */
}

static void free_regions(struct disk_vfs *v)
{
    for (size_t i = 0; i < SHM_REGIONS_MAX; i++) {
        free(v->regions[i]);
        v->regions[i] = NULL;
    }
}

static int shm_unmap(sqlite3_file *file, int is_over)
{
    struct disk_vfs_file *f = self(file);
    struct disk_vfs *v = f->owner;
    (void)is_over;
    if (f->is_mapped) {
        f->is_mapped = false;
        v->mapped--;
        if (v->mapped == 0) {
            free_regions(v);
        }
    }
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* ---- The disk ---- */

static struct disk_vfs *owner(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

static bool is_there(struct disk *disk, const char *path)
{
    struct disk_file *file = NULL;
    return disk->functions->open(disk, path, DISK_READ, &file) == 0 && disk->functions->close(disk, file) == 0;
}

/* Without a name: a temporary file. There is none, for a store on such a disk keeps what is temporary in memory. */
static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags)
{
    struct disk_vfs_file *f = self(file);
    struct disk_vfs *v = owner(vfs);
    *f = (struct disk_vfs_file){ .owner = v };
    bool was_there = path != NULL && is_there(v->disk, path);
    if (path == NULL || (!was_there && (flags & SQLITE_OPEN_CREATE) == 0)) {
        return SQLITE_CANTOPEN;
    }
    enum disk_open_mode mode = (flags & SQLITE_OPEN_READWRITE) != 0 ? DISK_WRITE : DISK_READ;
    if (v->disk->functions->open(v->disk, path, mode, &f->opened) != 0) {
        return SQLITE_CANTOPEN;
    }
    f->wants_folder_sync = !was_there;
    f->file.pMethods = &methods;
    if (out_flags != NULL) {
        *out_flags = flags;
    }
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int is_synced)
{
    struct disk_vfs *v = owner(vfs);
    int fault = v->disk->functions->remove(v->disk, path);
    if (fault != 0) {
        return fault == ENOENT ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
    }
    return is_synced == 0 || v->disk->functions->sync_folder(v->disk, "") == 0 ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int what, int *is_so)
{
    (void)what; /* what is there may be written */
    *is_so = is_there(owner(vfs)->disk, path);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    (void)vfs;
    int written = snprintf(out, (size_t)size, "%s", path);
    return written >= 0 && written < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_random(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    random_fill(out, (size_t)size);
    return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us; /* whom it would wait for is of this thread */
}

static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    (void)vfs;
    *out = JULIAN_EPOCH_MS + time_now_ms();
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    if (size > 0) {
        out[0] = '\0';
    }
    return 0;
}

bool disk_vfs_make(struct disk_vfs **out, struct disk *disk, struct error *e)
{
    struct disk_vfs *v = calloc(1, sizeof *v);
    *out = NULL;
    if (v == NULL) {
        return error_memory(e, "database");
    }
    (void)snprintf(v->name, sizeof v->name, "comity-disk-%p", (void *)v);
    v->disk = disk;
    v->vfs = (sqlite3_vfs){ .iVersion = 2,
                            .szOsFile = sizeof(struct disk_vfs_file),
                            .mxPathname = PATH_SIZE,
                            .zName = v->name,
                            .pAppData = v,
                            .xOpen = vfs_open,
                            .xDelete = vfs_delete,
                            .xAccess = vfs_access,
                            .xFullPathname = vfs_full_path,
                            .xRandomness = vfs_random,
                            .xSleep = vfs_sleep,
                            .xGetLastError = vfs_last_error,
                            .xCurrentTimeInt64 = vfs_time };
    if (sqlite3_vfs_register(&v->vfs, 0) != SQLITE_OK) {
        free(v);
        return error_memory(e, "database");
    }
    *out = v;
    return true;
}

const char *disk_vfs_name(const struct disk_vfs *vfs)
{
    return vfs->name;
}

void disk_vfs_free(struct disk_vfs *vfs)
{
    if (vfs == NULL) {
        return;
    }
    (void)sqlite3_vfs_unregister(&vfs->vfs);
    free_regions(vfs);
    free(vfs);
}
