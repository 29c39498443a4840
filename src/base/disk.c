#include "base/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The real disk: each path is resolved against a folder that was opened once, so that a later change of directory moves nothing. */
struct folder_disk {
    struct disk disk;
    int root;
    mode_t file_mode;
    mode_t folder_mode;
};

struct disk_file {
    int fd;
};

static int folder_open(struct disk *disk, const char *path, enum disk_open_mode mode, struct disk_file **out)
{
    struct folder_disk *d = (struct folder_disk *)disk;
    int flags = O_CLOEXEC | O_NOFOLLOW;
    switch (mode) {
    case DISK_READ:
        flags |= O_RDONLY;
        break;
    case DISK_WRITE:
        flags |= O_RDWR | O_CREAT;
        break;
    case DISK_WRITE_NEW:
        flags |= O_RDWR | O_CREAT | O_EXCL;
        break;
    }
    struct disk_file *file = malloc(sizeof *file);
    if (file == NULL) {
        return ENOMEM;
    }
    do {
        file->fd = openat(d->root, path, flags, d->file_mode);
    } while (file->fd < 0 && errno == EINTR);
    if (file->fd < 0) {
        int fault = errno;
        free(file);
        return fault;
    }
    *out = file;
    return 0;
}

static int folder_close(struct disk *disk, struct disk_file *file)
{
    (void)disk;
    int fault = close(file->fd) == 0 || errno == EINTR ? 0 : errno;
    free(file);
    return fault;
}

static int folder_read(struct disk *disk, struct disk_file *file, void *data, size_t size, uint64_t offset, size_t *got)
{
    (void)disk;
    *got = 0;
    while (*got < size) {
        ssize_t n = pread(file->fd, (uint8_t *)data + *got, size - *got, (off_t)(offset + *got));
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno;
        }
        if (n == 0) {
            break;
        }
        *got += (size_t)n;
    }
    return 0;
}

static int folder_write(struct disk *disk, struct disk_file *file, struct bytes data, uint64_t offset)
{
    (void)disk;
    size_t done = 0;
    while (done < data.size) {
        ssize_t n = pwrite(file->fd, data.data + done, data.size - done, (off_t)(offset + done));
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno;
        }
        if (n == 0) {
            return ENOSPC;
        }
        done += (size_t)n;
    }
    return 0;
}

static int folder_sync(struct disk *disk, struct disk_file *file)
{
    (void)disk;
    return fdatasync(file->fd) == 0 ? 0 : errno;
}

static int folder_size(struct disk *disk, struct disk_file *file, uint64_t *size)
{
    (void)disk;
    struct stat state;
    if (fstat(file->fd, &state) != 0) {
        return errno;
    }
    *size = (uint64_t)state.st_size;
    return 0;
}

