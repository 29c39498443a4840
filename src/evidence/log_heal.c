/*
 * Healing (evidence/log_heal.h). Twice over the whole log, block by block, in bounded memory: the first pass decides what each entry was and
 * sees whether all leads to the signed root, the second does the same again and writes. What can't be decided by what the log itself has is
 * asked of its copies, whose answers count only with a proof.
 */
#include "evidence/log_heal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "evidence/log_heal_internal.h"
#include "evidence/merkle.h"
#include "evidence/tile_read_internal.h"
#include "evidence/tile_write_internal.h"

static const char *const ask_copies = "name a copy of this log: --from URL or FOLDER";

void heal_tell(struct heal *h, enum log_heal_what what, const char *where, const char *todo, const char *text, ...)
{
    char said[sizeof((struct error *)0)->what];
    struct error about = { 0 };
    va_list arguments;
    if (!h->is_telling || (h->is_hopeless && what != LOG_LOST)) {
        return;
    }
    va_start(arguments, text);
    (void)vsnprintf(said, sizeof said, text, arguments);
    va_end(arguments);
    *(what == LOG_HEALED ? &h->result->healed : what == LOG_REPLACED ? &h->result->replaced : &h->result->lost) += 1;
    if (h->options->report != NULL) {
        (void)error_set(&about, ERROR_INPUT, where, todo, "%s", said);
        h->options->report(h->options->context, what, &about);
    }
}

/* The entries of one bundle, by everything that knows about them. */
struct block {
    uint64_t index; /* of the bundle */
    unsigned width;
    uint8_t record[TILE_WIDTH][SHA256_SIZE], bundle[TILE_WIDTH][SHA256_SIZE], copy[TILE_WIDTH][SHA256_SIZE]; /* commitments */
    uint8_t record_leaf[TILE_WIDTH][SHA256_SIZE], bundle_leaf[TILE_WIDTH][SHA256_SIZE], copy_leaf[TILE_WIDTH][SHA256_SIZE];
    uint8_t tile[TILE_WIDTH][SHA256_SIZE]; /* leaf hashes */
    bool has_record[TILE_WIDTH], has_bundle[TILE_WIDTH], has_tile[TILE_WIDTH], has_copy[TILE_WIDTH];
    uint8_t leaves[TILE_WIDTH][SHA256_SIZE]; /* what they are */
    bool has_leaf[TILE_WIDTH];
};

struct pass {
    struct heal *heal;
    uint64_t size;
    const uint8_t (*root)[SHA256_SIZE]; /* NULL: not known */
    struct tree tree;
    struct heal_records *records;
    struct block *block;
    bool has_all_records; /* each published entry has one */
    bool is_undecided;    /* an entry of which nothing is left */
};

/* ---- What is known of a block ---- */

static bool read_file(struct pass *p, struct tile tile, uint8_t (*out)[SHA256_SIZE], bool *has, struct error *e)
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

static bool gather(struct pass *p, uint64_t index, struct error *e)
{
    struct block *b = p->block;
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
    }
    make_leaves((const uint8_t(*)[SHA256_SIZE])b->record, b->has_record, b->width, b->record_leaf);
    make_leaves((const uint8_t(*)[SHA256_SIZE])b->bundle, b->has_bundle, b->width, b->bundle_leaf);
    return true;
}

