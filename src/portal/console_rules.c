/* The operator's console: who may ask what, why something would be refused, and what a policy file would change. */
#include <stdio.h>

#include "portal/page_handlers_internal.h"
#include "portal/person_internal.h"

static const char *const question[] = { "client", "service", "method", "path", "purpose", "person" };

static json_t *form_of(const struct rest_call *call, const char *const *names, size_t count)
{
    json_t *asked = json_object();
    for (size_t i = 0; i < count && asked != NULL; i++) {
        struct bytes value = rest_form(call, names[i]);
        if (json_object_set_new(asked, names[i], value.size == 0 ? json_string("") : json_stringn((const char *)value.data, value.size)) !=
            0) {
            json_decref(asked);
            asked = NULL;
        }
    }
    return asked;
}

/* The page with what was asked and answered on it; `data` is taken over. */
static bool render(struct rest_call *call, json_t *data, struct error *e)
{
    struct bytes cursor = rest_query(call, "cursor");
    const char *services = cursor.size == 0 ? "/v1/services?limit=20" : person_target(call, "/v1/services?limit=20&cursor=", cursor, "");
    bool ok = data != NULL && services != NULL
                  ? person_put(data, "wide", json_true(), e) && person_put(data, "scripts", json_pack("[s]", "rules.js"), e)
                  : error_memory(e, "page");
    ok = ok && person_ask_into(call, data, "rules", "/v1/rules", e) && person_ask_into(call, data, "answer", services, e) &&
         person_ask_into(call, data, "figures", "/v1/figures", e) &&
         person_put(data, "can_compare", json_boolean(access_for(call->principal.roles, RESOURCE_SERVICE, VERB_WRITE) == ACCESS_ALL), e) &&
         person_put(data, "sees_persons", json_boolean(access_for(call->principal.roles, RESOURCE_USE, VERB_READ) == ACCESS_ALL), e);
    if (!ok) {
        json_decref(data);
        return false;
    }
    return page_render(call, "console-rules", data, e);
}

bool page_console_rules(struct rest_call *call, struct error *e)
{
    return render(call, json_object(), e);
}

/* A wrong field is told on the page, not instead of it. */
static bool ask(struct rest_call *call, json_t *data, const char *target, const json_t *body, const char *name, struct error *e)
{
    json_t *answer = NULL;
    unsigned status = 0;
    struct error cause = { 0 };
    char text[sizeof cause];
    if (rest_ask(call, "POST", target, body, &answer, &status, &cause)) {
        return person_put(data, name, answer, e);
    }
    if (status != 400) {
        *e = cause;
        return false;
    }
    call->status = 400;
    call->reason = NULL;
    return person_put(data, "wrong", json_pack("{s:s}", "text", error_text(&cause, text, sizeof text)), e);
}

bool page_console_explain(struct rest_call *call, struct error *e)
{
    json_t *data = json_object(), *asked = form_of(call, question, COUNT_OF(question)), *body = json_object();
    bool ok = data != NULL && asked != NULL && body != NULL;
    for (size_t i = 0; i + 1 < COUNT_OF(question) && ok; i++) { /* the person goes another way */
        struct bytes value = rest_form(call, question[i]);
        ok = value.size == 0 ||
             json_object_set_new(body, question[i],
                                 value.size == 0 ? json_string("") : json_stringn((const char *)value.data, value.size)) == 0;
    }
    call->asking_person = rest_form(call, "person");
    ok = ok ? ask(call, data, "/v1/explain", body, "explanation", e) : error_memory(e, "page");
    call->asking_person = BYTES_NONE;
    json_decref(body);
    ok = ok && person_put(data, "asked", json_incref(asked), e);
    json_decref(asked);
    if (!ok) {
        json_decref(data);
        return false;
    }
    return render(call, data, e);
}

bool page_console_compare(struct rest_call *call, struct error *e)
{
    static const char *const names[] = { "text" };
    json_t *data = json_object(), *body = form_of(call, names, COUNT_OF(names));
    bool ok = data != NULL && body != NULL ? ask(call, data, "/v1/policy/difference", body, "difference", e) : error_memory(e, "page");
    ok = ok && person_put(data, "file", json_incref(body), e);
    json_decref(body);
    const json_t *difference = json_object_get(data, "difference");
    ok = ok &&
         person_put(data, "is_same", json_boolean(difference != NULL && json_array_size(json_object_get(difference, "changes")) == 0), e);
    if (!ok) {
        json_decref(data);
        return false;
    }
    return render(call, data, e);
}
