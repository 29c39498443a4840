#include "evidence/log_recover.h"

#include <stdlib.h>

#include "base/time.h"
#include "evidence/log_internal.h"
#include "evidence/merkle.h"

enum { PUBLISH_EVERY = 64 * 1024 };

struct recovery {
    struct log *log;
    const struct log_source *source;
    struct tile_nodes nodes;
    struct error *e;
    uint8_t entries[TILE_WIDTH][SHA256_SIZE];
};

static bool refuse_source(struct recovery *r, const char *where, const char *what)
{
    return error_set(r->e, ERROR_DENIED, where, "try another copy", "%s", what);
}

/* Does the tree of the signed checkpoint begin with the log as it is? */
static bool check_past(struct recovery *r)
{
    const struct checkpoint_view *at = &r->source->at;
    const struct tree *tree = &r->log->tree;
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    uint8_t root[SHA256_SIZE];
    size_t count = 0;
    static const char todo[] = "keep both: the log was written to in two places. It can't go on; make a new gateway with another code";
    (void)error_set(r->e, ERROR_INPUT, "tile", "try another copy", "the copy's tiles can't be read");
    if (!merkle_subtree_root(0, at->size, tile_nodes_read, &r->nodes, root)) {
        return false;
    }
    if (memcmp(root, at->root, sizeof root) != 0) {
        return refuse_source(r, "tile", "the copy's tiles do not lead to its checkpoint");
    }
    if (tree->size == 0) {
        return true;
    }
    if (!merkle_prove_consistency(0, tree->size, at->size, tile_nodes_read, &r->nodes, path, &count)) {
        return false;
    }
    return merkle_verify_consistency(tree->size, at->size, tree->root, at->root, (const uint8_t(*)[SHA256_SIZE])path, count) ||
           error_set(r->e, ERROR_DENIED, "log", todo, "our %llu entries are not the beginning of the %llu that the checkpoint signs",
                     (unsigned long long)tree->size, (unsigned long long)at->size);
}

/* The entries of one bundle, each proven: as a subtree of the signed tree. */
static bool fetch_bundle(struct recovery *r, uint64_t index, unsigned *width)
{
    const struct checkpoint_view *at = &r->source->at;
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    uint8_t leaves[TILE_WIDTH][SHA256_SIZE];
    uint8_t node[SHA256_SIZE];
    char name[TILE_PATH_SIZE];
    uint8_t *data = NULL;
    size_t count = 0;
    struct tile tile = { .level = TILE_ENTRIES, .index = index, .width = tile_width(TILE_ENTRIES, index, at->size) };
    tile_path(tile, name);
    *width = tile.width;
    if (!r->source->fetch(r->source->context, tile, &data, r->e)) {
        return false;
    }
    struct bytes bundle = bytes_of(data, (size_t)tile.width * BUNDLE_ENTRY_BYTES);
    bool is_whole = true;
    for (unsigned i = 0; i < tile.width && is_whole; i++) {
        is_whole = bundle_entry(bundle, i, r->entries[i]);
        merkle_leaf(bytes_of(r->entries[i], SHA256_SIZE), leaves[i]);
    }
    free(data);
    if (!is_whole) {
        return refuse_source(r, name, "these are no commitments");
    }
    uint64_t start = index * TILE_WIDTH;
    merkle_root((const uint8_t(*)[SHA256_SIZE])leaves, tile.width, node);
    (void)error_set(r->e, ERROR_INPUT, name, "try another copy", "the copy's tiles can't be read");
    if (!merkle_prove_consistency(start, start + tile.width, at->size, tile_nodes_read, &r->nodes, path, &count)) {
        return false;
    }
    return merkle_verify_subtree(start, start + tile.width, at->size, node, at->root, (const uint8_t(*)[SHA256_SIZE])path, count) ||
           refuse_source(r, name, "its entries do not belong to the checkpoint");
}

