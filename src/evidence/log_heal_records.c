/* Healing (log_heal_internal.h): the private records, in order, over the ends of segments. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "evidence/log_heal_internal.h"

enum {
    BIT_SEARCH_MAX = 32 * 1024, /* of a record's bytes: each of its bits costs a checksum of them all */
    AHEAD_BYTES = RECORD_BYTES_MAX + RECORD_ALIGNMENT,
    HOLES_MAX = TILE_WIDTH + 2, /* one a record of a block, and one that reaches into it */
};

/* Where lost records stood: closed ones, of which only the commitment is known, can take their place. */
struct hole {
    char path[SEGMENT_PATH_SIZE]; /* "": nothing can be written there */
    uint64_t next, until;         /* records */
    uint64_t offset, end;         /* bytes of the file */
    uint64_t chain;               /* checksum of the record before */
    bool has_after;               /* a record follows at `end`, or in the next segment, which `after` seeds */
    bool is_followed;             /* at `end` */
    uint64_t after;
    int64_t time_ms; /* of the record before */
    uint64_t seed;   /* checksum of the record before the first */
    uint64_t cut;    /* of a new segment: where the one before it ends, if that is not where its header says */
    bool is_new;     /* there is no such segment: it is made in `image` */
    struct buffer image;
};

struct heal_records {
    struct heal *heal;
    struct disk *disk;
    uint64_t *firsts;
    size_t count;
    size_t at;                /* the segment that is read, or count */
    struct segment_scan scan; /* file NULL: not opened yet */
    uint64_t origin_hash;
    uint64_t published;
    uint64_t chain; /* of the last record, if is_chained */
    bool is_chained;
    int64_t time_ms; /* of the last record */
    uint64_t next;
    uint64_t lost_until;          /* records below it, from `next` on, are lost */
    struct hole holes[HOLES_MAX]; /* that reach into the block of entries that is being looked at, in order */
    size_t hole_count;
    uint8_t *ahead;
};

/* Remembers a hole, and forgets those before the block that is being looked at. */
static void add_hole(struct heal_records *r, struct hole hole)
{
    const uint64_t block = hole.next / TILE_WIDTH * TILE_WIDTH;
    size_t kept = 0;
    for (size_t i = 0; i < r->hole_count; i++) {
        if (r->holes[i].until > block) {
            r->holes[kept++] = r->holes[i];
        } else {
            buffer_clear(&r->holes[i].image);
        }
    }
    r->hole_count = kept;
    hole.time_ms = r->time_ms;
    hole.seed = hole.chain;
    if (r->hole_count < HOLES_MAX) {
        r->holes[r->hole_count++] = hole;
    }
}

bool heal_records_make(struct heal_records **out, struct heal *h, uint64_t published, struct error *e)
{
    *out = NULL;
    struct heal_records *r = calloc(1, sizeof *r);
    if (r == NULL || (r->ahead = malloc(AHEAD_BYTES)) == NULL) {
        free(r);
        return error_memory(e, SEGMENT_FOLDER);
    }
    r->heal = h;
    r->disk = h->options->private;
    r->published = published;
    r->origin_hash = record_chain_start(bytes_of_text(h->options->key->name));
    r->chain = r->origin_hash;
    r->is_chained = h->pruned_records == 0;
    if (!segment_list(r->disk, &r->firsts, &r->count, e)) {
        heal_records_free(r);
        return false;
    }
    *out = r;
    return true;
}

void heal_records_free(struct heal_records *records)
{
    if (records != NULL) {
        segment_scan_close(&records->scan);
        for (size_t i = 0; i < records->hole_count; i++) {
            buffer_clear(&records->holes[i].image);
        }
        free(records->firsts);
        explicit_bzero(records->ahead, AHEAD_BYTES); /* salts */
        free(records->ahead);
        free(records);
    }
}

const char *heal_records_path(const struct heal_records *records)
{
    return records->scan.path[0] != '\0' ? records->scan.path : SEGMENT_FOLDER;
}

