/* Checking everything (evidence/log.h): checkpoint, tiles, bundles and records against each other, in one pass, in bounded memory. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "evidence/log_internal.h"
#include "evidence/log_prune.h"
#include "evidence/merkle.h"
#include "evidence/record_check_internal.h"
#include "evidence/tile_read_internal.h"
#include "evidence/verify_ahead_internal.h"
#include "evidence/verify_internal.h"

static const char *const heal = "restore it from a copy or a mirror";

struct verification {
    struct disk *public;
    struct disk *private; /* NULL: not at hand */
    bool is_close;
    struct fault_list faults;
    log_progress *progress;
    void *context;
    struct checkpoint_view checkpoint;
    bool has_checkpoint;
    uint64_t pruned;              /* bundles of the entries before may be gone: the log's key says so */
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

/* What the log's own key says to be gone; what anybody else says excuses nothing. */
static bool read_pruned(struct verification *v, struct disk *disk, const char *path, const struct verifier *key, uint64_t *minimum,
                        struct error *e)
{
    struct error fault = { 0 };
    if (!pruned_read(disk, path, key, minimum, &fault)) {
        if (fault.kind != ERROR_INPUT) {
            *e = fault;
            return false;
        }
        fault_add(&v->faults, path, "%s", fault.what);
    }
    if (v->has_checkpoint && *minimum >= v->checkpoint.size && *minimum > 0) {
        fault_add(&v->faults, path, "it states %llu, but the log has %llu entries", (unsigned long long)*minimum,
                  (unsigned long long)v->checkpoint.size);
        *minimum = 0;
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
    bool may_be_gone = level == TILE_ENTRIES && (index + 1) * TILE_WIDTH <= v->pruned;
    if (is_seen && !compare_tile(v, tile, wanted, may_be_gone, e)) {
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

/* Tells the faults of an entry's record, or before it, that were found while reading ahead. */
static void tell_record_faults(struct verification *v, const struct verify_block *ahead, unsigned entry, size_t *next)
{
    for (; *next < ahead->fault_count && ahead->faults[*next].entry == entry; (*next)++) {
        v->faults.count++;
        if (v->faults.report != NULL) {
            v->faults.report(v->faults.context, &ahead->faults[*next].error);
        }
    }
}

/* What one entry's leaf is, by the record, the bundle and the tile: two that agree outvote the third. */
static void decide_entry(struct verification *v, struct block *b, const struct verify_block *ahead, unsigned i)
{
    bool has_record = v->records != NULL && ahead->has_record[i];
    bool do_agree = b->is_in_bundle[i] && b->is_in_tile[i] && memcmp(b->bundle[i], b->tile[i], SHA256_SIZE) == 0;
    if (has_record) {
        merkle_leaf(bytes_of(ahead->records[i], SHA256_SIZE), b->leaves[i]);
    }
    if (has_record && do_agree && memcmp(b->leaves[i], b->bundle[i], SHA256_SIZE) != 0) {
        char path[SEGMENT_PATH_SIZE];
        segment_path(ahead->segments[i], path);
        fault_add(&v->faults, path, "entry %llu: the record is not the one that was logged",
                  (unsigned long long)ahead->index * TILE_WIDTH + i);
        has_record = false;
    }
    if (!has_record) {
        memcpy(b->leaves[i], b->is_in_tile[i] ? b->tile[i] : b->bundle[i], SHA256_SIZE);
        b->is_disputed[i] = b->is_in_bundle[i] && b->is_in_tile[i] && !do_agree;
        b->has_dispute = b->has_dispute || b->is_disputed[i];
    }
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

/* The tiles from `level` on that are complete by now or, at the end, as complete as they are. */
static bool check_edges(struct verification *v, int level, uint64_t size, bool is_end, struct error *e)
{
    for (; level < TILE_LEVELS; level++) {
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

static bool append_leaves(struct verification *v, const uint8_t (*leaves)[SHA256_SIZE], unsigned width, struct error *e)
{
    if (!tree_reserve(&v->tree, width)) {
        return error_memory(e, "log");
    }
    tree_append_leaves(&v->tree, leaves, width);
    return true;
}

/* Decides each entry of a block by itself, and says which file is wrong where they disagree. */
static bool check_block_closely(struct verification *v, struct block *b, const struct verify_block *ahead, struct error *e)
{
    uint64_t size = v->checkpoint.size;
    struct tile tile = { .level = 0, .index = ahead->index, .width = ahead->width };
    struct tile bundle = { .level = TILE_ENTRIES, .index = ahead->index, .width = ahead->width };
    size_t next_fault = 0;
    memset(b, 0, sizeof *b);
    if (!read_leaves(v, bundle, b->bundle, b->is_in_bundle, e) || !read_leaves(v, tile, b->tile, b->is_in_tile, e)) {
        return false;
    }
    for (unsigned i = 0; i < tile.width; i++) {
        tell_record_faults(v, ahead, i, &next_fault);
        if (ahead->has_failed && i == ahead->record_count) {
            *e = ahead->failure;
            return false;
        }
        decide_entry(v, b, ahead, i);
    }
    if (b->has_dispute) {
        settle_dispute(v, b, ahead->index, tile.width);
    }
    return append_leaves(v, (const uint8_t(*)[SHA256_SIZE])b->leaves, tile.width, e) &&
           check_tile(v, TILE_ENTRIES, ahead->index, tile.width, (const uint8_t(*)[SHA256_SIZE])b->leaves, e) &&
           check_edges(v, 0, size, v->tree.size == size, e);
}

static void note_partial(void *context, const char *name, bool is_folder)
{
    bool *has_any = context;
    (void)name;
    (void)is_folder;
    *has_any = true;
}

/* Do partial tiles lie beside a full one that is good? They are looked at, too. */
static bool check_partials(struct verification *v, int level, const struct verify_block *ahead, struct error *e)
{
    const struct tile tile = { .level = level, .index = ahead->index, .width = TILE_WIDTH };
    char folder[TILE_PATH_SIZE];
    bool has_any = false;
    tile_partial_folder(tile, folder);
    int code = v->public->functions->list(v->public, folder, note_partial, &has_any);
    if (code != 0 && code != ENOENT && code != ENOTDIR) {
        return disk_error(e, code, folder, "check the public folder's disk, owner and mode");
    }
    return !has_any || check_tile(v, level, ahead->index, TILE_WIDTH, (const uint8_t(*)[SHA256_SIZE])ahead->leaves, e);
}

static bool check_block(struct verification *v, struct block *b, const struct verify_block *ahead, struct error *e)
{
    uint64_t size = v->checkpoint.size;
    bool ok;
    if (ahead->is_clean && !v->is_close) {
        ok = append_leaves(v, (const uint8_t(*)[SHA256_SIZE])ahead->leaves, TILE_WIDTH, e) && check_partials(v, TILE_ENTRIES, ahead, e) &&
             check_partials(v, 0, ahead, e) && check_edges(v, 1, size, v->tree.size == size, e);
    } else {
        ok = check_block_closely(v, b, ahead, e);
    }
    if (ok) {
        tree_forget(&v->tree, v->tree.size);
    }
    return ok;
}

static bool check_blocks(struct verification *v, uint64_t size, struct error *e)
{
    const bool has_thread = !v->is_close && v->public->functions->is_for_any_thread &&
                            (v->private == NULL || v->private->functions->is_for_any_thread);
    const struct verify_source source = { .public = v->public, .records = v->records, .size = size, .todo = heal };
    struct verify_ahead *ahead = NULL;
    bool ok = false;
    struct block *block = malloc(sizeof *block);
    if (block == NULL) {
        return error_memory(e, "log");
    }
    if (!verify_ahead_start(&ahead, &source, has_thread, e)) {
        goto done;
    }
    ok = true;
    for (uint64_t index = 0; ok && index * TILE_WIDTH < size; index++) {
        ok = check_block(v, block, verify_ahead_take(ahead), e);
        verify_ahead_give_back(ahead);
        if (v->progress != NULL) {
            v->progress(v->context, v->tree.size, size);
        }
    }
done:
    verify_ahead_stop(ahead);
    free(block);
    return ok;
}

static bool check_all(struct verification *v, uint64_t *entries, struct error *e)
{
    uint64_t size = v->has_checkpoint ? v->checkpoint.size : 0;
    if (!check_blocks(v, size, e)) {
        return false;
    }
    if (v->has_checkpoint && memcmp(v->tree.root, v->checkpoint.root, SHA256_SIZE) != 0) {
        fault_add(&v->faults, CHECKPOINT_PATH, "the entries do not lead to the signed root");
    }
    *entries = size;
    return v->records == NULL || record_check_end(v->records, &v->faults, entries, e);
}

/* What log_verify_also() looks at on top. */
struct also {
    log_check *check; /* may be NULL */
    void *context;
};

static bool verify(struct disk *public, struct disk *private, const struct verifier *key, bool is_close, const struct also *also,
                   log_fault *report, log_progress *progress, void *context, uint64_t *entries, uint64_t *faults, struct error *e)
{
    struct verification v = { .public = public,
                              .private = private,
                              .is_close = is_close,
                              .progress = progress,
                              .context = context,
                              .faults = { .report = report, .context = context, .todo = heal } };
    struct error failure = { 0 };
    uint8_t *text = NULL;
    *entries = 0;
    tree_init(&v.tree);
    bool ok = read_checkpoint(&v, key, &text, &failure) && read_pruned(&v, public, PRUNED_PATH, key, &v.pruned, &failure);
    if (ok && private != NULL) {
        uint64_t pruned = 0;
        ok = read_pruned(&v, private, PRUNED_RECORDS_PATH, key, &pruned, &failure) &&
             record_check_make(&v.records, private, bytes_of_text(key->name), v.has_checkpoint ? v.checkpoint.size : 0, pruned, &v.faults,
                               &failure);
    }
    if (ok && private != NULL) {
        record_check_also(v.records, also->check, also->context);
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

bool log_verify_how(struct disk *public, struct disk *private, const struct verifier *key, bool is_close, log_fault *report,
                    log_progress *progress, void *context, uint64_t *entries, uint64_t *faults, struct error *e)
{
    const struct also nothing = { .check = NULL };
    return verify(public, private, key, is_close, &nothing, report, progress, context, entries, faults, e);
}

bool log_verify_also(struct disk *public, struct disk *private, const struct verifier *key, log_check *check, void *check_context,
                     log_fault *report, log_progress *progress, void *context, uint64_t *entries, uint64_t *faults, struct error *e)
{
    const struct also also = { check, check_context };
    return verify(public, private, key, false, &also, report, progress, context, entries, faults, e);
}

bool log_verify(struct disk *public, struct disk *private, const struct verifier *key, log_fault *report, log_progress *progress,
                void *context, uint64_t *entries, uint64_t *faults, struct error *e)
{
    return log_verify_how(public, private, key, false, report, progress, context, entries, faults, e);
}
