#include "evidence/publication_internal.h"

#include <stdlib.h>

#include "evidence/tile_write_internal.h"

/* Syncing all of the file system makes others wait who have no part in this: a few files are synced each for itself. */
enum { SYNC_TOGETHER_FILES = 32 };

struct file {
    struct tile tile;
    size_t size;
    uint8_t *data;
};

struct publication {
    struct disk *disk;
    uint64_t size;
    struct file *files;
    size_t count, capacity;
    struct buffer checkpoint;
    struct tile_folders folders;
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
    tile_folders_clear(&publication->folders);
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

/* `*failed`: the tile at which it ended, if it did. */
static int write_each(struct publication *p, size_t *failed)
{
    int fault = 0;
    for (size_t i = 0; i < p->count && fault == 0; i++) {
        const struct file *file = &p->files[i];
        *failed = i;
        fault = tile_write(p->disk, file->tile, bytes_of(file->data, file->size), &p->folders);
    }
    return fault;
}

/* The same guarantee with one sync: none gets its name before all are durable. */
static int write_together(struct publication *p, size_t *failed)
{
    int fault = 0;
    for (size_t i = 0; i < p->count && fault == 0; i++) {
        const struct file *file = &p->files[i];
        *failed = i;
        fault = tile_write_beside(p->disk, file->tile, bytes_of(file->data, file->size), &p->folders);
    }
    fault = fault != 0 ? fault : p->disk->functions->sync_all(p->disk);
    for (size_t i = 0; i < p->count && fault == 0; i++) {
        *failed = i;
        fault = tile_give_name(p->disk, p->files[i].tile);
    }
    return fault;
}

bool publication_write(struct publication *p, struct error *e)
{
    const char *const todo = "make room, or check the public folder's disk; publishing is tried again";
    const char *failed = "tile";
    size_t at = 0;
    bool is_together = p->count >= SYNC_TOGETHER_FILES && p->disk->functions->sync_all != NULL;
    int fault = is_together ? write_together(p, &at) : write_each(p, &at);
    if (fault != 0) {
        char path[TILE_PATH_SIZE];
        tile_path(p->files[at].tile, path);
        return disk_error(e, fault, path, todo);
    }
    fault = tile_folders_sync(p->disk, &p->folders, &failed);
    if (fault != 0) {
        return disk_error(e, fault, failed, todo);
    }
    fault = disk_replace(p->disk, CHECKPOINT_PATH, buffer_bytes(&p->checkpoint));
    if (fault != 0) {
        return disk_error(e, fault, CHECKPOINT_PATH, todo);
    }
    for (size_t i = 0; i < p->count; i++) {
        if (p->files[i].tile.width == TILE_WIDTH) {
            tile_remove_partials(p->disk, p->files[i].tile);
        }
    }
    return true;
}

void publication_end(const struct publication *publication, struct log *log)
{
    log->published = publication->size;
    tree_forget(&log->tree, publication->size);
}