/* A few bytes in their place, synced. What stood there was no record that anything could read. */
static bool overwrite(const struct heal_records *r, const char *path, struct bytes data, uint64_t offset, struct error *e)
{
    const struct disk_functions *f = r->disk->functions;
    struct disk_file *file = NULL;
    if (!r->heal->is_writing) {
        return true;
    }
    int fault = f->open(r->disk, path, DISK_WRITE, &file);
    if (fault == 0) {
        fault = f->write(r->disk, file, data, offset);
        fault = fault != 0 ? fault : f->sync(r->disk, file);
        int close_fault = f->close(r->disk, file);
        fault = fault != 0 ? fault : close_fault;
    }
    return fault == 0 || disk_error_final(e, fault, path);
}

/* ---- A segment's header ---- */

struct header_try {
    uint8_t data[SEGMENT_HEADER_BYTES];
    struct segment_header header;
    uint64_t first, origin_hash;
};

static bool is_header(void *context)
{
    struct header_try *t = context;
    return segment_header_parse(bytes_of(t->data, sizeof t->data), &t->header) && t->header.first == t->first &&
           t->header.origin_hash == t->origin_hash;
}

/* Made from what is known: the record before it is whole. */
static bool make_header(const struct heal_records *r, struct header_try *t)
{
    t->header = (struct segment_header){ .first = t->first, .chain = r->chain, .origin_hash = r->origin_hash, .capacity = r->scan.size };
    segment_header_write(&t->header, t->data);
    return r->is_chained && r->next == t->first && r->scan.size > SEGMENT_HEADER_BYTES;
}

/* Opens the segment at r->at although its header is damaged. */
static bool open_damaged(struct heal_records *r, bool *is_open, struct error *e)
{
    struct header_try t = { .first = r->firsts[r->at], .origin_hash = r->origin_hash };
    struct segment_scan *s = &r->scan;
    size_t got = 0;
    size_t bit = 0;
    *is_open = false;
    memset(s, 0, sizeof *s);
    segment_path(t.first, s->path);
    s->disk = r->disk;
    int fault = r->disk->functions->open(r->disk, s->path, DISK_READ, &s->file);
    if (fault != 0) {
        s->file = NULL;
        return disk_error(e, fault, s->path, "check the private folder's disk, owner and mode");
    }
    fault = r->disk->functions->size(r->disk, s->file, &s->size);
    fault = fault != 0 ? fault : r->disk->functions->read(r->disk, s->file, t.data, sizeof t.data, 0, &got);
    if (fault != 0) {
        return disk_error(e, fault, s->path, "check the private folder's disk, owner and mode");
    }
    bool is_bit = got == sizeof t.data && heal_turn_bit(t.data, 0, sizeof t.data, is_header, &t, &bit);
    if (!is_bit && !make_header(r, &t)) {
        return true;
    }
    s->header = t.header;
    segment_scan_seek(s, SEGMENT_HEADER_BYTES, t.first, t.header.chain);
    heal_tell(r->heal, LOG_HEALED, s->path, NULL,
              is_bit ? "one bit of the segment's header was turned back" : "the segment's header was made again");
    *is_open = true;
    return overwrite(r, r->scan.path, bytes_of(t.data, sizeof t.data), 0, e);
}

/* The header of the segment `at`, also when one bit of it turned over: it says where the segment before it ends. Changes nothing. */
static bool peek_header(const struct heal_records *r, size_t at, struct segment_header *out)
{
    char path[SEGMENT_PATH_SIZE];
    struct disk_file *file = NULL;
    size_t got = 0;
    size_t bit = 0;
    if (at >= r->count) {
        return false;
    }
    struct header_try t = { .first = r->firsts[at], .origin_hash = r->origin_hash };
    segment_path(t.first, path);
    if (r->disk->functions->open(r->disk, path, DISK_READ, &file) != 0) {
        return false;
    }
    int fault = r->disk->functions->read(r->disk, file, t.data, sizeof t.data, 0, &got);
    (void)r->disk->functions->close(r->disk, file);
    if (fault != 0 || got < sizeof t.data || (!is_header(&t) && !heal_turn_bit(t.data, 0, sizeof t.data, is_header, &t, &bit))) {
        return false;
    }
    *out = t.header;
    return true;
}

