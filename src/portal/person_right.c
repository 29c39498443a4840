/* The pages of rights: what a person asks of the holder, the clock of each request, and its answer. */
#include <stdio.h>

#include "base/time.h"
#include "portal/page_handlers_internal.h"
#include "portal/person_internal.h"

enum { DAY_MS = 24 * 3600 * 1000, WORDS_BYTES_MAX = 4000 };

static const char *const rights[] = { "copy", "access", "correct", "delete", "restrict", "object", "explain", "port" };

/* Whole days that are left: today's last hour is day 0. */
static json_int_t days_left(const json_t *due, int64_t now_ms)
{
    int64_t due_ms = 0;
    const char *text = json_string_value(due);
    if (text == NULL || !time_parse(bytes_of_text(text), &due_ms) || due_ms <= now_ms) {
        return 0;
    }
    return (due_ms - now_ms) / DAY_MS;
}

/* To the API's row come is_open, days, and what the template asks for as sections. */
static bool view_request(json_t *row, int64_t now_ms, struct error *e)
{
    const char *state = json_string_value(json_object_get(row, "state"));
    bool is_open = state != NULL && (strcmp(state, "received") == 0 || strcmp(state, "accepted") == 0);
    bool is_overdue = json_is_true(json_object_get(row, "overdue"));
    return person_put(row, "is_open", json_boolean(is_open), e) && person_put(row, "is_running", json_boolean(is_open && !is_overdue), e) &&
           person_put(row, "is_late", json_boolean(is_open && is_overdue), e) &&
           person_put(row, "count", json_integer(days_left(json_object_get(row, "dueAt"), now_ms)), e);
}

/* Does the law know this right? */
static bool is_known(const json_t *known, const char *right)
{
    const json_t *row;
    size_t i;
    json_array_foreach(known, i, row)
    {
        if (bytes_equal(rest_json_bytes(json_object_get(row, "right")), bytes_of_text(right))) {
            return true;
        }
    }
    return false;
}

static bool add_rights(json_t *data, struct bytes chosen, struct error *e)
{
    const json_t *known = json_object_get(json_object_get(data, "answer"), "rights");
    char key[32];
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT_OF(rights) && list != NULL; i++) {
        if (!is_known(known, rights[i])) {
            continue;
        }
        (void)snprintf(key, sizeof key, "right.%s", rights[i]);
        json_t *row = json_pack("{s:s, s:s, s:s+, s:b}", "value", rights[i], "key", key, "help", key, ".help", "is_here",
                                bytes_equal(chosen, bytes_of_text(rights[i])));
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return person_put(data, "rights", list, e);
}

bool page_rights(struct rest_call *call, struct error *e)
{
    json_t *data = NULL, *row;
    size_t i;
    if (!person_begin(call, &data, e)) {
        return false;
    }
    if (data == NULL) {
        return true;
    }
    bool ok = person_ask_into(call, data, "answer", "/v1/requests", e) && add_rights(data, rest_query(call, "right"), e);
    json_t *requests = json_object_get(json_object_get(data, "answer"), "requests");
    json_array_foreach(requests, i, row)
    {
        ok = ok && view_request(row, call->now_ms, e);
    }
    ok = ok && person_put(data, "has_any", json_boolean(json_array_size(requests) > 0), e);
    if (!ok) {
        json_decref(data);
        return false;
    }
    return page_render(call, "rights", data, e);
}

bool page_right(struct rest_call *call, struct error *e)
{
    json_t *data = NULL;
    if (!person_begin(call, &data, e)) {
        return false;
    }
    if (data == NULL) {
        return true;
    }
    const char *target = person_target(call, "/v1/requests/", call->match.parameters[0], "");
    bool ok = target != NULL ? person_ask_into(call, data, "request", target, e) : error_memory(e, "page");
    ok = ok && view_request(json_object_get(data, "request"), call->now_ms, e);
    if (!ok) {
        json_decref(data);
        return false;
    }
    return page_render(call, "right", data, e);
}

bool page_right_ask(struct rest_call *call, struct error *e)
{
    json_t *answer = NULL;
    unsigned status;
    struct bytes right = rest_form(call, "right"), words = rest_form(call, "words");
    person_choose(call);
    if (words.size > WORDS_BYTES_MAX) {
        return rest_refuse(call, e, 400, "request.malformed", "field words", "write less", "is too long");
    }
    json_t *body = json_pack("{s:s%, s:o*}", "right", right.size == 0 ? "" : (const char *)right.data, right.size, "words",
                             words.size == 0 ? NULL : json_stringn((const char *)words.data, words.size));
    bool ok = body != NULL ? rest_ask(call, "POST", "/v1/requests", body, &answer, &status, e) : error_memory(e, "page");
    const char *own = ok ? person_target(call, "/rights/", rest_json_bytes(json_object_get(answer, "id")), "") : NULL;
    ok = ok && (own != NULL ? person_redirect(call, own, "asked", e) : error_memory(e, "page"));
    json_decref(body);
    json_decref(answer);
    return ok;
}

bool page_right_cancel(struct rest_call *call, struct error *e)
{
    json_t *answer = NULL;
    struct error cause = { 0 };
    unsigned status;
    person_choose(call);
    const char *target = person_target(call, "/v1/requests/", call->match.parameters[0], "/cancel");
    const char *own = person_target(call, "/rights/", call->match.parameters[0], "");
    if (target == NULL || own == NULL) {
        return error_memory(e, "page");
    }
    bool ok = rest_ask(call, "POST", target, NULL, &answer, &status, &cause);
    json_decref(answer);
    if (!ok && status != 409) {
        *e = cause;
        return false;
    }
    call->status = 0;
    call->reason = NULL;
    return person_redirect(call, own, ok ? "taken-back" : "changed", e);
}
