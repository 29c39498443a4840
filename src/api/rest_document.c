/* A consent with its history (interchange/consent_document.h), made of its events as they are in the log. */
#include <stdio.h>

#include "api/rest_document_internal.h"
#include "base/encode.h"
#include "consent/event_text.h"

enum { EVENTS_MAX = CONSENT_DOCUMENT_EVENTS_MAX };

struct making {
    struct rest_document *document;
    struct arena *arena;
    struct bytes origin;
    struct consent_document_event *events;
    struct consent_document_decision *decisions;
    bool failed;
};

static struct bytes line_of(struct making *m, struct bytes text, const char *name)
{
    struct bytes value;
    if (!event_text_get(text, name, &value)) {
        return BYTES_NONE;
    }
    struct bytes plain = event_text_decode(m->arena, value);
    struct bytes kept = plain.data == NULL ? BYTES_NONE : arena_copy(m->arena, plain);
    m->failed = m->failed || kept.data == NULL;
    return kept;
}

static bool number_of(struct making *m, struct bytes text, const char *name, int64_t *out)
{
    uint64_t value;
    struct bytes line = line_of(m, text, name);
    if (!bytes_to_u64(line, &value) || value > INT64_MAX) {
        return false;
    }
    *out = (int64_t)value;
    return true;
}

static enum consent_state state_of(struct bytes name)
{
    for (unsigned state = CONSENT_NONE; state <= CONSENT_INVALIDATED; state++) {
        if (bytes_equal(bytes_of_text(consent_state_name((enum consent_state)state)), name)) {
            return (enum consent_state)state;
        }
    }
    return CONSENT_NONE;
}

/* `category: STATE IRI`: of each category the newest event's word holds. */
static void take_categories(struct making *m, struct bytes text, enum consent_state *to)
{
    struct consent_document *d = &m->document->value;
    struct bytes name, value;
    while (event_text_next(&text, &name, &value)) {
        struct bytes rest = event_text_decode(m->arena, value), state;
        if (!bytes_equal(name, BYTES("category")) || rest.data == NULL || !bytes_split(&rest, ' ', &state)) {
            continue;
        }
        size_t at = 0;
        while (at < d->decision_count && !bytes_equal(m->decisions[at].category, rest)) {
            at++;
        }
        if (at == d->decision_count && at < NOTICE_CATEGORIES_MAX) {
            m->decisions[at].category = arena_copy(m->arena, rest);
            m->failed = m->failed || m->decisions[at].category.data == NULL;
            d->decision_count++;
        }
        if (at < d->decision_count) {
            m->decisions[at].state = state_of(state);
            /* What one given category makes of the whole: all refused is refused. */
            *to = *to == CONSENT_GIVEN ? *to : state_of(state);
        }
    }
}

static void take_digest(struct making *m, struct bytes text, const char *name, uint8_t out[SHA256_SIZE], bool *has)
{
    struct bytes line = line_of(m, text, name);
    *has = line.size > 0 && event_text_digest(line, out);
}

static void take_terms(struct making *m, struct bytes text)
{
    struct consent_document *d = &m->document->value;
    bool has = false;
    int64_t number = 0;
    struct bytes line, word;
    uint32_t bit;
    take_digest(m, text, "notice", d->notice_digest, &has);
    if (!has) {
        return;
    }
    m->document->has_notice = true;
    line = line_of(m, text, "separate");
    d->separate = 0;
    while (line.size > 0 && bytes_split(&line, ' ', &word)) {
        d->separate |= law_separate_parse(word, &bit) ? bit : 0;
    }
    /* What isn't said, or can't be read, is the least. */
    if (!use_mode_parse(line_of(m, text, "mode"), &d->use.mode)) {
        d->use.mode = USE_MODE_VIEW;
    }
    if (!use_fetch_parse(line_of(m, text, "fetch"), &d->use.fetch)) {
        d->use.fetch = USE_FETCH_ONETIME;
    }
    d->use.max = number_of(m, text, "max", &number) ? (uint64_t)number : 0;
    d->use.total = number_of(m, text, "total", &number) ? (uint64_t)number : 0;
    if (!period_parse(line_of(m, text, "per"), &d->use.per)) {
        d->use.per = (struct period){ 0 };
    }
    d->use.has_from = number_of(m, text, "data_from", &d->use.range_from_ms);
    d->use.has_to = number_of(m, text, "data_until", &d->use.range_to_ms);
    d->has_recipient_life = period_parse(line_of(m, text, "recipient_life"), &d->recipient_life);
    d->has_erase_at = number_of(m, text, "erase_at", &d->erase_at_ms);
    d->notice_id = line_of(m, text, "notice_id");
    d->notice_revision = number_of(m, text, "notice_revision", &number) ? (uint32_t)number : 0;
}

