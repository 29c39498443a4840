#include "evidence/log_erase.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "evidence/log_internal.h"
#include "evidence/log_remove_internal.h"

static const struct bytes event_start = BYTES("comity-event: erasure/1\nentries:");

/* ---- The event ---- */

size_t erasure_event_write(struct buffer *out, const uint64_t *entries, size_t count, int64_t time_ms)
{
    enum { RANGE_BYTES_MAX = 48, TAIL_BYTES_MAX = 64 };
    size_t i = 0;
    size_t start = out->size;
    buffer_append(out, event_start);
    while (i < count && out->size - start < RECORD_STATEMENT_BYTES_MAX - RANGE_BYTES_MAX - TAIL_BYTES_MAX) {
        size_t last = i;
        while (last + 1 < count && entries[last + 1] == entries[last] + 1) {
            last++;
        }
        buffer_append_format(out, last > i ? " %" PRIu64 "-%" PRIu64 : " %" PRIu64, entries[i], entries[last]);
        i = last + 1;
    }
    buffer_append_format(out, "\ntime: %" PRId64 "\n", time_ms);
    return i;
}

bool erasure_event_entries(struct bytes text, struct bytes *rest)
{
    if (!bytes_start_with(text, event_start)) {
        return false;
    }
    struct bytes line = bytes_slice(text, event_start.size, text.size);
    *rest = bytes_trim(bytes_slice(line, 0, bytes_find(line, '\n')));
    return true;
}

bool erasure_event_next(struct bytes *rest, uint64_t *first, uint64_t *last)
{
    struct bytes word;
    if (rest->size == 0 || !bytes_split(rest, ' ', &word)) {
        return false;
    }
    size_t dash = bytes_find(word, '-');
    if (!bytes_to_u64(bytes_slice(word, 0, dash), first)) {
        return false;
    }
    *last = *first;
    return dash == word.size || (bytes_to_u64(bytes_slice(word, dash + 1, word.size), last) && *last >= *first);
}

/* ---- One segment ---- */

/* Bytes that are to be others. */
struct patch {
    uint64_t offset;
    size_t size;
    uint8_t *data;
};
struct patches {
    struct patch *list;
    size_t count, capacity;
};

static void patches_clear(struct patches *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->list[i].data);
    }
    free(p->list);
    *p = (struct patches){ 0 };
}

static bool add_patch(struct patches *p, uint64_t offset, const struct record_view *view, uint64_t before, struct bytes record)
{
    if (p->count == p->capacity) {
        size_t capacity = p->capacity == 0 ? 64 : p->capacity * 2;
        struct patch *grown = realloc(p->list, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        p->list = grown;
        p->capacity = capacity;
    }
    uint8_t *data = malloc(view->size);
    if (data == NULL) {
        return false;
    }
    if (!record_erase(record, view, before, data)) {
        free(data); /* it has no statement: there is nothing to erase */
        return true;
    }
    p->list[p->count++] = (struct patch){ .offset = offset, .size = view->size, .data = data };
    return true;
}

/* Finds the records of one segment that are to be erased, by reading all of it up to the last of them. */
static bool find_patches(struct segment_scan *scan, const uint64_t *entries, size_t count, struct patches *patches, struct error *e)
{
    struct record_view view;
    size_t at = 0;
    while (at < count) {
        const uint64_t offset = scan->offset;
        const uint64_t before = scan->chain;
        enum scan_state state = segment_scan_next(scan, &view, e);
        if (state == SCAN_FAILED) {
            return false;
        }
        if (state != SCAN_GOOD) {
            return error_set(e, ERROR_INPUT, scan->path, "run comity log verify, and heal or restore what it names",
                             "entry %" PRIu64 " is damaged", scan->index);
        }
        if (view.entry.index != entries[at]) {
            continue;
        }
        at++;
        /* The scan's window holds the whole record, from its statement's place backwards. */
        if (view.entry.form == RECORD_OPEN && !add_patch(patches, offset, &view, before, segment_scan_bytes(scan, offset, view.size))) {
            return error_memory(e, scan->path);
        }
    }
    return true;
}

/* Puts what of the patches lies within [offset, offset + size) over `data`. */
static void lay_over(const struct patches *p, uint64_t offset, uint8_t *data, size_t size)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct patch *patch = &p->list[i];
        uint64_t from = patch->offset > offset ? patch->offset : offset;
        uint64_t to = patch->offset + patch->size < offset + size ? patch->offset + patch->size : offset + size;
        if (from < to) {
            memcpy(data + (from - offset), patch->data + (from - patch->offset), (size_t)(to - from));
        }
    }
}

/* The segment with its patches, in a file of its own, synced. What is erased is not written once more on the way. */
static int write_copy(struct disk *disk, struct disk_file *from, uint64_t size, const struct patches *patches)
{
    enum { STEP = 256 * 1024 };
    const struct disk_functions *f = disk->functions;
    struct disk_file *to = NULL;
    uint8_t *data = malloc(STEP);
    int fault = data == NULL ? ENOMEM : f->remove(disk, ERASING_PATH);
    fault = fault == ENOENT ? 0 : fault;
    fault = fault != 0 ? fault : f->open(disk, ERASING_PATH, DISK_WRITE_NEW, &to);
    for (uint64_t at = 0; fault == 0 && at < size; at += STEP) {
        size_t wanted = size - at < STEP ? (size_t)(size - at) : STEP, got = 0;
        fault = f->read(disk, from, data, wanted, at, &got);
        fault = fault == 0 && got < wanted ? EIO : fault;
        if (fault == 0) {
            lay_over(patches, at, data, wanted);
            fault = f->write(disk, to, bytes_of(data, wanted), at);
        }
    }
    fault = fault != 0 ? fault : to == NULL ? EIO : f->sync(disk, to);
    if (to != NULL) {
        int close_fault = f->close(disk, to);
        fault = fault != 0 ? fault : close_fault;
    }
    if (data != NULL) {
        explicit_bzero(data, STEP);
    }
    free(data);
    return fault;
}

