/* Reading a log (evidence/log.h), also beside the process that writes it: files only grow, and what is half written is not there yet. */
#include <errno.h>
#include <stdlib.h>

#include "crypto/note.h"
#include "evidence/log_internal.h"
#include "evidence/log_prune.h"
#include "evidence/merkle.h"
#include "evidence/tile_nodes.h"

enum {
    PLACE_EVERY = 64,    /* records: a get reads at most so many */
    SEGMENTS_KNOWN = 16, /* of which places are remembered */
};

/* Where every 64th record of a segment stands. */
struct place {
    uint64_t offset, chain;
};
struct places {
    uint64_t first;
    struct place *at;
    size_t count, capacity;
    uint64_t used; /* 0: empty; else the higher, the later */
};

struct log_reader {
    struct disk *public;
    struct disk *private;
    uint64_t *firsts;
    size_t segment_count;
    struct segment_scan scan; /* file NULL: none is open */
    bool has_jumped;          /* the scan stands where headers led it, not all records before: what it reads is compared with the tree */
    struct places places[SEGMENTS_KNOWN];
    uint64_t clock;
    uint64_t size;
    uint64_t published; /* the size of the tree when it was last looked at */
    struct tile_nodes nodes;
};

bool log_reader_open(struct log_reader **out, struct disk *public, struct disk *private, struct error *e)
{
    *out = NULL;
    struct log_reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return error_memory(e, "log");
    }
    r->public = public;
    r->private = private;
    r->nodes.fetch = tile_fetch_disk;
    r->nodes.context = public;
    *out = r;
    return true;
}

static void forget_places(struct log_reader *r)
{
    for (size_t i = 0; i < SEGMENTS_KNOWN; i++) {
        free(r->places[i].at);
        r->places[i] = (struct places){ 0 };
    }
}

void log_reader_close(struct log_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    segment_scan_close(&reader->scan);
    forget_places(reader);
    tile_nodes_clear(&reader->nodes);
    free(reader->firsts);
    free(reader);
}

static struct places *places_of(struct log_reader *r, uint64_t first)
{
    struct places *oldest = &r->places[0];
    for (size_t i = 0; i < SEGMENTS_KNOWN; i++) {
        struct places *p = &r->places[i];
        if (p->used != 0 && p->first == first) {
            p->used = ++r->clock;
            return p;
        }
        oldest = p->used < oldest->used ? p : oldest;
    }
    free(oldest->at);
    *oldest = (struct places){ .first = first, .used = ++r->clock };
    return oldest;
}

/* Remembers where the scan stands, if it is at the next place of its segment. */
static void remember_place(struct log_reader *r, struct places *p)
{
    if (r->has_jumped || r->scan.index != p->first + p->count * PLACE_EVERY) {
        return;
    }
    if (p->count == p->capacity) {
        size_t capacity = p->capacity == 0 ? 64 : p->capacity * 2;
        struct place *grown = realloc(p->at, capacity * sizeof *grown);
        if (grown == NULL) {
            return; /* the next get reads more than it would have to */
        }
        p->at = grown;
        p->capacity = capacity;
    }
    p->at[p->count++] = (struct place){ r->scan.offset, r->scan.chain };
}

/* Which segment holds `index`: the last that does not begin behind it. */
static size_t segment_of(const struct log_reader *r, uint64_t index)
{
    size_t low = 0;
    size_t high = r->segment_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(r->firsts[middle] <= index ? &low : &high) = middle;
    }
    return low;
}

/* Puts the scan on the segment, at or before `index`, as near as is known or, if it may jump, can be found. */
static bool go_near(struct log_reader *r, size_t segment, uint64_t index, bool may_jump, struct error *e)
{
    uint64_t first = r->firsts[segment];
    if (r->scan.file == NULL || r->scan.header.first != first) {
        segment_scan_close(&r->scan);
        r->has_jumped = false;
        if (!segment_scan_open(&r->scan, r->private, first, e)) {
            return false;
        }
    }
    struct places *p = places_of(r, first);
    if (r->scan.index <= index && index - r->scan.index < PLACE_EVERY && (may_jump || !r->has_jumped)) {
        return true;
    }
    uint64_t nth = (index - first) / PLACE_EVERY;
    bool is_known = nth < p->count;
    nth = is_known || p->count == 0 ? nth : p->count - 1;
    r->has_jumped = false;
    if (p->count > 0) {
        segment_scan_seek(&r->scan, p->at[nth].offset, first + nth * PLACE_EVERY, p->at[nth].chain);
    } else {
        segment_scan_seek(&r->scan, SEGMENT_HEADER_BYTES, first, r->scan.header.chain);
    }
    if (!is_known && may_jump) {
        uint64_t limit = segment + 1 < r->segment_count ? r->firsts[segment + 1] : UINT64_MAX;
        r->has_jumped = segment_scan_jump(&r->scan, index, limit);
    }
    return true;
}

