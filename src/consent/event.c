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

void consent_event_write(const struct consent_change *change, int64_t sequence, struct buffer *out)
{
    event_text_append(out, "comity-event", BYTES("consent/1"));
    event_text_append(out, "event", bytes_of_text(consent_event_name(change->event)));
    event_text_append_decimal(out, "sequence", sequence);
    event_text_append(out, "id", change->id);
    if (change->prev.size > 0) {
        event_text_append(out, "prev", change->prev);
    }
    event_text_append(out, "person", change->key.person);
    event_text_append(out, "recipient", change->key.recipient);
    event_text_append(out, "purpose", change->key.purpose);
    for (size_t i = 0; i < change->count; i++) {
        const struct consent_decision *decision = &change->decisions[i];
        struct buffer line;
        buffer_init(&line, CONSENT_IRI_BYTES_MAX + 32);
        buffer_append_text(&line, consent_state_name(decision->state));
        buffer_append_u8(&line, ' ');
        buffer_append(&line, decision->category);
        out->failed = out->failed || line.failed;
        event_text_append(out, "category", buffer_bytes(&line));
        buffer_clear(&line);
    }
    if (change->count > 0) { /* one span for all of a record */
        event_text_append_decimal(out, "valid_from", change->decisions[0].valid_from_ms);
        event_text_append_decimal(out, "valid_until", change->decisions[0].valid_until_ms);
    }
    event_text_append_decimal(out, "time", change->time_ms);
}
