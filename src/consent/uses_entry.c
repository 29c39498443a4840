#include "consent/uses_internal.h"

#include "consent/event_text.h"
#include "consent/past.h"
#include "evidence/statement.h"

/* Sets a field from the line of that name; absent: empty. False: out of memory. */
static bool take(struct bytes text, const char *name, struct arena *arena, struct bytes *out)
{
    struct bytes value;
    *out = BYTES("");
    if (!event_text_get(text, name, &value)) {
        return true;
    }
    struct bytes plain = event_text_decode(arena, value);
    *out = plain.data == NULL ? BYTES_NONE : arena_copy(arena, plain);
    return out->data != NULL;
}

/* The values of all lines of that name, joined by ", ". */
static bool take_all(struct bytes text, const char *name, struct arena *arena, struct bytes *out)
{
    struct buffer list;
    struct bytes found, value;
    buffer_init(&list, 2 * RECORD_STATEMENT_BYTES_MAX);
    while (event_text_next(&text, &found, &value)) {
        if (!bytes_equal(found, bytes_of_text(name))) {
            continue;
        }
        struct bytes plain = event_text_decode(arena, value);
        list.failed = list.failed || plain.data == NULL;
        if (list.size > 0) {
            buffer_append(&list, BYTES(", "));
        }
        buffer_append(&list, plain);
    }
    *out = list.failed ? BYTES_NONE : arena_copy(arena, buffer_bytes(&list));
    buffer_clear(&list);
    return out->data != NULL;
}

static bool read_decision(struct bytes text, struct arena *arena, struct use_row *row)
{
    sha256(text, row->decision);
    return take(text, "person", arena, &row->person) && take(text, "exchange", arena, &row->exchange) &&
           take(text, "client", arena, &row->client) && take(text, "service", arena, &row->service) &&
           take(text, "purpose", arena, &row->purpose) && take(text, "verdict", arena, &row->verdict) &&
           take(text, "reason", arena, &row->reason) && take_all(text, "released", arena, &row->released) &&
           take_all(text, "withheld", arena, &row->withheld) && take_all(text, "basis", arena, &row->basis) &&
           take_all(text, "why", arena, &row->why) && take_all(text, "consent", arena, &row->consents) &&
           take(text, "claim", arena, &row->claim) && take(text, "justification", arena, &row->justification);
}

static void append_item(struct buffer *list, struct bytes category, struct bytes state)
{
    if (list->size > 0) {
        buffer_append(list, BYTES(", "));
    }
    buffer_append(list, category);
    if (state.size > 0) {
        buffer_append(list, BYTES(";reason="));
        buffer_append(list, state);
    }
}

/* `category: given IRI` lines become the lists of what is given and what is not. */
static bool read_categories(struct bytes text, struct arena *arena, struct use_row *row)
{
    struct buffer given, others;
    buffer_init(&given, 2 * RECORD_STATEMENT_BYTES_MAX);
    buffer_init(&others, 2 * RECORD_STATEMENT_BYTES_MAX);
    struct bytes name, value;
    bool ok = true;
    while (ok && event_text_next(&text, &name, &value)) {
        if (!bytes_equal(name, BYTES("category"))) {
            continue;
        }
        struct bytes rest = event_text_decode(arena, value), state;
        ok = rest.data != NULL;
        if (ok && bytes_split(&rest, ' ', &state)) {
            bool is_given = bytes_equal(state, BYTES("given"));
            append_item(is_given ? &given : &others, rest, is_given ? BYTES_NONE : state);
        }
    }
    row->released = arena_copy(arena, buffer_bytes(&given));
    row->withheld = arena_copy(arena, buffer_bytes(&others));
    ok = ok && !given.failed && !others.failed && row->released.data != NULL && row->withheld.data != NULL;
    buffer_clear(&given);
    buffer_clear(&others);
    return ok;
}

static bool read_consent(struct bytes text, struct arena *arena, struct use_row *row)
{
    row->service = BYTES("");
    row->reason = BYTES("");
    return take(text, "person", arena, &row->person) && take(text, "id", arena, &row->exchange) &&
           take(text, "recipient", arena, &row->client) && take(text, "purpose", arena, &row->purpose) &&
           take(text, "event", arena, &row->verdict) && read_categories(text, arena, row);
}

/* What became known of the person, or who answers for the person from then on. */
static bool read_person(struct bytes text, struct arena *arena, struct use_row *row)
{
    row->exchange = BYTES("");
    row->client = BYTES("");
    row->service = BYTES("");
    row->purpose = BYTES("");
    row->reason = BYTES("");
    row->released = BYTES("");
    row->withheld = BYTES("");
    return take(text, "person", arena, &row->person) && take(text, "event", arena, &row->verdict);
}

