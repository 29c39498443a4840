#include "evidence/tile_write_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void tile_folders_clear(struct tile_folders *folders)
{
    free(folders->paths);
    *folders = (struct tile_folders){ 0 };
}

static bool add_folder(struct tile_folders *folders, const char *path)
{
    for (size_t i = folders->count; i > 0; i--) {
        if (strcmp(folders->paths[i - 1], path) == 0) {
            return true;
        }
    }
    if (folders->count == folders->capacity) {
        size_t capacity = folders->capacity == 0 ? 16 : folders->capacity * 2;
        char(*grown)[TILE_PATH_SIZE] = realloc(folders->paths, capacity * TILE_PATH_SIZE);
        if (grown == NULL) {
            return false;
        }
        folders->paths = grown;
        folders->capacity = capacity;
    }
    (void)snprintf(folders->paths[folders->count++], TILE_PATH_SIZE, "%s", path);
    return true;
}

/* The folder of `path` and all above it, up to the root: each may be new, and syncing one that is not costs next to nothing. */
static bool add_folders_of(struct tile_folders *folders, const char *path)
{
    char folder[TILE_PATH_SIZE];
    (void)snprintf(folder, sizeof folder, "%s", path);
    for (;;) {
        char *slash = strrchr(folder, '/');
        *(slash == NULL ? folder : slash) = '\0';
        if (!add_folder(folders, folder)) {
            return false;
        }
        if (folder[0] == '\0') {
            return true;
        }
    }
}

static void path_beside(const char path[TILE_PATH_SIZE], char out[TILE_PATH_SIZE + 4])
{
    (void)snprintf(out, TILE_PATH_SIZE + 4, "%s.new", path);
}

static int write_beside(struct disk *disk, struct tile tile, struct bytes data, struct tile_folders *folders, bool is_synced)
{
    const struct disk_functions *f = disk->functions;
    struct disk_file *handle = NULL;
    char path[TILE_PATH_SIZE];
    char folder[TILE_PATH_SIZE];
    char beside[TILE_PATH_SIZE + 4];
    tile_path(tile, path);
    (void)snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    path_beside(path, beside);
    if (!add_folders_of(folders, path)) {
        return ENOMEM;
    }
    int fault = f->open(disk, beside, DISK_WRITE, &handle);
    if (fault == ENOENT) {
        fault = f->make_folder(disk, folder);
        fault = fault != 0 ? fault : f->open(disk, beside, DISK_WRITE, &handle);
    }
    if (fault != 0) {
        return fault;
    }
    fault = f->truncate(disk, handle, 0);
    fault = fault != 0 ? fault : f->write(disk, handle, data, 0);
    if (is_synced) {
        fault = fault != 0 ? fault : f->sync(disk, handle);
    }
    int close_fault = f->close(disk, handle);
    return fault != 0 ? fault : close_fault;
}

int tile_write_beside(struct disk *disk, struct tile tile, struct bytes data, struct tile_folders *folders)
{
    return write_beside(disk, tile, data, folders, false);
}

int tile_give_name(struct disk *disk, struct tile tile)
{
    char path[TILE_PATH_SIZE];
    char beside[TILE_PATH_SIZE + 4];
    tile_path(tile, path);
    path_beside(path, beside);
    return disk->functions->rename(disk, beside, path);
}

int tile_write(struct disk *disk, struct tile tile, struct bytes data, struct tile_folders *folders)
{
    int fault = write_beside(disk, tile, data, folders, true);
    return fault != 0 ? fault : tile_give_name(disk, tile);
}

int tile_folders_sync(struct disk *disk, const struct tile_folders *folders, const char **failed)
{
    for (size_t i = 0; i < folders->count; i++) {
        int fault = disk->functions->sync_folder(disk, folders->paths[i]);
        if (fault != 0) {
            *failed = folders->paths[i];
            return fault;
        }
    }
    return 0;
}

struct removal {
    struct disk *disk;
    const char *folder;
};

static void remove_partial(void *context, const char *name, bool is_folder)
{
    const struct removal *r = context;
    char path[2 * TILE_PATH_SIZE];
    if (!is_folder && snprintf(path, sizeof path, "%s/%s", r->folder, name) < (int)sizeof path) {
        (void)r->disk->functions->remove(r->disk, path);
    }
}

void tile_remove_partials(struct disk *disk, struct tile tile)
{
    char folder[TILE_PATH_SIZE];
    struct removal removal = { disk, folder };
    tile_partial_folder(tile, folder);
    if (disk->functions->list(disk, folder, remove_partial, &removal) == 0) {
        (void)disk->functions->remove(disk, folder);
    }
}
