#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "evidence/segment_internal.h"

/* How much is read at once: little at first, for whoever wants one record; more for whoever goes on. */
enum { WINDOW_BYTES = 128 * 1024, AHEAD_BYTES_MIN = 8 * 1024 };

void segment_scan_close(struct segment_scan *scan)
{
    if (scan->file != NULL) {
        (void)scan->disk->functions->close(scan->disk, scan->file); /* read only: nothing to lose */
    }
    if (scan->window != NULL) {
        explicit_bzero(scan->window, scan->window_written); /* salts */
        free(scan->window);
    }
    memset(scan, 0, sizeof *scan);
}

bool segment_scan_open(struct segment_scan *scan, struct disk *disk, uint64_t first, struct error *e)
{
    uint8_t data[SEGMENT_HEADER_BYTES];
    char path[SEGMENT_PATH_SIZE];
    size_t got = 0;
    memset(scan, 0, sizeof *scan);
    segment_path(first, path);
    memcpy(scan->path, path, sizeof path);
    scan->disk = disk;
    int fault = disk->functions->open(disk, path, DISK_READ, &scan->file);
    if (fault != 0) {
        scan->file = NULL;
    }
    fault = fault != 0 ? fault : disk->functions->size(disk, scan->file, &scan->size);
    fault = fault != 0 ? fault : disk->functions->read(disk, scan->file, data, sizeof data, 0, &got);
    if (fault != 0) {
        segment_scan_close(scan);
        return disk_error(e, fault, path, "check the private folder's disk, owner and mode");
    }
    if (!segment_header_parse(bytes_of(data, got), &scan->header) || scan->header.first != first) {
        segment_scan_close(scan);
        return error_set(e, ERROR_INPUT, path, "restore the file from a copy or a mirror", "the segment's header is damaged");
    }
    segment_scan_seek(scan, SEGMENT_HEADER_BYTES, first, scan->header.chain);
    return true;
}

void segment_scan_seek(struct segment_scan *scan, uint64_t offset, uint64_t index, uint64_t chain)
{
    scan->offset = offset;
    scan->index = index;
    scan->chain = chain;
    scan->window_size = 0;
    scan->ahead = AHEAD_BYTES_MIN;
}

/* Makes the window hold at least `size` bytes from scan->offset on, or all there is. */
static bool fill(struct segment_scan *scan, size_t size, struct bytes *out, struct error *e)
{
    uint64_t skip = scan->offset - scan->window_offset;
    if (scan->window_size == 0 || scan->offset < scan->window_offset || skip > scan->window_size || scan->window_size - skip < size) {
        if (scan->window_capacity < size || scan->window == NULL) {
            size_t capacity = size < WINDOW_BYTES ? WINDOW_BYTES : RECORD_BYTES_MAX + RECORD_ALIGNMENT;
            uint8_t *window = malloc(capacity);
            if (window == NULL) {
                return error_memory(e, scan->path);
            }
            if (scan->window != NULL) {
                explicit_bzero(scan->window, scan->window_written);
                free(scan->window);
            }
            scan->window = window;
            scan->window_capacity = capacity;
            scan->window_written = 0;
        }
        size_t wanted = scan->ahead < size ? size : scan->ahead;
        wanted = wanted < scan->window_capacity ? wanted : scan->window_capacity;
        scan->ahead = scan->ahead < scan->window_capacity ? scan->ahead * 2 : scan->ahead;
        int fault = scan->disk->functions->read(scan->disk, scan->file, scan->window, wanted, scan->offset, &scan->window_size);
        scan->window_written = scan->window_written < wanted ? wanted : scan->window_written;
        if (fault != 0) {
            scan->window_size = 0;
            return disk_error(e, fault, scan->path, "check the disk");
        }
        scan->window_offset = scan->offset;
        skip = 0;
    }
    *out = bytes_of(scan->window + skip, scan->window_size - (size_t)skip);
    return true;
}

