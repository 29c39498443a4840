/* /v1/requests: what a person asks of the holder (access, a copy, correction, deletion, ...), its clock, and the holder's queue. */
#include "api/operation_rights.h"
#include "api/rest_handlers_internal.h"
#include "interchange/json_make.h"

enum { NAME_BYTES_MAX = 64 };

/* "due_at" as "dueAt": this API's way with names. Of all objects in it. */
static json_t *in_camels(const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_array(value)) {
        json_t *list = json_array();
        json_array_foreach((json_t *)value, i, member)
        {
            if (!json_list_add(list, in_camels(member))) {
                json_decref(list);
                return NULL;
            }
        }
        return list;
    }
    if (!json_is_object(value)) {
        return json_incref((json_t *)value);
    }
    json_t *object = json_object();
    json_object_foreach((json_t *)value, key, member)
    {
        char name[NAME_BYTES_MAX];
        size_t size = 0;
        for (const char *at = key; *at != '\0' && size + 1 < sizeof name; at++) {
            bool is_hump = *at == '_' && at[1] >= 'a' && at[1] <= 'z';
            at += is_hump;
            name[size++] = is_hump ? (char)(*at - 'a' + 'A') : *at;
        }
        name[size] = '\0';
        if (json_object_set_new(object, name, in_camels(member)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* An operation's answer as this call's. The request is taken over. */
static bool run(struct rest_call *call, operation *what, json_t *request, struct error *e)
{
    bool ok = request != NULL ? what(&call->rest->options.operations, request, &call->answer, e) : error_memory(e, "request");
    json_decref(request);
    if (!ok) {
        return false;
    }
    json_t *answer = in_camels(call->answer);
    json_decref(call->answer);
    call->answer = answer;
    return answer != NULL || error_memory(e, "answer");
}

static bool set(json_t *object, const char *key, struct bytes value)
{
    return value.size == 0 || json_object_set_new(object, key, json_from_bytes(value)) == 0;
}

static struct bytes asked_by(const struct rest_call *call)
{
    return call->subject_role.size > 0 ? call->subject_role : call->principal.name;
}

bool handle_right_create(struct rest_call *call, struct error *e)
{
    json_t *request = json_object();
    bool ok = request != NULL && set(request, "person", call->subject) && set(request, "by", asked_by(call)) &&
              set(request, "method", BYTES("portal")) && set(request, "right", rest_json_bytes(json_object_get(call->body, "right"))) &&
              set(request, "subject", rest_json_bytes(json_object_get(call->body, "subject"))) &&
              set(request, "words", rest_json_bytes(json_object_get(call->body, "words")));
    if (!ok) {
        json_decref(request);
        return error_memory(e, "request");
    }
    return run(call, operation_request_receive, request, e);
}

/* Rows of a list name the person to those who may know it. */
static bool redact_rows(struct rest_call *call, const char *list, struct error *e)
{
    static const char *const personal[] = { "person", "words", "answer", "by", "subject" };
    json_t *rows = json_object_get(call->answer, list), *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        for (size_t j = 0; j < COUNT_OF(personal); j++) {
            if (json_object_get(row, personal[j]) != NULL && json_object_set_new(row, personal[j], json_null()) != 0) {
                return error_memory(e, "answer");
            }
        }
    }
    return true;
}

/* A person's own; or the queue, in which nobody is named: who opens one sees whose it is, and that is told. */
bool handle_right_list(struct rest_call *call, struct error *e)
{
    json_t *request = json_object();
    bool is_open = bytes_equal(rest_query(call, "open"), BYTES("true"));
    bool ok = request != NULL && set(request, "person", call->subject) &&
              (!is_open || json_object_set_new(request, "open", json_true()) == 0);
    if (!ok) {
        json_decref(request);
        return error_memory(e, "request");
    }
    return run(call, operation_request_list, request, e) && (call->subject.size > 0 || redact_rows(call, "requests", e));
}

/* The one in the path, if this caller may see it: its row is the answer. */
static bool find_request(struct rest_call *call, struct error *e)
{
    json_t *request = json_object();
    if (call->match.parameters[0].size == 0 || request == NULL || !set(request, "id", call->match.parameters[0])) {
        json_decref(request);
        return rest_absent(call, e);
    }
    if (!run(call, operation_request_list, request, e)) {
        return e->kind == ERROR_ABSENT ? rest_absent(call, e) : false;
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
    bool ok = request != NULL && set(request, "id", call->match.parameters[0]) && set(request, "by", asked_by(call));
    for (size_t i = 0; i < COUNT_OF(texts) && ok; i++) {
        ok = set(request, texts[i], rest_json_bytes(json_object_get(call->body, texts[i])));
    }
    if (!ok) {
        json_decref(request);
        return error_memory(e, "request");
    }
    json_decref(call->answer);
    call->answer = NULL;
    if (!run(call, operation_request_do, request, e)) {
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
    if (request == NULL || !set(request, "person", call->subject)) {
        json_decref(request);
        return error_memory(e, "request");
    }
    call->file_name = "about-me.json";
    return run(call, operation_report, request, e);
}

/* What recipients must do after an end (erase, confirm), and whether they have. */
bool handle_right_obligations(struct rest_call *call, struct error *e)
{
    json_t *request = json_object();
    if (request == NULL || !set(request, "person", call->subject)) {
        json_decref(request);
        return error_memory(e, "request");
    }
    return run(call, operation_obligation_list, request, e) && (call->subject.size > 0 || redact_rows(call, "obligations", e));
}
