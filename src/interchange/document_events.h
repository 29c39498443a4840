/* A consent as a value, made of the events of its record (docs/formats/events.md, consent/1). Pure. */
#ifndef COMITY_INTERCHANGE_DOCUMENT_EVENTS_H
#define COMITY_INTERCHANGE_DOCUMENT_EVENTS_H

#include "interchange/consent_document.h"

/* Fed with the events in their order: document_events_add(), then document_events_end(). Zeroed but for `origin` is ready. */
struct document_events {
    struct bytes origin; /* of the log, for "logEntry"; empty: not said */
    struct arena arena;  /* what the document points to */
    struct consent_document document;
    struct consent_document_decision decisions[NOTICE_CATEGORIES_MAX];
    struct consent_document_event *events;
    size_t event_room;
};
/* `log_index` UINT64_MAX: not in the log yet. ERROR_INPUT: no text of a consent's event; ERROR_FULL: more than CONSENT_DOCUMENT_EVENTS_MAX. */
must_check bool document_events_add(struct document_events *d, struct bytes text, uint64_t log_index, struct error *e);
/*
 * Completes `d->document`, which lives until document_events_clear() and as long as `*notice` (a view into `notices`): the state as of `now_ms`, expired
 * by the clock and superseded by the notices. ERROR_ABSENT: there was no event, or its notice isn't known here.
 */
must_check bool document_events_end(struct document_events *d, const struct notices *notices, int64_t now_ms, const struct notice **notice,
                                    struct error *e);
void document_events_clear(struct document_events *d);

#endif
