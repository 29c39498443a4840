#include "consent/disclosures.h"

#include <stdlib.h>

#include "consent/event_text.h"
#include "consent/exchanges.h"
#include "consent/uses_internal.h"
#include "evidence/statement.h"

enum { SLOTS_FIRST = 1024, LIST_BYTES_MAX = 256 * 1024 };

/* A decision that waits for its answer. */
struct waiting_decision {
    uint8_t digest[SHA256_SIZE];
    size_t statement_size, origin_size;
    uint8_t text[]; /* the decision's statement, then the origin of the gateway that asked */
};
/* An open-addressed table by the beginning of the decision's digest. */
struct slot {
    uint64_t short_digest;
    uint64_t entry;                    /* of the log */
    struct waiting_decision *decision; /* NULL: free */
};
struct disclosures {
    struct slot *slots;
    size_t size, count; /* a power of two; used */
    struct arena arena; /* of the disclosure that was told last */
};

static uint64_t short_of(const uint8_t digest[SHA256_SIZE])
{
    uint64_t value;
    memcpy(&value, digest, sizeof value);
    return value;
}

static void waiting_free(struct waiting_decision *decision)
{
    if (decision != NULL) {
        explicit_bzero(decision, sizeof *decision + decision->statement_size + decision->origin_size); /* it names a person */
        free(decision);
    }
}

struct disclosures *disclosures_make(void)
{
    return calloc(1, sizeof(struct disclosures));
}

void disclosures_free(struct disclosures *disclosures)
{
    if (disclosures == NULL) {
        return;
    }
    for (size_t i = 0; i < disclosures->size; i++) {
        waiting_free(disclosures->slots[i].decision);
    }
    free(disclosures->slots);
    arena_clear(&disclosures->arena);
    free(disclosures);
}

static void put(struct slot *slots, size_t size, struct slot slot)
{
    size_t at = (size_t)slot.short_digest & (size - 1);
    while (slots[at].decision != NULL) {
        at = (at + 1) & (size - 1);
    }
    slots[at] = slot;
}

/* Makes room for one more. Decisions that were never answered are forgotten here, or they would be kept for ever. */
static bool make_room(struct disclosures *d, uint64_t entry)
{
    size_t young = 0;
    if (2 * (d->count + 1) <= d->size) {
        return true;
    }
    for (size_t i = 0; i < d->size; i++) {
        young += d->slots[i].decision != NULL && entry - d->slots[i].entry <= DISCLOSURES_BEFORE;
    }
    size_t size = d->size == 0 ? SLOTS_FIRST : d->size;
    while (2 * (young + 1) > size) {
        size *= 2;
    }
    struct slot *fresh = calloc(size, sizeof *fresh);
    if (fresh == NULL) {
        return false;
    }
    for (size_t i = 0; i < d->size; i++) {
        if (d->slots[i].decision != NULL && entry - d->slots[i].entry <= DISCLOSURES_BEFORE) {
            put(fresh, size, d->slots[i]);
        } else {
            waiting_free(d->slots[i].decision);
        }
    }
    free(d->slots);
    d->slots = fresh;
    d->size = size;
    d->count = young;
    return true;
}

