#include "document_fixture.h"

const enum consent_state document_fixture_states[10] = {
    CONSENT_REQUESTED, CONSENT_DEFERRED, CONSENT_GIVEN,   CONSENT_PAUSED,     CONSENT_REFUSED,
    CONSENT_WITHDRAWN, CONSENT_REVOKED,  CONSENT_EXPIRED, CONSENT_SUPERSEDED, CONSENT_INVALIDATED,
};

static const int64_t asked_ms = 1795500000000, decided_ms = 1795507200000, ended_ms = 1800000000000, until_ms = 1827043200000;

static enum consent_state decided_as(enum consent_state state)
{
    switch (state) {
    case CONSENT_REQUESTED:
    case CONSENT_DEFERRED:
    case CONSENT_REFUSED:
        return state;
    case CONSENT_NONE:
    case CONSENT_GIVEN:
    case CONSENT_PAUSED:
    case CONSENT_WITHDRAWN:
    case CONSENT_REVOKED:
    case CONSENT_EXPIRED:
    case CONSENT_SUPERSEDED:
    case CONSENT_INVALIDATED:
        break;
    }
    return CONSENT_GIVEN;
}

static void add_event(struct document_fixture *f, enum consent_state to, int64_t at_ms, const char *role)
{
    struct consent_document_event *event = &f->events[f->document.event_count++];
    *event = (struct consent_document_event){ .sequence = f->document.event_count, .to = to, .at_ms = at_ms, .role = bytes_of_text(role) };
    if (strcmp(role, "guardian") == 0) {
        event->ref = BYTES("g-2");
        event->relation = BYTES("mother");
        event->evidence = BYTES("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
    if (strcmp(role, "system") != 0) {
        event->method = BYTES("portal");
        event->language = BYTES("zh");
        event->assurance = BYTES("substantial");
    }
    event->log_entry = BYTES("hosp1.example/log/41");
}

void document_fixture_init(struct document_fixture *f, const struct notice *notice, enum consent_state state)
{
    enum consent_state decided = decided_as(state);
    *f = (struct document_fixture){ .document = {
                                        .id = BYTES("c-0f6d3f0e5b7c4a0f9a6d1f2e3c4b5a69"),
                                        .person = BYTES("p-1001"),
                                        .person_id_type = BYTES("foundational"),
                                        .person_idp = BYTES("https://id.example/"),
                                        .is_minor = true,
                                        .notice_id = notice->id,
                                        .notice_revision = notice->revision,
                                        .holder = notice->holder.member,
                                        .recipient = notice->recipient.member,
                                        .purpose = notice->purpose,
                                        .state = state,
                                        .valid_from_ms = decided_ms,
                                        .valid_until_ms = until_ms,
                                        .decision_count = notice->category_count < 2 ? notice->category_count : 2,
                                        .use = notice->use,
                                        .has_recipient_life = notice->has_recipient_life,
                                        .recipient_life = notice->recipient_life,
                                        .separate = LAW_SEPARATE_SENSITIVE | LAW_SEPARATE_PROVIDE | LAW_SEPARATE_BORDER |
                                                    LAW_SEPARATE_MINOR,
                                    } };
    memcpy(f->document.notice_digest, notice->digest, SHA256_SIZE);
    f->document.decisions = f->decisions;
    f->document.events = f->events;
    for (size_t i = 0; i < f->document.decision_count; i++) {
        f->decisions[i] = (struct consent_document_decision){ notice->categories[i].iri, state };
    }
    if (f->document.decision_count == 2 && decided == CONSENT_GIVEN) {
        f->decisions[1].state = CONSENT_REFUSED; /* the optional one */
    }
    add_event(f, CONSENT_REQUESTED, asked_ms, "system");
    if (decided != CONSENT_REQUESTED) {
        add_event(f, decided, decided_ms, "guardian");
    }
    if (state != decided) {
        add_event(f, state, ended_ms, state == CONSENT_WITHDRAWN || state == CONSENT_PAUSED ? "person" : "system");
    }
}