/* On the private disk, synced, and then in the tree. After a failure the log is dead: a part of it may be on the disk, and it is all true. */
static bool store(struct recovery *r, const uint8_t (*entries)[SHA256_SIZE], size_t count)
{
    struct log *log = r->log;
    uint64_t chain = log->chain;
    uint64_t bytes = (uint64_t)count * RECORD_CLOSED_BYTES;
    int64_t now = time_now_ms();
    int64_t time_ms = now > log->time_ms ? now : log->time_ms;
    if (!tree_reserve(&log->tree, count)) {
        return error_memory(r->e, "log");
    }
    if (log->segments.capacity - log->segments.used < bytes && !log_next_segment(log, bytes, r->e)) {
        return false;
    }
    buffer_reset(&log->text);
    for (size_t i = 0; i < count; i++) {
        uint8_t *room = buffer_room(&log->text, RECORD_CLOSED_BYTES);
        if (room == NULL) {
            return error_memory(r->e, "log");
        }
        record_write_recovered(log->tree.size + i, log->tree.size, time_ms, entries[i], &chain, room);
        buffer_added(&log->text, RECORD_CLOSED_BYTES);
    }
    const struct disk_functions *f = log->private->functions;
    int fault = f->write(log->private, log->segments.file, buffer_bytes(&log->text), log->segments.used);
    fault = fault != 0 ? fault : f->sync(log->private, log->segments.file);
    if (fault != 0) {
        return disk_error(r->e, fault, log->segments.path, "make room, or check the private folder's disk; then try again");
    }
    log->segments.used += bytes;
    log->chain = chain;
    log->time_ms = time_ms;
    tree_append(&log->tree, entries, count, NULL);
    return true;
}

static bool take_over(struct recovery *r, log_progress *progress, void *context)
{
    struct log *log = r->log;
    const uint64_t first = log->tree.size;
    const uint64_t last = r->source->at.size;
    while (log->tree.size < last) {
        uint64_t index = log->tree.size / TILE_WIDTH;
        unsigned from = (unsigned)(log->tree.size % TILE_WIDTH);
        unsigned width = 0;
        if (!fetch_bundle(r, index, &width) || !store(r, (const uint8_t(*)[SHA256_SIZE])r->entries + from, width - from)) {
            return false;
        }
        if (progress != NULL) {
            progress(context, log->tree.size - first, last - first);
        }
        if (log->tree.size - log->published >= PUBLISH_EVERY && log->tree.size < last && !log_publish(log, r->e)) {
            return false;
        }
    }
    /* Each entry was proven: this can't be otherwise. Asked all the same, before the root gets signed. */
    return memcmp(log->tree.root, r->source->at.root, SHA256_SIZE) == 0 ||
           error_set(r->e, ERROR_IO, "log", NULL, "the recovered entries do not lead to the signed root");
}

bool log_recover(struct log *log, const struct log_source *source, log_progress *progress, void *context, uint64_t *recovered,
                 struct error *e)
{
    struct error failure = { 0 };
    *recovered = 0;
    if (log->is_dead) {
        if (e != NULL) {
            *e = log->death;
        }
        return false;
    }
    if (source->at.size <= log->tree.size) {
        return error_set(e, ERROR_ABSENT, "checkpoint", NULL, "the copy has %llu entries and the log %llu: nothing is missing",
                         (unsigned long long)source->at.size, (unsigned long long)log->tree.size);
    }
    struct recovery *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return error_memory(e, "log");
    }
    *r = (struct recovery){ .log = log, .source = source, .e = &failure };
    r->nodes = (struct tile_nodes){ .fetch = source->fetch, .context = source->context, .size = source->at.size, .e = &failure };
    const uint64_t before = log->tree.size;
    bool ok = check_past(r);
    if (ok && !(take_over(r, progress, context) && log_publish(log, &failure))) {
        ok = false;
        log->is_dead = log->tree.size != before; /* closing must not publish over a failure */
        log->death = failure;
    }
    *recovered = log->tree.size - before;
    tile_nodes_clear(&r->nodes);
    free(r);
    if (!ok && e != NULL) {
        *e = failure;
    }
    return ok;
}
