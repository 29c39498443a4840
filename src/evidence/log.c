#include "evidence/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/random.h"
#include "base/time.h"
#include "crypto/note.h"
#include "evidence/log_internal.h"
#include "evidence/publication_internal.h"

enum {
    JUMP_BACK_MS = 5 * 1000,
    JUMP_FORWARD_MS = 60 * 60 * 1000,
    TEXT_BYTES = 512 * 1024, /* written at once, unless one record is larger */
    PREPARE_STEP_BYTES = 256 * 1024,
    PREPARE_RETRY_US = 1000 * 1000,
};

uint64_t log_size(const struct log *log)
{
    return log->tree.size;
}

void log_root(const struct log *log, uint8_t root[SHA256_SIZE])
{
    memcpy(root, log->tree.root, SHA256_SIZE);
}

uint64_t log_published_size(const struct log *log)
{
    return log->published;
}

bool log_sign(const struct log *log, struct buffer *out, struct error *e)
{
    struct buffer text;
    buffer_init(&text, 1024);
    checkpoint_write(&text, log_origin(log), log->tree.size, log->tree.root);
    bool ok = !text.failed ? note_sign(buffer_bytes(&text), log->signer, out, e) : error_memory(e, CHECKPOINT_PATH);
    if (ok && out->failed) {
        ok = error_memory(e, CHECKPOINT_PATH);
    }
    buffer_clear(&text);
    return ok;
}

static bool die(struct log *log, const struct error *cause)
{
    log->is_dead = true;
    log->death = *cause;
    return false;
}

bool log_next_segment(struct log *log, uint64_t needed, struct error *e)
{
    uint64_t capacity = segment_next_capacity(log->segments.capacity, needed);
    return segment_prepare(&log->segments, capacity, capacity, e) &&
           segment_switch(&log->segments, log->tree.size, log->chain, 0, SEGMENT_HEADER_BYTES, e);
}

bool log_seal(struct log *log, struct error *e)
{
    struct error failure = { 0 };
    if (log->is_dead) {
        if (e != NULL) {
            *e = log->death;
        }
        return false;
    }
    if (log->segments.used == SEGMENT_HEADER_BYTES || log_next_segment(log, 0, &failure)) {
        return true;
    }
    if (failure.kind == ERROR_IO) {
        die(log, &failure);
    }
    if (e != NULL) {
        *e = failure;
    }
    return false;
}

bool log_wants_prepare(const struct log *log)
{
    const struct segment_store *s = &log->segments;
    return !log->is_dead && !s->is_next_ready && s->used >= s->capacity / 2 && time_monotonic_us() >= log->prepare_after_us;
}

void log_prepare(struct log *log, bool is_idle)
{
    struct segment_store *s = &log->segments;
    struct error e = { 0 };
    uint64_t half = s->capacity / 2;
    if (!log_wants_prepare(log)) {
        return;
    }
    /* Under load as much of the next segment as is used of this one's second half, with a lead, so that it is ready in time. */
    uint64_t capacity = segment_next_capacity(s->capacity, 0);
    uint64_t due = (s->used - half) * capacity / half + 2 * PREPARE_STEP_BYTES;
    if ((is_idle || s->next == NULL || s->next_written < due) && !segment_prepare(s, capacity, PREPARE_STEP_BYTES, &e)) {
        diag_error(DIAG_WARN, "evidence", "the next segment could not be prepared", &e);
        log->prepare_after_us = time_monotonic_us() + PREPARE_RETRY_US;
        if (e.kind == ERROR_IO) {
            die(log, &e);
        }
    }
}

/* What the records take on disk; false if one is not fit to be appended. */
static bool measure(struct log_record *const *records, size_t count, uint64_t *bytes, struct error *e)
{
    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const struct log_record *r = records[i];
        if (r->statement.size > RECORD_STATEMENT_BYTES_MAX || r->attachment.size > RECORD_ATTACHMENT_BYTES_MAX) {
            return error_set(e, ERROR_INPUT, "record", "keep statements and attachments below the limits of records.md",
                             "a statement of %zu bytes with an attachment of %zu is too large", r->statement.size, r->attachment.size);
        }
        if (r->kind <= RECORD_NONE || r->kind > RECORD_EVENT) {
            return error_set(e, ERROR_INPUT, "record", NULL, "kind %d is not known", (int)r->kind);
        }
        *bytes += record_bytes(r->statement.size, r->attachment.size);
    }
    return true;
}

/* An event that a clock jumped, to stand before the batch. */
struct jump {
    struct log_record record;
    char text[160];
};