/* The checksum that the first record of the segment `at` is seeded by. */
static bool chain_before(const struct heal_records *r, size_t at, uint64_t *chain)
{
    struct segment_header after;
    if (!peek_header(r, at, &after)) {
        return false;
    }
    *chain = after.chain;
    return true;
}

static bool write_zeros(const struct heal_records *r, const char *path, uint64_t from, uint64_t to, struct error *e)
{
    static const uint8_t zeros[256 * 1024];
    for (uint64_t at = from; at < to; at += sizeof zeros) {
        size_t size = to - at < sizeof zeros ? (size_t)(to - at) : sizeof zeros;
        if (!overwrite(r, path, bytes_of(zeros, size), at, e)) {
            return false;
        }
    }
    return true;
}

/* No segment holds the records from the next one on, up to `until`: one can be made. */
static void begin_gap(struct heal_records *r, uint64_t until, uint64_t cut)
{
    const uint64_t size = SEGMENT_HEADER_BYTES + (until - r->next) * RECORD_CLOSED_BYTES;
    struct hole hole = {
        .next = r->next, .until = until, .is_new = true, .cut = cut, .chain = r->chain, .offset = SEGMENT_HEADER_BYTES, .end = size
    };
    hole.has_after = chain_before(r, r->at, &hole.after);
    if (r->is_chained && size <= SEGMENT_BYTES_MAX && (r->at == r->count || hole.has_after)) {
        segment_path(r->next, hole.path);
    }
    add_hole(r, hole);
    r->lost_until = until;
    r->is_chained = false;
}

/* What has no segment, or one that can't be read any further, is lost up to the next segment that there is. */
static bool give_up_segment(struct heal_records *r, bool has_header, struct error *e)
{
    bool is_last = r->at + 1 >= r->count;
    uint64_t until = is_last ? r->published : r->firsts[r->at + 1];
    until = until > r->next ? until : r->next;
    struct hole hole = { .next = r->next, .until = until };
    bool has_room = has_header && (r->scan.size - r->scan.offset) / RECORD_CLOSED_BYTES >= until - r->next;
    bool ok = true;
    if (has_room) {
        hole.offset = r->scan.offset;
        hole.end = r->scan.size;
        hole.chain = r->scan.chain;
        hole.has_after = chain_before(r, r->at + 1, &hole.after);
        if (is_last || hole.has_after) { /* else what follows would not fit */
            memcpy(hole.path, r->scan.path, sizeof hole.path);
        }
    } else if (has_header && r->scan.offset < r->scan.size) {
        ok = write_zeros(r, r->scan.path, r->scan.offset, r->scan.size, e); /* the records go into a segment of their own */
    }
    const uint64_t cut = has_header && r->scan.size < r->scan.header.capacity ? r->scan.size : 0;
    segment_scan_close(&r->scan);
    r->at++;
    if (has_header && !has_room) {
        begin_gap(r, until, cut);
        return ok;
    }
    add_hole(r, hole);
    r->lost_until = until;
    r->is_chained = false;
    return ok;
}

static bool open_segment(struct heal_records *r, struct error *e)
{
    struct error fault = { 0 };
    bool is_open = segment_scan_open(&r->scan, r->disk, r->firsts[r->at], &fault);
    if (!is_open && fault.kind != ERROR_INPUT) {
        if (e != NULL) {
            *e = fault;
        }
        return false;
    }
    if (!is_open && !open_damaged(r, &is_open, e)) {
        return false;
    }
    if (is_open && r->scan.header.origin_hash != r->origin_hash) {
        return error_set(e, ERROR_INPUT, r->scan.path, "put the folder of the log with this name here", "it belongs to another log");
    }
    if (!is_open) {
        char path[SEGMENT_PATH_SIZE];
        segment_path(r->firsts[r->at], path);
        heal_tell(r->heal, LOG_LOST, path, "restore the file from a backup", "the segment's header can't be made again");
        return give_up_segment(r, false, e);
    }
    return true;
}

/* ---- The end of a segment ---- */

static bool is_cut_by_next(const struct heal_records *r)
{
    struct segment_header after;
    return peek_header(r, r->at + 1, &after) && after.previous_end != 0;
}

