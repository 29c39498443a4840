#include "evidence/log_prune.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "crypto/note.h"
#include "evidence/log_internal.h"
#include "evidence/log_remove_internal.h"

enum { PRUNED_BYTES_MAX = 4096, FOLDERS_DEEP = 4 };
static const struct bytes first_line = BYTES("comity-pruned/1\n");

/* ---- The note ---- */

/* Its first line is no origin, so that it can't be taken for a checkpoint, nor a checkpoint for it. */
static bool write_note(const struct prune_options *o, struct disk *disk, const char *path, uint64_t minimum, struct error *e)
{
    struct buffer text, note;
    char time[TIME_TEXT_SIZE];
    buffer_init(&text, PRUNED_BYTES_MAX);
    buffer_init(&note, PRUNED_BYTES_MAX);
    buffer_append(&text, first_line);
    buffer_append_format(&text, "%s\n%s\n%" PRIu64 "\n%s\n", signer_verifier(o->signer)->name, path, minimum,
                         time_text(time_now_ms(), time));
    bool ok = (!text.failed || error_memory(e, path)) && note_sign(buffer_bytes(&text), o->signer, &note, e) &&
              (!note.failed || error_memory(e, path));
    int fault = ok ? disk_replace(disk, path, buffer_bytes(&note)) : 0;
    buffer_clear(&text);
    buffer_clear(&note);
    return ok && (fault == 0 || disk_error(e, fault, path, "make room, or check the disk, then prune again"));
}

static bool parse(struct bytes text, const char *path, struct bytes *origin, uint64_t *minimum, struct error *e)
{
    struct reader r = { .left = bytes_slice(text, first_line.size, text.size) };
    *origin = reader_line(&r);
    struct bytes what = reader_line(&r);
    struct bytes number = reader_line(&r);
    int64_t time_ms;
    struct bytes time = reader_line(&r);
    if (!bytes_start_with(text, first_line) || r.failed || r.left.size > 0 || !bytes_equal(what, bytes_of_text(path)) ||
        !bytes_to_u64(number, minimum) || *minimum >> TREE_LEVELS != 0 || !time_parse(time, &time_ms)) {
        return error_set(e, ERROR_INPUT, path, "restore it from a copy", "it is no statement of what was pruned there");
    }
    return true;
}

bool pruned_read(struct disk *disk, const char *path, const struct verifier *key, uint64_t *minimum, struct error *e)
{
    uint8_t *data = NULL;
    size_t size = 0, good = 0;
    struct note note;
    struct bytes origin;
    *minimum = 0;
    int fault = disk_read_whole(disk, path, PRUNED_BYTES_MAX, &data, &size);
    if (fault == ENOENT) {
        return true;
    }
    if (fault == EFBIG) {
        return error_set(e, ERROR_INPUT, path, "restore it from a copy", "it is too large to be a statement of what was pruned");
    }
    if (fault != 0) {
        return disk_error(e, fault, path, "check the folder's disk, owner and mode");
    }
    bool ok = note_parse(&note, bytes_of(data, size), path, e) && (key == NULL || note_verify(&note, key, 1, &good, NULL, path, e)) &&
              parse(note.text, path, &origin, minimum, e);
    if (ok && key != NULL && (good == 0 || !bytes_equal(origin, bytes_of_text(key->name)))) {
        ok = error_set(e, ERROR_INPUT, path, "restore it from a copy", "it is signed by another key, or about another log");
    }
    free(data);
    if (!ok) {
        *minimum = 0;
        if (e != NULL && e->kind == ERROR_DENIED) {
            e->kind = ERROR_INPUT;
        }
    }
    return ok;
}

/* ---- How far ---- */

