#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/diag.h"
#include "crypto/note.h"
#include "evidence/log_internal.h"
#include "evidence/log_remove_internal.h"
#include "evidence/merkle.h"
#include "evidence/publication_internal.h"
#include "evidence/tile_read_internal.h"
#include "evidence/tree_disk_internal.h"

static const char *const restore = "restore it from a copy or a mirror; nothing was changed";

/* What opening learns on the way. */
struct opening {
    struct log *log;
    uint64_t *firsts; /* the segments */
    size_t segment_count;
    bool has_checkpoint;
    struct checkpoint_view checkpoint;
    uint8_t *text;             /* which the checkpoint's views point into */
    uint8_t last[SHA256_SIZE]; /* the newest published commitment */
    /* The last segment: */
    struct segment_header header;
    uint64_t size;
    uint64_t end;      /* behind its last good record */
    uint64_t doubtful; /* index of the first record whose sync may have failed, and its place and chain */
    uint64_t doubtful_offset;
    uint64_t doubtful_chain;
    bool has_stray; /* something lies behind the end */
};

static bool take_lock(struct log *log, const char *path, struct error *e)
{
    if (path == NULL) {
        return true;
    }
    log->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log->lock < 0) {
        return error_system(e, path, "check the folder's owner and mode");
    }
    if (flock(log->lock, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? error_set(e, ERROR_DENIED, path, "stop the other gateway, or give this one a folder of its own",
                                                "another process has this log open")
                                    : error_system(e, path, "use a file system with locks");
    }
    return true;
}

bool checkpoint_check(struct bytes data, const struct verifier *key, struct checkpoint_view *out, struct error *e)
{
    struct note note;
    size_t good = 0;
    bool ok = note_parse(&note, data, CHECKPOINT_PATH, e) && note_verify(&note, key, 1, &good, NULL, CHECKPOINT_PATH, e) &&
              checkpoint_parse(note.text, out, CHECKPOINT_PATH, e);
    if (ok && (good == 0 || !bytes_equal(out->origin, bytes_of_text(key->name)))) {
        ok = error_set(e, ERROR_INPUT, CHECKPOINT_PATH, "use the key and the name that the log was made with",
                       "it is signed by another key");
    }
    if (!ok && e != NULL) {
        e->kind = ERROR_INPUT;
    }
    return ok;
}

static bool read_checkpoint(struct opening *o, struct error *e)
{
    size_t size = 0;
    int fault = disk_read_whole(o->log->public, CHECKPOINT_PATH, CHECKPOINT_BYTES_MAX, &o->text, &size);
    if (fault == ENOENT) {
        return true;
    }
    if (fault != 0) {
        return disk_error(e, fault, CHECKPOINT_PATH, "check the public folder's disk, owner and mode");
    }
    o->has_checkpoint = true;
    return checkpoint_check(bytes_of(o->text, size), signer_verifier(o->log->signer), &o->checkpoint, e);
}

static bool load_last(struct opening *o, struct error *e)
{
    uint64_t last = o->checkpoint.size - 1;
    struct tile tile = { .level = TILE_ENTRIES, .index = last / TILE_WIDTH };
    uint8_t *data = NULL;
    tile.width = tile_width(TILE_ENTRIES, tile.index, o->checkpoint.size);
    if (!tile_read(o->log->public, tile, &data, e)) {
        return false;
    }
    bool ok = bundle_entry(bytes_of(data, tile.width * (size_t)BUNDLE_ENTRY_BYTES), (unsigned)(last % TILE_WIDTH), o->last);
    free(data);
    if (!ok) {
        char path[TILE_PATH_SIZE];
        tile_path(tile, path);
        return error_set(e, ERROR_INPUT, path, restore, "the entry bundle has another form than this log's");
    }
    return true;
}

/* The tree as it was published, from its tiles, checked against the checkpoint's root and the entries. */
static bool load_published(struct opening *o, struct error *e)
{
    struct tree *tree = &o->log->tree;
    uint64_t size = o->checkpoint.size;
    if (size >> TREE_LEVELS != 0) {
        return error_set(e, ERROR_INPUT, CHECKPOINT_PATH, restore, "the log is larger than this program can hold");
    }
    if (size > 0 && !load_last(o, e)) {
        return false;
    }
    if (!tree_load(tree, o->log->public, size, e)) {
        return false;
    }
    o->log->published = size;
    if (memcmp(tree->root, o->checkpoint.root, SHA256_SIZE) != 0) {
        return error_set(e, ERROR_INPUT, CHECKPOINT_PATH, "run comity log verify, restore what it names from a copy; nothing was changed",
                         "the tiles of %llu entries do not lead to the signed root", (unsigned long long)size);
    }
    return true;
}

