#include "audit/peer_log.h"

#include <stdlib.h>

#include "crypto/note.h"
#include "evidence/log_copy.h"
#include "evidence/merkle.h"

/* A tile_fetch: the full tile stands for a partial one that is gone. */
static bool fetch_tile(void *context, struct tile tile, uint8_t **data, struct error *e)
{
    struct peer_log *log = context;
    const size_t each = tile.level == TILE_ENTRIES ? BUNDLE_ENTRY_BYTES : SHA256_SIZE;
    char path[TILE_PATH_SIZE];
    size_t size = 0;
    struct error first;
    tile_path(tile, path);
    bool ok = log->read(log->context, path, TILE_WIDTH * each, data, &size, &first);
    if (!ok && first.kind == ERROR_ABSENT && tile.width < TILE_WIDTH) {
        struct tile full = tile;
        full.width = TILE_WIDTH;
        tile_path(full, path);
        ok = log->read(log->context, path, TILE_WIDTH * each, data, &size, &first);
    }
    if (!ok) {
        *data = NULL;
        return error_set(e, first.kind, first.where, first.todo, "%s", first.what);
    }
    if (size < tile.width * each) {
        free(*data);
        *data = NULL;
        return error_set(e, ERROR_INPUT, path, "get the tile again", "it has %zu bytes, not %zu", size, tile.width * each);
    }
    return true;
}

/* Takes `data` over. */
static bool take_checkpoint(struct peer_log *log, const uint8_t *data, size_t size, struct error *e)
{
    struct checkpoint_view view;
    struct buffer note;
    buffer_init(&note, PEER_LOG_NOTE_BYTES_MAX);
    buffer_append(&note, bytes_of(data, size));
    if (note.failed) {
        return error_memory(e, "checkpoint");
    }
    if (!log_copy_check_note(buffer_bytes(&note), &log->key, &view, "checkpoint", e)) {
        buffer_clear(&note);
        return false;
    }
    buffer_clear(&log->note);
    log->note = note;
    log->view = view;
    tile_nodes_clear(&log->nodes);
    log->nodes = (struct tile_nodes){ .fetch = fetch_tile, .context = log, .size = view.size };
    memset(log->leaves, 0, sizeof log->leaves);
    return true;
}

bool peer_log_refresh(struct peer_log *log, struct error *e)
{
    uint8_t *data = NULL;
    size_t size = 0;
    if (!log->read(log->context, "checkpoint", PEER_LOG_NOTE_BYTES_MAX, &data, &size, e)) {
        return false;
    }
    bool ok = take_checkpoint(log, data, size, e);
    free(data);
    return ok;
}

bool peer_log_open(struct peer_log *log, const struct verifier *key, peer_log_read *read, void *context, struct error *e)
{
    *log = (struct peer_log){ .key = *key, .read = read, .context = context };
    buffer_init(&log->note, PEER_LOG_NOTE_BYTES_MAX);
    return peer_log_refresh(log, e);
}

void peer_log_close(struct peer_log *log)
{
    tile_nodes_clear(&log->nodes);
    buffer_clear(&log->note);
}

static enum peer_log_state unread(struct error *e)
{
    (void)error_set(e, ERROR_INPUT, "tile", "get the log again, or ask who serves it", "the tiles do not lead to the log's own checkpoint");
    return PEER_LOG_UNREAD;
}

enum peer_log_state peer_log_check(struct peer_log *log, uint64_t size, const uint8_t root[SHA256_SIZE], struct peer_log_proof *proof,
                                   struct error *e)
{
    struct peer_log_proof found;
    if (size > log->view.size) {
        return PEER_LOG_SHORT;
    }
    if (proof != NULL) {
        proof->path_count = 0;
    }
    if (size == 0) {
        merkle_root(NULL, 0, found.prefix);
        return memcmp(found.prefix, root, SHA256_SIZE) == 0 ? PEER_LOG_FITS : PEER_LOG_OTHER;
    }
    if (size == log->view.size) {
        return memcmp(log->view.root, root, SHA256_SIZE) == 0 ? PEER_LOG_FITS : PEER_LOG_OTHER;
    }
    log->nodes.e = e;
    (void)unread(e);
    if (!merkle_subtree_root(0, size, tile_nodes_read, &log->nodes, found.prefix) ||
        !merkle_prove_consistency(0, size, log->view.size, tile_nodes_read, &log->nodes, found.path, &found.path_count)) {
        return PEER_LOG_UNREAD;
    }
    if (!merkle_verify_consistency(size, log->view.size, found.prefix, log->view.root, (const uint8_t(*)[SHA256_SIZE])found.path,
                                   found.path_count)) {
        return unread(e);
    }
    if (memcmp(found.prefix, root, SHA256_SIZE) == 0) {
        return PEER_LOG_FITS;
    }
    if (proof != NULL) {
        *proof = found;
    }
    return PEER_LOG_OTHER;
}

/* The proven leaf hashes of a tile; NULL with `e` set. */
static const uint8_t (*find_leaves(struct peer_log *log, uint64_t index, struct error *e))[SHA256_SIZE]
{
    uint8_t node[SHA256_SIZE], path[MERKLE_PATH_MAX][SHA256_SIZE];
    uint8_t *data = NULL;
    size_t count = 0;
    const struct tile tile = { 0, index, tile_width(0, index, log->view.size) };
    for (size_t i = 0; i < PEER_LOG_TILES_KEPT; i++) {
        if (log->leaves[i].width > 0 && log->leaves[i].index == index) {
            return (const uint8_t(*)[SHA256_SIZE])log->leaves[i].hashes;
        }
    }
    const size_t slot = log->next_leaves;
    const uint64_t start = index * TILE_WIDTH, end = start + tile.width;
    log->next_leaves = (slot + 1) % PEER_LOG_TILES_KEPT;
    log->leaves[slot].width = 0;
    if (!fetch_tile(log, tile, &data, e)) {
        return NULL;
    }
    memcpy(log->leaves[slot].hashes, data, tile.width * SHA256_SIZE);
    free(data);
    merkle_root((const uint8_t(*)[SHA256_SIZE])log->leaves[slot].hashes, tile.width, node);
    log->nodes.e = e;
    (void)unread(e);
    if (!merkle_prove_consistency(start, end, log->view.size, tile_nodes_read, &log->nodes, path, &count)) {
        return NULL;
    }
    if (!merkle_verify_subtree(start, end, log->view.size, node, log->view.root, (const uint8_t(*)[SHA256_SIZE])path, count)) {
        (void)unread(e);
        return NULL;
    }
    log->leaves[slot].index = index;
    log->leaves[slot].width = tile.width;
    return (const uint8_t(*)[SHA256_SIZE])log->leaves[slot].hashes;
}

enum peer_log_state peer_log_has(struct peer_log *log, uint64_t index, const uint8_t commitment[SHA256_SIZE], struct error *e)
{
    uint8_t leaf[SHA256_SIZE];
    if (index >= log->view.size) {
        return PEER_LOG_SHORT;
    }
    const uint8_t(*leaves)[SHA256_SIZE] = find_leaves(log, index / TILE_WIDTH, e);
    if (leaves == NULL) {
        return PEER_LOG_UNREAD;
    }
    merkle_leaf(bytes_of(commitment, SHA256_SIZE), leaf);
    return memcmp(leaves[index % TILE_WIDTH], leaf, SHA256_SIZE) == 0 ? PEER_LOG_FITS : PEER_LOG_OTHER;
}
