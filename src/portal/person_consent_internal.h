/* A consent, its notice and what a recipient owes, as a person reads them. Pure; NULL: memory. */
#ifndef COMITY_PORTAL_PERSON_CONSENT_INTERNAL_H
#define COMITY_PORTAL_PERSON_CONSENT_INTERNAL_H

#include "portal/person_internal.h"

/*
 * A row of /v1/consents, or one whole, with its notice (NULL: none): to it come who, community, purpose_text, is_waiting, is_open, is_given, is_paused, is_over,
 * and in each decision is_open.
 */
json_t *view_consent(const json_t *consent, const json_t *notice, const char *language);
/* The history: [ { type, at, by, language } ], the newest first. */
json_t *view_events(const json_t *consent);
/* docs/formats/notices.md, each text in the reader's language; addresses that a browser may follow have { link }. */
json_t *view_notice(const json_t *notice, const char *language);
json_t *view_obligation(const json_t *obligation);

#endif