static int folder_truncate(struct disk *disk, struct disk_file *file, uint64_t size)
{
    (void)disk;
    int result;
    do {
        result = ftruncate(file->fd, (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

static int folder_rename(struct disk *disk, const char *from, const char *to)
{
    struct folder_disk *d = (struct folder_disk *)disk;
    return renameat(d->root, from, d->root, to) == 0 ? 0 : errno;
}

static int folder_exchange(struct disk *disk, const char *one, const char *other)
{
    struct folder_disk *d = (struct folder_disk *)disk;
    if (renameat2(d->root, one, d->root, other, RENAME_EXCHANGE) == 0) {
        return 0;
    }
    return errno == EINVAL || errno == ENOSYS ? ENOTSUP : errno; /* of the file system, or of an old kernel */
}

static int folder_remove(struct disk *disk, const char *path)
{
    struct folder_disk *d = (struct folder_disk *)disk;
    if (unlinkat(d->root, path, 0) == 0) {
        return 0;
    }
    /* EISDIR is Linux's; EPERM, which POSIX has for a folder, may be about a file as well: then it is said again. */
    if (errno != EISDIR && errno != EPERM) {
        return errno;
    }
    int fault = errno;
    if (unlinkat(d->root, path, AT_REMOVEDIR) == 0) {
        return 0;
    }
    return errno == ENOTDIR ? fault : errno == EEXIST ? ENOTEMPTY : errno;
}

static int folder_make_folder(struct disk *disk, const char *path)
{
    struct folder_disk *d = (struct folder_disk *)disk;
    char part[512];
    size_t size = strlen(path);
    if (size >= sizeof part) {
        return ENAMETOOLONG;
    }
    memcpy(part, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (part[i] == '/' || part[i] == '\0') {
            char kept = part[i];
            part[i] = '\0';
            if (mkdirat(d->root, part, d->folder_mode) != 0 && errno != EEXIST) {
                return errno;
            }
            part[i] = kept;
        }
    }
    return 0;
}

static int folder_sync_folder(struct disk *disk, const char *path)
{
    struct folder_disk *d = (struct folder_disk *)disk;
    int fd = openat(d->root, path[0] == '\0' ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int fault = fsync(fd) == 0 ? 0 : errno;
    (void)close(fd); /* read only: nothing to lose */
    return fault;
}

/*
 * The whole file system's: some thousand new files each synced for itself would each wait for a commit of its journal. It tells of failed
 * writes from Linux 5.8 on; of those of others on that file system as well, which only makes the caller try again.
 */
static int folder_sync_all(struct disk *disk)
{
    struct folder_disk *d = (struct folder_disk *)disk;
    return syncfs(d->root) == 0 ? 0 : errno;
}

static int folder_list(struct disk *disk, const char *path, disk_list_each *each, void *context)
{
    struct folder_disk *d = (struct folder_disk *)disk;
    int fd = openat(d->root, path[0] == '\0' ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        int fault = errno;
        (void)close(fd);
        return fault;
    }
    int fault = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            fault = errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            struct stat state;
            bool is_folder = fstatat(dirfd(folder), entry->d_name, &state, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(state.st_mode);
            each(context, entry->d_name, is_folder);
        }
    }
    (void)closedir(folder);
    return fault;
}

static void folder_free(struct disk *disk)
{
    struct folder_disk *d = (struct folder_disk *)disk;
    (void)close(d->root);
    free(d);
}

static const struct disk_functions folder_functions = {
    .open = folder_open,
    .close = folder_close,
    .read = folder_read,
    .write = folder_write,
    .sync = folder_sync,
    .size = folder_size,
    .truncate = folder_truncate,
    .rename = folder_rename,
    .exchange = folder_exchange,
    .remove = folder_remove,
    .make_folder = folder_make_folder,
    .sync_folder = folder_sync_folder,
    .sync_all = folder_sync_all,
    .is_for_any_thread = true,
    .list = folder_list,
    .free = folder_free,
};

bool disk_open_folder(struct disk **out, const char *folder, bool is_public, struct error *e)
{
    *out = NULL;
    struct folder_disk *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return error_memory(e, folder);
    }
    d->disk.functions = &folder_functions;
    d->file_mode = is_public ? 0644 : 0600;
    d->folder_mode = is_public ? 0755 : 0700;
    if (mkdir(folder, d->folder_mode) != 0 && errno != EEXIST) {
        error_system(e, folder, "make the folder above it, and check its owner and mode");
        free(d);
        return false;
    }
    d->root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->root < 0) {
        error_system(e, folder, "check the folder's owner and mode");
        free(d);
        return false;
    }
    *out = &d->disk;
    return true;
}

void disk_free(struct disk *disk)
{
    if (disk != NULL) {
        disk->functions->free(disk);
    }
}

int disk_read_whole(struct disk *disk, const char *path, size_t size_max, uint8_t **out, size_t *size)
{
    const struct disk_functions *f = disk->functions;
    struct disk_file *file = NULL;
    uint8_t *data = NULL;
    uint64_t whole = 0;
    *out = NULL;
    *size = 0;
    int fault = f->open(disk, path, DISK_READ, &file);
    if (fault != 0) {
        return fault;
    }
    fault = f->size(disk, file, &whole);
    if (fault == 0 && whole > size_max) {
        fault = EFBIG;
    }
    if (fault == 0) {
        data = malloc((size_t)whole + 1);
        fault = data == NULL ? ENOMEM : f->read(disk, file, data, (size_t)whole, 0, size);
    }
    (void)f->close(disk, file); /* read only: nothing to lose */
    if (fault != 0) {
        free(data);
        *size = 0;
        return fault;
    }
    data[*size] = '\0';
    *out = data;
    return 0;
}

int disk_replace(struct disk *disk, const char *path, struct bytes data)
{
    const struct disk_functions *f = disk->functions;
    char beside[512];
    char folder[512];
    struct disk_file *file = NULL;
    if (snprintf(beside, sizeof beside, "%s.new", path) >= (int)sizeof beside) {
        return ENAMETOOLONG;
    }
    (void)snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    *(slash == NULL ? folder : slash) = '\0';
    int fault = f->open(disk, beside, DISK_WRITE, &file);
    if (fault != 0) {
        return fault;
    }
    fault = f->truncate(disk, file, 0);
    fault = fault != 0 ? fault : f->write(disk, file, data, 0);
    fault = fault != 0 ? fault : f->sync(disk, file);
    int close_fault = f->close(disk, file);
    fault = fault != 0 ? fault : close_fault;
    fault = fault != 0 ? fault : f->rename(disk, beside, path);
    return fault != 0 ? fault : f->sync_folder(disk, folder);
}
