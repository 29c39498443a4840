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
    for (size_t i = 0; i < TILE_NODES_KEPT; i++) {
        free(nodes->kept[i].data);
        nodes->kept[i].data = NULL;
    }
}

static const uint8_t *keep(struct tile_nodes *n, struct tile tile)
{
    for (size_t i = 0; i < TILE_NODES_KEPT; i++) {
        if (n->kept[i].data != NULL && n->kept[i].tile.level == tile.level && n->kept[i].tile.index == tile.index &&
            n->kept[i].tile.width >= tile.width) {
            return n->kept[i].data;
        }
    }
    size_t slot = n->next;
    n->next = (n->next + 1) % TILE_NODES_KEPT;
    free(n->kept[slot].data);
    n->kept[slot].data = NULL;
    if (!n->fetch(n->context, tile, &n->kept[slot].data, n->e)) {
        n->kept[slot].data = NULL;
        return NULL;
    }
    n->kept[slot].tile = tile;
    return n->kept[slot].data;
}

bool tile_nodes_read(void *context, unsigned level, uint64_t index, uint8_t out[SHA256_SIZE])
{
    struct tile_nodes *n = context;
    unsigned first = 0;
    unsigned count = 0;
    uint8_t hashes[1 << (TILE_HEIGHT - 1)][SHA256_SIZE];
    struct tile tile = tile_of_node(level, index, n->size, &first, &count);
    if (tile.level >= TILE_LEVELS || first + count > tile.width) {
        return error_set(n->e, ERROR_INPUT, "tile", NULL, "a tree of %llu entries has no such node", (unsigned long long)n->size);
    }
    const uint8_t *data = keep(n, tile);
    if (data == NULL) {
        return false;
    }
    memcpy(hashes, data + (size_t)first * SHA256_SIZE, (size_t)count * SHA256_SIZE);
    merkle_root((const uint8_t(*)[SHA256_SIZE])hashes, count, out);
    return true;
}
