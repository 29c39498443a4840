#include "evidence/record_check_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "evidence/closed_list_internal.h"

enum {
    TRIES_MAX = 5,   /* a batch may be just on its way into the last segment */
    ROUNDS_MAX = 20, /* and one after the other, without end: then what follows is left to the next check */
    TRY_PAUSE_NS = 20 * 1000 * 1000,
};

struct record_check {
    struct disk *disk;
    uint64_t *firsts;
    size_t count;
    size_t at;                /* the segment that is read, or count */
    struct segment_scan scan; /* file NULL: not opened yet, or not readable */
    bool is_unreadable;       /* this segment's header is damaged, or what follows can't be found: reported */
    bool has_cut;             /* the segment after this one says where this one ends */
    uint64_t cut;
    uint64_t origin_hash;
    uint64_t published;
    uint64_t chain;
    uint64_t next; /* index of the next record */
    uint64_t end;  /* index behind the last good one */
    int64_t time_ms;
    uint64_t start; /* the first record that was not pruned */
    struct closed_list closed;
    log_check *also; /* may be NULL */
    void *also_context;
    unsigned patience; /* how often an unpublished record is read again before it counts as damaged */
};

void fault_add(struct fault_list *faults, const char *where, const char *what, ...)
{
    char text[sizeof((struct error *)0)->what];
    struct error e = { 0 };
    va_list arguments;
    va_start(arguments, what);
    (void)vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    faults->count++;
    if (faults->report != NULL) {
        (void)error_set(&e, ERROR_INPUT, where, faults->todo, "%s", text);
        faults->report(faults->context, &e);
    }
}

bool record_check_make(struct record_check **out, struct disk *private, struct bytes origin, uint64_t published, uint64_t pruned,
                       struct fault_list *faults, struct error *e)
{
    *out = NULL;
    struct record_check *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return error_memory(e, SEGMENT_FOLDER);
    }
    c->disk = private;
    c->published = published;
    c->origin_hash = record_chain_start(origin);
    c->chain = c->origin_hash;
    c->patience = TRIES_MAX;
    if (!segment_list(private, &c->firsts, &c->count, e)) {
        record_check_free(c);
        return false;
    }
    if (c->count > 0 && c->firsts[0] <= pruned) {
        c->start = c->next = c->end = c->firsts[0];
    } else if (c->count == 0 || c->firsts[0] != 0) {
        fault_add(faults, SEGMENT_FOLDER, "the first segment is missing");
    }
    *out = c;
    return true;
}

void record_check_also(struct record_check *check, log_check *also, void *context)
{
    check->also = also;
    check->also_context = context;
}

void record_check_free(struct record_check *check)
{
    if (check != NULL) {
        segment_scan_close(&check->scan);
        closed_list_clear(&check->closed);
        free(check->firsts);
        free(check);
    }
}

uint64_t record_check_segment(const struct record_check *check)
{
    return check->scan.header.first;
}

/* Where the next segment says that this one was cut by a recovery; its header is checked when its turn comes. */
static void find_cut(struct record_check *c)
{
    struct segment_scan after = { 0 };
    c->has_cut = false;
    if (c->at + 1 < c->count && segment_scan_open(&after, c->disk, c->firsts[c->at + 1], NULL)) {
        c->has_cut = after.header.previous_end != 0;
        c->cut = after.header.previous_end;
        segment_scan_close(&after);
    }
}