/* Looks at the clock: sets the batch's time, and says whether the clock jumped since it was last looked at. */
static bool read_clock(struct log *log, int64_t *time_ms, struct jump *jump)
{
    int64_t now = time_now_ms();
    uint64_t monotonic = time_monotonic_us();
    bool is_first = !log->clock.is_known;
    int64_t expected = log->clock.wall_ms + (int64_t)((monotonic - log->clock.monotonic_us) / 1000);
    if (is_first) {
        /* Just opened: how much time has passed is not known, but the last record's time can't lie ahead. */
        expected = now < log->time_ms ? log->time_ms : now;
    }
    int64_t shift = now - expected;
    log->clock = (struct log_clock){ .is_known = true, .wall_ms = now, .monotonic_us = monotonic };
    *time_ms = now > log->time_ms ? now : log->time_ms;
    if (shift >= -JUMP_BACK_MS && shift <= JUMP_FORWARD_MS) {
        return false;
    }
    int size = snprintf(jump->text, sizeof jump->text, "comity-event: clock-jump/1\nbefore: %lld\nafter: %lld\ntime: %lld\n",
                        (long long)expected, (long long)now, (long long)*time_ms);
    jump->record = (struct log_record){ .kind = RECORD_EVENT, .statement = bytes_of(jump->text, (size_t)size) };
    random_fill(jump->record.salt, SALT_SIZE);
    diag(DIAG_WARN, "evidence", "the clock jumped", "by", shift < 0 ? "back" : "forward", NULL);
    return true;
}

static bool flush(struct log *log, uint64_t *written, int *fault)
{
    *fault = log->private->functions->write(log->private, log->segments.file, buffer_bytes(&log->text), log->segments.used + *written);
    *written += log->text.size;
    buffer_reset(&log->text);
    return *fault == 0;
}

/* Writes the records behind each other, the chain going on in `*chain`. `*written` counts what may have reached the file. */
static int write_records(struct log *log, struct log_record *const *records, size_t count, uint64_t *chain, uint64_t *written)
{
    uint64_t batch = log->tree.size;
    int fault = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = record_bytes(records[i]->statement.size, records[i]->attachment.size);
        if (log->text.size > 0 && log->text.size + size > TEXT_BYTES && !flush(log, written, &fault)) {
            return fault;
        }
        uint8_t *room = buffer_room(&log->text, size);
        if (room == NULL) {
            return ENOMEM;
        }
        record_write(records[i], batch, chain, room);
        buffer_added(&log->text, size);
    }
    (void)flush(log, written, &fault);
    return fault;
}

/* Takes a batch back that met a full disk: it must not come back after a crash, since its callers were told that it failed. */
static bool undo(struct log *log, uint64_t written, struct error *e)
{
    static const uint8_t zeros[4096];
    const struct disk_functions *f = log->private->functions;
    int fault = 0;
    for (uint64_t done = 0; fault == 0 && done < written; done += sizeof zeros) {
        size_t size = written - done < sizeof zeros ? (size_t)(written - done) : sizeof zeros;
        fault = f->write(log->private, log->segments.file, bytes_of(zeros, size), log->segments.used + done);
    }
    fault = fault != 0 ? fault : f->sync(log->private, log->segments.file);
    return fault == 0 || disk_error_final(e, fault, log->segments.path);
}

/* Makes the batch durable. On failure nothing of it is left, or the log is dead. */
static bool store_records(struct log *log, struct log_record *const *records, size_t count, uint64_t bytes, struct error *e)
{
    uint64_t chain = log->chain;
    uint64_t written = 0;
    buffer_reset(&log->text);
    int fault = write_records(log, records, count, &chain, &written);
    if (fault == ENOSPC || fault == EDQUOT || fault == ENOMEM) {
        struct error cause = { 0 };
        disk_error(&cause, fault, log->segments.path, "make room on the private folder's disk");
        if (!undo(log, written, e)) {
            return false;
        }
        if (e != NULL) {
            *e = cause;
            e->kind = ERROR_FULL;
        }
        return false;
    }
    fault = fault != 0 ? fault : log->private->functions->sync(log->private, log->segments.file);
    if (fault != 0) {
        return disk_error_final(e, fault, log->segments.path);
    }
    log->segments.used += bytes;
    log->chain = chain;
    return true;
}

/* What a batch needs beside its records. Allocated before anything is written, so that no lack of memory can part disk and tree. */
struct batch {
    uint8_t (*commitments)[SHA256_SIZE];
    struct tree_path *paths;
};

