/* Healing (log_heal_internal.h): what the entries of one bundle were, by everything that knows about them. */
#include <stdlib.h>

#include "evidence/log_heal_internal.h"
#include "evidence/merkle.h"
#include "evidence/tile_read_internal.h"

/* ---- What is known of a block ---- */

static bool read_file(struct heal_pass *p, struct tile tile, uint8_t (*out)[SHA256_SIZE], bool *has, struct error *e)
{
    uint8_t *data = NULL;
    struct error fault = { 0 };
    if (!tile_read(p->heal->options->public, tile, &data, &fault)) {
        if (fault.kind != ERROR_INPUT && e != NULL) {
            *e = fault;
        }
        return fault.kind == ERROR_INPUT;
    }
    for (unsigned i = 0; i < tile.width; i++) {
        if (tile.level == TILE_ENTRIES) {
            has[i] = bundle_entry(bytes_of(data, tile.width * (size_t)BUNDLE_ENTRY_BYTES), i, out[i]);
        } else {
            has[i] = true;
            memcpy(out[i], data + (size_t)i * SHA256_SIZE, SHA256_SIZE);
        }
    }
    free(data);
    return true;
}

static void make_leaves(const uint8_t (*commitments)[SHA256_SIZE], const bool *has, unsigned width, uint8_t (*leaves)[SHA256_SIZE])
{
    for (unsigned i = 0; i < width; i++) {
        if (has[i]) {
            merkle_leaf(bytes_of(commitments[i], SHA256_SIZE), leaves[i]);
        }
    }
}

bool heal_block_gather(struct heal_pass *p, uint64_t index, struct error *e)
{
    struct heal_block *b = p->block;
    memset(b, 0, sizeof *b);
    b->index = index;
    b->width = tile_width(0, index, p->size);
    struct tile tile = { .level = 0, .index = index, .width = b->width };
    struct tile bundle = { .level = TILE_ENTRIES, .index = index, .width = b->width };
    if (!read_file(p, bundle, b->bundle, b->has_bundle, e) || !read_file(p, tile, b->tile, b->has_tile, e)) {
        return false;
    }
    for (unsigned i = 0; i < b->width; i++) {
        enum heal_record what = HEAL_RECORD_LOST;
        if (!heal_records_next(p->records, &what, b->record[i], e)) {
            return false;
        }
        b->has_record[i] = what == HEAL_RECORD_GOOD;
        b->is_record_pruned[i] = what == HEAL_RECORD_PRUNED;
    }
    b->is_bundle_pruned = (index + 1) * TILE_WIDTH <= p->heal->pruned && !b->has_bundle[0];
    make_leaves((const uint8_t(*)[SHA256_SIZE])b->record, b->has_record, b->width, b->record_leaf);
    make_leaves((const uint8_t(*)[SHA256_SIZE])b->bundle, b->has_bundle, b->width, b->bundle_leaf);
    return true;
}

/* One copy's bundle, if it is proven to be of the checkpoint that this log signed for it. */
static bool ask_copy(const struct heal_pass *p, const struct log_heal_source *source)
{
    struct heal_block *b = p->block;
    struct checkpoint_view view;
    uint8_t *data = NULL;
    uint8_t root[SHA256_SIZE];
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    size_t count = 0;
    bool has[TILE_WIDTH];
    const uint64_t base = b->index * TILE_WIDTH;
    if (source->checkpoint.size == 0 || !checkpoint_check(source->checkpoint, p->heal->options->key, &view, NULL) || view.size <= base ||
        view.size >> TREE_LEVELS != 0) {
        return false;
    }
    struct tile tile = { .level = TILE_ENTRIES, .index = b->index, .width = tile_width(TILE_ENTRIES, b->index, view.size) };
    if (!source->fetch(source->context, tile, &data, NULL)) {
        return false;
    }
    bool ok = true;
    for (unsigned i = 0; ok && i < tile.width; i++) {
        has[i] = ok = bundle_entry(bytes_of(data, tile.width * (size_t)BUNDLE_ENTRY_BYTES), i, b->copy[i]);
    }
    free(data);
    if (!ok) {
        return false;
    }
    make_leaves((const uint8_t(*)[SHA256_SIZE])b->copy, has, tile.width, b->copy_leaf);
    merkle_root((const uint8_t(*)[SHA256_SIZE])b->copy_leaf, tile.width, root);
    struct tile_nodes nodes = { .fetch = source->fetch, .context = source->context, .size = view.size };
    ok = merkle_prove_consistency(base, base + tile.width, view.size, tile_nodes_read, &nodes, path, &count) &&
         merkle_verify_subtree(base, base + tile.width, view.size, root, view.root, (const uint8_t(*)[SHA256_SIZE])path, count);
    tile_nodes_clear(&nodes);
    for (unsigned i = 0; ok && i < b->width && i < tile.width; i++) {
        b->has_copy[i] = true;
    }
    return ok;
}

