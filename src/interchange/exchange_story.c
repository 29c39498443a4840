#include "interchange/exchange_story.h"

#include <stdlib.h>

#include "base/time.h"
#include "consent/event_text.h"
#include "consent/exchanges.h"
#include "evidence/individual.h"
#include "evidence/statement.h"
#include "interchange/json_make.h"

/* In the order in which they happen. */
enum happening { REQUEST_STATED = 0, REQUEST_LOGGED, DECIDED, ANSWER_STATED, ANSWER_LOGGED, ANSWER_TAKEN, REFUSED };
static const struct {
    const char *word;
    bool is_holders;
} happenings[] = {
    [REQUEST_STATED] = { "request-stated", false },
    [REQUEST_LOGGED] = { "request-logged", false },
    [DECIDED] = { "decided", true },
    [ANSWER_STATED] = { "answer-stated", true },
    [ANSWER_LOGGED] = { "answer-logged", true },
    [ANSWER_TAKEN] = { "answer-taken", false },
    [REFUSED] = { "refused", false },
};

struct event {
    enum happening what;
    int64_t at_ms; /* 0: not told */
    bool is_exact; /* to the millisecond; else a statement's whole second */
    bool is_own;   /* by our clock */
    bool has_entry;
    uint64_t entry; /* in the log of whose side it is */
};

struct exchange_story {
    struct arena arena;
    struct bytes exchange, client, service, purpose, reason, told, verdict, person, released, withheld, method, own, other;
    uint64_t status;
    bool is_holder, is_consumer;
    struct event events[STORY_EVENTS_MAX];
    size_t count;
};

struct exchange_story *exchange_story_make(struct bytes exchange)
{
    struct exchange_story *story = calloc(1, sizeof *story);
    if (story != NULL) {
        story->exchange = arena_copy(&story->arena, exchange);
        if (story->exchange.data == NULL) {
            exchange_story_free(story);
            return NULL;
        }
    }
    return story;
}

void exchange_story_free(struct exchange_story *story)
{
    if (story != NULL) {
        arena_clear(&story->arena);
        explicit_bzero(story, sizeof *story);
        free(story);
    }
}

bool exchange_story_is_there(const struct exchange_story *story)
{
    return story->count > 0;
}

struct bytes exchange_story_person(const struct exchange_story *story)
{
    return story->person;
}

/* ---- Reading ---- */

static bool keep(struct exchange_story *story, struct bytes value, struct bytes *out)
{
    if (value.size == 0 || out->size > 0) {
        return true;
    }
    *out = arena_copy(&story->arena, value);
    return out->data != NULL;
}

static bool keep_line(struct exchange_story *story, struct bytes text, const char *name, struct bytes *out)
{
    struct bytes value, plain;
    if (!event_text_get(text, name, &value)) {
        return true;
    }
    plain = event_text_decode(&story->arena, value);
    return plain.data != NULL && keep(story, plain, out);
}

/* When it was stated, in whole seconds: `;created=` of the last line. 0: it does not say. */
static int64_t created_ms(struct bytes statement)
{
    static const struct bytes before = BYTES(";created=");
    struct bytes line = statement_line(statement, STATEMENT_LINE("@signature-params"));
    const uint8_t *found = line.size == 0 ? NULL : memmem(line.data, line.size, before.data, before.size);
    uint64_t seconds = 0;
    if (found == NULL) {
        return 0;
    }
    struct bytes rest = bytes_slice(line, (size_t)(found - line.data) + before.size, line.size);
    return bytes_to_u64(bytes_slice(rest, 0, bytes_find(rest, ';')), &seconds) && seconds < INT64_MAX / 1000 ? (int64_t)seconds * 1000 : 0;
}

static void add(struct exchange_story *story, struct event event)
{
    if (story->count < STORY_EVENTS_MAX) {
        story->events[story->count++] = event;
    }
}

