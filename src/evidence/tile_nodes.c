#include "evidence/tile_nodes.h"

#include <stdlib.h>

#include "evidence/merkle.h"
#include "evidence/tile_read_internal.h"

bool tile_fetch_disk(void *context, struct tile tile, uint8_t **data, struct error *e)
{
    return tile_read(context, tile, data, e);
}

void tile_nodes_clear(struct tile_nodes *nodes)
{
    for (size_t i = 0; i < TILE_NODES_SLOTS; i++) {
        free(nodes->kept[i].hashes);
        nodes->kept[i].hashes = NULL;
    }
}

/* Where the hashes of a level within a tile begin. */
static unsigned level_start(unsigned below)
{
    return 2 * TILE_WIDTH - (2 * TILE_WIDTH >> below);
}

/* All complete nodes within the tile: a path through a new tile needs nearly as many hashes, and one through a kept tile none. */
static void make_inner(uint8_t (*hashes)[SHA256_SIZE], unsigned width)
{
    for (unsigned below = 1; below < TILE_HEIGHT; below++) {
        const unsigned from = level_start(below - 1);
        const unsigned to = level_start(below);
        for (unsigned i = 0; i < width >> below; i++) {
            merkle_node(hashes[from + 2 * i], hashes[from + 2 * i + 1], hashes[to + i]);
        }
    }
}

static size_t slot_of(struct tile tile)
{
    if (tile.level == 0) {
        return tile.index % TILE_NODES_LEAF_SLOTS;
    }
    const uint64_t spread = tile.index + (uint64_t)tile.level * 101; /* so that the first tiles of all levels have room */
    return TILE_NODES_LEAF_SLOTS + spread % (TILE_NODES_SLOTS - TILE_NODES_LEAF_SLOTS);
}

/* Has the tile in `*slot`, from before or anew. */
static bool keep(struct tile_nodes *n, struct tile tile, size_t *slot)
{
    *slot = slot_of(tile);
    struct tile_nodes_kept *kept = &n->kept[*slot];
    uint8_t *data = NULL;
    if (kept->hashes != NULL && kept->tile.level == tile.level && kept->tile.index == tile.index && kept->tile.width >= tile.width) {
        return true;
    }
    if (!n->fetch(n->context, tile, &data, n->e)) {
        return false;
    }
    if (kept->hashes == NULL) {
        kept->hashes = malloc((size_t)level_start(TILE_HEIGHT) * SHA256_SIZE);
    }
    if (kept->hashes == NULL) {
        free(data);
        return error_memory(n->e, "tile");
    }
    memcpy(kept->hashes, data, tile.width * (size_t)SHA256_SIZE);
    free(data);
    make_inner(kept->hashes, tile.width);
    kept->tile = tile;
    return true;
}

bool tile_nodes_read(void *context, unsigned level, uint64_t index, uint8_t out[SHA256_SIZE])
{
    struct tile_nodes *n = context;
    unsigned first = 0;
    unsigned count = 0;
    struct tile tile = tile_of_node(level, index, n->size, &first, &count);
    if (tile.level >= TILE_LEVELS || first + count > tile.width) {
        return error_set(n->e, ERROR_INPUT, "tile", NULL, "a tree of %llu entries has no such node", (unsigned long long)n->size);
    }
    const unsigned below = level % TILE_HEIGHT;
    size_t slot = 0;
    if (!keep(n, tile, &slot)) {
        return false;
    }
    memcpy(out, n->kept[slot].hashes[level_start(below) + (first >> below)], SHA256_SIZE);
    return true;
}
