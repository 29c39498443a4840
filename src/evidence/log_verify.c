/* Checking everything (evidence/log.h): checkpoint, tiles, bundles and records against each other, in one pass, in bounded memory. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "evidence/log_internal.h"
#include "evidence/merkle.h"
#include "evidence/record_check_internal.h"
#include "evidence/tile_read_internal.h"

static const char *const heal = "restore it from a copy or a mirror";

struct verification {
    struct disk *public;
    struct fault_list faults;
    log_progress *progress;
    void *context;
    struct checkpoint_view checkpoint;
    bool has_checkpoint;
    struct tree tree;             /* grown anew from the entries: its edges are what the tiles must say */
    struct record_check *records; /* NULL: the private folder is not at hand */
};

static bool read_checkpoint(struct verification *v, const struct verifier *key, uint8_t **text, struct error *e)
{
    struct error fault = { 0 };
    size_t size = 0;
    int code = disk_read_whole(v->public, CHECKPOINT_PATH, CHECKPOINT_BYTES_MAX, text, &size);
    if (code == ENOENT || code == EFBIG) {
        fault_add(&v->faults, CHECKPOINT_PATH, "the checkpoint is %s", code == ENOENT ? "missing" : "too large to be one");
        return true;
    }
    if (code != 0) {
        return disk_error(e, code, CHECKPOINT_PATH, "check the public folder's disk, owner and mode");
    }
    v->has_checkpoint = checkpoint_check(bytes_of(*text, size), key, &v->checkpoint, &fault);
    if (!v->has_checkpoint) {
        fault_add(&v->faults, CHECKPOINT_PATH, "%s", fault.what);
    }
    if (v->has_checkpoint && v->checkpoint.size >> TREE_LEVELS != 0) {
        v->has_checkpoint = false;
        fault_add(&v->faults, CHECKPOINT_PATH, "the log is larger than this program can hold");
    }
    return true;
}

/* Compares a tile's file with what it must hold; `wanted` has at least tile.width hashes, for a bundle those of its entries' leaves. */
static bool compare_tile(struct verification *v, struct tile tile, const uint8_t (*wanted)[SHA256_SIZE], bool may_be_gone, struct error *e)
{
    char path[TILE_PATH_SIZE];
    uint8_t *data = NULL;
    size_t size = 0;
    uint64_t first = tile.index * TILE_WIDTH;
    const size_t each = tile_item_bytes(tile.level);
    tile_path(tile, path);
    int code = disk_read_whole(v->public, path, TILE_BYTES_MAX + BUNDLE_BYTES_MAX, &data, &size);
    if (code == ENOENT || code == EFBIG) {
        if (code == EFBIG || !may_be_gone) {
            fault_add(&v->faults, path, "it is %s", code == ENOENT ? "missing" : "too large");
        }
        return true;
    }
    if (code != 0) {
        return disk_error(e, code, path, "check the public folder's disk, owner and mode");
    }
    if (size != tile.width * each) {
        fault_add(&v->faults, path, "it has %zu bytes, not %zu", size, tile.width * each);
    }
    for (unsigned i = 0; i < tile.width && (size_t)(i + 1) * each <= size; i++) {
        uint8_t item[SHA256_SIZE] = { 0 };
        bool has_form = true;
        if (tile.level == TILE_ENTRIES) {
            has_form = bundle_entry(bytes_of(data, size), i, item);
            merkle_leaf(bytes_of(item, sizeof item), item);
        } else {
            memcpy(item, data + i * each, SHA256_SIZE);
        }
        if (!has_form || memcmp(item, wanted[i], SHA256_SIZE) != 0) {
            fault_add(&v->faults, path, "%s %" PRIu64 " does not agree with the rest of the log", tile.level <= 0 ? "entry" : "hash",
                      first + i);
        }
    }
    free(data);
    return true;
}

struct partials {
    unsigned widths[TILE_WIDTH];
    size_t count;
};

static void partials_add(void *context, const char *name, bool is_folder)
{
    struct partials *p = context;
    uint64_t width;
    if (!is_folder && bytes_to_u64(bytes_of_text(name), &width) && width > 0 && width < TILE_WIDTH && p->count < COUNT_OF(p->widths)) {
        p->widths[p->count++] = (unsigned)width;
    }
}

/*
 * One tile or bundle of the published tree, and the older partial ones that still lie beside it. `width` is what the checkpoint wants;
 * wider ones belong to a checkpoint that is still to come, and are not looked at.
 */