/* A hash tile of the right edge that is damaged or gone is made again from the entries, if these lead to the signed root. */
static bool load_tree(struct opening *o, struct error *e)
{
    struct error cause = { 0 };
    struct error ignored;
    unsigned mended = 0;
    if (load_published(o, &cause)) {
        return true;
    }
    if (cause.kind == ERROR_INPUT && o->checkpoint.size >> TREE_LEVELS == 0 &&
        tree_mend_edge(o->log->public, o->checkpoint.size, o->checkpoint.root, &mended, &ignored) && mended > 0) {
        diag_error(DIAG_WARN, "evidence", "hash tiles were damaged, and were made again from the entries", &cause);
        tree_clear(&o->log->tree);
        tree_init(&o->log->tree);
        return load_published(o, e);
    }
    if (e != NULL) {
        *e = cause;
    }
    return false;
}

static bool refuse_entry(const struct segment_scan *scan, uint64_t index, const char *why, struct error *e)
{
    return error_set(e, ERROR_INPUT, scan->path, restore, "entry %llu %s", (unsigned long long)index, why);
}

/* Takes one good record in: compared with what is published, or appended to the tree. */
static bool absorb(struct opening *o, const struct segment_scan *scan, const struct record_view *view, struct error *e)
{
    struct log *log = o->log;
    uint8_t hash[1][SHA256_SIZE];
    uint64_t index = view->entry.index;
    const struct tree_edge *known = &log->tree.commitments;
    log->time_ms = view->entry.time_ms > log->time_ms ? view->entry.time_ms : log->time_ms;
    log->chain = view->chain;
    if (index < known->first && index + 1 < log->published) {
        return true; /* what it must be is in a bundle that is not at hand: checked by its checksum, and by log_verify() */
    }
    log_entry_commitment(&view->entry, hash[0]);
    if (index >= log->published) {
        if (!tree_reserve(&log->tree, 1)) {
            return error_memory(e, scan->path);
        }
        tree_append(&log->tree, (const uint8_t(*)[SHA256_SIZE])hash, 1, NULL);
        return true;
    }
    bool is_other = index == log->published - 1 && memcmp(hash[0], o->last, SHA256_SIZE) != 0;
    if (index >= known->first && memcmp(hash[0], known->hashes[index - known->first], SHA256_SIZE) != 0) {
        is_other = true;
    }
    return !is_other || refuse_entry(scan, index, "is not the one that was published", e);
}

/* Reads one segment's records. `limit` is the first index of the segment after it; the last one has none, and is looked at closer. */
static bool scan_segment(struct opening *o, struct segment_scan *scan, const uint64_t *limit, struct error *e)
{
    struct record_view view;
    enum scan_state state = SCAN_GOOD;
    struct log *log = o->log;
    bool has_later_batch = false;
    uint64_t stray = 0;
    while (limit == NULL || scan->index < *limit) {
        if (scan->index == scan->header.first || scan->index <= log->published) {
            o->doubtful = scan->index;
            o->doubtful_offset = scan->offset;
            o->doubtful_chain = scan->chain;
        }
        state = segment_scan_next(scan, &view, e);
        if (state == SCAN_FAILED) {
            return false;
        }
        if (state != SCAN_GOOD) {
            break;
        }
        if (!absorb(o, scan, &view, e)) {
            return false;
        }
    }
    if (limit != NULL && scan->index < *limit) {
        return refuse_entry(scan, scan->index, "is damaged; later ones are there", e);
    }
    if (scan->index < log->published) {
        return refuse_entry(scan, scan->index, "is damaged or missing, and was published", e);
    }
    if (limit != NULL) {
        return true;
    }
    if (!segment_scan_rest(scan, &stray, e) || (stray < scan->size && !segment_scan_find_later_batch(scan, &has_later_batch, e))) {
        return false;
    }
    if (has_later_batch) {
        /* A batch is written only when the one before is durable: this entry was, so no crash tore it. */
        return refuse_entry(scan, scan->index, "is damaged; a later batch is there", e);
    }
    o->header = scan->header;
    o->size = scan->size;
    o->end = scan->offset;
    o->has_stray = stray < scan->size;
    return true;
}