/* Opens the segment at c->at. A header that is damaged is reported, and the segment skipped. */
static bool open_segment(struct record_check *c, struct fault_list *faults, struct error *e)
{
    struct error fault = { 0 };
    c->is_unreadable = false;
    if (!segment_scan_open(&c->scan, c->disk, c->firsts[c->at], &fault)) {
        if (fault.kind != ERROR_INPUT) {
            *e = fault;
            return false;
        }
        fault_add(faults, fault.where, "%s", fault.what);
        c->is_unreadable = true;
        return true;
    }
    find_cut(c);
    c->chain = c->start > 0 && c->next == c->start ? c->scan.header.chain : c->chain; /* what it seeds is gone */
    if (c->scan.header.origin_hash != c->origin_hash) {
        fault_add(faults, c->scan.path, "it belongs to another log");
    } else if (c->scan.header.first == c->next && c->scan.header.chain != c->chain && c->next == c->end) {
        fault_add(faults, c->scan.path, "it does not follow the segment before it");
    }
    uint64_t size = c->has_cut ? c->cut : c->scan.header.capacity;
    if (c->scan.size != size && !(c->has_cut && c->scan.size == c->scan.header.capacity)) {
        fault_add(faults, c->scan.path, "it has %llu bytes, not %llu", (unsigned long long)c->scan.size, (unsigned long long)size);
    }
    return true;
}

static void pause_for_writer(void)
{
    const struct timespec pause = { .tv_sec = 0, .tv_nsec = TRY_PAUSE_NS };
    (void)nanosleep(&pause, NULL);
}

/* All behind the last record of this segment must be zeros. In a segment that a recovery has cut, or should have, nothing counts there. */
static bool find_stray(struct record_check *c, uint64_t *stray, bool *is_found, struct error *e)
{
    *is_found = false;
    if (c->has_cut) {
        return true;
    }
    if (!segment_scan_rest(&c->scan, stray, e)) {
        return false;
    }
    *is_found = *stray < c->scan.size;
    return true;
}

static void report_stray(struct record_check *c, uint64_t stray, struct fault_list *faults)
{
    fault_add(faults, c->scan.path, "stray bytes behind its last record, %llu, at %llu", (unsigned long long)c->scan.index - 1,
              (unsigned long long)stray);
}

static bool check_rest(struct record_check *c, struct fault_list *faults, struct error *e)
{
    uint64_t stray = 0;
    bool is_found = false;
    if (!find_stray(c, &stray, &is_found, e)) {
        return false;
    }
    if (is_found) {
        report_stray(c, stray, faults);
    }
    return true;
}

static bool next_segment(struct record_check *c, bool is_whole, struct fault_list *faults, struct error *e)
{
    bool ok = c->scan.file == NULL || !is_whole || check_rest(c, faults, e);
    segment_scan_close(&c->scan);
    c->at++;
    return ok;
}

/* The next record, over the ends of segments. SCAN_END: there is none. SCAN_DAMAGED: c->next to *behind - 1 are, which was reported. */
static enum scan_state read_record(struct record_check *c, struct record_view *view, struct fault_list *faults, struct error *e)
{
    while (c->at < c->count) {
        bool is_last = c->at + 1 == c->count;
        if (c->next < c->firsts[c->at]) {
            fault_add(faults, SEGMENT_FOLDER, "entry %llu is missing: no segment holds it", (unsigned long long)c->next);
            return SCAN_DAMAGED;
        }
        if (!is_last && c->next >= c->firsts[c->at + 1]) {
            if (!next_segment(c, !c->is_unreadable && c->next == c->scan.index, faults, e)) {
                return SCAN_FAILED;
            }
            continue;
        }
        if (c->scan.file == NULL && !c->is_unreadable && !open_segment(c, faults, e)) {
            return SCAN_FAILED;
        }
        if (c->is_unreadable) {
            return is_last && c->next >= c->published ? SCAN_END : SCAN_DAMAGED;
        }
        if (c->next < c->scan.index) {
            return SCAN_DAMAGED; /* skipped together with the one before it */
        }
        enum scan_state state = segment_scan_next(&c->scan, view, e);
        if (state == SCAN_GOOD || state == SCAN_FAILED) {
            return state;
        }
        if (is_last && c->next >= c->published && state == SCAN_END) {
            return SCAN_END;
        }
        if (is_last && c->next >= c->published && c->patience > 0) {
            c->patience--; /* half of it may have been read before it was written, and half behind */
            pause_for_writer();
            continue;
        }
        bool is_read = true;
        bool is_found = state == SCAN_DAMAGED && segment_scan_skip_damage(&c->scan, &is_read, e);
        if (!is_read) {
            return SCAN_FAILED;
        }
        if (!is_found && is_last && c->next >= c->published) {
            return SCAN_END; /* stray bytes: reported with the rest, if they stay */
        }
        fault_add(faults, c->scan.path, "entry %llu is %s", (unsigned long long)c->next, state == SCAN_END ? "missing" : "damaged");
        c->is_unreadable = !is_found;
        return SCAN_DAMAGED;
    }
    return SCAN_END;
}

