#include "consent/consent_internal.h"
#include "consent/event_text.h"
#include "consent/terms_internal.h"
#include "crypto/hash.h"

enum { CONSENT_VIEW_TEXT_MAX = 4 * 1024 * 1024 };

bool consent_view_digest(const struct consent_view *view, uint8_t digest[SHA256_SIZE])
{
    struct buffer known;
    buffer_init(&known, CONSENT_VIEW_TEXT_MAX);
    if (view != NULL) {
        consent_person_write(&view->person, &known);
    }
    for (size_t i = 0; view != NULL && i < view->count; i++) {
        const struct consent_decision *decision = &view->decisions[i];
        event_text_append(&known, "category", decision->category);
        event_text_append(&known, "state", bytes_of_text(consent_state_name(decision->state)));
        event_text_append_decimal(&known, "valid_from", decision->valid_from_ms);
        event_text_append_decimal(&known, "valid_until", decision->valid_until_ms);
        event_text_append(&known, "record", decision->record_id);
        consent_terms_write(decision->terms, &known);
    }
    bool ok = !known.failed;
    sha256(buffer_bytes(&known), digest);
    buffer_clear(&known);
    return ok;
}

bool consent_event_decides(enum consent_event event)
{
    return event == CONSENT_EVENT_GIVE || event == CONSENT_EVENT_REFUSE;
}

static void append_if(struct buffer *out, const char *name, struct bytes value)
{
    if (value.size > 0) {
        event_text_append(out, name, value);
    }
}

static void append_name(struct buffer *out, const char *line, const char *name)
{
    if (name != NULL) {
        event_text_append(out, line, bytes_of_text(name));
    }
}

void consent_act_write(const struct consent_act *act, struct buffer *out)
{
    if (act == NULL) {
        return;
    }
    append_name(out, "by", consent_role_name(act->role));
    append_if(out, "by_ref", act->ref);
    append_if(out, "relation", act->relation);
    if (act->has_evidence) {
        event_text_append_digest(out, "evidence", act->evidence);
    }
    append_name(out, "method", consent_method_name(act->method));
    append_if(out, "language", act->language);
    append_name(out, "assurance", consent_assurance_name(act->assurance));
}

static void append_category(const struct consent_decision *decision, struct buffer *out)
{
    struct buffer line;
    buffer_init(&line, CONSENT_IRI_BYTES_MAX + 32);
    buffer_append_text(&line, consent_state_name(decision->state));
    buffer_append_u8(&line, ' ');
    buffer_append(&line, decision->category);
    out->failed = out->failed || line.failed;
    event_text_append(out, "category", buffer_bytes(&line));
    buffer_clear(&line);
}

void consent_event_write(const struct consent_change *change, int64_t sequence, struct buffer *out)
{
    event_text_append(out, "comity-event", BYTES("consent/1"));
    event_text_append(out, "event", bytes_of_text(consent_event_name(change->event)));
    event_text_append_decimal(out, "sequence", sequence);
    event_text_append(out, "id", change->id);
    if (change->prev.size > 0) {
        event_text_append(out, "prev", change->prev);
    }
    if (change->has_prev_digest) {
        event_text_append_digest(out, "prev_digest", change->prev_digest);
    }
    event_text_append(out, "person", change->key.person);
    event_text_append(out, "recipient", change->key.recipient);
    event_text_append(out, "purpose", change->key.purpose);
    if (change->notice != NULL) {
        event_text_append(out, "notice_id", change->notice->id);
        event_text_append_decimal(out, "notice_revision", change->notice->revision);
        event_text_append(out, "holder", change->notice->holder.member);
        if (change->is_minor) {
            event_text_append(out, "minor", BYTES("yes"));
        }
    }
    consent_terms_write(change->terms, out);
    for (size_t i = 0; i < change->count; i++) {
        append_category(&change->decisions[i], out);
    }
    if (change->count > 0) { /* one span for all of a record */
        event_text_append_decimal(out, "valid_from", change->decisions[0].valid_from_ms);
        event_text_append_decimal(out, "valid_until", change->decisions[0].valid_until_ms);
    }
    consent_act_write(change->act, out);
    if (change->decided_ms != 0) {
        event_text_append_decimal(out, "decided_at", change->decided_ms);
    }
    event_text_append_decimal(out, "time", change->time_ms);
}
