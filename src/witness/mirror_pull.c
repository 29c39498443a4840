#include "witness/mirror_pull.h"

#include <stdlib.h>

#include "crypto/note.h"
#include "evidence/merkle.h"
#include "witness/mirror_wire.h"

/* Is the copy's checkpoint in the past of the new one? */
static bool check_past(const struct log_copy *copy, const struct mirror_pull *pull, const struct checkpoint_view *view,
                       struct tile_nodes *nodes, struct error *e)
{
    struct checkpoint_view held;
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    size_t count = 0;
    struct bytes note = log_copy_checkpoint(copy);
    if (note.size == 0) {
        return true;
    }
    if (!log_copy_check_note(note, pull->key, &held, "copy", e)) {
        return false;
    }
    if (held.size > view->size) {
        return error_set(e, ERROR_DENIED, "checkpoint", "keep the copy: it proves what the log showed before",
                         "the log shows %llu entries, and had %llu", (unsigned long long)view->size, (unsigned long long)held.size);
    }
    if (held.size == 0) {
        return true;
    }
    if (held.size < view->size && !merkle_prove_consistency(0, held.size, view->size, tile_nodes_read, nodes, path, &count)) {
        return false;
    }
    return merkle_verify_consistency(held.size, view->size, held.root, view->root, (const uint8_t(*)[SHA256_SIZE])path, count) ||
           error_set(e, ERROR_DENIED, "checkpoint", "keep both checkpoints: the log has signed two histories, or its tiles are damaged",
                     "the log's %llu entries do not continue the copy's %llu", (unsigned long long)view->size,
                     (unsigned long long)held.size);
}

static bool take_bundle(const struct mirror_pull *pull, struct log_copy *copy, const struct checkpoint_view *view, struct tile_nodes *nodes,
                        struct error *e)
{
    uint8_t *data = NULL;
    uint8_t entries[TILE_WIDTH][SHA256_SIZE];
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    size_t path_count = 0;
    const uint64_t start = log_copy_next(copy);
    const uint64_t base = start / TILE_WIDTH * TILE_WIDTH;
    const size_t count = mirror_package_count(start, view->size);
    struct tile tile = { .level = TILE_ENTRIES, .index = start / TILE_WIDTH };
    tile.width = tile_width(TILE_ENTRIES, tile.index, view->size);
    if (!pull->fetch(pull->context, tile, &data, e)) {
        return false;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        ok = bundle_entry(bytes_of(data, tile.width * (size_t)BUNDLE_ENTRY_BYTES), (unsigned)(start - base + i), entries[i]);
    }
    free(data);
    if (!ok) {
        return error_set(e, ERROR_DENIED, "tile/entries", "only logs of commitments, such as every gateway's, can be copied here",
                         "the bundle with entry %llu has another form", (unsigned long long)start);
    }
    return merkle_prove_consistency(base, start + count, view->size, tile_nodes_read, nodes, path, &path_count) &&
           log_copy_add(copy, view, start, (const uint8_t(*)[SHA256_SIZE])entries, count, (const uint8_t(*)[SHA256_SIZE])path, path_count,
                        e);
}

bool mirror_pull(const struct mirror_pull *pull, struct log_copy *copy, struct error *e)
{
    struct checkpoint_view view = { .size = 0 };
    struct buffer note;
    struct error failure = { 0 };
    buffer_init(&note, LOG_COPY_NOTE_BYTES_MAX);
    bool ok = pull->read_checkpoint(pull->context, &note, &failure) &&
              log_copy_check_note(buffer_bytes(&note), pull->key, &view, "checkpoint", &failure);
    struct tile_nodes nodes = { .fetch = pull->fetch, .context = pull->context, .size = view.size, .e = &failure };
    ok = ok && check_past(copy, pull, &view, &nodes, &failure);
    if (ok && log_copy_next(copy) > view.size) {
        ok = error_set(&failure, ERROR_IO, "checkpoint", "try again later", "an earlier run saw more entries than are shown now");
    }
    while (ok && log_copy_next(copy) < view.size) {
        ok = take_bundle(pull, copy, &view, &nodes, &failure);
        if (ok && pull->progress != NULL) {
            pull->progress(pull->progress_context, log_copy_next(copy), view.size);
        }
    }
    ok = ok ? log_copy_finish(copy, buffer_bytes(&note), NULL, &failure) : ok;
    tile_nodes_clear(&nodes);
    buffer_clear(&note);
    if (!ok && e != NULL) {
        *e = failure;
    }
    return ok;
}
