#include "torture/faulty_disk.h"

#include <errno.h>

/* Each call is counted; a write that fails may have been done in part, and a sync that fails drops what it was to make durable. */
static int met(struct faulty_disk *f, unsigned kind)
{
    struct faults *faults = f->faults;
    if (faults->is_dead) {
        return EIO;
    }
    if ((faults->kinds & kind) == 0) {
        return 0;
    }
    uint64_t n = faults->calls++;
    return n == faults->fail_at || (faults->from_then_on && n > faults->fail_at) ? faults->fault : 0;
}

static struct faulty_disk *self(struct disk *disk)
{
    return (struct faulty_disk *)disk;
}

static int faulty_open(struct disk *disk, const char *path, enum disk_open_mode mode, struct disk_file **out)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_OPEN);
    return fault != 0 ? fault : f->real->functions->open(f->real, path, mode, out);
}

static int faulty_close(struct disk *disk, struct disk_file *file)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_CLOSE);
    int real = f->real->functions->close(f->real, file); /* Linux closes the descriptor whatever it reports */
    return fault != 0 ? fault : real;
}

static int faulty_read(struct disk *disk, struct disk_file *file, void *data, size_t size, uint64_t offset, size_t *got)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_READ);
    *got = 0;
    return fault != 0 ? fault : f->real->functions->read(f->real, file, data, size, offset, got);
}

static int faulty_write(struct disk *disk, struct disk_file *file, struct bytes data, uint64_t offset)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_WRITE);
    if (fault != 0 && !f->faults->is_dead) {
        data.size /= 2;
    }
    int real = f->faults->is_dead ? 0 : f->real->functions->write(f->real, file, data, offset);
    return fault != 0 ? fault : real;
}

static int faulty_sync(struct disk *disk, struct disk_file *file)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_SYNC);
    if (fault != 0) {
        if (!f->faults->is_dead) {
            (void)sim_disk_failed_sync(f->real, file);
        }
        return fault;
    }
    return f->real->functions->sync(f->real, file);
}

static int faulty_size(struct disk *disk, struct disk_file *file, uint64_t *size)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_SIZE);
    return fault != 0 ? fault : f->real->functions->size(f->real, file, size);
}

static int faulty_truncate(struct disk *disk, struct disk_file *file, uint64_t size)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_TRUNCATE);
    return fault != 0 ? fault : f->real->functions->truncate(f->real, file, size);
}

static int faulty_rename(struct disk *disk, const char *from, const char *to)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_RENAME);
    return fault != 0 ? fault : f->real->functions->rename(f->real, from, to);
}

static int faulty_exchange(struct disk *disk, const char *one, const char *other)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_RENAME);
    if (fault != 0) {
        return fault;
    }
    return f->real->functions->exchange == NULL ? ENOTSUP : f->real->functions->exchange(f->real, one, other);
}

static int faulty_remove(struct disk *disk, const char *path)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_REMOVE);
    return fault != 0 ? fault : f->real->functions->remove(f->real, path);
}

static int faulty_make_folder(struct disk *disk, const char *path)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_MAKE_FOLDER);
    return fault != 0 ? fault : f->real->functions->make_folder(f->real, path);
}

static int faulty_sync_folder(struct disk *disk, const char *path)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_SYNC_FOLDER);
    return fault != 0 ? fault : f->real->functions->sync_folder(f->real, path);
}

static int faulty_sync_all(struct disk *disk)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_SYNC);
    return fault != 0 ? fault : f->real->functions->sync_all(f->real);
}

static int faulty_list(struct disk *disk, const char *path, disk_list_each *each, void *context)
{
    struct faulty_disk *f = self(disk);
    int fault = met(f, CALL_LIST);
    return fault != 0 ? fault : f->real->functions->list(f->real, path, each, context);
}

static void faulty_free(struct disk *disk)
{
    (void)disk;
}

static const struct disk_functions faulty_functions = {
    .open = faulty_open,
    .close = faulty_close,
    .read = faulty_read,
    .write = faulty_write,
    .sync = faulty_sync,
    .size = faulty_size,
    .truncate = faulty_truncate,
    .rename = faulty_rename,
    .exchange = faulty_exchange,
    .remove = faulty_remove,
    .make_folder = faulty_make_folder,
    .sync_folder = faulty_sync_folder,
    .sync_all = faulty_sync_all,
    .list = faulty_list,
    .free = faulty_free,
};

void faulty_disk_init(struct faulty_disk *f, struct disk *real, struct faults *faults)
{
    *f = (struct faulty_disk){ .disk = { &faulty_functions }, .real = real, .faults = faults };
}