static bool set_size(struct heal_records *r, struct error *e)
{
    const struct disk_functions *f = r->disk->functions;
    struct disk_file *file = NULL;
    if (!r->heal->is_writing) {
        return true;
    }
    int fault = f->open(r->disk, r->scan.path, DISK_WRITE, &file);
    if (fault == 0) {
        fault = f->truncate(r->disk, file, r->scan.header.capacity);
        fault = fault != 0 ? fault : f->sync(r->disk, file);
        int close_fault = f->close(r->disk, file);
        fault = fault != 0 ? fault : close_fault;
    }
    return fault == 0 || disk_error_final(e, fault, r->scan.path);
}

/* Behind the last record there are zeros, up to the size that the header states. A batch that a crash tore is left to the next start. */
static bool heal_rest(struct heal_records *r, bool is_last, struct error *e)
{
    uint64_t stray = 0;
    size_t got = 0;
    struct record_claim claim;
    if (is_cut_by_next(r)) {
        return true;
    }
    if (!segment_scan_rest(&r->scan, &stray, e)) {
        return false;
    }
    if (stray < r->scan.size) {
        int fault = r->disk->functions->read(r->disk, r->scan.file, r->ahead, RECORD_HEADER_BYTES, r->scan.offset, &got);
        if (fault != 0) {
            return disk_error(e, fault, r->scan.path, "check the disk");
        }
        if (is_last && record_peek(bytes_of(r->ahead, got), &claim) && claim.index == r->scan.index) {
            return true;
        }
        heal_tell(r->heal, LOG_HEALED, r->scan.path, NULL, "stray bytes behind its last record, at %llu, were cleared",
                  (unsigned long long)stray);
        if (!write_zeros(r, r->scan.path, r->scan.offset, r->scan.size, e)) {
            return false;
        }
    }
    if (r->scan.size != r->scan.header.capacity) {
        heal_tell(r->heal, LOG_HEALED, r->scan.path, NULL, "its size is %llu bytes again, as its header says",
                  (unsigned long long)r->scan.header.capacity);
        return set_size(r, e);
    }
    return true;
}

/* ---- Records ---- */

struct record_try {
    uint8_t *data;
    size_t size;
    uint64_t index, chain;
    struct record_view view;
};

static bool is_record(void *context)
{
    struct record_try *t = context;
    size_t needed = 0;
    return record_parse(bytes_of(t->data, t->size), t->index, t->chain, &t->view, &needed) == RECORD_GOOD;
}

/* One bit that flipped in the record where the scan stands: its checksum, and the one that seeds it, say when it is right again. */
static bool turn_record_bit(struct heal_records *r, bool *is_healed, uint8_t out[SHA256_SIZE], struct error *e)
{
    struct record_try t = { .data = r->ahead, .index = r->scan.index, .chain = r->scan.chain };
    struct record_claim claim;
    size_t bit = 0;
    *is_healed = false;
    int fault = r->disk->functions->read(r->disk, r->scan.file, r->ahead, AHEAD_BYTES, r->scan.offset, &t.size);
    if (fault != 0) {
        return disk_error(e, fault, r->scan.path, "check the disk");
    }
    if (t.size < RECORD_HEADER_BYTES) {
        return true;
    }
    bool ok = heal_turn_bit(t.data, 0, RECORD_HEADER_BYTES, is_record, &t, &bit);
    if (!ok && record_peek(bytes_of(t.data, t.size), &claim) && claim.size <= t.size && claim.size <= BIT_SEARCH_MAX) {
        ok = heal_turn_bit(t.data, RECORD_HEADER_BYTES, claim.size, is_record, &t, &bit);
    }
    if (!ok) {
        return true;
    }
    *is_healed = true;
    log_entry_commitment(&t.view.entry, out);
    heal_tell(r->heal, LOG_HEALED, r->scan.path, NULL, "entry %llu: one bit of its record was turned back", (unsigned long long)t.index);
    uint64_t offset = r->scan.offset;
    segment_scan_seek(&r->scan, offset + t.view.size, t.index + 1, t.view.chain);
    return overwrite(r, r->scan.path, bytes_of(t.data + bit / 8, 1), offset + bit / 8, e);
}