static void add_stated(struct exchange_story *story, enum happening what, struct bytes statement, bool is_own)
{
    add(story, (struct event){ .what = what, .at_ms = created_ms(statement), .is_own = is_own });
}

static void add_logged(struct exchange_story *story, enum happening what, const struct log_entry *entry)
{
    add(story, (struct event){
                   .what = what, .at_ms = entry->time_ms, .is_exact = true, .is_own = true, .has_entry = true, .entry = entry->index });
}

/* Its place in the other side's log, by the receipt that came with it. */
static void add_receipt(struct exchange_story *story, enum happening what, struct bytes receipt)
{
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    struct exchange_note note;
    (void)individual_detach(&receipt, signature);
    const struct exchange_line line = { .receipt = receipt };
    exchange_note_of(&line, &note);
    if (note.has_receipt) {
        add(story, (struct event){ .what = what, .has_entry = true, .entry = note.receipt_index });
    }
}

static bool add_request_sent(struct exchange_story *story, const struct log_entry *entry)
{
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    struct bytes receiver = entry->attachment, text = entry->statement;
    (void)individual_detach(&receiver, signature);
    story->is_consumer = true;
    add_stated(story, REQUEST_STATED, text, true);
    add_logged(story, REQUEST_LOGGED, entry);
    return keep(story, statement_line(text, STATEMENT_LINE("x-road-client")), &story->client) &&
           keep(story, statement_line(text, STATEMENT_LINE("comity-purpose")), &story->purpose) &&
           keep(story, statement_line(text, STATEMENT_LINE("@method")), &story->method) &&
           keep(story, exchange_statement_origin(text), &story->own) && keep(story, receiver, &story->other);
}

static bool add_decision(struct exchange_story *story, const struct log_entry *entry)
{
    struct reader r = { .left = entry->attachment };
    struct bytes text = entry->statement, request = reader_take(&r, reader_u32(&r));
    story->is_holder = true;
    if (!r.failed && request.size > 0) {
        add_stated(story, REQUEST_STATED, request, false);
        add_receipt(story, REQUEST_LOGGED, r.left);
        if (!keep(story, statement_line(request, STATEMENT_LINE("@method")), &story->method) ||
            !keep(story, exchange_statement_origin(request), &story->other)) {
            return false;
        }
    }
    add_logged(story, DECIDED, entry);
    return keep_line(story, text, "client", &story->client) && keep_line(story, text, "service", &story->service) &&
           keep_line(story, text, "purpose", &story->purpose) && keep_line(story, text, "verdict", &story->verdict) &&
           keep_line(story, text, "reason", &story->reason) && keep_line(story, text, "person", &story->person);
}

static bool add_answer(struct exchange_story *story, const struct log_entry *entry)
{
    struct bytes text = entry->statement, status = statement_line(text, STATEMENT_LINE("@status"));
    bool is_sent = entry->kind == RECORD_ANSWER_SENT;
    add_stated(story, ANSWER_STATED, text, is_sent);
    if (is_sent) {
        add_logged(story, ANSWER_LOGGED, entry);
        story->is_holder = true;
    } else {
        add_receipt(story, ANSWER_LOGGED, entry->attachment);
        add_logged(story, ANSWER_TAKEN, entry);
        story->is_consumer = true;
    }
    story->status = bytes_to_u64(status, &story->status) ? story->status : 0;
    return keep(story, statement_line(text, STATEMENT_LINE("x-road-client")), &story->client) &&
           keep(story, statement_line(text, STATEMENT_LINE("x-road-service")), &story->service) &&
           keep(story, statement_line(text, STATEMENT_LINE("comity-reason")), &story->told) &&
           keep(story, statement_line(text, STATEMENT_LINE("comity-released")), &story->released) &&
           keep(story, statement_line(text, STATEMENT_LINE("comity-withheld")), &story->withheld) &&
           keep(story, exchange_statement_origin(text), is_sent ? &story->own : &story->other);
}

