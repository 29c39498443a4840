/*
 * Leaves out of a bundle what its recipient may not see. A statement goes whole, and its salt with it: what stays is its entry, 32 bytes from
 * which nobody can tell what it was, and that it stands in the log. What is left verifies as before. docs/evidence.md, "Redaction". Pure.
 */
#ifndef COMITY_AUDIT_REDACT_H
#define COMITY_AUDIT_REDACT_H

#include "audit/bundle.h"
#include "base/arena.h"

/* What to leave out; bits. */
enum redaction {
    REDACT_PERSON = 1, /* every statement in which the person's identifier stands, escaped or not */
    REDACT_PATH = 2,   /* request and answer, which hold path and query */
    REDACT_REQUEST = 4,
    REDACT_DECISION = 8,
    REDACT_ANSWER = 16,
    REDACT_CONSENT = 32,
    REDACT_POLICY = 64,
};
/* From a list "person,policy". ERROR_INPUT names the word that is unknown. */
must_check bool redaction_parse(struct bytes text, unsigned *what, struct error *e);
/*
 * Changes `bundle`; what is new lives in `arena`. Without a decision in the bundle nobody can tell where the person's identifier stands, so
 * REDACT_PERSON takes request and answer, too. ERROR_INPUT: a receipt that can't be read; ERROR_DENIED: nothing would be left of request,
 * decision and answer.
 */
must_check bool bundle_redact(struct bundle *bundle, unsigned what, struct arena *arena, struct error *e);

#endif