/* One record on. SCAN_DAMAGED: the record that stood there, whose index is in `*index`, and the scan is behind it if it could. */
static enum scan_state step(struct log_reader *r, uint64_t *index, struct record_view *view, bool *is_stuck, struct error *e)
{
    remember_place(r, places_of(r, r->scan.header.first));
    *index = r->scan.index;
    *is_stuck = false;
    enum scan_state state = segment_scan_next(&r->scan, view, e);
    if (state == SCAN_DAMAGED) {
        bool is_read = false;
        *is_stuck = !segment_scan_skip_damage(&r->scan, &is_read, e);
        if (!is_read) {
            return SCAN_FAILED;
        }
    }
    return state;
}

/* The size that the checkpoint file states; 0 when there is none that can be read. Its signature is a matter for log_verify(). */
static uint64_t published_size(struct log_reader *r)
{
    uint8_t *data = NULL;
    size_t size = 0;
    struct note note;
    struct checkpoint_view view;
    uint64_t published = 0;
    if (disk_read_whole(r->public, CHECKPOINT_PATH, CHECKPOINT_BYTES_MAX, &data, &size) == 0) {
        if (note_parse(&note, bytes_of(data, size), CHECKPOINT_PATH, NULL) && checkpoint_parse(note.text, &view, CHECKPOINT_PATH, NULL)) {
            published = view.size;
        }
        free(data);
    }
    return published;
}

/* Looks again at what is there: new segments, and more records in the last one. */
static bool refresh(struct log_reader *r, struct error *e)
{
    uint64_t *firsts = NULL;
    size_t count = 0;
    if (r->private == NULL) {
        return error_set(e, ERROR_ABSENT, "records", "give the private folder, too", "the private records are not at hand");
    }
    if (!segment_list(r->private, &firsts, &count, e)) {
        return false;
    }
    if (count != r->segment_count || (count > 0 && memcmp(firsts, r->firsts, count * sizeof *firsts) != 0)) {
        forget_places(r);
    }
    free(r->firsts);
    r->firsts = firsts;
    r->segment_count = count;
    segment_scan_close(&r->scan); /* a recovery may have put another file in its place */
    if (count == 0) {
        r->size = 0;
        return true;
    }
    struct record_view view;
    uint64_t index = 0;
    bool is_stuck = false;
    const uint64_t published = published_size(r);
    r->published = published;
    if (!go_near(r, count - 1, UINT64_MAX, false, e)) {
        return false;
    }
    for (;;) {
        enum scan_state state = step(r, &index, &view, &is_stuck, e);
        if (state == SCAN_FAILED) {
            return false;
        }
        if (state == SCAN_END || is_stuck) {
            break;
        }
        if (state == SCAN_DAMAGED && index >= published) {
            r->size = index; /* a batch that is on its way, or that a crash tore: it is not in the log */
            return true;
        }
    }
    r->size = r->scan.index;
    return true;
}

bool log_reader_size(struct log_reader *reader, uint64_t *size, struct error *e)
{
    *size = 0;
    if (!refresh(reader, e)) {
        return false;
    }
    *size = reader->size;
    return true;
}

uint64_t log_reader_first(const struct log_reader *reader)
{
    return reader == NULL || reader->segment_count == 0 ? 0 : reader->firsts[0];
}

static bool refuse_damaged(const struct log_reader *r, uint64_t index, struct error *e)
{
    return error_set(e, ERROR_INPUT, r->scan.path, "restore it from a copy or a mirror", "entry %llu is damaged",
                     (unsigned long long)index);
}

/* Is it the entry that the tree has there? Read after a jump, it may be anything. */
static bool is_in_tree(struct log_reader *r, const struct log_entry *entry)
{
    uint8_t hash[SHA256_SIZE];
    uint8_t leaf[SHA256_SIZE];
    log_entry_commitment(entry, hash);
    merkle_leaf(bytes_of(hash, sizeof hash), hash);
    r->nodes.size = r->published;
    r->nodes.e = NULL;
    return tile_nodes_read(&r->nodes, 0, entry->index, leaf) && memcmp(hash, leaf, sizeof leaf) == 0;
}

/* By a jump. False: it must be gone to by all records before it, which also finds out why. */
static bool get_by_jump(struct log_reader *r, size_t segment, uint64_t index, struct log_entry *out)
{
    struct record_view view = { .size = 0 };
    enum scan_state state = SCAN_GOOD;
    if (index >= r->published || !go_near(r, segment, index, true, NULL)) {
        return false;
    }
    while (state == SCAN_GOOD && r->scan.index <= index) {
        remember_place(r, places_of(r, r->scan.header.first));
        state = segment_scan_next(&r->scan, &view, NULL);
    }
    if (state != SCAN_GOOD || view.size == 0 || (r->has_jumped && !is_in_tree(r, &view.entry))) {
        return false;
    }
    *out = view.entry;
    return true;
}

