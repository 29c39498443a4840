#include "interchange/document_events.h"

#include <stdio.h>

#include "base/encode.h"
#include "consent/event_text.h"

static const struct {
    const char *event;
    enum consent_state to;
} events[] = {
    { "request", CONSENT_REQUESTED },      { "give", CONSENT_GIVEN },
    { "refuse", CONSENT_REFUSED },         { "defer", CONSENT_DEFERRED },
    { "pause", CONSENT_PAUSED },           { "resume", CONSENT_GIVEN },
    { "withdraw", CONSENT_WITHDRAWN },     { "revoke", CONSENT_REVOKED },
    { "expire", CONSENT_EXPIRED },         { "supersede", CONSENT_SUPERSEDED },
    { "invalidate", CONSENT_INVALIDATED },
};

/* The value of a line, decoded and kept; empty when there is none. */
static bool take(struct document_events *d, struct bytes text, const char *name, struct bytes *out)
{
    struct bytes raw;
    *out = BYTES_NONE;
    if (!event_text_get(text, name, &raw)) {
        return true;
    }
    *out = arena_copy(&d->arena, event_text_decode(&d->arena, raw));
    return out->data != NULL;
}

static int64_t number(struct bytes text, const char *name, int64_t otherwise)
{
    struct bytes raw;
    uint64_t value;
    return event_text_get(text, name, &raw) && bytes_to_u64(raw, &value) && value <= INT64_MAX ? (int64_t)value : otherwise;
}

static bool digest(struct bytes text, const char *name, uint8_t out[SHA256_SIZE])
{
    struct bytes raw;
    size_t size = 0;
    return event_text_get(text, name, &raw) && bytes_start_with(raw, BYTES("sha-256=:")) && raw.size > 10 &&
           base64_parse(bytes_slice(raw, 9, raw.size - 1), out, SHA256_SIZE, &size) && size == SHA256_SIZE;
}

static bool parse_state(struct bytes name, enum consent_state *out)
{
    for (enum consent_state state = CONSENT_REQUESTED; state <= CONSENT_INVALIDATED; state++) {
        if (bytes_equal(name, bytes_of_text(consent_state_name(state)))) {
            *out = state;
            return true;
        }
    }
    return false;
}

/* "given https://...": the category's state after the event. */
static bool take_category(struct document_events *d, struct bytes value)
{
    struct consent_document *doc = &d->document;
    struct bytes word, rest = event_text_decode(&d->arena, value);
    enum consent_state state;
    if (!bytes_split(&rest, ' ', &word) || !parse_state(word, &state)) {
        return false;
    }
    size_t i = 0;
    while (i < doc->decision_count && !bytes_equal(d->decisions[i].category, rest)) {
        i++;
    }
    if (i == NOTICE_CATEGORIES_MAX) {
        return false;
    }
    if (i == doc->decision_count) {
        d->decisions[i].category = arena_copy(&d->arena, rest);
        doc->decision_count++;
    }
    d->decisions[i].state = state;
    return d->decisions[i].category.data != NULL;
}

static void take_separate(struct consent_document *doc, struct bytes words)
{
    struct bytes word;
    uint32_t bit;
    doc->separate = 0;
    while (bytes_split(&words, ' ', &word)) {
        doc->separate |= law_separate_parse(word, &bit) ? bit : 0;
    }
}

/* The terms: an event that has them sets them all. */
static bool take_terms(struct document_events *d, struct bytes text)
{
    struct consent_document *doc = &d->document;
    struct bytes raw;
    doc->use = (struct use_limits){ 0 };
    doc->has_recipient_life = event_text_get(text, "recipient_life", &raw) && period_parse(raw, &doc->recipient_life);
    doc->has_erase_at = event_text_get(text, "erase_at", &raw);
    doc->erase_at_ms = number(text, "erase_at", 0);
    doc->use.max = (uint64_t)number(text, "max", 0);
    doc->use.total = (uint64_t)number(text, "total", 0);
    doc->use.has_from = event_text_get(text, "data_from", &raw);
    doc->use.range_from_ms = number(text, "data_from", 0);
    doc->use.has_to = event_text_get(text, "data_until", &raw);
    doc->use.range_to_ms = number(text, "data_until", 0);
    take_separate(doc, event_text_get(text, "separate", &raw) ? raw : BYTES_NONE);
    return (!event_text_get(text, "mode", &raw) || use_mode_parse(raw, &doc->use.mode)) &&
           (!event_text_get(text, "fetch", &raw) || use_fetch_parse(raw, &doc->use.fetch)) &&
           (!event_text_get(text, "per", &raw) || period_parse(raw, &doc->use.per)) && digest(text, "notice", doc->notice_digest) &&
           take(d, text, "notice_id", &doc->notice_id) && take(d, text, "holder", &doc->holder);
}

