/*
 * Segments: the files records/<first index>.seg of the private disk. A segment is written full of zeros and synced before it gets its
 * name, so that syncing a batch needs no metadata and nothing older can show up behind the records. One thread.
 */
#ifndef COMITY_EVIDENCE_SEGMENT_INTERNAL_H
#define COMITY_EVIDENCE_SEGMENT_INTERNAL_H

#include "base/disk.h"
#include "evidence/record_internal.h"

enum {
    SEGMENT_BYTES_MIN = 1024 * 1024,
    SEGMENT_BYTES_MAX = 16 * 1024 * 1024, /* but for a batch that is larger */
    SEGMENT_PATH_SIZE = 48,
};
#define SEGMENT_FOLDER "records"
#define SEGMENT_NEXT "records/next" /* being prepared */

/* An errno of the disk as an error. The final one is ERROR_IO even for a full disk: trying again could lose what was acknowledged. */
bool disk_error(struct error *e, int fault, const char *where, const char *todo);
bool disk_error_final(struct error *e, int fault, const char *where);

void segment_path(uint64_t first, char out[SEGMENT_PATH_SIZE]);
/* The first indices of the segments that are there, ascending. Heap: the caller frees `*firsts`. No folder: none. */
must_check bool segment_list(struct disk *disk, uint64_t **firsts, size_t *count, struct error *e);

/* The segment that is appended to, and the next one, which is prepared beside it. */
struct segment_store {
    struct disk *disk;
    struct disk_file *file; /* NULL: none yet */
    char path[SEGMENT_PATH_SIZE];
    uint64_t used;
    uint64_t capacity;
    uint64_t origin_hash;
    struct disk_file *next;
    uint64_t next_written;
    uint64_t next_capacity;
    bool is_next_ready;
};
void segment_store_close(struct segment_store *store);
/* How large the segment after one of `capacity` is to be, when `needed` bytes must fit behind its header. */
uint64_t segment_next_capacity(uint64_t capacity, uint64_t needed);
/*
 * Writes up to `bytes` more zeros of the next segment, and makes it ready when it has `capacity`. On failure it is dropped, and a later
 * call begins again; ERROR_FULL: no space.
 */
must_check bool segment_prepare(struct segment_store *store, uint64_t capacity, uint64_t bytes, struct error *e);
/* Writes into the next segment, which is ready. */
must_check bool segment_next_write(struct segment_store *store, struct bytes data, uint64_t offset, struct error *e);
/* Gives the next segment, which is ready, its header and its name, and appends to it from `used` on. */
must_check bool segment_switch(struct segment_store *store, uint64_t first, uint64_t chain, uint64_t previous_end, uint64_t used,
                               struct error *e);

/* Reads a segment's records in order. */
struct segment_scan {
    struct disk *disk;
    struct disk_file *file;
    char path[SEGMENT_PATH_SIZE];
    struct segment_header header;
    uint64_t size;          /* of the file */
    uint64_t offset, index; /* of the next record */
    uint64_t chain;         /* checksum of the record before it */
    uint8_t *window;
    size_t window_capacity, window_size;
    size_t window_written; /* how much of it ever held something */
    size_t ahead;          /* how much the next read takes */
    uint64_t window_offset;
};
/* Zeroed `scan` in; ERROR_INPUT when the header is damaged. On failure the scan is closed. */
must_check bool segment_scan_open(struct segment_scan *scan, struct disk *disk, uint64_t first, struct error *e);
void segment_scan_close(struct segment_scan *scan);
/* Goes to a record whose place is known. What was read ahead is forgotten. */
void segment_scan_seek(struct segment_scan *scan, uint64_t offset, uint64_t index, uint64_t chain);
/*
 * Goes to a record at or before `index`, near it, by looking at headers here and there; `limit` is the first index of the next segment, or
 * UINT64_MAX. What it goes by is not proven by the records before: bytes within a statement could look like a header. So whoever jumps must know
 * from elsewhere what the record is, and go there by all records before it when it is not. False: it found nothing nearer, and stays.
 */
must_check bool segment_scan_jump(struct segment_scan *scan, uint64_t index, uint64_t limit);
enum scan_state { SCAN_GOOD = 0, SCAN_END, SCAN_DAMAGED, SCAN_FAILED };
/* The next record; its views live until the next call. After SCAN_END or SCAN_DAMAGED the same place is read anew. */
enum scan_state segment_scan_next(struct segment_scan *scan, struct record_view *out, struct error *e);
/* The bytes of the record that segment_scan_next() has just given, which stands at `offset`. Live until the next call. */
struct bytes segment_scan_bytes(const struct segment_scan *scan, uint64_t offset, size_t size);
/*
 * After SCAN_DAMAGED: goes to the next record behind the damage, in this segment, that its neighbours prove to be whole. False when there
 * is none, and the scan stays where it is. `*is_read` is false when it could not be read.
 */
bool segment_scan_skip_damage(struct segment_scan *scan, bool *is_read, struct error *e);
/* `*stray` is the offset of the first byte behind the last good record that is not zero, or the file's size. */
must_check bool segment_scan_rest(struct segment_scan *scan, uint64_t *stray, struct error *e);
/*
 * After SCAN_DAMAGED or SCAN_END: is there a whole record of a batch that begins behind this place? It was written when this was durable.
 * Records of the same batch prove nothing: a crash may have torn it. The scan stays where it is.
 */
must_check bool segment_scan_find_later_batch(struct segment_scan *scan, bool *is_found, struct error *e);

#endif
