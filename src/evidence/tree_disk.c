#include "evidence/tree_disk_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "evidence/merkle.h"
#include "evidence/tile_read_internal.h"

static const char *const restore = "restore it from a copy or a mirror";

static bool load_edge(struct tree_edge *edge, struct disk *disk, int level, uint64_t size, struct error *e)
{
    uint64_t hashes = level <= 0 ? size : size >> (TILE_HEIGHT * level);
    struct tile tile = { .level = level, .index = hashes / TILE_WIDTH, .width = (unsigned)(hashes % TILE_WIDTH) };
    const size_t each = tile_item_bytes(level);
    uint8_t *data = NULL;
    bool ok = true;
    edge->first = tile.index * TILE_WIDTH;
    edge->count = 0;
    if (tile.width == 0) {
        return true;
    }
    if (!tree_edge_reserve(edge, tile.width)) {
        return error_memory(e, "tile");
    }
    if (!tile_read(disk, tile, &data, e)) {
        return false;
    }
    for (unsigned i = 0; i < tile.width && ok; i++) {
        if (level == TILE_ENTRIES) {
            ok = bundle_entry(bytes_of(data, tile.width * each), i, edge->hashes[i]);
        } else {
            memcpy(edge->hashes[i], data + i * each, SHA256_SIZE);
        }
    }
    free(data);
    edge->count = tile.width;
    if (!ok) {
        char path[TILE_PATH_SIZE];
        tile_path(tile, path);
        return error_set(e, ERROR_INPUT, path, restore, "the entry bundle has another form than this log's");
    }
    return true;
}

bool tree_load(struct tree *tree, struct disk *disk, uint64_t size, struct error *e)
{
    if (size >> TREE_LEVELS != 0) {
        return error_set(e, ERROR_INPUT, "tile", NULL, "the log is larger than this program can hold");
    }
    if (!load_edge(&tree->commitments, disk, TILE_ENTRIES, size, e)) {
        return false;
    }
    for (int level = 0; level < TILE_LEVELS; level++) {
        if (!load_edge(&tree->edges[level], disk, level, size, e)) {
            return false;
        }
    }
    for (size_t i = 0; i < tree->commitments.count; i++) {
        uint8_t leaf[SHA256_SIZE];
        merkle_leaf(bytes_of(tree->commitments.hashes[i], SHA256_SIZE), leaf);
        if (memcmp(leaf, tree->edges[0].hashes[i], SHA256_SIZE) != 0) {
            return error_set(e, ERROR_INPUT, "tile/0", restore, "entry %" PRIu64 ": the tile and the entry bundle disagree",
                             tree->commitments.first + i);
        }
    }
    tree_rebuild(tree, size);
    return true;
}

/* The tiles of one level (or the entry bundles) that changed since `saved`. Returns 0 or an errno; `*at` is the tile. */
static int save_level(struct disk *disk, int level, const struct tree_edge *edge, uint64_t saved, uint64_t size,
                      struct tile_folders *folders, struct tile *at)
{
    _Static_assert((int)BUNDLE_BYTES_MAX >= (int)TILE_BYTES_MAX, "a bundle is the larger one");
    uint8_t data[BUNDLE_BYTES_MAX];
    unsigned shift = level <= 0 ? 0 : (unsigned)level * TILE_HEIGHT;
    uint64_t before = saved >> shift;
    uint64_t now = size >> shift;
    int fault = 0;
    for (uint64_t index = before / TILE_WIDTH; fault == 0 && index * TILE_WIDTH < now && before < now; index++) {
        struct tile tile = { .level = level, .index = index, .width = tile_width(level, index, size) };
        const uint8_t(*hashes)[SHA256_SIZE] = (const uint8_t(*)[SHA256_SIZE])edge->hashes + (index * TILE_WIDTH - edge->first);
        if (level == TILE_ENTRIES) {
            bundle_write(hashes, tile.width, data);
        } else {
            memcpy(data, hashes, tile.width * (size_t)SHA256_SIZE);
        }
        *at = tile;
        fault = tile_write(disk, tile, bytes_of(data, tile.width * tile_item_bytes(level)), folders);
    }
    return fault;
}

static void remove_partials(struct disk *disk, int level, uint64_t saved, uint64_t size)
{
    unsigned shift = level <= 0 ? 0 : (unsigned)level * TILE_HEIGHT;
    for (uint64_t index = (saved >> shift) / TILE_WIDTH; index < (size >> shift) / TILE_WIDTH; index++) {
        tile_remove_partials(disk, (struct tile){ .level = level, .index = index, .width = TILE_WIDTH });
    }
}

