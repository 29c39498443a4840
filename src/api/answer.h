/* Answers of our own APIs: text, JSON, and problems (RFC 9457) with a stable reason. */
#ifndef COMITY_API_ANSWER_H
#define COMITY_API_ANSWER_H

#include <jansson.h>

#include "net/server.h"

/* All answer `request`, which is gone afterwards. When memory is out, a bare 500 goes out. On the request's loop. */
void answer_text(struct server_request *request, unsigned status, const char *media_type, struct bytes text);
/* Takes over the reference; NULL (memory) becomes a 500. */
void answer_json(struct server_request *request, unsigned status, json_t *value);
/* `reason` is a stable code for programs ("consent.absent"); `detail` is for people. */
void answer_problem(struct server_request *request, unsigned status, const char *reason, const char *detail);
/* 405 with Allow. */
void answer_wrong_method(struct server_request *request, const char *allow);
/* What an error is over HTTP: 400, 404, 409, 500, 503, with "where: what; todo" as the detail. */
void answer_error(struct server_request *request, const struct error *e);

/* What net itself refuses: `server_on_fault` of our listeners. The context is not used. */
void answer_fault(void *context, enum server_fault fault, struct bytes accept, const char *detail, struct arena *arena,
                  struct server_answer *answer);

/* Appends `value` as JSON; `flags` are jansson's (JSON_COMPACT). False: no memory, or out->size_max. */
must_check bool answer_append_json(struct buffer *out, const json_t *value, size_t flags);

/* RFC 9110's phrase for a status that we send. */
const char *answer_status_title(unsigned status);

/* The path of a request-target, without the query. */
struct bytes target_path(struct bytes target);

#endif