/* One copy's bundle, if it is proven to be of the checkpoint that this log signed for it. */
static bool ask_copy(const struct pass *p, const struct log_heal_source *source)
{
    struct block *b = p->block;
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

static void ask_copies_for(const struct pass *p)
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
static bool is_in_doubt(const struct block *b)
{
    for (unsigned i = 0; i < b->width; i++) {
        if (!b->has_record[i] || !b->has_bundle[i] || !b->has_tile[i] || do_differ(b->record_leaf[i], true, b->bundle_leaf[i], true) ||
            do_differ(b->bundle_leaf[i], true, b->tile[i], true)) {
            return true;
        }
    }
    return false;
}

/* Do the leaves fit to what is above them: the next level's tile or, for the last block, the signed root? */
static bool is_fitting(const struct pass *p, const struct block *b)
{
    uint8_t hash[SHA256_SIZE];
    uint8_t *data = NULL;
    merkle_root((const uint8_t(*)[SHA256_SIZE])b->leaves, b->width, hash);
    if (p->root != NULL && b->index * TILE_WIDTH + b->width == p->size) {
        for (unsigned level = TILE_HEIGHT; level < TREE_LEVELS; level++) {
            if ((p->tree.size >> level & 1) != 0) {
                merkle_node(p->tree.stack[level], hash, hash);
            }
        }
        return memcmp(hash, *p->root, SHA256_SIZE) == 0;
    }
    struct tile above = { .level = 1, .index = b->index / TILE_WIDTH };
    above.width = tile_width(1, above.index, p->size);
    if (above.width <= b->index % TILE_WIDTH || !tile_read(p->heal->options->public, above, &data, NULL)) {
        return false;
    }
    bool ok = memcmp(hash, data + b->index % TILE_WIDTH * SHA256_SIZE, SHA256_SIZE) == 0;
    free(data);
    return ok;
}

enum source { BY_RECORD, BY_BUNDLE, BY_TILE };

static void take(struct block *b, unsigned i, enum source source)
{
    const bool has = source == BY_RECORD ? b->has_record[i] : source == BY_BUNDLE ? b->has_bundle[i] : b->has_tile[i];
    if (has && !b->has_leaf[i]) {
        const uint8_t *leaf = source == BY_RECORD ? b->record_leaf[i] : source == BY_BUNDLE ? b->bundle_leaf[i] : b->tile[i];
        memcpy(b->leaves[i], leaf, SHA256_SIZE);
        b->has_leaf[i] = true;
    }
}

static void take_in_order(struct block *b, const enum source order[3])
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
static void vote(struct block *b)
{
    static const enum source order[3] = { BY_RECORD, BY_TILE, BY_BUNDLE };
    take_in_order(b, order);
    for (unsigned i = 0; i < b->width; i++) {
        if (!b->has_copy[i] && b->has_bundle[i] && b->has_tile[i] && memcmp(b->bundle_leaf[i], b->tile[i], SHA256_SIZE) == 0) {
            memcpy(b->leaves[i], b->tile[i], SHA256_SIZE);
        }
    }
}

static void decide(struct pass *p)
{
    static const enum source orders[][3] = {
        { BY_RECORD, BY_TILE, BY_BUNDLE },
        { BY_RECORD, BY_BUNDLE, BY_TILE },
        { BY_TILE, BY_BUNDLE, BY_RECORD },
        { BY_BUNDLE, BY_TILE, BY_RECORD },
    };
    struct block *b = p->block;
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
}

/* ---- Putting it right ---- */

static int write_tile(struct pass *p, struct tile tile, struct bytes data)
{
    struct disk *disk = p->heal->options->public;
    struct tile_folders folders = { 0 };
    const char *failed = NULL;
    if (!p->heal->is_writing) {
        return 0;
    }
    int fault = tile_write(disk, tile, data, &folders);
    fault = fault != 0 ? fault : tile_folders_sync(disk, &folders, &failed);
    tile_folders_clear(&folders);
    return fault;
}

/* One file must be exactly `data`. */
static bool heal_file(struct pass *p, struct tile tile, struct bytes data, const char *from, struct error *e)
{
    char path[TILE_PATH_SIZE];
    uint8_t *there = NULL;
    size_t size = 0;
    tile_path(tile, path);
    int fault = disk_read_whole(p->heal->options->public, path, TILE_BYTES_MAX + BUNDLE_BYTES_MAX, &there, &size);
    if (fault != 0 && fault != ENOENT && fault != EFBIG) {
        return disk_error(e, fault, path, "check the public folder's disk, owner and mode");
    }
    bool is_right = fault == 0 && bytes_equal(bytes_of(there, size), data);
    free(there);
    if (is_right) {
        return true;
    }
    heal_tell(p->heal, LOG_HEALED, path, NULL, "it was %s, and is made again from %s", fault == ENOENT ? "missing" : "damaged", from);
    fault = write_tile(p, tile, data);
    return fault == 0 || disk_error(e, fault, path, "make room, or check the public folder's disk");
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

/* Does a full tile stand for a partial one that is gone, because the gateway had gone on? */
static bool is_in_full(struct pass *p, struct tile tile, struct bytes data)
{
    char path[TILE_PATH_SIZE];
    uint8_t *there = NULL;
    size_t size = 0;
    const struct tile full = { .level = tile.level, .index = tile.index, .width = TILE_WIDTH };
    tile_path(full, path);
    if (disk_read_whole(p->heal->options->public, path, TILE_BYTES_MAX + BUNDLE_BYTES_MAX, &there, &size) != 0) {
        return false;
    }
    bool ok = size == TILE_WIDTH * tile_item_bytes(tile.level) && memcmp(there, data.data, data.size) == 0;
    free(there);
    if (!ok && p->heal->is_writing) {
        /* It would be taken for the partial one. What is behind the checkpoint in it is published again from the records. */
        (void)p->heal->options->public->functions->remove(p->heal->options->public, path);
    }
    return ok;
}

/* A tile or bundle of the published tree, and the older partial ones that still lie beside it. `data` is `width` items. */
static bool heal_tile(struct pass *p, struct tile tile, struct bytes data, const char *from, struct error *e)
{
    struct partials partials = { .count = 0 };
    char folder[TILE_PATH_SIZE];
    bool is_seen = false;
    const size_t each = tile_item_bytes(tile.level);
    const unsigned width = tile.width;
    tile_partial_folder(tile, folder);
    int fault = p->heal->options->public->functions->list(p->heal->options->public, folder, partials_add, &partials);
    if (fault != 0 && fault != ENOENT && fault != ENOTDIR) {
        return disk_error(e, fault, folder, "check the public folder's disk, owner and mode");
    }
    for (size_t i = 0; i < partials.count; i++) {
        tile.width = partials.widths[i];
        is_seen = is_seen || tile.width == width;
        if (tile.width > width && p->heal->is_writing) {
            /* Of a checkpoint that never came, or is lost: nothing proves it, and what it held is published again from the records. */
            char path[TILE_PATH_SIZE];
            tile_path(tile, path);
            (void)p->heal->options->public->functions->remove(p->heal->options->public, path);
        }
        if (tile.width <= width && !heal_file(p, tile, bytes_of(data.data, tile.width * each), from, e)) {
            return false;
        }
    }
    tile.width = width;
    return is_seen || (width < TILE_WIDTH && is_in_full(p, tile, data)) || heal_file(p, tile, data, from, e);
}

/* The commitments, where they are known; each is one whose leaf is the right one. */
static void collect(const struct block *b, uint8_t (*out)[SHA256_SIZE], bool *has)
{
    for (unsigned i = 0; i < b->width; i++) {
        const struct {
            bool has;
            const uint8_t *commitment, *leaf;
        } known[] = {
            { b->has_record[i], b->record[i], b->record_leaf[i] },
            { b->has_bundle[i], b->bundle[i], b->bundle_leaf[i] },
            { b->has_copy[i], b->copy[i], b->copy_leaf[i] },
        };
        has[i] = false;
        for (size_t j = 0; j < COUNT_OF(known) && !has[i]; j++) {
            if (known[j].has && memcmp(known[j].leaf, b->leaves[i], SHA256_SIZE) == 0) {
                memcpy(out[i], known[j].commitment, SHA256_SIZE);
                has[i] = true;
            }
        }
    }
}

static bool heal_block(struct pass *p, struct error *e)
{
    const struct block *b = p->block;
    uint8_t commitments[TILE_WIDTH][SHA256_SIZE];
    uint8_t data[BUNDLE_BYTES_MAX];
    bool has[TILE_WIDTH];
    bool has_all = true;
    const struct tile bundle = { .level = TILE_ENTRIES, .index = b->index, .width = b->width };
    collect(b, commitments, has);
    for (unsigned i = 0; i < b->width; i++) {
        uint64_t entry = b->index * TILE_WIDTH + i;
        has_all = has_all && has[i];
        if (!has[i]) {
            char path[TILE_PATH_SIZE];
            tile_path(bundle, path);
            heal_tell(p->heal, LOG_LOST, path, ask_copies, "entry %" PRIu64 ": its commitment is lost, only the hash of it is left", entry);
        }
        if (b->has_record[i] && memcmp(b->record_leaf[i], b->leaves[i], SHA256_SIZE) != 0) {
            heal_tell(p->heal, LOG_LOST, heal_records_path(p->records), "restore the private folder from a backup of this log",
                      "entry %" PRIu64 ": the record is whole, and not the one that was logged", entry);
        } else if (!b->has_record[i] && !has[i]) {
            heal_tell(p->heal, LOG_LOST, heal_records_path(p->records), ask_copies, "entry %" PRIu64 ": its record is lost, too", entry);
        } else if (!b->has_record[i] && !heal_records_replace(p->records, entry, commitments[i], e)) {
            return false;
        }
    }
    if (!has_all) {
        return true;
    }
    bundle_write((const uint8_t(*)[SHA256_SIZE])commitments, b->width, data);
    return heal_tile(p, bundle, bytes_of(data, b->width * (size_t)BUNDLE_ENTRY_BYTES), "the records or a copy", e);
}

static bool heal_edges(struct pass *p, struct error *e)
{
    bool is_end = p->tree.size == p->size;
    for (int level = 0; level < TILE_LEVELS; level++) {
        const struct tree_edge *edge = &p->tree.edges[level];
        struct tile tile = { .level = level, .index = edge->first / TILE_WIDTH };
        tile.width = tile_width(level, tile.index, p->size);
        if (edge->count == 0 || (edge->count < TILE_WIDTH && !is_end)) {
            continue;
        }
        if (!heal_tile(p, tile, bytes_of(edge->hashes, tile.width * (size_t)SHA256_SIZE), "the entries", e)) {
            return false;
        }
    }
    return true;
}

/* ---- A pass ---- */

static bool pass_block(struct pass *p, uint64_t index, struct error *e)
{
    struct block *b = p->block;
    if (!gather(p, index, e)) {
        return false;
    }
    decide(p);
    for (unsigned i = 0; i < b->width; i++) {
        p->has_all_records = p->has_all_records && b->has_record[i] && memcmp(b->record_leaf[i], b->leaves[i], SHA256_SIZE) == 0;
        p->is_undecided = p->is_undecided || !b->has_leaf[i];
    }
    if (!tree_reserve(&p->tree, b->width)) {
        return error_memory(e, "log");
    }
    tree_append_leaves(&p->tree, (const uint8_t(*)[SHA256_SIZE])b->leaves, b->width);
    if (p->heal->is_telling && (!heal_block(p, e) || !heal_edges(p, e))) {
        return false;
    }
    tree_forget(&p->tree, p->tree.size);
    return true;
}

/* The records behind the published ones have no commitment anywhere but in themselves. */
static bool pass_rest(struct pass *p, struct error *e)
{
    enum heal_record what = HEAL_RECORD_GOOD;
    for (uint64_t index = p->size; what != HEAL_RECORD_END; index++) {
        uint8_t hash[SHA256_SIZE];
        if (!heal_records_next(p->records, &what, hash, e)) {
            return false;
        }
        if (what == HEAL_RECORD_LOST) {
            heal_tell(p->heal, LOG_LOST, heal_records_path(p->records), "see 'comity log recover', which asks peers for what they have",
                      "entry %" PRIu64 ": its record is lost before it was published", index);
        }
    }
    return true;
}

/* `*is_right`: everything leads to the root (or there is none to lead to). */
static bool run_pass(struct heal *h, uint64_t size, const uint8_t (*root)[SHA256_SIZE], bool *is_right, bool *has_all_records,
                     uint8_t made[SHA256_SIZE], struct error *e)
{
    struct pass p = { .heal = h, .size = size, .root = root, .has_all_records = true, .block = malloc(sizeof *p.block) };
    tree_init(&p.tree);
    bool ok = p.block != NULL ? heal_records_make(&p.records, h, size, e) : error_memory(e, "log");
    for (uint64_t index = 0; ok && index * TILE_WIDTH < size; index++) {
        ok = pass_block(&p, index, e);
        if (h->options->progress != NULL) {
            h->options->progress(h->options->context, (h->is_telling ? size : 0) + p.tree.size, 2 * size);
        }
    }
    ok = ok && pass_rest(&p, e);
    *is_right = !p.is_undecided && (root == NULL || memcmp(p.tree.root, *root, SHA256_SIZE) == 0);
    *has_all_records = p.has_all_records;
    memcpy(made, p.tree.root, SHA256_SIZE);
    heal_records_free(p.records);
    tree_clear(&p.tree);
    free(p.block);
    return ok;
}

/* How many entries a file of this bundle, or of this tile of level 0, is for; 0: there is none. */
static bool count_in(struct disk *disk, int level, uint64_t index, unsigned *count, struct error *e)
{
    struct partials partials = { .count = 0 };
    struct disk_file *file = NULL;
    char path[TILE_PATH_SIZE];
    const struct tile tile = { .level = level, .index = index, .width = TILE_WIDTH };
    tile_path(tile, path);
    int fault = disk->functions->open(disk, path, DISK_READ, &file);
    if (fault == 0) {
        (void)disk->functions->close(disk, file);
        *count = TILE_WIDTH;
        return true;
    }
    tile_partial_folder(tile, path);
    fault = fault == ENOENT ? disk->functions->list(disk, path, partials_add, &partials) : fault;
    for (size_t i = 0; i < partials.count; i++) {
        *count = partials.widths[i] > *count ? partials.widths[i] : *count;
    }
    return fault == 0 || fault == ENOENT || fault == ENOTDIR ||
           disk_error(e, fault, path, "check the public folder's disk, owner and mode");
}

/* How many entries were published, by the names of the files: what the lost checkpoint stated, or what the next one would have. */
static bool count_entries(struct heal *h, uint64_t *size, struct error *e)
{
    *size = 0;
    for (uint64_t index = 0;; index++) {
        unsigned count = 0;
        unsigned more = 0;
        if (!count_in(h->options->public, TILE_ENTRIES, index, &count, e) || !count_in(h->options->public, 0, index, &more, e)) {
            return false;
        }
        count = more > count ? more : count;
        *size += count;
        if (count < TILE_WIDTH) {
            return true;
        }
    }
}

static void tell_always(struct heal *h, const char *where, const char *todo, const char *text)
{
    bool was_telling = h->is_telling;
    h->is_telling = true;
    heal_tell(h, LOG_LOST, where, todo, "%s", text);
    h->is_telling = was_telling;
}

static bool make_checkpoint(struct heal *h, struct heal_checkpoint *checkpoint, bool *is_made, struct error *e)
{
    uint8_t root[SHA256_SIZE];
    uint64_t size = 0;
    bool is_right = false;
    bool has_all = false;
    *is_made = false;
    if (!count_entries(h, &size, e) || !run_pass(h, size, NULL, &is_right, &has_all, root, e)) {
        return false;
    }
    if (!is_right || !has_all || h->options->signer == NULL) {
        tell_always(h, CHECKPOINT_PATH, ask_copies,
                    h->options->signer == NULL ? "there is none that can be read, and no key to sign it again"
                                               : "there is none that can be read, and the records do not suffice to make it again");
        return true;
    }
    *is_made = heal_checkpoint_sign(h, size, root, checkpoint, e);
    return *is_made;
}

static bool write_checkpoint(struct heal *h, const struct heal_checkpoint *checkpoint, struct error *e)
{
    if (!checkpoint->is_to_write) {
        return true;
    }
    heal_tell(h, LOG_HEALED, CHECKPOINT_PATH, NULL, "%s", checkpoint->how);
    int fault = h->is_writing ? disk_replace(h->options->public, CHECKPOINT_PATH, buffer_bytes(&checkpoint->note)) : 0;
    return fault == 0 || disk_error(e, fault, CHECKPOINT_PATH, "make room, or check the public folder's disk");
}

static bool heal_all(struct heal *h, struct heal_checkpoint *checkpoint, struct error *e)
{
    uint8_t root[SHA256_SIZE];
    uint8_t made[SHA256_SIZE];
    bool is_right = false;
    bool has_all = false;
    bool is_made = true;
    if (!heal_checkpoint_find(h, checkpoint, e) || (!checkpoint->is_known && !make_checkpoint(h, checkpoint, &is_made, e))) {
        return false;
    }
    if (!is_made) {
        return true;
    }
    const uint64_t size = checkpoint->view.size;
    h->result->entries = size;
    memcpy(root, checkpoint->view.root, SHA256_SIZE);
    const uint8_t(*want)[SHA256_SIZE] = (const uint8_t(*)[SHA256_SIZE])root;
    if (!run_pass(h, size, want, &is_right, &has_all, made, e)) {
        return false;
    }
    if (!is_right && h->options->source_count > 0) {
        h->wants_copies = true;
        if (!run_pass(h, size, want, &is_right, &has_all, made, e)) {
            return false;
        }
    }
    if (!is_right) {
        /* Once more, to say what is missing; nothing is written. */
        h->is_telling = true;
        h->is_hopeless = true;
        bool ok = run_pass(h, size, want, &is_right, &has_all, made, e);
        tell_always(h, CHECKPOINT_PATH, ask_copies, "what is left of the entries does not lead to the signed root: nothing was changed");
        return ok;
    }
    h->is_telling = true;
    h->is_writing = !h->options->is_dry_run;
    return run_pass(h, size, want, &is_right, &has_all, made, e) && write_checkpoint(h, checkpoint, e);
}

bool log_heal(const struct log_heal_options *options, struct log_heal_result *result, struct error *e)
{
    struct heal h = { .options = options, .result = result };
    struct heal_checkpoint checkpoint = { .is_known = false };
    struct error failure = { 0 };
    *result = (struct log_heal_result){ 0 };
    buffer_init(&checkpoint.note, CHECKPOINT_BYTES_MAX);
    bool ok = heal_all(&h, &checkpoint, &failure);
    buffer_clear(&checkpoint.note);
    if (!ok && e != NULL) {
        *e = failure;
    }
    return ok;
}
