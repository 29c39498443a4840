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
#include "evidence/log_prune.h"
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

/* ---- Putting it right ---- */

static int write_tile(struct heal_pass *p, struct tile tile, struct bytes data)
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
static bool heal_file(struct heal_pass *p, struct tile tile, struct bytes data, const char *from, struct error *e)
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
static bool is_in_full(struct heal_pass *p, struct tile tile, struct bytes data)
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
static bool heal_tile(struct heal_pass *p, struct tile tile, struct bytes data, const char *from, struct error *e)
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
static void collect(const struct heal_block *b, uint8_t (*out)[SHA256_SIZE], bool *has)
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

static bool put_block(struct heal_pass *p, struct error *e)
{
    const struct heal_block *b = p->block;
    uint8_t commitments[TILE_WIDTH][SHA256_SIZE];
    uint8_t data[BUNDLE_BYTES_MAX];
    bool has[TILE_WIDTH];
    bool has_all = true;
    const struct tile bundle = { .level = TILE_ENTRIES, .index = b->index, .width = b->width };
    collect(b, commitments, has);
    for (unsigned i = 0; i < b->width; i++) {
        uint64_t entry = b->index * TILE_WIDTH + i;
        has_all = has_all && has[i];
        if (!has[i] && !b->is_bundle_pruned) {
            char path[TILE_PATH_SIZE];
            tile_path(bundle, path);
            heal_tell(p->heal, LOG_LOST, path, ask_copies, "entry %" PRIu64 ": its commitment is lost, only the hash of it is left", entry);
        }
        if (b->has_record[i] && memcmp(b->record_leaf[i], b->leaves[i], SHA256_SIZE) != 0) {
            heal_tell(p->heal, LOG_LOST, heal_records_path(p->records), "restore the private folder from a backup of this log",
                      "entry %" PRIu64 ": the record is whole, and not the one that was logged", entry);
        } else if (b->has_record[i] || b->is_record_pruned[i]) {
            continue;
        } else if (!has[i]) {
            heal_tell(p->heal, LOG_LOST, heal_records_path(p->records), ask_copies, "entry %" PRIu64 ": its record is lost, too", entry);
        } else if (!heal_records_replace(p->records, entry, commitments[i], e)) {
            return false;
        }
    }
    if (!has_all || b->is_bundle_pruned) {
        return true;
    }
    bundle_write((const uint8_t(*)[SHA256_SIZE])commitments, b->width, data);
    return heal_tile(p, bundle, bytes_of(data, b->width * (size_t)BUNDLE_ENTRY_BYTES), "the records or a copy", e);
}

static bool heal_edges(struct heal_pass *p, struct error *e)
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

static bool pass_block(struct heal_pass *p, uint64_t index, struct error *e)
{
    struct heal_block *b = p->block;
    if (!heal_block_gather(p, index, e)) {
        return false;
    }
    heal_block_decide(p);
    for (unsigned i = 0; i < b->width; i++) {
        p->has_all_records = p->has_all_records && b->has_record[i] && memcmp(b->record_leaf[i], b->leaves[i], SHA256_SIZE) == 0;
        p->is_undecided = p->is_undecided || !b->has_leaf[i];
    }
    if (!tree_reserve(&p->tree, b->width)) {
        return error_memory(e, "log");
    }
    tree_append_leaves(&p->tree, (const uint8_t(*)[SHA256_SIZE])b->leaves, b->width);
    if (p->heal->is_telling && (!put_block(p, e) || !heal_edges(p, e))) {
        return false;
    }
    tree_forget(&p->tree, p->tree.size);
    return true;
}

/* The records behind the published ones have no commitment anywhere but in themselves. */
static bool pass_rest(struct heal_pass *p, struct error *e)
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
    struct heal_pass p = { .heal = h, .size = size, .root = root, .has_all_records = true, .block = malloc(sizeof *p.block) };
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
    const struct log_heal_options *o = h->options;
    if (!pruned_read(o->public, PRUNED_PATH, o->key, &h->pruned, e) ||
        !pruned_read(o->private, PRUNED_RECORDS_PATH, o->key, &h->pruned_records, e)) {
        return false;
    }
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
