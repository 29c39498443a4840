#include "evidence/segment_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ZERO_BYTES = 64 * 1024 };
static const uint8_t zeros[ZERO_BYTES];

bool disk_error(struct error *e, int fault, const char *where, const char *todo)
{
    errno = fault;
    return error_system(e, where, todo);
}

bool disk_error_final(struct error *e, int fault, const char *where)
{
    errno = fault;
    (void)error_system(e, where, "check the disk; the log goes on from what is durable when it is opened again");
    if (e != NULL) {
        e->kind = ERROR_IO;
    }
    return false;
}

void segment_path(uint64_t first, char out[SEGMENT_PATH_SIZE])
{
    char name[SEGMENT_NAME_SIZE];
    segment_name(first, name);
    (void)snprintf(out, SEGMENT_PATH_SIZE, SEGMENT_FOLDER "/%s", name);
}

struct listing {
    uint64_t *firsts;
    size_t count, capacity;
    bool failed;
};

static void listing_add(void *context, const char *name, bool is_folder)
{
    struct listing *l = context;
    uint64_t first;
    if (is_folder || l->failed || !segment_name_parse(name, &first)) {
        return;
    }
    if (l->count == l->capacity) {
        size_t capacity = l->capacity == 0 ? 16 : l->capacity * 2;
        uint64_t *grown = realloc(l->firsts, capacity * sizeof *grown);
        if (grown == NULL) {
            l->failed = true;
            return;
        }
        l->firsts = grown;
        l->capacity = capacity;
    }
    l->firsts[l->count++] = first;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x;
    uint64_t y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

bool segment_list(struct disk *disk, uint64_t **firsts, size_t *count, struct error *e)
{
    struct listing l = { 0 };
    *firsts = NULL;
    *count = 0;
    int fault = disk->functions->list(disk, SEGMENT_FOLDER, listing_add, &l);
    if ((fault != 0 && fault != ENOENT) || l.failed) {
        free(l.firsts);
        return l.failed ? error_memory(e, SEGMENT_FOLDER) : disk_error(e, fault, SEGMENT_FOLDER, "check the folder's owner and mode");
    }
    if (l.count > 1) {
        qsort(l.firsts, l.count, sizeof *l.firsts, compare_u64);
    }
    *firsts = l.firsts;
    *count = l.count;
    return true;
}

/* Closing loses nothing here: what counts was synced, and a segment that is dropped counts no more. */
static void drop_next(struct segment_store *store)
{
    if (store->next != NULL) {
        (void)store->disk->functions->close(store->disk, store->next);
        store->next = NULL;
    }
    store->next_written = 0;
    store->is_next_ready = false;
}

void segment_store_close(struct segment_store *store)
{
    drop_next(store);
    if (store->file != NULL) {
        (void)store->disk->functions->close(store->disk, store->file);
        store->file = NULL;
    }
}

uint64_t segment_next_capacity(uint64_t capacity, uint64_t needed)
{
    uint64_t next = capacity < SEGMENT_BYTES_MIN ? SEGMENT_BYTES_MIN : capacity * 2;
    next = next > SEGMENT_BYTES_MAX ? SEGMENT_BYTES_MAX : next;
    while (next < needed + SEGMENT_HEADER_BYTES) {
        next *= 2;
    }
    return next;
}

static bool next_failed(struct segment_store *store, int fault, struct error *e)
{
    drop_next(store);
    /* Frees the space; if that fails too, the next attempt truncates it. */
    (void)store->disk->functions->remove(store->disk, SEGMENT_NEXT);
    return disk_error(e, fault, SEGMENT_NEXT, "make room on the private folder's disk");
}

static int next_open(struct segment_store *store)
{
    const struct disk_functions *f = store->disk->functions;
    /* One that was left over is not trusted: its pages may read as zeros without being on the disk. */
    int fault = f->remove(store->disk, SEGMENT_NEXT);
    if (fault == 0 || fault == ENOENT) {
        fault = f->open(store->disk, SEGMENT_NEXT, DISK_WRITE_NEW, &store->next);
    }
    if (fault != 0) {
        store->next = NULL;
    }
    return fault;
}

bool segment_prepare(struct segment_store *store, uint64_t capacity, uint64_t bytes, struct error *e)
{
    const struct disk_functions *f = store->disk->functions;
    int fault = 0;
    if (store->next == NULL) {
        fault = next_open(store);
        store->next_capacity = capacity;
    }
    if (capacity > store->next_capacity) {
        store->next_capacity = capacity;
        store->is_next_ready = false;
    }
    if (fault == 0 && store->is_next_ready) {
        return true;
    }
    while (fault == 0 && bytes > 0 && store->next_written < store->next_capacity) {
        uint64_t left = store->next_capacity - store->next_written;
        size_t size = left < ZERO_BYTES ? (size_t)left : ZERO_BYTES;
        fault = f->write(store->disk, store->next, bytes_of(zeros, size), store->next_written);
        store->next_written += size;
        bytes -= bytes < size ? bytes : size;
    }
    /* Synced piece by piece, so that the last sync does not hold up a batch for the whole segment. */
    fault = fault != 0 ? fault : f->sync(store->disk, store->next);
    if (fault != 0) {
        return next_failed(store, fault, e);
    }
    store->is_next_ready = store->next_written == store->next_capacity;
    return true;
}

bool segment_next_write(struct segment_store *store, struct bytes data, uint64_t offset, struct error *e)
{
    int fault = store->disk->functions->write(store->disk, store->next, data, offset);
    return fault == 0 || next_failed(store, fault, e);
}

bool segment_switch(struct segment_store *store, uint64_t first, uint64_t chain, uint64_t previous_end, uint64_t used, struct error *e)
{
    const struct disk_functions *f = store->disk->functions;
    struct segment_header header = {
        .first = first, .chain = chain, .origin_hash = store->origin_hash, .capacity = store->next_capacity, .previous_end = previous_end
    };
    uint8_t data[SEGMENT_HEADER_BYTES];
    char path[SEGMENT_PATH_SIZE];
    segment_header_write(&header, data);
    segment_path(first, path);
    int fault = f->write(store->disk, store->next, bytes_of(data, sizeof data), 0);
    fault = fault != 0 ? fault : f->sync(store->disk, store->next);
    fault = fault != 0 ? fault : f->rename(store->disk, SEGMENT_NEXT, path);
    if (fault != 0) {
        return next_failed(store, fault, e);
    }
    fault = f->sync_folder(store->disk, SEGMENT_FOLDER);
    if (fault != 0) {
        return disk_error_final(e, fault, SEGMENT_FOLDER);
    }
    if (store->file != NULL) {
        (void)f->close(store->disk, store->file);
    }
    memcpy(store->path, path, sizeof path);
    store->file = store->next;
    store->capacity = store->next_capacity;
    store->used = used;
    store->next = NULL;
    store->next_written = 0;
    store->is_next_ready = false;
    return true;
}