bool log_reader_get(struct log_reader *reader, uint64_t index, struct log_entry *out, struct error *e)
{
    struct record_view view;
    if (index >= reader->size && !refresh(reader, e)) {
        return false;
    }
    if (index >= reader->size) {
        return error_set(e, ERROR_ABSENT, "log", NULL, "there is no entry %llu: the log has %llu", (unsigned long long)index,
                         (unsigned long long)reader->size);
    }
    if (index < reader->firsts[0]) {
        uint64_t minimum = 0;
        if (pruned_read(reader->private, PRUNED_RECORDS_PATH, NULL, &minimum, NULL) && index < minimum) {
            return error_set(e, ERROR_ABSENT, "log", NULL, "the record of entry %llu was pruned", (unsigned long long)index);
        }
        return error_set(e, ERROR_INPUT, SEGMENT_FOLDER, "restore it from a copy or a mirror", "the segment with entry %llu is missing",
                         (unsigned long long)index);
    }
    const size_t segment = segment_of(reader, index);
    if (get_by_jump(reader, segment, index, out)) {
        return true;
    }
    if (!go_near(reader, segment, index, false, e)) {
        return false;
    }
    for (;;) {
        uint64_t at = 0;
        bool is_stuck = false;
        enum scan_state state = step(reader, &at, &view, &is_stuck, e);
        if (state == SCAN_FAILED) {
            return false;
        }
        if (state == SCAN_GOOD && at == index) {
            *out = view.entry;
            return true;
        }
        if (state == SCAN_END || is_stuck || at == index || (state == SCAN_DAMAGED && reader->scan.index > index)) {
            return refuse_damaged(reader, state == SCAN_DAMAGED && reader->scan.index > index ? index : at, e);
        }
    }
}

/* ---- proofs ---- */

static bool prove(struct log_reader *r, const struct log_entry *entry, struct bytes checkpoint, struct buffer *receipt, struct error *e)
{
    struct note note;
    struct checkpoint_view view = { .size = 0 };
    uint8_t path[MERKLE_PATH_MAX][SHA256_SIZE];
    uint8_t hash[SHA256_SIZE];
    size_t count = 0;
    if (!note_parse(&note, checkpoint, CHECKPOINT_PATH, e) || !checkpoint_parse(note.text, &view, CHECKPOINT_PATH, e)) {
        return false;
    }
    if (entry->form != RECORD_OPEN) {
        return error_set(e, ERROR_ABSENT, "log", "GET /log/receipt/ proves the commitment itself", "entry %llu opens to nobody: %s",
                         (unsigned long long)entry->index,
                         entry->form == RECORD_ERASED ? "its salt and its statement were erased" : "only its commitment was recovered");
    }
    if (entry->index >= view.size || view.size >> TREE_LEVELS != 0) {
        return error_set(e, ERROR_ABSENT, CHECKPOINT_PATH, "try again in a second", "entry %llu is not published yet",
                         (unsigned long long)entry->index);
    }
    r->nodes.size = view.size;
    r->nodes.e = e;
    if (!merkle_prove_inclusion(entry->index, 0, view.size, tile_nodes_read, &r->nodes, path, &count)) {
        return false;
    }
    commitment(entry->salt, entry->statement, hash);
    merkle_leaf(bytes_of(hash, sizeof hash), hash);
    if (!merkle_verify_inclusion(entry->index, view.size, hash, (const uint8_t(*)[SHA256_SIZE])path, count, view.root)) {
        return error_set(e, ERROR_INPUT, "tile", "run comity log verify, which names the damaged file",
                         "the tiles do not lead from entry %llu to the checkpoint's root", (unsigned long long)entry->index);
    }
    receipt_write(receipt, entry->salt, entry->index, (const uint8_t(*)[SHA256_SIZE])path, count, checkpoint);
    return !receipt->failed || error_memory(e, "receipt");
}

bool log_reader_prove(struct log_reader *reader, uint64_t index, struct buffer *receipt, struct error *e)
{
    struct log_entry entry = { .index = 0 };
    uint8_t *data = NULL;
    size_t size = 0;
    if (!log_reader_get(reader, index, &entry, e)) {
        return false;
    }
    int fault = disk_read_whole(reader->public, CHECKPOINT_PATH, CHECKPOINT_BYTES_MAX, &data, &size);
    if (fault != 0) {
        return disk_error(e, fault, CHECKPOINT_PATH, "check the public folder's disk, owner and mode");
    }
    bool ok = prove(reader, &entry, bytes_of(data, size), receipt, e);
    free(data);
    return ok;
}
