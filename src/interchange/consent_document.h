/*
 * A consent with its history, as a plain value (reference consent-standards 6.2): what the exporters take, and our own JSON of it, which reads
 * back. Pure. Whoever has the record fills it; words (roles, methods, assurance) are those of the JSON.
 */
#ifndef COMITY_INTERCHANGE_CONSENT_DOCUMENT_H
#define COMITY_INTERCHANGE_CONSENT_DOCUMENT_H

#include "consent/consent.h"
#include "consent/notice.h"

enum {
    CONSENT_DOCUMENT_BYTES_MAX = 64 * 1024,
    CONSENT_DOCUMENT_EVENTS_MAX = 1000,
    CONSENT_DOCUMENT_PERSON_SIZE_MAX = 128,
};

struct consent_document_decision {
    struct bytes category;    /* IRI */
    enum consent_state state; /* "decision" in the JSON: given or refused by the person, or what became of it since */
};
/* Views; empty means that nothing was said. */
struct consent_document_event {
    uint64_t sequence;     /* from 1 within the record */
    enum consent_state to; /* "type" in the JSON: the state it led to ("given", "withdrawn") */
    int64_t at_ms;
    struct bytes role;      /* person, guardian, relative, delegate, authority, system */
    struct bytes ref;       /* the holder's opaque name of who acted; empty: the person, or nobody in particular */
    struct bytes relation;  /* "mother" */
    struct bytes evidence;  /* a digest or reference */
    struct bytes method;    /* portal, kiosk, paper, voice, ussd, api */
    struct bytes language;  /* BCP 47 */
    struct bytes assurance; /* low, substantial, high */
    struct bytes signature_algorithm, signature_key, signature; /* "ed25519", key id, base64 */
    struct bytes log_entry;                                     /* "<origin>/<index>" */
};
/* Views: all of it lives as long as what it was filled from. */
struct consent_document {
    struct bytes id;
    struct bytes person, person_id_type, person_idp;
    bool is_minor;
    struct bytes notice_id;
    uint32_t notice_revision;
    uint8_t notice_digest[SHA256_SIZE];
    struct bytes holder, recipient; /* members */
    struct bytes purpose;           /* IRI */
    enum consent_state state;       /* as of now: expired by the clock, superseded by the notices */
    int64_t valid_from_ms, valid_until_ms;
    const struct consent_document_decision *decisions; /* 1 to 64 */
    size_t decision_count;
    struct use_limits use;
    bool has_recipient_life, has_erase_at;
    struct period recipient_life;
    int64_t erase_at_ms;
    uint32_t separate;                           /* LAW_SEPARATE_* */
    const struct consent_document_event *events; /* in their order; the first is the decision or the request */
    size_t event_count;
    bool has_prev;
    uint8_t prev[SHA256_SIZE]; /* of the record before */
};

/*
 * The JSON of section 6.2, with its own digest ("sha256": of the RFC 8785 bytes of all the rest). `*out` is the caller's; ERROR_MEMORY, or
 * ERROR_INPUT for text that isn't UTF-8.
 */
must_check bool consent_document_write(const struct consent_document *document, json_t **out, struct error *e);
/* Reads that JSON back; what `*out` points to is in `arena`. ERROR_INPUT with the JSON pointer; also when its digest is not that of the rest. */
must_check bool consent_document_read(const json_t *value, struct arena *arena, struct consent_document *out, struct error *e);

/* The moment of the last event that led to `state`; 0: there is none. */
int64_t consent_document_time(const struct consent_document *document, enum consent_state state);
/* The event by which the person (or who acts for the person) decided first; NULL: nobody did yet. */
const struct consent_document_event *consent_document_decision_event(const struct consent_document *document);

#endif