/* Who of the holder's own people looked, and what at. */
static bool read_access(struct bytes text, struct arena *arena, struct use_row *row)
{
    struct bytes member, name;
    row->exchange = BYTES("");
    row->purpose = BYTES("");
    row->reason = BYTES("");
    row->released = BYTES("");
    row->withheld = BYTES("");
    if (!take(text, "person", arena, &row->person) || !take(text, "member", arena, &member) || !take(text, "by", arena, &name) ||
        !take(text, "operation", arena, &row->service) || !take(text, "role", arena, &row->verdict)) {
        return false;
    }
    row->client = arena_format(arena, "%.*s/%.*s", BYTES_FMT(member), BYTES_FMT(name));
    return row->client.data != NULL;
}

static bool take_component(struct bytes statement, struct bytes start, struct arena *arena, struct bytes *out)
{
    struct bytes value;
    *out = statement_find_line(statement, start, &value) && value.size > 0 ? arena_copy(arena, value) : BYTES("");
    return out->data != NULL;
}

/* An answer names its decision by digest: an exchange's id comes from the other side, and might be used twice. */
static bool find_decision(struct bytes statement, uint8_t digest[SHA256_SIZE])
{
    struct bytes value;
    return statement_find_line(statement, STATEMENT_LINE("comity-decision"), &value) && event_text_digest(value, digest);
}

static bool read_answer(struct bytes statement, struct arena *arena, struct use_row *row)
{
    if (!find_decision(statement, row->decision)) {
        row->kind = USE_NONE;
        return true;
    }
    row->person = BYTES("");
    row->client = BYTES("");
    row->service = BYTES("");
    row->purpose = BYTES("");
    row->verdict = BYTES("");
    return take_component(statement, STATEMENT_LINE("x-road-request-id"), arena, &row->exchange) &&
           take_component(statement, STATEMENT_LINE("comity-reason"), arena, &row->reason) &&
           take_component(statement, STATEMENT_LINE("comity-released"), arena, &row->released) &&
           take_component(statement, STATEMENT_LINE("comity-withheld"), arena, &row->withheld);
}

bool use_is_refusal(const struct log_entry *entry)
{
    struct bytes value;
    return statement_find_line(entry->statement, STATEMENT_LINE("comity-reason"), &value);
}

void use_mark_read(const struct log_entry *entry, struct use_mark *mark)
{
    struct bytes text = entry->statement;
    enum use_kind kind = USE_NONE;
    *mark = (struct use_mark){ .kind = USE_NONE, .person = BYTES("") };
    if (entry->kind == RECORD_ANSWER_SENT) {
        mark->kind = find_decision(text, mark->decision) ? USE_ANSWER : USE_NONE;
        return;
    }
    if (entry->kind == RECORD_DECISION && bytes_start_with(text, BYTES("comity-event: decision/1\n"))) {
        kind = USE_EXCHANGE;
    } else if (entry->kind == RECORD_EVENT && consent_history_takes(text)) {
        kind = USE_CONSENT;
    } else if (entry->kind == RECORD_EVENT && bytes_start_with(text, BYTES("comity-event: access/1\n"))) {
        kind = USE_ACCESS;
    }
    if (kind != USE_NONE && statement_find_line(text, BYTES("\nperson: "), &mark->person) && mark->person.size > 0) {
        mark->kind = kind;
    }
}

bool use_row_read(const struct log_entry *entry, struct arena *arena, struct use_row *row)
{
    *row = (struct use_row){ .kind = USE_NONE, .entry = entry->index, .time_ms = entry->time_ms };
    struct bytes text = entry->statement;
    if (entry->kind == RECORD_ANSWER_SENT) {
        row->kind = USE_ANSWER;
        return read_answer(text, arena, row);
    }
    bool ok = true;
    if (entry->kind == RECORD_DECISION && event_text_is(text, "decision/1")) {
        row->kind = USE_EXCHANGE;
        ok = read_decision(text, arena, row);
    } else if (entry->kind == RECORD_EVENT && event_text_is(text, "consent/1")) {
        row->kind = USE_CONSENT;
        ok = read_consent(text, arena, row);
    } else if (entry->kind == RECORD_EVENT && event_text_is(text, "person/1")) {
        row->kind = USE_CONSENT;
        ok = read_person(text, arena, row);
    } else if (entry->kind == RECORD_EVENT && event_text_is(text, "access/1")) {
        row->kind = USE_ACCESS;
        ok = read_access(text, arena, row);
    }
    if (ok && row->person.size == 0) {
        row->kind = USE_NONE;
    }
    return ok;
}
