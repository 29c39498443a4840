#include "evidence/tree_internal.h"

#include <stdlib.h>

#include "evidence/merkle.h"

void tree_init(struct tree *tree)
{
    memset(tree, 0, sizeof *tree);
    merkle_root(NULL, 0, tree->root);
}

void tree_clear(struct tree *tree)
{
    for (size_t l = 0; l < TILE_LEVELS; l++) {
        free(tree->edges[l].hashes);
    }
    free(tree->commitments.hashes);
    free(tree->scratch);
    memset(tree, 0, sizeof *tree);
}

static bool grow(uint8_t (**hashes)[SHA256_SIZE], size_t *capacity, size_t wanted)
{
    if (wanted <= *capacity) {
        return true;
    }
    if (wanted > SIZE_MAX / SHA256_SIZE / 2) {
        return false;
    }
    size_t grown = *capacity < TILE_WIDTH ? TILE_WIDTH : *capacity;
    while (grown < wanted) {
        grown *= 2;
    }
    uint8_t(*moved)[SHA256_SIZE] = realloc(*hashes, grown * SHA256_SIZE);
    if (moved == NULL) {
        return false;
    }
    *hashes = moved;
    *capacity = grown;
    return true;
}

bool tree_edge_reserve(struct tree_edge *edge, size_t count)
{
    return grow(&edge->hashes, &edge->capacity, edge->count + count);
}

bool tree_reserve(struct tree *tree, size_t count)
{
    if (count > UINT32_MAX || tree->size + count > (UINT64_C(1) << TREE_LEVELS) - 1) {
        return false;
    }
    for (size_t l = 0; l < TILE_LEVELS; l++) {
        if (!tree_edge_reserve(&tree->edges[l], (count >> (TILE_HEIGHT * l)) + 1)) {
            return false;
        }
    }
    return tree_edge_reserve(&tree->commitments, count) && grow(&tree->scratch, &tree->scratch_capacity, count + 1);
}

static void edge_add(struct tree_edge *edge, const uint8_t (*hashes)[SHA256_SIZE], size_t count)
{
    memcpy(edge->hashes[edge->count], hashes, count * SHA256_SIZE);
    edge->count += count;
}

/* The hash beside each new entry's node on this level; the last node of a ragged edge has none and goes up as it is. */
static void take_siblings(const struct tree *tree, unsigned level, uint64_t low, size_t width, uint64_t old_size, size_t count,
                          struct tree_path *paths)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t sibling = (old_size + i) >> level ^ 1;
        if (sibling - low < width) { /* one before `low` wraps round and is not below `width` */
            memcpy(paths[i].hashes[paths[i].count++], tree->scratch[sibling - low], SHA256_SIZE);
        }
    }
}

/*
 * Level by level, `scratch` holds the nodes from index `low` on that the new entries change, with the old node before them where that is
 * their sibling: bit l of the old size is set just then, and the stack has it. An unpaired last node is the root of a ragged subtree, which
 * RFC 9162 takes up unchanged; so the last of these arrays is the root.
 */
static void append_scratch(struct tree *tree, size_t count, struct tree_path *paths)
{
    const uint64_t old_size = tree->size;
    const uint64_t size = old_size + count;
    uint64_t low = old_size;
    size_t width = count;
    for (unsigned level = 0;; level++) {
        uint64_t complete = size >> level;
        uint64_t complete_before = old_size >> level;
        if (level % TILE_HEIGHT == 0 && complete > complete_before) {
            edge_add(&tree->edges[level / TILE_HEIGHT], (const uint8_t(*)[SHA256_SIZE])tree->scratch + (complete_before - low),
                     (size_t)(complete - complete_before));
        }
        if ((low & 1) != 0) {
            memmove(tree->scratch[1], tree->scratch[0], width * SHA256_SIZE);
            memcpy(tree->scratch[0], tree->stack[level], SHA256_SIZE);
            low--;
            width++;
        }
        if ((complete & 1) != 0) {
            memcpy(tree->stack[level], tree->scratch[complete - 1 - low], SHA256_SIZE);
        }
        if (low == 0 && width == 1) {
            break;
        }
        if (paths != NULL) {
            take_siblings(tree, level, low, width, old_size, count, paths);
        }
        for (size_t i = 0; i + 1 < width; i += 2) {
            merkle_node(tree->scratch[i], tree->scratch[i + 1], tree->scratch[i / 2]);
        }
        if (width % 2 != 0) {
            memmove(tree->scratch[width / 2], tree->scratch[width - 1], SHA256_SIZE);
        }
        width = (width + 1) / 2;
        low >>= 1;
    }
    memcpy(tree->root, tree->scratch[0], SHA256_SIZE);
    tree->size = size;
}

void tree_append(struct tree *tree, const uint8_t (*commitments)[SHA256_SIZE], size_t count, struct tree_path *paths)
{
    if (count == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        merkle_leaf(bytes_of(commitments[i], SHA256_SIZE), tree->scratch[i]);
        if (paths != NULL) {
            paths[i].count = 0;
        }
    }
    edge_add(&tree->commitments, commitments, count);
    append_scratch(tree, count, paths);
}

void tree_append_leaves(struct tree *tree, const uint8_t (*leaves)[SHA256_SIZE], size_t count)
{
    if (count == 0) {
        return;
    }
    memcpy(tree->scratch, leaves, count * SHA256_SIZE);
    append_scratch(tree, count, NULL);
}

static void edge_forget(struct tree_edge *edge, uint64_t first)
{
    if (first <= edge->first) {
        return;
    }
    uint64_t gone = first - edge->first;
    edge->first = first;
    if (gone >= edge->count) {
        edge->count = 0; /* all of it; or there was nothing, as after tree_append_leaves() */
        return;
    }
    edge->count -= (size_t)gone;
    memmove(edge->hashes, edge->hashes[gone], edge->count * SHA256_SIZE);
}

void tree_forget(struct tree *tree, uint64_t published)
{
    for (unsigned l = 0; l < TILE_LEVELS; l++) {
        uint64_t hashes = published >> (TILE_HEIGHT * l);
        edge_forget(&tree->edges[l], hashes / TILE_WIDTH * TILE_WIDTH);
    }
    edge_forget(&tree->commitments, published / TILE_WIDTH * TILE_WIDTH);
}

void tree_rebuild(struct tree *tree, uint64_t size)
{
    uint8_t hash[SHA256_SIZE];
    bool has_any = false;
    tree->size = size;
    for (unsigned level = 0; level < TREE_LEVELS; level++) {
        if ((size >> level & 1) == 0) {
            continue;
        }
        /* The last complete node of this level is made of hashes of the partial tile below it: tiles are complete up to there. */
        const struct tree_edge *edge = &tree->edges[level / TILE_HEIGHT];
        unsigned below = level % TILE_HEIGHT;
        uint64_t start = ((size >> level) - 1) << below;
        merkle_root((const uint8_t(*)[SHA256_SIZE])edge->hashes + (start - edge->first), (size_t)1 << below, tree->stack[level]);
        if (has_any) {
            merkle_node(tree->stack[level], hash, hash);
        } else {
            memcpy(hash, tree->stack[level], SHA256_SIZE);
        }
        has_any = true;
    }
    if (has_any) {
        memcpy(tree->root, hash, SHA256_SIZE);
    } else {
        merkle_root(NULL, 0, tree->root);
    }
}