/* The old file's blocks are on the disk: they get the same bytes. A reader that has it open sees good records. */
static int overwrite(struct disk *disk, struct disk_file *file, const struct patches *patches)
{
    int fault = 0;
    for (size_t i = 0; fault == 0 && i < patches->count; i++) {
        fault = disk->functions->write(disk, file, bytes_of(patches->list[i].data, patches->list[i].size), patches->list[i].offset);
    }
    return fault != 0 ? fault : disk->functions->sync(disk, file);
}

/*
 * The copy takes the segment's name, and the segment that of the copy, so that a crash leaves nothing without a name: erasing_clear() finds it. Where
 * the file system can't (`*is_named` false), a crash before it is overwritten leaves its blocks to be used anew.
 */
static int swap_names(struct disk *disk, const char *path, bool *is_named)
{
    const struct disk_functions *f = disk->functions;
    int fault = f->exchange == NULL ? ENOTSUP : f->exchange(disk, ERASING_PATH, path);
    *is_named = fault == 0;
    return fault == ENOTSUP ? f->rename(disk, ERASING_PATH, path) : fault;
}

static bool replace_segment(struct disk *disk, const char *path, const struct patches *patches, struct error *e)
{
    const struct disk_functions *f = disk->functions;
    struct disk_file *old = NULL;
    uint64_t size = 0;
    int fault = f->open(disk, path, DISK_WRITE, &old);
    if (fault != 0) {
        return disk_error(e, fault, path, "check the private folder's disk, owner and mode");
    }
    fault = f->size(disk, old, &size);
    fault = fault != 0 ? fault : write_copy(disk, old, size, patches);
    if (fault != 0) {
        (void)f->remove(disk, ERASING_PATH); /* so that a full disk is as full as before; the next erasure removes it, too */
        (void)f->close(disk, old);
        return disk_error(e, fault, ERASING_PATH, "make room for a copy of the segment, or check the disk, then erase again");
    }
    bool is_named = false;
    fault = swap_names(disk, path, &is_named);
    fault = fault != 0 ? fault : f->sync_folder(disk, SEGMENT_FOLDER);
    fault = fault != 0 ? fault : overwrite(disk, old, patches);
    int close_fault = f->close(disk, old);
    fault = fault != 0 ? fault : close_fault;
    fault = fault != 0 || !is_named ? fault : f->remove(disk, ERASING_PATH);
    fault = fault != 0 || !is_named ? fault : f->sync_folder(disk, SEGMENT_FOLDER);
    return fault == 0 || disk_error(e, fault, path, "check the disk, then erase again");
}

static bool erase_in(struct disk *disk, uint64_t first, const uint64_t *entries, size_t count, uint64_t *erased, struct error *e)
{
    struct segment_scan scan = { 0 };
    struct patches patches = { 0 };
    char path[SEGMENT_PATH_SIZE];
    if (!segment_scan_open(&scan, disk, first, e)) {
        return false;
    }
    bool ok = find_patches(&scan, entries, count, &patches, e);
    segment_scan_close(&scan);
    segment_path(first, path);
    ok = ok && (patches.count == 0 || replace_segment(disk, path, &patches, e));
    *erased += ok ? patches.count : 0;
    patches_clear(&patches);
    return ok;
}

/* ---- All ---- */

static bool erase_all(struct disk *disk, const uint64_t *firsts, size_t segment_count, const uint64_t *entries, size_t count,
                      uint64_t *erased, struct error *e)
{
    size_t at = 0;
    for (size_t i = 0; i + 1 < segment_count && at < count; i++) {
        size_t end = at;
        if (entries[at] < firsts[i]) {
            return error_set(e, ERROR_ABSENT, SEGMENT_FOLDER, NULL, "there is no record of entry %" PRIu64, entries[at]);
        }
        while (end < count && entries[end] < firsts[i + 1]) {
            end++;
        }
        if (end > at && !erase_in(disk, firsts[i], entries + at, end - at, erased, e)) {
            return false;
        }
        at = end;
    }
    return at == count ||
           error_set(e, ERROR_DENIED, SEGMENT_FOLDER, NULL, "entry %" PRIu64 " is in the segment that is written to", entries[at]);
}

bool log_erase(struct disk *private, const uint64_t *entries, size_t count, uint64_t *erased, struct error *e)
{
    uint64_t *firsts = NULL;
    size_t segment_count = 0;
    uint64_t done = 0;
    log_remove_lock();
    bool ok = erasing_clear(private, e) && segment_list(private, &firsts, &segment_count, e) &&
              erase_all(private, firsts, segment_count, entries, count, &done, e);
    log_remove_unlock();
    free(firsts);
    if (erased != NULL) {
        *erased = done;
    }
    return ok;
}