/* Does a whole record stand where the scan went? Before zeros any checksum looks right. The scan stays where it is. */
static bool is_before_record(struct heal_records *r, bool *is_record_there, struct error *e)
{
    struct record_view view;
    const uint64_t offset = r->scan.offset;
    const uint64_t index = r->scan.index;
    const uint64_t chain = r->scan.chain;
    enum scan_state state = segment_scan_next(&r->scan, &view, e);
    segment_scan_seek(&r->scan, offset, index, chain);
    *is_record_there = state == SCAN_GOOD;
    return state != SCAN_FAILED;
}

/* The record where the scan stands can't be read: goes behind the damage. `*is_end`: what is there is only a batch that a crash tore. */
static bool skip(struct heal_records *r, bool is_last, bool *is_end, struct error *e)
{
    bool is_read = true;
    bool has_later = false;
    *is_end = false;
    if (is_last && r->next >= r->published) {
        if (!segment_scan_find_later_batch(&r->scan, &has_later, e)) {
            return false;
        }
        if (!has_later) {
            *is_end = true;
            return true;
        }
    }
    struct hole hole = { .next = r->next, .offset = r->scan.offset, .chain = r->scan.chain, .has_after = true, .is_followed = true };
    memcpy(hole.path, r->scan.path, sizeof hole.path);
    bool is_found = segment_scan_skip_damage(&r->scan, &is_read, e);
    if (!is_read) {
        return false;
    }
    if (is_found && !is_before_record(r, &is_found, e)) {
        return false;
    }
    if (!is_found) {
        segment_scan_seek(&r->scan, hole.offset, hole.next, hole.chain);
        return give_up_segment(r, true, e);
    }
    r->lost_until = r->scan.index;
    hole.until = r->scan.index;
    hole.end = r->scan.offset;
    hole.after = r->scan.chain;
    add_hole(r, hole);
    return true;
}

/* One step in the open segment. `*is_told`: the answer is there. */
static bool step(struct heal_records *r, enum heal_record *what, uint8_t out[SHA256_SIZE], bool *is_told, struct error *e)
{
    struct record_view view;
    const bool is_last = r->at + 1 == r->count;
    bool is_healed = false;
    bool is_end = false;
    enum scan_state state = segment_scan_next(&r->scan, &view, e);
    *is_told = true;
    *what = HEAL_RECORD_GOOD;
    if (state == SCAN_FAILED) {
        return false;
    }
    if (state == SCAN_GOOD) {
        log_entry_commitment(&view.entry, out);
    } else if (state == SCAN_DAMAGED && !turn_record_bit(r, &is_healed, out, e)) {
        return false;
    }
    if (state == SCAN_GOOD || is_healed) {
        r->chain = r->scan.chain;
        r->is_chained = true;
        r->time_ms = state == SCAN_GOOD ? view.entry.time_ms : r->time_ms;
        r->next++;
        return true;
    }
    *is_told = false;
    if (state == SCAN_END && is_last && r->next >= r->published) {
        is_end = true;
    } else if (!skip(r, is_last, &is_end, e)) {
        return false;
    }
    if (is_end) {
        bool ok = heal_rest(r, true, e);
        segment_scan_close(&r->scan);
        r->at = r->count;
        return ok;
    }
    return true;
}