/* Reads the record c->next. False when reading failed; `*view` is set when `*is_good`. */
static bool take_record(struct record_check *c, struct record_view *view, bool *is_good, bool *is_end, struct fault_list *faults,
                        struct error *e)
{
    enum scan_state state = read_record(c, view, faults, e);
    *is_good = state == SCAN_GOOD;
    *is_end = state == SCAN_END;
    if (state == SCAN_FAILED) {
        return false;
    }
    if (state == SCAN_END) {
        return true;
    }
    if (*is_good) {
        if (view->entry.time_ms < c->time_ms) {
            fault_add(faults, c->scan.path, "entry %llu is older than the one before it", (unsigned long long)c->next);
        }
        struct error fault = { 0 };
        if (c->also != NULL && view->entry.form == RECORD_OPEN && !c->also(c->also_context, &view->entry, &fault)) {
            fault_add(faults, c->scan.path, "entry %llu: %s", (unsigned long long)c->next, fault.what);
        }
        if (!closed_list_take(&c->closed, &view->entry)) {
            return error_memory(e, c->scan.path);
        }
        c->time_ms = view->entry.time_ms;
        c->chain = view->chain;
        c->end = c->next + 1;
        c->patience = TRIES_MAX;
    }
    c->next++;
    return true;
}

bool record_check_next(struct record_check *check, struct fault_list *faults, uint64_t index, struct log_entry *out, bool *has_record,
                       struct error *e)
{
    struct record_view view;
    bool is_end = false;
    *has_record = false;
    if (index < check->start) {
        return true;
    }
    if (!take_record(check, &view, has_record, &is_end, faults, e)) {
        return false;
    }
    if (is_end) {
        /* Said once: for the first one that is missing. */
        if (index == check->next) {
            fault_add(faults, SEGMENT_FOLDER, "entry %llu is missing", (unsigned long long)index);
        }
        return true;
    }
    if (*has_record) {
        *out = view.entry;
    }
    return true;
}

static bool take_rest(struct record_check *c, struct fault_list *faults, struct error *e)
{
    struct record_view view;
    bool is_good = false;
    bool is_end = false;
    while (!is_end) {
        if (!take_record(c, &view, &is_good, &is_end, faults, e)) {
            return false;
        }
    }
    return true;
}

/* Each one by itself, as damage is: an erasure is the only way that a record may lose its statement. */
static void report_closed(const struct record_check *c, struct fault_list *faults)
{
    for (size_t i = 0; i < c->closed.count; i++) {
        fault_add(faults, SEGMENT_FOLDER, "entry %llu was erased, and no event in the log says so",
                  (unsigned long long)c->closed.entries[i]);
    }
}

bool record_check_end(struct record_check *check, struct fault_list *faults, uint64_t *entries, struct error *e)
{
    unsigned tries = 0;
    for (unsigned rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        uint64_t before = check->next;
        uint64_t stray = 0;
        bool is_found = false;
        if (!take_rest(check, faults, e)) {
            return false;
        }
        *entries = check->next > *entries ? check->next : *entries;
        if (check->scan.file == NULL || check->is_unreadable) {
            break;
        }
        if (!find_stray(check, &stray, &is_found, e)) {
            return false;
        }
        if (!is_found) {
            break;
        }
        tries = check->next > before && rounds > 0 ? 0 : tries + 1;
        if (tries == TRIES_MAX) {
            report_stray(check, stray, faults);
            break;
        }
        pause_for_writer(); /* what is there now may be records by then */
    }
    report_closed(check, faults);
    return true;
}
