#include "consent/exchanges.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/random.h"
#include "consent/event_text.h"
#include "evidence/individual.h"
#include "evidence/statement.h"

/* The exchanges of the last entries: which of them are the peer's. A ring, so that it does not grow. */
enum { SEEN_BITS = 15, SEEN_SLOTS = 1 << SEEN_BITS };
struct seen {
    uint64_t hash;
    uint64_t index; /* of the entry, + 1; 0: free */
    bool is_ours;
};
struct exchanges {
    const struct directory_gateway *peer;
    struct bytes origin;
    uint64_t seed;
    struct seen seen[SEEN_SLOTS];
};

static const char *const names[] = { "", "request-sent", "request-received", "answer-sent", "answer-received", "numbers", "closed" };

const char *exchange_kind_name(enum exchange_kind kind)
{
    return (size_t)kind < COUNT_OF(names) ? names[kind] : "";
}

enum exchange_kind exchange_kind_find(struct bytes name)
{
    for (size_t i = 1; i < COUNT_OF(names); i++) {
        if (bytes_equal(name, bytes_of_text(names[i]))) {
            return (enum exchange_kind)i;
        }
    }
    return EXCHANGE_NONE;
}

bool exchange_sequence_parse(struct bytes text, struct exchange_sequence *out)
{
    size_t dot = bytes_find(text, '.');
    *out = (struct exchange_sequence){ 0 };
    return dot < text.size && bytes_to_u64(bytes_slice(text, 0, dot), &out->start) &&
           bytes_to_u64(bytes_slice(text, dot + 1, text.size), &out->number) && out->number > 0;
}

bool exchanges_make(struct exchanges **out, const struct directory_gateway *peer, struct error *e)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return error_memory(e, "exchanges");
    }
    (*out)->peer = peer;
    (*out)->origin = bytes_of_text(peer->statement_key.name);
    random_fill(&(*out)->seed, sizeof(*out)->seed);
    return true;
}

void exchanges_free(struct exchanges *exchanges)
{
    free(exchanges);
}

/* ---- Words of a statement (RFC 9421 2.5) ---- */

/* The log that a statement belongs to stands in its last line. */
struct bytes exchange_statement_origin(struct bytes statement)
{
    static const struct bytes before = BYTES(";keyid=\"");
    struct bytes line = statement_line(statement, STATEMENT_LINE("@signature-params"));
    const uint8_t *found = line.size == 0 ? NULL : memmem(line.data, line.size, before.data, before.size);
    if (found == NULL) {
        return BYTES_NONE;
    }
    struct bytes rest = bytes_slice(line, (size_t)(found - line.data) + before.size, line.size);
    return bytes_slice(rest, 0, bytes_find(rest, '"'));
}

/* Does an identifier in text name something of the peer's member? */
static bool is_of_member(const struct exchanges *x, struct bytes text)
{
    uint8_t storage[8192];
    struct identifier id;
    const struct directory_member *member = x->peer->member;
    return text.size <= sizeof storage && identifier_parse(text, 3, 5, storage, &id, NULL) &&
           bytes_equal(id.parts[0], member->directory->community) && bytes_equal(id.parts[1], member->class_code) &&
           bytes_equal(id.parts[2], member->code);
}

/* /r1/{community}/{class}/{member}/{subsystem}/{service}...: the first five parts behind "/r1/". */
static struct bytes service_of(struct bytes path)
{
    struct bytes rest = bytes_slice(path, 4, path.size);
    size_t at = 0, separators = 0;
    while (at < rest.size && (rest.data[at] != '/' || ++separators < 5)) {
        at++;
    }
    return bytes_start_with(path, BYTES("/r1/")) ? bytes_slice(rest, 0, at) : BYTES_NONE;
}

/* What a record has beside its statement, without a message's own signature behind it. */
static struct bytes plain_attachment(struct bytes attachment)
{
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    (void)individual_detach(&attachment, signature);
    return attachment;
}

static bool is_sent_to_peer(const struct exchanges *x, const struct log_entry *entry)
{
    struct bytes statement = entry->statement, receiver = plain_attachment(entry->attachment);
    if (receiver.size > 0) {
        return bytes_equal(receiver, x->origin);
    }
    struct bytes authority = statement_line(statement, STATEMENT_LINE("@authority"));
    for (size_t i = 0; i < x->peer->address_count; i++) {
        if (bytes_equal_ignoring_case(authority, x->peer->addresses[i])) {
            return is_of_member(x, service_of(statement_line(statement, STATEMENT_LINE("@path"))));
        }
    }
    return false;
}

/* ---- What was seen lately ---- */

static struct seen *slot_of(struct exchanges *x, struct bytes exchange, uint64_t *hash)
{
    *hash = XXH3_64bits_withSeed(exchange.data, exchange.size, x->seed);
    return &x->seen[*hash & (SEEN_SLOTS - 1)];
}