static struct bytes evidence_of(struct making *m, struct bytes text)
{
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    bool has;
    take_digest(m, text, "evidence", digest, &has);
    if (!has) {
        return BYTES_NONE;
    }
    hex_write(bytes_of(digest, sizeof digest), hex);
    return arena_copy(m->arena, bytes_of_text(hex));
}

static void take_first(struct making *m, struct bytes text)
{
    struct consent_document *d = &m->document->value;
    d->id = line_of(m, text, "id");
    d->person = line_of(m, text, "person");
    d->recipient = line_of(m, text, "recipient");
    d->purpose = line_of(m, text, "purpose");
    d->is_minor = bytes_equal(line_of(m, text, "minor"), BYTES("yes"));
    take_digest(m, text, "prev_digest", d->prev, &d->has_prev);
}

static bool take_event(void *context, const struct consent_event_text *event)
{
    struct making *m = context;
    struct consent_document *d = &m->document->value;
    struct bytes text = event->text;
    if (d->event_count == EVENTS_MAX) {
        return false;
    }
    struct consent_document_event *made = &m->events[d->event_count];
    if (d->event_count++ == 0) {
        take_first(m, text);
    }
    struct bytes holder = line_of(m, text, "holder");
    d->holder = holder.size > 0 ? holder : d->holder;
    take_terms(m, text);
    take_categories(m, text, &made->to);
    (void)number_of(m, text, "valid_from", &d->valid_from_ms);
    (void)number_of(m, text, "valid_until", &d->valid_until_ms);
    (void)number_of(m, text, "time", &made->at_ms);
    made->sequence = d->event_count;
    made->role = line_of(m, text, "by");
    made->ref = line_of(m, text, "by_ref");
    made->relation = line_of(m, text, "relation");
    made->evidence = evidence_of(m, text);
    made->method = line_of(m, text, "method");
    made->language = line_of(m, text, "language");
    made->assurance = line_of(m, text, "assurance");
    if (event->log_index != UINT64_MAX) {
        made->log_entry = arena_format(m->arena, "%.*s/%llu", BYTES_FMT(m->origin), (unsigned long long)event->log_index);
        m->document->log_index = event->log_index;
    }
    memcpy(m->document->digest, event->digest, SHA256_SIZE);
    return !m->failed;
}

/* Expired by the clock, and superseded by the notices, without an event of it. */
static void finish_state(struct making *m, const struct notices *notices, int64_t now_ms)
{
    struct consent_document *d = &m->document->value;
    d->state = CONSENT_NONE;
    for (size_t i = 0; i < d->decision_count; i++) {
        enum consent_state *state = &m->decisions[i].state;
        bool is_open = *state == CONSENT_GIVEN || *state == CONSENT_PAUSED || *state == CONSENT_REQUESTED || *state == CONSENT_DEFERRED;
        if (is_open && d->valid_until_ms <= now_ms) {
            *state = CONSENT_EXPIRED;
        } else if ((*state == CONSENT_GIVEN || *state == CONSENT_PAUSED) && m->document->has_notice && notices != NULL &&
                   !notices_is_accepted(notices, d->notice_digest)) {
            *state = CONSENT_SUPERSEDED;
        }
        /* One that is given makes the whole given; refused is the whole only where nothing else ever was. */
        d->state = d->state == CONSENT_NONE || *state == CONSENT_GIVEN || d->state == CONSENT_REFUSED ? *state : d->state;
    }
}

bool rest_document_make(struct consents *consents, struct bytes id, struct bytes origin, struct bytes holder, const struct notices *notices,
                        int64_t now_ms, struct arena *arena, struct rest_document *out, struct error *e)
{
    *out = (struct rest_document){ .log_index = UINT64_MAX };
    struct making m = { .document = out,
                        .arena = arena,
                        .origin = origin,
                        .events = arena_take_zeroed(arena, EVENTS_MAX * sizeof *m.events),
                        .decisions = arena_take_zeroed(arena, NOTICE_CATEGORIES_MAX * sizeof *m.decisions) };
    if (m.events == NULL || m.decisions == NULL) {
        return error_memory(e, "consent");
    }
    out->value.holder = holder;
    out->value.events = m.events;
    out->value.decisions = m.decisions;
    if (!consent_events(consents, id, take_event, &m, e)) {
        return false;
    }
    if (m.failed) {
        return error_memory(e, "consent");
    }
    if (out->value.event_count == 0) {
        return error_set(e, ERROR_ABSENT, "consent", NULL, "there is none of this id");
    }
    finish_state(&m, notices, now_ms);
    return true;
}