bool tree_save(struct tree *tree, struct disk *disk, uint64_t saved, struct error *e)
{
    static const char *const todo = "make room, or check the folder's disk";
    struct tile_folders folders = { 0 };
    struct tile at = { 0 };
    char path[TILE_PATH_SIZE];
    const char *failed = path;
    int fault = save_level(disk, TILE_ENTRIES, &tree->commitments, saved, tree->size, &folders, &at);
    for (int level = 0; fault == 0 && level < TILE_LEVELS; level++) {
        fault = save_level(disk, level, &tree->edges[level], saved, tree->size, &folders, &at);
    }
    tile_path(at, path);
    fault = fault != 0 ? fault : tile_folders_sync(disk, &folders, &failed);
    if (fault != 0) {
        errno = fault;
        (void)error_system(e, failed, todo);
    }
    tile_folders_clear(&folders);
    if (fault != 0) {
        return false;
    }
    for (int level = TILE_ENTRIES; level < TILE_LEVELS; level++) {
        remove_partials(disk, level, saved, tree->size);
    }
    tree_forget(tree, tree->size);
    return true;
}

/* The hashes of one level's partial tile, for which there is room, each from the full tile below it. False: one can't be read. */
static bool make_edge(struct tree_edge *edge, struct disk *disk, int level, uint64_t size)
{
    uint64_t hashes = size >> (TILE_HEIGHT * level);
    edge->first = hashes / TILE_WIDTH * TILE_WIDTH;
    edge->count = (size_t)(hashes % TILE_WIDTH);
    for (size_t i = 0; i < edge->count; i++) {
        uint8_t *data = NULL;
        if (!tile_read(disk, (struct tile){ .level = level - 1, .index = edge->first + i, .width = TILE_WIDTH }, &data, NULL)) {
            return false;
        }
        merkle_root((const uint8_t(*)[SHA256_SIZE])data, TILE_WIDTH, edge->hashes[i]);
        free(data);
    }
    return true;
}

/* The whole right edge, from the entries up. */
static bool make_edges(struct tree *tree, struct disk *disk, uint64_t size)
{
    struct tree_edge *leaves = &tree->edges[0];
    if (!load_edge(&tree->commitments, disk, TILE_ENTRIES, size, NULL)) {
        return false;
    }
    leaves->first = tree->commitments.first;
    if (!tree_edge_reserve(leaves, tree->commitments.count)) {
        return false;
    }
    leaves->count = tree->commitments.count;
    for (size_t i = 0; i < leaves->count; i++) {
        merkle_leaf(bytes_of(tree->commitments.hashes[i], SHA256_SIZE), leaves->hashes[i]);
    }
    for (int level = 1; level < TILE_LEVELS; level++) {
        tree->edges[level].count = 0;
        if (!tree_edge_reserve(&tree->edges[level], TILE_WIDTH) || !make_edge(&tree->edges[level], disk, level, size)) {
            return false;
        }
    }
    tree_rebuild(tree, size);
    return true;
}

bool tree_mend_edge(struct disk *disk, uint64_t size, const uint8_t root[SHA256_SIZE], unsigned *mended, struct error *e)
{
    struct tree tree;
    struct tile_folders folders = { 0 };
    const char *failed = "tile";
    int fault = 0;
    *mended = 0;
    tree_init(&tree);
    bool is_right = make_edges(&tree, disk, size) && memcmp(tree.root, root, SHA256_SIZE) == 0;
    for (int level = 0; is_right && fault == 0 && level < TILE_LEVELS; level++) {
        const struct tree_edge *edge = &tree.edges[level];
        const struct tile tile = { .level = level, .index = edge->first / TILE_WIDTH, .width = (unsigned)edge->count };
        uint8_t *data = NULL;
        if (tile.width == 0 || (tile_read(disk, tile, &data, NULL) && memcmp(data, edge->hashes, tile.width * (size_t)SHA256_SIZE) == 0)) {
            free(data);
            continue;
        }
        free(data);
        fault = tile_write(disk, tile, bytes_of(edge->hashes, tile.width * (size_t)SHA256_SIZE), &folders);
        *mended += 1;
    }
    fault = fault != 0 ? fault : tile_folders_sync(disk, &folders, &failed);
    tile_folders_clear(&folders);
    tree_clear(&tree);
    if (fault != 0) {
        errno = fault;
        return error_system(e, failed, "check the public folder's disk, owner and mode");
    }
    return true;
}