/* The first entry that is as young as `since_ms` or younger: times never go back within a log. */
bool log_first_since(struct log_reader *reader, uint64_t size, int64_t since_ms, uint64_t *out, struct error *e)
{
    uint64_t low = log_reader_first(reader), high = size;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct log_entry entry;
        if (!log_reader_get(reader, middle, &entry, e)) {
            return false;
        }
        if (entry.time_ms < since_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out = low;
    return true;
}

static bool published(const struct prune_options *o, uint64_t *size, struct error *e)
{
    uint8_t *data = NULL;
    size_t bytes = 0;
    struct checkpoint_view view = { .size = 0 };
    int fault = disk_read_whole(o->public, CHECKPOINT_PATH, CHECKPOINT_BYTES_MAX, &data, &bytes);
    if (fault != 0) {
        return disk_error(e, fault, CHECKPOINT_PATH, "check the public folder's disk, owner and mode");
    }
    bool ok = checkpoint_check(bytes_of(data, bytes), signer_verifier(o->signer), &view, e);
    free(data);
    *size = view.size;
    return ok;
}

/* The first entry that must stay. */
static bool find_first_kept(const struct prune_options *o, uint64_t tree_size, uint64_t *first, struct error *e)
{
    struct log_reader *reader = NULL;
    uint64_t size = 0;
    bool ok = log_reader_open(&reader, o->public, o->private, e) && log_reader_size(reader, &size, e) &&
              log_first_since(reader, size < tree_size ? size : tree_size, o->before_ms, first, e);
    log_reader_close(reader);
    return ok;
}

/* ---- Bundles ---- */

struct found {
    struct found_name {
        char name[16];
        bool is_folder;
    } * list;
    size_t count, capacity;
    bool failed;
};

static void add_found(void *context, const char *name, bool is_folder)
{
    struct found *f = context;
    if (strlen(name) >= sizeof f->list->name || f->failed) {
        return;
    }
    if (f->count == f->capacity) {
        size_t capacity = f->capacity == 0 ? 64 : f->capacity * 2;
        struct found_name *grown = realloc(f->list, capacity * sizeof *grown);
        f->failed = grown == NULL;
        if (f->failed) {
            return;
        }
        f->list = grown;
        f->capacity = capacity;
    }
    (void)snprintf(f->list[f->count].name, sizeof f->list->name, "%s", name);
    f->list[f->count++].is_folder = is_folder;
}

/* All full bundles in the folder and below, whose entries end at or before `minimum`. Whatever else lies there is left alone. */
static bool remove_bundles(const struct prune_options *o, const char *folder, unsigned depth, uint64_t minimum, uint64_t *count,
                           struct error *e)
{
    struct found found = { 0 };
    bool ok = true, has_removed = false;
    int fault = o->public->functions->list(o->public, folder, add_found, &found);
    if ((fault != 0 && fault != ENOENT) || found.failed) {
        free(found.list);
        return found.failed ? error_memory(e, folder) : disk_error(e, fault, folder, "check the public folder's disk, owner and mode");
    }
    for (size_t i = 0; ok && i < found.count; i++) {
        char path[TILE_PATH_SIZE];
        struct tile tile;
        int size = snprintf(path, sizeof path, "%s/%s", folder, found.list[i].name);
        if (size < 0 || (size_t)size >= sizeof path) {
            continue;
        }
        if (found.list[i].is_folder) {
            ok = found.list[i].name[0] != 'x' || depth == FOLDERS_DEEP || remove_bundles(o, path, depth + 1, minimum, count, e);
        } else if (tile_parse(bytes_of_text(path), &tile) && tile.level == TILE_ENTRIES && tile.width == TILE_WIDTH &&
                   tile.index < minimum / TILE_WIDTH) {
            fault = o->is_dry ? 0 : o->public->functions->remove(o->public, path);
            ok = fault == 0 || fault == ENOENT || disk_error(e, fault, path, "check the public folder's owner and mode");
            has_removed = !o->is_dry;
            *count += ok;
        }
    }
    free(found.list);
    if (ok && has_removed) {
        fault = o->public->functions->sync_folder(o->public, folder);
        ok = fault == 0 || disk_error(e, fault, folder, "check the disk");
    }
    return ok;
}

static bool prune_bundles(const struct prune_options *o, uint64_t first_kept, uint64_t tree_size, struct prune_result *out, struct error *e)
{
    uint64_t stated = 0;
    /* Opening the log reads the last bundle. */
    uint64_t most = tree_size == 0 ? 0 : (tree_size - 1) / TILE_WIDTH * TILE_WIDTH;
    uint64_t minimum = first_kept / TILE_WIDTH * TILE_WIDTH;
    minimum = minimum < most ? minimum : most;
    if (!pruned_read(o->public, PRUNED_PATH, signer_verifier(o->signer), &stated, e)) {
        return false;
    }
    out->minimum = minimum > stated ? minimum : stated;
    return (o->is_dry || minimum <= stated || write_note(o, o->public, PRUNED_PATH, minimum, e)) &&
           (out->minimum == 0 || remove_bundles(o, "tile/entries", 1, out->minimum, &out->bundles, e));
}

/* ---- Segments ---- */

static bool prune_segments(const struct prune_options *o, uint64_t first_kept, uint64_t tree_size, struct prune_result *out,
                           struct error *e)
{
    uint64_t *firsts = NULL, stated = 0;
    size_t count = 0, gone = 0;
    if (!segment_list(o->private, &firsts, &count, e) ||
        !pruned_read(o->private, PRUNED_RECORDS_PATH, signer_verifier(o->signer), &stated, e)) {
        free(firsts);
        return false;
    }
    if (!o->is_dry && !erasing_clear(o->private, e)) {
        free(firsts);
        return false;
    }
    /* A segment ends where the next one begins; one that has an entry which is not published is what opening begins with. */
    while (gone + 1 < count && firsts[gone + 1] <= first_kept && firsts[gone + 1] < tree_size) {
        gone++;
    }
    uint64_t minimum = gone > 0 ? firsts[gone] : 0;
    out->records_minimum = minimum > stated ? minimum : stated;
    bool ok = o->is_dry || minimum <= stated || write_note(o, o->private, PRUNED_RECORDS_PATH, minimum, e);
    for (size_t i = 0; ok && i + 1 < count && firsts[i + 1] <= out->records_minimum; i++) {
        ok = o->is_dry || segment_remove(o->private, firsts[i], e);
        out->segments += ok;
    }
    free(firsts);
    return ok;
}

bool log_prune(const struct prune_options *options, struct prune_result *out, struct error *e)
{
    uint64_t tree_size = 0, first_kept = 0;
    *out = (struct prune_result){ .minimum = 0 };
    log_remove_lock();
    bool ok = published(options, &tree_size, e) && find_first_kept(options, tree_size, &first_kept, e) &&
              prune_bundles(options, first_kept, tree_size, out, e) &&
              (!options->with_records || prune_segments(options, first_kept, tree_size, out, e));
    log_remove_unlock();
    return ok;
}

bool retention_prune(const struct retention *retention, int64_t before_ms, bool with_records, bool is_dry, struct prune_result *out,
                     struct error *e)
{
    int64_t kept_from_ms = time_now_ms() - retention->keep_ms;
    if (before_ms != INT64_MAX && before_ms > kept_from_ms) {
        return error_set(e, ERROR_DENIED, "log.retention", "choose an earlier date", "entries of the last %lld days are kept",
                         (long long)(retention->keep_ms / (24 * 60 * 60 * 1000)));
    }
    const struct prune_options options = {
        .public = retention->public,
        .private = retention->private,
        .signer = retention->signer,
        .before_ms = before_ms < kept_from_ms ? before_ms : kept_from_ms,
        .with_records = with_records,
        .is_dry = is_dry,
    };
    return log_prune(&options, out, e);
}
