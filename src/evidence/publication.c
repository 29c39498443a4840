#include "evidence/publication_internal.h"

#include <stdio.h>
#include <stdlib.h>

struct file {
    struct tile tile;
    size_t size;
    uint8_t *data;
};

/* Names that must become durable. */
struct folders {
    char (*paths)[TILE_PATH_SIZE];
    size_t count, capacity;
};

struct publication {
    struct disk *disk;
    uint64_t size;
    struct file *files;
    size_t count, capacity;
    struct buffer checkpoint;
    struct folders folders;
};

void publication_free(struct publication *publication)
{
    if (publication == NULL) {
        return;
    }
    for (size_t i = 0; i < publication->count; i++) {
        free(publication->files[i].data);
    }
    free(publication->files);
    free(publication->folders.paths);
    buffer_clear(&publication->checkpoint);
    free(publication);
}

/* Adds a file with room for `size` bytes. */
static struct file *add_file(struct publication *p, struct tile tile, size_t size)
{
    if (p->count == p->capacity) {
        size_t capacity = p->capacity == 0 ? 16 : p->capacity * 2;
        struct file *grown = realloc(p->files, capacity * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        p->files = grown;
        p->capacity = capacity;
    }
    uint8_t *data = malloc(size);
    if (data == NULL) {
        return NULL;
    }
    p->files[p->count] = (struct file){ .tile = tile, .size = size, .data = data };
    return &p->files[p->count++];
}

/* The tiles of one level (or the entry bundles) that changed since the published size. */
static bool add_level(struct publication *p, int level, const struct tree_edge *edge, uint64_t published, uint64_t size)
{
    unsigned shift = level <= 0 ? 0 : (unsigned)level * TILE_HEIGHT;
    uint64_t before = published >> shift;
    uint64_t now = size >> shift;
    for (uint64_t index = before / TILE_WIDTH; index * TILE_WIDTH < now && before < now; index++) {
        struct tile tile = { .level = level, .index = index, .width = tile_width(level, index, size) };
        size_t each = level == TILE_ENTRIES ? BUNDLE_ENTRY_BYTES : SHA256_SIZE;
        struct file *file = add_file(p, tile, tile.width * each);
        if (file == NULL) {
            return false;
        }
        const uint8_t(*hashes)[SHA256_SIZE] = (const uint8_t(*)[SHA256_SIZE])edge->hashes + (index * TILE_WIDTH - edge->first);
        if (level == TILE_ENTRIES) {
            bundle_write(hashes, tile.width, file->data);
        } else {
            memcpy(file->data, hashes, file->size);
        }
    }
    return true;
}

bool publication_make(struct publication **out, const struct log *log, struct error *e)
{
    *out = NULL;
    struct publication *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return error_memory(e, CHECKPOINT_PATH);
    }
    p->disk = log->public;
    p->size = log->tree.size;
    buffer_init(&p->checkpoint, CHECKPOINT_BYTES_MAX);
    if (!add_level(p, TILE_ENTRIES, &log->tree.commitments, log->published, p->size)) {
        goto no_memory;
    }
    for (int level = 0; level < TILE_LEVELS; level++) {
        if (!add_level(p, level, &log->tree.edges[level], log->published, p->size)) {
            goto no_memory;
        }
    }
    if (!log_sign(log, &p->checkpoint, e)) {
        publication_free(p);
        return false;
    }
    *out = p;
    return true;
no_memory:
    publication_free(p);
    return error_memory(e, "tile");
}

static bool add_folder(struct folders *folders, const char *path)
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
static bool add_folders_of(struct folders *folders, const char *path)
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

/*
 * Written beside it and then named, so that no crash leaves half a tile under a tile's name: one of a size that was never published would
 * stay there. The name becomes durable with its folder, before the checkpoint.
 */
static int write_file(struct disk *disk, const struct file *file, const char *path)
{
    const struct disk_functions *f = disk->functions;
    struct disk_file *handle = NULL;
    char folder[TILE_PATH_SIZE];
    char beside[TILE_PATH_SIZE + 4];
    (void)snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    (void)snprintf(beside, sizeof beside, "%s.new", path);
    int fault = f->make_folder(disk, folder);
    if (fault == 0) {
        fault = f->open(disk, beside, DISK_WRITE, &handle);
    }
    if (fault != 0) {
        return fault;
    }
    fault = f->truncate(disk, handle, 0);
    fault = fault != 0 ? fault : f->write(disk, handle, bytes_of(file->data, file->size), 0);
    fault = fault != 0 ? fault : f->sync(disk, handle);
    int close_fault = f->close(disk, handle);
    fault = fault != 0 ? fault : close_fault;
    return fault != 0 ? fault : f->rename(disk, beside, path);
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

/* Clients fall back to the full tile (tlog-tiles 0.1.0). What can't be removed stays and does no harm. */
static void remove_partials(struct publication *p)
{
    for (size_t i = 0; i < p->count; i++) {
        char folder[TILE_PATH_SIZE];
        struct removal removal = { p->disk, folder };
        if (p->files[i].tile.width == TILE_WIDTH) {
            tile_partial_folder(p->files[i].tile, folder);
            if (p->disk->functions->list(p->disk, folder, remove_partial, &removal) == 0) {
                (void)p->disk->functions->remove(p->disk, folder);
            }
        }
    }
}

bool publication_write(struct publication *p, struct error *e)
{
    const char *const todo = "make room, or check the public folder's disk; publishing is tried again";
    char path[TILE_PATH_SIZE];
    for (size_t i = 0; i < p->count; i++) {
        tile_path(p->files[i].tile, path);
        int fault = write_file(p->disk, &p->files[i], path);
        if (fault != 0) {
            return disk_error(e, fault, path, todo);
        }
        if (!add_folders_of(&p->folders, path)) {
            return error_memory(e, path);
        }
    }
    for (size_t i = 0; i < p->folders.count; i++) {
        int fault = p->disk->functions->sync_folder(p->disk, p->folders.paths[i]);
        if (fault != 0) {
            return disk_error(e, fault, p->folders.paths[i], todo);
        }
    }
    int fault = disk_replace(p->disk, CHECKPOINT_PATH, buffer_bytes(&p->checkpoint));
    if (fault != 0) {
        return disk_error(e, fault, CHECKPOINT_PATH, todo);
    }
    remove_partials(p);
    return true;
}

void publication_end(const struct publication *publication, struct log *log)
{
    log->published = publication->size;
    tree_forget(&log->tree, publication->size);
}