static void note_seen(struct exchanges *x, struct bytes exchange, uint64_t index, bool is_ours)
{
    uint64_t hash;
    struct seen *slot = slot_of(x, exchange, &hash);
    *slot = (struct seen){ .hash = hash, .index = index + 1, .is_ours = is_ours };
}

/* Whose is the exchange of this answer? Where that can't be told any more, the member decides. */
static bool is_answer_to_peer(struct exchanges *x, struct bytes exchange, struct bytes client)
{
    uint64_t hash;
    const struct seen *slot = slot_of(x, exchange, &hash);
    return slot->index != 0 && slot->hash == hash ? slot->is_ours : is_of_member(x, client);
}

/* ---- Entries ---- */

static struct bytes id_of(struct bytes statement)
{
    return statement_line(statement, STATEMENT_LINE("x-road-request-id"));
}

static struct exchange_sequence sequence_of(struct bytes statement)
{
    struct exchange_sequence sequence;
    struct bytes text = statement_line(statement, STATEMENT_LINE("comity-sequence"));
    return exchange_sequence_parse(text, &sequence) ? sequence : (struct exchange_sequence){ 0 };
}

static void read_decision(struct exchanges *x, const struct log_entry *entry, struct exchange_line *line)
{
    struct reader r = { .left = entry->attachment };
    struct bytes statement = reader_take(&r, reader_u32(&r));
    if (r.failed || statement.size == 0) {
        return; /* refused before it was proven who asks */
    }
    bool is_ours = bytes_equal(exchange_statement_origin(statement), x->origin);
    note_seen(x, id_of(statement), entry->index, is_ours);
    if (is_ours) {
        line->kind = EXCHANGE_REQUEST_TAKEN;
        line->statement = statement;
        line->receipt = plain_attachment(r.left);
        line->sequence = sequence_of(statement);
    }
}

static void read_message(struct exchanges *x, const struct log_entry *entry, struct exchange_line *line)
{
    struct bytes statement = entry->statement;
    line->statement = statement;
    switch (entry->kind) {
    case RECORD_REQUEST_SENT:
        line->kind = is_sent_to_peer(x, entry) ? EXCHANGE_REQUEST_SENT : EXCHANGE_NONE;
        line->sequence = sequence_of(statement);
        break;
    case RECORD_ANSWER_SENT:
        line->kind = is_answer_to_peer(x, id_of(statement), statement_line(statement, STATEMENT_LINE("x-road-client")))
                         ? EXCHANGE_ANSWER_SENT
                         : EXCHANGE_NONE;
        break;
    case RECORD_ANSWER_RECEIVED:
        line->kind = bytes_equal(exchange_statement_origin(statement), x->origin) ? EXCHANGE_ANSWER_TAKEN : EXCHANGE_NONE;
        line->receipt = plain_attachment(entry->attachment);
        break;
    case RECORD_NONE:
    case RECORD_DECISION:
    case RECORD_EVENT:
        break;
    }
}

/* The lines of a sequences/1 that name the peer: "NUMBER ORIGIN". */
static bool read_numbers(const struct exchanges *x, const struct log_entry *entry, exchanges_each *each, void *context)
{
    struct bytes text = entry->statement, name, value, start;
    struct exchange_line line = { .kind = EXCHANGE_NUMBERS, .index = entry->index, .time_ms = entry->time_ms };
    size_t count = 0;
    if (!event_text_get(text, "start", &start) || !bytes_to_u64(start, &line.sequence.start)) {
        return true;
    }
    while (event_text_next(&text, &name, &value) && count < EXCHANGES_NUMBERS_MAX) {
        bool is_last = bytes_equal(name, BYTES("last"));
        struct bytes number;
        line.is_unused = bytes_equal(name, BYTES("unused"));
        if ((is_last || line.is_unused) && bytes_split(&value, ' ', &number) && bytes_to_u64(number, &line.sequence.number) &&
            bytes_equal(value, x->origin)) {
            count++;
            if (!each(context, &line)) {
                return false;
            }
        }
    }
    return true;
}

bool exchanges_read(struct exchanges *exchanges, const struct log_entry *entry, exchanges_each *each, void *context)
{
    struct exchange_line line = { .kind = EXCHANGE_NONE, .index = entry->index, .time_ms = entry->time_ms };
    if (entry->form != RECORD_OPEN) {
        line.kind = entry->kind == RECORD_EVENT ? EXCHANGE_NONE : EXCHANGE_CLOSED;
    } else if (entry->kind == RECORD_DECISION) {
        read_decision(exchanges, entry, &line);
    } else if (entry->kind == RECORD_EVENT) {
        return !bytes_start_with(entry->statement, BYTES("comity-event: sequences/1\n")) || read_numbers(exchanges, entry, each, context);
    } else {
        read_message(exchanges, entry, &line);
    }
    line.exchange = line.kind == EXCHANGE_CLOSED ? BYTES_NONE : id_of(line.statement);
    return line.kind == EXCHANGE_NONE || each(context, &line);
}
