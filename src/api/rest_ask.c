#include "api/rest_ask.h"

#include <stdio.h>

#include "api/answer.h"
#include "api/rest_internal.h"
#include "api/rest_page.h"
#include "base/time.h"

enum { ASKED_FIELDS_MAX = 5, ASKED_ARENA_BYTES_MAX = 8 * 1024 * 1024 };

/* The request as it would have come over HTTP; its parts live in the asking call's arena, but for the body. */
static bool make_request(struct rest_call *call, const char *method, const char *target, const json_t *body, struct server_request *request,
                         struct error *e)
{
    struct buffer text;
    struct bytes key = rest_form(call, "key");
    bool is_change = strcmp(method, "GET") != 0;
    buffer_init(&text, REST_BODY_BYTES_MAX);
    bool ok = body == NULL || answer_append_json(&text, body, JSON_COMPACT);
    request->method = bytes_of_text(method);
    request->target = bytes_of_text(target);
    request->body = ok ? body_of(buffer_bytes(&text)) : NULL;
    buffer_wipe(&text);
    ok = request->body != NULL;
    if (ok && body != NULL) {
        ok = fields_add(&request->fields, &call->arena, BYTES("Content-Type"), BYTES("application/json"));
    }
    if (ok && is_change && key.size > 0) {
        struct bytes own = arena_format(&call->arena, "%.*s.%u", BYTES_FMT(key), call->ask_count);
        ok = own.data != NULL && fields_add(&request->fields, &call->arena, BYTES("Idempotency-Key"), own);
    }
    if (ok && call->asking_guardianship.size > 0) {
        ok = fields_add(&request->fields, &call->arena, BYTES("Comity-Guardianship"), call->asking_guardianship);
    }
    if (ok && call->asking_person.size > 0) {
        ok = fields_add(&request->fields, &call->arena, BYTES("Comity-Person"), call->asking_person);
    }
    if (ok && is_change && call->asking_match.size > 0) {
        struct bytes tag = arena_format(&call->arena, "\"%.*s\"", BYTES_FMT(call->asking_match));
        ok = tag.data != NULL && fields_add(&request->fields, &call->arena, BYTES("If-Match"), tag);
        call->asking_match = BYTES_NONE;
    }
    call->ask_count += is_change;
    return ok || error_memory(e, "request");
}

static bool find_operation(struct rest_call *asked, struct error *e)
{
    if (!route_find(asked->request->method, target_path(asked->request->target), &asked->arena, &asked->match)) {
        return error_memory(e, "request");
    }
    asked->route = asked->match.route;
    if (asked->route == NULL) {
        return rest_refuse(asked, e, asked->match.methods == 0 ? 404 : 405, "request.absent", "operation", NULL,
                           "the API has no such operation");
    }
    return true;
}

/* What another request with the same key was answered comes as text. */
static bool take_answer(struct rest_call *asked, json_t **answer, struct error *e)
{
    struct bytes text = BYTES_NONE;
    if (asked->answer != NULL) {
        *answer = json_incref(asked->answer);
        return true;
    }
    if (asked->raw == NULL || !body_view(asked->raw, &text) || text.size == 0) {
        return true;
    }
    *answer = json_loadb((const char *)text.data, text.size, JSON_DECODE_ANY, NULL);
    return *answer != NULL || error_set(e, ERROR_INPUT, "operation", "link to it", "its answer is no JSON");
}

bool rest_ask(struct rest_call *call, const char *method, const char *target, const json_t *body, json_t **answer, unsigned *status,
              struct error *e)
{
    struct server_request request = { .method = BYTES_NONE };
    struct error cause = { 0 };
    *answer = NULL;
    *status = 500;
    struct rest_call *asked = arena_take_zeroed(&call->arena, sizeof *asked);
    if (asked == NULL) {
        return error_memory(e, "request");
    }
    asked->arena.size_max = ASKED_ARENA_BYTES_MAX;
    asked->rest = call->rest;
    asked->settings = call->settings;
    asked->request = &request;
    asked->now_ms = call->now_ms;
    asked->principal = call->principal;
    asked->session = call->session;
    asked->is_asked = true;
    bool ok = make_request(call, method, target, body, &request, &cause) && find_operation(asked, &cause) &&
              rest_call_perform(asked, &cause) && take_answer(asked, answer, &cause);
    memcpy(call->asked_etag, asked->etag, sizeof call->asked_etag);
    if (ok) {
        *status = asked->status;
    } else {
        if (cause.kind == ERROR_NONE) {
            error_memory(&cause, "request");
        }
        *status = rest_call_status(asked, &cause);
        call->status = *status;
        call->reason = rest_call_reason(asked, &cause);
        *e = cause;
    }
    body_free(asked->raw);
    json_decref(asked->answer);
    json_decref(asked->body);
    body_free(request.body);
    arena_clear(&asked->arena);
    return ok;
}