enum scan_state segment_scan_next(struct segment_scan *scan, struct record_view *out, struct error *e)
{
    struct bytes data = BYTES_NONE;
    size_t needed = RECORD_HEADER_BYTES;
    size_t asked = 0;
    enum record_state state;
    do {
        asked = needed;
        if (!fill(scan, needed, &data, e)) {
            return SCAN_FAILED;
        }
        state = record_parse(data, scan->index, scan->chain, out, &needed);
    } while (state == RECORD_SHORT && needed > asked);
    switch (state) {
    case RECORD_GOOD:
        scan->offset += out->size;
        scan->index++;
        scan->chain = out->chain;
        return SCAN_GOOD;
    case RECORD_END:
        scan->window_size = 0;
        return SCAN_END;
    case RECORD_SHORT:
        scan->window_size = 0;
        /* Less than a header is left: the segment is full, unless what is left is not zero, which the rest's check finds. */
        return asked == RECORD_HEADER_BYTES ? SCAN_END : SCAN_DAMAGED;
    case RECORD_DAMAGED:
        break;
    }
    scan->window_size = 0;
    return SCAN_DAMAGED;
}

struct bytes segment_scan_bytes(const struct segment_scan *scan, uint64_t offset, size_t size)
{
    return bytes_of(scan->window + (offset - scan->window_offset), size);
}

/* Is there a good record `index` at `offset`, or the end, if what stands before it has the checksum `chain`? Then the scan goes there. */
static bool try_at(struct segment_scan *scan, uint64_t offset, uint64_t index, uint64_t chain)
{
    const uint64_t at_offset = scan->offset;
    const uint64_t at_index = scan->index;
    const uint64_t at_chain = scan->chain;
    struct record_view view;
    segment_scan_seek(scan, offset, index, chain);
    enum scan_state state = segment_scan_next(scan, &view, NULL);
    if (state == SCAN_GOOD || state == SCAN_END) {
        segment_scan_seek(scan, offset, index, chain);
        return true;
    }
    segment_scan_seek(scan, at_offset, at_index, at_chain);
    return false;
}

enum { PROBE_BYTES = 8 * 1024, PROBES_MAX = 40 };

/* Between these a record is looked for: all before `low` are older, all from `high` on are not. */
struct search {
    uint64_t low, high;             /* offsets */
    uint64_t low_index, high_index; /* indices of the records there; high_index may be UINT64_MAX */
};

/* Where the record should be if all had the same size, some way before it; every other time just the middle, so that it ends. */
static uint64_t guess(const struct search *s, uint64_t index, unsigned probe)
{
    const uint64_t span = s->high - s->low;
    uint64_t ahead = span / 2;
    if (probe % 2 == 0 && s->high_index != UINT64_MAX) {
        ahead = (uint64_t)((double)span * (double)(index - s->low_index) / (double)(s->high_index - s->low_index));
        ahead = ahead > PROBE_BYTES / 2 ? ahead - PROBE_BYTES / 2 : 0;
    }
    return s->low + ahead / RECORD_ALIGNMENT * RECORD_ALIGNMENT;
}

/* The first thing in `data` that looks like the header of a record between. */
static bool find_header(struct bytes data, const struct search *s, uint64_t offset, struct record_claim *out, uint64_t *at)
{
    for (size_t i = 0; i + RECORD_HEADER_BYTES <= data.size; i += RECORD_ALIGNMENT) {
        if (record_peek(bytes_of(data.data + i, data.size - i), out) && out->index >= s->low_index && out->index < s->high_index &&
            out->size <= s->high - offset - i) {
            *at = offset + i;
            return true;
        }
    }
    return false;
}

bool segment_scan_jump(struct segment_scan *scan, uint64_t index, uint64_t limit)
{
    uint8_t data[PROBE_BYTES];
    struct search s = { .low = SEGMENT_HEADER_BYTES, .high = scan->size, .low_index = scan->header.first, .high_index = limit };
    bool is_found = false;
    struct record_claim best = { .index = 0 };
    for (unsigned probe = 0; probe < PROBES_MAX && s.high > s.low && s.high - s.low > PROBE_BYTES && s.low_index < index; probe++) {
        const uint64_t offset = guess(&s, index, probe);
        struct record_claim claim;
        uint64_t at = 0;
        size_t got = 0;
        if (scan->disk->functions->read(scan->disk, scan->file, data, sizeof data, offset, &got) != 0) {
            break; /* whoever reads on from where it stands meets it again */
        }
        bool has_header = find_header(bytes_of(data, got), &s, offset, &claim, &at);
        if (has_header && claim.index < index) {
            is_found = true;
            best = claim;
            s.low = at + claim.size;
            s.low_index = claim.index + 1;
        } else {
            /* Too far; or zeros, or the middle of a long record: what is before it is as good. */
            s.high = offset;
            s.high_index = has_header ? claim.index : s.high_index;
        }
    }
    explicit_bzero(data, sizeof data);
    if (is_found) {
        segment_scan_seek(scan, s.low, best.index + 1, best.chain);
    }
    return is_found;
}

