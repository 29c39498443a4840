/* /v1/requests: what a person asks of the holder (access, a copy, correction, deletion, ...), its clock, and the holder's queue. */
#include "api/operation_rights.h"
#include "api/rest_handlers_internal.h"
#include "interchange/json_make.h"

bool handle_right_create(struct rest_call *call, struct error *e)
{
    json_t *request = json_object();
    bool ok = request != NULL && rest_set(request, "person", call->subject) && rest_set(request, "by", rest_asked_by(call)) &&
              rest_set(request, "method", BYTES("portal")) &&
              rest_set(request, "right", rest_json_bytes(json_object_get(call->body, "right"))) &&
              rest_set(request, "subject", rest_json_bytes(json_object_get(call->body, "subject"))) &&
              rest_set(request, "words", rest_json_bytes(json_object_get(call->body, "words")));
    if (!ok) {
        json_decref(request);
        return error_memory(e, "request");
    }
    return rest_run(call, operation_request_receive, request, e);
}

/* Rows of a list name the person to those who may know it. */
static bool redact_rows(struct rest_call *call, const char *list, struct error *e)
{
    static const char *const personal[] = { "person", "words", "answer", "by", "subject" };
    return rest_redact(call, list, personal, COUNT_OF(personal), e);
}

/* What one may ask for by the community's law, and within which time it is answered. */
static json_t *rights_of(const struct law *law)
{
    json_t *list = json_array();
    for (unsigned at = 0; law != NULL && at < LAW_RIGHT_COUNT; at++) {
        const struct law_period *right = &law->rights[at];
        if (right->is_set &&
            !json_list_add(list, json_pack("{s:s, s:o, s:o}", "right", law_right_word((enum law_right)at), "within",
                                           json_of_period(right->value), "article", json_from_bytes(right->source.article)))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* By which article its clock runs, where it is still the community's law. */
static bool add_articles(struct rest_call *call, struct error *e)
{
    const struct operation_context *context = &call->rest->options.operations;
    struct operation_grounds grounds = context->grounds == NULL ? (struct operation_grounds){ 0 }
                                                                : context->grounds(context->grounds_context);
    json_t *row;
    size_t i;
    bool ok = true;
    json_array_foreach(json_object_get(call->answer, "requests"), i, row)
    {
        struct bytes right = rest_json_bytes(json_object_get(row, "right"));
        bool is_same = grounds.law != NULL && bytes_equal(rest_json_bytes(json_object_get(row, "law")), grounds.law->id);
        json_t *article = json_null();
        for (unsigned at = 0; is_same && at < LAW_RIGHT_COUNT; at++) {
            if (bytes_equal(right, bytes_of_text(law_right_word((enum law_right)at)))) {
                article = json_from_bytes(grounds.law->rights[at].source.article);
            }
        }
        ok = ok && article != NULL && json_object_set_new(row, "article", article) == 0;
    }
    ok = ok && json_object_set_new(call->answer, "rights", rights_of(grounds.law)) == 0;
    law_drop(grounds.law);
    policy_drop(grounds.policy);
    return ok || error_memory(e, "answer");
}

/* A person's own; or the queue, in which nobody is named: who opens one sees whose it is, and that is told. */
bool handle_right_list(struct rest_call *call, struct error *e)
{
    json_t *request = json_object();
    bool is_open = bytes_equal(rest_query(call, "open"), BYTES("true"));
    bool ok = request != NULL && rest_set(request, "person", call->subject) &&
              (!is_open || json_object_set_new(request, "open", json_true()) == 0);
    if (!ok) {
        json_decref(request);
        return error_memory(e, "request");
    }
    return rest_run(call, operation_request_list, request, e) && add_articles(call, e) &&
           (call->subject.size > 0 || redact_rows(call, "requests", e));
}

/* The one in the path, if this caller may see it: its row is the answer. */
static bool find_request(struct rest_call *call, struct error *e)
{
    json_t *request = json_object();
    if (call->match.parameters[0].size == 0 || request == NULL || !rest_set(request, "id", call->match.parameters[0])) {
        json_decref(request);
        return rest_absent(call, e);
    }
    if (!rest_run(call, operation_request_list, request, e)) {
        return e->kind == ERROR_ABSENT ? rest_absent(call, e) : false;
    }
    if (!add_articles(call, e)) {
        return false;
    }
    json_t *row = json_array_get(json_object_get(call->answer, "requests"), 0);
    if (row == NULL || !rest_enter_subject(call, rest_json_bytes(json_object_get(row, "person")), BYTES_NONE, e)) {
        return row == NULL ? rest_absent(call, e) : false;
    }
    if (call->access == ACCESS_REDACTED && !redact_rows(call, "requests", e)) {
        return false;
    }
    json_incref(row);
    json_decref(call->answer);
    call->answer = row;
    return true;
}

bool handle_right_read(struct rest_call *call, struct error *e)
{
    return find_request(call, e);
}

static bool act(struct rest_call *call, const char *event, struct error *e)
{
    static const char *const texts[] = { "reason", "remedy", "answer" };
    json_t *request = json_pack("{s:s}", "event", event);
    bool ok = request != NULL && rest_set(request, "id", call->match.parameters[0]) && rest_set(request, "by", rest_asked_by(call));
    for (size_t i = 0; i < COUNT_OF(texts) && ok; i++) {
        ok = rest_set(request, texts[i], rest_json_bytes(json_object_get(call->body, texts[i])));
    }
    if (!ok) {
        json_decref(request);
        return error_memory(e, "request");
    }
    json_decref(call->answer);
    call->answer = NULL;
    if (!rest_run(call, operation_request_do, request, e)) {
        return false;
    }
    json_decref(call->answer);
    call->answer = NULL;
    return find_request(call, e);
}

bool handle_right_cancel(struct rest_call *call, struct error *e)
{
    return find_request(call, e) && act(call, "cancel", e);
}

bool handle_right_act(struct rest_call *call, struct error *e)
{
    return find_request(call, e) && act(call, json_string_value(json_object_get(call->body, "event")), e);
}

/* All that the gateway has about the person, in one file: consents, uses, requests, what recipients owe. */
bool handle_right_report(struct rest_call *call, struct error *e)
{
    json_t *request = json_object();
    if (request == NULL || !rest_set(request, "person", call->subject)) {
        json_decref(request);
        return error_memory(e, "request");
    }
    call->file_name = "about-me.json";
    return rest_run(call, operation_report, request, e);
}

/* What recipients must do after an end (erase, confirm), and whether they have. */
bool handle_right_obligations(struct rest_call *call, struct error *e)
{
    json_t *request = json_object();
    if (request == NULL || !rest_set(request, "person", call->subject)) {
        json_decref(request);
        return error_memory(e, "request");
    }
    return rest_run(call, operation_obligation_list, request, e) && (call->subject.size > 0 || redact_rows(call, "obligations", e));
}
