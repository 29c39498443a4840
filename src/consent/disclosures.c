#include "consent/disclosures.h"

#include <stdlib.h>

#include "consent/event_text.h"
#include "consent/exchanges.h"
#include "consent/uses_internal.h"

enum { SLOTS_FIRST = 1024, LIST_BYTES_MAX = 256 * 1024 };

/* Decisions that wait for their answer: an open-addressed table of entries by the beginning of the decision's digest. */
struct slot {
    uint64_t short_digest;
    uint64_t entry; /* + 1; 0: free */
};
struct waiting {
    struct slot *slots;
    size_t size, count; /* a power of two; used */
};

static uint64_t short_of(const uint8_t digest[SHA256_SIZE])
{
    uint64_t value;
    memcpy(&value, digest, sizeof value);
    return value;
}

static void put(struct slot *slots, size_t size, struct slot slot)
{
    size_t at = (size_t)slot.short_digest & (size - 1);
    while (slots[at].entry != 0) {
        at = (at + 1) & (size - 1);
    }
    slots[at] = slot;
}

static bool waiting_add(struct waiting *waiting, const uint8_t digest[SHA256_SIZE], uint64_t entry)
{
    if (2 * (waiting->count + 1) > waiting->size) {
        size_t size = waiting->size == 0 ? SLOTS_FIRST : 2 * waiting->size;
        struct slot *grown = calloc(size, sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        for (size_t i = 0; i < waiting->size; i++) {
            if (waiting->slots[i].entry != 0) {
                put(grown, size, waiting->slots[i]);
            }
        }
        free(waiting->slots);
        waiting->slots = grown;
        waiting->size = size;
    }
    put(waiting->slots, waiting->size, (struct slot){ short_of(digest), entry + 1 });
    waiting->count++;
    return true;
}

/* Takes the newest decision with this digest out; UINT64_MAX: there is none. */
static uint64_t waiting_take(struct waiting *waiting, const uint8_t digest[SHA256_SIZE])
{
    const uint64_t wanted = short_of(digest);
    const size_t mask = waiting->size - 1;
    size_t found = SIZE_MAX;
    for (size_t at = (size_t)wanted & mask; waiting->size > 0 && waiting->slots[at].entry != 0; at = (at + 1) & mask) {
        found = waiting->slots[at].short_digest == wanted ? at : found;
    }
    if (found == SIZE_MAX) {
        return UINT64_MAX;
    }
    const uint64_t entry = waiting->slots[found].entry - 1;
    /* What stands behind it moves up if it may, so that no search ends too early. */
    for (size_t at = (found + 1) & mask; waiting->slots[at].entry != 0; at = (at + 1) & mask) {
        const size_t home = (size_t)waiting->slots[at].short_digest & mask;
        if (((at - home) & mask) >= ((at - found) & mask)) {
            waiting->slots[found] = waiting->slots[at];
            found = at;
        }
    }
    waiting->slots[found] = (struct slot){ 0 };
    waiting->count--;
    return entry;
}

/* All values of lines called `name`, joined. */
static bool join(struct bytes text, const char *name, struct arena *arena, struct bytes *out)
{
    struct buffer list;
    struct bytes found, value;
    buffer_init(&list, LIST_BYTES_MAX);
    while (event_text_next(&text, &found, &value)) {
        if (bytes_equal(found, bytes_of_text(name))) {
            struct bytes plain = event_text_decode(arena, value);
            list.failed = list.failed || plain.data == NULL;
            buffer_append(&list, list.size > 0 ? BYTES(", ") : BYTES_NONE);
            buffer_append(&list, plain);
        }
    }
    *out = list.failed ? BYTES_NONE : arena_copy(arena, buffer_bytes(&list));
    buffer_clear(&list);
    return out->data != NULL;
}

/* The request's statement stands in the decision's attachment behind its size (docs/formats/records.md). */
static struct bytes request_of(struct bytes attachment)
{
    if (attachment.size < 4) {
        return BYTES_NONE;
    }
    size_t size = (size_t)attachment.data[0] << 24 | (size_t)attachment.data[1] << 16 | (size_t)attachment.data[2] << 8 |
                  attachment.data[3];
    return size > attachment.size - 4 ? BYTES_NONE : bytes_slice(attachment, 4, 4 + size);
}

/* A line of a signature base (RFC 9421 2.5). */
struct bytes disclosure_conditions(struct bytes statement)
{
    static const struct bytes before = { (const uint8_t *)"\n\"comity-conditions\": ", 22 };
    const uint8_t *found = statement.size == 0 ? NULL : memmem(statement.data, statement.size, before.data, before.size);
    struct bytes rest = found == NULL ? BYTES_NONE : bytes_slice(statement, (size_t)(found - statement.data) + before.size, statement.size);
    return bytes_slice(rest, 0, bytes_find(rest, '\n'));
}

bool disclosure_read(struct log_reader *reader, uint64_t decision, uint64_t answer, struct arena *arena, struct disclosure *out,
                     bool *is_one, struct error *e)
{
    struct log_entry entry;
    struct use_row row, answered;
    *is_one = false;
    *out = (struct disclosure){ .decision_entry = decision, .answer_entry = answer };
    if (!log_reader_get(reader, answer, &entry, e)) {
        return false;
    }
    if (entry.form != RECORD_OPEN) {
        return true;
    }
    if (!use_row_read(&entry, arena, &answered)) {
        return error_memory(e, "disclosures");
    }
    out->time_ms = entry.time_ms;
    if (answered.kind != USE_ANSWER || answered.released.size == 0) {
        return true;
    }
    struct bytes conditions = disclosure_conditions(entry.statement);
    out->conditions = conditions.size == 0 ? BYTES("") : arena_copy(arena, conditions);
    if (out->conditions.data == NULL) {
        return error_memory(e, "disclosures");
    }
    if (!log_reader_get(reader, decision, &entry, e)) {
        return false;
    }
    if (entry.form != RECORD_OPEN) {
        return true;
    }
    struct bytes origin = exchange_statement_origin(request_of(entry.attachment));
    if (!use_row_read(&entry, arena, &row) || !join(entry.statement, "consent", arena, &out->consents)) {
        return error_memory(e, "disclosures");
    }
    out->gateway = origin.size == 0 ? BYTES("") : arena_copy(arena, origin);
    if (out->gateway.data == NULL) {
        return error_memory(e, "disclosures");
    }
    if (row.kind != USE_EXCHANGE || memcmp(row.decision, answered.decision, SHA256_SIZE) != 0) {
        return true;
    }
    out->exchange = row.exchange;
    out->person = row.person;
    out->client = row.client;
    out->service = row.service;
    out->purpose = row.purpose;
    out->released = answered.released;
    *is_one = true;
    return true;
}

/* One entry of the log. `*goes_on` false: the callback has had enough. */
static bool take(struct log_reader *reader, uint64_t index, uint64_t from, struct waiting *waiting, struct arena *arena,
                 disclosures_each *each, void *context, bool *goes_on, struct error *e)
{
    struct log_entry entry;
    struct use_mark mark;
    if (!log_reader_get(reader, index, &entry, e)) {
        return false;
    }
    if (entry.form != RECORD_OPEN) {
        return true;
    }
    use_mark_read(&entry, &mark);
    if (mark.kind == USE_EXCHANGE) {
        uint8_t digest[SHA256_SIZE];
        sha256(entry.statement, digest);
        return waiting_add(waiting, digest, index) || error_memory(e, "disclosures");
    }
    uint64_t decision = mark.kind == USE_ANSWER ? waiting_take(waiting, mark.decision) : UINT64_MAX;
    if (decision == UINT64_MAX || index < from) {
        return true;
    }
    struct disclosure disclosure;
    bool is_one = false;
    arena_clear(arena);
    if (!disclosure_read(reader, decision, index, arena, &disclosure, &is_one, e)) {
        return false;
    }
    *goes_on = !is_one || each(context, &disclosure);
    return true;
}

bool disclosures_scan(struct log_reader *reader, uint64_t from, uint64_t to, disclosures_each *each, void *context, struct error *e)
{
    struct waiting waiting = { 0 };
    struct arena arena = { 0 };
    uint64_t size = 0;
    bool ok = log_reader_size(reader, &size, e), goes_on = true;
    uint64_t first = log_reader_first(reader);
    uint64_t begin = from > DISCLOSURES_BEFORE ? from - DISCLOSURES_BEFORE : 0;
    to = to > size ? size : to;
    for (uint64_t i = begin < first ? first : begin; ok && goes_on && i < to; i++) {
        ok = take(reader, i, from, &waiting, &arena, each, context, &goes_on, e);
    }
    free(waiting.slots);
    arena_clear(&arena);
    return ok;
}