static bool batch_make(struct batch *batch, struct log *log, struct log_record *const *records, size_t count)
{
    batch->commitments = malloc(count * SHA256_SIZE);
    batch->paths = malloc(count * sizeof *batch->paths);
    if (batch->commitments == NULL || batch->paths == NULL || !tree_reserve(&log->tree, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        commitment(records[i]->salt, records[i]->statement, batch->commitments[i]);
        batch->paths[i] = (struct tree_path){ .hashes = records[i]->path };
    }
    return true;
}

static void batch_clear(struct batch *batch)
{
    free(batch->commitments);
    free(batch->paths);
}

static bool append(struct log *log, struct log_record *const *records, size_t count, int64_t time_ms, struct buffer *checkpoint,
                   struct error *e)
{
    bool ok = false;
    uint64_t bytes = 0;
    struct batch batch = { NULL, NULL };
    if (!measure(records, count, &bytes, e)) {
        return false;
    }
    if (log->tree.size - log->published > LOG_UNPUBLISHED_MAX - count) {
        return error_set(e, ERROR_FULL, "log", "see why publishing fails: make room in the public folder",
                         "%llu entries wait to be published", (unsigned long long)(log->tree.size - log->published));
    }
    if (!batch_make(&batch, log, records, count) || buffer_room(checkpoint, 1024) == NULL) {
        error_memory(e, "log");
        goto done;
    }
    if (log->segments.capacity - log->segments.used < bytes && !log_next_segment(log, bytes, e)) {
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        records[i]->index = log->tree.size + i;
        records[i]->time_ms = time_ms;
    }
    if (!store_records(log, records, count, bytes, e)) {
        goto done;
    }
    /* Durable: only now does the tree grow and its root get signed. A signature over entries that a crash may lose would fork the log. */
    log->time_ms = time_ms;
    tree_append(&log->tree, (const uint8_t(*)[SHA256_SIZE])batch.commitments, count, batch.paths);
    for (size_t i = 0; i < count; i++) {
        records[i]->path_count = batch.paths[i].count;
    }
    ok = log_sign(log, checkpoint, e);
    if (!ok && e != NULL) {
        e->kind = ERROR_IO; /* in the log without a receipt: the caller was told that it is not, so the log must end */
    }
done:
    batch_clear(&batch);
    return ok;
}

bool log_append(struct log *log, struct log_record *const *records, size_t count, struct buffer *checkpoint, struct error *e)
{
    struct error failure = { 0 };
    struct jump jump;
    int64_t time_ms = 0;
    struct log_record **with_jump = NULL;
    if (log->is_dead) {
        if (e != NULL) {
            *e = log->death;
        }
        return false;
    }
    if (count == 0 || count >= LOG_UNPUBLISHED_MAX) {
        return error_set(e, ERROR_INPUT, "log", NULL, "a batch of %zu records can't be appended", count);
    }
    const struct log_clock clock = log->clock;
    bool has_jumped = read_clock(log, &time_ms, &jump);
    if (has_jumped) {
        with_jump = malloc((count + 1) * sizeof *with_jump);
        if (with_jump == NULL) {
            log->clock = clock;
            return error_memory(e, "log");
        }
        with_jump[0] = &jump.record;
        memcpy(with_jump + 1, records, count * sizeof *with_jump);
    }
    bool ok = append(log, has_jumped ? with_jump : records, count + has_jumped, time_ms, checkpoint, &failure);
    free(with_jump);
    if (!ok) {
        log->clock = clock; /* a jump is not in the log yet */
        if (failure.kind == ERROR_IO) {
            die(log, &failure);
        }
        if (e != NULL) {
            *e = failure;
        }
    }
    return ok;
}

bool log_publish(struct log *log, struct error *e)
{
    struct publication *publication = NULL;
    if (log->published == log->tree.size) {
        return true;
    }
    if (log->is_dead) {
        if (e != NULL) {
            *e = log->death;
        }
        return false;
    }
    if (!publication_make(&publication, log, e)) {
        return false;
    }
    bool ok = publication_write(publication, e);
    if (ok) {
        publication_end(publication, log);
    }
    publication_free(publication);
    return ok;
}

void log_close(struct log *log)
{
    struct error e = { 0 };
    if (log == NULL) {
        return;
    }
    if (!log->is_dead && !log_publish(log, &e)) {
        diag_error(DIAG_WARN, "evidence", "the log was closed with entries that are not published yet", &e);
    }
    segment_store_close(&log->segments);
    tree_clear(&log->tree);
    buffer_wipe(&log->text);
    if (log->lock >= 0) {
        (void)close(log->lock);
    }
    free(log);
}
