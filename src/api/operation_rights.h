/*
 * The person's rights and the holder's duties (src/rights) as JSON in and JSON out; as operation.h says. Times are RFC 3339. Each needs `rights` in the context; those that follow a clock
 * or a policy, `grounds`.
 */
#ifndef COMITY_API_OPERATION_RIGHTS_H
#define COMITY_API_OPERATION_RIGHTS_H

#include "api/operation.h"

/* { "person", "right", "subject"?, "words"?, "by", "method" } to { "id", "log_index" }. */
operation operation_request_receive;
/* { "id", "event": "accept"|"extend"|"fulfil"|"fulfil-partly"|"refuse"|"cancel", "by", "reason"?, "remedy"?, "answer"? } to { "log_index" }. */
operation operation_request_do;
/* { "person"?, "id"?, "open"? } to { "requests": [ { "id", "person", "right", "state", "overdue", "received_at", "due_at", .. } ] }. */
operation operation_request_list;
/* { "person"?, "id"?, "open"? } to { "obligations": [ { "id", "kind", "state", "overdue", "recipient", "exchanges": [..], .. } ] }. */
operation operation_obligation_list;
/* { "open"? } to { "notices": [ { "id", "from", "kind", "reason", "exchanges", "due_at", "outcome", .. } ] }: what holders told us. */
operation operation_received_list;
/* { "from", "id", "outcome": "erased"|"kept", "law"?, "by" } to {}. Needs `signer`. */
operation operation_received_end;
/* { "service", "reference", "author", "report", "made_at", "valid_until" } to { "id", "log_index" }. */
operation operation_assessment_add;
/* { "service"? } to { "assessments": [..] }. */
operation operation_assessment_list;
/* {} to the record of processing activities (rights/register.h). */
operation operation_register;
/* { "possible", "from", "until", "service"?, "recipient"?, "category"?, "cause", "harm", "measures", "advice", "contact", "known_at", "by" } to { "id", "log_index" }. */
operation operation_breach_open;
/* { "id", "step": "authority-told"|"persons-told"|"persons-waived"|"closed", "words", "by" } to { "log_index" }. */
operation operation_breach_do;
/* { "id"? } to { "breaches": [..] }. */
operation operation_breach_list;
/*
 * { "id", "drafts"?, "summary"? } to { "persons": [ { "person", "categories", "recipients", "disclosures", "first", "last", "draft"? } ], "person_count", "disclosures", "categories", "recipients",
 * "authority_draft"? }: whom the log says it touched; in a summary `persons` stays empty. Needs `log` and `holder`.
 */
operation operation_breach_persons;
/*
 * { "person" } to all that this gateway has about the person: { "consents", "uses", "requests", "obligations" }, each as its own operation gives it. What a request for access or a copy is answered
 * with (PIPL 45; GDPR 15, 20), beside what the organisation's own systems hold.
 */
operation operation_report;

/* {} to { "holds": [ { "consumer", "service", "since", "asked": persons, or null } ] }. */
operation operation_hold_list;
/* { "consumer", "service", "by", "reason" } to { "log_index" }. */
operation operation_hold_release;
/* { "id"?, "open"?, "untold"? } to { "reviews": [ { "id", "log_index", "time", "due_at", "overdue", "exchange", "client", "service", "person", "justification", .. } ] }. Needs `log`. */
operation operation_review_list;
/* { "id", "verdict": "justified"|"unjustified", "by", "words" } to { "log_index" }. */
operation operation_review_do;
/* { "id", "event": "told"|"waived", "by", "words": how, or by which law } to { "log_index" }. */
operation operation_review_tell;

#endif