bool segment_scan_skip_damage(struct segment_scan *scan, bool *is_read, struct error *e)
{
    enum { AHEAD = 2 * RECORD_BYTES_MAX };
    bool is_found = false;
    size_t size = 0;
    struct record_claim claim;
    uint8_t *data = malloc(AHEAD);
    const uint64_t offset = scan->offset;
    const uint64_t index = scan->index;
    const uint64_t chain = scan->chain;
    *is_read = false;
    if (data == NULL) {
        return error_memory(e, scan->path);
    }
    int fault = scan->disk->functions->read(scan->disk, scan->file, data, AHEAD, offset, &size);
    if (fault != 0) {
        disk_error(e, fault, scan->path, "check the disk");
        goto done;
    }
    *is_read = true;
    uint64_t stored = 0;
    for (size_t i = 0; i < 8 && size >= RECORD_HEADER_BYTES; i++) {
        stored = stored << 8 | data[i];
    }
    /* Its header is whole: the next one follows it, by the checksum that stands there or, if just that is damaged, by the right one. */
    if (record_peek(bytes_of(data, size), &claim) && claim.index == index && claim.size <= size) {
        is_found = try_at(scan, offset + claim.size, index + 1, stored) ||
                   try_at(scan, offset + claim.size, index + 1, record_checksum(bytes_of(data, claim.size), chain));
    }
    for (size_t i = RECORD_ALIGNMENT; !is_found && i + RECORD_HEADER_BYTES <= size; i += RECORD_ALIGNMENT) {
        /* More records than there is room for can't lie between. */
        if (!record_peek(bytes_of(data + i, size - i), &claim) || claim.index <= index ||
            claim.index - index > i / RECORD_HEADER_BYTES + 1) {
            continue;
        }
        is_found = (claim.index == index + 1 && try_at(scan, offset + i, claim.index, stored)) ||
                   try_at(scan, offset + i + claim.size, claim.index + 1, claim.chain);
    }
done:
    explicit_bzero(data, AHEAD);
    free(data);
    return is_found;
}

bool segment_scan_find_later_batch(struct segment_scan *scan, bool *is_found, struct error *e)
{
    const uint64_t offset = scan->offset;
    const uint64_t index = scan->index;
    const uint64_t chain = scan->chain;
    struct record_view view;
    enum scan_state state = SCAN_DAMAGED;
    bool is_read = true;
    *is_found = false;
    while (!*is_found && is_read) {
        if (state == SCAN_DAMAGED && !segment_scan_skip_damage(scan, &is_read, e)) {
            break;
        }
        state = segment_scan_next(scan, &view, e);
        is_read = state != SCAN_FAILED;
        *is_found = state == SCAN_GOOD && view.batch > index;
        if (state == SCAN_END) {
            break;
        }
    }
    segment_scan_seek(scan, offset, index, chain);
    return is_read;
}

bool segment_scan_rest(struct segment_scan *scan, uint64_t *stray, struct error *e)
{
    enum { STEP = 64 * 1024 };
    uint8_t *data = malloc(STEP);
    int fault = 0;
    *stray = scan->size;
    if (data == NULL) {
        return error_memory(e, scan->path);
    }
    for (uint64_t offset = scan->offset; fault == 0 && offset < scan->size && *stray == scan->size; offset += STEP) {
        size_t got = 0;
        fault = scan->disk->functions->read(scan->disk, scan->file, data, STEP, offset, &got);
        if (fault != 0 || got == 0 || (data[0] == 0 && memcmp(data, data + 1, got - 1) == 0)) {
            continue;
        }
        size_t i = 0;
        while (data[i] == 0) {
            i++;
        }
        *stray = offset + i;
    }
    explicit_bzero(data, STEP);
    free(data);
    return fault == 0 || disk_error(e, fault, scan->path, "check the disk");
}