static bool check_tile(struct verification *v, int level, uint64_t index, unsigned width, const uint8_t (*wanted)[SHA256_SIZE],
                       struct error *e)
{
    struct tile tile = { .level = level, .index = index, .width = width };
    struct partials partials = { .count = 0 };
    char folder[TILE_PATH_SIZE];
    tile_partial_folder(tile, folder);
    int code = v->public->functions->list(v->public, folder, partials_add, &partials);
    if (code != 0 && code != ENOENT && code != ENOTDIR) {
        return disk_error(e, code, folder, "check the public folder's disk, owner and mode");
    }
    bool is_seen = width == TILE_WIDTH;
    if (is_seen && !compare_tile(v, tile, wanted, false, e)) {
        return false;
    }
    for (size_t i = 0; i < partials.count; i++) {
        tile.width = partials.widths[i];
        if (tile.width > width) {
            continue;
        }
        is_seen = is_seen || tile.width == width;
        if (!compare_tile(v, tile, wanted, true, e)) {
            return false;
        }
    }
    if (is_seen) {
        return true;
    }
    /* The partial tile is gone: that is right only when the gateway has gone on and written the full one meanwhile. */
    uint8_t *data = NULL;
    struct error fault = { 0 };
    tile.width = width;
    if (!tile_read(v->public, tile, &data, &fault)) {
        fault_add(&v->faults, fault.where, "%s", fault.what);
    }
    free(data);
    return true;
}

/* The leaf hashes of up to 256 entries, by what the files say. */
struct block {
    uint8_t leaves[TILE_WIDTH][SHA256_SIZE]; /* taken as right */
    uint8_t bundle[TILE_WIDTH][SHA256_SIZE];
    uint8_t tile[TILE_WIDTH][SHA256_SIZE];
    bool is_in_bundle[TILE_WIDTH], is_in_tile[TILE_WIDTH];
    bool is_disputed[TILE_WIDTH]; /* bundle and tile differ, and no record decides */
    bool has_dispute;
};

/* What one file says; nothing if it is missing or too short, which check_tile() reports. */
static bool read_leaves(struct verification *v, struct tile tile, uint8_t (*out)[SHA256_SIZE], bool *is_known, struct error *e)
{
    uint8_t *data = NULL;
    struct error fault = { 0 };
    if (!tile_read(v->public, tile, &data, &fault)) {
        if (fault.kind != ERROR_INPUT) {
            *e = fault;
        }
        return fault.kind == ERROR_INPUT;
    }
    for (unsigned i = 0; i < tile.width; i++) {
        if (tile.level == TILE_ENTRIES) {
            is_known[i] = bundle_entry(bytes_of(data, tile.width * (size_t)BUNDLE_ENTRY_BYTES), i, out[i]);
            merkle_leaf(bytes_of(out[i], SHA256_SIZE), out[i]);
        } else {
            is_known[i] = true;
            memcpy(out[i], data + (size_t)i * SHA256_SIZE, SHA256_SIZE);
        }
    }
    free(data);
    return true;
}

/* What one entry's leaf is, by the record, the bundle and the tile: two that agree outvote the third. */
static bool decide_entry(struct verification *v, struct block *b, uint64_t index, unsigned i, struct error *e)
{
    bool has_record = false;
    bool do_agree = b->is_in_bundle[i] && b->is_in_tile[i] && memcmp(b->bundle[i], b->tile[i], SHA256_SIZE) == 0;
    if (v->records != NULL && !record_check_next(v->records, &v->faults, index, b->leaves[i], &has_record, e)) {
        return false;
    }
    merkle_leaf(bytes_of(b->leaves[i], SHA256_SIZE), b->leaves[i]);
    if (has_record && do_agree && memcmp(b->leaves[i], b->bundle[i], SHA256_SIZE) != 0) {
        fault_add(&v->faults, record_check_path(v->records), "entry %llu: the record is not the one that was logged",
                  (unsigned long long)index);
        has_record = false;
    }
    if (!has_record) {
        memcpy(b->leaves[i], b->is_in_tile[i] ? b->tile[i] : b->bundle[i], SHA256_SIZE);
        b->is_disputed[i] = b->is_in_bundle[i] && b->is_in_tile[i] && !do_agree;
        b->has_dispute = b->has_dispute || b->is_disputed[i];
    }
    return true;
}

/* Do these leaves fit to what is above them: the next level's tile or, for the last block, the signed root? */
static bool is_fitting(struct verification *v, const uint8_t (*leaves)[SHA256_SIZE], uint64_t index, unsigned width)
{
    uint64_t size = v->checkpoint.size;
    uint8_t hash[SHA256_SIZE];
    uint8_t *data = NULL;
    merkle_root(leaves, width, hash);
    if (index * TILE_WIDTH + width == size) {
        for (unsigned level = TILE_HEIGHT; level < TREE_LEVELS; level++) {
            if ((v->tree.size >> level & 1) != 0) {
                merkle_node(v->tree.stack[level], hash, hash);
            }
        }
        return memcmp(hash, v->checkpoint.root, SHA256_SIZE) == 0;
    }
    struct tile above = { .level = 1, .index = index / TILE_WIDTH };
    above.width = tile_width(1, above.index, size);
    if (!tile_read(v->public, above, &data, NULL)) {
        return false;
    }
    bool ok = memcmp(hash, data + index % TILE_WIDTH * SHA256_SIZE, SHA256_SIZE) == 0;
    free(data);
    return ok;
}