static void ask_copies_for(const struct heal_pass *p)
{
    for (size_t i = 0; i < p->heal->options->source_count && !p->block->has_copy[p->block->width - 1]; i++) {
        (void)ask_copy(p, &p->heal->options->sources[i]);
    }
}

/* ---- What the entries were ---- */

static bool do_differ(const uint8_t a[SHA256_SIZE], bool has_a, const uint8_t b[SHA256_SIZE], bool has_b)
{
    return has_a && has_b && memcmp(a, b, SHA256_SIZE) != 0;
}

/* Is something missing, or does one source contradict another? */
static bool is_in_doubt(const struct heal_block *b)
{
    for (unsigned i = 0; i < b->width; i++) {
        bool is_missing = (!b->has_record[i] && !b->is_record_pruned[i]) || (!b->has_bundle[i] && !b->is_bundle_pruned) || !b->has_tile[i];
        if (is_missing || do_differ(b->record_leaf[i], b->has_record[i], b->tile[i], true) ||
            do_differ(b->bundle_leaf[i], b->has_bundle[i], b->tile[i], true)) {
            return true;
        }
    }
    return false;
}

/* What the next level's tile says of this block; false when it says nothing. */
static bool read_above(const struct heal_pass *p, const struct heal_block *b, uint8_t out[SHA256_SIZE])
{
    uint8_t *data = NULL;
    struct tile above = { .level = 1, .index = b->index / TILE_WIDTH };
    above.width = tile_width(1, above.index, p->size);
    if (above.width <= b->index % TILE_WIDTH || !tile_read(p->heal->options->public, above, &data, NULL)) {
        return false;
    }
    memcpy(out, data + b->index % TILE_WIDTH * SHA256_SIZE, SHA256_SIZE);
    free(data);
    return true;
}

/* Do the leaves fit to what is above them: the next level's tile or, for the last block, the signed root? */
static bool is_fitting(const struct heal_pass *p, const struct heal_block *b)
{
    uint8_t hash[SHA256_SIZE];
    uint8_t above[SHA256_SIZE];
    merkle_root((const uint8_t(*)[SHA256_SIZE])b->leaves, b->width, hash);
    if (p->root != NULL && b->index * TILE_WIDTH + b->width == p->size) {
        for (unsigned level = TILE_HEIGHT; level < TREE_LEVELS; level++) {
            if ((p->tree.size >> level & 1) != 0) {
                merkle_node(p->tree.stack[level], hash, hash);
            }
        }
        return memcmp(hash, *p->root, SHA256_SIZE) == 0;
    }
    return read_above(p, b, above) && memcmp(hash, above, SHA256_SIZE) == 0;
}