bool heal_records_next(struct heal_records *records, enum heal_record *what, uint8_t commitment_out[SHA256_SIZE], struct error *e)
{
    struct heal_records *r = records;
    bool is_told = false;
    while (!is_told) {
        const uint64_t kept = r->count > 0 ? r->firsts[0] : r->heal->pruned_records;
        if (r->at == 0 && r->scan.file == NULL && r->next < kept && r->next < r->heal->pruned_records) {
            r->next++;
            *what = HEAL_RECORD_PRUNED;
            return true;
        }
        if (r->next < r->lost_until) {
            r->next++;
            *what = HEAL_RECORD_LOST;
            return true;
        }
        if (r->at == r->count) {
            if (r->next < r->published) {
                begin_gap(r, r->published, 0);
                continue;
            }
            *what = HEAL_RECORD_END;
            return true;
        }
        bool is_last = r->at + 1 == r->count;
        if (r->next < r->firsts[r->at]) {
            begin_gap(r, r->firsts[r->at], 0);
        } else if (!is_last && r->next >= r->firsts[r->at + 1]) {
            bool is_whole = r->scan.file != NULL && r->scan.index == r->next;
            if (is_whole && !heal_rest(r, false, e)) {
                return false;
            }
            segment_scan_close(&r->scan);
            r->at++;
        } else if (r->scan.file == NULL) {
            if (!open_segment(r, e)) {
                return false;
            }
        } else if (!step(r, what, commitment_out, &is_told, e)) {
            return false;
        }
    }
    return true;
}

/* ---- Closed records where lost ones stood ---- */

static bool tell_no_room(struct heal_records *r, const struct hole *h, uint64_t index)
{
    heal_tell(r->heal, LOG_LOST, h != NULL && h->path[0] != '\0' ? h->path : SEGMENT_FOLDER, "restore the private folder from a backup",
              "entry %llu: its record is lost, and there is no place to say so", (unsigned long long)index);
    return true;
}

/* A segment that was gone gets its name when it is whole. */
static bool add_to_image(struct heal_records *r, struct hole *h, uint64_t index, uint64_t size, bool is_last, struct error *e)
{
    if (!r->heal->is_writing) {
        return true;
    }
    if (h->image.size == 0) {
        const struct segment_header header = {
            .first = index, .chain = h->seed, .origin_hash = r->origin_hash, .capacity = h->end, .previous_end = h->cut
        };
        uint8_t data[SEGMENT_HEADER_BYTES];
        buffer_init(&h->image, SEGMENT_BYTES_MAX);
        segment_header_write(&header, data);
        buffer_append(&h->image, bytes_of(data, sizeof data));
    }
    buffer_append(&h->image, bytes_of(r->ahead, (size_t)size));
    if (h->image.failed) {
        return error_memory(e, h->path);
    }
    int fault = is_last ? r->disk->functions->make_folder(r->disk, SEGMENT_FOLDER) : 0;
    fault = fault == 0 && is_last ? disk_replace(r->disk, h->path, buffer_bytes(&h->image)) : fault;
    return fault == 0 || disk_error(e, fault, h->path, "make room, or check the private folder's disk");
}

bool heal_records_replace(struct heal_records *records, uint64_t index, const uint8_t known[SHA256_SIZE], struct error *e)
{
    struct heal_records *r = records;
    struct hole *h = NULL;
    for (size_t i = 0; i < r->hole_count && h == NULL; i++) {
        h = r->holes[i].next <= index && index < r->holes[i].until ? &r->holes[i] : NULL;
    }
    if (h == NULL || h->path[0] == '\0' || h->next != index) {
        return tell_no_room(r, h, index);
    }
    const uint64_t left = h->until - index;
    const bool is_last = left == 1;
    const uint64_t size = is_last && h->is_followed ? h->end - h->offset : RECORD_CLOSED_BYTES;
    if (size < RECORD_CLOSED_BYTES || size > RECORD_BYTES_MAX || (h->end - h->offset) / RECORD_CLOSED_BYTES < left) {
        return tell_no_room(r, h, index);
    }
    const struct record_view was = { .entry = { .index = index, .time_ms = h->time_ms }, .batch = index, .size = (size_t)size };
    record_write_replaced(&was, known, is_last && h->has_after ? &h->after : NULL, &h->chain, r->ahead);
    heal_tell(r->heal, LOG_REPLACED, h->path, "the peer of its exchange has its own statement of it: ask there",
              "entry %llu: its record is lost; its commitment is known and stands in its place", (unsigned long long)index);
    if (h->is_new ? !add_to_image(r, h, index, size, is_last, e) : !overwrite(r, h->path, bytes_of(r->ahead, (size_t)size), h->offset, e)) {
        return false;
    }
    h->offset += size;
    h->next++;
    return !is_last || h->is_followed || h->is_new || write_zeros(r, h->path, h->offset, h->end, e);
}
