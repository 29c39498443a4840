/* The lines in which the terms of a record and the facts of a person are written, in events and under the digest of a view. Pure. */
#ifndef COMITY_CONSENT_TERMS_INTERNAL_H
#define COMITY_CONSENT_TERMS_INTERNAL_H

#include "base/buffer.h"
#include "consent/consent.h"

/* Appends what is not zero: `notice`, `separate`, `decided_by`, and the limits (docs/formats/events.md). NULL: nothing. */
void consent_terms_write(const struct consent_terms *terms, struct buffer *out);
/*
 * Takes them from the text of an event, or from what consent_terms_write() made; other lines are passed over. `*has_any` is false when there is none
 * of them. False: a value that consent_terms_write() does not write.
 */
must_check bool consent_terms_read(struct bytes text, struct consent_terms *out, bool *has_any);

/* The facts, one line each, of what is known. */
void consent_person_write(const struct consent_person *person, struct buffer *out);
must_check bool consent_person_read(struct bytes text, struct consent_person *out);

#endif
