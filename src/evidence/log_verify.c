/* Checking everything (evidence/log.h): checkpoint, tiles, bundles and records against each other, in one pass, in bounded memory. */
#include <errno.h>
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
    struct tree tree;  /* grown anew from the entries: its edges are what the tiles must say */
    struct record_check *records;  /* NULL: the private folder is not at hand */
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

/* Compares a tile's file with what it must hold; `wanted` has at least tile.width items. */
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
        uint8_t item[SHA256_SIZE];
        bool has_form = true;
        if (tile.level == TILE_ENTRIES) {
            has_form = bundle_entry(bytes_of(data, size), i, item);
        } else {
            memcpy(item, data + i * each, SHA256_SIZE);
        }
        if (!has_form || memcmp(item, wanted[i], SHA256_SIZE) != 0) {
            fault_add(&v->faults, path, "%s %llu does not agree with the rest of the log", tile.level <= 0 ? "entry" : "hash",
                      (unsigned long long)(first + i));
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

/* The commitments of one bundle as its file has them; `*count` is how many have the right form. */
static bool read_bundle(struct verification *v, uint64_t index, unsigned width, uint8_t (*out)[SHA256_SIZE], bool *is_known, struct error *e)
{
    uint8_t *data = NULL;
    struct error fault = { 0 };
    memset(is_known, 0, TILE_WIDTH * sizeof *is_known);
    if (!tile_read(v->public, (struct tile){ .level = TILE_ENTRIES, .index = index, .width = width }, &data, &fault)) {
        if (fault.kind == ERROR_INPUT) {
            return true;  /* check_tile() reports it */
        }
        *e = fault;
        return false;
    }
    for (unsigned i = 0; i < width; i++) {
        is_known[i] = bundle_entry(bytes_of(data, width * (size_t)BUNDLE_ENTRY_BYTES), i, out[i]);
    }
    free(data);
    return true;
}

/* The leaf hashes as tile/0 has them, to decide between a record and a bundle. */
static bool read_leaves(struct verification *v, uint64_t index, unsigned width, uint8_t (*out)[SHA256_SIZE], bool *is_known, struct error *e)
{
    uint8_t *data = NULL;
    struct error fault = { 0 };
    *is_known = tile_read(v->public, (struct tile){ .level = 0, .index = index, .width = width }, &data, &fault);
    if (!*is_known && fault.kind != ERROR_INPUT) {
        *e = fault;
        return false;
    }
    if (*is_known) {
        memcpy(out, data, (size_t)width * SHA256_SIZE);
    }
    free(data);
    return true;
}

struct block {
    uint8_t entries[TILE_WIDTH][SHA256_SIZE];   /* taken as right */
    uint8_t bundle[TILE_WIDTH][SHA256_SIZE];
    uint8_t leaves[TILE_WIDTH][SHA256_SIZE];
    bool is_in_bundle[TILE_WIDTH];
    bool has_leaves;
};

/*
 * What one entry's commitment is, by the record, the bundle and the leaf hash: two that agree outvote the third. Without private records
 * there is only the bundle, and a disagreement with the tile names both.
 */
static bool decide_entry(struct verification *v, struct block *b, uint64_t index, unsigned i, struct error *e)
{
    uint8_t leaf[SHA256_SIZE];
    bool has_record = false;
    if (v->records != NULL && !record_check_next(v->records, &v->faults, index, b->entries[i], &has_record, e)) {
        return false;
    }
    if (!has_record) {
        memcpy(b->entries[i], b->bundle[i], SHA256_SIZE);
        return true;
    }
    if (b->is_in_bundle[i] && memcmp(b->entries[i], b->bundle[i], SHA256_SIZE) != 0) {
        merkle_leaf(bytes_of(b->bundle[i], SHA256_SIZE), leaf);
        if (!b->has_leaves || memcmp(leaf, b->leaves[i], SHA256_SIZE) == 0) {
            fault_add(&v->faults, record_check_path(v->records), "entry %llu: the record is not the one that was logged",
                      (unsigned long long)index);
            memcpy(b->entries[i], b->bundle[i], SHA256_SIZE);
        }
    }
    return true;
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
    unsigned width = tile_width(TILE_ENTRIES, index, size);
    memset(b, 0, sizeof *b);
    if (!read_bundle(v, index, width, b->bundle, b->is_in_bundle, e) || !read_leaves(v, index, width, b->leaves, &b->has_leaves, e)) {
        return false;
    }
    for (unsigned i = 0; i < width; i++) {
        if (!decide_entry(v, b, index * TILE_WIDTH + i, i, e)) {
            return false;
        }
    }
    if (!tree_reserve(&v->tree, width)) {
        return error_memory(e, "log");
    }
    tree_append(&v->tree, (const uint8_t(*)[SHA256_SIZE])b->entries, width, NULL);
    if (!check_tile(v, TILE_ENTRIES, index, width, (const uint8_t(*)[SHA256_SIZE])b->entries, e) ||
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
    struct verification v = { .public = public, .progress = progress, .context = context,
                              .faults = { .report = report, .context = context, .todo = heal } };
    struct error failure = { 0 };
    uint8_t *text = NULL;
    *entries = 0;
    tree_init(&v.tree);
    bool ok = read_checkpoint(&v, key, &text, &failure);
    if (ok && private != NULL) {
        ok = record_check_make(&v.records, private, bytes_of_text(key->name), v.has_checkpoint ? v.checkpoint.size : 0, &v.faults, &failure);
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