static bool scan_records(struct opening *o, struct error *e)
{
    struct log *log = o->log;
    uint64_t origin_hash = record_chain_start(log_origin(log));
    size_t at = o->segment_count;
    while (at > 0 && o->firsts[at - 1] > log->published) {
        at--;
    }
    if (at == 0) {
        return error_set(e, ERROR_INPUT, SEGMENT_FOLDER, restore, "the records from entry %llu on are missing",
                         (unsigned long long)(o->segment_count == 0 || log->published < o->firsts[0] ? 0 : log->published));
    }
    /* The last published record's time is needed, too: times never go back within a log, and it may be in the segment before. */
    at = at > 1 && o->firsts[at - 1] == log->published ? at - 1 : at;
    for (at--; at < o->segment_count; at++) {
        struct segment_scan scan;
        bool is_last = at + 1 == o->segment_count;
        if (!segment_scan_open(&scan, log->private, o->firsts[at], e)) {
            return false;
        }
        bool ok = scan.header.origin_hash == origin_hash;
        if (!ok) {
            error_set(e, ERROR_INPUT, scan.path, "put the folder of the log with this name here", "it belongs to another log");
        } else if (scan.header.first > log->published && scan.header.chain != log->chain) {
            ok = error_set(e, ERROR_INPUT, scan.path, restore, "it does not follow the segment before it");
        }
        if (ok && scan.header.first <= log->published) {
            log->chain = scan.header.chain;
        }
        ok = ok && scan_segment(o, &scan, is_last ? NULL : &o->firsts[at + 1], e);
        segment_scan_close(&scan);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* Copies the doubtful records of the last segment into the next one. */
static bool copy_doubtful(struct opening *o, struct error *e)
{
    enum { STEP = 256 * 1024 };
    struct log *log = o->log;
    const struct disk_functions *f = log->private->functions;
    char path[SEGMENT_PATH_SIZE];
    struct disk_file *file = NULL;
    bool ok = false;
    uint8_t *data = malloc(STEP);
    segment_path(o->header.first, path);
    if (data == NULL) {
        return error_memory(e, path);
    }
    int fault = f->open(log->private, path, DISK_READ, &file);
    if (fault != 0) {
        file = NULL;
        disk_error(e, fault, path, "check the disk");
        goto done;
    }
    for (uint64_t at = o->doubtful_offset; at < o->end;) {
        size_t size = o->end - at < STEP ? (size_t)(o->end - at) : STEP;
        size_t got = 0;
        fault = f->read(log->private, file, data, size, at, &got);
        fault = fault == 0 && got < size ? EIO : fault;
        if (fault != 0) {
            disk_error(e, fault, path, "check the disk");
            goto done;
        }
        if (!segment_next_write(&log->segments, bytes_of(data, size), SEGMENT_HEADER_BYTES + at - o->doubtful_offset, e)) {
            goto done;
        }
        at += size;
    }
    ok = true;
done:
    if (file != NULL) {
        (void)f->close(log->private, file);
    }
    explicit_bzero(data, STEP);
    free(data);
    return ok;
}

/* Cuts what a recovery left behind in the segment before the last one: the last one holds it. */
static bool cut_previous(struct log *log, uint64_t first, uint64_t end, struct error *e)
{
    const struct disk_functions *f = log->private->functions;
    char path[SEGMENT_PATH_SIZE];
    struct disk_file *file = NULL;
    uint64_t size = 0;
    segment_path(first, path);
    int fault = f->open(log->private, path, DISK_WRITE, &file);
    if (fault == 0) {
        fault = f->size(log->private, file, &size);
        if (fault == 0 && size > end) {
            fault = f->truncate(log->private, file, end);
            fault = fault != 0 ? fault : f->sync(log->private, file);
        }
        int close_fault = f->close(log->private, file);
        fault = fault != 0 ? fault : close_fault;
    }
    return fault == 0 || disk_error(e, fault, path, "check the disk");
}

/*
 * The last process did not publish all it wrote. What lies behind the published entries in the last segment is copied into a new one: a
 * failed sync may have left records that read well, from the page cache, and are not on the disk, and behind a torn batch stale bytes may
 * lie that a later batch could bring back. What was acknowledged is never overwritten in place.
 */
static bool recover(struct opening *o, struct error *e)
{
    struct log *log = o->log;
    uint64_t bytes = o->end - o->doubtful_offset;
    uint64_t needed = bytes * 2 + SEGMENT_HEADER_BYTES;
    uint64_t capacity = segment_next_capacity(0, needed);
    bool is_same_name = o->doubtful == o->header.first;
    uint64_t previous_end = is_same_name ? o->header.previous_end : o->doubtful_offset;
    char count[24];
    (void)snprintf(count, sizeof count, "%llu", (unsigned long long)(log->tree.size - o->doubtful));
    diag(DIAG_INFO, "evidence", "the log was not closed: recovering it", "records", count, NULL);
    return segment_prepare(&log->segments, capacity, capacity, e) && copy_doubtful(o, e) &&
           segment_switch(&log->segments, o->doubtful, o->doubtful_chain, previous_end, SEGMENT_HEADER_BYTES + bytes, e) &&
           (is_same_name || cut_previous(log, o->header.first, previous_end, e));
}

static bool open_last_segment(struct opening *o, struct error *e)
{
    struct log *log = o->log;
    struct segment_store *s = &log->segments;
    if (o->has_stray || log->tree.size > o->doubtful) {
        return recover(o, e);
    }
    if (o->header.previous_end != 0 && o->segment_count > 1 &&
        !cut_previous(log, o->firsts[o->segment_count - 2], o->header.previous_end, e)) {
        return false;
    }
    segment_path(o->header.first, s->path);
    int fault = log->private->functions->open(log->private, s->path, DISK_WRITE, &s->file);
    if (fault != 0) {
        s->file = NULL;
        return disk_error(e, fault, s->path, "check the folder's owner and mode");
    }
    s->used = o->end;
    s->capacity = o->size;
    return true;
}

/* The first segment, then the checkpoint of the empty tree: a checkpoint never stands where there can be no records. */
static bool make_log(struct opening *o, struct error *e)
{
    struct log *log = o->log;
    struct publication *publication = NULL;
    int fault = log->private->functions->make_folder(log->private, SEGMENT_FOLDER);
    fault = fault != 0 ? fault : log->private->functions->sync_folder(log->private, "");
    if (fault != 0) {
        return disk_error(e, fault, SEGMENT_FOLDER, "check the private folder's owner and mode");
    }
    log->chain = record_chain_start(log_origin(log));
    if (!log_next_segment(log, 0, e) || !publication_make(&publication, log, e)) {
        return false;
    }
    bool ok = publication_write(publication, e);
    publication_free(publication);
    return ok;
}

/* Without a checkpoint there may be an empty first segment, from a crash while the log was made, and nothing else. */
static bool check_new(struct opening *o, struct error *e)
{
    struct segment_scan scan;
    struct record_view view;
    bool is_empty = false;
    if (o->segment_count == 0) {
        return true;
    }
    if (o->segment_count == 1 && o->firsts[0] == 0) {
        if (!segment_scan_open(&scan, o->log->private, 0, e)) {
            return false;
        }
        enum scan_state state = segment_scan_next(&scan, &view, e);
        segment_scan_close(&scan);
        if (state == SCAN_FAILED) {
            return false;
        }
        is_empty = state == SCAN_END;
    }
    return is_empty || error_set(e, ERROR_INPUT, CHECKPOINT_PATH, "restore the public folder from a copy or a mirror; nothing was changed",
                                 "there are records, but no checkpoint");
}

/* The last process may have been killed between giving a name and syncing its folder: what is trusted from here on must stay. */
static bool sync_names(struct log *log, struct error *e)
{
    const struct {
        struct disk *disk;
        const char *folder;
    } names[] = { { log->public, "" }, { log->private, "" }, { log->private, SEGMENT_FOLDER } };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        int fault = names[i].disk->functions->sync_folder(names[i].disk, names[i].folder);
        if (fault != 0) {
            return disk_error(e, fault, names[i].folder[0] == '\0' ? "log" : names[i].folder, "check the disk");
        }
    }
    return true;
}

static bool open_or_make(struct opening *o, struct error *e)
{
    if (!segment_list(o->log->private, &o->firsts, &o->segment_count, e) || !read_checkpoint(o, e)) {
        return false;
    }
    if (!o->has_checkpoint) {
        return check_new(o, e) && make_log(o, e);
    }
    return load_tree(o, e) && scan_records(o, e) && sync_names(o->log, e) && open_last_segment(o, e);
}

/* A crash may have left a segment that is not to be read any more. */
static bool finish_erasing(struct disk *private, struct error *e)
{
    log_remove_lock();
    bool ok = erasing_clear(private, e);
    log_remove_unlock();
    return ok;
}

bool log_open(struct log **out, struct disk *public, struct disk *private, const char *lock_path, const struct signer *signer,
              struct error *e)
{
    *out = NULL;
    struct log *log = calloc(1, sizeof *log);
    if (log == NULL) {
        return error_memory(e, "log");
    }
    struct opening opening = { .log = log };
    log->public = public;
    log->private = private;
    log->signer = signer;
    log->lock = -1;
    tree_init(&log->tree);
    buffer_init(&log->text, 1024 * 1024);
    log->segments = (struct segment_store){ .disk = private, .origin_hash = record_chain_start(log_origin(log)) };
    bool ok = take_lock(log, lock_path, e) && finish_erasing(private, e) && open_or_make(&opening, e);
    free(opening.firsts);
    free(opening.text);
    if (!ok) {
        log->is_dead = true; /* so that closing does not publish */
        log_close(log);
        return false;
    }
    *out = log;
    return true;
}