static bool take_record(struct document_events *d, struct bytes text)
{
    struct consent_document *doc = &d->document;
    struct bytes raw, name, rest = text;
    if (doc->event_count == 0) {
        doc->has_prev = digest(text, "prev_digest", doc->prev);
        if (!take(d, text, "id", &doc->id) || !take(d, text, "person", &doc->person) || !take(d, text, "recipient", &doc->recipient) ||
            !take(d, text, "purpose", &doc->purpose)) {
            return false;
        }
    }
    doc->is_minor = event_text_get(text, "minor", &raw) || doc->is_minor;
    doc->valid_from_ms = number(text, "valid_from", doc->valid_from_ms);
    doc->valid_until_ms = number(text, "valid_until", doc->valid_until_ms);
    while (event_text_next(&rest, &name, &raw)) {
        if (bytes_equal(name, BYTES("category")) && !take_category(d, raw)) {
            return false;
        }
    }
    return !event_text_get(text, "notice", &raw) || take_terms(d, text);
}

/* Whole seconds have no milliseconds: our JSON has none. */
static int64_t whole(int64_t time_ms)
{
    return time_ms - time_ms % 1000;
}

static bool take_event(struct document_events *d, struct bytes text, uint64_t log_index, enum consent_state to)
{
    struct consent_document *doc = &d->document;
    struct consent_document_event *event = &d->events[doc->event_count];
    *event = (struct consent_document_event){ .sequence = doc->event_count + 1, .to = to, .at_ms = whole(number(text, "time", 0)) };
    if (log_index != UINT64_MAX && d->origin.size > 0) {
        event->log_entry = arena_format(&d->arena, "%.*s/%llu", BYTES_FMT(d->origin), (unsigned long long)log_index);
    }
    doc->event_count++;
    if (!take(d, text, "by", &event->role) || !take(d, text, "by_ref", &event->ref) || !take(d, text, "relation", &event->relation) ||
        !take(d, text, "evidence", &event->evidence) || !take(d, text, "method", &event->method) ||
        !take(d, text, "language", &event->language) || !take(d, text, "assurance", &event->assurance)) {
        return false;
    }
    event->role = event->role.size > 0 ? event->role : BYTES("system");
    return true;
}

bool document_events_add(struct document_events *d, struct bytes text, uint64_t log_index, struct error *e)
{
    struct consent_document *doc = &d->document;
    struct bytes word;
    size_t i = 0;
    if (doc->event_count == CONSENT_DOCUMENT_EVENTS_MAX) {
        return error_set(e, ERROR_FULL, "consent", NULL, "it has more than %d events", CONSENT_DOCUMENT_EVENTS_MAX);
    }
    if (doc->event_count == d->event_room) {
        size_t room = d->event_room == 0 ? 16 : 2 * d->event_room;
        struct consent_document_event *grown = arena_take(&d->arena, room * sizeof *grown);
        if (grown == NULL) {
            return error_memory(e, "consent");
        }
        if (doc->event_count > 0) {
            memcpy(grown, d->events, doc->event_count * sizeof *grown);
        }
        d->events = grown;
        d->event_room = room;
    }
    bool is_known = event_text_is(text, "consent/1") && event_text_get(text, "event", &word);
    while (is_known && i < COUNT_OF(events) && !bytes_equal(word, bytes_of_text(events[i].event))) {
        i++;
    }
    return (is_known && i < COUNT_OF(events) && take_record(d, text) && take_event(d, text, log_index, events[i].to)) ||
           error_set(e, ERROR_INPUT, "consent", "check the log", "an event of it can't be read");
}

/* As of now: one category that is given keeps the record given, and what has an end is measured by the clock. */
static enum consent_state state_of(const struct document_events *d, const struct notices *notices, int64_t now_ms)
{
    const struct consent_document *doc = &d->document;
    enum consent_state state = d->decisions[0].state;
    for (size_t i = 1; i < doc->decision_count; i++) {
        state = d->decisions[i].state == CONSENT_GIVEN || state == CONSENT_REFUSED ? d->decisions[i].state : state;
    }
    bool can_end = state == CONSENT_GIVEN || state == CONSENT_PAUSED || state == CONSENT_REQUESTED || state == CONSENT_DEFERRED;
    if (can_end && now_ms >= doc->valid_until_ms) {
        return CONSENT_EXPIRED;
    }
    return can_end && !notices_is_accepted(notices, doc->notice_digest) ? CONSENT_SUPERSEDED : state;
}

bool document_events_end(struct document_events *d, const struct notices *notices, int64_t now_ms, const struct notice **notice,
                         struct error *e)
{
    struct consent_document *doc = &d->document;
    *notice = NULL;
    if (doc->event_count == 0 || doc->decision_count == 0) {
        return error_set(e, ERROR_ABSENT, "consent", "see 'comity consent list'", "there is no such consent");
    }
    *notice = notices_find_by_digest(notices, doc->notice_digest);
    if (*notice == NULL) {
        return error_set(e, ERROR_ABSENT, "consent", "only consents on a published notice can be written in other forms",
                         "its notice was not published here");
    }
    doc->notice_id = (*notice)->id;
    doc->notice_revision = (*notice)->revision;
    doc->holder = (*notice)->holder.member;
    doc->valid_from_ms = whole(doc->valid_from_ms);
    doc->valid_until_ms = whole(doc->valid_until_ms);
    doc->decisions = d->decisions;
    doc->events = d->events;
    doc->state = state_of(d, notices, now_ms);
    return true;
}

void document_events_clear(struct document_events *d)
{
    arena_clear(&d->arena);
    *d = (struct document_events){ 0 };
}