static bool add_event(struct exchange_story *story, const struct log_entry *entry)
{
    struct bytes text = entry->statement;
    if (!event_text_is(text, "refusal/1")) {
        return true;
    }
    story->is_consumer = true;
    add_logged(story, REFUSED, entry);
    return keep_line(story, text, "client", &story->client) && keep_line(story, text, "service", &story->service) &&
           keep_line(story, text, "reason", &story->reason);
}

bool exchange_story_add(struct exchange_story *story, const struct log_entry *entry)
{
    switch (entry->kind) {
    case RECORD_REQUEST_SENT:
        return add_request_sent(story, entry);
    case RECORD_DECISION:
        return add_decision(story, entry);
    case RECORD_ANSWER_SENT:
    case RECORD_ANSWER_RECEIVED:
        return add_answer(story, entry);
    case RECORD_EVENT:
        return add_event(story, entry);
    case RECORD_NONE:
        break;
    }
    return true;
}

/* ---- Telling ---- */

static int by_order(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->what != y->what) {
        return x->what < y->what ? -1 : 1;
    }
    return x->at_ms < y->at_ms ? -1 : x->at_ms > y->at_ms;
}

/* One that was told twice (its time by the statement, its place by the receipt) is one. */
static size_t merge(const struct exchange_story *story, struct event out[STORY_EVENTS_MAX])
{
    size_t count = 0;
    memcpy(out, story->events, story->count * sizeof out[0]);
    qsort(out, story->count, sizeof out[0], by_order);
    for (size_t i = 0; i < story->count; i++) {
        struct event *last = count > 0 ? &out[count - 1] : NULL;
        bool is_same = last != NULL && last->what == out[i].what && last->at_ms == out[i].at_ms && last->entry == out[i].entry;
        if (!is_same) {
            out[count++] = out[i];
        }
    }
    return count;
}

static json_t *events_json(const struct exchange_story *story)
{
    struct event events[STORY_EVENTS_MAX];
    size_t count = merge(story, events);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct event *event = &events[i];
        char text[TIME_TEXT_SIZE];
        struct json_maker m = json_make();
        json_make_text(&m, "what", happenings[event->what].word);
        json_make_text(&m, "side", happenings[event->what].is_holders ? "holder" : "consumer");
        json_make_bool(&m, "own", event->is_own);
        json_make_value(&m, "at", event->at_ms == 0 ? json_null() : json_string(time_text(event->at_ms, text)));
        json_make_bool(&m, "exact", event->is_exact);
        json_make_value(&m, "entry", event->has_entry ? json_integer((json_int_t)event->entry) : json_null());
        if (!json_list_add(list, json_made(&m))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *exchange_story_json(const struct exchange_story *story)
{
    struct json_maker m = json_make();
    struct bytes reason = story->reason.size > 0 ? story->reason : story->told;
    bool is_refused = reason.size > 0;
    json_make_bytes(&m, "exchange", story->exchange);
    json_make_text(&m, "side", story->is_holder ? "holder" : "consumer");
    json_make_bytes_or_null(&m, "client", story->client);
    json_make_bytes_or_null(&m, "service", story->service);
    json_make_bytes_or_null(&m, "method", story->method);
    json_make_bytes_or_null(&m, "purpose", story->purpose);
    json_make_text(&m, "verdict", is_refused ? "refuse" : story->status != 0 ? "permit" : "open");
    json_make_bytes_or_null(&m, "reason", reason);
    json_make_bytes_or_null(&m, "told", story->told);
    json_make_value(&m, "status", story->status == 0 ? json_null() : json_integer((json_int_t)story->status));
    json_make_bytes_or_null(&m, "released", story->released);
    json_make_bytes_or_null(&m, "withheld", story->withheld);
    json_make_bytes_or_null(&m, "own", story->own);
    json_make_bytes_or_null(&m, "other", story->other);
    json_make_bool(&m, "aboutPerson", story->person.size > 0);
    json_make_value(&m, "events", events_json(story));
    return json_made(&m);
}
