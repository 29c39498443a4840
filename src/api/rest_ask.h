/*
 * An operation of the REST API, asked in process by a page: through the same routes, table of rights, query and schema, idempotency, and the same
 * log of looks as if it had come over HTTP from whoever is signed in.
 */
#ifndef COMITY_API_REST_ASK_H
#define COMITY_API_REST_ASK_H

#include "api/rest_call.h"

/*
 * `method` and `target` ("/v1/uses?limit=20", encoded as in a request) name the operation; `body` (borrowed; NULL: none) is its JSON. Whom it is
 * for: the principal of `call`; for a ward, call->asking_guardianship says by which guardianship, for staff call->asking_person which person.
 * What changes something is done once for each form: its Idempotency-Key is the form's field `key` and which of the page's questions it is, so
 * a page asks the same in the same order each time.
 *
 * `call->asking_match` stands for If-Match of a change, and is used up by it; `call->asked_etag` is the answer's tag.
 *
 * True: *answer is the operation's JSON, the caller's (NULL if it has none), *status its status of success. False: refused or in trouble; `e`
 * says why, *status is the API's status, and the call's own status and reason are the same, so that a handler may just return false. One that
 * goes on nevertheless passes an error of its own, and answers with *status unless it sets another. `status` and `answer` may not be NULL.
 */
must_check bool rest_ask(struct rest_call *call, const char *method, const char *target, const json_t *body, json_t **answer,
                         unsigned *status, struct error *e);

#endif