/* Bundle and tile differ, and there is no record: what lies above decides. If it does not, either may be wrong, and both are named. */
static void settle_dispute(struct verification *v, struct block *b, uint64_t index, unsigned width)
{
    uint8_t by_tile[TILE_WIDTH][SHA256_SIZE];
    char path[TILE_PATH_SIZE];
    if (is_fitting(v, (const uint8_t(*)[SHA256_SIZE])b->leaves, index, width)) {
        return;
    }
    memcpy(by_tile, b->leaves, sizeof by_tile);
    for (unsigned i = 0; i < width; i++) {
        if (b->is_disputed[i]) {
            memcpy(b->leaves[i], b->bundle[i], SHA256_SIZE);
        }
    }
    if (is_fitting(v, (const uint8_t(*)[SHA256_SIZE])b->leaves, index, width)) {
        return;
    }
    memcpy(b->leaves, by_tile, sizeof by_tile);
    tile_path((struct tile){ .level = 0, .index = index, .width = width }, path);
    fault_add(&v->faults, path, "it does not agree with the entry bundle, and neither with the rest of the log");
}

static bool check_edges(struct verification *v, uint64_t size, bool is_end, struct error *e)
{
    for (int level = 0; level < TILE_LEVELS; level++) {
        struct tree_edge *edge = &v->tree.edges[level];
        uint64_t index = edge->first / TILE_WIDTH;
        unsigned width = tile_width(level, index, size);
        if (edge->count == 0 || (edge->count < TILE_WIDTH && !is_end)) {
            continue;
        }
        if (!check_tile(v, level, index, width, (const uint8_t(*)[SHA256_SIZE])edge->hashes, e)) {
            return false;
        }
    }
    return true;
}

static bool check_block(struct verification *v, struct block *b, uint64_t index, struct error *e)
{
    uint64_t size = v->checkpoint.size;
    struct tile tile = { .level = 0, .index = index, .width = tile_width(0, index, size) };
    struct tile bundle = { .level = TILE_ENTRIES, .index = index, .width = tile.width };
    memset(b, 0, sizeof *b);
    if (!read_leaves(v, bundle, b->bundle, b->is_in_bundle, e) || !read_leaves(v, tile, b->tile, b->is_in_tile, e)) {
        return false;
    }
    for (unsigned i = 0; i < tile.width; i++) {
        if (!decide_entry(v, b, index * TILE_WIDTH + i, i, e)) {
            return false;
        }
    }
    if (b->has_dispute) {
        settle_dispute(v, b, index, tile.width);
    }
    if (!tree_reserve(&v->tree, tile.width)) {
        return error_memory(e, "log");
    }
    tree_append_leaves(&v->tree, (const uint8_t(*)[SHA256_SIZE])b->leaves, tile.width);
    if (!check_tile(v, TILE_ENTRIES, index, tile.width, (const uint8_t(*)[SHA256_SIZE])b->leaves, e) ||
        !check_edges(v, size, v->tree.size == size, e)) {
        return false;
    }
    tree_forget(&v->tree, v->tree.size);
    return true;
}

static bool check_all(struct verification *v, uint64_t *entries, struct error *e)
{
    bool ok = true;
    uint64_t size = v->has_checkpoint ? v->checkpoint.size : 0;
    struct block *block = malloc(sizeof *block);
    if (block == NULL) {
        return error_memory(e, "log");
    }
    for (uint64_t index = 0; ok && index * TILE_WIDTH < size; index++) {
        ok = check_block(v, block, index, e);
        if (v->progress != NULL) {
            v->progress(v->context, v->tree.size, size);
        }
    }
    free(block);
    if (!ok) {
        return false;
    }
    if (v->has_checkpoint && memcmp(v->tree.root, v->checkpoint.root, SHA256_SIZE) != 0) {
        fault_add(&v->faults, CHECKPOINT_PATH, "the entries do not lead to the signed root");
    }
    *entries = size;
    return v->records == NULL || record_check_end(v->records, &v->faults, entries, e);
}

bool log_verify(struct disk *public, struct disk *private, const struct verifier *key, log_fault *report, log_progress *progress,
                void *context, uint64_t *entries, uint64_t *faults, struct error *e)
{
    struct verification v = {
        .public = public, .progress = progress, .context = context, .faults = { .report = report, .context = context, .todo = heal }
    };
    struct error failure = { 0 };
    uint8_t *text = NULL;
    *entries = 0;
    tree_init(&v.tree);
    bool ok = read_checkpoint(&v, key, &text, &failure);
    if (ok && private != NULL) {
        ok = record_check_make(&v.records, private, bytes_of_text(key->name), v.has_checkpoint ? v.checkpoint.size : 0, &v.faults,
                               &failure);
    }
    ok = ok && check_all(&v, entries, &failure);
    record_check_free(v.records);
    tree_clear(&v.tree);
    free(text);
    *faults = v.faults.count;
    if (!ok && e != NULL) {
        *e = failure;
    }
    return ok;
}
