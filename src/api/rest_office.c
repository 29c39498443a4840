/* /v1/holds, /v1/reviews, /v1/breaches, /v1/register, ...: what the holder's office works through. */
#include "api/operation_rights.h"
#include "api/rest_handlers_internal.h"

/* ---- Holds ---- */

bool handle_hold_list(struct rest_call *call, struct error *e)
{
    return rest_run(call, operation_hold_list, json_object(), e);
}

bool handle_hold_release(struct rest_call *call, struct error *e)
{
    return rest_run(call, operation_hold_release, rest_request_of_body(call), e);
}

/* ---- Reviews ---- */

static const char *const personal[] = { "person", "justification", "confirmedBy", "words", "noticeWords" };

static bool is_true(const struct rest_call *call, const char *query)
{
    return bytes_equal(rest_query(call, query), BYTES("true"));
}

/* Nobody is named in the list, whoever asks: to open one is a look at that person's data, and is told. */
bool handle_review_list(struct rest_call *call, struct error *e)
{
    return rest_run(call, operation_review_list, json_pack("{s:b, s:b}", "open", is_true(call, "open"), "untold", is_true(call, "untold")),
                    e) &&
           rest_redact(call, "reviews", personal, COUNT_OF(personal), e);
}

/* The one in the path, if this caller may see it: its row is the answer. */
static bool find_review(struct rest_call *call, struct error *e)
{
    json_t *request = json_object();
    if (call->match.parameters[0].size == 0 || request == NULL || !rest_set(request, "id", call->match.parameters[0])) {
        json_decref(request);
        return rest_absent(call, e);
    }
    json_decref(call->answer);
    call->answer = NULL;
    if (!rest_run(call, operation_review_list, request, e)) {
        return e->kind == ERROR_ABSENT || e->kind == ERROR_INPUT ? rest_absent(call, e) : false;
    }
    if (call->access == ACCESS_REDACTED && !rest_redact(call, "reviews", personal, COUNT_OF(personal), e)) {
        return false;
    }
    if (!rest_take_row(call, "reviews")) {
        return rest_absent(call, e);
    }
    struct bytes person = rest_json_bytes(json_object_get(call->answer, "person"));
    return person.size == 0 || rest_enter_subject(call, person, BYTES_NONE, e); /* none: erased, or not for this caller */
}

bool handle_review_read(struct rest_call *call, struct error *e)
{
    return find_review(call, e);
}

static bool say(struct rest_call *call, operation *what, struct error *e)
{
    if (!find_review(call, e)) {
        return false;
    }
    json_t *request = rest_request_of_body(call);
    if (request == NULL || !rest_set(request, "id", call->match.parameters[0])) {
        json_decref(request);
        return error_memory(e, "request");
    }
    json_decref(call->answer);
    call->answer = NULL;
    return rest_run(call, what, request, e) && find_review(call, e);
}

bool handle_review_decide(struct rest_call *call, struct error *e)
{
    return say(call, operation_review_do, e);
}

bool handle_review_tell(struct rest_call *call, struct error *e)
{
    return say(call, operation_review_tell, e);
}

/* ---- Breaches ---- */

bool handle_breach_list(struct rest_call *call, struct error *e)
{
    return rest_run(call, operation_breach_list, json_object(), e);
}

bool handle_breach_open(struct rest_call *call, struct error *e)
{
    return rest_run(call, operation_breach_open, rest_request_of_body(call), e);
}

static json_t *breach_request(const struct rest_call *call)
{
    json_t *request = json_object();
    if (request == NULL || !rest_set(request, "id", call->match.parameters[0])) {
        json_decref(request);
        return NULL;
    }
    return request;
}

/* Its row, or absent. */
static bool find_breach(struct rest_call *call, struct error *e)
{
    if (call->match.parameters[0].size == 0 || call->match.parameters[0].size >= RIGHTS_ID_SIZE) {
        return rest_absent(call, e);
    }
    if (!rest_run(call, operation_breach_list, breach_request(call), e)) {
        return e->kind == ERROR_ABSENT ? rest_absent(call, e) : false;
    }
    return rest_take_row(call, "breaches") || rest_absent(call, e);
}

/* Persons stay out: a page with all whom a breach touched would be the next one. */
bool handle_breach_read(struct rest_call *call, struct error *e)
{
    if (!find_breach(call, e)) {
        return false;
    }
    json_t *breach = call->answer, *request = breach_request(call);
    call->answer = NULL;
    if (request != NULL &&
        (json_object_set_new(request, "drafts", json_true()) != 0 || json_object_set_new(request, "summary", json_true()) != 0)) {
        json_decref(request);
        request = NULL;
    }
    bool ok = rest_run(call, operation_breach_persons, request, e) &&
              ((json_object_del(call->answer, "persons") == 0 && json_object_set(call->answer, "breach", breach) == 0) ||
               error_memory(e, "answer"));
    json_decref(breach);
    return ok;
}

bool handle_breach_step(struct rest_call *call, struct error *e)
{
    if (!find_breach(call, e)) {
        return false;
    }
    json_t *request = rest_request_of_body(call);
    if (request == NULL || !rest_set(request, "id", call->match.parameters[0])) {
        json_decref(request);
        return error_memory(e, "request");
    }
    json_decref(call->answer);
    call->answer = NULL;
    return rest_run(call, operation_breach_do, request, e);
}

/* ---- Registers ---- */

bool handle_register_read(struct rest_call *call, struct error *e)
{
    return rest_run(call, operation_register, json_object(), e);
}

bool handle_assessment_list(struct rest_call *call, struct error *e)
{
    json_t *request = json_object();
    if (request == NULL || !rest_set(request, "service", rest_query(call, "service"))) {
        json_decref(request);
        return error_memory(e, "request");
    }
    return rest_run(call, operation_assessment_list, request, e);
}

/* Who registers it stands in the author's line: the operation asks for no other. */
bool handle_assessment_add(struct rest_call *call, struct error *e)
{
    json_t *request = rest_request_of_body(call);
    return request != NULL && json_object_del(request, "by") == 0 ? rest_run(call, operation_assessment_add, request, e)
                                                                  : error_memory(e, "request");
}

bool handle_received_list(struct rest_call *call, struct error *e)
{
    return rest_run(call, operation_received_list, is_true(call, "open") ? json_pack("{s:b}", "open", 1) : json_object(), e);
}

bool handle_received_end(struct rest_call *call, struct error *e)
{
    return rest_run(call, operation_received_end, rest_request_of_body(call), e);
}
