#include "evidence/log_remove_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "evidence/segment_internal.h"

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* there is one file to write beside */

void log_remove_lock(void)
{
    (void)pthread_mutex_lock(&one_at_a_time);
}

void log_remove_unlock(void)
{
    (void)pthread_mutex_unlock(&one_at_a_time);
}

static int overwrite(struct disk *disk, const char *path)
{
    enum { STEP = 256 * 1024 };
    const struct disk_functions *f = disk->functions;
    struct disk_file *file = NULL;
    uint64_t size = 0;
    uint8_t *zeros = calloc(1, STEP);
    if (zeros == NULL) {
        return ENOMEM;
    }
    int fault = f->open(disk, path, DISK_READ, &file); /* DISK_WRITE would make it */
    if (fault == 0) {
        (void)f->close(disk, file);
        fault = f->open(disk, path, DISK_WRITE, &file);
    }
    if (fault == 0) {
        fault = f->size(disk, file, &size);
        for (uint64_t at = 0; fault == 0 && at < size; at += STEP) {
            fault = f->write(disk, file, bytes_of(zeros, size - at < STEP ? (size_t)(size - at) : STEP), at);
        }
        fault = fault != 0 ? fault : f->sync(disk, file);
        int close_fault = f->close(disk, file);
        fault = fault != 0 ? fault : close_fault;
    }
    free(zeros);
    return fault;
}

static int wipe(struct disk *disk)
{
    struct disk_file *file = NULL;
    int fault = disk->functions->open(disk, ERASING_PATH, DISK_READ, &file);
    if (fault == ENOENT) {
        return 0;
    }
    fault = fault != 0 ? fault : disk->functions->close(disk, file);
    /* That it has this name must be durable first: else a power cut could bring back the name that it had before, over zeros. */
    fault = fault != 0 ? fault : disk->functions->sync_folder(disk, SEGMENT_FOLDER);
    fault = fault != 0 ? fault : overwrite(disk, ERASING_PATH);
    fault = fault != 0 ? fault : disk->functions->remove(disk, ERASING_PATH);
    return fault != 0 ? fault : disk->functions->sync_folder(disk, SEGMENT_FOLDER);
}

bool erasing_clear(struct disk *disk, struct error *e)
{
    int fault = wipe(disk);
    return fault == 0 || disk_error(e, fault, ERASING_PATH, "check the private folder's disk, owner and mode");
}

bool segment_remove(struct disk *disk, uint64_t first, struct error *e)
{
    const struct disk_functions *f = disk->functions;
    char path[SEGMENT_PATH_SIZE];
    segment_path(first, path);
    int fault = f->rename(disk, path, ERASING_PATH);
    fault = fault != 0 ? fault : f->sync_folder(disk, SEGMENT_FOLDER);
    fault = fault != 0 ? fault : wipe(disk);
    return fault == 0 || disk_error(e, fault, path, "check the private folder's disk, owner and mode");
}