/* Where retention left nothing but the tile: the one bit in it that flipped, by what is above. Each bit costs the eight hashes of its path. */
static bool turn_leaf_bit(const struct heal_pass *p, struct heal_block *b)
{
    uint8_t nodes[2 * TILE_WIDTH][SHA256_SIZE]; /* as a heap: 1 is the root, 256 the first leaf */
    uint8_t above[SHA256_SIZE];
    if (b->width != TILE_WIDTH || !read_above(p, b, above)) {
        return false;
    }
    memcpy(nodes[TILE_WIDTH], b->leaves, sizeof b->leaves);
    for (size_t i = TILE_WIDTH - 1; i > 0; i--) {
        merkle_node(nodes[2 * i], nodes[2 * i + 1], nodes[i]);
    }
    for (size_t bit = 0; bit < (size_t)TILE_WIDTH * SHA256_SIZE * 8; bit++) {
        const size_t leaf = bit / (SHA256_SIZE * 8);
        uint8_t hash[SHA256_SIZE];
        memcpy(hash, b->leaves[leaf], SHA256_SIZE);
        hash[bit / 8 % SHA256_SIZE] ^= (uint8_t)(1U << bit % 8);
        for (size_t at = TILE_WIDTH + leaf; at > 1; at /= 2) {
            merkle_node(at % 2 == 0 ? hash : nodes[at - 1], at % 2 == 0 ? nodes[at + 1] : hash, hash);
        }
        if (memcmp(hash, above, SHA256_SIZE) == 0) {
            b->leaves[leaf][bit / 8 % SHA256_SIZE] ^= (uint8_t)(1U << bit % 8);
            return true;
        }
    }
    return false;
}

enum source { BY_RECORD, BY_BUNDLE, BY_TILE };

static void take(struct heal_block *b, unsigned i, enum source source)
{
    const bool has = source == BY_RECORD ? b->has_record[i] : source == BY_BUNDLE ? b->has_bundle[i] : b->has_tile[i];
    if (has && !b->has_leaf[i]) {
        const uint8_t *leaf = source == BY_RECORD ? b->record_leaf[i] : source == BY_BUNDLE ? b->bundle_leaf[i] : b->tile[i];
        memcpy(b->leaves[i], leaf, SHA256_SIZE);
        b->has_leaf[i] = true;
    }
}

static void take_in_order(struct heal_block *b, const enum source order[3])
{
    for (unsigned i = 0; i < b->width; i++) {
        b->has_leaf[i] = false;
        if (b->has_copy[i]) {
            memcpy(b->leaves[i], b->copy_leaf[i], SHA256_SIZE);
            b->has_leaf[i] = true;
        }
        for (size_t j = 0; j < 3; j++) {
            take(b, i, order[j]);
        }
    }
}

/* Two sources that agree outvote the third; a record, which has a checksum, outvotes one of the others. */
static void vote(struct heal_block *b)
{
    static const enum source order[3] = { BY_RECORD, BY_TILE, BY_BUNDLE };
    take_in_order(b, order);
    for (unsigned i = 0; i < b->width; i++) {
        if (!b->has_copy[i] && b->has_bundle[i] && b->has_tile[i] && memcmp(b->bundle_leaf[i], b->tile[i], SHA256_SIZE) == 0) {
            memcpy(b->leaves[i], b->tile[i], SHA256_SIZE);
        }
    }
}

void heal_block_decide(struct heal_pass *p)
{
    static const enum source orders[][3] = {
        { BY_RECORD, BY_TILE, BY_BUNDLE },
        { BY_RECORD, BY_BUNDLE, BY_TILE },
        { BY_TILE, BY_BUNDLE, BY_RECORD },
        { BY_BUNDLE, BY_TILE, BY_RECORD },
    };
    struct heal_block *b = p->block;
    bool is_settled = !is_in_doubt(b);
    if (!is_settled || p->heal->wants_copies) {
        ask_copies_for(p);
    }
    vote(b);
    for (size_t i = 0; i < COUNT_OF(orders) && !is_settled && !is_fitting(p, b); i++) {
        take_in_order(b, orders[i]);
        is_settled = is_fitting(p, b);
        if (!is_settled && i + 1 == COUNT_OF(orders)) {
            vote(b);
        }
    }
    if (b->is_bundle_pruned && !b->has_copy[0] && !is_fitting(p, b)) {
        (void)turn_leaf_bit(p, b);
    }
}