/* Takes the newest decision with this digest out, which is the caller's then; NULL: there is none. */
static struct waiting_decision *waiting_take(struct disclosures *d, const uint8_t digest[SHA256_SIZE], uint64_t *entry)
{
    const uint64_t wanted = short_of(digest);
    const size_t mask = d->size - 1;
    size_t found = SIZE_MAX;
    for (size_t at = (size_t)wanted & mask; d->size > 0 && d->slots[at].decision != NULL; at = (at + 1) & mask) {
        bool is_newer = found == SIZE_MAX || d->slots[at].entry > d->slots[found].entry;
        found = d->slots[at].short_digest == wanted && is_newer ? at : found;
    }
    if (found == SIZE_MAX) {
        return NULL;
    }
    struct waiting_decision *taken = d->slots[found].decision;
    *entry = d->slots[found].entry;
    /* What stands behind it moves up if it may, so that no search ends too early. */
    for (size_t at = (found + 1) & mask; d->slots[at].decision != NULL; at = (at + 1) & mask) {
        const size_t home = (size_t)d->slots[at].short_digest & mask;
        if (((at - home) & mask) >= ((at - found) & mask)) {
            d->slots[found] = d->slots[at];
            found = at;
        }
    }
    d->slots[found] = (struct slot){ 0 };
    d->count--;
    return taken;
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

struct bytes disclosure_conditions(struct bytes statement)
{
    return statement_line(statement, STATEMENT_LINE("comity-conditions"));
}

/* What the answer says. `*is_one` false: it released nothing. */
static bool read_answer(const struct log_entry *entry, struct arena *arena, struct use_row *answered, struct disclosure *out, bool *is_one,
                        struct error *e)
{
    out->answer_entry = entry->index;
    out->time_ms = entry->time_ms;
    *is_one = false;
    if (entry->form != RECORD_OPEN) {
        return true;
    }
    struct bytes conditions = disclosure_conditions(entry->statement);
    out->conditions = conditions.size == 0 ? BYTES("") : arena_copy(arena, conditions);
    if (!use_row_read(entry, arena, answered) || out->conditions.data == NULL) {
        return error_memory(e, "disclosures");
    }
    out->released = answered->released;
    *is_one = answered->kind == USE_ANSWER && answered->released.size > 0;
    return true;
}

/* One item more of a list that is joined by ", ". */
static bool append(struct buffer *list, struct bytes plain)
{
    buffer_append(list, list->size > 0 ? BYTES(", ") : BYTES_NONE);
    buffer_append(list, plain);
    return !list->failed;
}

/* What the decision says, whose lines are read once. `*is_one` false: it is about nobody. */
static bool read_decision(struct bytes text, struct bytes origin, struct arena *arena, struct disclosure *out, bool *is_one,
                          struct error *e)
{
    const struct {
        struct bytes name;
        struct bytes *value;
    } wanted[] = { { BYTES("exchange"), &out->exchange },
                   { BYTES("person"), &out->person },
                   { BYTES("client"), &out->client },
                   { BYTES("service"), &out->service },
                   { BYTES("purpose"), &out->purpose } };
    struct buffer consents;
    struct bytes name, value;
    bool ok = true;
    buffer_init(&consents, LIST_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        *wanted[i].value = BYTES("");
    }
    while (ok && event_text_next(&text, &name, &value)) {
        if (bytes_equal(name, BYTES("consent"))) {
            struct bytes plain = event_text_decode(arena, value);
            ok = plain.data != NULL && append(&consents, plain);
        }
        for (size_t i = 0; ok && i < COUNT_OF(wanted); i++) {
            if (bytes_equal(name, wanted[i].name) && wanted[i].value->size == 0) {
                struct bytes plain = event_text_decode(arena, value);
                *wanted[i].value = plain.data == NULL ? BYTES_NONE : arena_copy(arena, plain);
                ok = wanted[i].value->data != NULL;
            }
        }
    }
    out->gateway = origin.size == 0 ? BYTES("") : arena_copy(arena, origin);
    out->consents = consents.size == 0 ? BYTES("") : arena_copy(arena, buffer_bytes(&consents));
    buffer_clear(&consents);
    *is_one = out->person.size > 0;
    return (ok && out->gateway.data != NULL && out->consents.data != NULL) || error_memory(e, "disclosures");
}

/* A decision of the log, about which the answer says that it follows it. */
static bool take_decision(const struct log_entry *entry, const struct use_row *answered, struct arena *arena, struct disclosure *out,
                          bool *is_one, struct error *e)
{
    uint8_t digest[SHA256_SIZE];
    *is_one = false;
    if (entry->form != RECORD_OPEN || entry->kind != RECORD_DECISION || !event_text_is(entry->statement, "decision/1")) {
        return true;
    }
    sha256(entry->statement, digest);
    return memcmp(digest, answered->decision, sizeof digest) != 0 ||
           read_decision(entry->statement, exchange_statement_origin(request_of(entry->attachment)), arena, out, is_one, e);
}

bool disclosure_read(struct log_reader *reader, uint64_t decision, uint64_t answer, struct arena *arena, struct disclosure *out,
                     bool *is_one, struct error *e)
{
    struct log_entry entry;
    struct use_row answered;
    *is_one = false;
    *out = (struct disclosure){ .decision_entry = decision };
    if (!log_reader_get(reader, answer, &entry, e) || !read_answer(&entry, arena, &answered, out, is_one, e)) {
        return false;
    }
    return !*is_one || (log_reader_get(reader, decision, &entry, e) && take_decision(&entry, &answered, arena, out, is_one, e));
}

static bool remember(struct disclosures *d, const struct log_entry *entry, struct error *e)
{
    const struct bytes origin = exchange_statement_origin(request_of(entry->attachment));
    struct waiting_decision *decision = malloc(sizeof *decision + entry->statement.size + origin.size); /* both have their limits */
    if (decision == NULL || !make_room(d, entry->index)) {
        free(decision);
        return error_memory(e, "disclosures");
    }
    sha256(entry->statement, decision->digest);
    decision->statement_size = entry->statement.size;
    decision->origin_size = origin.size;
    memcpy(decision->text, entry->statement.data, entry->statement.size);
    if (origin.size > 0) {
        memcpy(decision->text + entry->statement.size, origin.data, origin.size);
    }
    put(d->slots, d->size, (struct slot){ .short_digest = short_of(decision->digest), .entry = entry->index, .decision = decision });
    d->count++;
    return true;
}

bool disclosures_take(struct disclosures *disclosures, const struct log_entry *entry, struct disclosure *out, bool *is_one, struct error *e)
{
    struct use_mark mark;
    struct use_row answered;
    *is_one = false;
    *out = (struct disclosure){ .decision_entry = UINT64_MAX };
    if (entry->form != RECORD_OPEN) {
        return true;
    }
    use_mark_read(entry, &mark);
    if (mark.kind == USE_EXCHANGE) {
        return remember(disclosures, entry, e);
    }
    struct waiting_decision *waiting = mark.kind == USE_ANSWER ? waiting_take(disclosures, mark.decision, &out->decision_entry) : NULL;
    if (waiting == NULL) {
        return true;
    }
    struct arena *arena = &disclosures->arena;
    arena_clear(arena);
    bool ok = read_answer(entry, arena, &answered, out, is_one, e);
    *is_one = *is_one && memcmp(waiting->digest, answered.decision, SHA256_SIZE) == 0;
    ok = ok && (!*is_one || read_decision(bytes_of(waiting->text, waiting->statement_size),
                                          bytes_of(waiting->text + waiting->statement_size, waiting->origin_size), arena, out, is_one, e));
    waiting_free(waiting);
    return ok;
}

bool disclosures_scan(struct log_reader *reader, uint64_t from, uint64_t to, disclosures_each *each, void *context, struct error *e)
{
    struct disclosures *disclosures = disclosures_make();
    uint64_t size = 0;
    bool ok = disclosures != NULL ? log_reader_size(reader, &size, e) : error_memory(e, "disclosures");
    bool goes_on = true;
    uint64_t first = log_reader_first(reader);
    uint64_t begin = from > DISCLOSURES_BEFORE ? from - DISCLOSURES_BEFORE : 0;
    to = to > size ? size : to;
    for (uint64_t i = begin < first ? first : begin; ok && goes_on && i < to; i++) {
        struct log_entry entry;
        struct disclosure disclosure;
        bool is_one = false;
        ok = log_reader_get(reader, i, &entry, e) && disclosures_take(disclosures, &entry, &disclosure, &is_one, e);
        goes_on = !ok || !is_one || i < from || each(context, &disclosure);
    }
    disclosures_free(disclosures);
    return ok;
}
